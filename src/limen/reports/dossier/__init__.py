"""The dossier: what a regulator, a hospital or a buyer is given, and no limit of it lost.

A model card (CHAI's schema, and a README with front matter), the contract, the risk table, the
checklists, the change history and an index of evidence; each number is linked to its record, and
an export in which a limit is missing is refused.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from limen.reports.dossier.content import (
        Change,
        DossierInput,
        Indexed,
        LimitLine,
        RiskLine,
        SetLine,
    )
    from limen.reports.dossier.files import render_dossier
    from limen.reports.dossier.limits import LimitLost, require_limits

_HOME = {
    "Change": "content",
    "DossierInput": "content",
    "Indexed": "content",
    "LimitLine": "content",
    "LimitLost": "limits",
    "RiskLine": "content",
    "SetLine": "content",
    "render_dossier": "files",
    "require_limits": "limits",
}

__all__ = [
    "Change",
    "DossierInput",
    "Indexed",
    "LimitLine",
    "LimitLost",
    "RiskLine",
    "SetLine",
    "render_dossier",
    "require_limits",
]


def __getattr__(name: str) -> Any:
    # Lazy, because Jinja must not load with the command line.
    if name in _HOME:
        return getattr(import_module(f"limen.reports.dossier.{_HOME[name]}"), name)
    raise AttributeError(f"module 'limen.reports.dossier' has no attribute {name!r}")
