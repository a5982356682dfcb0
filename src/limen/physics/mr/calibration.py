"""Coil sensitivities from the calibration lines: ESPIRiT.

Uecker et al., Magn. Reson. Med. 71, 2014. The row space of the calibration matrix (all patches of
the calibration region) is a projection P onto the patches that the coils can make. In the image
domain P becomes, at each pixel, a coils x coils Hermitian matrix whose eigenvectors of eigenvalue
1 are the sensitivities there.

Two things make this fast. The matrix at a pixel is a trigonometric polynomial with as many terms
as two patches have distances (11 x 11 for a patch of 6), whose coefficients are sums along the
diagonals of P: no kernel is ever transformed. And the eigenvectors change slowly down a column of
pixels, so the power iteration of a pixel starts from the one above, many columns side by side.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from limen.physics.mr.pages import cores, share
from limen.physics.mr.sampling import AcquisitionError

Array = NDArray[Any]

_LANES = 16
"""Columns that iterate side by side; two vectors of single precision."""


def espirit(
    kspace: Array,
    calibration_width: int = 24,
    kernel_width: int = 6,
    threshold: float = 0.02,
    crop: float = 0.95,
    iterations: int = 100,
) -> tuple[Array, Array]:
    """Coil maps from the fully sampled middle of k-space.

    Parameters
    ----------
    kspace : (coils, ky, kx) array
        At least its middle ``calibration_width`` lines and samples must be measured.
    calibration_width, kernel_width : int
        Sides of the calibration region and of a patch, in points.
    threshold : float
        Singular values of the calibration matrix under this share of the largest are noise.
    crop : float
        Maps are zero where the eigenvalue is not above this: no signal, or no consistent one.
    iterations : int
        Most power iterations of a pixel; it stops before when it has converged.

    Returns
    -------
    maps : (coils, y, x) complex64 array
        Of unit norm over coils; the first coil is real and not negative. 0 outside the object.
    eigenvalues : (y, x) float32 array
        Largest eigenvalue, 0 to 1; under half of ``crop`` only a lower bound of it.

    Extra memory: two complex matrices of (coils x kernel_width^2)^2, 3 MB each for 12 coils.

    Raises
    ------
    AcquisitionError
        When the calibration region is not there, not measured, or smaller than needed.
    """
    data = np.asarray(kspace)
    if data.ndim != 3:
        raise AcquisitionError(
            "Calibration takes one slice", found=f"shape {data.shape}", mend="give (coils, ky, kx)"
        )
    n_coils, ny, nx = data.shape
    region = calibration_region(data, calibration_width)
    if not 2 <= kernel_width < min(region.shape[1:]):
        raise AcquisitionError(
            "A patch must be smaller than the calibration region, and of two points at least",
            found=f"patch {kernel_width}, region {region.shape[1:]}",
        )
    for name, value in (("threshold", threshold), ("crop", crop)):
        if not 0 <= value < 1:
            raise AcquisitionError(f"The {name} is a share", found=str(value), mend="0 up to 1")
    coefficients = _polynomial(_projection(region, kernel_width, threshold), n_coils, kernel_width)
    maps = np.zeros((n_coils, ny, nx), np.complex64)
    values = np.zeros((ny, nx), np.float32)
    if n_coils == 1:
        maps[:] = 1
        values[:] = 1
        return maps, values
    lags = np.arange(2 * kernel_width - 1) - (kernel_width - 1)
    # the transform runs from k to the image, as in `to_image`: exp(+2 pi i k r), r from the centre
    along_y = np.exp(2j * np.pi * np.outer(np.arange(ny) - ny // 2, lags) / ny)
    along_x = np.exp(2j * np.pi * np.outer(lags, np.arange(nx) - nx // 2) / nx)
    along_y, along_x = along_y.astype(np.complex64), along_x.astype(np.complex64)
    # strips narrow enough to share between cores, wide enough for whole lanes
    width = _LANES * max(1, -(-nx // (_LANES * cores() * 2)))
    strips = [(b, min(b + width, nx)) for b in range(0, nx, width)]

    def work(begin: int, end: int, core: int) -> None:
        for b, e in strips[begin:end]:
            columns = np.zeros((lags.size, -(-(e - b) // _LANES) * _LANES), np.complex64)
            columns[:, : e - b] = along_x[:, b:e]
            _iterate(
                coefficients, along_y, columns, n_coils, iterations, np.float32(crop),
                maps[:, :, b:e], values[:, b:e],
            )  # fmt: skip

    share(len(strips), work)
    return maps, values


def calibration_region(kspace: Array, width: int) -> Array:
    """The middle (coils, width, width) of (coils, ky, kx); raises where it is not measured.

    An axis shorter than ``width`` gives all it has.
    """
    _, ny, nx = kspace.shape
    wy, wx = min(width, ny), min(width, nx)
    top, left = ny // 2 - wy // 2, nx // 2 - wx // 2
    region = kspace[:, top : top + wy, left : left + wx]
    if not np.isfinite(region).all():
        raise AcquisitionError("Calibration lines hold what is not a finite number", found="NaN")
    missing = int((~region.any(axis=(0, 2))).sum()) + int((~region.any(axis=(0, 1))).sum())
    if missing or region.size == 0:
        raise AcquisitionError(
            "The middle of k-space is not fully sampled",
            found=f"{missing} empty lines or samples in the middle {wy} x {wx}",
            mend="calibrate with fewer lines, or give separate calibration data",
        )
    return region


def _projection(region: Array, width: int, threshold: float) -> Array:
    """(n, n) projection on the row space of the calibration matrix; n = coils * width^2."""
    n_coils = region.shape[0]
    region = region.astype(np.complex128 if region.dtype == np.complex128 else np.complex64)
    region = region / np.abs(region).max()
    windows = np.lib.stride_tricks.sliding_window_view(region, (width, width), axis=(1, 2))
    rows = windows.transpose(1, 2, 0, 3, 4).reshape(-1, n_coils * width * width)
    # The eigenvectors of the smaller Gram matrix are enough, in double precision because
    # eigenvalues are the squares of singular values.
    rows = rows.astype(np.complex128)
    from scipy.linalg import eigh

    if len(rows) < rows.shape[1]:
        values, vectors = eigh(rows @ rows.conj().T, driver="evd", overwrite_a=True)
        kept = values > max(threshold**2, 1e-14) * values[-1]
        basis = (vectors[:, kept] / np.sqrt(values[kept])).conj().T @ rows
        basis = basis.astype(np.complex64)
        return np.asarray(basis.T @ basis.conj())
    values, vectors = eigh(rows.T @ rows.conj(), driver="evd", overwrite_a=True)
    kept = values > max(threshold**2, 1e-14) * values[-1]
    basis = vectors[:, kept].astype(np.complex64)
    return np.asarray(basis @ basis.conj().T)


def _polynomial(projection: Array, n_coils: int, width: int) -> Array:
    """(pairs a <= b, lag y, lag x) complex64 coefficients of the matrix at a pixel.

    A patch that starts at t contributes ``P[(a, s), (b, t)]`` to the lag s - t; divided by the
    number of places of a patch, so that the eigenvalues of the matrix lie between 0 and 1.
    """
    p = projection.reshape(n_coils, width, width, n_coils, width, width)
    n = 2 * width - 1
    sums = np.zeros((n_coils, n_coils, n, n), np.complex64)
    for sy in range(width):
        for sx in range(width):
            # from (sy, sx) to (ty, tx): the lag s - t runs backwards over t
            sums[:, :, sy : sy + width, sx : sx + width] += p[:, sy, sx, :, ::-1, ::-1]
    upper = np.triu_indices(n_coils)
    return np.ascontiguousarray(sums[upper] / (width * width))


@numba.njit(cache=True, nogil=True, fastmath=True)
def _sum_over_x_lags(coefficients, columns, group, half):  # type: ignore[no-untyped-def]
    """half[lag y, pair, re and im] of ``_LANES`` columns: the polynomial summed over x lags."""
    first = group * _LANES
    half[:] = 0
    for pair in range(coefficients.shape[0]):
        for ly in range(coefficients.shape[1]):
            for lx in range(coefficients.shape[2]):
                c = coefficients[pair, ly, lx]
                for x in range(_LANES):
                    e = columns[lx, first + x]
                    half[ly, pair, 0, x] += c.real * e.real - c.imag * e.imag
                    half[ly, pair, 1, x] += c.real * e.imag + c.imag * e.real


@numba.njit(cache=True, nogil=True, fastmath=True)
def _matrices(half, row, re, im):  # type: ignore[no-untyped-def]
    """The Hermitian matrix of each lane's pixel in one row, from the phases ``row`` of y lags."""
    n = re.shape[0]
    p = np.empty(_LANES, np.float32)
    q = np.empty(_LANES, np.float32)
    pair = 0
    for a in range(n):
        for b in range(a, n):
            p[:] = 0
            q[:] = 0
            for ly in range(row.size):
                c, s = row[ly].real, row[ly].imag
                for x in range(_LANES):
                    p[x] += c * half[ly, pair, 0, x] - s * half[ly, pair, 1, x]
                    q[x] += c * half[ly, pair, 1, x] + s * half[ly, pair, 0, x]
            for x in range(_LANES):
                re[a, b, x], im[a, b, x] = p[x], q[x]
                re[b, a, x], im[b, a, x] = p[x], -q[x]
            pair += 1


