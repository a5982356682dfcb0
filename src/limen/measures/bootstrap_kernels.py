"""Kernels of the bootstrap: patients drawn with replacement, one statistic for each resample.

Each resample has its own stream of random numbers, found from the seed and the resample's number
alone, so the result does not depend on the number of threads.
"""

from __future__ import annotations

import numba
import numpy as np

from limen.measures.grid import Array

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_A = np.uint64(0xBF58476D1CE4E5B9)
_MIX_B = np.uint64(0x94D049BB133111EB)
_STREAM = np.uint64(0xD1342543DE82EF95)


@numba.njit(cache=True, nogil=True)
def _mixed(z):  # type: ignore[no-untyped-def]
    """The output function of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    z = (z ^ (z >> np.uint64(30))) * _MIX_A
    z = (z ^ (z >> np.uint64(27))) * _MIX_B
    return z ^ (z >> np.uint64(31))


@numba.njit(cache=True, nogil=True)
def _stream(key, resample):  # type: ignore[no-untyped-def]
    return _mixed(key + np.uint64(resample + 1) * _STREAM)


_WORTH_THREADS = 4_000_000
"""Draws below which starting threads, on a busy machine, costs more than it saves."""


def ratios_of_resamples(key: np.uint64, resamples: int, top: Array, bottom: Array) -> Array:
    """Sum(top) / sum(bottom) over as many patients as there are, drawn with replacement.

    Parameters
    ----------
    key : uint64
    resamples : int
    top, bottom : (P,) float64
        Sums by patient.

    Returns
    -------
    (resamples,) float64
    """
    # both sums of a patient side by side: one cache line for each draw
    pairs = np.column_stack([top, bottom]).astype(np.float64)
    draw = _in_parallel if resamples * len(pairs) >= _WORTH_THREADS else _one_by_one
    return np.asarray(draw(key, resamples, pairs))


@numba.njit(cache=True, nogil=True)
def _ratio(state, pairs):  # type: ignore[no-untyped-def]
    n = pairs.shape[0]
    size = np.uint64(n)
    low = np.uint64(0xFFFFFFFF)
    half = np.uint64(32)
    above = below = 0.0
    for _ in range(n // 2):
        state += _GAMMA
        z = _mixed(state)
        # two patients from one number; the bias of scaling is at most n / 2^32
        a = ((z >> half) * size) >> half
        b = ((z & low) * size) >> half
        above += pairs[a, 0] + pairs[b, 0]
        below += pairs[a, 1] + pairs[b, 1]
    if n % 2:
        state += _GAMMA
        a = ((_mixed(state) >> half) * size) >> half
        above += pairs[a, 0]
        below += pairs[a, 1]
    return above / below


@numba.njit(cache=True, nogil=True)
def _one_by_one(key, resamples, pairs):  # type: ignore[no-untyped-def]
    out = np.empty(resamples)
    for r in range(resamples):
        out[r] = _ratio(_stream(key, r), pairs)
    return out


@numba.njit(cache=True, nogil=True, parallel=True)
def _in_parallel(key, resamples, pairs):  # type: ignore[no-untyped-def]
    out = np.empty(resamples)
    for r in numba.prange(resamples):
        out[r] = _ratio(_stream(key, r), pairs)
    return out


@numba.njit(cache=True, nogil=True)
def times_drawn(key, resample, patients):  # type: ignore[no-untyped-def]
    """(P,) int32: how often each patient is in a resample."""
    size = np.uint64(patients)
    half = np.uint64(32)
    low = np.uint64(0xFFFFFFFF)
    state = _stream(key, resample)
    times = np.zeros(patients, np.int32)
    for _ in range(patients // 2):
        state += _GAMMA
        z = _mixed(state)
        times[((z >> half) * size) >> half] += 1
        times[((z & low) * size) >> half] += 1
    if patients % 2:
        state += _GAMMA
        times[((_mixed(state) >> half) * size) >> half] += 1
    return times


@numba.njit(cache=True, nogil=True, parallel=True)
def aucs_of_resamples(  # type: ignore[no-untyped-def]
    key, resamples, patients, patient, positive, ends_tie
):
    """AUC over resampled patients, by one walk through the cases sorted by score.

    Parameters
    ----------
    key : uint64
    resamples, patients : int
        Number of resamples, and of patients.
    patient : (S, N) int32
        Patient of each case, cases in ascending order of each of S scores.
    positive : (S, N) int32
        1 for a positive case, 0 for a negative one, in that order.
    ends_tie : (S, N) uint8
        1 at the last case of each run of equal scores.

    Returns
    -------
    (S, resamples) float64
        NaN where a resample has no positive or no negative case. The patients of a resample are
        the same for all scores.
    """
    scores, cases = patient.shape
    out = np.empty((scores, resamples))
    for r in numba.prange(resamples):
        times = times_drawn(key, r, patients)
        for s in range(scores):
            twice = np.int64(0)
            below = np.int64(0)
            positives = np.int64(0)
            tied_positive = np.int64(0)
            tied_negative = np.int64(0)
            for i in range(cases):
                weight = np.int64(times[patient[s, i]])
                here = weight * positive[s, i]
                tied_positive += here
                tied_negative += weight - here
                if ends_tie[s, i]:
                    twice += tied_positive * (2 * below + tied_negative)
                    below += tied_negative
                    positives += tied_positive
                    tied_positive = tied_negative = np.int64(0)
            if positives and below:
                out[s, r] = twice / (2.0 * positives * below)
            else:
                out[s, r] = np.nan
    return out
