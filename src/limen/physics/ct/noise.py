"""Quantum and electronic noise of a CT acquisition."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.physics.ct.geometry import GeometryError

Array = NDArray[Any]

LOWEST_COUNT = 0.5
"""Counts are raised to this many photons before the logarithm."""

MOST_PHOTONS = 1e18
"""A count is a 64-bit integer; no detector comes near it."""


def add_dose_noise(
    line_integrals: Array,
    photons_per_ray: float | Array,
    electronic_noise_photons: float,
    seed: int | np.random.SeedSequence,
) -> Array:
    """Line integrals as measured with a finite number of photons.

    The count of a ray is Poisson with mean ``photons_per_ray * exp(-l)``, plus normal electronic
    noise; the line integral is read back as ``-log(count / photons_per_ray)``. In the limit of
    many photons the variance of l is ``exp(l) / photons_per_ray``: it goes as 1 / dose.

    A ray that few photons survive can count zero, or less than zero with electronic noise, where
    no logarithm exists. Such counts are raised to `LOWEST_COUNT`, which biases those rays low
    and makes the streaks that photon starvation makes on a scanner.

    Parameters
    ----------
    line_integrals : array of any shape
        Dimensionless, from `forward`.
    photons_per_ray : float, or array that broadcasts to ``line_integrals``
        Photons that would reach each detector element without the patient, an array for a bowtie
        filter; proportional to the tube current-time product.
    electronic_noise_photons : float
        Standard deviation of the detector's own noise, in photons.
    seed : int or SeedSequence

    Returns
    -------
    float32 array, same shape

    Raises
    ------
    GeometryError
        When photons are not positive, the electronic noise is negative, a line integral is not
        a finite number, or one is so negative that no count could be drawn.
    """
    line = np.asarray(line_integrals, dtype=np.float64)
    if not np.isfinite(line).all():
        raise GeometryError("Line integrals must be finite", found="NaN or infinity")
    photons = np.asarray(photons_per_ray, dtype=np.float64)
    if not (np.isfinite(photons).all() and (photons > 0).all()):
        raise GeometryError("Photons per ray must be positive", found=str(photons_per_ray))
    if not 0 <= electronic_noise_photons < np.inf:
        raise GeometryError(
            "Electronic noise must be finite and not negative", found=str(electronic_noise_photons)
        )
    rng = np.random.Generator(np.random.SFC64(seed))
    with np.errstate(over="ignore"):
        mean = photons * np.exp(-line)
    if mean.max(initial=0) > MOST_PHOTONS:
        raise GeometryError(
            "More photons than can be counted",
            found=f"{mean.max():.3g} photons at a line integral of {line.min():.3g}",
        )
    counts = np.asarray(rng.poisson(mean), dtype=np.float32)
    if electronic_noise_photons > 0:
        normal = rng.standard_normal(counts.shape, dtype=np.float32)
        counts += np.float32(electronic_noise_photons) * normal
    np.maximum(counts, np.float32(LOWEST_COUNT), out=counts)
    return np.asarray(-np.log(counts / photons.astype(np.float32)), dtype=np.float32)
