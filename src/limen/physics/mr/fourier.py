"""The centred, unitary 2-D Fourier transform, with all cores."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from limen.physics.mr.pages import centring, share, times_phases
from limen.physics.mr.sampling import AcquisitionError, as_complex

Array = NDArray[Any]


def to_kspace(image: Array) -> Array:
    """K-space (..., ky, kx) of an image (..., y, x); both centred at n // 2, unitary.

    Complex64 stays complex64 and complex128 complex128; float64 becomes complex128, other real
    types complex64. Extra memory: one page (y, x) for each core.
    """
    return _centred(image, inverse=False)


def to_image(kspace: Array) -> Array:
    """The inverse, and the adjoint, of `to_kspace`."""
    return _centred(kspace, inverse=True)


def _centred(data: Array, inverse: bool) -> Array:
    data = np.asarray(data)
    if data.ndim < 2:
        raise AcquisitionError("Two axes are transformed", found=f"shape {data.shape}")
    data = as_complex(data)
    out = np.empty(data.shape, data.dtype)
    pages = data.reshape(-1, *data.shape[-2:])
    results = out.reshape(pages.shape)
    before, after = phases(data.shape[-2:], data.dtype, inverse)

    def work(begin: int, end: int, core: int) -> None:
        for n in range(begin, end):
            times_phases(pages[n], *before, results[n])
            done = plain_fft2(results[n], inverse)
            times_phases(done, *after, results[n])

    share(len(pages), work)
    return out


def phases(
    shape: tuple[int, ...], dtype: Any, inverse: bool
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """(y, x) phases before and after a plain FFT that make it centred and unitary."""
    (py, cy), (px, cx) = (centring(n, dtype) for n in shape)
    constant = cy * cx
    if inverse:
        py, px, constant = np.conj(py), np.conj(px), np.conj(constant)
    last = py * (constant / np.sqrt(shape[0] * shape[1]))
    return (py, px), (last.astype(dtype if np.iscomplexobj(last) else py.dtype), px)


def plain_fft2(page: Array, inverse: bool) -> Array:
    """Neither centred nor scaled, in place where it can be."""
    if inverse:
        return np.asarray(scipy.fft.ifft2(page, norm="forward", overwrite_x=True, workers=1))
    return np.asarray(scipy.fft.fft2(page, norm="backward", overwrite_x=True, workers=1))
