"""Confidence intervals: exact and score intervals of a proportion, bootstrap over patients."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from limen.measures.errors import CannotSay
from limen.measures.grid import Array

MIN_PATIENTS = 10
"""Fewest patients for a bootstrap interval. With n patients of normal values the percentile
interval is a z interval with the spread divided by n, not n - 1: at n = 10 its nominal 95 %
holds the truth in 90 % of samples, and with fewer it is worse."""

RESAMPLES = 10_000


@dataclass(frozen=True)
class Interval:
    """A two-sided confidence interval and how it was made."""

    low: float
    high: float
    confidence: float
    method: str


def clopper_pearson(events: int, n: int, confidence: float = 0.95) -> Interval:
    """Exact two-sided interval of a proportion (Clopper and Pearson, Biometrika 1934).

    Holds the true proportion with at least the stated confidence, whatever it is.

    Parameters
    ----------
    events, n : int
        ``events`` out of ``n`` independent trials.
    confidence : float
        Between 0 and 1; each side takes half of what is left.

    Raises
    ------
    CannotSay
        With n = 0.
    """
    side = (1.0 + confidence) / 2.0
    return Interval(
        clopper_pearson_lower(events, n, side),
        clopper_pearson_upper(events, n, side),
        confidence,
        "Clopper-Pearson, exact",
    )


def clopper_pearson_upper(events: int, n: int, confidence: float = 0.95) -> float:
    """Exact one-sided upper limit of a proportion; 1 - (1 - confidence)^(1/n) for no event."""
    from scipy.special import betaincinv

    _check_proportion(events, n, confidence)
    return 1.0 if events == n else float(betaincinv(events + 1, n - events, confidence))


def clopper_pearson_lower(events: int, n: int, confidence: float = 0.95) -> float:
    """Exact one-sided lower limit of a proportion."""
    from scipy.special import betaincinv

    _check_proportion(events, n, confidence)
    return 0.0 if events == 0 else float(betaincinv(events, n - events + 1, 1.0 - confidence))


def wilson(events: int, n: int, confidence: float = 0.95) -> Interval:
    """Score interval of a proportion (Wilson, JASA 1927), without continuity correction.

    Shorter than the exact one; holds the stated confidence on average, not for every
    proportion. Raises :class:`CannotSay` with n = 0.
    """
    from scipy.special import ndtri

    _check_proportion(events, n, confidence)
    z = float(ndtri((1.0 + confidence) / 2.0))
    p = events / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    # at the ends rounding may pass the bounds by one unit in the last place
    low = 0.0 if events == 0 else max(0.0, centre - half)
    high = 1.0 if events == n else min(1.0, centre + half)
    return Interval(low, high, confidence, "Wilson score")


def bootstrap_mean(
    values: ArrayLike,
    patients: Sequence[Hashable],
    *,
    confidence: float = 0.95,
    seed: int,
    resamples: int = RESAMPLES,
) -> Interval:
    """Percentile bootstrap interval of the mean over cases, resampling whole patients.

    Parameters
    ----------
    values : (N,) array
        One value a case.
    patients : (N,)
        The patient of each case. All cases of a patient are drawn together.
    confidence : float
    seed : int
        The same seed and input give the same interval.
    resamples : int

    Raises
    ------
    CannotSay
        With fewer than ``MIN_PATIENTS`` patients, or when all patients are alike so that the
        bootstrap would state an interval of no width.
    """
    found = np.asarray(values, dtype=float)
    return bootstrap_ratio(
        found,
        np.ones_like(found),
        patients,
        confidence=confidence,
        seed=seed,
        resamples=resamples,
    )


def bootstrap_ratio(
    numerators: ArrayLike,
    denominators: ArrayLike,
    patients: Sequence[Hashable],
    *,
    confidence: float = 0.95,
    seed: int,
    resamples: int = RESAMPLES,
) -> Interval:
    """Percentile bootstrap interval of sum(numerators) / sum(denominators), by patient.

    For instance lesions found over lesions present. Patients whose denominators sum to zero
    say nothing about the ratio and are not drawn; parameters and errors as
    :func:`bootstrap_mean`.

    Raises
    ------
    CannotSay
    """
    top, bottom = _sums_by_patient(numerators, denominators, patients)
    top, bottom = top[bottom > 0], bottom[bottom > 0]
    n = len(top)
    if n < MIN_PATIENTS:
        raise CannotSay(
            f"an interval cannot be said with n = {n} {'patient' if n == 1 else 'patients'}",
            found=f"{n} patients",
            mend=f"the bootstrap over patients needs {MIN_PATIENTS} or more",
        )
    ratios = top / bottom
    if np.ptp(ratios) <= 1e-12 * np.abs(ratios).max():
        raise CannotSay(
            f"an interval cannot be said: all {n} patients have the same value",
            found=f"{ratios[0]:g} in each",
            mend="read the exact interval of the number of patients beside it",
        )
    rng = np.random.default_rng(seed)
    drawn = np.empty(resamples)
    block = max(1, 2_000_000 // n)  # keeps the index table under 16 MB
    for start in range(0, resamples, block):
        stop = min(start + block, resamples)
        chosen = rng.integers(0, n, size=(stop - start, n))
        drawn[start:stop] = top[chosen].sum(axis=1) / bottom[chosen].sum(axis=1)
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    method = f"percentile bootstrap over patients, {resamples} resamples, seed {seed}"
    return Interval(float(low), float(high), confidence, method)


def _sums_by_patient(
    numerators: ArrayLike, denominators: ArrayLike, patients: Sequence[Hashable]
) -> tuple[Array, Array]:
    top, bottom = np.asarray(numerators, dtype=float), np.asarray(denominators, dtype=float)
    if not len(top) == len(bottom) == len(patients):
        raise ValueError(
            f"{len(top)} numerators, {len(bottom)} denominators, {len(patients)} patients"
        )
    if not (np.isfinite(top).all() and np.isfinite(bottom).all()) or (bottom < 0).any():
        raise CannotSay(
            "an interval cannot be said over values that are not finite",
            mend="leave undefined cases out by name, and say so",
        )
    numbers: dict[Hashable, int] = {}
    at = np.array([numbers.setdefault(p, len(numbers)) for p in patients], dtype=np.int64)
    n = len(numbers)
    return np.bincount(at, weights=top, minlength=n), np.bincount(at, weights=bottom, minlength=n)


def _check_proportion(events: int, n: int, confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence}")
    if not 0 <= events <= n:
        raise ValueError(f"{events} events out of {n} cannot be")
    if n == 0:
        raise CannotSay("a proportion cannot be said with n = 0", mend="add cases")
