"""A yes or no for each case: sensitivity, specificity and predictive values.

Estimands: the share of positive cases that are called positive (sensitivity), of negative cases
called negative (specificity), and, in a population where the stated share of cases is positive,
the share of calls that are right (predictive values). Unit of independence: the patient.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from limen.measures.bootstrap import bootstrap_ratio
from limen.measures.errors import BadScores, CannotSay
from limen.measures.figure import Figure, figure, no_figure
from limen.measures.grid import Array
from limen.measures.intervals import Interval, clopper_pearson
from limen.measures.outcomes import checked_scores, checked_truth, numbered


@dataclass(frozen=True)
class Classification:
    """Calls at one threshold, held against the truth.

    Attributes
    ----------
    threshold : float
        A case is called positive at this score or above.
    prevalence : float
        The share of positive cases that the predictive values are stated for.
    true_positives, false_negatives, true_negatives, false_positives : int
        Cases.
    sensitivity, specificity : Figure
    positive_predictive_value, negative_predictive_value : Figure
    """

    threshold: float
    prevalence: float
    true_positives: int
    false_negatives: int
    true_negatives: int
    false_positives: int
    sensitivity: Figure
    specificity: Figure
    positive_predictive_value: Figure
    negative_predictive_value: Figure

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def classification(
    scores: ArrayLike,
    positive: ArrayLike,
    patients: Sequence[Hashable] | Array,
    *,
    threshold: float,
    prevalence: float,
    confidence: float = 0.95,
    seed: int = 0,
) -> Classification:
    """Sensitivity, specificity and predictive values of calls at a threshold.

    Intervals of sensitivity and specificity are exact (Clopper-Pearson) where each patient has
    one case of the kind, else the percentile bootstrap over patients. Those of the predictive
    values are made of the limits of both at half the error each (Bonferroni), so with one case a
    patient they hold with at least the stated confidence; the prevalence counts as known.

    The threshold must have been fixed before these cases were seen: one chosen on them flatters
    every figure here.

    Parameters
    ----------
    scores : (N,) array
        Calls that are already made are scores of 0 and 1 with a threshold of 0.5.
    positive : (N,) array of bool
    patients : (N,)
        The patient of each case; ``range(N)`` where each case is a patient of its own.
    threshold : float
    prevalence : float
        Between 0 and 1, of the population of intended use, not of an enriched data set.
    confidence : float
    seed : int
        Of the bootstrap.

    Raises
    ------
    BadScores
    CannotSay
        When there is no case at all.
    """
    found = checked_scores(scores)
    truth = checked_truth(positive, len(found))
    codes, _ = numbered(patients, len(found))
    checked_prevalence(prevalence)
    if not np.isfinite(threshold):
        raise BadScores("the threshold is not a finite number", found=str(threshold))
    if not len(found):
        raise CannotSay("nothing can be said: there are no cases", mend="add cases")
    called = found >= threshold
    right_positive, right_negative = called[truth], ~called[~truth]
    sides = (
        CallsOfAKind(right_positive, codes[truth], "positive", seed),
        CallsOfAKind(right_negative, codes[~truth], "negative", seed),
    )
    sensitivity, specificity = (side.share(confidence) for side in sides)
    return Classification(
        threshold=float(threshold),
        prevalence=float(prevalence),
        true_positives=int(right_positive.sum()),
        false_negatives=int((~right_positive).sum()),
        true_negatives=int(right_negative.sum()),
        false_positives=int((~right_negative).sum()),
        sensitivity=sensitivity,
        specificity=specificity,
        positive_predictive_value=_predictive(sides, prevalence, confidence, _ppv, "positive"),
        negative_predictive_value=_predictive(sides, prevalence, confidence, _npv, "negative"),
    )


def checked_prevalence(prevalence: float) -> float:
    """A share of positive cases between 0 and 1, both excluded. Raises :class:`BadScores`."""
    if not 0 < prevalence < 1:
        raise BadScores(
            "the prevalence does not lie between 0 and 1",
            found=str(prevalence),
            mend="state the share of positive cases where the product is to be used",
        )
    return float(prevalence)


@dataclass(frozen=True)
class CallsOfAKind:
    """Right and wrong calls on the cases of one kind."""

    right: Array
    codes: Array
    kind: str
    seed: int

    @property
    def patients(self) -> int:
        return len(np.unique(self.codes))

    def interval(self, confidence: float) -> Interval:
        if self.patients == len(self.right):
            return clopper_pearson(int(self.right.sum()), len(self.right), confidence)
        ones = np.ones(len(self.right))
        return bootstrap_ratio(self.right, ones, self.codes, confidence=confidence, seed=self.seed)

    def share(self, confidence: float) -> Figure:
        if not len(self.right):
            return no_figure(f"there is no {self.kind} case", confidence)
        return figure(
            float(self.right.mean()),
            lambda: self.interval(confidence),
            n=len(self.right),
            n_patients=self.patients,
            confidence=confidence,
        )


def _predictive(
    sides: tuple[CallsOfAKind, CallsOfAKind],
    prevalence: float,
    confidence: float,
    value: Any,
    call: str,
) -> Figure:
    cases = sum(len(s.right) for s in sides)
    patients = len(np.unique(np.concatenate([s.codes for s in sides])))
    missing = next((s.kind for s in sides if not len(s.right)), None)
    if missing is not None:
        return no_figure(f"there is no {missing} case", confidence, cases, patients)
    found, left = (float(s.right.mean()) for s in sides)
    here = value(found, left, prevalence)
    if here is None:
        return no_figure(f"no case is called {call}", confidence, cases, patients)

    def interval() -> Interval:
        half = (1 + confidence) / 2
        a, b = (s.interval(half) for s in sides)
        low, high = value(a.low, b.low, prevalence), value(a.high, b.high, prevalence)
        # at the very corner the value is undefined, and then anything may be true
        return Interval(
            0.0 if low is None else low,
            1.0 if high is None else high,
            confidence,
            f"both at {100 * half:.4g} %: {a.method}",
        )

    return figure(here, interval, n=cases, n_patients=patients, confidence=confidence)


def _ppv(sensitivity: float, specificity: float, prevalence: float) -> float | None:
    true = sensitivity * prevalence
    called = true + (1 - specificity) * (1 - prevalence)
    return true / called if called > 0 else None


def _npv(sensitivity: float, specificity: float, prevalence: float) -> float | None:
    true = specificity * (1 - prevalence)
    called = true + (1 - sensitivity) * prevalence
    return true / called if called > 0 else None
