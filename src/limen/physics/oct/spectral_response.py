"""Loss of fringe contrast with depth, because a sample measures a range of wavenumbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.physics.oct.acquisition import Acquisition

Array = NDArray[Any]


def roll_off(
    depth_um: Array | float, pixel_rad_per_um: float, resolution_rad_per_um: float
) -> Array:
    """Amplitude that is left at a depth: the Fourier transform of the spectral response.

    A pixel of width p gives ``sin(p z) / (p z)``, a Gaussian response of full width at half
    maximum r gives ``exp(-(r z)^2 / (4 ln 2))`` (Hu, Pan and Rollins, Appl. Opt. 46, 2007; Leitgeb
    et al., Opt. Express 11, 2003). The pixel's width in k is taken as the same in all pixels;
    over 100 nm at 850 nm it really varies by 12 %.

    Parameters
    ----------
    depth_um : array of any shape
    pixel_rad_per_um, resolution_rad_per_um : float

    Returns
    -------
    float64 array
    """
    z = np.asarray(depth_um, np.float64)
    pixel = np.sinc(pixel_rad_per_um * z / np.pi)
    return np.asarray(pixel * np.exp(-((resolution_rad_per_um * z) ** 2) / (4 * np.log(2))))


def roll_off_of(acquisition: Acquisition, depth_um: Array) -> Array:
    """`roll_off` of an acquisition's pixels and resolution."""
    pixel = acquisition.pixel_share * acquisition.sampling.step_rad_per_um
    return roll_off(depth_um, pixel, acquisition.resolution_rad_per_um)


def roll_off_db(
    depth_um: Array | float, pixel_rad_per_um: float, resolution_rad_per_um: float
) -> Array:
    """The same in dB of power: 0 at zero delay, negative below."""
    left = np.abs(roll_off(depth_um, pixel_rad_per_um, resolution_rad_per_um))
    return np.asarray(20 * np.log10(np.maximum(left, 1e-30)))
