"""Ghosts, and energy that is smeared along the phase encoding, read off a magnitude image."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from limen.physics.mr.reading_noise import _checked
from limen.physics.reading import Reading, ReadingError, unreadable

Array = NDArray[Any]

FEWEST_PIXELS = 60


def object_mask(image: Array, share: float = 0.25) -> Array:
    """(i, j) bool: the object, filled; what is brighter than a share of its typical signal."""
    x = ndi.gaussian_filter(_checked(image), 1.0)
    typical = float(np.percentile(x, 95))
    mask = ndi.binary_closing(x > share * typical, iterations=3)
    mask = ndi.binary_fill_holes(mask)
    labels, n = ndi.label(mask)
    if n == 0:
        return np.zeros(x.shape, bool)
    sizes = np.bincount(labels.ravel())[1:]
    return np.asarray(labels == 1 + int(np.argmax(sizes)))


def ghost_level(image: Array, period_lines: int, phase_axis: int = 0) -> Reading:
    """Magnitude of a ghost over that of the object, FOV / N away along the phase encoding.

    Where the shifted object lies outside of the object, the power there, less the power of the
    background that no ghost reaches, is compared with the power of the pixels it came from.
    For the alias of every R-th line, N is R.

    Parameters
    ----------
    image : (i, j) array
        Magnitude; not masked in the background.
    period_lines : int
        N of `Ghosting`, or the acceleration R.
    phase_axis : 0 or 1

    Returns
    -------
    Reading
        None where the object leaves no place for a ghost alone, or no background.
    """
    x = _upright(image, phase_axis)
    n = x.shape[0]
    if not 2 <= period_lines <= n // 2:
        raise ReadingError(
            "A period is 2 lines or more, and half of the lines at most", found=str(period_lines)
        )
    if _masked(x):
        return unreadable("ghosting", "", "the background is masked to zero")
    mask = object_mask(x)
    wide = ndi.binary_dilation(mask, iterations=3)
    step = round(n / period_lines)
    sources = [np.roll(mask, s, axis=0) for s in ({step, -step} if step * 2 != n else {step})]
    reached = np.zeros(mask.shape, bool)
    for k in range(1, period_lines):
        reached |= np.roll(wide, round(k * n / period_lines), axis=0)
    background = ~wide & ~reached
    power, origin, count = 0.0, 0.0, 0
    for shift in {step, -step} if step * 2 != n else {step}:
        alone = np.roll(ndi.binary_erosion(mask, iterations=2), shift, axis=0) & ~wide
        for other in sources:
            if not np.array_equal(other, np.roll(mask, shift, axis=0)):
                alone &= ~ndi.binary_dilation(other, iterations=2)
        power += float((x[alone] ** 2).sum())
        origin += float((np.roll(x, shift, axis=0)[alone] ** 2).sum())
        count += int(alone.sum())
    if count < FEWEST_PIXELS or background.sum() < FEWEST_PIXELS:
        return unreadable(
            "ghosting", "",
            f"the object leaves {count} pixels where a ghost is alone and "
            f"{int(background.sum())} of background, at least {FEWEST_PIXELS} needed",
        )  # fmt: skip
    floor = float((x[background] ** 2).mean()) * count
    return Reading("ghosting", float(np.sqrt(max(power - floor, 0) / origin)), "", samples=count)


def smear(image: Array, phase_axis: int = 0) -> Reading:
    """Energy of artefacts along the phase encoding, as a share of the object's energy.

    Motion, incoherent undersampling and ghosts all carry signal out of the object along the phase
    encoding, and next to none along the readout. The power beside the object in its own columns,
    less the power in columns where there is no object, is summed over the field of view. As a
    level of motion in mm or of acceleration it is calibrated with `limen.physics.reading.calibrate`
    on images that were degraded by known amounts.

    Parameters
    ----------
    image : (i, j) array
        Magnitude; not masked in the background.
    phase_axis : 0 or 1

    Returns
    -------
    Reading
        None where the object fills the field of view along one of its axes.
    """
    x = _upright(image, phase_axis)
    if _masked(x):
        return unreadable("smear", "", "the background is masked to zero")
    mask = object_mask(x)
    wide = ndi.binary_dilation(mask, iterations=3)
    columns = wide.any(axis=0)
    beside = ~wide & columns[None]
    clear = np.broadcast_to(~columns[None], wide.shape)
    inside = float((x[mask] ** 2).sum())
    if min(int(beside.sum()), int(clear.sum())) < FEWEST_PIXELS or inside == 0:
        return unreadable(
            "smear", "",
            f"the object leaves {int(beside.sum())} pixels beside it along the phase encoding and "
            f"{int(clear.sum())} along the readout, at least {FEWEST_PIXELS} needed",
        )  # fmt: skip
    excess = float((x[beside] ** 2).mean() - (x[clear] ** 2).mean())
    # the same lies under the object, where it cannot be seen
    whole = excess * float(columns.sum() * x.shape[0])
    return Reading("smear", max(whole, 0.0) / inside, "", samples=int(beside.sum()))


def _upright(image: Array, phase_axis: int) -> Array:
    x = _checked(image)
    if x.ndim != 2 or phase_axis not in (0, 1):
        raise ReadingError(
            "One slice is read, with its phase axis 0 or 1",
            found=f"shape {x.shape}, axis {phase_axis}",
        )
    return x if phase_axis == 0 else np.ascontiguousarray(x.T)


def _masked(x: Array) -> bool:
    """Whether a good part of the image is exactly zero."""
    return bool((x == 0).mean() > 0.05)
