"""The contract: who is responsible for what, what may be said and shown, and how updates go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from limen.regulation.answer import NOTICE, RegimeAnswer
from limen.regulation.facts import OUTPUTS, UseFacts, resolve
from limen.regulation.rules import NAMES
from limen.regulation.wording.evidence import Limit

PAGE_WORDS_MOST = 550
"""A contract is one page."""

_MAY_NOT = {
    "892.2070": "no likelihood, no score, no diagnosis, no sorting of cases",
    "892.2080": "no mark and no direction to a place, no case taken from the queue",
    "892.2060": "no search for lesions of its own, no diagnosis",
    "892.2090": "no diagnosis in place of the clinician's, no case left unread",
    "892.2050": "no statement on disease, no mark on something abnormal, no sorting",
}


@dataclass(frozen=True)
class Contract:
    """What company, institution and clinician sign with the boundary.

    Attributes
    ----------
    classes : tuple of str
        One line for each regime.
    responsible : mapping
        By party, its duties.
    may, may_not : tuple of str
        What outputs may contain, and may not.
    label : tuple of str
        What the label must state.
    updates : tuple of str
    """

    product: str
    classes: tuple[str, ...]
    responsible: dict[str, tuple[str, ...]]
    may: tuple[str, ...]
    may_not: tuple[str, ...]
    label: tuple[str, ...]
    updates: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return {
            "notice": NOTICE,
            "product": self.product,
            "classes": list(self.classes),
            "responsible": {k: list(v) for k, v in self.responsible.items()},
            "outputs_may": list(self.may),
            "outputs_may_not": list(self.may_not),
            "label_states": list(self.label),
            "updates": list(self.updates),
        }

    def words(self) -> str:
        """The page as Markdown."""
        parts = [f"# Contract for {self.product}", NOTICE]
        sections: list[tuple[str, Sequence[str]]] = [("Class", self.classes)]
        sections += [(f"Responsible: {who}", duties) for who, duties in self.responsible.items()]
        sections += [
            ("What it does", self.may),
            ("What its outputs may not hold", self.may_not),
            ("The label states", self.label),
            ("Updates", self.updates),
        ]
        for head, lines in sections:
            parts.append(f"## {head}\n\n" + "\n".join(f"- {line}" for line in lines))
        return "\n\n".join(parts) + "\n"


def make_contract(
    product: str,
    facts: UseFacts,
    answers: Sequence[RegimeAnswer],
    limits: Sequence[Limit],
    *,
    has_plan: bool = False,
) -> Contract:
    """The contract of a product with these answers and limits.

    A limit of the boundary that is given here stands on the page; none is left out.
    """
    resolved, _ = resolve(facts)
    user = facts.user or "clinician"
    may_not = [
        words
        for answer in answers
        for regulation, words in _MAY_NOT.items()
        if answer.category.endswith(regulation)
    ]
    unflagged = {
        "read-as-usual": "Cases without a mark or flag are read as usual.",
        "read-later": "Cases without a mark or flag are read later, and are read.",
        "not-read": "Cases without a mark or flag are read by nobody: agreed by all three.",
    }[resolved.unflagged or "read-as-usual"]
    decides = (
        f"Looks at every case and decides; the output never decides for the {user}."
        if resolved.autonomy != "autonomous"
        else "Follows up every output; no case is looked at before it is acted on."
    )
    korea = any(a.regime == "mfds" for a in answers)
    return Contract(
        product,
        tuple(f"{NAMES[a.regime]}: {a.short} (as of {a.on.isoformat()})" for a in answers),
        {
            "company": (
                "States the boundary, keeps the evidence, reports incidents, watches production.",
                "Tells the institution of each change before it is made.",
            ),
            "institution": (
                "Uses it inside the boundary alone, on the scanners and protocols named there.",
                "Trains users; reports failures to the company.",
            ),
            user: (decides, unflagged, "Reports what was missed or marked wrongly."),
        },
        tuple(OUTPUTS[o] for o in sorted(facts.outputs)),
        tuple(dict.fromkeys(may_not)) or ("nothing beyond what is listed above",),
        (
            *(limit.words for limit in limits),
            "Performance with interval, n and origin; situations of failure; who may use it.",
            *(
                ("Korea: training method and data, expected performance, its limits.",)
                if korea
                else ()
            ),
        ),
        (
            "No release without an assessment under each regime (`limen change`).",
            "A release inside the predetermined plan passes its protocol first."
            if has_plan
            else "There is no predetermined plan: every change is assessed on its own.",
            "A release outside the boundary, or with a limit lost, is refused.",
        ),
    )
