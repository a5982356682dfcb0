"""Artefacts of a CT image: rings, the streaks of too few views, and unrest in the air around."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from limen.physics.ct.geometry import ParallelGeometry
from limen.physics.ct.project import forward
from limen.physics.reading import Reading, unreadable

Array = NDArray[Any]


def ring_level(
    image_hu: Array, pixel_mm: float, centre_mm: tuple[float, float] = (0.0, 0.0)
) -> Reading:
    """Root mean square of rings around the axis, in HU.

    In polar coordinates a ring is the same at neighbouring angles: in each of eight sectors the
    median over angles is taken of what differs from the radial neighbours, and the level is the
    root of what neighbouring sectors share, which noise does not. Half rings count for three
    quarters of their power.

    Parameters
    ----------
    image_hu : (x, y) array
    pixel_mm : float
    centre_mm : (float, float)
        Of rotation, from the middle of the image.

    Returns
    -------
    Reading
    """
    x = np.asarray(image_hu, np.float32)
    middle = [(n - 1) / 2 + c / pixel_mm for n, c in zip(x.shape, centre_mm, strict=True)]
    radii = np.arange(4.0, min(x.shape) / 2 - 2)
    n_angles = int(2 * np.pi * radii[-1])
    angles = 2 * np.pi * np.arange(n_angles) / n_angles
    places = np.array(
        [
            middle[0] + radii[:, None] * np.cos(angles)[None],
            middle[1] + radii[:, None] * np.sin(angles)[None],
        ]
    )
    polar = ndi.map_coordinates(x, places, order=1, mode="nearest")
    rest = polar - ndi.median_filter(polar, (9, 1), mode="nearest")
    # only where the neighbourhood is the same tissue
    smooth = ndi.gaussian_filter(polar, (3, 3))
    steady = np.abs(np.gradient(smooth, axis=0)) < 25
    body = (smooth > -300) & (smooth < 300) & steady
    enough = body.sum(axis=1) > 60
    if np.count_nonzero(enough) < 20:
        return unreadable("rings", "HU", "too little soft tissue around the axis")
    rest = np.where(body, rest, np.nan)[enough]
    # sectors, because over 180 degrees an element draws half a ring
    sectors = np.array_split(rest, 8, axis=1)
    profiles = np.array([_median(sector) for sector in sectors])
    shared = profiles * np.roll(profiles, 1, axis=0)
    shared = shared[np.isfinite(shared)]
    if shared.size < 40:
        return unreadable("rings", "HU", "too little soft tissue around the axis")
    # an organ's edge that happens to follow a circle is rare and strong
    kept = shared[np.abs(shared) <= np.quantile(np.abs(shared), 0.98)]
    level = float(np.sqrt(max(kept.mean(), 0.0)))
    return Reading("rings", level, "HU", samples=int(np.count_nonzero(enough)))


def _median(sector: Array) -> Array:
    """Median over angles where at least 20 of them count."""
    out = np.full(len(sector), np.nan)
    enough = np.isfinite(sector).sum(axis=1) >= 20
    out[enough] = np.nanmedian(sector[enough], axis=1)
    return out


def views_seen(image_hu: Array, pixel_mm: float, most: int = 400) -> Reading:
    """Number of views over 180 degrees that an undersampled image was made from.

    The spectrum of an image from n views lies on n spokes. Seen from all angles in turn, the
    power of the image's projections at high frequencies rises and falls n times in 180 degrees;
    the share of that wave is how clearly. Where no wave stands out there were enough views for
    this image, or more than ``most``.

    Parameters
    ----------
    image_hu : (x, y) array
    pixel_mm : float
    most : int

    Returns
    -------
    Reading
        In views.
    """
    power = angular_power(image_hu, pixel_mm, 4 * most)
    wave = np.abs(np.fft.rfft(power / ndi.gaussian_filter1d(power, most / 30, mode="wrap")))
    lowest = 24  # slower waves are the shape of the body
    contrast = wave / np.maximum(ndi.median_filter(wave, 41), 1e-12)
    strong = lowest + np.flatnonzero(contrast[lowest : most + 1] > 8)
    if strong.size == 0:
        return unreadable("views", "views", "no sign of undersampling")
    best = lowest + int(np.argmax(contrast[lowest : most + 1]))
    # a wave that is not round has overtones
    n = min(int(k) for k in strong if best % k == 0)
    return Reading("views", float(n), "views", samples=power.size)


def angular_power(image_hu: Array, pixel_mm: float, n_angles: int) -> Array:
    """(n_angles,) power of the projections over 180 degrees, in the upper half of frequencies."""
    x = np.asarray(image_hu, np.float32)
    n = min(x.shape)
    # the disc around the axis: corners would be seen from some angles only
    cx, cy = ((s - 1) / 2 for s in x.shape)
    radius = np.hypot(np.arange(x.shape[0])[:, None] - cx, np.arange(x.shape[1])[None] - cy)
    disc = np.clip((n / 2 - 2 - radius) / 4, 0, 1).astype(np.float32)
    geometry = ParallelGeometry(n_angles, n + n % 2, pixel_mm, (x.shape[0], x.shape[1]), pixel_mm)
    lines = forward((np.maximum(x, -1000) + 1000) * disc, geometry)
    spectrum = np.abs(np.fft.rfft(lines, axis=1)) ** 2
    f = np.arange(spectrum.shape[1]) / (2 * (spectrum.shape[1] - 1))
    return np.asarray(spectrum[:, (f > 0.2) & (f < 0.45)].sum(axis=1), np.float64)


def air_unrest_hu(image_hu: Array, pixel_mm: float) -> Reading:
    """Robust standard deviation in HU of the air around the body, after noise was smoothed away.

    Motion, truncation and missing views throw streaks into the air, which is otherwise even; in
    itself no measure of any of them: `limen.physics.reading.calibrate` makes it one.

    Parameters
    ----------
    image_hu : (x, y) array
    pixel_mm : float

    Returns
    -------
    Reading
    """
    x = np.asarray(image_hu, np.float32)
    body = ndi.binary_fill_holes(ndi.gaussian_filter(x, 2.0 / pixel_mm) > -600)
    away = ndi.distance_transform_edt(~body) * pixel_mm
    cx, cy = ((s - 1) / 2 for s in x.shape)
    radius = np.hypot(np.arange(x.shape[0])[:, None] - cx, np.arange(x.shape[1])[None] - cy)
    field = radius < min(x.shape) / 2 - 2
    air = (away > 6) & (away < 40) & field & (x > -1500)
    if np.count_nonzero(air) * pixel_mm**2 < 500:
        return unreadable("air", "HU", "no air around the body in the field of view")
    smooth = ndi.gaussian_filter(x, 2.0 / pixel_mm)
    values = smooth[air]
    # the couch and clothes are in this air as well, but in less than half of it
    spread = 1.4826 * float(np.median(np.abs(values - np.median(values))))
    return Reading("air", spread, "HU", samples=int(np.count_nonzero(air)))
