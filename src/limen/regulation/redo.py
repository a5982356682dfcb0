"""Which evidence a kind of change makes stale: keep, redo, or redo on a condition.

Derived by us from the cited rules; the evidence graph of a product decides for its own records.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from limen.regulation.difference import Difference

Need = Literal["keep", "redo", "conditional"]
_ORDER: tuple[Need, ...] = ("keep", "conditional", "redo")

ITEMS = {
    "class": "intended use and class",
    "description": "algorithm description, model card, training data on the Korean licence",
    "standalone": "standalone performance and subgroups",
    "reader-study": "reader study",
    "triage-time": "time-to-notification evidence",
    "usability": "usability file (IEC 62366-1)",
    "risk": "risk file, software regression, list of components",
    "labelling": "labelling and performance tables",
    "approvals": "ethics approval, data agreement, consent",
    "udi": "UDI-DI (EU)",
}

_COLUMNS: dict[str, dict[str, tuple[Need, str]]] = {
    "weights": {
        "class": ("conditional", "in Korea training data may make it diagnosis"),
        "description": ("redo", ""),
        "standalone": ("redo", "on the sequestered set"),
        "reader-study": ("conditional", "when marks or scores differ from those tested"),
        "triage-time": ("conditional", "when the time to a flag may differ"),
        "risk": ("redo", "of what changed"),
        "labelling": ("redo", ""),
        "udi": ("conditional", "when performance or interpretation changes"),
    },
    "data": {
        "class": ("conditional", "when population or inputs change"),
        "description": ("redo", ""),
        "standalone": ("redo", "with the new sites and scanners as strata"),
        "reader-study": ("conditional", "when marks or scores differ from those tested"),
        "triage-time": ("conditional", "when the time to a flag may differ"),
        "risk": ("redo", "of what changed"),
        "labelling": ("redo", ""),
        "approvals": ("redo", "for the new use and sites"),
        "udi": ("redo", ""),
    },
    "presentation": {
        "class": ("redo", "a mark makes CADt a CADe, a score a CADe a CADx"),
        "description": ("conditional", "when it is described there"),
        "reader-study": ("redo", "when it is read differently"),
        "triage-time": ("conditional", "when the way of notifying changes"),
        "usability": ("redo", ""),
        "risk": ("redo", "of what changed"),
        "labelling": ("redo", ""),
        "udi": ("redo", ""),
    },
    "use": {
        "class": ("redo", ""),
        "standalone": ("conditional", "when patients or inputs are added"),
        "reader-study": ("conditional", "when readers or patients are added"),
        "usability": ("conditional", "when users are added"),
        "risk": ("redo", "of what changed"),
        "labelling": ("redo", ""),
        "approvals": ("conditional", "when data of new patients are used"),
        "udi": ("conditional", "when the intended use changes"),
    },
    "platform": {
        "standalone": ("conditional", "unless the outputs are shown to be the same"),
        "risk": ("redo", "of what changed"),
        "labelling": ("conditional", "when requirements on the platform change"),
    },
}
_COLUMN_OF = {
    "weights": "weights",
    "architecture": "weights",
    "threshold": "weights",
    "preprocessing": "weights",
    "bug-fix": "weights",
    "training-data": "data",
    "training-sites": "data",
    "output": "presentation",
    "presentation": "presentation",
    "wording": "use",
    "population": "use",
    "input-range": "use",
    "runtime": "platform",
    "interface": "platform",
    "security": "platform",
    "speed": "platform",
}


@dataclass(frozen=True)
class Redo:
    """One item of evidence, and what the changes ask of it."""

    item: str
    need: Need
    when: str


def evidence_to_redo(differences: Iterable[Difference]) -> tuple[Redo, ...]:
    """What all differences together ask of each item of evidence, the strictest counting."""
    found: dict[str, Redo] = {name: Redo(ITEMS[name], "keep", "") for name in ITEMS}
    for difference in differences:
        for name, (need, when) in _COLUMNS[_COLUMN_OF[difference.kind]].items():
            if difference.performance == "none" and name in ("standalone", "reader-study"):
                need, when = "keep", "the outputs are shown to be the same"
            if _ORDER.index(need) > _ORDER.index(found[name].need):
                found[name] = Redo(ITEMS[name], need, when)
    return tuple(found.values())
