"""Reconstruction kernels: what they do to spatial frequencies, in cycles per mm.

A kernel is the ramp of filtered back-projection times a window.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.physics.ct.geometry import GeometryError

Array = NDArray[Any]

WINDOWED = ("ramp", "shepp-logan", "cosine", "hamming", "hann")
"""Windows on the detector's own Nyquist frequency, from sharp and noisy to soft and quiet."""

MTF50_MTF10_PER_MM = {"soft": (0.34, 0.56), "bone": (0.79, 1.13)}
"""MTF50 and MTF10, in cycles/mm, of the two kernels that are the same on every detector.

They are Limen's own, of the order of a soft body kernel and a sharp bone kernel of clinical
scanners; they are no vendor's. They hold in the image, as far as the detector's Nyquist frequency
lies above them.
"""

KERNELS = (*WINDOWED, *MTF50_MTF10_PER_MM)
"""Names that `filter_response` and `fbp` take."""


def kernel_mtf(kernel: str, frequency_per_mm: Array, detector_spacing_mm: float) -> Array:
    """What a kernel leaves of each spatial frequency in the image.

    The window, and for those of `WINDOWED` also what the linear interpolation of the
    back-projection takes, ``sinc(f spacing)^2``; "soft" and "bone" make up for it. Of the image's
    whole MTF this is the part of the reconstruction, without focal spot, detector and pixel.

    Parameters
    ----------
    kernel : str
        One of `KERNELS`.
    frequency_per_mm : array
    detector_spacing_mm : float
        At the centre of rotation.

    Returns
    -------
    float64 array, same shape
        1 at frequency 0; 0 above the detector's Nyquist frequency.

    Raises
    ------
    GeometryError
        When the kernel has no such name.
    """
    frequency = np.abs(np.asarray(frequency_per_mm, dtype=np.float64))
    f = frequency * detector_spacing_mm  # cycles per detector element; Nyquist is 0.5
    mtf = _stated(kernel, frequency) if kernel in MTF50_MTF10_PER_MM else (
        _window(kernel, f) * np.sinc(f) ** 2
    )  # fmt: skip
    return np.where(f <= 0.5 + 1e-12, mtf, 0.0)


def _stated(kernel: str, frequency_per_mm: Array) -> Array:
    """``exp(-(f / a)^n)`` through the kernel's MTF50 and MTF10."""
    f50, f10 = MTF50_MTF10_PER_MM[kernel]
    n = np.log(np.log(10) / np.log(2)) / np.log(f10 / f50)
    return np.asarray(np.exp(-np.log(2) * (frequency_per_mm / f50) ** n))


def filter_response(n: int, spacing_mm: float, kernel: str) -> Array:
    """(n // 2 + 1,) float64: frequency response of ramp and window, 1/mm, spacing included.

    The ramp is band-limited and sampled in space (Kak and Slaney, Principles of Computerized
    Tomographic Imaging, 1988, eq. 3.61), so that the mean is kept.
    """
    if kernel not in KERNELS:
        raise _no_such(kernel)
    lag = np.minimum(np.arange(n), n - np.arange(n))
    ramp = np.zeros(n)
    ramp[0] = 1 / (4 * spacing_mm**2)
    odd = lag % 2 == 1
    ramp[odd] = -1 / (np.pi * lag[odd] * spacing_mm) ** 2
    response = np.asarray(np.fft.rfft(ramp).real) * spacing_mm
    f = np.arange(response.size) / n
    if kernel in WINDOWED:
        return np.asarray(response * _window(kernel, f))
    return np.asarray(response * _stated(kernel, f / spacing_mm) / np.sinc(f) ** 2)


def _window(kernel: str, f: Array) -> Array:
    windows = {
        "ramp": np.ones_like(f),
        "shepp-logan": np.sinc(f),
        "cosine": np.cos(np.pi * f),
        "hamming": 0.54 + 0.46 * np.cos(2 * np.pi * f),
        "hann": 0.5 + 0.5 * np.cos(2 * np.pi * f),
    }
    if kernel not in windows:
        raise _no_such(kernel)
    return windows[kernel]


def _no_such(kernel: object) -> GeometryError:
    return GeometryError("No such kernel", found=str(kernel), mend=f"one of {', '.join(KERNELS)}")
