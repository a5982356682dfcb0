"""Scores and outcomes as the statistics need them: finite, of one length, by patient."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from limen.measures.errors import BadScores, CannotSay, NotProbabilities
from limen.measures.grid import Array


def numbered(patients: Sequence[Hashable] | Array, cases: int) -> tuple[Array, int]:
    """Patients as numbers from 0 in order of appearance, and how many there are.

    Parameters
    ----------
    patients : (N,) sequence
        The patient of each case; any hashable.
    cases : int
        N, to hold the two to one length.

    Returns
    -------
    (N,) int64, int

    Raises
    ------
    BadScores
        For another length, or a case whose patient is None or NaN.
    """
    if patients is None:
        raise BadScores(
            "the patients are missing",
            mend="name the patient of each case; range(N) where each is a patient of its own",
        )
    listed = patients.tolist() if isinstance(patients, np.ndarray) else list(patients)
    if len(listed) != cases:
        raise BadScores(
            "patients and values are not of one length",
            found=f"{len(listed)} patients for {cases} values",
            mend="name the patient of each case",
        )
    numbers: dict[Hashable, int] = {}
    codes = np.fromiter(
        (numbers.setdefault(p, len(numbers)) for p in listed), dtype=np.int64, count=cases
    )
    if None in numbers or any(isinstance(p, float) and p != p for p in numbers):
        raise BadScores(
            "a case has no patient",
            mend="name the patient of each case; it is the unit of independence",
        )
    return codes, len(numbers)


def checked_scores(scores: ArrayLike, what: str = "scores") -> Array:
    """One finite number a case, as (N,) float64. Raises :class:`BadScores`."""
    try:
        found = np.asarray(scores, dtype=float)
    except (TypeError, ValueError):
        raise BadScores(f"{what} are not numbers", mend="give one number a case") from None
    if found.ndim != 1:
        raise BadScores(
            f"{what} are not one number a case",
            found=f"shape {found.shape}",
            mend="give an array of one axis",
        )
    if not np.isfinite(found).all():
        raise BadScores(
            f"{what} hold values that are not finite",
            found=f"{int((~np.isfinite(found)).sum())} of {found.size}",
            mend="leave undefined cases out by name, and say so",
        )
    return found


def checked_probabilities(probabilities: ArrayLike) -> Array:
    """As :func:`checked_scores`, and between 0 and 1. Raises :class:`NotProbabilities` too."""
    found = checked_scores(probabilities, "probabilities")
    outside = (found < 0) | (found > 1)
    if outside.any():
        raise NotProbabilities(
            "probabilities lie outside 0 to 1",
            found=f"{int(outside.sum())} of {found.size}, from {found.min():g} to {found.max():g}",
            mend="give probabilities, not percentages or logits",
        )
    return found


def checked_truth(positive: ArrayLike, cases: int, what: str = "outcomes") -> Array:
    """The truth of each case as (N,) bool; 0 and 1 are taken too. Raises :class:`BadScores`."""
    found = np.asarray(positive)
    if found.shape != (cases,):
        raise BadScores(
            f"{what} and scores are not of one length",
            found=f"shape {found.shape} for {cases} scores",
            mend="give one outcome a case",
        )
    if found.dtype == bool:
        return found
    if found.dtype.kind not in "iuf" or not np.isin(found, (0, 1)).all():
        raise BadScores(
            f"{what} are not 0 or 1",
            mend="give True or 1 for a positive case, False or 0 for a negative one",
        )
    return found.astype(bool)


def require_both_classes(positive: Array, what: str) -> None:
    """Raises :class:`CannotSay` when all cases are positive, or all negative, or there are none."""
    positives = int(positive.sum())
    if positives in (0, positive.size):
        missing = (
            "case" if not positive.size else "positive case" if not positives else "negative case"
        )
        raise CannotSay(
            f"{what} cannot be said: there is no {missing}",
            found=f"{positives} positive, {positive.size - positives} negative",
            mend="add cases of both kinds",
        )
