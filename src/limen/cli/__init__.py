"""The command line, one file per group of verbs."""


def main() -> None:
    from limen.cli.app import app

    app()
