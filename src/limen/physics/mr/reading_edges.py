"""Effective resolution of an image, from its edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from limen.physics.mr.fourier import to_kspace
from limen.physics.mr.reading_noise import _checked
from limen.physics.mr.sampling import check_grid
from limen.physics.reading import Reading, unreadable

Array = NDArray[Any]

FINER = 4
REACH = 6
"""Pixels to either side of an edge that must be free of others."""
FEWEST_EDGES = 12
MOST_EDGES = 400


def resolution(image: Array, pixel_mm: tuple[float, float], along: int | None = None) -> Reading:
    """Full width at half maximum of the line spread, in mm, of the image's own edges.

    The image is made finer by its Fourier transform (which adds nothing to an MR image), clean
    edges are found, their profiles aligned and their median taken; the width is that of its
    derivative. An image of n samples over a field of view w has a line spread of 1.21 w / n
    (a sinc), whatever pixels it was interpolated to. Edges against air are left out, because
    the magnitude folds up what undershoots zero and makes them look sharp. Anatomy that is
    itself blurred is read as the image's blur. On phantoms the reading is 8 to 20 % low, the same
    for all resolutions, because neighbouring edges sharpen each other; `calibrate` takes that off.

    Parameters
    ----------
    image : (i, j) array
    pixel_mm : (float, float)
        Along i and j.
    along : 0 or 1, optional
        Only edges within 30 degrees across this axis: the resolution along it.

    Returns
    -------
    Reading
        In mm; none where fewer than 12 clean edges are found.
    """
    x = _checked(image)
    check_grid(x.shape[:2], pixel_mm)
    if x.ndim != 2:
        x = x[:, :, x.shape[2] // 2]
    profiles, steps_mm = _edges(x, pixel_mm, along)
    if len(profiles) < FEWEST_EDGES:
        return unreadable(
            "resolution", "mm", f"only {len(profiles)} clean edges, at least {FEWEST_EDGES} needed"
        )
    widths = []
    for part in np.array_split(np.argsort(steps_mm), max(1, len(profiles) // 60)):
        spread = np.gradient(np.median(profiles[part], axis=0))
        width = _width(spread)
        if width is not None:
            widths.append(width * float(np.median(steps_mm[part])))
    if not widths:
        return unreadable("resolution", "mm", "edges have no single slope")
    return Reading("resolution", float(np.median(widths)), "mm", samples=len(profiles))


def _edges(x: Array, pixel_mm: tuple[float, float], along: int | None) -> tuple[Array, Array]:
    """(edges, places) profiles from 0 to 1, and the mm of one place, of the steepest edges."""
    fine = _finer(x)
    smooth = ndi.gaussian_filter(fine, 1.2 * FINER)
    slope = np.stack(np.gradient(smooth))
    size = np.hypot(*slope)
    where = _ridges(slope, size)
    margin = (REACH + 3) * FINER
    inside = ((where >= margin) & (where < np.array(fine.shape) - margin)).all(axis=1)
    where = where[inside]
    order = np.argsort(size[tuple(where.T)])[::-1][: 4 * MOST_EDGES]
    profiles, steps = [], []
    offsets = np.arange(-(REACH + 2) * FINER, (REACH + 2) * FINER + 1)
    middle = len(offsets) // 2
    for at in where[order]:
        normal = slope[:, at[0], at[1]] / size[at[0], at[1]]
        if along is not None and abs(normal[along]) < np.cos(np.pi / 6):
            continue
        line = ndi.map_coordinates(
            fine, at[:, None] + normal[:, None] * offsets[None], order=1, mode="nearest"
        )
        low = np.median(line[: 3 * FINER])
        high = np.median(line[-3 * FINER :])
        jump = high - low
        if jump <= 0:
            continue
        line = (line - low) / jump
        # A magnitude folds up what undershoots zero, and such an edge looks too sharp.
        if low < 0.15 * jump:
            continue
        before, after = line[: middle - 2 * FINER], line[middle + 2 * FINER + 1 :]
        unrest = max(np.abs(before).mean(), np.abs(after - 1).mean())
        if unrest > 0.12 or max(np.abs(before).max(), np.abs(after - 1).max()) > 0.35:
            continue
        # where the area under the profile says the step is: noise averages out
        shift = len(line) - 0.5 - line.sum() - middle
        if abs(shift) > 1.5 * FINER:
            continue
        places = middle + shift + np.arange(-REACH * FINER, REACH * FINER + 1)
        profiles.append(np.interp(places, np.arange(len(line)), line))
        # a step along the normal is as long as its pixels are there
        steps.append(np.hypot(normal[0] * pixel_mm[0], normal[1] * pixel_mm[1]) / FINER)
        if len(profiles) >= MOST_EDGES:
            break
    if not profiles:
        return np.zeros((0, 2 * REACH * FINER + 1)), np.zeros(0)
    return np.array(profiles), np.array(steps)


def _ridges(slope: Array, size: Array) -> Array:
    """(n, 2) places where the slope is steepest across an edge, one for each two pixels of it."""
    steep = np.argwhere(size > 0.15 * size.max())
    if len(steep) == 0:
        return steep
    here = size[tuple(steep.T)]
    normal = slope[:, steep[:, 0], steep[:, 1]] / here
    for side in (-1, 1):
        beside = ndi.map_coordinates(size, steep.T + side * normal, order=1, mode="nearest")
        kept = here >= beside
        steep, here, normal = steep[kept], here[kept], normal[:, kept]
    # the strongest of each cell
    order = np.argsort(here)[::-1]
    cells = steep[order] // (2 * FINER)
    _, first = np.unique(cells, axis=0, return_index=True)
    return np.asarray(steep[order][first])


def _finer(x: Array) -> Array:
    """The image on FINER times as many pixels, by zeros around its k-space."""
    from limen.physics.mr.fourier import to_image

    ny, nx = x.shape
    kspace = to_kspace(x.astype(np.complex128))
    big = np.zeros((ny * FINER, nx * FINER), np.complex128)
    top, left = ny * FINER // 2 - ny // 2, nx * FINER // 2 - nx // 2
    big[top : top + ny, left : left + nx] = kspace
    return np.asarray(to_image(big).real * FINER)


def _width(spread: Array) -> float | None:
    """Full width at half maximum, in places."""
    peak = int(np.argmax(spread))
    half = spread[peak] / 2
    left, right = peak, peak
    while left > 0 and spread[left] > half:
        left -= 1
    while right < len(spread) - 1 and spread[right] > half:
        right += 1
    if spread[left] > half or spread[right] > half or half <= 0:
        return None
    a = left + (half - spread[left]) / (spread[left + 1] - spread[left])
    b = right - (half - spread[right]) / (spread[right - 1] - spread[right])
    return float(b - a)
