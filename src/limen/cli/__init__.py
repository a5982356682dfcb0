"""The command line, one file per group of verbs; a thin layer over Python."""

from __future__ import annotations


def main() -> None:
    """Entry point of ``limen``."""
    from limen.cli.app import start

    start()