@numba.njit(cache=True, nogil=True, fastmath=True)
def _power_iteration(re, im, v, w, size, iterations, crop):  # type: ignore[no-untyped-def]
    """Largest eigenpair of each lane's matrix, from the vectors ``v`` on; ``size`` the values."""
    n = re.shape[0]
    for _ in range(iterations):
        size[:] = 0
        for a in range(n):
            for x in range(_LANES):
                w[a, 0, x] = np.float32(0)
                w[a, 1, x] = np.float32(0)
            for b in range(n):
                for x in range(_LANES):
                    w[a, 0, x] += re[a, b, x] * v[b, 0, x] - im[a, b, x] * v[b, 1, x]
                    w[a, 1, x] += re[a, b, x] * v[b, 1, x] + im[a, b, x] * v[b, 0, x]
            for x in range(_LANES):
                size[x] += w[a, 0, x] * w[a, 0, x] + w[a, 1, x] * w[a, 1, x]
        for x in range(_LANES):
            size[x] = np.sqrt(size[x])
        moved = np.float32(0)
        for a in range(n):
            for x in range(_LANES):
                scale = np.float32(1) / max(size[x], np.float32(1e-20))
                p, q = w[a, 0, x] * scale, w[a, 1, x] * scale
                # pixels far from signal never converge and are cropped: they are not waited for
                if size[x] > np.float32(0.5) * crop:
                    moved = max(moved, abs(p - v[a, 0, x]), abs(q - v[a, 1, x]))
                v[a, 0, x], v[a, 1, x] = p, q
        if moved < np.float32(1e-5):
            break


