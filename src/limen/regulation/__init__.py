"""Three regulators' rules as dated data: class, changes, wording, evidence, contract.

``classify`` answers for an intended use on a date, ``assess_change`` for the differences between
two releases, ``wording.lint`` for a text. Limen informs; it is not legal advice. Imports nothing
of Limen but its errors and ``product``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from limen.regulation.answer import NOTICE, RegimeAnswer
    from limen.regulation.change import Situation, assess_change
    from limen.regulation.change_plan import execute, read_plan
    from limen.regulation.claims import Comparison, compare, outputs_of_dicom
    from limen.regulation.classify import classify, classify_all
    from limen.regulation.contract import Contract, make_contract
    from limen.regulation.difference import Difference, read_difference
    from limen.regulation.facts import UseFacts, facts_of, read_facts
    from limen.regulation.redo import evidence_to_redo
    from limen.regulation.releases import compare_products
    from limen.regulation.required import required_evidence
    from limen.regulation.rules import BOOK, REGIMES, Rule

_HOME = {
    "Situation": "change",
    "assess_change": "change",
    "execute": "change_plan",
    "read_plan": "change_plan",
    "Contract": "contract",
    "make_contract": "contract",
    "Difference": "difference",
    "read_difference": "difference",
    "evidence_to_redo": "redo",
    "compare_products": "releases",
    "required_evidence": "required",
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
    "Contract",
    "Difference",
    "RegimeAnswer",
    "Rule",
    "Situation",
    "UseFacts",
    "assess_change",
    "classify",
    "classify_all",
    "compare",
    "compare_products",
    "evidence_to_redo",
    "execute",
    "facts_of",
    "make_contract",
    "outputs_of_dicom",
    "read_difference",
    "read_facts",
    "read_plan",
    "required_evidence",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(f"limen.regulation.{_HOME[name]}"), name)
    raise AttributeError(f"module 'limen.regulation' has no attribute {name!r}")
