"""A number for each case held against a reference, or against itself: the terms of QIBA.

Bias, limits of agreement, repeatability and linearity as the Quantitative Imaging Biomarkers
Alliance defines them (Raunig et al. and Obuchowski et al., Stat. Methods Med. Res. 24 (2015) 27
and 68). Unit of independence: the patient. Guarantee: limits of agreement of one measurement a
patient and repeatability are exact for normal differences; the others are asymptotic in
patients. Differences that grow with the size are to be taken relative, or of logarithms.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from limen.measures.bootstrap import MIN_PATIENTS
from limen.measures.errors import BadScores, CannotSay
from limen.measures.figure import Figure, figure, no_figure
from limen.measures.grid import Array
from limen.measures.intervals import Interval
from limen.measures.outcomes import checked_scores, numbered

_WIDE = 1.959963984540054
"""Half the width, in standard deviations, of the 95 % of differences that the limits enclose."""


@dataclass(frozen=True)
class Agreement:
    """Differences, measured minus reference.

    Attributes
    ----------
    bias : Figure
        Mean over patients.
    relative_bias : Figure
        Mean of the differences as a fraction of the reference.
    sd : float
        Standard deviation of a single difference, between and within patients.
    lower_limit, upper_limit : Figure
        95 % of differences of further patients lie between them.
    """

    bias: Figure
    relative_bias: Figure
    sd: float | None
    lower_limit: Figure
    upper_limit: Figure

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Repeatability:
    """How far measurements of one patient under the same conditions differ.

    Attributes
    ----------
    within_sd : Figure
        Within-patient standard deviation (wSD).
    coefficient : Figure
        Repeatability coefficient (RC), 2.77 wSD: 95 % of two measurements differ by less.
    within_cv : Figure
        Within-patient coefficient of variation (wCV), a fraction.
    relative_coefficient : Figure
        %RC as a fraction, 2.77 wCV.
    """

    within_sd: Figure
    coefficient: Figure
    within_cv: Figure
    relative_coefficient: Figure

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def agreement(
    measured: ArrayLike,
    reference: ArrayLike,
    patients: Sequence[Hashable] | Array,
    *,
    unit: str,
    confidence: float = 0.95,
) -> Agreement:
    """Bias and 95 % limits of agreement with their intervals (Bland and Altman, Lancet 1986).

    With one measurement a patient the limits are bias plus and minus 1.96 standard deviations,
    and their intervals exact (noncentral t; Carkeet, Optom. Vis. Sci. 2015). With several, the
    variance is that between patients' means and within patients together (Bland and Altman,
    J. Biopharm. Stat. 2007), and the intervals are by recovery of variances (Zou, Stat. Methods
    Med. Res. 2013); patients then weigh alike.

    Parameters
    ----------
    measured, reference : (N,) array
    patients : (N,)
    unit : str
        Of both, as "mm".
    confidence : float
        Of the intervals; the limits always enclose 95 %.

    Returns
    -------
    Agreement
        Without intervals, and with the reason, below ``MIN_PATIENTS`` patients.

    Raises
    ------
    BadScores
    CannotSay
        With fewer than two patients.
    """
    found, true = checked_measured(measured, reference)
    codes, n = numbered(patients, len(found))
    if n < 2:
        raise CannotSay(
            f"agreement cannot be said with n = {n} {'patient' if n == 1 else 'patients'}",
            mend="add patients",
        )
    spread = _Spread(found - true, codes, n)

    def limit(sign: int) -> Figure:
        return figure(
            spread.mean + sign * _WIDE * spread.sd,
            lambda: spread.interval_of_limit(sign, confidence),
            n=len(found),
            n_patients=n,
            confidence=confidence,
            unit=unit,
        )

    relative = no_figure(
        "it cannot be said: references of zero or below have no relative difference",
        confidence,
        len(found),
        n,
    )
    if (true > 0).all():
        relative = _Spread((found - true) / true, codes, n).bias(confidence, "")
    return Agreement(spread.bias(confidence, unit), relative, spread.sd, limit(-1), limit(1))


def repeatability(
    values: ArrayLike,
    patients: Sequence[Hashable] | Array,
    *,
    unit: str,
    confidence: float = 0.95,
) -> Repeatability:
    """Repeatability from two or more measurements of each patient (Raunig et al. 2015).

    Intervals are those of a variance (chi-square), exact for normal differences of one spread in
    all patients. Patients measured once say nothing and are left out.

    Parameters
    ----------
    values : (N,) array
    patients : (N,)
    unit : str
    confidence : float

    Returns
    -------
    Repeatability
        Without intervals, and with the reason, below ``MIN_PATIENTS`` repeated patients; QIBA
        asks for 35.

    Raises
    ------
    BadScores
    CannotSay
        When no patient was measured twice.
    """
    found = checked_scores(values, "values")
    codes, n = numbered(patients, len(found))
    count = np.bincount(codes, minlength=n)
    repeated = count[codes] > 1
    behind = int((count > 1).sum())
    if not behind:
        raise CannotSay(
            "repeatability cannot be said: no patient was measured twice",
            mend="repeat the measurement on the same patients",
        )
    means = np.bincount(codes, weights=found, minlength=n) / count
    off = np.where(repeated, found - means[codes], 0.0)
    squares = np.bincount(codes, weights=off**2, minlength=n)
    free = int((count[count > 1] - 1).sum())
    within = float(np.sqrt(squares.sum() / free))

    def shown(value: float, shown_unit: str) -> Figure:
        return figure(
            value,
            lambda: _of_variance(value, free, behind, confidence),
            n=int(repeated.sum()),
            n_patients=behind,
            confidence=confidence,
            unit=shown_unit,
        )

    twice = _WIDE * float(np.sqrt(2))
    if (means[count > 1] > 0).all():
        # root mean square of the patients' own coefficients of variation
        weights = squares[count > 1] / means[count > 1] ** 2
        cv = float(np.sqrt(weights.sum() / free))
        relative = (shown(cv, ""), shown(twice * cv, ""))
    else:
        why = "it cannot be said: means of zero or below have no coefficient of variation"
        none = no_figure(why, confidence, int(repeated.sum()), behind)
        relative = (none, none)
    return Repeatability(shown(within, unit), shown(twice * within, unit), *relative)


@dataclass(frozen=True)
class _Spread:
    """Differences by patient: their mean, and the spread of a single one."""

    values: Array
    codes: Array
    n: int

    @property
    def counts(self) -> Array:
        return np.bincount(self.codes, minlength=self.n)

    @property
    def means(self) -> Array:
        return np.bincount(self.codes, weights=self.values, minlength=self.n) / self.counts

    @property
    def mean(self) -> float:
        return float(self.means.mean())

    @property
    def between(self) -> float:
        """Variance of the patients' means."""
        return float(self.means.var(ddof=1))

    @property
    def within(self) -> tuple[float, float, int]:
        """Within-patient variance, the share of it not in the means, and degrees of freedom."""
        free = len(self.values) - self.n
        if not free:
            return 0.0, 0.0, 0
        squares = float(((self.values - self.means[self.codes]) ** 2).sum())
        return squares / free, 1 - float((1 / self.counts).mean()), free

    @property
    def sd(self) -> float:
        variance, share, _ = self.within
        return float(np.sqrt(self.between + share * variance))

    def bias(self, confidence: float, unit: str) -> Figure:
        return figure(
            self.mean,
            lambda: t_interval(
                self.mean, self.between / self.n, self.n, confidence, "t over patients"
            ),
            n=len(self.values),
            n_patients=self.n,
            confidence=confidence,
            unit=unit,
        )

    def interval_of_limit(self, sign: int, confidence: float) -> Interval:
        from scipy.special import chdtri, nctdtrit, stdtrit

        require_ten(self.n)
        tail, free = (1 - confidence) / 2, self.n - 1
        variance, share, inner_free = self.within
        if not inner_free:
            shift = _WIDE * np.sqrt(self.n)
            near, far = (
                float(nctdtrit(free, shift, level)) * self.sd / float(np.sqrt(self.n))
                for level in (tail, 1 - tail)
            )
            ends = sorted((self.mean + sign * near, self.mean + sign * far))
            return Interval(ends[0], ends[1], confidence, "exact for normal differences")
        half = float(stdtrit(free, 1 - tail)) * float(np.sqrt(self.between / self.n))
        total = self.sd**2
        inner = share * variance
        below = float(
            np.hypot(
                self.between * (1 - free / chdtri(free, tail)),
                inner * (1 - inner_free / chdtri(inner_free, tail)),
            )
        )
        above = float(
            np.hypot(
                self.between * (free / chdtri(free, 1 - tail) - 1),
                inner * (inner_free / chdtri(inner_free, 1 - tail) - 1),
            )
        )
        less = _WIDE * (self.sd - float(np.sqrt(max(total - below, 0.0))))
        more = _WIDE * (float(np.sqrt(total + above)) - self.sd)
        inward, outward = float(np.hypot(half, less)), float(np.hypot(half, more))
        limit = self.mean + sign * _WIDE * self.sd
        ends = sorted((limit - sign * inward, limit + sign * outward))
        return Interval(ends[0], ends[1], confidence, "recovery of variances (Zou 2013)")