@numba.njit(cache=True, nogil=True, fastmath=True)
def _iterate(  # type: ignore[no-untyped-def]
    coefficients, along_y, columns, n, iterations, crop, maps, values
):
    """Maps and eigenvalues of a strip of columns, a group of lanes after the other."""
    n_pairs, n_lags = coefficients.shape[0], coefficients.shape[1]
    half = np.empty((n_lags, n_pairs, 2, _LANES), np.float32)
    re = np.empty((n, n, _LANES), np.float32)
    im = np.empty((n, n, _LANES), np.float32)
    v = np.empty((n, 2, _LANES), np.float32)
    w = np.empty((n, 2, _LANES), np.float32)
    size = np.empty(_LANES, np.float32)
    for group in range(columns.shape[1] // _LANES):
        first = group * _LANES
        _sum_over_x_lags(coefficients, columns, group, half)
        v[:, 0] = np.float32(1 / np.sqrt(n))
        v[:, 1] = 0
        for y in range(along_y.shape[0]):
            _matrices(half, along_y[y], re, im)
            _power_iteration(re, im, v, w, size, iterations, crop)
            for x in range(min(_LANES, maps.shape[2] - first)):
                values[y, first + x] = size[x]
                if size[x] > crop:
                    big = np.sqrt(v[0, 0, x] ** 2 + v[0, 1, x] ** 2)
                    c = v[0, 0, x] / big if big > 0 else np.float32(1)
                    s = -v[0, 1, x] / big if big > 0 else np.float32(0)
                    for a in range(n):
                        maps[a, y, first + x] = complex(
                            v[a, 0, x] * c - v[a, 1, x] * s, v[a, 0, x] * s + v[a, 1, x] * c
                        )
