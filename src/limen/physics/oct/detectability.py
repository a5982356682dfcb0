"""What an ideal observer can see in the fringes: the limit that no model can pass."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.physics.oct.acquisition import Acquisition
from limen.physics.oct.errors import AcquisitionError
from limen.physics.oct.interferogram import forward
from limen.physics.oct.noise import mean_counts, noise_variance

Array = NDArray[Any]


def ideal_observer_snr(
    signal: Array, acquisition: Acquisition, background: Array | None = None
) -> float:
    """d' of a reflectivity known exactly, against a background known exactly.

    ``d'^2 = sum (difference of means)^2 / variance`` over samples and A-scans: the matched filter
    (Barrett and Myers, Foundations of Image Science, 2004, section 13.2) for noise that is
    independent from sample to sample: shot, excess and read noise of the light with the
    background. The signal's own light is taken as weak beside the reference.

    Parameters
    ----------
    signal : (..., depths) array
        Complex amplitude reflectivity that is added; all A-scans are seen together.
    acquisition : Acquisition
        With the electrons of the detector.
    background : (..., depths) array, optional
        Reflectivity that is there anyway; none by default.

    Returns
    -------
    float
        d'; the area under the ROC curve is Phi(d' / sqrt 2).
    """
    template, variance = _difference(signal, acquisition, background)
    return float(np.sqrt(np.sum(template**2 / variance)))


def matched_filter(
    signal: Array, acquisition: Acquisition, background: Array | None = None
) -> Array:
    """The template whose product with raw fringes (in counts) is the ideal observer's rating."""
    template, variance = _difference(signal, acquisition, background)
    return np.asarray(template / variance * acquisition.detector.electrons_per_count)


def smallest_reflectivity_db(
    depth_um: float, acquisition: Acquisition, needed: float = 5.0
) -> float:
    """Reflectivity in dB of one reflector that an A-scan shows with d' = ``needed``.

    5 is Rose's limit (Rose, J. Opt. Soc. Am. 38, 1948).
    """
    from limen.physics.oct.interferogram import fringes_of_reflectors

    deepest = acquisition.sampling.depth_um[-1]
    if not 0 <= depth_um <= deepest or not needed > 0:
        raise AcquisitionError(
            "No such depth, or no positive d'",
            found=f"{depth_um} um, d' {needed}",
            mend=f"give a depth from 0 to {deepest:.0f} um",
        )
    detector = acquisition.detector
    fringe = fringes_of_reflectors(np.array([depth_um]), np.array([1.0]), acquisition)
    fringe = fringe * detector.electrons_per_count
    variance = noise_variance(detector.electrons * acquisition.spectrum, detector)
    unit = float(np.sqrt(np.sum(fringe**2 / variance)))
    return float(20 * np.log10(needed / unit))


def _difference(
    signal: Array, acquisition: Acquisition, background: Array | None
) -> tuple[Array, Array]:
    """Difference of means and variance in electrons and electrons^2."""
    detector = acquisition.detector
    there = np.zeros_like(np.asarray(signal, np.complex128)) if background is None else background
    there = np.asarray(there, np.complex128)
    light = (mean_counts(there, acquisition) - detector.dark_counts) * detector.electrons_per_count
    difference = forward(np.asarray(signal, np.complex128), acquisition)
    variance = noise_variance(light, detector)
    if not variance.min() > 0:
        raise AcquisitionError(
            "Some samples have no noise at all, so that nothing limits an observer",
            mend="give the detector its read noise, or cut samples without light",
        )
    return difference * detector.electrons_per_count, variance
