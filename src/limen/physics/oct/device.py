"""OCT reconstruction on arrays of any library with the array API: computed where the arrays lie.

CuPy and torch arrays on a GPU are the purpose; for NumPy arrays `limen.physics.oct.reconstruct` is
faster, and tells of saturation and folding.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from limen.physics.oct.errors import FringeError
from limen.physics.oct.interpolation import tap_weights
from limen.physics.oct.reconstruction import FLOOR_POWER, Recipe


def reconstruct(fringes: Any, recipe: Recipe, background: Any | None = None) -> Any:
    """The image in dB, as `limen.physics.oct.reconstruct`.

    Parameters
    ----------
    fringes : (..., A-scans, samples) float32 or float64 array
    recipe : Recipe
    background : (samples,) array of the same library, optional
        The mean of the A-scans of each B-scan by default.

    Returns
    -------
    (..., A-scans, depths) array of the fringes' type and device. Memory: three times the
    fringes, as complex numbers.

    Raises
    ------
    FringeError
        Samples that contradict the recipe, or NaN.
    """
    from array_api_compat import array_namespace, device

    if fringes.ndim < 2 or fringes.shape[-1] != recipe.n_samples or 0 in fringes.shape:
        raise FringeError(
            "The fringes do not belong to this recipe",
            found=f"shape {tuple(fringes.shape)}",
            mend=f"give (..., A-scans, {recipe.n_samples} samples)",
        )
    if "float" not in str(fringes.dtype):
        raise FringeError("Fringes are single or double precision here", found=str(fringes.dtype))
    xp, there = array_namespace(fringes), device(fringes)
    real = "float32" if "float32" in str(fringes.dtype) else "float64"

    def put(values: Any, kind: str) -> Any:
        return xp.asarray(np.asarray(values).astype(kind), device=there)

    less = xp.mean(fringes, axis=-2, keepdims=True) if background is None else background
    above = fringes - less
    first, weights = tap_weights(recipe.positions, recipe.n_samples, recipe.taps)
    even = sum(
        xp.take(above, put(first + t, "int64"), axis=-1) * put(weights[:, t], real)
        for t in range(recipe.taps)
    )
    turn = np.exp(-1j * recipe.phase_rad) * recipe.window
    field = xp.fft.fft(
        even * put(turn, "complex64" if real == "float32" else "complex128"), axis=-1
    )[..., : recipe.n_depths]
    power = xp.real(field) ** 2 + xp.imag(field) ** 2
    if not bool(xp.all(xp.isfinite(power))):
        raise FringeError("Fringes must be finite", found="NaN or infinity")
    floor = xp.asarray(FLOOR_POWER, dtype=power.dtype, device=there)
    return 10 * xp.log10(xp.where(power > floor, power, floor))
