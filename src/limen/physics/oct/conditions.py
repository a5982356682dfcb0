"""Conditions read off an image or its fringes: noise, axial resolution, dispersion, motion.

Resolution is the full width of the amplitude at half its peak (-6 dB) everywhere in this room.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.physics.oct.acquisition import Acquisition
from limen.physics.oct.dispersion import dispersion_phase, search_dispersion
from limen.physics.oct.errors import CannotSay, FringeError
from limen.physics.oct.reconstruction import Recipe, even_fringes
from limen.physics.oct.speckle import speckle_correlation

Array = NDArray[Any]

CLEAR_DB = 15.0
"""A reflector must be so far over the floor for its width to be read."""


def noise_floor_db(image_db: Array, top: int = 8) -> float:
    """Mean power, in dB, of the quietest tenth of depths below the first ``top`` pixels.

    Shot noise is as strong at all depths, so the quietest band holds noise alone, if the image
    has one without tissue. The deepest third is left out, where interpolation dims noise too, by
    up to 2 dB.
    """
    power = _power(image_db)
    deepest = power.shape[-1] - power.shape[-1] // 3
    means = [float(part.mean()) for part in np.array_split(power[..., top:deepest], 10, axis=-1)]
    return float(10 * np.log10(max(min(means), 1e-30)))


def signal_to_noise_db(image_db: Array, percent: float = 99.5) -> float:
    """A high percentile of power over the noise floor."""
    if not 50 <= percent <= 100:
        raise FringeError("percent must be 50 to 100", found=str(percent))
    bright = float(np.percentile(_power(image_db)[..., 8:], percent))
    return float(10 * np.log10(max(bright, 1e-30)) - noise_floor_db(image_db))


def speckle_resolution_um(image_db: Array, depth_spacing_um: float) -> float:
    """Axial resolution from the size of speckle: width of its autocovariance at half.

    Fully developed speckle of a Gaussian band has a covariance of power ``exp(-dz^2 / (2 a^2))``
    where the point-spread's amplitude is ``exp(-z^2 / (2 a^2))``: the widths are equal. Dispersion
    does not change speckle's size, so this reads the bandwidth; see `reflector_resolution_um`.

    Parameters
    ----------
    image_db : (A-scans, depths) array
        A region of speckle well over the noise.
    depth_spacing_um : float
    """
    covariance = speckle_correlation(_power(image_db), lags=min(24, image_db.shape[-1] // 2 - 1))
    below = np.flatnonzero(covariance < 0.5)
    if below.size == 0 or below[0] == 0:
        raise CannotSay(
            "Axial resolution cannot be said, because speckle stays alike over the region"
        )
    j = int(below[0])
    # a Gaussian between the two lags: a straight line in lag^2 and log covariance
    c0, c1 = np.log(max(covariance[j - 1], 1e-6)), np.log(max(covariance[j], 1e-6))
    share = (c0 - np.log(0.5)) / (c0 - c1)
    lag = np.sqrt((j - 1) ** 2 + share * (j**2 - (j - 1) ** 2))
    return float(2 * lag * depth_spacing_um)


def reflector_resolution_um(image_db: Array, depth_spacing_um: float, top: int = 8) -> float:
    """Axial resolution from the width of edges and single reflectors; broadened by dispersion.

    In each A-scan the brightest depth is taken if it is clear of the floor and nothing else comes
    within 6 dB of it nearby; the median of the A-scans is returned.

    Raises
    ------
    CannotSay
        When fewer than eight A-scans have one.
    """
    image = np.asarray(_finite(image_db), np.float64).reshape(-1, image_db.shape[-1])
    floor = noise_floor_db(image)
    widths = []
    for row in image:
        peak = int(row[top:-2].argmax()) + top
        if row[peak] < floor + CLEAR_DB:
            continue
        height = _vertex(row, peak)
        width = _width_px(row, peak, height - 6.0206)
        if width is None:
            continue
        near = int(np.ceil(3 * width)) + 1
        around = np.r_[row[max(peak - near, top) : max(peak - int(np.ceil(width)), top)],
                       row[peak + int(np.ceil(width)) + 1 : peak + near]]  # fmt: skip
        if around.size == 0 or around.max() < height - 6.0206:
            widths.append(width)
    if len(widths) < 8:
        raise CannotSay(
            "Axial resolution cannot be said, because too few A-scans show a single reflector",
            found=f"{len(widths)} of {image.shape[0]}",
            mend="give an image with a surface, or use speckle_resolution_um",
        )
    return float(np.median(widths) * depth_spacing_um)


def dispersion_of_image(
    image_db: Array, acquisition: Acquisition, window: str = "hann", widest_fs2: float = 2e4
) -> float:
    """|Residual dispersion| in fs^2 that explains the width of reflectors in an image.

    The width that a point-spread has at each dispersion is computed for the source and window, and
    the measured one is looked up. A magnitude image does not hold the sign.
    """
    measured = reflector_resolution_um(image_db, acquisition.sampling.depth_spacing_um)
    recipe = Recipe.of_acquisition(acquisition, window)
    k = acquisition.sampling.even_wavenumber_rad_per_um
    at = np.arange(recipe.n_samples)
    light = recipe.window * np.interp(recipe.positions, at, acquisition.spectrum)
    tried = np.linspace(0, 1, 65) ** 2 * widest_fs2
    spread = np.array([
        _point_width_px(light, dispersion_phase(k, acquisition.source.centre_rad_per_um, d))
        for d in tried
    ])  # fmt: skip
    spread = np.maximum.accumulate(spread) * acquisition.sampling.depth_spacing_um
    if measured > spread[-1]:
        raise CannotSay(
            "Dispersion cannot be said, because reflectors are wider than the range explains",
            found=f"{measured:.1f} um; {spread[-1]:.1f} um at {widest_fs2:g} fs^2",
        )
    spread = spread + np.arange(spread.size) * 1e-9
    return float(np.interp(measured, spread, tried))


def dispersion_of_fringes(
    fringes: Array, acquisition: Acquisition, window: str = "hann", widest_fs2: float = 2e4
) -> float:
    """Residual dispersion in fs^2, with its sign, beyond what the acquisition states.

    Parameters
    ----------
    fringes : (A-scans, samples) array
    """
    recipe = Recipe.of_acquisition(acquisition, window)
    even = even_fringes(fringes, recipe, acquisition.background_counts)
    turned = even * np.exp(-1j * recipe.phase_rad)
    fs2, _ = search_dispersion(
        turned, acquisition.sampling.even_wavenumber_rad_per_um,
        acquisition.source.centre_rad_per_um, recipe.window, widest_fs2,
    )  # fmt: skip
    return fs2


def axial_velocity_mm_per_s(field: Array, acquisition: Acquisition) -> float:
    """Mean velocity of the whole sample from the Doppler phase between A-scans.

    ``v = arg(sum F[a+1] conj F[a]) / (2 k0 T)``; unambiguous up to a quarter wavelength per period.

    Parameters
    ----------
    field : (A-scans, depths) complex array
        From `reconstruct_field`.

    Raises
    ------
    CannotSay
        When neighbouring A-scans are not alike enough: they lie too far apart, or move too fast.
    """
    f = np.asarray(field)
    if f.ndim != 2 or f.shape[0] < 8 or not np.iscomplexobj(f) or not np.isfinite(f).all():
        raise FringeError(
            "Doppler needs a finite complex field of 8 A-scans", found=f"{f.dtype} {f.shape}"
        )
    product = np.sum(f[1:] * np.conj(f[:-1]), axis=1)
    energy = np.sum(np.abs(f) ** 2, axis=1)
    alike = np.abs(product.sum()) / np.sum(np.sqrt(energy[1:] * energy[:-1]))
    if alike < 0.3:
        raise CannotSay(
            "Axial velocity cannot be said, because neighbouring A-scans are not alike",
            found=f"coherence {alike:.2f}",
            mend="scan more densely, or use axial_shifts_um",
        )
    phase = float(np.angle(product.sum()))
    per_us = phase / (2 * acquisition.source.centre_rad_per_um * acquisition.period_us)
    return per_us * 1e3


def axial_shifts_um(image_db: Array, depth_spacing_um: float, most_px: int = 32) -> Array:
    """How far each A-scan lies deeper than the first: (A-scans,) float64.

    Summed from the best match of each A-scan to the mean of those before it (moved onto each
    other). A slope of the tissue is in it: only what changes faster, or between B-scans at one
    place, is motion.
    """
    image = np.asarray(_finite(image_db), np.float64)
    if image.ndim != 2 or image.shape[0] < 2 or image.shape[1] < 4 * most_px:
        raise CannotSay(
            "Axial shifts cannot be said, because the image is too small",
            found=f"{image.shape}",
            mend=f"give 2 A-scans of {4 * most_px} depths, or fewer most_px",
        )
    floor = noise_floor_db(image)
    rows = np.maximum(image - floor, 0)
    shifts = np.zeros(rows.shape[0])
    mean = rows[0].copy()
    at = np.arange(rows.shape[1], dtype=np.float64)
    lags = np.arange(-most_px, most_px + 1)
    for a in range(1, rows.shape[0]):
        start = round(float(shifts[a - 1]))
        score = np.array([
            np.dot(mean, np.interp(at + start + lag, at, rows[a], 0, 0)) for lag in lags
        ])  # fmt: skip
        best = int(np.clip(score.argmax(), 1, lags.size - 2))
        shifts[a] = start + lags[best] + _offset(score[best - 1 : best + 2])
        mean = 0.9 * mean + 0.1 * np.interp(at + shifts[a], at, rows[a], 0, 0)
    return shifts * depth_spacing_um


def _point_width_px(light: Array, phase: Array) -> float:
    from limen.physics.oct.calibration import point_spread_width_px

    return point_spread_width_px(light * np.exp(1j * phase))


def _width_px(row: Array, peak: int, level: float) -> float | None:
    left, right = peak, peak
    while left > 0 and row[left] >= level:
        left -= 1
    while right < row.size - 1 and row[right] >= level:
        right += 1
    if row[left] >= level or row[right] >= level:
        return None
    rise = (level - row[left]) / (row[left + 1] - row[left])
    fall = (level - row[right]) / (row[right - 1] - row[right])
    return float((right - fall) - (left + rise))


def _vertex(row: Array, peak: int) -> float:
    """Height in dB of the parabola through the peak and its neighbours: a Gaussian's top."""
    a, b, c = row[peak - 1 : peak + 2]
    bend = a - 2 * b + c
    return float(b - (a - c) ** 2 / (8 * bend)) if bend < 0 else float(b)


def _offset(three: Array) -> float:
    bend = three[0] - 2 * three[1] + three[2]
    return float((three[0] - three[2]) / (2 * bend)) if bend < 0 else 0.0


def _finite(image_db: Array) -> Array:
    image = np.asarray(image_db)
    if image.ndim < 1 or image.shape[-1] < 32 or np.isnan(image).any() or np.isposinf(image).any():
        raise FringeError(
            "An image in dB of 32 depths or more is needed, finite or -inf", found=f"{image.shape}"
        )
    return np.asarray(np.maximum(image, -300.0))


def _power(image_db: Array) -> Array:
    return np.asarray(10 ** (np.asarray(_finite(image_db), np.float64) / 10))
