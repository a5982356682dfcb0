"""Resolution of a CT image, from the edge between skin and air."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from limen.physics.reading import Reading, unreadable

Array = NDArray[Any]

REACH_MM = 7.0
FEWEST_PROFILES = 100


def edge_profile(image_hu: Array, pixel_mm: float) -> tuple[Array, Array, int]:
    """Mean profile across the skin, normalised from air (0) to tissue (1).

    Profiles run along the normals of the contour at -500 HU and are aligned on it (as in Sanders,
    Hurwitz and Samei, Med. Phys. 43, 2016); those that are not clean air outside (the couch,
    clothes) or soft tissue inside are left out.

    Returns
    -------
    (offsets in mm, growing inwards; profile; how many profiles it is the mean of)
    """
    from contourpy import contour_generator

    x = np.asarray(image_hu, np.float32)
    if x.ndim != 2:
        x = x[:, :, x.shape[2] // 2]
    smooth = ndi.gaussian_filter(x, 1.0 / pixel_mm)
    lines = contour_generator(z=smooth.T).lines(-500.0)
    step = pixel_mm / 4
    offsets = np.arange(-REACH_MM, REACH_MM + step / 2, step)
    if not lines:
        return offsets, np.zeros_like(offsets), 0
    outline = max(lines, key=lambda p: np.ptp(p[:, 0]) * np.ptp(p[:, 1]))
    gx, gy = np.gradient(ndi.gaussian_filter(x, 2.0 / pixel_mm))
    at = outline.T
    normal = np.array([ndi.map_coordinates(g, at, order=1) for g in (gx, gy)])
    normal /= np.maximum(np.hypot(*normal), 1e-9)  # towards tissue
    places = at[:, :, None] + normal[:, :, None] * (offsets / pixel_mm)[None, None]
    profiles = ndi.map_coordinates(x, places, order=3, mode="nearest")
    outer, inner = profiles[:, offsets < -3], profiles[:, offsets > 3]
    clean = (
        (np.abs(outer.mean(axis=1) + 1000) < 60)
        & (inner.mean(axis=1) > -200)
        & (inner.mean(axis=1) < 200)
        & (np.abs(outer[:, 0] - outer[:, -1]) < 150 + 3 * outer.std(axis=1))
    )
    chosen = profiles[clean]
    if len(chosen) == 0:
        return offsets, np.zeros_like(offsets), 0
    # aligned anew: the contour of the smoothed image is off by the skin's curvature
    crossing = _crossings(chosen, offsets)
    keep = np.abs(crossing) < 2
    shifted = np.array(
        [
            np.interp(offsets + c, offsets, p)
            for c, p in zip(crossing[keep], chosen[keep], strict=True)
        ]
    )
    if len(shifted) == 0:
        return offsets, np.zeros_like(offsets), 0
    mean = np.mean(shifted, axis=0)
    low, high = mean[offsets < -4].mean(), np.median(mean[(offsets > 3) & (offsets < 6)])
    return offsets, (mean - low) / (high - low), len(shifted)


def resolution(image_hu: Array, pixel_mm: float) -> Reading:
    """Full width at half maximum, in mm, of the line spread across the skin.

    That of the Gaussian whose integral fits the mean edge best within 2 mm and more of it. It
    holds the kernel, the pixel and whatever else blurred the edge.

    Parameters
    ----------
    image_hu : (x, y) or (x, y, slices) array
        Of a stack the middle slice.
    pixel_mm : float

    Returns
    -------
    Reading
    """
    from scipy.optimize import least_squares
    from scipy.special import erf

    offsets, profile, n = edge_profile(image_hu, pixel_mm)
    if n < FEWEST_PROFILES:
        return unreadable(
            "resolution",
            "mm",
            f"only {n} clean places of skin against air, {FEWEST_PROFILES} needed",
        )

    def misfit(p: Array) -> Array:
        near = np.abs(offsets) < max(2.0, 1.5 * p[0] * 2.355)
        model = 0.5 * (1 + erf((offsets - p[1]) / (np.sqrt(2) * p[0])))
        return np.asarray((profile - model) * near)

    fit = least_squares(misfit, [0.5, 0.0], bounds=([0.05, -1.5], [5.0, 1.5]))
    return Reading("resolution", float(2.3548 * fit.x[0]), "mm", samples=n)


def _crossings(profiles: Array, offsets: Array) -> Array:
    """Where each profile crosses -500 HU nearest to offset 0."""
    out = np.full(len(profiles), np.inf)
    for i, p in enumerate(profiles):
        k = np.flatnonzero((p[:-1] < -500) & (p[1:] >= -500))
        if k.size:
            k0 = k[np.argmin(np.abs(offsets[k]))]
            share = (-500 - p[k0]) / (p[k0 + 1] - p[k0])
            out[i] = offsets[k0] + share * (offsets[k0 + 1] - offsets[k0])
    return out
