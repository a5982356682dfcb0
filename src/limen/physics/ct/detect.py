"""How well a known signal can be seen at all in raw counts: the ideal observer.

Observers of images are in ``limen.physics.observers``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.physics.observers import ObserverError

Array = NDArray[Any]


def raw_detectability(
    background_lines: Array,
    signal_lines: Array,
    photons_per_ray: float | Array,
    electronic_noise_photons: float = 0.0,
) -> float:
    """d' of the ideal observer of raw counts, signal and background known exactly.

    Counts are Poisson with mean ``N exp(-l)`` plus the detector's normal noise, independent from
    ray to ray. For a weak signal their log-likelihood is linear in the counts and
    ``d'^2 = sum (m1 - m0)^2 / (m + sigma^2)``, with m the mean of the counts m0 without and m1
    with the signal: no reader, method or reconstruction sees more than these counts hold.

    Parameters
    ----------
    background_lines, signal_lines : arrays of one shape
        Line integrals of what is there anyway, and what the signal adds.
    photons_per_ray : float, or array that broadcasts
        Without a patient.
    electronic_noise_photons : float
        Standard deviation.

    Returns
    -------
    float

    Raises
    ------
    ObserverError
        For shapes that differ, values that are not finite, or photons that are not positive.
    """
    background = np.asarray(background_lines, dtype=np.float64)
    signal = np.asarray(signal_lines, dtype=np.float64)
    photons = np.asarray(photons_per_ray, dtype=np.float64)
    if background.shape != signal.shape:
        raise ObserverError(
            "Signal and background must have one shape",
            found=f"{signal.shape} and {background.shape}",
        )
    if not (np.isfinite(background).all() and np.isfinite(signal).all()):
        raise ObserverError("Line integrals must be finite", found="NaN or infinity")
    if not ((photons > 0).all() and 0 <= electronic_noise_photons < np.inf):
        raise ObserverError(
            "Photons must be positive and electronic noise not negative",
            found=f"{photons.min():g} photons, noise {electronic_noise_photons:g}",
        )
    without = photons * np.exp(-background)
    difference = without * np.expm1(-signal)
    variance = without + difference / 2 + electronic_noise_photons**2
    squared = np.divide(difference**2, variance, out=np.zeros_like(variance), where=variance > 0)
    return float(np.sqrt(squared.sum()))
