"""Random fields with a power-law spectrum, the texture of tissue."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

Array = NDArray[Any]


def power_law_field(
    rng: np.random.Generator,
    shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
    exponent: float,
    longest_mm: float = 80.0,
) -> Array:
    """(x, y, z) float32 of mean 0 and standard deviation 1.

    The power spectrum falls as ``1 / f^exponent`` (f in cycles/mm) and is flat under
    ``1 / longest_mm``. An exponent of 3 looks like parenchyma, 0 is white. The field is periodic.
    """
    noise = rng.standard_normal(shape, dtype=np.float32)
    spectrum = scipy.fft.rfftn(noise)
    fx = np.fft.fftfreq(shape[0], spacing_mm[0]).astype(np.float32)
    fy = np.fft.fftfreq(shape[1], spacing_mm[1]).astype(np.float32)
    fz = np.fft.rfftfreq(shape[2], spacing_mm[2]).astype(np.float32)
    squared = fx[:, None, None] ** 2 + fy[None, :, None] ** 2 + fz[None, None, :] ** 2
    squared += np.float32(longest_mm**-2)
    spectrum *= squared ** np.float32(-exponent / 4)
    spectrum[0, 0, 0] = 0
    field = scipy.fft.irfftn(spectrum, shape)
    return np.asarray(field / field.std(), dtype=np.float32)
