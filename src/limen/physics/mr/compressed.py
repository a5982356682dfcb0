"""Compressed sensing: sparse in wavelets, by FISTA."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.physics.mr.operators import adjoint
from limen.physics.mr.sampling import (
    AcquisitionError,
    Cartesian,
    Sampling,
    check_kspace,
    check_maps,
)
from limen.physics.mr.sense_iterative import check_solver, normal_operator

Array = NDArray[Any]


def l1_wavelet(
    kspace: Array,
    sampling: Sampling,
    maps: Array | None = None,
    regularisation: float = 0.005,
    iterations: int = 60,
    wavelet: str = "db4",
    levels: int = 4,
) -> Array:
    """The image that minimises ``1/2 |A x - y|^2 + lambda |W x|_1``.

    Lustig, Donoho and Pauly, Magn. Reson. Med. 58, 2007; solved by FISTA (Beck and Teboulle,
    SIAM J. Imaging Sci. 2, 2009). W is orthonormal (periodic), without its coarsest level in the
    penalty. Between iterations the image is rolled by drawn distances (the same in each run), so
    that no block of the wavelets is seen.

    Not linear: noise and resolution depend on the image. What is inserted into an image through
    it carries a bias that must be measured.

    Parameters
    ----------
    kspace : (..., coils, ky, kx) or (..., coils, samples) array; without coils if no maps
    sampling : Cartesian or NonCartesian
    maps : (coils, y, x) array, optional
    regularisation : float
        lambda, as a share of the largest magnitude of the zero-filled image ``A^H y``.
    iterations : int
    wavelet : str
        An orthogonal wavelet of PyWavelets.
    levels : int
        At most; a small image has fewer.

    Returns
    -------
    (..., y, x) array. Extra memory: about ten pages for a slice.
    """
    import pywt

    kspace = check_kspace(kspace, sampling)
    check_solver(iterations, regularisation)
    if wavelet not in pywt.wavelist(kind="discrete") or not pywt.Wavelet(wavelet).orthogonal:
        raise AcquisitionError(
            "No such orthogonal wavelet", found=str(wavelet), mend="for example haar, db4, sym4"
        )
    n_axes = len(sampling.kspace_shape)
    if maps is None:
        coils = np.ones((1, *sampling.shape), kspace.dtype)
        kspace = kspace.reshape(*kspace.shape[: kspace.ndim - n_axes], 1, *sampling.kspace_shape)
    else:
        coils = check_maps(maps, sampling.shape).astype(kspace.dtype, copy=False)
    start = adjoint(kspace, sampling, coils)
    if not np.isfinite(start).all():
        raise AcquisitionError("K-space or maps hold what is not a finite number", found="NaN")
    levels = max(1, min(levels, pywt.dwt_max_level(min(sampling.shape), wavelet)))
    normal = normal_operator(sampling, coils)
    step = 1 / _largest_eigenvalue(normal, sampling, coils)
    slices = start.reshape(-1, *sampling.shape)
    for n in range(len(slices)):
        weight = regularisation * float(np.abs(slices[n]).max()) * step
        slices[n] = _fista(normal, slices[n], step, weight, iterations, wavelet, levels)
    return start


def _largest_eigenvalue(normal: Any, sampling: Sampling, coils: Array) -> float:
    if isinstance(sampling, Cartesian):
        # F is unitary and the mask a projection: at most the power of the maps
        return float((np.abs(coils) ** 2).sum(axis=0).max()) or 1.0
    x = np.random.default_rng(0).standard_normal(sampling.shape).astype(coils.dtype)
    size = 1.0
    for _ in range(12):
        x = normal(x / np.linalg.norm(x))
        size = float(np.linalg.norm(x))
    return 1.05 * size or 1.0


def _fista(
    normal: Any,
    right: Array,
    step: float,
    weight: float,
    iterations: int,
    wavelet: str,
    levels: int,
) -> Array:
    rng = np.random.default_rng(0)
    kind = right.real.dtype.type
    x = right * kind(step)
    ahead, t = x, 1.0
    for _ in range(iterations):
        moved = ahead - kind(step) * (normal(ahead) - right)
        new = shrink(moved, weight, wavelet, levels, tuple(rng.integers(0, 2**levels, 2)))
        faster = (1 + np.sqrt(1 + 4 * t * t)) / 2
        ahead = new + kind((t - 1) / faster) * (new - x)
        x, t = new, faster
    return np.asarray(x)


def shrink(image: Array, weight: float, wavelet: str, levels: int, roll: tuple[int, ...]) -> Array:
    """Soft threshold of the wavelet details; magnitudes shrink, phases stay.

    Periodic wavelets need sides that halve ``levels`` times: the image is padded with zeros.
    """
    import pywt

    ny, nx = image.shape
    block = 2**levels
    padded = np.zeros((-(-ny // block) * block, -(-nx // block) * block), image.dtype)
    padded[:ny, :nx] = image
    parts = pywt.wavedec2(np.roll(padded, roll, (0, 1)), wavelet, "periodization", levels)
    details = [tuple(_soft(d, weight) for d in level) for level in parts[1:]]
    shrunk = [parts[0], *details]
    back = np.roll(pywt.waverec2(shrunk, wavelet, "periodization"), [-r for r in roll], (0, 1))
    return np.asarray(back[:ny, :nx], dtype=image.dtype)


def _soft(values: Array, weight: float) -> Array:
    size = np.abs(values)
    kept = np.maximum(size - weight, 0) / np.maximum(size, np.finfo(np.float32).tiny)
    return np.asarray(values * kept.astype(values.real.dtype))
