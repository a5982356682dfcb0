"""Hounsfield units and linear attenuation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

MU_WATER_PER_MM = 0.0193
"""Linear attenuation of water in 1/mm at about 70 keV, a usual effective energy at 120 kVp
(NIST XCOM, density 1 g/cm3)."""


def hu_to_attenuation(hu: Array, mu_water_per_mm: float = MU_WATER_PER_MM) -> Array:
    """Linear attenuation in 1/mm of values in HU; float32, same shape, nothing clipped.

    ``mu = mu_water (1 + HU / 1000)``; the attenuation of air (under 3e-5 / mm) is taken as 0.
    """
    return np.asarray(mu_water_per_mm * (1 + np.asarray(hu, dtype=np.float64) / 1000), np.float32)


def attenuation_to_hu(mu_per_mm: Array, mu_water_per_mm: float = MU_WATER_PER_MM) -> Array:
    """HU of linear attenuation in 1/mm; float32, same shape. Inverse of `hu_to_attenuation`."""
    relative = np.asarray(mu_per_mm, dtype=np.float64) / mu_water_per_mm
    return np.asarray(1000 * (relative - 1), np.float32)
