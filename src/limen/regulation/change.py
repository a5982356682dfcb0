"""What a change asks for under each regime, with the question of the flowchart that decided.

Four outcomes: document only, within the predetermined plan, notify, new submission. Where the
guidance allows two answers both are told, the stricter first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from limen.regulation.difference import KINDS, Difference
from limen.regulation.rules import BOOK, NAMES, Confidence, Rule, regime_of, worst

Outcome = Literal["document", "within-plan", "notify", "new-submission"]
SAID: dict[str, str] = {
    "document": "document only",
    "within-plan": "within the predetermined plan",
    "notify": "notify",
    "new-submission": "new submission",
}
"""Each outcome in words."""
OUTCOMES: tuple[Outcome, ...] = ("document", "within-plan", "notify", "new-submission")


@dataclass(frozen=True)
class Situation:
    """What the change rules ask about the product beside the change.

    Attributes
    ----------
    cade : bool
        It is computer-aided detection in FDA's sense (marks).
    eu : str
        ``mdr`` when certified under the MDR, ``legacy`` while under MDR Art 120(3c).
    eu_class : str
    kr_grade : int
    kr_grade_after : int or None
        Of the new release; None when it is not known.
    class_changes : frozenset of str
        Regimes under which the new release falls in another class or regulation.
    """

    cade: bool = False
    eu: Literal["mdr", "legacy"] = "mdr"
    eu_class: str = "IIa"
    kr_grade: int = 2
    kr_grade_after: int | None = None
    class_changes: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True)
class Decision:
    """One outcome, with what decided it.

    Attributes
    ----------
    outcome : str
    question : str
        Of the flowchart or provision, in few words, with its number.
    because : str
    action : str
        What is to be done.
    rule : Rule
    """

    outcome: Outcome
    question: str
    because: str
    action: str
    rule: Rule

    def as_dict(self) -> dict[str, Any]:
        return {
            "outcome": self.outcome,
            "question": self.question,
            "because": self.because,
            "action": self.action,
            "citation": self.rule.cited,
        }


@dataclass(frozen=True)
class ChangeAnswer:
    """One regime's answer to one difference; ``also`` where the guidance is ambiguous."""

    regime: str
    difference: Difference
    main: Decision
    also: tuple[Decision, ...] = ()

    @property
    def confidence(self) -> Confidence:
        found: list[Confidence] = [self.main.rule.confidence]
        if self.also:
            found.append("derived")
        return worst(found)

    def words(self) -> str:
        """Explained, in under 200 words."""
        d = self.difference
        parts = [
            f"{NAMES[self.regime]}: {d.what} ({KINDS[d.kind]} changed): "
            f"{SAID[self.main.outcome]}. {self.main.action}",
            f"Decided by: {self.main.question}",
            f"{_sentence(self.main.because)} {self.main.rule.text} ({self.main.rule.cited})",
        ]
        parts += [
            f"The guidance also allows: {SAID[other.outcome]}, when "
            f"{other.because} ({other.rule.cited}). {other.action}"
            for other in self.also
        ]
        return " ".join(parts)

    def as_dict(self) -> dict[str, Any]:
        return {
            "regime": self.regime,
            "difference": self.difference.as_dict(),
            **self.main.as_dict(),
            "also": [d.as_dict() for d in self.also],
            "confidence": self.confidence,
            "explained": self.words(),
        }


@dataclass(frozen=True)
class RegimeChange:
    """What all differences together ask for under one regime.

    Attributes
    ----------
    answers : tuple of ChangeAnswer
    outcome : str
        The strictest of the main answers.
    cumulative : str or None
        What the changes since the last cleared release add.
    """

    regime: str
    on: date
    answers: tuple[ChangeAnswer, ...]
    outcome: Outcome
    cumulative: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return {
            "regime": self.regime,
            "on": self.on.isoformat(),
            "outcome": self.outcome,
            "cumulative": self.cumulative,
            "differences": [a.as_dict() for a in self.answers],
        }


class Deciding:
    """Builds decisions of one regime on one date; every rule has to be in force."""

    def __init__(self, regime: str, on: date, difference: Difference) -> None:
        self.regime, self.on, self.difference = regime, on, difference

    def decide(
        self, outcome: Outcome, rule: str, question: str, because: str, action: str
    ) -> Decision:
        return Decision(
            outcome, question, because, action, BOOK.get(f"{self.regime}.{rule}", self.on)
        )

    def answer(self, main: Decision, *also: Decision) -> ChangeAnswer:
        return ChangeAnswer(self.regime, self.difference, main, also)


def assess_change(
    differences: Iterable[Difference],
    regime: str,
    on: date,
    situation: Situation,
    *,
    since_cleared: Iterable[Difference] | None = None,
    cleared_situation: Situation | None = None,
) -> RegimeChange:
    """What the differences between two releases ask for under one regime.

    Parameters
    ----------
    differences : iterable of Difference
        Between the old and the new release; none is "nothing to do".
    regime : str
    on : date
    situation : Situation
    since_cleared : iterable of Difference, optional
        Between the last cleared or certified release and the new one, when that is another.
    cleared_situation : Situation, optional
        Of the last cleared release against the new one; default ``situation``.

    Raises
    ------
    UnknownRegime
    RuleNotInForce
        A rule that an answer rests on was not in force on the date.
    """
    name = regime_of(regime)
    decide = _deciders()[name]
    answers = tuple(decide(d, situation, on) for d in differences)
    outcome = _strictest(answers)
    cumulative = None
    if since_cleared is not None:
        all_answers = tuple(decide(d, cleared_situation or situation, on) for d in since_cleared)
        together = _strictest(all_answers)
        outcome = max(outcome, together, key=OUTCOMES.index)
        cumulative = _cumulative(name, all_answers, together)
    return RegimeChange(name, on, answers, outcome, cumulative)


def _strictest(answers: tuple[ChangeAnswer, ...]) -> Outcome:
    return max((a.main.outcome for a in answers), key=OUTCOMES.index, default="document")


def _cumulative(regime: str, answers: tuple[ChangeAnswer, ...], together: Outcome) -> str:
    small = [a for a in answers if a.difference.performance == "minor"]
    words = (
        f"All {len(answers)} changes since the last cleared release, taken one by one, ask for: "
        f"{SAID[together]}."
    )
    if len(small) > 1:
        words += (
            f" {len(small)} of them each change the performance a little: compare the new release "
            "with the last cleared one as a whole, on the same test set; together they may be "
            "significant."
        )
    if regime == "fda":
        words += " FDA compares with the most recently cleared device, not with the last release."
    return words


def _deciders() -> Mapping[str, Callable[[Difference, Situation, date], ChangeAnswer]]:
    from limen.regulation.fda_change import decide_fda
    from limen.regulation.mdr_change import decide_mdr
    from limen.regulation.mfds_change import decide_mfds

    return {"fda": decide_fda, "mdr": decide_mdr, "mfds": decide_mfds}


def _sentence(words: str) -> str:
    words = words[:1].upper() + words[1:]
    return words if words.endswith((".", "?")) else words + "."
