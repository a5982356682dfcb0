"""What other programs say, made fit for Limen's own messages: short, and without paths."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_PATH = re.compile(r"(?<![\w.}>])(?:[A-Za-z]:)?[\\/](?:[^\s\"'`:;,()\\/]+[\\/])+[^\s\"'`:;,()\\/]*")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\u00a0-\uffff]+")


def scrub(text: str, names: Mapping[Path, str] | None = None, longest: int = 300) -> str:
    """One line of a foreign program's text.

    Parameters
    ----------
    text : str
    names : mapping of Path to str, optional
        What to call these paths; any other absolute path becomes ``<path>``, because folder
        names may identify a patient or a machine.
    longest : int
        Characters to keep, the last ones: that is where programs say what went wrong.
    """
    for path, name in sorted((names or {}).items(), key=lambda item: -len(str(item[0]))):
        text = text.replace(str(path), name)
    text = _PATH.sub("<path>", _UNPRINTABLE.sub(" ", text))
    text = " ".join(text.split())
    return text if len(text) <= longest else "..." + text[-(longest - 3) :]


def last_lines(text: str, names: Mapping[Path, str], count: int = 3) -> str:
    """The last lines of a program's output that hold anything, scrubbed, joined by `` | ``."""
    lines = [line for line in re.split(r"[\r\n]+", text) if line.strip()]
    return " | ".join(scrub(line, names, longest=160) for line in lines[-count:])