def _of_variance(value: float, free: int, n: int, confidence: float) -> Interval:
    """Interval of a standard deviation, or of a multiple of one."""
    from scipy.special import chdtri

    require_ten(n)
    tail = (1 - confidence) / 2
    return Interval(
        value * float(np.sqrt(free / chdtri(free, tail))),
        value * float(np.sqrt(free / chdtri(free, 1 - tail))),
        confidence,
        "chi-square, exact for normal differences",
    )


def checked_measured(measured: ArrayLike, reference: ArrayLike) -> tuple[Array, Array]:
    found, true = (
        checked_scores(measured, "measured values"),
        checked_scores(reference, "references"),
    )
    if len(found) != len(true):
        raise BadScores(
            "measured values and references are not of one length",
            found=f"{len(found)} and {len(true)}",
            mend="give one of each for each case",
        )
    return found, true


def t_interval(value: float, variance: float, n: int, confidence: float, method: str) -> Interval:
    from scipy.special import stdtrit

    require_ten(n)
    half = float(stdtrit(n - 1, (1 + confidence) / 2)) * float(np.sqrt(variance))
    return Interval(value - half, value + half, confidence, method)


def require_ten(n: int) -> None:
    if n < MIN_PATIENTS:
        raise CannotSay(
            f"an interval cannot be said with n = {n} patients; it needs {MIN_PATIENTS}"
        )
