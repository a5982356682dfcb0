"""Statistics of speckle: contrast, amplitude distribution, size."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.physics.oct.errors import CannotSay
from limen.physics.oct.interpolation import smooth

Array = NDArray[Any]

RAYLEIGH_CONTRAST = float(np.sqrt(4 / np.pi - 1))
"""Standard deviation over mean of a Rayleigh amplitude: 0.5227."""


def speckle_contrast(power: Array) -> float:
    """Standard deviation over mean of power: 1 for fully developed speckle.

    (Goodman, Speckle Phenomena in Optics, 2nd ed. 2020, section 3.2; Schmitt, Xiang and Yung, J.
    Biomed. Opt. 4, 1999 for OCT.)

    Parameters
    ----------
    power : array of any shape
        Linear power (``10**(db / 10)``) of a region that is alike on average.
    """
    p = _positive(power)
    return float(p.std() / p.mean())


def amplitude_contrast(power: Array) -> float:
    """The same of amplitude: `RAYLEIGH_CONTRAST` for fully developed speckle."""
    a = np.sqrt(_positive(power))
    return float(a.std() / a.mean())


def rayleigh_distance(power: Array) -> float:
    """Largest difference between the distribution of amplitude and Rayleigh's of the same power.

    The Kolmogorov-Smirnov statistic against ``1 - exp(-p / mean p)``: 0 to 1. Pixels of an image
    are correlated, so it is a distance to be compared, not a test.
    """
    p = np.sort(_positive(power).ravel())
    expected = 1 - np.exp(-p / p.mean())
    steps = np.arange(p.size + 1) / p.size
    return float(max(np.abs(steps[1:] - expected).max(), np.abs(steps[:-1] - expected).max()))


def equivalent_looks(power: Array) -> float:
    """Number of independent speckle patterns whose mean has this contrast: 1 / contrast^2."""
    return 1 / speckle_contrast(power) ** 2


def speckle_correlation(power: Array, axis: int = -1, lags: int = 32) -> Array:
    """Normalised autocovariance of power along an axis: (lags + 1,) float64, 1 at lag 0.

    A slow trend along the axis (attenuation with depth) is divided out first, by the mean over
    the other axes.
    """
    p = np.moveaxis(_positive(power), axis, -1)
    p = p.reshape(-1, p.shape[-1])
    if p.shape[1] < 2 * lags or p.shape[0] < 4:
        raise CannotSay(
            "Speckle size cannot be said, because the region is too small",
            found=f"{p.shape[1]} pixels along the axis, {p.shape[0]} across",
            mend=f"give at least {2 * lags} by 4",
        )
    trend = smooth(p.mean(0), max(lags, 8))
    d = p / trend - 1
    d = d - d.mean()
    covariance = [np.mean(d[:, : d.shape[1] - n] * d[:, n:]) for n in range(lags + 1)]
    return np.asarray(np.array(covariance) / covariance[0])


def _positive(power: Array) -> Array:
    p = np.asarray(power, np.float64)
    if p.size < 16 or not np.isfinite(p).all() or p.min() < 0 or p.max() == 0:
        raise CannotSay(
            "Speckle needs at least 16 finite powers that are not negative", found=f"{p.shape}"
        )
    return p
