"""Kernels of the bootstrap of free-response curves: one walk through the marks a resample."""

from __future__ import annotations

import numba
import numpy as np

from limen.measures.bootstrap_kernels import times_drawn


@numba.njit(cache=True, nogil=True, parallel=True)
def frocs_of_resamples(  # type: ignore[no-untyped-def]
    key, resamples, patient, is_find, ends_tie, lesions, cases, rates
):
    """Sensitivity at rates of false marks per case over resampled patients.

    Parameters
    ----------
    key : uint64
    resamples : int
    patient : (M,) int32
        Patient of each mark, marks in descending order of score.
    is_find : (M,) bool
        Whether the mark finds a lesion; else it is false.
    ends_tie : (M,) bool
        True at the last mark of each run of equal scores.
    lesions, cases : (P,) int
        Of each patient.
    rates : (R,) float64

    Returns
    -------
    (resamples, R) float64
        NaN where a resample has no lesion.
    """
    out = np.empty((resamples, rates.size))
    for r in numba.prange(resamples):
        times = times_drawn(key, r, lesions.size)
        all_lesions = all_cases = np.int64(0)
        for p in range(lesions.size):
            all_lesions += times[p] * lesions[p]
            all_cases += times[p] * cases[p]
        for at in range(rates.size):
            out[r, at] = 0.0 if all_lesions else np.nan
        if all_lesions == 0:
            continue
        found = false = np.int64(0)
        for n in range(patient.size):
            if is_find[n]:
                found += times[patient[n]]
            else:
                false += times[patient[n]]
            if ends_tie[n]:
                for at in range(rates.size):
                    if false <= rates[at] * all_cases:
                        out[r, at] = found / all_lesions
    return out


@numba.njit(cache=True, nogil=True, parallel=True)
def afrocs_of_resamples(key, resamples, patients, patient, weight, ends_tie):  # type: ignore[no-untyped-def]
    """Area under the AFROC over resampled patients.

    Parameters
    ----------
    key : uint64
    resamples, patients : int
    patient : (N,) int32
        Of each lesion and each case without lesions, in ascending order of score.
    weight : (N,) float64
        Of each lesion; 0 for a case without lesions.
    ends_tie : (N,) bool

    Returns
    -------
    (resamples,) float64
        NaN where a resample lacks one of the two.
    """
    out = np.empty(resamples)
    for r in numba.prange(resamples):
        times = times_drawn(key, r, patients)
        won = lesions = below = tied_weight = tied_normal = 0.0
        for n in range(patient.size):
            if weight[n] > 0:
                tied_weight += times[patient[n]] * weight[n]
            else:
                tied_normal += times[patient[n]]
            if ends_tie[n]:
                won += tied_weight * (below + tied_normal / 2)
                below += tied_normal
                lesions += tied_weight
                tied_weight = tied_normal = 0.0
        out[r] = won / (lesions * below) if lesions > 0 and below > 0 else np.nan
    return out
