"""Reader studies by U-statistics: unbiased variances for any design (Gallas, Acad. Radiol. 2006).

The variance of a mean AUC is a sum over pairs of readings that share a reader, a negative case, a
positive case, or none of these; each of the eight kinds has a mean product (moment) that is
estimated without bias, also where readers did not read all cases (Gallas and Brown, Neural
Networks 2008). Degrees of freedom are those of the iMRMC software (Obuchowski, Gallas and Hillis,
Acad. Radiol. 2012).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from limen.measures.errors import CannotSay
from limen.measures.grid import Array
from limen.measures.mrmc import (
    ReaderStudy,
    checked_study,
    mean_figure,
    modality_names,
    require_patients_of_both_kinds,
    study_difference,
)

# A sum over all pairs holds those that share something; what is left is the sum over pairs that
# differ. Rows and columns: which of (positive case, negative case) must be the same, for one
# reader and then for two.
_UNMIX = np.array([[1, 0, 0, 0], [-1, 1, 0, 0], [-1, 0, 1, 0], [1, -1, -1, 1]])
_METHOD = "U-statistics (Gallas 2006), degrees of freedom of iMRMC"
_NOTHING, _LARGE = 1e-15, 1e6
_SHARE_NEGATIVE, _SHARE_POSITIVE, _SHARE_READER = [0, 2, 4, 6], [0, 1, 4, 5], [0, 1, 2, 3]


@dataclass(frozen=True)
class Moments:
    """Of two modalities (or one with itself), the eight kinds of pairs of readings.

    The order is that of iMRMC's M1 to M8: of one reader, both cases the same; the positive case
    the same; the negative case the same; neither; then the same four of two readers.

    Attributes
    ----------
    unbiased : (8,) array
        Mean product over pairs of exactly this kind.
    biased : (8,) array
        Mean product over pairs of this kind and of those that share more.
    coefficients : (8,) array
        Share of each kind among all pairs, the last less one; the covariance of the two mean
        AUCs is their product with ``unbiased``, summed.
    """

    unbiased: Array
    biased: Array
    coefficients: Array

    @property
    def covariance(self) -> float:
        """Unbiased; of a modality with itself it may come out negative."""
        return float(self.coefficients @ self.unbiased)

    @property
    def biased_covariance(self) -> float:
        """That of the empirical distribution, as a bootstrap of readers and cases would find."""
        return float(self.coefficients @ self.biased)


def mrmc_u_statistic(
    scores: ArrayLike,
    positive: ArrayLike,
    patients: Sequence[Hashable] | Array,
    *,
    modalities: Sequence[str] | None = None,
    confidence: float = 0.95,
) -> ReaderStudy:
    """Mean AUCs and their differences over readers and patients, from any design.

    Readers weigh by the pairs of cases they read, as in iMRMC; in a fully crossed study that is
    the plain mean. The t quantile has the degrees of freedom rounded down. An unbiased variance
    can come out negative; then the biased one, which is too large on average in a crossed study,
    stands in for it and the method says so.

    Parameters
    ----------
    scores : (M, R, N) array
        By modality, reader and case; NaN where a reader did not read a case. Higher means more
        likely positive.
    positive : (N,) array of bool
    patients : (N,)
        One case a patient: the moments have no place for a second.
    modalities, confidence
        As :func:`limen.measures.mrmc_anova`.

    Raises
    ------
    CannotSay
        With one reader, without cases of both kinds or with fewer than ``MIN_PATIENTS`` of
        either, with several cases of a patient, where readers respond alike, or when both
        variances come out negative, as happens where many readings are missing.
    BadScores
    """
    table, truth, codes, n = checked_study(scores, positive, patients)
    names = modality_names(modalities, len(table))
    if n != table.shape[2]:
        raise CannotSay(
            "U-statistics of a reader study cannot be said with several cases of a patient",
            found=f"{table.shape[2]} cases of {n} patients",
            mend="use mrmc_anova, whose jackknife leaves out whole patients",
        )
    readers = [int((~np.isnan(modality)).any(axis=1).sum()) for modality in table]
    if min(readers) < 2:
        raise CannotSay(
            "nothing can be said of a population of readers with fewer than two readers",
            mend="add readers",
        )
    require_patients_of_both_kinds(truth, codes)
    won = [_success(modality, truth) for modality in table]
    for name, (_, read) in zip(names, won, strict=True):
        if not read.any():
            raise CannotSay("an AUC cannot be said: no reader read cases of both kinds", where=name)
    own = [moments(w, w) for w in won]
    means = [float(s.sum() / d.sum()) for s, d in won]
    counts: dict[str, Any] = {"n": table.shape[2], "n_patients": n, "confidence": confidence}
    differences = []
    for a, b in combinations(range(len(table)), 2):
        cross = moments(won[a], won[b])
        error, df, method = _error(
            own[a].covariance + own[b].covariance - 2 * cross.covariance,
            own[a].biased_covariance + own[b].biased_covariance - 2 * cross.biased_covariance,
            own[a].biased + own[b].biased - 2 * cross.biased,
            np.minimum(_frees(own[a]), _frees(own[b])),
            f"{names[a]} less {names[b]}",
        )
        gap = means[a] - means[b]
        pair = (names[a], names[b])
        differences.append(study_difference(pair, gap, error, df, method, **counts))
    figures = {}
    for name, mean, moment in zip(names, means, own, strict=True):
        error, df, method = _error(
            moment.covariance, moment.biased_covariance, moment.biased, _frees(moment), name
        )
        figures[name] = mean_figure(mean, error, df, method, **counts)
    return ReaderStudy(
        method=_METHOD,
        generalises_to="readers and cases",
        n_readers=max(readers),
        n_cases=table.shape[2],
        n_patients=n,
        aucs={
            name: tuple(float(s.sum() / d.sum()) for s, d in zip(*pair, strict=True) if d.any())
            for name, pair in zip(names, won, strict=True)
        },
        means=figures,
        differences=tuple(differences),
    )


def moments(first: tuple[Array, Array], second: tuple[Array, Array]) -> Moments:
    """Moments of two modalities, each as successes and readings (R, negatives, positives)."""
    sums, counts = (_sums(first[k], second[k]) for k in (0, 1))
    unmix = np.block([[_UNMIX, np.zeros((4, 4))], [-_UNMIX, _UNMIX]])
    apart, pairs = unmix @ sums, unmix @ counts
    coefficients = pairs / counts[7]
    coefficients[7] -= 1
    return Moments(
        unbiased=np.divide(apart, pairs, out=np.zeros(8), where=pairs > 0.5),
        biased=np.divide(sums, counts, out=np.zeros(8), where=counts > 0.5),
        coefficients=coefficients,
    )


def _sums(a: Array, b: Array) -> Array:
    """Sums of products over pairs that share: reader and both cases, ... , nothing at all."""

    def of_one_reader(x: Array, y: Array) -> list[float]:
        return [
            float((x * y).sum()),
            float((x.sum(axis=1) * y.sum(axis=1)).sum()),
            float((x.sum(axis=2) * y.sum(axis=2)).sum()),
            float((x.sum(axis=(1, 2)) * y.sum(axis=(1, 2))).sum()),
        ]

    both = [part.sum(axis=0, keepdims=True) for part in (a, b)]
    return np.array(of_one_reader(a, b) + of_one_reader(*both))


def _success(scores: Array, positive: Array) -> tuple[Array, Array]:
    """1 where the positive case scores higher, 0.5 for a tie; and which pairs were read."""
    up, down = scores[:, None, positive], scores[:, ~positive, None]
    read = ~(np.isnan(up) | np.isnan(down))
    with np.errstate(invalid="ignore"):
        won = (up > down) + 0.5 * (up == down)
    return np.where(read, won, 0.0), read.astype(float)


def _frees(moment: Moments) -> Array:
    """Degrees of freedom of negatives, positives and readers, from the design."""
    shares = moment.coefficients.copy()
    found = [shares[_SHARE_NEGATIVE], shares[_SHARE_POSITIVE], shares[_SHARE_READER]]
    return np.array([max(round(1 / s.sum() - 1), 1) for s in found], dtype=float)


def _error(
    variance: float, biased_variance: float, biased: Array, frees: Array, what: str
) -> tuple[float, float, str]:
    """Standard error, degrees of freedom rounded down, and the method in words."""
    method = _METHOD
    if variance <= _NOTHING:
        variance = biased_variance
        method += "; the unbiased variance came out negative, so the biased one stands"
    if variance <= _NOTHING:
        why = "came out negative" if variance < -_NOTHING else "is nought: readers respond alike"
        raise CannotSay(
            f"an interval cannot be said: its variance {why}",
            where=what,
            found=f"{variance:.3g}",
            mend="add readers and cases, or let every reader read every case",
        )
    effects = np.array([biased[6] - biased[7], biased[5] - biased[7], biased[3] - biased[7]])
    spread = float((effects**2 / frees**3).sum())
    # Satterthwaite over the three main effects, and no fewer than the fewest of them
    df = max(variance**2 / spread, float(frees.min())) if spread > 0 else _LARGE
    return float(np.sqrt(variance)), float(np.floor(min(df, _LARGE))), method
