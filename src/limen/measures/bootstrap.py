"""The bootstrap over patients: whole patients are drawn with replacement.

Estimand: the quantity in the population the patients were drawn from. Unit of independence: the
patient; all cases of a patient are drawn together. Guarantee: asymptotic in the number of
patients, not exact; what it is worth with few is said at ``MIN_PATIENTS``. Assumes that patients
are independent draws and that the statistic is smooth in them.

``method="percentile"`` takes the quantiles of the resampled values; ``"bca"`` corrects them for
bias and for a spread that changes with the value (Efron, JASA 1987), with the jackknife over
patients. The same seed and input give the same interval on any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from limen.measures.errors import BadScores, BadValue, CannotSay
from limen.measures.grid import Array, as_floats
from limen.measures.intervals import Interval
from limen.measures.outcomes import (
    checked_scores,
    checked_truth,
    numbered,
    require_both_classes,
)

MIN_PATIENTS = 10
"""Fewest patients for a bootstrap interval. With n patients of normal values the percentile
interval is a z interval with the spread divided by n, not n - 1: at n = 10 its nominal 95 %
holds the truth in 90 % of samples, and with fewer it is worse."""

RESAMPLES = 10_000
"""Resamples up to 2,000 patients."""

FEWEST_RESAMPLES = 2_000
"""Resamples at 10,000 patients or more: the quantiles then wobble by about 3 % of the width."""

Method = Literal["percentile", "bca"]


def default_resamples(n_patients: int) -> int:
    """Resamples that keep the work at 20 million draws, between the two limits above."""
    return max(FEWEST_RESAMPLES, min(RESAMPLES, 20_000_000 // max(n_patients, 1)))


def bootstrap_mean(
    values: ArrayLike,
    patients: Sequence[Hashable] | Array,
    *,
    confidence: float = 0.95,
    seed: int,
    resamples: int | None = None,
    method: Method = "percentile",
) -> Interval:
    """Interval of the mean over cases, resampling whole patients.

    Parameters
    ----------
    values : (N,) array
        One value a case.
    patients : (N,)
        The patient of each case.
    confidence : float
    seed : int
        The same seed and input give the same interval.
    resamples : int, optional
        Default :func:`default_resamples`.
    method : "percentile" or "bca"

    Raises
    ------
    CannotSay
        With fewer than ``MIN_PATIENTS`` patients, or when all patients are alike so that the
        bootstrap would state an interval of no width.
    BadScores
    """
    found = as_floats(values, "list of values")
    return bootstrap_ratio(
        found,
        np.ones_like(found),
        patients,
        confidence=confidence,
        seed=seed,
        resamples=resamples,
        method=method,
    )


def bootstrap_ratio(
    numerators: ArrayLike,
    denominators: ArrayLike,
    patients: Sequence[Hashable] | Array,
    *,
    confidence: float = 0.95,
    seed: int,
    resamples: int | None = None,
    method: Method = "percentile",
) -> Interval:
    """Interval of sum(numerators) / sum(denominators), resampling whole patients.

    For instance lesions found over lesions present. Patients whose denominators sum to zero
    say nothing about the ratio and are not drawn; parameters and errors as
    :func:`bootstrap_mean`.

    Raises
    ------
    CannotSay, BadScores
    """
    from limen.measures.bootstrap_kernels import ratios_of_resamples

    top, bottom = _sums_by_patient(numerators, denominators, patients)
    top, bottom = top[bottom > 0], bottom[bottom > 0]
    n = len(top)
    require_patients(n)
    ratios = top / bottom
    if np.ptp(ratios) <= 1e-12 * np.abs(ratios).max():
        raise CannotSay(
            f"an interval cannot be said: all {n} patients have the same value",
            found=f"{ratios[0]:g} in each",
            mend="read the exact interval of the number of patients beside it",
        )
    times = resamples or default_resamples(n)
    drawn = ratios_of_resamples(kernel_key(seed), times, top, bottom)
    estimate = float(top.sum() / bottom.sum())
    # with one patient left out; BCa alone needs it
    left_out = (top.sum() - top) / (bottom.sum() - bottom) if method == "bca" else top
    return interval_of_resamples(drawn, estimate, left_out, confidence, seed, method)


def bootstrap_auc(
    scores: ArrayLike,
    positive: ArrayLike,
    patients: Sequence[Hashable] | Array,
    *,
    confidence: float = 0.95,
    seed: int,
    resamples: int | None = None,
    method: Method = "percentile",
) -> Interval:
    """Interval of the area under the ROC curve, resampling whole patients.

    Parameters
    ----------
    scores : (N,) array
        Higher means more likely positive. Ties count half.
    positive : (N,) array of bool
    patients, confidence, seed, resamples, method
        As :func:`bootstrap_mean`.

    Raises
    ------
    CannotSay
        Without cases of both kinds, with fewer than ``MIN_PATIENTS`` patients with a positive
        case or with a negative one, or when every resample gives the same value (a perfect
        score has an interval of no width).
    BadScores
    """
    drawn, estimates, left_out = _resampled_aucs(
        [scores], positive, patients, seed, resamples, method
    )
    return interval_of_resamples(drawn[0], estimates[0], left_out[0], confidence, seed, method)


def bootstrap_auc_difference(
    scores: ArrayLike,
    other_scores: ArrayLike,
    positive: ArrayLike,
    patients: Sequence[Hashable] | Array,
    *,
    confidence: float = 0.95,
    seed: int,
    resamples: int | None = None,
    method: Method = "percentile",
) -> Interval:
    """Interval of AUC of ``scores`` minus AUC of ``other_scores`` on the same cases.

    Both are computed on the same resamples. Parameters and errors as :func:`bootstrap_auc`.
    """
    drawn, estimates, left_out = _resampled_aucs(
        [scores, other_scores], positive, patients, seed, resamples, method
    )
    return interval_of_resamples(
        drawn[0] - drawn[1],
        estimates[0] - estimates[1],
        left_out[0] - left_out[1],
        confidence,
        seed,
        method,
    )


def bootstrap_statistic(
    statistic: Callable[[Array], float],
    patients: Sequence[Hashable] | Array,
    *,
    confidence: float = 0.95,
    seed: int,
    resamples: int = FEWEST_RESAMPLES,
    method: Method = "percentile",
) -> Interval:
    """Interval of any statistic of a list of cases, resampling whole patients.

    Parameters
    ----------
    statistic : callable
        Given the indices of the drawn cases, an integer array with repeats, it returns a number;
        NaN where the drawn cases do not define one.
    patients, confidence, seed, resamples, method
        As :func:`bootstrap_mean`.

    Raises
    ------
    CannotSay
        As :func:`bootstrap_mean`; also when the statistic is undefined in one resample of a
        hundred or more.
    """
    listed = list(patients)
    codes, n = numbered(listed, len(listed))
    require_patients(n)
    order = np.argsort(codes, kind="stable")
    groups = np.split(order, np.cumsum(np.bincount(codes, minlength=n))[:-1])
    rng = np.random.default_rng(seed)
    drawn = np.array(
        [
            statistic(np.concatenate([groups[p] for p in rng.integers(0, n, n)]))
            for _ in range(resamples)
        ]
    )
    estimate = float(statistic(np.arange(len(listed))))
    left_out = np.zeros(1)
    if method == "bca":
        left_out = np.array([statistic(order[codes[order] != p]) for p in range(n)])
    return interval_of_resamples(drawn, estimate, left_out, confidence, seed, method)


def _resampled_aucs(
    scores: Sequence[ArrayLike],
    positive: ArrayLike,
    patients: Sequence[Hashable] | Array,
    seed: int,
    resamples: int | None,
    method: Method,
) -> tuple[Array, Array, Array]:
    """Of S scores: AUC in each resample (S, B), as measured (S,), without each patient (S, P)."""
    from limen.measures.bootstrap_kernels import aucs_of_resamples
    from limen.measures.roc import aucs_without_each_patient, placements

    found = np.stack([checked_scores(s) for s in scores])
    truth = checked_truth(positive, found.shape[1])
    codes, n = numbered(patients, found.shape[1])
    require_both_classes(truth, "an AUC")
    for kind, name in ((truth, "a positive case"), (~truth, "a negative case")):
        require_patients(len(np.unique(codes[kind])), f" with {name}")
    order = np.argsort(found, axis=1, kind="stable")
    ranked = np.take_along_axis(found, order, axis=1)
    ends_tie = np.ones(found.shape, np.uint8)
    ends_tie[:, :-1] = ranked[:, 1:] != ranked[:, :-1]
    drawn = aucs_of_resamples(
        kernel_key(seed),
        resamples or default_resamples(n),
        n,
        codes[order].astype(np.int32),
        truth[order].astype(np.int32),
        ends_tie,
    )
    estimates = np.array([placements(s, truth)[0].mean() for s in found])
    left_out = np.zeros((len(found), 1))
    if method == "bca":
        left_out = aucs_without_each_patient(found, truth, codes, n)
    return drawn, estimates, left_out


def interval_of_resamples(
    drawn: Array, estimate: float, left_out: Array, confidence: float, seed: int, method: Method
) -> Interval:
    """The interval of a statistic from its values in the resamples.

    ``left_out`` holds its values with one patient left out; BCa alone looks at them.
    Raises :class:`CannotSay`.
    """
    if not 0 < confidence < 1:
        raise BadValue("the confidence does not lie between 0 and 1", found=str(confidence))
    defined = drawn[np.isfinite(drawn)]
    if len(defined) < 0.99 * len(drawn):
        raise CannotSay(
            "an interval cannot be said: the statistic is undefined in "
            f"{len(drawn) - len(defined)} of {len(drawn)} resamples",
            mend="add patients",
        )
    if np.ptp(defined) <= 1e-12 * max(1.0, float(np.abs(defined).max())):
        raise CannotSay(
            "an interval cannot be said: every resample has the same value",
            found=f"{defined[0]:g}",
            mend="add patients, until some differ",
        )
    levels = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    name = "percentile"
    if method == "bca":
        levels, name = _bca_levels(defined, estimate, left_out, levels), "BCa"
    low, high = np.quantile(defined, levels)
    text = f"{name} bootstrap over patients, {len(drawn)} resamples, seed {seed}"
    if len(defined) < len(drawn):
        text += f", {len(drawn) - len(defined)} of them undefined and left out"
    return Interval(float(low), float(high), confidence, text)


def _bca_levels(drawn: Array, estimate: float, left_out: Array, levels: Array) -> Array:
    from scipy.special import ndtr, ndtri

    below = (np.count_nonzero(drawn < estimate) + np.count_nonzero(drawn <= estimate)) / 2
    bias = ndtri(below / len(drawn))
    off = left_out.mean() - left_out
    spread = float((off**2).sum())
    if not np.isfinite(bias) or not np.isfinite(off).all() or spread == 0:
        raise CannotSay(
            "a BCa interval cannot be said: the statistic lies at the end of its resamples, or is "
            "undefined without one of the patients",
            mend="use the percentile interval, or add patients",
        )
    acceleration = float((off**3).sum()) / (6 * spread**1.5)
    z = bias + ndtri(levels)
    stretch = 1 - acceleration * z
    corrected = np.asarray(ndtr(bias + z / stretch))
    if (
        (stretch <= 0).any()
        or corrected.min() * len(drawn) < 1
        or ((1 - corrected.max()) * len(drawn) < 1)
    ):
        raise CannotSay(
            "a BCa interval cannot be said: its limits lie beyond the resamples",
            found=f"levels {corrected[0]:.2g} and {corrected[1]:.6g} of {len(drawn)} resamples",
            mend="draw more resamples",
        )
    return corrected


def _sums_by_patient(
    numerators: ArrayLike, denominators: ArrayLike, patients: Sequence[Hashable] | Array
) -> tuple[Array, Array]:
    top, bottom = as_floats(numerators, "numerators"), as_floats(denominators, "denominators")
    if top.ndim != 1 or top.shape != bottom.shape:
        raise BadScores(
            "numerators and denominators are not of one length",
            found=f"shapes {top.shape} and {bottom.shape}",
            mend="give one of each for each case",
        )
    codes, n = numbered(patients, len(top))
    if not (np.isfinite(top).all() and np.isfinite(bottom).all()) or (bottom < 0).any():
        raise CannotSay(
            "an interval cannot be said over values that are not finite",
            mend="leave undefined cases out by name, and say so",
        )
    return (
        np.bincount(codes, weights=top, minlength=n),
        np.bincount(codes, weights=bottom, minlength=n),
    )


def require_patients(n: int, which: str = "") -> None:
    """Raises :class:`CannotSay` below ``MIN_PATIENTS``; ``which`` names them, as " with ..."."""
    if n < MIN_PATIENTS:
        raise CannotSay(
            f"an interval cannot be said with n = {n} {'patient' if n == 1 else 'patients'}{which}",
            found=f"{n} patients",
            mend=f"the bootstrap over patients needs {MIN_PATIENTS} or more{which}",
        )


def kernel_key(seed: int) -> np.uint64:
    """The key of the kernels' random streams: the same key draws the same patients."""
    return np.uint64(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0])
