"""A rule as dated data, and the book that answers only with rules in force on a date."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

from limen.regulation.errors import RuleNotInForce, UnknownRegime

Regime = Literal["fda", "mdr", "mfds"]
Confidence = Literal["primary", "secondary", "derived", "memory"]

REGIMES: tuple[Regime, ...] = ("fda", "mdr", "mfds")
NAMES = {"fda": "US FDA", "mdr": "EU MDR and AI Act", "mfds": "Korea MFDS"}
MARKS: dict[Confidence, str] = {
    "primary": "",
    "derived": "[D]",
    "secondary": "[S]",
    "memory": "[M]",
}
"""How much a rule's source is worth, as shown to the user.

primary: the text itself was read; [D] derived by us from cited rules; [S] a secondary source
only, as a law firm's note; [M] from memory, no source found.
"""
_WORTH: tuple[Confidence, ...] = ("primary", "derived", "secondary", "memory")


@dataclass(frozen=True)
class Rule:
    """One rule of one regime.

    Attributes
    ----------
    id : str
        ``regime.instrument.place``; stable.
    regime : str
        ``fda``, ``mdr``, ``mfds``, or ``imdrf`` for what several of them build on.
    since, until : date
        In force from, and to the day before; ``until`` None when it still is.
    citation : str
        Instrument, version and place, so that a reader finds the text.
    text : str
        What it says, in our own words.
    confidence : str
        See ``MARKS``.
    review : date
        Day by which somebody has to have looked at the source again.
    """

    id: str
    regime: str
    since: date
    until: date | None
    citation: str
    text: str
    confidence: Confidence
    review: date

    @property
    def mark(self) -> str:
        return MARKS[self.confidence]

    def in_force(self, on: date) -> bool:
        return self.since <= on and (self.until is None or on < self.until)

    @property
    def cited(self) -> str:
        """The citation with its mark."""
        return f"{self.citation} {self.mark}".strip()

    def as_dict(self) -> dict[str, str | None]:
        return {
            "id": self.id,
            "citation": self.citation,
            "text": self.text,
            "confidence": self.confidence,
            "mark": self.mark,
            "in_force_since": self.since.isoformat(),
            "in_force_until": None if self.until is None else self.until.isoformat(),
        }


class RuleBook:
    """Rules by id; versions of one rule share the id and differ in their dates."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules: dict[str, list[Rule]] = {}
        for rule in rules:
            self._rules.setdefault(rule.id, []).append(rule)

    def __iter__(self) -> Iterator[Rule]:
        for versions in self._rules.values():
            yield from versions

    def find(self, name: str, on: date) -> Rule | None:
        """The version in force on a date; None when there was none."""
        return next((r for r in self._rules[name] if r.in_force(on)), None)

    def get(self, name: str, on: date) -> Rule:
        """The version in force on a date.

        Raises
        ------
        RuleNotInForce
            There was none; the message says from when there is one.
        """
        rule = self.find(name, on)
        if rule is not None:
            return rule
        first = min(self._rules[name], key=lambda r: r.since)
        until = first.until.isoformat() if first.until else "today"
        raise RuleNotInForce(
            f"cannot tell: the rule that the answer rests on was not in force on {on.isoformat()}",
            where=first.id,
            found=f"{first.citation}, kept from {first.since.isoformat()} to {until}",
            mend=f"ask for a date from {first.since.isoformat()} on; older rules are not kept",
        )

    def past_review(self, today: date) -> list[Rule]:
        """Rules whose source nobody has looked at again in time."""
        return [r for r in self if r.review < today]


def worst(found: Iterable[Confidence]) -> Confidence:
    """The weakest of several confidences; ``primary`` when there is none."""
    return max(found, key=_WORTH.index, default="primary")


def regime_of(name: str) -> Regime:
    """A regime by its name, in any case.

    Raises
    ------
    UnknownRegime
        There are no rules for it.
    """
    for known in REGIMES:
        if name.strip().lower() == known:
            return known
    raise UnknownRegime(
        "cannot tell: no rules are kept for this regime",
        found=name,
        mend="ask for fda (USA), mdr (EU) or mfds (Korea)",
    )
