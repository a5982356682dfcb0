"""The passes of a reconstruction around its FFT, compiled.

Each works on a block of A-scans that fits the second-level cache and releases the interpreter's
lock, so that `reconstruct` runs one block per core.
"""

# mypy: disable-error-code="untyped-decorator"
from __future__ import annotations

import numba
import numpy as np

DB_PER_OCTAVE = np.float32(10 * np.log10(2.0))
REORDER = {"contract", "reassoc", "nsz", "arcp"}
"""Fast arithmetic that still sees NaN and infinity."""


@numba.njit(cache=True, nogil=True, fastmath=REORDER)
def add_scans(raw, total):  # type: ignore[no-untyped-def]
    """Add the (A-scans, samples) of ``raw`` to ``total`` (samples) float64."""
    for a in range(raw.shape[0]):
        for m in range(raw.shape[1]):
            total[m] += raw[a, m]


@numba.njit(cache=True, nogil=True, fastmath=REORDER)
def linearise(raw, background, first, weights, phase_window, out):  # type: ignore[no-untyped-def]
    """``out[a, n] = phase_window[n] * sum_t weights[n, t] * (raw - background)[a, first[n] + t]``.

    ``raw`` (A-scans, samples) of any real type, ``background`` (samples) float32, ``first``
    (points) int32, ``weights`` (points, 2 or 8 taps) float32, ``phase_window`` (points, 2) and
    ``out`` (A-scans, 2 * points) float32, real and imaginary parts side by side.
    """
    n_scans, n_samples = raw.shape
    n_points, n_taps = weights.shape
    clean = np.empty(n_samples, np.float32)
    even = np.empty(n_points, np.float32)
    # unsigned indices, because wrapping negative ones costs as much as the sum
    for a in range(n_scans):
        for m in range(n_samples):
            clean[m] = np.float32(raw[a, m]) - background[m]
        if n_taps == 8:
            for n in range(n_points):
                i = np.uintp(first[n])
                near, w = clean[i : i + np.uintp(8)], weights[n]
                s = np.float32(0)
                for t in range(8):
                    s += w[t] * near[t]
                even[n] = s
        else:
            for n in range(n_points):
                i = np.uintp(first[n])
                even[n] = weights[n, 0] * clean[i] + weights[n, 1] * clean[i + np.uintp(1)]
        for n in range(n_points):
            out[a, 2 * n] = even[n] * phase_window[n, 0]
            out[a, 2 * n + 1] = even[n] * phase_window[n, 1]


@numba.njit(cache=True, nogil=True, fastmath=REORDER)
def decibels(signal, bits, power, floor, out):  # type: ignore[no-untyped-def]
    """``10 log10 |signal|^2`` of the depths that ``out`` has; returns whether all was finite.

    ``signal`` (A-scans, 2 * points) float32, ``power`` (depths) float32 and ``bits`` the same
    memory as int32, ``out`` (A-scans, depths) float32. Powers under ``floor`` are raised to it.

    log2 of the mantissa m in [1/sqrt 2, sqrt 2) is 2 artanh(s) / ln 2 with s = (m - 1) / (m + 1),
    a fitted series in s^2; with the rounding of a float32 the error is under 1e-4 dB.
    """
    n_scans, n_depths = out.shape
    finite = True
    centre = np.int32(0x3F3504F3)  # the bits of 1/sqrt(2): mantissas are centred on 1
    for a in range(n_scans):
        unseen = 0
        for j in range(n_depths):
            re, im = signal[a, 2 * j], signal[a, 2 * j + 1]
            p = re * re + im * im
            unseen += 0 if p < np.float32(np.inf) else 1
            power[j] = max(p, floor)
        if unseen:
            finite = False
        for j in range(n_depths):
            shifted = bits[j] - centre
            out[a, j] = np.float32(shifted >> np.int32(23))
            bits[j] = (shifted & np.int32(0x007FFFFF)) + centre
        for j in range(n_depths):
            m = power[j]
            s = (m - np.float32(1)) / (m + np.float32(1))
            q = s * s
            series = np.float32(0.41219858) * q + np.float32(0.57707802)
            series = series * q + np.float32(0.96179669)
            series = series * q + np.float32(2.88539008)
            out[a, j] = (out[a, j] + s * series) * DB_PER_OCTAVE
    return finite
