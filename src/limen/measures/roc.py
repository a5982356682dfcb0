"""Area under the ROC curve (AUC), its variance, and differences of two.

Estimand: the chance that a positive case, drawn at random, scores higher than a negative one,
ties counting half (Mann-Whitney). Unit of independence: the patient. Guarantee: asymptotic in the
patients of each kind. Assumes independent patients; nothing about the distribution of scores.

The variance is that of DeLong, DeLong and Clarke-Pearson (Biometrics 1988), by mid-ranks (Sun and
Xu, IEEE Signal Process. Lett. 2014). Where a patient has more than one case it is the one for
clustered data of Obuchowski (Biometrics 1997), which with one case a patient is DeLong's.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from limen.measures.bootstrap import MIN_PATIENTS
from limen.measures.errors import BadScores, CannotSay
from limen.measures.figure import Figure, figure
from limen.measures.grid import Array, as_floats
from limen.measures.intervals import Interval, normal_interval
from limen.measures.outcomes import (
    checked_scores,
    checked_truth,
    numbered,
    require_both_classes,
)


@dataclass(frozen=True)
class AucComparison:
    """Two AUCs and their difference, first minus second.

    ``p_value`` is two-sided for no difference; None where the variance cannot be said.
    """

    first: Figure
    second: Figure
    difference: Figure
    standard_error: float | None
    z: float | None
    p_value: float | None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def auc(
    scores: ArrayLike,
    positive: ArrayLike,
    patients: Sequence[Hashable] | Array,
    *,
    confidence: float = 0.95,
) -> Figure:
    """AUC with its DeLong interval, clustered by patient.

    The interval is made on the logit scale, so that it stays within 0 and 1 and holds better
    near 1 (Qin and Hotilovac, Stat. Methods Med. Res. 2008).

    Parameters
    ----------
    scores : (N,) array
        Higher means more likely positive.
    positive : (N,) array of bool
    patients : (N,)
        The patient of each case; ``range(N)`` where each case is a patient of its own.
    confidence : float

    Returns
    -------
    Figure
        Without an interval, and with the reason, where fewer than ``MIN_PATIENTS`` patients have
        a positive case or a negative one, or where the two kinds are separated without overlap.

    Raises
    ------
    CannotSay
        Without cases of both kinds.
    BadScores
    """
    found = checked_scores(scores)
    truth = checked_truth(positive, len(found))
    codes, n = numbered(patients, len(found))
    values, covariance = _aucs(found[None], truth, codes, n)
    return _auc_figure(values[0], covariance[0, 0], truth, codes, n, confidence)


def auc_difference(
    scores: ArrayLike,
    other_scores: ArrayLike,
    positive: ArrayLike,
    patients: Sequence[Hashable] | Array,
    *,
    confidence: float = 0.95,
) -> AucComparison:
    """AUC of ``scores`` minus AUC of ``other_scores`` on the same cases (paired DeLong).

    The interval of the difference is a normal one. Parameters and errors as :func:`auc`.
    """
    sides = checked_scores(scores), checked_scores(other_scores, "the other scores")
    if len(sides[0]) != len(sides[1]):
        raise BadScores(
            "the two scores are not of the same cases", found=f"{len(sides[0])} and {len(sides[1])}"
        )
    pair = np.stack(sides)
    truth = checked_truth(positive, pair.shape[1])
    codes, n = numbered(patients, pair.shape[1])
    values, cov = _aucs(pair, truth, codes, n)
    variance = cov[0, 0] + cov[1, 1] - 2 * cov[0, 1]
    first, second = (
        _auc_figure(values[i], cov[i, i], truth, codes, n, confidence) for i in range(2)
    )
    few = _too_few(truth, codes)
    if few is None and variance <= 1e-15:
        few = "an interval cannot be said: the two scores rank positives and negatives alike"
    how = f"DeLong, paired{_clustered(n, len(truth))}"
    return _comparison(first, second, float(variance), few, how, len(truth), n, confidence)


def auc_difference_unpaired(
    scores: ArrayLike,
    positive: ArrayLike,
    patients: Sequence[Hashable] | Array,
    other_scores: ArrayLike,
    other_positive: ArrayLike,
    other_patients: Sequence[Hashable] | Array,
    *,
    confidence: float = 0.95,
) -> AucComparison:
    """AUC on one set of patients minus AUC on another.

    The two sets must share no patient; variances add. Parameters and errors as :func:`auc`.

    Raises
    ------
    CannotSay
        Also when a patient is in both sets: then the two are not independent.
    BadScores
    """
    for given in (patients, other_patients):
        numbered(given, len(given) if given is not None else 0)
    shared = set(patients) & set(other_patients)
    if shared:
        raise CannotSay(
            "an unpaired difference cannot be said: patients are in both sets",
            found=f"{len(shared)} patients",
            mend="compare on the same cases with auc_difference, or keep the sets apart",
        )
    sides, few = [], None
    for one, truth_of, who in (
        (scores, positive, patients),
        (other_scores, other_positive, other_patients),
    ):
        found = checked_scores(one)
        truth = checked_truth(truth_of, len(found))
        codes, n = numbered(who, len(found))
        values, cov = _aucs(found[None], truth, codes, n)
        few = few or _too_few(truth, codes)
        made = _auc_figure(values[0], cov[0, 0], truth, codes, n, confidence)
        sides.append((made, cov[0, 0], len(truth), n))
    (first, var_a, cases_a, n_a), (second, var_b, cases_b, n_b) = sides
    variance = float(var_a + var_b)
    if few is None and variance <= 0:
        few = "an interval cannot be said: both scores separate the cases without overlap"
    how = f"DeLong, unpaired{_clustered(n_a + n_b, cases_a + cases_b)}"
    return _comparison(first, second, variance, few, how, cases_a + cases_b, n_a + n_b, confidence)


def auc_covariance(
    scores: ArrayLike, positive: ArrayLike, patients: Sequence[Hashable] | Array
) -> tuple[Array, Array]:
    """AUCs of several scores of the same cases, and their covariance matrix.

    Parameters
    ----------
    scores : (S, N) array
    positive : (N,) array of bool
    patients : (N,)

    Returns
    -------
    (S,) float64, (S, S) float64

    Raises
    ------
    CannotSay
        Without cases of both kinds, or with fewer than two patients of either.
    BadScores
    """
    table = np.stack(
        [checked_scores(s) for s in np.atleast_2d(as_floats(scores, "table of scores"))]
    )
    truth = checked_truth(positive, table.shape[1])
    codes, n = numbered(patients, table.shape[1])
    values, covariance = _aucs(table, truth, codes, n)
    if np.isnan(covariance).any():
        raise CannotSay(
            "a variance cannot be said with fewer than two patients of either kind",
            mend="add patients",
        )
    return values, covariance


def placements(scores: Array, positive: Array) -> tuple[Array, Array]:
    """Of each positive case the share of negatives below, of each negative of positives above.

    Ties count half. Both (in the order of the cases) have the AUC as their mean.
    """
    from scipy.stats import rankdata

    together = rankdata(scores)
    n_positive = int(positive.sum())
    n_negative = len(scores) - n_positive
    of_positive = (together[positive] - rankdata(scores[positive])) / n_negative
    of_negative = 1 - (together[~positive] - rankdata(scores[~positive])) / n_positive
    return of_positive, of_negative


def aucs_without_each_patient(
    scores: Array, positive: Array, codes: Array, n_patients: int
) -> Array:
    """AUC of each of S scores with one patient left out, (S, P); NaN where a kind is then gone."""
    out = np.empty((len(scores), n_patients))
    n_positive = np.bincount(codes[positive], minlength=n_patients)
    n_negative = np.bincount(codes[~positive], minlength=n_patients)
    all_positive, all_negative = n_positive.sum(), n_negative.sum()
    pairs = (all_positive - n_positive) * (all_negative - n_negative)
    both = np.flatnonzero((n_positive > 0) & (n_negative > 0))
    order = np.argsort(codes, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=n_patients))])
    of_both = [order[starts[p] : starts[p + 1]] for p in both]
    for s, row in enumerate(scores):
        up, down = placements(row, positive)
        won = np.bincount(codes[positive], weights=up * all_negative, minlength=n_patients)
        won += np.bincount(codes[~positive], weights=down * all_positive, minlength=n_patients)
        # pairs within the patient were taken off twice
        within = np.zeros(n_patients)
        for p, cases in zip(both, of_both, strict=True):
            mine, truth = row[cases], positive[cases]
            gap = mine[truth][:, None] - mine[~truth][None, :]
            within[p] = (gap > 0).sum() + 0.5 * (gap == 0).sum()
        total = (up * all_negative).sum()
        with np.errstate(divide="ignore", invalid="ignore"):
            out[s] = np.where(pairs > 0, (total - won + within) / pairs, np.nan)
    return out


def _aucs(table: Array, truth: Array, codes: Array, n_patients: int) -> tuple[Array, Array]:
    """AUCs and covariances (Obuchowski 1997); NaN covariances with one patient of a kind."""
    require_both_classes(truth, "an AUC")
    n_positive, n_negative = int(truth.sum()), int((~truth).sum())
    ups, downs = zip(*(placements(row, truth) for row in table), strict=True)
    values = np.array([up.mean() for up in ups])

    def excess(which: Array, parts: Sequence[Array]) -> tuple[Array, int]:
        """By patient, the sum of placements over what the AUC would give; and patients behind."""
        count = np.bincount(codes[which], minlength=n_patients)
        sums = np.stack([np.bincount(codes[which], weights=p, minlength=n_patients) for p in parts])
        return sums - count * values[:, None], int((count > 0).sum())

    up, patients_up = excess(truth, ups)
    down, patients_down = excess(~truth, downs)
    if min(patients_up, patients_down) < 2 or n_patients < 2:
        return values, np.full((len(table), len(table)), np.nan)
    cross = up @ down.T * (n_patients / (n_patients - 1))
    covariance = (
        up @ up.T * (patients_up / (patients_up - 1)) / n_positive**2
        + down @ down.T * (patients_down / (patients_down - 1)) / n_negative**2
        + (cross + cross.T) / (n_positive * n_negative)
    )
    return values, covariance


def _auc_figure(
    value: float, variance: float, truth: Array, codes: Array, n: int, confidence: float
) -> Figure:
    def interval() -> Interval:
        few = _too_few(truth, codes)
        if few is not None:
            raise CannotSay(few)
        if variance <= 1e-15 or value <= 0 or value >= 1:
            raise CannotSay(
                "an interval cannot be said: the score separates positives from negatives without "
                "overlap, so its variance is not seen"
            )
        logit = float(np.log(value / (1 - value)))
        error = float(np.sqrt(variance)) / (value * (1 - value))
        made = normal_interval(logit, error, confidence, "")
        method = f"DeLong on the logit scale{_clustered(n, len(truth))}"
        return Interval(_expit(made.low), _expit(made.high), confidence, method)

    return figure(float(value), interval, n=len(truth), n_patients=n, confidence=confidence)


def _comparison(
    first: Figure,
    second: Figure,
    variance: float,
    few: str | None,
    how: str,
    cases: int,
    n: int,
    confidence: float,
) -> AucComparison:
    from scipy.special import ndtr

    assert first.value is not None and second.value is not None
    gap = first.value - second.value
    if few is not None:
        none = Figure(gap, "", None, None, confidence, cases, n, None, few)
        return AucComparison(first, second, none, None, None, None)
    error = float(np.sqrt(variance))
    shown = figure(
        gap,
        lambda: normal_interval(gap, error, confidence, how),
        n=cases,
        n_patients=n,
        confidence=confidence,
    )
    z = gap / error
    return AucComparison(first, second, shown, error, z, float(2 * ndtr(-abs(z))))


def _too_few(truth: Array, codes: Array) -> str | None:
    for kind, name in ((truth, "positive"), (~truth, "negative")):
        n = len(np.unique(codes[kind]))
        if n < MIN_PATIENTS:
            some = "patient" if n == 1 else "patients"
            return (
                f"an interval cannot be said with n = {n} {some} with a {name} case; it needs "
                f"{MIN_PATIENTS}"
            )
    return None


def _clustered(patients: int, cases: int) -> str:
    return "" if patients == cases else ", clustered by patient (Obuchowski 1997)"


def _expit(x: float) -> float:
    return float(1 / (1 + np.exp(-x)))
