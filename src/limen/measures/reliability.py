"""Whether probabilities mean what they say.

Estimands: the gap between stated probabilities and the shares of positive cases (expected
calibration error), the mean squared error of the probabilities (Brier score), and the slope and
intercept of the truth against the stated log odds (Cox, Biometrika 1958): 1 and 0 when calibrated.
Unit of independence: the patient. Guarantee: asymptotic in patients.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from limen.measures.bootstrap import MIN_PATIENTS, bootstrap_mean
from limen.measures.calibration_error import ece_interval, error_by_chance
from limen.measures.errors import BadScores, CannotSay
from limen.measures.figure import Figure, figure, no_figure
from limen.measures.grid import Array
from limen.measures.intervals import normal_interval
from limen.measures.operating_point import CallsOfAKind
from limen.measures.outcomes import checked_probabilities, checked_truth, numbered

_METHOD = "logistic regression, errors clustered by patient"

SIMULATED = 1000
"""Data sets drawn to see what error a calibrated model of this size would show."""


@dataclass(frozen=True)
class ReliabilityBin:
    """Cases of about one stated probability, and the share of them that is positive."""

    lowest_probability: float
    highest_probability: float
    mean_probability: float
    observed: Figure


@dataclass(frozen=True)
class BrierParts:
    """Parts of the Brier score over the bins, which add up to it exactly.

    Brier = reliability - resolution + uncertainty + within_bins (Murphy, J. Appl. Meteorol. 1973,
    with the within-bin terms of Stephenson, Coelho and Jolliffe, Weather Forecast. 2008).

    Attributes
    ----------
    reliability : float
        Squared gaps between stated and observed; 0 when calibrated.
    resolution : float
        How far the bins' observed shares are spread; more is better.
    uncertainty : float
        Prevalence times one minus prevalence: what nobody can remove.
    within_bins : float
        Variance of the probabilities within bins less twice their covariance with the truth.
    """

    reliability: float
    resolution: float
    uncertainty: float
    within_bins: float


@dataclass(frozen=True)
class Calibration:
    """Calibration of a set of probabilities.

    Attributes
    ----------
    n_cases, n_patients : int
    prevalence : float
        Share of positive cases.
    ece : float
        Expected calibration error over bins of equal mass. It is above zero for a calibrated
        model too, so it is read beside ``ece_when_calibrated``.
    ece_figure : Figure
        The same with its interval, from which what chance adds is taken off; so the value may
        lie at its upper end (:mod:`limen.measures.calibration_error`).
    ece_by_chance : float or None
        What gaps of pure chance would show as an error: its bias is at most about that.
    ece_when_calibrated : float or None
        Its mean over data sets drawn from the stated probabilities themselves.
    ece_p_value : float or None
        Share of those data sets with an error at least as large: small speaks against
        calibration. None where patients have several cases, which are not drawn independently.
    brier : Figure
    brier_parts : BrierParts
    intercept : Figure
        Calibration in the large: log odds by which the truth exceeds the stated; 0 is calibrated.
    slope : Figure
        1 is calibrated, below 1 the probabilities are too extreme.
    bins : tuple of ReliabilityBin
        In ascending order of probability; the data of a reliability diagram.
    """

    n_cases: int
    n_patients: int
    prevalence: float
    ece: float
    ece_when_calibrated: float | None
    ece_p_value: float | None
    brier: Figure
    brier_parts: BrierParts
    intercept: Figure
    slope: Figure
    bins: tuple[ReliabilityBin, ...]
    ece_figure: Figure
    ece_by_chance: float | None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def calibration(
    probabilities: ArrayLike,
    positive: ArrayLike,
    patients: Sequence[Hashable] | Array,
    *,
    bins: int = 10,
    confidence: float = 0.95,
    seed: int = 0,
) -> Calibration:
    """Calibration of probabilities against the truth.

    Bins hold about equally many cases; equal probabilities are never parted, so the order of the
    cases does not matter, and fewer bins than asked for may come out. Bins of equal mass vary
    less than bins of equal width, of which the outer ones are nearly empty (Nixon et al., CVPR
    workshops 2019).

    Parameters
    ----------
    probabilities : (N,) array
        Of being positive, from 0 to 1.
    positive : (N,) array of bool
    patients : (N,)
        The patient of each case; ``range(N)`` where each case is a patient of its own.
    bins : int
    confidence : float
    seed : int
        Of the bootstrap (Brier score) and of the drawn data sets.

    Returns
    -------
    Calibration
        The Brier score has its bootstrap interval over patients; slope and intercept normal ones
        with standard errors clustered by patient (sandwich), or the reason why they cannot be
        said: probabilities of exactly 0 or 1, too few patients of a kind, or cases separated so
        that the slope has no bound.

    Raises
    ------
    NotProbabilities, BadScores
    CannotSay
        When there is no case at all.
    """
    p = checked_probabilities(probabilities)
    truth = checked_truth(positive, len(p))
    codes, n = numbered(patients, len(p))
    if bins < 1:
        raise BadScores("calibration needs at least one bin", found=str(bins))
    if not len(p):
        raise CannotSay("nothing can be said: there are no cases", mend="add cases")
    y = truth.astype(float)
    bin_of = equal_mass_bins(p, bins)
    parts, ece = _parts(p, y, bin_of)
    alone = n == len(p)
    expected = p_value = None
    if alone:
        drawn = _ece_of_calibrated(p, bin_of, seed)
        expected = float(drawn.mean())
        # as Phipson and Smyth 2010: the data set at hand is one of those it is held against
        p_value = float((1 + (drawn >= ece - 1e-12).sum()) / (1 + SIMULATED))
    resampled, by_chance = error_by_chance(p - y, bin_of, codes, n, seed)
    squared = (p - y) ** 2
    intercept, slope = _line(p, y, codes, n, confidence)
    return Calibration(
        n_cases=len(p),
        n_patients=n,
        prevalence=float(y.mean()),
        ece=ece,
        ece_when_calibrated=expected,
        ece_p_value=p_value,
        brier=figure(
            float(squared.mean()),
            lambda: bootstrap_mean(squared, codes, confidence=confidence, seed=seed),
            n=len(p),
            n_patients=n,
            confidence=confidence,
        ),
        brier_parts=parts,
        intercept=intercept,
        slope=slope,
        bins=tuple(
            ReliabilityBin(
                float(p[at].min()),
                float(p[at].max()),
                float(p[at].mean()),
                CallsOfAKind(truth[at], codes[at], "", seed).share(confidence),
            )
            for at in (bin_of == b for b in range(bin_of.max() + 1))
        ),
        ece_figure=figure(
            ece,
            lambda: ece_interval(ece, resampled, by_chance, n, confidence, seed),
            n=len(p),
            n_patients=n,
            confidence=confidence,
        ),
        ece_by_chance=by_chance if n >= MIN_PATIENTS else None,
    )


def equal_mass_bins(probabilities: Array, bins: int) -> Array:
    """Bin of each case from 0, of about equally many cases each; equal values stay together."""
    values, at, count = np.unique(probabilities, return_inverse=True, return_counts=True)
    middle = np.cumsum(count) - count / 2
    raw = np.minimum((middle * bins / len(probabilities)).astype(int), bins - 1)
    _, dense = np.unique(raw, return_inverse=True)
    assert len(dense) == len(values)
    return np.asarray(dense[at])


def _parts(p: Array, y: Array, bin_of: Array) -> tuple[BrierParts, float]:
    n = len(p)
    count = np.bincount(bin_of)
    mean_p = np.bincount(bin_of, weights=p) / count
    mean_y = np.bincount(bin_of, weights=y) / count
    inner_p, inner_y = p - mean_p[bin_of], y - mean_y[bin_of]
    share = count / n
    parts = BrierParts(
        reliability=float((share * (mean_p - mean_y) ** 2).sum()),
        resolution=float((share * (mean_y - y.mean()) ** 2).sum()),
        uncertainty=float(y.mean() * (1 - y.mean())),
        within_bins=float((inner_p**2 - 2 * inner_p * inner_y).sum() / n),
    )
    return parts, float((share * np.abs(mean_p - mean_y)).sum())


def _ece_of_calibrated(p: Array, bin_of: Array, seed: int) -> Array:
    rng = np.random.default_rng(seed)
    excess = np.bincount(bin_of, weights=p)
    drawn = np.empty(SIMULATED)
    for i in range(SIMULATED):
        found = np.bincount(bin_of, weights=rng.random(len(p)) < p)
        drawn[i] = np.abs(found - excess).sum() / len(p)
    return drawn


def _line(
    p: Array, y: Array, codes: Array, n_patients: int, confidence: float
) -> tuple[Figure, Figure]:
    """Calibration in the large, and the slope."""
    edge = int(((p <= 0) | (p >= 1)).sum())
    why = None
    if edge:
        why = f"it cannot be said: {edge} of {len(p)} probabilities are exactly 0 or 1"
    for kind, name in ((y > 0, "positive"), (y == 0, "negative")):
        behind = len(np.unique(codes[kind]))
        if behind < MIN_PATIENTS and why is None:
            why = (
                f"it cannot be said with n = {behind} patients with a {name} case; it needs "
                f"{MIN_PATIENTS}"
            )
    if why is not None:
        none = no_figure(why, confidence, len(p), n_patients)
        return none, none
    odds = np.log(p / (1 - p))
    ones = np.ones((len(p), 1))
    shift = _coefficient(ones, odds, y, codes, n_patients, confidence, "log odds")
    if np.ptp(odds) <= 1e-12:
        flat = "it cannot be said: all probabilities are alike"
        return shift, no_figure(flat, confidence, len(p), n_patients)
    both = np.column_stack([ones, odds])
    slope = _coefficient(both, np.zeros(len(p)), y, codes, n_patients, confidence, "")
    return shift, slope


def _coefficient(
    x: Array, offset: Array, y: Array, codes: Array, n_patients: int, confidence: float, unit: str
) -> Figure:
    """The last coefficient of a logistic regression, its error clustered by patient."""
    fitted = _fit(x, offset, y)
    if fitted is None:
        why = "it cannot be said: the probabilities separate the two kinds, so it has no bound"
        return no_figure(why, confidence, len(y), n_patients, unit)
    beta, information, residual = fitted
    scores = np.zeros((n_patients, x.shape[1]))
    np.add.at(scores, codes, x * residual[:, None])
    bread = np.linalg.inv(information)
    few = n_patients / (n_patients - 1) * (len(y) - 1) / (len(y) - x.shape[1])
    error = float(np.sqrt(few * (bread @ scores.T @ scores @ bread)[-1, -1]))
    value = float(beta[-1])
    return figure(
        value,
        lambda: normal_interval(value, error, confidence, _METHOD),
        n=len(y),
        n_patients=n_patients,
        confidence=confidence,
        unit=unit,
    )


def _fit(x: Array, offset: Array, y: Array) -> tuple[Array, Array, Array] | None:
    """Coefficients, information and residuals of a logistic regression; None without a maximum."""
    beta = np.zeros(x.shape[1])
    for _ in range(60):
        mean = 1 / (1 + np.exp(-np.clip(x @ beta + offset, -500, 500)))
        information = (x * (mean * (1 - mean))[:, None]).T @ x
        if np.linalg.cond(information) > 1e12 or np.abs(beta).max() > 1e3:
            return None
        step = np.linalg.solve(information, x.T @ (y - mean))
        beta = beta + step
        if np.abs(step).max() < 1e-10:
            return beta, information, y - mean
    return None
