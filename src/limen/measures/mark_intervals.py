"""Intervals of free-response curves: sensitivity at a rate of false marks, and areas.

Estimands: over all thresholds, the share of lesions found where false marks per case stay within
a rate (FROC), and the chance that a lesion is scored over the highest mark of a case without
lesions (AFROC). Unit of independence: the patient; all cases, lesions and marks of a patient are
drawn together. Guarantee: that of :mod:`limen.measures.bootstrap`, asymptotic in patients. In each
resample the threshold is found anew, so its own uncertainty is in the interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from limen.measures.bootstrap import (
    default_resamples,
    interval_of_resamples,
    kernel_key,
    require_patients,
)
from limen.measures.errors import BadScores, BadValue
from limen.measures.figure import Figure, figure
from limen.measures.grid import Array
from limen.measures.intervals import Interval
from limen.measures.marks import MarkedCase, afroc, froc
from limen.measures.outcomes import numbered

RATES = (1 / 8, 1 / 4, 1 / 2, 1.0, 2.0, 4.0, 8.0)
"""False marks per case of the ANODE09 and LUNA16 challenges."""


@dataclass(frozen=True)
class FrocFigures:
    """Sensitivity at several rates of false marks per case, and their mean.

    Attributes
    ----------
    rates : tuple of float
    sensitivity : tuple of Figure
        One for each rate; intervals are pointwise.
    score : Figure
        Mean over the rates.
    """

    rates: tuple[float, ...]
    sensitivity: tuple[Figure, ...]
    score: Figure

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def froc_figures(
    cases: Sequence[MarkedCase],
    *,
    rates: Sequence[float] = RATES,
    confidence: float = 0.95,
    seed: int,
    resamples: int | None = None,
) -> FrocFigures:
    """Sensitivity at rates of false marks per case, with intervals over patients.

    Parameters
    ----------
    cases : sequence of MarkedCase
        Each with its patient; cases without lesions count for the false marks.
    rates : sequence of float
        Zero or more.
    confidence, seed, resamples
        As for :func:`limen.measures.bootstrap_mean`.

    Returns
    -------
    FrocFigures
        Without intervals, and with the reason, below ``MIN_PATIENTS`` patients with a lesion.

    Raises
    ------
    Undefined
        When no case has a lesion.
    BadScores
        When a case does not name its patient.
    BadValue
        A rate that is not a number of zero or more.
    """
    if not len(rates) or not all(math.isfinite(r) and r >= 0 for r in rates):
        raise BadValue(
            "a rate of false marks per case is not a number of zero or more",
            found=", ".join(map(str, rates)) or "none",
        )
    curve = froc(cases)
    patients = _Patients.of(cases)
    values = [curve.sensitivity_at(r) for r in rates]
    drawn: list[Array] = []

    def interval(of: Array, value: float) -> Interval:
        require_patients(patients.behind([c.lesion_scores.size > 0 for c in cases]),
                         " with a lesion")  # fmt: skip
        if not drawn:
            drawn.append(_froc_of_resamples(cases, patients, rates, seed, resamples))
        return interval_of_resamples(
            drawn[0] @ of, value, drawn[0][:1, 0], confidence, seed, "percentile"
        )

    def shown(of: Array, value: float) -> Figure:
        return figure(
            value,
            lambda: interval(of, value),
            n=curve.n_lesions,
            n_patients=patients.behind([c.lesion_scores.size > 0 for c in cases]),
            confidence=confidence,
        )

    each = np.eye(len(rates))
    return FrocFigures(
        tuple(float(r) for r in rates),
        tuple(shown(of, value) for of, value in zip(each, values, strict=True)),
        shown(np.full(len(rates), 1 / len(rates)), float(np.mean(values))),
    )


def afroc_figure(
    cases: Sequence[MarkedCase],
    *,
    weighted: bool = False,
    confidence: float = 0.95,
    seed: int,
    resamples: int | None = None,
) -> Figure:
    """Area under the AFROC curve, or the weighted one, with its interval over patients.

    Parameters and errors as :func:`froc_figures`; ``weighted`` as :func:`limen.measures.afroc`.
    There is no interval below ``MIN_PATIENTS`` patients with a lesion, or with a case without.
    """
    area = afroc(cases, weighted=weighted).area
    patients = _Patients.of(cases)

    def interval() -> Interval:
        drawn = _areas(cases, patients, weighted, seed, resamples)
        return interval_of_resamples(drawn, area, drawn[:1], confidence, seed, "percentile")

    return figure(area, interval, n=len(cases), n_patients=patients.n, confidence=confidence)


def afroc_difference(
    cases: Sequence[MarkedCase],
    other_cases: Sequence[MarkedCase],
    *,
    weighted: bool = False,
    confidence: float = 0.95,
    seed: int,
    resamples: int | None = None,
) -> Figure:
    """Area of one system less that of another on the same cases, in the same order.

    Both are computed on the same resamples. Parameters and errors as :func:`afroc_figure`.

    Raises
    ------
    BadScores
        When the two are not of the same patients and lesions, case by case.
    """
    sides = [[(c.case, c.patient, c.lesion_scores.size) for c in x] for x in (cases, other_cases)]
    if sides[0] != sides[1]:
        raise BadScores(
            "the two systems were not read on the same cases",
            found=f"{len(sides[0])} and {len(sides[1])} cases",
            mend="give both systems' marks of each case, in one order",
        )
    gap = afroc(cases, weighted=weighted).area - afroc(other_cases, weighted=weighted).area
    patients = _Patients.of(cases)

    def interval() -> Interval:
        one, other = (_areas(x, patients, weighted, seed, resamples) for x in (cases, other_cases))
        return interval_of_resamples(one - other, gap, one[:1], confidence, seed, "percentile")

    return figure(gap, interval, n=len(cases), n_patients=patients.n, confidence=confidence)


@dataclass(frozen=True)
class _Patients:
    """The patient of each case, as a number."""

    codes: Array
    n: int

    @classmethod
    def of(cls, cases: Sequence[MarkedCase]) -> _Patients:
        if any(not c.patient for c in cases):
            raise BadScores(
                "a case does not name its patient",
                mend="say patient= of each marked_case; it is the unit of independence",
            )
        return cls(*numbered([c.patient for c in cases], len(cases)))

    def behind(self, which: Sequence[bool]) -> int:
        """How many patients have a case of this kind."""
        return len(np.unique(self.codes[np.asarray(which, bool)]))

    def of_each(self, counts: Sequence[int]) -> Array:
        """The patient of each lesion or mark, when the cases have so many."""
        return np.repeat(self.codes, counts).astype(np.int32)


def _froc_of_resamples(
    cases: Sequence[MarkedCase],
    patients: _Patients,
    rates: Sequence[float],
    seed: int,
    resamples: int | None,
) -> Array:
    """Sensitivity in each resample, (resamples, rates)."""
    from limen.measures.mark_kernels import frocs_of_resamples

    lesions = np.concatenate([c.lesion_scores for c in cases])
    false = np.concatenate([c.false_scores for c in cases])
    of_lesions = patients.of_each([c.lesion_scores.size for c in cases])
    scores = np.concatenate([lesions, false])
    who = np.concatenate([of_lesions, patients.of_each([c.false_scores.size for c in cases])])
    marked = np.flatnonzero(np.isfinite(scores))
    order = marked[np.argsort(-scores[marked], kind="stable")]
    return np.asarray(
        frocs_of_resamples(
            kernel_key(seed),
            resamples or default_resamples(patients.n),
            who[order],
            order < lesions.size,
            _ends_of_ties(scores[order]),
            np.bincount(of_lesions, minlength=patients.n),
            np.bincount(patients.codes, minlength=patients.n),
            np.asarray(rates, float),
        )
    )


def _areas(
    cases: Sequence[MarkedCase],
    patients: _Patients,
    weighted: bool,
    seed: int,
    resamples: int | None,
) -> Array:
    """Area in each resample."""
    from limen.measures.mark_kernels import afrocs_of_resamples

    has_lesion = np.array([c.lesion_scores.size > 0 for c in cases])
    require_patients(patients.behind(list(has_lesion)), " with a lesion")
    require_patients(patients.behind(list(~has_lesion)), " with a case without lesions")
    lesions = np.concatenate([c.lesion_scores for c in cases])
    weights = np.concatenate([c.lesion_weights for c in cases])
    normal = [c for c in cases if not c.lesion_scores.size]
    highest = np.array([c.false_scores.max(initial=-math.inf) for c in normal])
    scores = np.concatenate([lesions, highest])
    who = np.concatenate(
        [patients.of_each([c.lesion_scores.size for c in cases]), patients.codes[~has_lesion]]
    )
    weight = np.concatenate([weights if weighted else np.ones(lesions.size), np.zeros(len(normal))])
    order = np.argsort(scores, kind="stable")
    return np.asarray(
        afrocs_of_resamples(
            kernel_key(seed),
            resamples or default_resamples(patients.n),
            patients.n,
            who[order].astype(np.int32),
            weight[order],
            _ends_of_ties(scores[order]),
        )
    )


def _ends_of_ties(ordered: Array) -> Array:
    ends = np.ones(ordered.size, bool)
    ends[:-1] = ordered[1:] != ordered[:-1]
    return ends
