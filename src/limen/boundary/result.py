"""What a trust boundary is made of: plain frozen facts that go to JSON and come back.

A *condition* is a mapping of axis name to value in the axis's unit; an axis that is not named is
at its nominal, so the empty mapping is the nominal condition. ``search`` makes trials, margins and
frontiers; ``certify`` makes certificates; ``guard``, ``explain`` and the documents only read them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Condition = Mapping[str, float]
Scale = Literal["linear", "log"]
MarginKind = Literal["flips", "beyond", "fails at nominal", "non-monotone", "cannot tell"]
Answer = Literal["certified", "not certified", "too few to say"]

TOGETHER = "together"
"""Name of the path on which all axes degrade at once."""


@dataclass(frozen=True)
class SearchAxis:
    """One axis as it was searched, from nominal to the worst condition.

    Attributes
    ----------
    name, unit : str
        As in ``product.axes``: "ct.dose", "".
    nominal, worst : float
        Ends of the search, in the unit. ``worst`` may lie on either side of ``nominal``.
    tolerance : float
        A margin is known to this, as a fraction of the searched range (see ``position``).
    scale : "linear" or "log"
        How the range is divided: by equal steps, or by equal ratios.
    whole : bool
        Whether only whole numbers exist.
    """

    name: str
    unit: str
    nominal: float
    worst: float
    tolerance: float
    scale: Scale = "linear"
    whole: bool = False

    def position(self, value: float) -> float:
        """0 at nominal, 1 at the worst searched condition; beyond either end not clipped."""
        if self.scale == "log":
            return math.log(value / self.nominal) / math.log(self.worst / self.nominal)
        return (value - self.nominal) / (self.worst - self.nominal)

    def value(self, position: float) -> float:
        """The inverse of `position` (0 to 1), on the nearest value that exists."""
        if position <= 0:
            return self.nominal
        if position >= 1:
            return self.worst
        if self.scale == "log":
            found = self.nominal * (self.worst / self.nominal) ** position
        else:
            found = self.nominal + position * (self.worst - self.nominal)
        return float(round(found)) if self.whole else float(f"{found:.6g}")

    def is_milder(self, value: float, limit: float) -> bool:
        """Whether ``value`` degrades no more than ``limit`` (better than nominal is milder)."""
        return self.position(value) <= self.position(limit) + 1e-12

    def text(self, value: float) -> str:
        """The value with its unit, to three digits."""
        return f"{value:.3g} {self.unit}".strip()

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> SearchAxis:
        return cls(**kept)


@dataclass(frozen=True)
class Trial:
    """The verdict on one case at one condition.

    Attributes
    ----------
    condition : mapping
    passed : bool
    reasons : tuple of str
        Why it failed, in words.
    crashed : bool
        The model gave no answer; that is a failure of the case.
    uncertainty : float or None
        Of the model about its own answer, where it gives scores: its undecided volume in mL.
    """

    condition: Condition
    passed: bool
    reasons: tuple[str, ...] = ()
    crashed: bool = False
    uncertainty: float | None = None

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "condition": dict(self.condition), "reasons": list(self.reasons)}

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Trial:
        return cls(**{**kept, "reasons": tuple(kept["reasons"])})


@dataclass(frozen=True)
class Margin:
    """How far one case can be degraded along one axis, the others at nominal.

    Attributes
    ----------
    case : str
        ``DATASET/CASE``.
    patient : str
        Pseudonym.
    origin : str
        ``measured``, ``resimulated``, ``phantom`` or ``observed``.
    axis : str
    kind : str
        "flips": passes at ``last_pass``, fails at ``first_fail``, next to it.
        "beyond": passes at every condition that was tried, the worst searched one too: censored.
        "fails at nominal": there is no margin.
        "non-monotone": fails at ``first_fail`` and passes at a worse condition again;
        ``last_pass`` is the last condition before the first failure.
        "cannot tell": ``because`` says why.
    last_pass, first_fail : float or None
        In the axis's unit.
    evaluations : int
    because : str
    """

    case: str
    patient: str
    origin: str
    axis: str
    kind: MarginKind
    last_pass: float | None
    first_fail: float | None
    evaluations: int
    because: str = ""

    @property
    def is_censored(self) -> bool:
        """Whether the true margin is this or more."""
        return self.kind == "beyond"

    def position(self, axis: SearchAxis) -> float | None:
        """The margin as a fraction of the searched range; None where it cannot be told."""
        if self.kind == "cannot tell":
            return None
        return 0.0 if self.last_pass is None else axis.position(self.last_pass)

    def text(self, axis: SearchAxis) -> str:
        """As "down to 0.12", "up to 3.1 mm", "0.05 and beyond"."""
        if self.kind == "cannot tell":
            return f"cannot tell: {self.because}"
        if self.kind == "fails at nominal" or self.last_pass is None:
            return "fails as acquired"
        value = axis.text(self.last_pass)
        if self.is_censored:
            return f"{value} and beyond"
        words = f"{'down' if axis.worst < axis.nominal else 'up'} to {value}"
        return f"{words}, not monotone" if self.kind == "non-monotone" else words

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Margin:
        return cls(**kept)


@dataclass(frozen=True)
class Frontier:
    """Where the verdict of one case flips when several axes degrade at once.

    Attributes
    ----------
    case, patient, origin : str
    axes : tuple of str
    trials : tuple of Trial
        Every condition that was tried, in order.
    contradictions : int
        Pairs of a failing condition and a passing one that is worse on every axis: how far the
        case is from monotone.
    """

    case: str
    patient: str
    origin: str
    axes: tuple[str, ...]
    trials: tuple[Trial, ...]
    contradictions: int = 0

    @property
    def is_monotone(self) -> bool:
        return self.contradictions == 0

    def as_dict(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "axes": list(self.axes),
            "trials": [t.as_dict() for t in self.trials],
        }

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Frontier:
        trials = tuple(Trial.from_dict(t) for t in kept["trials"])
        return cls(**{**kept, "axes": tuple(kept["axes"]), "trials": trials})


@dataclass(frozen=True)
class Step:
    """The test of one condition: is the failure rate of patients above the stated one?

    Attributes
    ----------
    condition : mapping
    patients, failed : int
        Certification patients, and those with a case that fails here or at a milder step of
        the path.
    p_value : float
        Exact: chance of so few failures, were the failure rate at the stated limit.
    alpha : float
        Error that this step may spend.
    certified : bool
    more_patients : int or None
        Further patients, none failing, that would certify it; None where it is certified, or
        where it was not reached.
    failing : tuple of str
        The failing cases, ``DATASET/CASE``.
    """

    condition: Condition
    patients: int
    failed: int
    p_value: float
    alpha: float
    certified: bool
    more_patients: int | None = None
    failing: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "condition": dict(self.condition), "failing": list(self.failing)}

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Step:
        return cls(**{**kept, "failing": tuple(kept["failing"])})


@dataclass(frozen=True)
class Path:
    """A fixed sequence of conditions outward from nominal, tested until the first that fails.

    Attributes
    ----------
    name : str
        The one axis that degrades, or `TOGETHER`.
    steps : tuple of Step
        Tested steps in order, at most the last of them not certified; nominal is not among them.
    """

    name: str
    steps: tuple[Step, ...]

    @property
    def reached(self) -> Condition | None:
        """The outermost certified condition; None when not one step beyond nominal is."""
        certified = [s.condition for s in self.steps if s.certified]
        return certified[-1] if certified else None

    @property
    def stopped(self) -> Step | None:
        """The step that could not be certified; None when the path was certified to its end."""
        return self.steps[-1] if self.steps and not self.steps[-1].certified else None

    def as_dict(self) -> dict[str, Any]:
        return {"name": self.name, "steps": [s.as_dict() for s in self.steps]}

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Path:
        return cls(kept["name"], tuple(Step.from_dict(s) for s in kept["steps"]))


@dataclass(frozen=True)
class Certificate:
    """What is certified of the patients of one origin, or of one cell of them.

    Attributes
    ----------
    origin : str
        One origin; evidence of two origins is never in one certificate.
    datasets : tuple of str
    cell : mapping
        Attributes that the patients share, ``{"site": "A"}``; empty: all of the origin.
    answer : str
        "certified": nominal is. "not certified": it is not. "too few to say": not even without
        any failure could so few patients certify it.
    failure_rate, confidence : float
        The claim: the share of patients with a failing case is at most this, for all certified
        conditions at once, with this confidence.
    patients, cases : int
        Of certification.
    nominal : Step
    paths : tuple of Path
        Empty unless nominal is certified.
    """

    origin: str
    datasets: tuple[str, ...]
    cell: Mapping[str, str]
    answer: Answer
    failure_rate: float
    confidence: float
    patients: int
    cases: int
    nominal: Step
    paths: tuple[Path, ...] = ()

    @property
    def corners(self) -> tuple[Condition, ...]:
        """Outermost certified conditions. Axes not named are at nominal there."""
        return tuple(p.reached for p in self.paths if p.reached is not None)

    def limit(self, axis: str) -> float | None:
        """How far ``axis`` alone is certified, in its unit; None: not beyond nominal."""
        for path in self.paths:
            if path.name == axis and path.reached is not None:
                return path.reached[axis]
        return None

    def together(self, axes: Iterable[SearchAxis]) -> Condition | None:
        """How far all axes are certified at once, none of them farther than it is alone.

        The path of all axes can reach farther on one than that one's own did, whose next step was
        too large: what was not certified alone is then not claimed in company.
        """
        known = {a.name: a for a in axes}
        alone = {p.name: p.reached for p in self.paths if p.name != TOGETHER}
        path = next((p for p in self.paths if p.name == TOGETHER), None)
        if path is None or path.reached is None:
            return None
        held = {}
        for name, value in path.reached.items():
            if name not in alone:
                held[name] = value
            elif (own := alone[name]) is not None:
                held[name] = value if known[name].is_milder(value, own[name]) else own[name]
        return held if len(held) > 1 else None

    def contains(self, condition: Condition, axes: Iterable[SearchAxis]) -> bool:
        """Whether a condition is milder on every axis than one certified corner.

        Two axes certified each alone say nothing of both at once: that is what the corner of the
        path `TOGETHER` is for. Between tested steps this trusts that less degradation fails no
        more patients.
        """
        if self.answer != "certified":
            return False
        known = {a.name: a for a in axes}
        if not set(condition) <= set(known):
            return False
        alone = [p.reached for p in self.paths if p.name != TOGETHER]
        return any(
            all(
                known[n].is_milder(v, corner.get(n, known[n].nominal)) for n, v in condition.items()
            )
            for corner in (*alone, self.together(known.values()), {})
            if corner is not None
        )

    def as_dict(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "datasets": list(self.datasets),
            "cell": dict(self.cell),
            "nominal": self.nominal.as_dict(),
            "paths": [p.as_dict() for p in self.paths],
        }

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Certificate:
        return cls(
            **{
                **kept,
                "datasets": tuple(kept["datasets"]),
                "nominal": Step.from_dict(kept["nominal"]),
                "paths": tuple(Path.from_dict(p) for p in kept["paths"]),
            }
        )


@dataclass(frozen=True)
class Selective:
    """Use on cases alone whose uncertainty is small enough, certified like a boundary.

    Attributes
    ----------
    threshold : float or None
        Answer when the model's uncertainty, in mL, is at most this; None: no threshold is
        certified.
    answered : float or None
        Share of certification patients still answered at nominal.
    patients_answered, failed : int
        At nominal, under the threshold.
    certificate : Certificate or None
        Of the answered patients.
    in_words : str
    """

    threshold: float | None
    answered: float | None
    patients_answered: int
    failed: int
    certificate: Certificate | None
    in_words: str

    def as_dict(self) -> dict[str, Any]:
        kept = self.certificate.as_dict() if self.certificate is not None else None
        return {**asdict(self), "certificate": kept}

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Selective:
        found = kept["certificate"]
        certificate = None if found is None else Certificate.from_dict(found)
        return cls(**{**kept, "certificate": certificate})


@dataclass(frozen=True)
class Boundary:
    """Where trust in one product ends, as far as it was searched and certified.

    Attributes
    ----------
    axes : tuple of SearchAxis
    exploration, certification : mapping
        Data set to the number of its patients on each side; no patient is on both.
    margins : tuple of Margin
        Of exploration cases.
    frontiers : tuple of Frontier
        Of exploration cases; empty for a single axis.
    certificates : tuple of Certificate
        One for each origin.
    cells : tuple of Certificate
        Of one origin's patients who share an attribute; together at the stated confidence.
    selective : mapping
        Origin to its `Selective`; empty where the model gives no scores.
    notes : tuple of str
        What a reader must know: cases that could not be judged, a smaller profile.
    """

    axes: tuple[SearchAxis, ...]
    exploration: Mapping[str, int]
    certification: Mapping[str, int]
    margins: tuple[Margin, ...] = ()
    frontiers: tuple[Frontier, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    cells: tuple[Certificate, ...] = ()
    selective: Mapping[str, Selective] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def axis(self, name: str) -> SearchAxis:
        return next(a for a in self.axes if a.name == name)

    def certificate(self, origin: str) -> Certificate | None:
        return next((c for c in self.certificates if c.origin == origin), None)

    @property
    def non_monotone(self) -> tuple[Margin, ...]:
        return tuple(m for m in self.margins if m.kind == "non-monotone")

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON; `from_dict` takes it back."""
        return {
            "axes": [a.as_dict() for a in self.axes],
            "exploration": dict(self.exploration),
            "certification": dict(self.certification),
            "margins": [m.as_dict() for m in self.margins],
            "frontiers": [f.as_dict() for f in self.frontiers],
            "certificates": [c.as_dict() for c in self.certificates],
            "cells": [c.as_dict() for c in self.cells],
            "selective": {origin: s.as_dict() for origin, s in self.selective.items()},
            "notes": list(self.notes),
        }

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Boundary:
        return cls(
            axes=tuple(SearchAxis.from_dict(a) for a in kept["axes"]),
            exploration=kept["exploration"],
            certification=kept["certification"],
            margins=tuple(Margin.from_dict(m) for m in kept["margins"]),
            frontiers=tuple(Frontier.from_dict(f) for f in kept["frontiers"]),
            certificates=tuple(Certificate.from_dict(c) for c in kept["certificates"]),
            cells=tuple(Certificate.from_dict(c) for c in kept["cells"]),
            selective={o: Selective.from_dict(s) for o, s in kept["selective"].items()},
            notes=tuple(kept["notes"]),
        )
