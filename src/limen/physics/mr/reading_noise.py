"""Noise read off a magnitude image, corrected for what the magnitude does to it."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import scipy.ndimage as ndi
import scipy.special
from numpy.typing import NDArray

from limen.physics.reading import Reading, ReadingError, unreadable

Array = NDArray[Any]

WINDOW = 7
FEWEST_WINDOWS = 50


def local_noise(image: Array, window: int = WINDOW) -> Array:
    """Standard deviation of the noise (of each part of the complex signal) around each pixel.

    The standard deviation of the magnitude in a window, after a plane was taken off, divided by
    Koay's factor for the local signal-to-noise ratio (Koay and Basser, J. Magn. Reson. 179,
    2006): the magnitude of pure noise varies by only 0.655 of the noise. Structure within a
    window raises it.

    Parameters
    ----------
    image : (i, j) or (i, j, slices) array
        Magnitude of one coil, or of coils combined with their maps; a root sum of squares of many
        coils is not Rician, and where there is no signal it is read too low.
    window : int
        Side of the square, in pixels; odd.

    Returns
    -------
    float64 array, same shape, in the image's unit
    """
    x = _checked(image)
    if window < 3 or window % 2 == 0 or window > min(x.shape[:2]):
        raise ReadingError("A window is an odd number of pixels, 3 or more", found=str(window))
    size = (window, window) + (1,) * (x.ndim - 2)
    mean = ndi.uniform_filter(x, size, mode="nearest")
    power = ndi.uniform_filter(x * x, size, mode="nearest") - mean**2
    along = np.arange(window) - window // 2
    for axis in (0, 1):
        slope = ndi.correlate1d(x, along / window, axis, mode="nearest")
        slope = ndi.uniform_filter1d(slope, window, 1 - axis, mode="nearest")
        power -= slope**2 / (along**2).mean()
    sd = np.sqrt(np.maximum(power, 0) * window**2 / (window**2 - 3))
    ratios, factors = _koay_table()
    ratio = np.divide(mean, sd, out=np.full_like(mean, ratios[-1]), where=sd > 0)
    return np.asarray(sd / np.sqrt(np.interp(ratio, ratios, factors)))


def noise_level(image: Array, window: int = WINDOW) -> Reading:
    """Noise of an image: the most frequent local standard deviation (`local_noise`).

    Most windows hold no edge, and edges only raise it, so the mode is the noise. Windows of
    nothing but zeros (a masked background) are not counted.

    Parameters
    ----------
    image : (i, j) or (i, j, slices) array
    window : int

    Returns
    -------
    Reading
        In the image's unit; none where too few windows are left. Measured error on held-out
        phantoms and levels: see docs/decisions/0042.
    """
    x = _checked(image)
    # where the image is zero in the whole window there was a mask, or there is no noise at all
    size = (window, window) + (1,) * (x.ndim - 2)
    seen = ndi.minimum_filter((x != 0).astype(np.uint8), size, mode="nearest") > 0
    half = window // 2
    border = np.zeros(x.shape, bool)
    border[half : x.shape[0] - half, half : x.shape[1] - half] = True
    seen &= border
    apart = int(np.count_nonzero(seen)) // window**2
    if apart < FEWEST_WINDOWS:
        return unreadable(
            "noise", "", f"only {apart} windows without zeros, at least {FEWEST_WINDOWS} needed"
        )
    values = local_noise(x, window)[seen]
    freedom = window**2 - 3
    # the most frequent value of a standard deviation lies a little under the true one
    level = _mode(values) * np.sqrt(freedom / (freedom - 1))
    return Reading("noise", float(level), "", samples=apart)


def background_noise(image: Array) -> Reading:
    """Noise from the corners outside of the object, where the magnitude is Rayleigh.

    ``sd = sqrt(mean(m^2) / 2)``, in the quieter of four corner blocks of an eighth of each side.

    Parameters
    ----------
    image : (i, j) or (i, j, slices) array

    Returns
    -------
    Reading
        None where corners are masked to zero or hold signal.
    """
    x = _checked(image)
    a, b = max(x.shape[0] // 8, 4), max(x.shape[1] // 8, 4)
    corners = [x[:a, :b], x[:a, -b:], x[-a:, :b], x[-a:, -b:]]
    if any((c == 0).mean() > 0.05 for c in corners):
        return unreadable("noise", "", "the background is masked to zero")
    powers = [float((c**2).mean()) for c in corners]
    block = corners[int(np.argmin(powers))]
    # Rayleigh: the mean is 1.253 sd and the root mean square 1.414 sd
    shape = float(block.mean() / np.sqrt((block**2).mean()))
    if abs(shape - np.sqrt(np.pi) / 2) > 4 * 0.25 / np.sqrt(block.size) + 0.02:
        return unreadable("noise", "", "the quietest corner is not noise of one coil")
    return Reading("noise", float(np.sqrt(min(powers) / 2)), "", samples=int(block.size))


@cache
def _koay_table() -> tuple[Array, Array]:
    """(mean / sd of the magnitude, variance of the magnitude / variance of the noise)."""
    theta = np.concatenate([np.linspace(0, 12, 2401), [1e3]])
    q = theta**2 / 4
    bessel = (2 + theta**2) * scipy.special.ive(0, q) + theta**2 * scipy.special.ive(1, q)
    # with scaled Bessel functions exp(-theta^2 / 2) I^2 is their square
    factor = np.where(theta > 12, 1.0, 2 + theta**2 - np.pi / 8 * bessel**2)
    ratio = np.sqrt(np.maximum((2 + theta**2) / factor - 1, 0))
    return ratio, factor


def _mode(values: Array) -> float:
    """Half-sample mode: the densest half of the densest half, and so on."""
    v = np.sort(values)
    while v.size > 32:
        half = (v.size + 1) // 2
        widths = v[half - 1 :] - v[: v.size - half + 1]
        # a run of equal widths has its middle as the densest place
        best = np.flatnonzero(widths <= widths.min() * (1 + 1e-9))
        start = int(best[best.size // 2])
        v = v[start : start + half]
        if v.size <= values.size // 8:
            break
    return float(np.median(v))


def _checked(image: Array) -> Array:
    x = np.asarray(image)
    if x.ndim not in (2, 3) or min(x.shape[:2]) < 16:
        raise ReadingError(
            "An image is (i, j[, slices]) of 16 pixels or more", found=f"shape {x.shape}"
        )
    x = np.abs(x).astype(np.float64)
    if not np.isfinite(x).all():
        raise ReadingError("The image holds what is not a finite number", found="NaN")
    return np.asarray(x)
