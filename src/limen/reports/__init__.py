"""The report a clinician reads, and its pictures.

One self-contained HTML file: what is claimed, which cases fail and why, and only then averages,
each with its interval, its n and where its data comes from.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from limen.reports.content import CaseReport, DatasetReport, MissingEvidence, ReportInput
    from limen.reports.html import render
    from limen.reports.pictures import Picture, case_pictures

_HOME = {
    "CaseReport": "content",
    "DatasetReport": "content",
    "MissingEvidence": "content",
    "Picture": "pictures",
    "ReportInput": "content",
    "case_pictures": "pictures",
    "render": "html",
}

__all__ = [
    "CaseReport",
    "DatasetReport",
    "MissingEvidence",
    "Picture",
    "ReportInput",
    "case_pictures",
    "render",
]


def __getattr__(name: str) -> Any:
    # Lazy, because NumPy and Jinja must not load with the command line.
    if name in _HOME:
        return getattr(import_module(f"limen.reports.{_HOME[name]}"), name)
    raise AttributeError(f"module 'limen.reports' has no attribute {name!r}")
