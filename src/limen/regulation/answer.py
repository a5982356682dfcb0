"""What a regime answers: never a bare class, always the path of rules that led to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from limen.regulation.facts import Assumption
from limen.regulation.rules import BOOK, MARKS, NAMES, Confidence, Rule, worst

NOTICE = (
    "Limen informs; it is not legal advice. The regulator or notified body decides. "
    "Marks: [D] derived by us, [S] secondary source, [M] from memory."
)
"""Said on the first screen of every answer."""

_SCALES = {
    "fda": "Classes: I, II, III, from least to most control.",
    "mdr": "Classes: I, IIa, IIb, III, from least to most control.",
    "mfds": "Grades: 1 to 4, from least to most risk.",
}
"""What a class or grade stands on, for somebody who does not know the regime."""

WORDS_MOST = 200
"""An explanation is shorter than this, for somebody who does not know the regime."""


@dataclass(frozen=True)
class Step:
    """One rule on the path to an answer, and why it applies here."""

    rule: Rule
    because: str

    def as_dict(self) -> dict[str, Any]:
        return {"because": self.because, **self.rule.as_dict()}


@dataclass(frozen=True)
class Reading:
    """Another answer that the rules allow, and why."""

    klass: str
    category: str
    because: str
    rule: Rule

    @property
    def short(self) -> str:
        return ", ".join(p for p in (self.klass, self.category) if p)

    def as_dict(self) -> dict[str, Any]:
        return {
            "class": self.klass,
            "category": self.category,
            "because": self.because,
            "citation": self.rule.cited,
        }


@dataclass(frozen=True)
class Flip:
    """The nearest facts that would change the answer."""

    facts: tuple[tuple[str, Any], ...]
    words: str
    klass: str
    category: str

    @property
    def short(self) -> str:
        return f"{self.klass}, {self.category}" if self.klass else f"no device ({self.category})"

    def as_dict(self) -> dict[str, Any]:
        plain = {k: sorted(v) if isinstance(v, frozenset) else v for k, v in self.facts}
        return {"facts": plain, "if": self.words, "class": self.klass, "category": self.category}


@dataclass(frozen=True)
class RegimeAnswer:
    """Qualification, class, regulation and route under one regime on one date.

    Attributes
    ----------
    regime : str
    on : date
        The date the answer holds for.
    qualifies : str
        ``device``, ``not a device`` or ``unclear``.
    klass : str
        Class or grade, as the regime names it; "" when it is no device.
    category : str
        Regulation, rule or purpose that it falls under.
    codes : tuple of str
        Candidates for the product code.
    route : str
        What has to be filed.
    path : tuple of Step
        The rules, in order.
    also : tuple of Reading
        Other answers the rules allow, the strictest first.
    ask : str or None
        When the answer is to ask the regulator, what to ask.
    notes : tuple of str
        What follows besides, as duties of the AI Act.
    assumed : tuple of Assumption
    flips : tuple of Flip
    """

    regime: str
    on: date
    qualifies: str
    klass: str
    category: str
    codes: tuple[str, ...]
    route: str
    path: tuple[Step, ...]
    also: tuple[Reading, ...] = ()
    ask: str | None = None
    notes: tuple[str, ...] = ()
    assumed: tuple[Assumption, ...] = ()
    flips: tuple[Flip, ...] = ()

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes two answers the same."""
        return self.qualifies, self.klass, self.category

    @property
    def confidence(self) -> Confidence:
        """That of the weakest rule on the path; with a second reading at most derived."""
        found = [s.rule.confidence for s in self.path]
        if self.also or self.ask:
            found.append("derived")
        return worst(found)

    @property
    def short(self) -> str:
        """The answer in one line."""
        if self.qualifies == "not a device":
            return f"not a device ({self.category})"
        klass = self.klass if self.regime == "mfds" else f"class {self.klass}"
        head = f"{klass}, {self.category}" if self.klass else self.category
        return f"{head}; ask the regulator" if self.ask else head

    def words(self) -> str:
        """The answer explained, in under ``WORDS_MOST`` words."""
        parts = [f"{NAMES[self.regime]}, as of {self.on.isoformat()}: {self.short}."]
        if self.klass:
            parts.append(_SCALES[self.regime])
        if self.route:
            parts.append(f"Route: {self.route}.")
        if self.ask:
            parts.append(f"Ask {self.ask}")
        if self.codes:
            parts.append("Product code candidates: " + ", ".join(self.codes) + ".")
        decisive = self.path[-2:] if len(self.path) > 2 else self.path
        parts += [f"{_sentence(s.because)} {s.rule.text} ({s.rule.cited})" for s in decisive]
        optional: list[str] = [
            f"Another reading gives {r.short}: {_sentence(r.because)}" for r in self.also
        ]
        if self.assumed:
            optional.append("Assumed: " + "; ".join(a.words() for a in self.assumed[:3]) + ".")
        kind = "" if self.regime == "mfds" else "class "
        optional += [
            f"It would become {kind if f.klass else ''}{f.short} if {f.words}."
            for f in self.flips[:3]
        ]
        optional.append(f"Confidence: {self.confidence} {MARKS[self.confidence]}".strip() + ".")
        return _within(parts, optional)

    def as_dict(self) -> dict[str, Any]:
        return {
            "regime": self.regime,
            "on": self.on.isoformat(),
            "qualifies": self.qualifies,
            "class": self.klass,
            "category": self.category,
            "codes": list(self.codes),
            "route": self.route,
            "path": [s.as_dict() for s in self.path],
            "other_readings": [r.as_dict() for r in self.also],
            "ask": self.ask,
            "notes": list(self.notes),
            "assumed": [{"fact": a.fact, "value": a.value, "why": a.why} for a in self.assumed],
            "would_change": [f.as_dict() for f in self.flips],
            "confidence": self.confidence,
            "explained": self.words(),
        }


def _sentence(words: str) -> str:
    words = words.strip()
    words = words[:1].upper() + words[1:]
    return words if words.endswith((".", "?", "!")) else words + "."


def _within(parts: list[str], optional: Iterable[str]) -> str:
    """Join what has to be said, and of the rest what still fits."""
    left = WORDS_MOST - 1 - sum(len(p.split()) for p in parts)
    for part in optional:
        left -= len(part.split())
        if left >= 0:
            parts.append(part)
        else:
            left += len(part.split())
    return " ".join(parts)


@dataclass
class Path:
    """Collects the rules of an answer while it is found; every rule has to be in force."""

    regime: str
    on: date
    steps: list[Step] = field(default_factory=list)

    def by(self, rule: str, because: str) -> None:
        """Go by a rule.

        Raises
        ------
        RuleNotInForce
            It was not in force on the date.
        """
        self.steps.append(Step(self.rule(rule), because))

    def also_by(self, rule: str, because: str) -> None:
        """Go by a rule that explains and decides nothing; left out when not in force."""
        found = BOOK.find(self._full(rule), self.on)
        if found is not None:
            self.steps.append(Step(found, because))

    def rule(self, rule: str) -> Rule:
        return BOOK.get(self._full(rule), self.on)

    def reading(self, klass: str, category: str, rule: str, because: str) -> Reading:
        return Reading(klass, category, because, self.rule(rule))

    def _full(self, rule: str) -> str:
        return rule if rule.startswith("imdrf.") else f"{self.regime}.{rule}"
