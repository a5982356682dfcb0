"""Decision curves: whether acting on a probability does more good than acting on all or on none.

Estimand: the net benefit at a threshold probability t, true positives less false positives
weighed by the odds t / (1 - t), per case (Vickers and Elkin, Med. Decis. Making 2006): with t =
10 % nine needless actions outweigh one that was needed. Unit of independence: the patient.
Guarantee: the bootstrap's.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from limen.measures.bootstrap import (
    default_resamples,
    interval_of_resamples,
    kernel_key,
    require_patients,
)
from limen.measures.errors import BadScores
from limen.measures.figure import Figure, figure
from limen.measures.grid import Array
from limen.measures.intervals import Interval
from limen.measures.operating_point import checked_prevalence
from limen.measures.outcomes import (
    checked_probabilities,
    checked_truth,
    numbered,
    require_both_classes,
)


@dataclass(frozen=True)
class NetBenefit:
    """One point of a decision curve.

    Attributes
    ----------
    threshold : float
        The probability from which one would act.
    model : Figure
        Net benefit of acting at this probability or above, in true positives per case.
    treat_all : float
        Net benefit of acting on every case; acting on none has 0.
    gain : Figure
        Of the model over the better of those two.
    """

    threshold: float
    model: Figure
    treat_all: float
    gain: Figure

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def decision_curve(
    probabilities: ArrayLike,
    positive: ArrayLike,
    patients: Sequence[Hashable] | Array,
    *,
    thresholds: Sequence[float],
    prevalence: float | None = None,
    confidence: float = 0.95,
    seed: int = 0,
) -> list[NetBenefit]:
    """Net benefit at each threshold, beside acting on all and on none.

    Intervals are pointwise: over many thresholds some miss by chance.

    Parameters
    ----------
    probabilities : (N,) array
        Calibrated probabilities of being positive; scores of another kind have no decision curve.
    positive : (N,) array of bool
    patients : (N,)
    thresholds : sequence of float
        Between 0 and 1, both excluded; choose those a clinician would act at.
    prevalence : float, optional
        Of the population of intended use; the share of positive cases at hand when left out.
    confidence : float
    seed : int

    Raises
    ------
    NotProbabilities, BadScores
    CannotSay
        Without cases of both kinds.
    """
    p = checked_probabilities(probabilities)
    truth = checked_truth(positive, len(p))
    codes, n = numbered(patients, len(p))
    require_both_classes(truth, "a net benefit")
    outside = [t for t in thresholds if not 0 < t < 1]
    if outside:
        raise BadScores(
            "a threshold probability does not lie between 0 and 1",
            found=", ".join(f"{t:g}" for t in outside),
            mend="give probabilities at which a clinician would act",
        )
    stated = None if prevalence is None else checked_prevalence(prevalence)
    return [
        _point(_Acts(p >= t, truth, codes, n, stated, t / (1 - t), seed), t, confidence)
        for t in thresholds
    ]


@dataclass(frozen=True)
class _Acts:
    """What is acted on at one threshold."""

    acted: Array
    truth: Array
    codes: Array
    n_patients: int
    prevalence: float | None
    odds: float
    seed: int

    def benefit(self, acted: Array) -> float:
        right, wrong = acted & self.truth, acted & ~self.truth
        if self.prevalence is None:
            return float((right.sum() - self.odds * wrong.sum()) / len(acted))
        found = right.sum() / self.truth.sum()
        called = wrong.sum() / (~self.truth).sum()
        return float(self.prevalence * found - (1 - self.prevalence) * self.odds * called)

    def of_resamples(self, acted: Array) -> Array:
        """Net benefit in each resample; the same seed draws the same patients."""
        from limen.measures.bootstrap_kernels import ratios_of_resamples

        def drawn(top: Array, bottom: Array) -> Array:
            sums = [
                np.bincount(self.codes, weights=w, minlength=self.n_patients) for w in (top, bottom)
            ]
            return np.asarray(
                ratios_of_resamples(
                    kernel_key(self.seed), default_resamples(self.n_patients), *sums
                )
            )

        right, wrong = acted & self.truth, acted & ~self.truth
        if self.prevalence is None:
            return drawn(right - self.odds * wrong, np.ones(len(acted)))
        found, called = drawn(right, self.truth), drawn(wrong, ~self.truth)
        return self.prevalence * found - (1 - self.prevalence) * self.odds * called


def _point(acts: _Acts, threshold: float, confidence: float) -> NetBenefit:
    everyone = np.ones(len(acts.acted), bool)
    model, treat_all = acts.benefit(acts.acted), acts.benefit(everyone)
    better = max(treat_all, 0.0)

    def interval(less: bool) -> Interval:
        require_patients(acts.n_patients)
        drawn = acts.of_resamples(acts.acted)
        if less and treat_all > 0:
            drawn = drawn - acts.of_resamples(everyone)
        value = model - better if less else model
        return interval_of_resamples(drawn, value, drawn[:1], confidence, acts.seed, "percentile")

    def shown(value: float, less: bool) -> Figure:
        return figure(
            value,
            lambda: interval(less),
            n=len(acts.acted),
            n_patients=acts.n_patients,
            confidence=confidence,
            unit="true positives per case",
        )

    return NetBenefit(threshold, shown(model, False), treat_all, shown(model - better, True))
