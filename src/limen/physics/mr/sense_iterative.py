"""Iterative SENSE: conjugate gradients on the normal equations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from limen.physics.mr.operators import adjoint, forward
from limen.physics.mr.pages import (
    _LOOP,
    add_conj_times,
    coil_scratch,
    conj_times,
    sum_over_coils,
    times,
    vdot,
)
from limen.physics.mr.sampling import (
    AcquisitionError,
    Cartesian,
    Sampling,
    check_kspace,
    check_maps,
)

Array = NDArray[Any]
Normal = Callable[[Array], Array]


def cg_sense(
    kspace: Array,
    sampling: Sampling,
    maps: Array,
    iterations: int = 20,
    regularisation: float = 0.0,
    tolerance: float = 0.0,
) -> Array:
    """The image that explains multicoil k-space best: ``(A^H A + lambda) x = A^H y``.

    Pruessmann et al., Magn. Reson. Med. 46, 2001, without their intensity correction: with maps
    of unit norm it is 1.

    Parameters
    ----------
    kspace : (..., coils, ky, kx) or (..., coils, samples) array
        Prewhitened, or of coils with equal, uncorrelated noise. What the mask leaves out is
        ignored.
    sampling : Cartesian or NonCartesian
        A density is not used.
    maps : (coils, y, x) array
    iterations : int
        At most; few iterations regularise.
    regularisation : float
        lambda; the largest eigenvalue of ``A^H A`` is 1 for Cartesian data and unit-norm maps.
    tolerance : float
        Stop where the residual has fallen to this share of ``A^H y``.

    Returns
    -------
    (..., y, x) array. Extra memory: six pages for a slice and up to 17 of sums (Cartesian).

    Raises
    ------
    AcquisitionError
        When shapes contradict each other, or k-space holds NaN.
    """
    kspace = check_kspace(kspace, sampling)
    maps = check_maps(maps, sampling.shape).astype(kspace.dtype, copy=False)
    check_solver(iterations, regularisation)
    right = adjoint(kspace, sampling, maps)
    if not np.isfinite(right).all():
        raise AcquisitionError("K-space or maps hold what is not a finite number", found="NaN")
    normal = normal_operator(sampling, maps)
    slices = right.reshape(-1, *sampling.shape)
    for n in range(len(slices)):
        slices[n] = _conjugate_gradients(normal, slices[n], iterations, regularisation, tolerance)
    return right


def check_solver(iterations: int, regularisation: float) -> None:
    if iterations < 1 or not 0 <= regularisation < np.inf:
        raise AcquisitionError(
            "An iterative reconstruction needs an iteration and a regularisation of 0 or more",
            found=f"{iterations} iterations, regularisation {regularisation}",
        )


def normal_operator(sampling: Sampling, maps: Array) -> Normal:
    """``A^H A`` on one (y, x) page; a function that owns its scratch, not for two threads.

    For Cartesian sampling centring cancels, because the mask is diagonal. Where lines are
    measured whole, the transform along the readout cancels as well: half the work.
    """
    if not isinstance(sampling, Cartesian):
        return lambda page: adjoint(forward(page, sampling, maps), sampling, maps)
    n_coils, shape = len(maps), tuple(sampling.shape)
    real = maps.real.dtype
    kept = np.fft.ifftshift(sampling.measured).astype(real)
    lines = sampling.lines_only
    kept /= shape[0] if lines else shape[0] * shape[1]
    kept = np.ascontiguousarray(kept)

    def there_and_back(page: Array) -> Array:
        if lines:
            k = scipy.fft.fft(page, axis=0, overwrite_x=True, workers=1)
            times(k, kept, k)
            return np.asarray(
                scipy.fft.ifft(k, axis=0, norm="forward", overwrite_x=True, workers=1)
            )
        k = scipy.fft.fft2(page, overwrite_x=True, workers=1)
        times(k, kept, k)
        return np.asarray(scipy.fft.ifft2(k, norm="forward", overwrite_x=True, workers=1))

    scratch = coil_scratch(n_coils, shape, maps.dtype)

    def normal(page: Array) -> Array:
        out = np.empty((1, *shape), maps.dtype)

        def add_coil(n: int, c: int, own: Array, total: Array, first: bool) -> None:
            times(page, maps[c], own)
            (conj_times if first else add_conj_times)(there_and_back(own), maps[c], total)

        sum_over_coils(out, n_coils, add_coil, scratch)
        return np.asarray(out[0])

    return normal


@numba.njit(**_LOOP)
def _step(alpha, direction, changed, x, residual):  # type: ignore[no-untyped-def]
    """x += alpha direction; residual -= alpha changed; returns |residual|^2."""
    total = 0.0
    for i in range(x.shape[0]):
        row = x.real.dtype.type(0)
        for j in range(x.shape[1]):
            x[i, j] += alpha * direction[i, j]
            residual[i, j] -= alpha * changed[i, j]
            row += residual[i, j].real ** 2 + residual[i, j].imag ** 2
        total += row
    return total


@numba.njit(**_LOOP)
def _turn(beta, residual, direction):  # type: ignore[no-untyped-def]
    """direction = residual + beta direction."""
    for i in range(residual.shape[0]):
        for j in range(residual.shape[1]):
            direction[i, j] = residual[i, j] + beta * direction[i, j]


def _conjugate_gradients(
    normal: Normal, right: Array, iterations: int, regularisation: float, tolerance: float
) -> Array:
    kind = right.real.dtype.type
    x = np.zeros_like(right)
    residual = right.copy()
    direction = right.copy()
    size = start = vdot(residual, residual)
    for _ in range(iterations):
        if size <= tolerance**2 * start or size == 0:
            break
        changed = normal(direction)
        if regularisation:
            changed += kind(regularisation) * direction
        curvature = vdot(direction, changed)
        if curvature <= 0:
            break  # nothing left but rounding
        new = _step(kind(size / curvature), direction, changed, x, residual)
        _turn(kind(new / size), residual, direction)
        size = new
    return x
