"""Samples to points between them: a short windowed sinc as a banded matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.physics.oct.errors import AcquisitionError

Array = NDArray[Any]

TAPS = 8
KAISER_BETA = 5.0
"""With eight taps the root mean square error is under -50 dB down to 60 % of the deepest depth,
-26 dB at 70 %, -15 dB at 80 %."""


def tap_weights(positions: Array, n_samples: int, taps: int = TAPS) -> tuple[Array, Array]:
    """First sample and weights with which each position is interpolated.

    A sinc under a Kaiser window (two taps: a straight line). Weights of a point sum to 1; near an
    end, where taps are missing, the nearest samples are used.

    Parameters
    ----------
    positions : (points,) array
        Fractional samples from 0 to ``n_samples - 1``.
    n_samples : int
    taps : int
        2 or 8.

    Returns
    -------
    first : (points,) int32 array
    weights : (points, taps) float32 array
    """
    p = np.asarray(positions, np.float64)
    if not (p.ndim == 1 and p.size and np.isfinite(p).all()):
        raise AcquisitionError("Positions must be a row of finite numbers")
    if p.min() < -1e-6 or p.max() > n_samples - 1 + 1e-6 or n_samples < taps:
        raise AcquisitionError(
            "Positions must lie on the samples",
            found=f"from {p.min():g} to {p.max():g} for {n_samples} samples",
        )
    lower = np.floor(p).astype(np.int64) - (taps // 2 - 1)
    first = np.clip(lower, 0, n_samples - taps)
    off = p[:, None] - (first[:, None] + np.arange(taps))
    if taps == 2:
        weights = 1 - np.abs(off)
    else:
        inside = np.maximum(1 - (off / (taps / 2)) ** 2, 0)
        weights = np.sinc(off) * np.i0(KAISER_BETA * np.sqrt(inside)) * (np.abs(off) < taps / 2)
    weights /= weights.sum(1, keepdims=True)
    return first.astype(np.int32), np.ascontiguousarray(weights, np.float32)


def interpolate(rows: Array, positions: Array) -> Array:
    """(..., samples) real or complex rows at fractional positions; same type."""
    first, weights = tap_weights(positions, rows.shape[-1])
    out = np.zeros((*rows.shape[:-1], first.size), rows.dtype)
    for t in range(weights.shape[1]):
        out += rows[..., first + t] * weights[:, t]
    return out


def smooth(row: Array, width: int) -> Array:
    """A row under a Hann kernel of ``width`` samples on either side; ends are not dimmed."""
    kernel = np.hanning(2 * max(width, 1) + 1)
    weight = np.convolve(np.ones_like(row), kernel, "same")
    return np.asarray(np.convolve(row, kernel, "same") / weight)
