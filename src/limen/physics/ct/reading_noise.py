"""Noise of a CT image: its level, its spectrum, and how far it reaches along z."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from limen.physics.reading import Reading, ReadingError, unreadable

Array = NDArray[Any]

SOFT_TISSUE_HU = (-150.0, 200.0)
WINDOW_MM = 6.0
FEWEST_WINDOWS = 50


def local_noise_hu(image_hu: Array, pixel_mm: float, window_mm: float = WINDOW_MM) -> Array:
    """Standard deviation around each pixel, after a plane was taken off.

    Parameters
    ----------
    image_hu : (x, y) or (x, y, slices) array
    pixel_mm : float
    window_mm : float
        Side of the square window.

    Returns
    -------
    float32 array, same shape, HU
    """
    x = np.asarray(image_hu, np.float32)
    n = _window(pixel_mm, window_mm)
    size = (n, n) if x.ndim == 2 else (n, n, 1)
    # the plane a window's values lie around is their regression on x and y
    mean = ndi.uniform_filter(x, size, mode="nearest")
    power = ndi.uniform_filter((x - _coarse(x)) ** 2, size, mode="nearest")
    power -= (mean - _coarse(x)) ** 2
    along = (np.arange(n) - (n - 1) / 2).astype(np.float32)
    spread = float((along**2).mean())
    for axis in (0, 1):
        slope = ndi.correlate1d(x, along / n, axis, mode="nearest")
        slope = ndi.uniform_filter1d(slope, n, 1 - axis, mode="nearest") / spread
        power -= slope**2 * spread
    lost = n * n / (n * n - 3)
    return np.asarray(np.sqrt(np.maximum(power, 0) * lost), np.float32)


def noise_level(image_hu: Array, pixel_mm: float) -> Reading:
    """Noise of soft tissue in HU: the most frequent local standard deviation.

    After Christianson et al. (AJR 205, W93, 2015): structure only raises a window's standard
    deviation, and most windows of soft tissue hold none, so the mode is that of the noise.
    Correlation longer than the window is not seen.

    Parameters
    ----------
    image_hu : (x, y) or (x, y, slices) array
    pixel_mm : float

    Returns
    -------
    Reading
        In HU; none where there is too little soft tissue.
    """
    x = np.asarray(image_hu, np.float32)
    inside = _soft_tissue(x, pixel_mm)
    n = _window(pixel_mm, WINDOW_MM)
    apart = int(np.count_nonzero(inside)) // (n * n)
    if apart < FEWEST_WINDOWS:
        return unreadable(
            "noise", "HU", f"only {apart} windows of soft tissue, at least {FEWEST_WINDOWS} needed"
        )
    return Reading("noise", _mode(local_noise_hu(x, pixel_mm)[inside]), "HU", samples=apart)


def noise_where_tissue(noise_hu: Array, image_hu: Array, pixel_mm: float) -> float:
    """The level, as `noise_level` has it, of a noise image where ``image_hu`` is soft tissue."""
    inside = _soft_tissue(np.asarray(image_hu, np.float32), pixel_mm)
    return _mode(local_noise_hu(noise_hu, pixel_mm)[inside])


def noise_power_spectrum(patches_hu: Array, pixel_mm: float) -> tuple[Array, Array]:
    """Radially averaged noise power spectrum of uniform patches (ICRU Report 87, section 4).

    Parameters
    ----------
    patches_hu : (patches, n, n) array
        Each loses its mean and its plane.
    pixel_mm : float

    Returns
    -------
    (n // 2,) frequencies in 1/mm, and the spectrum there in HU^2 mm^2
        Its integral over the plane of frequencies is the variance.

    Raises
    ------
    ReadingError
        For patches that are not square or not finite.
    """
    patches = np.asarray(patches_hu, np.float64)
    if patches.ndim != 3 or patches.shape[1] != patches.shape[2] or patches.shape[1] < 8:
        raise ReadingError(
            "Patches must be square, of 8 pixels at least", found=f"shape {patches.shape}"
        )
    if not np.isfinite(patches).all():
        raise ReadingError("Patches must be finite", found="NaN or infinity")
    n = patches.shape[1]
    along = np.arange(n) - (n - 1) / 2
    flat = patches - patches.mean(axis=(1, 2), keepdims=True)
    for shape in ((1, n, 1), (1, 1, n)):
        ramp = along.reshape(shape)
        flat -= (flat * ramp).mean(axis=(1, 2), keepdims=True) / (along**2).mean() * ramp
    power = (np.abs(np.fft.fft2(flat)) ** 2).mean(axis=0) * pixel_mm**2 / n**2
    f = np.fft.fftfreq(n)
    radius = np.hypot(f[:, None], f[None]) * n
    ring = np.rint(radius).astype(int)
    total = np.bincount(ring.ravel(), power.ravel())[: n // 2]
    count = np.bincount(ring.ravel())[: n // 2]
    return np.arange(n // 2) / (n * pixel_mm), total / count


def analytic_noise_power(
    frequency_per_mm: Array,
    kernel: str,
    detector_spacing_mm: float,
    n_views: int,
    line_variance: float,
) -> Array:
    """Noise power spectrum of filtered back-projection of white noise, in (1/mm)^2 mm^2.

    ``pi / n * sigma^2 * spacing * f * W(f)^2`` for n parallel views over 180 degrees, W what the
    kernel leaves of each frequency (compare Riederer, Pelc and Chesler, Phys. Med. Biol. 23, 1978).
    """
    from limen.physics.ct.kernels import kernel_mtf

    f = np.asarray(frequency_per_mm, np.float64)
    w = kernel_mtf(kernel, f, detector_spacing_mm)
    return np.asarray(np.pi / n_views * line_variance * detector_spacing_mm * f * w**2)


def slice_thickness(volume_hu: Array, pixel_mm: float, spacing_mm: float) -> Reading:
    """Thickness of slices that overlap, from the correlation of their noise.

    Slices of thickness t (a rectangular profile), s apart, share the part 1 - s / t of their
    noise: ``t = s / (1 - rho)``. Slices that do not overlap share none, whatever their
    thickness: then only that it is no more than the spacing can be said.

    Parameters
    ----------
    volume_hu : (x, y, slices) array
    pixel_mm, spacing_mm : float

    Returns
    -------
    Reading
        In mm.
    """
    name = "slice thickness"
    x = np.asarray(volume_hu, np.float32)
    if x.ndim != 3 or x.shape[2] < 3:
        return unreadable(name, "mm", "fewer than three slices")
    noise = local_noise_hu(x, pixel_mm)
    inside = _soft_tissue(x, pixel_mm)
    if np.count_nonzero(inside) < 1000:
        return unreadable(name, "mm", "too little soft tissue")
    # judged over several slices: choosing quiet places of one would break what slices share
    noise = ndi.uniform_filter1d(noise, 7, axis=2, mode="nearest")
    calm = inside & (noise < np.quantile(noise[inside], 0.4))
    rest = x - ndi.gaussian_filter(x, (1.5, 1.5, 0))
    both = calm[:, :, 1:] & calm[:, :, :-1]
    a, b = rest[:, :, 1:][both], rest[:, :, :-1][both]
    if a.size < 1000:
        return unreadable(name, "mm", "too little soft tissue without structure")
    rho = float((a * b).mean() / np.sqrt((a**2).mean() * (b**2).mean()))
    if rho < 0.1:
        return unreadable(
            name, "mm", f"slices share no noise: no thicker than their spacing of {spacing_mm:g} mm"
        )
    if rho > 0.97:
        return unreadable(name, "mm", "slices are all but equal")
    return Reading(name, spacing_mm / (1 - rho), "mm", samples=a.size)


def _window(pixel_mm: float, window_mm: float) -> int:
    if not 0 < pixel_mm < np.inf:
        raise ReadingError("pixel_mm must be a positive length in mm", found=str(pixel_mm))
    return max(5, round(window_mm / pixel_mm) | 1)


def _coarse(x: Array) -> Array:
    """A value near each slice's own, so that squares do not lose digits."""
    return np.asarray(x.mean(axis=(0, 1), keepdims=True))


def _soft_tissue(x: Array, pixel_mm: float) -> Array:
    """Where a whole window is soft tissue, judged on a smoothed image so that noise cannot."""
    n = _window(pixel_mm, WINDOW_MM)
    flat = (n, n) if x.ndim == 2 else (n, n, 1)
    sigma = 2.5 / pixel_mm / 2
    smooth = ndi.gaussian_filter(x, (sigma, sigma) if x.ndim == 2 else (sigma, sigma, 0))
    low, high = SOFT_TISSUE_HU
    tissue = ((smooth > low) & (smooth < high)).astype(np.uint8)
    return np.asarray(ndi.minimum_filter(tissue, flat, mode="constant") > 0)


def _mode(values: Array) -> float:
    """Middle of the shortest interval that holds a fifth of the values."""
    v = np.sort(values[values > 0]) if (values > 0).any() else np.zeros(1)
    n = max(1, v.size // 5)
    widths = v[n:] - v[: v.size - n]
    if widths.size == 0:
        return float(v.mean())
    k = int(np.argmin(widths))
    return float(v[k : k + n].mean())
