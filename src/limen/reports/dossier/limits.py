"""No export loses a limit: each is read back, and refused when a limit's sentence is not in it."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import PurePath

from limen.errors import LimenError
from limen.reports.dossier.content import LimitLine

WITHOUT_CLAIMS = ("evidence-index.csv", "change-history.json")
"""Exports that hold digests and dates alone, and so nothing that a limit would belong to."""


class LimitLost(LimenError):
    """An export does not state a limit of the results that it shows."""

    exit_code = 1


def require_limits(files: Mapping[str, bytes], limits: Iterable[LimitLine]) -> None:
    """Refuse files of which one lacks a limit.

    Parameters
    ----------
    files : mapping
        Content by name; the ending tells how it is read back: HTML, XML, JSON, PDF or text.
    limits : iterable of LimitLine

    Raises
    ------
    LimitLost
        Names the export and the limit.
    """
    wanted = list(limits)
    for name, content in files.items():
        if name in WITHOUT_CLAIMS:
            continue
        text = _squeezed(_read_back(name, content))
        for limit in wanted:
            if _squeezed(limit.words) not in text:
                raise LimitLost(
                    "a limit of the results is missing from an export, so nothing was written",
                    where=name,
                    found=f"not in it: {limit.words}",
                    mend=f"put the limit '{limit.name}' back; an export without it may not be made",
                )


def _read_back(name: str, content: bytes) -> str:
    match PurePath(name).suffix:
        case ".pdf":
            from limen.reports.dossier.pdf import pdf_text

            return pdf_text(content)
        case ".html" | ".xml":
            text = re.sub(
                r"<(script|style)\b.*?</\1>", " ", content.decode(), flags=re.DOTALL | re.IGNORECASE
            )
            return html.unescape(re.sub(r"<[^>]+>", " ", text))
        case ".csv":
            return "\n".join(c for row in csv.reader(io.StringIO(content.decode())) for c in row)
        case ".json":
            return "\n".join(_strings(json.loads(content)))
        case _:
            return content.decode()


def _strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [s for v in value.values() for s in _strings(v)]
    if isinstance(value, list):
        return [s for v in value for s in _strings(v)]
    return []


def _squeezed(text: str) -> str:
    """Without white space: a line break in a page or a cell loses no limit."""
    return re.sub(r"\s+", "", text)
