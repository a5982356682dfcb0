"""Reader studies (multi-reader, multi-case): AUCs of modalities read by several readers.

Estimand: the mean AUC of a modality over readers and patients like those of the study, and the
difference of two modalities, for instance readers with and without a model's help. Units of
independence: the reader and the patient, both. :func:`mrmc_anova` is the analysis of variance of
Obuchowski and Rockette (Commun. Stat. Simul. Comput. 1995), corrected by Hillis (Stat. Med.
2007); :func:`limen.measures.mrmc_u_statistic` is that of Gallas.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from limen.measures.bootstrap import MIN_PATIENTS
from limen.measures.errors import BadScores, CannotSay
from limen.measures.figure import Figure
from limen.measures.grid import Array
from limen.measures.outcomes import checked_truth, numbered, require_both_classes
from limen.measures.roc import aucs_without_each_patient, placements


@dataclass(frozen=True)
class ReaderStudyDifference:
    """Mean AUC of one modality minus that of another, with its test.

    ``df`` are the degrees of freedom of t; infinite ones (readers taken as they are) are None.
    """

    first: str
    second: str
    difference: Figure
    standard_error: float
    df: float | None
    t: float
    p_value: float


@dataclass(frozen=True)
class VarianceComponents:
    """Components of Obuchowski and Rockette; they plan the next study, and may be negative.

    Attributes
    ----------
    reader, reader_by_modality : float
        Variances between readers, and of their response to the modality.
    error : float
        Variance of one reader's AUC in one modality, over patients.
    cov1, cov2, cov3 : float
        Covariances over patients: of one reader in two modalities, of two readers in one
        modality, of two readers in two modalities.
    """

    reader: float
    reader_by_modality: float
    error: float
    cov1: float
    cov2: float
    cov3: float


@dataclass(frozen=True)
class ReaderStudy:
    """What a reader study says.

    Attributes
    ----------
    method : str
    generalises_to : str
        The populations the intervals speak of.
    n_readers, n_cases, n_patients : int
    aucs : dict
        By modality, one AUC a reader in the order given.
    means : dict of Figure
        By modality.
    differences : tuple of ReaderStudyDifference
        Of each pair of modalities.
    components : VarianceComponents or None
    f, df_numerator, df_denominator, p_value : float or None
        The test that all modalities have one mean AUC.
    """

    method: str
    generalises_to: str
    n_readers: int
    n_cases: int
    n_patients: int
    aucs: dict[str, tuple[float, ...]]
    means: dict[str, Figure]
    differences: tuple[ReaderStudyDifference, ...]
    components: VarianceComponents | None = None
    f: float | None = None
    df_numerator: float | None = None
    df_denominator: float | None = None
    p_value: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def mrmc_anova(
    scores: ArrayLike,
    positive: ArrayLike,
    patients: Sequence[Hashable] | Array,
    *,
    modalities: Sequence[str] | None = None,
    generalise_to: Literal["readers and cases", "cases"] = "readers and cases",
    confidence: float = 0.95,
) -> ReaderStudy:
    """Obuchowski-Rockette analysis of a fully crossed reader study.

    Covariances of the AUCs over patients are those of the jackknife that leaves out one patient
    with all its cases. Degrees of freedom follow Hillis (Stat. Med. 26 (2007) 596): with them the
    test holds its level; those of the 1995 paper are far too few. Negative differences of
    covariances count as zero, which errs on the safe side.

    Parameters
    ----------
    scores : (M, R, N) array
        By modality, reader and case; higher means more likely positive.
    positive : (N,) array of bool
    patients : (N,)
        The patient of each case.
    modalities : sequence of str, optional
        Names of the M modalities; "1", "2" ... when left out.
    generalise_to : str
        "readers and cases": readers are a sample of a population of readers; "cases": the
        answer is about these readers alone, with normal quantiles.
    confidence : float

    Raises
    ------
    CannotSay
        With one reader (of readers and cases), without cases of both kinds or with fewer than
        ``MIN_PATIENTS`` patients of either, with readings missing, or when all readers respond
        alike, so that no variance is seen.
    BadScores
    """
    from scipy.special import chdtrc, fdtrc

    table, truth, codes, n = checked_study(scores, positive, patients)
    names = modality_names(modalities, len(table))
    m, r, _ = table.shape
    if np.isnan(table).any():
        raise CannotSay(
            "the analysis of variance cannot be said: not every reader read every case",
            found=f"{int(np.isnan(table).any(axis=(0, 1)).sum())} cases with readings missing",
            mend="use mrmc_u_statistic, which takes any design",
        )
    random_readers = generalise_to == "readers and cases"
    if random_readers and r < 2:
        raise CannotSay(
            "nothing can be said of a population of readers with one reader",
            mend="add readers, or generalise to cases alone",
        )
    if m < 2:
        raise CannotSay("a reader study compares two modalities or more", found=f"{m}")
    require_patients_of_both_kinds(truth, codes)
    flat = table.reshape(m * r, -1)
    areas = np.array([placements(s, truth)[0].mean() for s in flat]).reshape(m, r)
    left_out = aucs_without_each_patient(flat, truth, codes, n)
    off = left_out - left_out.mean(axis=1, keepdims=True)
    covariance = (off @ off.T * ((n - 1) / n)).reshape(m, r, m, r)
    parts = variance_components(areas, covariance)
    ms_mr, ms_m = _mean_squares(areas)

    gap = max(parts.cov2 - parts.cov3, 0.0)
    if random_readers:
        error = ms_mr + r * gap
        df = _hillis(error, ms_mr, (m - 1) * (r - 1))
        scale = 2 / r * error
    else:
        error = parts.error - parts.cov1 + (r - 1) * gap
        df = None
        scale = 2 / r * error
    if scale <= 1e-15:
        raise CannotSay(
            "an interval cannot be said: readers and patients show no spread between modalities"
        )
    f = ms_m / error
    method = "Obuchowski-Rockette, jackknife over patients" + (
        ", degrees of freedom of Hillis 2007" if random_readers else ", readers as they are"
    )
    counts = {"n": table.shape[2], "n_patients": n, "confidence": confidence}
    return ReaderStudy(
        method=method,
        generalises_to=generalise_to,
        n_readers=r,
        n_cases=table.shape[2],
        n_patients=n,
        aucs={name: tuple(map(float, row)) for name, row in zip(names, areas, strict=True)},
        means={
            name: _mean(areas[i], covariance[i, :, i, :], random_readers, method, counts)
            for i, name in enumerate(names)
        },
        differences=tuple(
            study_difference(
                (names[a], names[b]),
                float(areas[a].mean() - areas[b].mean()),
                float(np.sqrt(scale)),
                df,
                method,
                **counts,
            )
            for a, b in combinations(range(m), 2)
        ),
        components=parts,
        f=float(f),
        df_numerator=float(m - 1),
        df_denominator=df,
        p_value=float(chdtrc(m - 1, (m - 1) * f) if df is None else fdtrc(m - 1, df, f)),
    )


def variance_components(areas: Array, covariance: Array) -> VarianceComponents:
    """Components from AUCs (M, R) and their covariances over patients (M, R, M, R)."""
    m, r = areas.shape
    same_modality = np.eye(m, dtype=bool)[:, None, :, None] & np.ones((m, r, m, r), bool)
    same_reader = np.eye(r, dtype=bool)[None, :, None, :] & np.ones((m, r, m, r), bool)

    def mean(which: Array) -> float:
        return float(covariance[which].mean()) if which.any() else 0.0

    error = mean(same_modality & same_reader)
    cov1 = mean(~same_modality & same_reader)
    cov2 = mean(same_modality & ~same_reader)
    cov3 = mean(~same_modality & ~same_reader)
    if m < 2 or r < 2:
        return VarianceComponents(0.0, 0.0, error, cov1, cov2, cov3)
    ms_mr, _ = _mean_squares(areas)
    ms_r = m * float(areas.mean(axis=0).var(ddof=1))
    return VarianceComponents(
        reader=(ms_r - ms_mr) / m - cov1 + cov3,
        reader_by_modality=ms_mr - error + cov1 + cov2 - cov3,
        error=error,
        cov1=cov1,
        cov2=cov2,
        cov3=cov3,
    )


def checked_study(
    scores: ArrayLike, positive: ArrayLike, patients: Sequence[Hashable] | Array
) -> tuple[Array, Array, Array, int]:
    """Scores (M, R, N) with NaN where a case was not read, truth, patients, their number."""
    try:
        table = np.asarray(scores, dtype=float)
    except (TypeError, ValueError):
        raise BadScores("scores are not numbers", mend="give one number a reading") from None
    if table.ndim != 3:
        raise BadScores(
            "scores of a reader study are not by modality, reader and case",
            found=f"shape {table.shape}",
            mend="give an array of shape (modalities, readers, cases)",
        )
    if np.isinf(table).any():
        raise BadScores("scores hold values that are not finite", mend="leave them NaN if not read")
    truth = checked_truth(positive, table.shape[2])
    codes, n = numbered(patients, table.shape[2])
    require_both_classes(truth, "an AUC")
    return table, truth, codes, n


def modality_names(names: Sequence[str] | None, modalities: int) -> list[str]:
    """One name for each modality. Raises :class:`BadScores`."""
    found = [str(i + 1) for i in range(modalities)] if names is None else list(names)
    if len(found) != modalities or len(set(found)) != modalities:
        raise BadScores(
            "modalities do not have one name each",
            found=", ".join(map(str, found)),
            mend=f"give {modalities} different names",
        )
    return found


def require_patients_of_both_kinds(truth: Array, codes: Array) -> None:
    """Raises :class:`CannotSay` with fewer than ``MIN_PATIENTS`` of either kind."""
    for kind, name in ((truth, "positive"), (~truth, "negative")):
        n = len(np.unique(codes[kind]))
        if n < MIN_PATIENTS:
            raise CannotSay(
                f"a reader study cannot be said with n = {n} patients with a {name} case",
                mend=f"it needs {MIN_PATIENTS} or more of either kind",
            )


def study_difference(
    names: tuple[str, str],
    value: float,
    error: float,
    df: float | None,
    method: str,
    *,
    n: int,
    n_patients: int,
    confidence: float,
) -> ReaderStudyDifference:
    """A difference with its t interval and test; normal without degrees of freedom."""
    from scipy.special import ndtr, stdtr

    t = value / error
    tail = ndtr(-abs(t)) if df is None else stdtr(df, -abs(t))
    half = _quantile(df, confidence) * error
    shown = Figure(value, "", value - half, value + half, confidence, n, n_patients, method, None)
    return ReaderStudyDifference(*names, shown, error, df, float(t), float(2 * tail))


def mean_figure(
    value: float,
    error: float,
    df: float | None,
    method: str,
    *,
    n: int,
    n_patients: int,
    confidence: float,
) -> Figure:
    """A mean AUC with its t interval, cut at 0 and 1."""
    if error <= 1e-12:
        why = "an interval cannot be said: readers and patients show no spread"
        return Figure(value, "", None, None, confidence, n, n_patients, None, why)
    half = _quantile(df, confidence) * error
    low, high = max(0.0, value - half), min(1.0, value + half)
    return Figure(value, "", low, high, confidence, n, n_patients, method, None)


def _mean_squares(areas: Array) -> tuple[float, float]:
    """Of readers by modality, and of modalities."""
    m, r = areas.shape
    by_modality, by_reader = areas.mean(axis=1), areas.mean(axis=0)
    rest = areas - by_modality[:, None] - by_reader[None, :] + areas.mean()
    inner = float((rest**2).sum() / max((m - 1) * (r - 1), 1))
    return inner, r * float(by_modality.var(ddof=1))


def _hillis(error: float, mean_square: float, df: int) -> float:
    """Degrees of freedom of a sum of a mean square and a variance known well (Hillis 2007)."""
    if mean_square <= 1e-15:
        raise CannotSay(
            "an interval cannot be said: all readers respond alike, so their spread is not seen",
            mend="generalise to cases alone",
        )
    return float(error**2 / (mean_square**2 / df))


def _mean(
    areas: Array, covariance: Array, random_readers: bool, method: str, counts: dict[str, Any]
) -> Figure:
    """Mean AUC of one modality, from its own readers and covariances alone."""
    r = len(areas)
    off_diagonal = float(covariance.sum() - np.trace(covariance))
    cov2 = max(off_diagonal / (r * (r - 1)), 0.0) if r > 1 else 0.0
    df = None
    if random_readers:
        mean_square = float(areas.var(ddof=1))
        total = mean_square + r * cov2
        if mean_square > 1e-15:
            df = _hillis(total, mean_square, r - 1)
    else:
        total = float(np.trace(covariance)) / r + (r - 1) * cov2
    return mean_figure(float(areas.mean()), float(np.sqrt(total / r)), df, method, **counts)


def _quantile(df: float | None, confidence: float) -> float:
    from scipy.special import ndtri, stdtrit

    level = (1 + confidence) / 2
    return float(ndtri(level) if df is None else stdtrit(df, level))
