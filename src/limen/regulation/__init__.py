"""Three regulators' rules as dated data: class, changes, wording, evidence, contract.

``classify`` answers for an intended use on a date, ``assess_change`` for the differences between
two releases, ``lint`` for a text. Limen informs; it is not legal advice. Imports nothing of Limen
but its errors and ``product``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from limen.regulation.answer import NOTICE, RegimeAnswer
    from limen.regulation.claims import Comparison, compare, outputs_of_dicom
    from limen.regulation.classify import classify, classify_all
    from limen.regulation.facts import UseFacts, facts_of, read_facts
    from limen.regulation.rules import BOOK, REGIMES, Rule

_HOME = {
    "NOTICE": "answer",
    "RegimeAnswer": "answer",
    "Comparison": "claims",
    "compare": "claims",
    "outputs_of_dicom": "claims",
    "classify": "classify",
    "classify_all": "classify",
    "UseFacts": "facts",
    "facts_of": "facts",
    "read_facts": "facts",
    "BOOK": "rules",
    "REGIMES": "rules",
    "Rule": "rules",
}

__all__ = [
    "BOOK",
    "NOTICE",
    "REGIMES",
    "Comparison",
    "RegimeAnswer",
    "Rule",
    "UseFacts",
    "classify",
    "classify_all",
    "compare",
    "facts_of",
    "outputs_of_dicom",
    "read_facts",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(f"limen.regulation.{_HOME[name]}"), name)
    raise AttributeError(f"module 'limen.regulation' has no attribute {name!r}")
