"""Iterative SENSE: conjugate gradients on the normal equations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from limen.physics.mr.fourier import plain_fft2
from limen.physics.mr.operators import adjoint, forward
from limen.physics.mr.pages import (
    _LOOP,
    add_conj_times,
    coil_scratch,
    conj_times,
    cores,
    share,
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
    lines = isinstance(sampling, Cartesian) and sampling.lines_only
    normal = _normal_of_lines(sampling, maps) if lines else normal_operator(sampling, maps)  # type: ignore[arg-type]
    slices = right.reshape(-1, *sampling.shape)
    for n in range(len(slices)):
        start = np.ascontiguousarray(slices[n].T) if lines else slices[n]
        found = _conjugate_gradients(normal, start, iterations, regularisation, tolerance)
        slices[n] = found.T if lines else found
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
    if sampling.lines_only:
        turned = _normal_of_lines(sampling, maps)
        return lambda page: np.ascontiguousarray(turned(np.ascontiguousarray(page.T)).T)
    n_coils, shape = maps.shape[0], maps.shape[1:]
    kept = np.fft.ifftshift(sampling.measured) / maps[0].size
    kept = np.ascontiguousarray(kept, maps.real.dtype)
    scratch = coil_scratch(n_coils, shape, maps.dtype)

    def there_and_back(page: Array) -> Array:
        k = plain_fft2(page, inverse=False)
        times(k, kept, k)
        return plain_fft2(k, inverse=True)

    def normal(page: Array) -> Array:
        out = np.empty((1, *shape), maps.dtype)

        def add_coil(n: int, c: int, own: Array, total: Array, first: bool) -> None:
            times(page, maps[c], own)
            (conj_times if first else add_conj_times)(there_and_back(own), maps[c], total)

        sum_over_coils(out, n_coils, add_coil, scratch)
        return np.asarray(out[0])

    return normal


def _normal_of_lines(sampling: Cartesian, maps: Array) -> Normal:
    """``A^H A`` on a transposed (x, y) page, so that what is transformed lies together in memory.

    Each column of the image is a problem of its own: a few at a time, with all their coils.
    """
    re, im = (np.ascontiguousarray(part.swapaxes(1, 2)) for part in (maps.real, maps.imag))
    n_coils, nx, ny = re.shape
    lost = np.flatnonzero(~np.fft.ifftshift(sampling.measured[:, 0]))
    # runs of lines that are not measured: (first, end)
    cuts = np.flatnonzero(np.diff(lost) != 1) + 1
    gaps = np.array([(r[0], r[-1] + 1) for r in np.split(lost, cuts) if r.size])
    gaps = gaps.reshape(-1, 2)
    scale = re.dtype.type(1 / ny)
    # all coils of a strip in about half a megabyte: a core's second cache
    wide = max(1, min(nx, 2**19 // (n_coils * ny * maps.itemsize)))
    strips = [slice(b, min(b + wide, nx)) for b in range(0, nx, wide)]
    scratch = np.empty((cores(), n_coils * wide * ny), maps.dtype)

    def normal(page: Array) -> Array:
        out = np.empty((nx, ny), maps.dtype)

        def work(begin: int, end: int, core: int) -> None:
            for s in strips[begin:end]:
                n = s.stop - s.start
                own = scratch[core, : n_coils * n * ny].reshape(n_coils, n, ny)
                _to_coils(page[s], re[:, s], im[:, s], own.view(re.dtype))
                k = scipy.fft.fft(own, axis=2, overwrite_x=True, workers=1)
                _lose(k, gaps)
                back = scipy.fft.ifft(k, axis=2, norm="forward", overwrite_x=True, workers=1)
                _from_coils(back.view(re.dtype), re[:, s], im[:, s], scale, out[s])

        share(len(strips), work)
        return out

    return normal


# Real and imaginary parts in planes of their own: vector operations, twice as fast.


@numba.njit(**_LOOP)
def _to_coils(x, re, im, out):  # type: ignore[no-untyped-def]
    """out[c] = x maps[c]; out holds real and imaginary parts in turn."""
    a = np.empty(re.shape[2], re.dtype)
    b = np.empty(re.shape[2], re.dtype)
    for i in range(re.shape[1]):
        for j in range(re.shape[2]):
            a[j], b[j] = x[i, j].real, x[i, j].imag
        for c in range(re.shape[0]):
            for j in range(re.shape[2]):
                out[c, i, 2 * j] = a[j] * re[c, i, j] - b[j] * im[c, i, j]
                out[c, i, 2 * j + 1] = a[j] * im[c, i, j] + b[j] * re[c, i, j]


@numba.njit(**_LOOP)
def _lose(k, gaps):  # type: ignore[no-untyped-def]
    """k[..., first:end] = 0 for each gap."""
    for c in range(k.shape[0]):
        for i in range(k.shape[1]):
            for g in range(gaps.shape[0]):
                for j in range(gaps[g, 0], gaps[g, 1]):
                    k[c, i, j] = 0


@numba.njit(**_LOOP)
def _from_coils(pages, re, im, scale, out):  # type: ignore[no-untyped-def]
    """out = scale * sum over c of pages[c] conj(maps[c]); pages hold both parts in turn."""
    sum_re = np.empty(re.shape[2], re.dtype)
    sum_im = np.empty(re.shape[2], re.dtype)
    for i in range(re.shape[1]):
        sum_re[:] = 0
        sum_im[:] = 0
        for c in range(re.shape[0]):
            for j in range(re.shape[2]):
                a, b = pages[c, i, 2 * j], pages[c, i, 2 * j + 1]
                sum_re[j] += a * re[c, i, j] + b * im[c, i, j]
                sum_im[j] += b * re[c, i, j] - a * im[c, i, j]
        for j in range(re.shape[2]):
            out[i, j] = complex(scale * sum_re[j], scale * sum_im[j])


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
