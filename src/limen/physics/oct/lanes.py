"""The two passes around the FFT, compiled: samples to a k-linear complex signal, power to dB.

Each runs on a block of A-scans that fits the second-level cache and releases the interpreter's
lock, so that `reconstruct` runs one block per core.
"""

# mypy: disable-error-code="untyped-decorator"
from __future__ import annotations

import numba
import numpy as np

DB_PER_OCTAVE = np.float32(10 * np.log10(2.0))


@numba.njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz", "arcp"})
def linearise(raw, background, first, weights, phase_window, out):  # type: ignore[no-untyped-def]
    """``out[a, n] = phase_window[n] * sum_t weights[t, n] * (raw - background)[a, first[n] + t]``.

    ``raw`` (A-scans, samples) of any real type, ``background`` (samples) float32, ``first``
    (points) int32, ``weights`` (taps, points) float32, ``phase_window`` (points, 2) float32 and
    ``out`` (A-scans, 2 * points) float32, real and imaginary parts side by side.
    """
    n_scans, n_samples = raw.shape
    n_taps, n_points = weights.shape
    clean = np.empty(n_samples, np.float32)
    even = np.empty(n_points, np.float32)
    for a in range(n_scans):
        for m in range(n_samples):
            clean[m] = np.float32(raw[a, m]) - background[m]
        if n_taps == 4:
            for n in range(n_points):
                i = first[n]
                even[n] = (
                    weights[0, n] * clean[i]
                    + weights[1, n] * clean[i + 1]
                    + weights[2, n] * clean[i + 2]
                    + weights[3, n] * clean[i + 3]
                )
        elif n_taps == 8:
            for n in range(n_points):
                i = first[n]
                even[n] = (
                    weights[0, n] * clean[i]
                    + weights[1, n] * clean[i + 1]
                    + weights[2, n] * clean[i + 2]
                    + weights[3, n] * clean[i + 3]
                    + weights[4, n] * clean[i + 4]
                    + weights[5, n] * clean[i + 5]
                    + weights[6, n] * clean[i + 6]
                    + weights[7, n] * clean[i + 7]
                )
        else:
            for n in range(n_points):
                i = first[n]
                even[n] = weights[0, n] * clean[i] + weights[1, n] * clean[i + 1]
        for n in range(n_points):
            out[a, 2 * n] = even[n] * phase_window[n, 0]
            out[a, 2 * n + 1] = even[n] * phase_window[n, 1]


@numba.njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz", "arcp"})
def decibels(signal, bits, power, floor, out):  # type: ignore[no-untyped-def]
    """``10 log10 |signal|^2`` of the depths that ``out`` has; returns whether all was finite.

    ``signal`` (A-scans, 2 * points) float32, ``power`` (depths) float32 and ``bits`` the same
    memory as int32, ``out`` (A-scans, depths) float32. Powers under ``floor`` are raised to it.

    log2 of the mantissa m in [1/sqrt 2, sqrt 2) is a series in ((m - 1) / (m + 1))^2; the error is
    under 1e-6 dB times the rounding of a float32.
    """
    n_scans, n_depths = out.shape
    finite = True
    for a in range(n_scans):
        largest = np.float32(0)
        for j in range(n_depths):
            re, im = signal[a, 2 * j], signal[a, 2 * j + 1]
            p = re * re + im * im
            power[j] = max(p, floor)
            largest = max(largest, p) if p == p else np.float32(np.inf)
        if not largest < np.float32(np.inf):
            finite = False
        for j in range(n_depths):
            # subtract the bits of 1/sqrt(2) so that the mantissa is centred on 1
            shifted = bits[j] - np.int32(0x3F3504F3)
            exponent = shifted >> np.int32(23)
            bits[j] = (shifted & np.int32(0x007FFFFF)) + np.int32(0x3F3504F3)
            out[a, j] = np.float32(exponent)
        for j in range(n_depths):
            m = power[j]
            s = (m - np.float32(1)) / (m + np.float32(1))
            q = s * s
            series = np.float32(0.41219858) * q + np.float32(0.57707802)
            series = series * q + np.float32(0.96179669)
            series = series * q + np.float32(2.88539008)
            out[a, j] = (out[a, j] + s * series) * DB_PER_OCTAVE
    return finite
