"""Filtered back-projection for parallel beams."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from limen.physics.ct.geometry import GeometryError, ParallelGeometry, as_sinogram_stack

Array = NDArray[Any]

KERNELS = ("ramp", "shepp-logan", "cosine", "hamming", "hann")
"""Windows on the ramp filter, from sharp and noisy to soft and quiet."""


def fbp(sinogram: Array, geometry: ParallelGeometry, kernel: str = "hann") -> Array:
    """Attenuation image from line integrals.

    The ramp is band-limited and sampled in space (Kak and Slaney, Principles of Computerized
    Tomographic Imaging, 1988, eq. 3.61), so that the mean is kept; the back-projection
    interpolates linearly between detector elements.

    Parameters
    ----------
    sinogram : (views, detectors) or (views, detectors, slices) array
        Line integrals.
    geometry : ParallelGeometry
    kernel : str
        One of `KERNELS`; windows reach their end at the Nyquist frequency of the detector.

    Returns
    -------
    (x, y) or (x, y, slices) float32
        1/mm. Valid inside the disc of ``geometry.field_of_view_mm``.

    Raises
    ------
    GeometryError
        When the sinogram does not have the geometry's shape, or the kernel has no such name.
    """
    stack = as_sinogram_stack(sinogram, geometry)
    filtered = _filter(stack, geometry.detector_spacing_mm, kernel)
    image = np.zeros((*geometry.image_shape, stack.shape[2]), dtype=np.float32)
    _back_project(
        filtered, image, geometry.angles_rad, geometry.pixel_mm, geometry.detector_spacing_mm
    )
    return image if sinogram.ndim == 3 else image[:, :, 0]


def _filter(stack: Array, spacing_mm: float, kernel: str) -> Array:
    n = scipy.fft.next_fast_len(2 * stack.shape[1], real=True)
    response = ramp_response(n, spacing_mm, kernel).astype(np.float32)
    spectrum = scipy.fft.rfft(stack, n, axis=1)
    spectrum *= response[None, :, None]
    filtered = scipy.fft.irfft(spectrum, n, axis=1)
    return np.ascontiguousarray(filtered[:, : stack.shape[1]])


def ramp_response(n: int, spacing_mm: float, kernel: str) -> Array:
    """(n // 2 + 1,) float64: frequency response, 1/mm, detector spacing included."""
    if kernel not in KERNELS:
        raise GeometryError(
            "No such kernel", found=str(kernel), mend=f"one of {', '.join(KERNELS)}"
        )
    lag = np.minimum(np.arange(n), n - np.arange(n))
    ramp = np.zeros(n)
    ramp[0] = 1 / (4 * spacing_mm**2)
    odd = lag % 2 == 1
    ramp[odd] = -1 / (np.pi * lag[odd] * spacing_mm) ** 2
    response = np.asarray(np.fft.rfft(ramp).real) * spacing_mm
    f = np.arange(response.size) / n  # cycles per detector element; Nyquist is 0.5
    windows = {
        "ramp": np.ones_like(f),
        "shepp-logan": np.sinc(f),
        "cosine": np.cos(np.pi * f),
        "hamming": 0.54 + 0.46 * np.cos(2 * np.pi * f),
        "hann": 0.5 + 0.5 * np.cos(2 * np.pi * f),
    }
    return np.asarray(response * windows[kernel])


@numba.njit(parallel=True, fastmath=True, cache=True, nogil=True)
def _back_project(filtered, image, angles, pixel_mm, spacing_mm):  # type: ignore[no-untyped-def]
    nx, ny, nz = image.shape
    n_views, n_detectors = angles.size, filtered.shape[1]
    step = np.float32(np.pi / n_views)
    for ix in numba.prange(nx):
        x = (ix - (nx - 1) / 2) * pixel_mm / spacing_mm
        for v in range(n_views):
            cos, sin = np.cos(angles[v]), np.sin(angles[v])
            start = x * cos + (n_detectors - 1) / 2
            for iy in range(ny):
                y = (iy - (ny - 1) / 2) * pixel_mm / spacing_mm
                s = start + y * sin
                lower = int(np.floor(s))
                if 0 <= lower < n_detectors - 1:
                    w1 = np.float32(s - lower) * step
                    w0 = step - w1
                    for k in range(nz):
                        image[ix, iy, k] += (
                            w0 * filtered[v, lower, k] + w1 * filtered[v, lower + 1, k]
                        )
