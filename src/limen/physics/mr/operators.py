"""The forward model of MR and its adjoint: coil maps, Fourier transform, sampling.

``A x = M F S x``: S multiplies with each coil's map, F is the centred unitary Fourier transform
(uniform or not), M keeps what is measured (Pruessmann et al., Magn. Reson. Med. 46, 2001).
"""

from __future__ import annotations

import os
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.physics.mr.fourier import phases, plain_fft2
from limen.physics.mr.pages import (
    add_conj_times,
    conj_times,
    cores,
    share,
    sum_over_coils,
    times,
    times_phases,
    zero_outside,
)
from limen.physics.mr.sampling import (
    AcquisitionError,
    NonCartesian,
    Sampling,
    check_image,
    check_kspace,
    check_maps,
)

Array = NDArray[Any]

_planning = threading.Lock()


def forward(image: Array, sampling: Sampling, maps: Array | None = None) -> Array:
    """K-space of an image; what the mask leaves out is zero.

    Parameters
    ----------
    image : (..., y, x) array
        Any unit. Real arrays are taken as complex.
    sampling : Cartesian or NonCartesian
    maps : (coils, y, x) array, optional
        Coil sensitivities. Without them each page is transformed on its own (coil images).

    Returns
    -------
    (..., [coils,] ky, kx) or (..., [coils,] samples) array, complex64 or complex128 as the image.
    Extra memory: one page for each core; not Cartesian, the coil images of one slice.

    Raises
    ------
    AcquisitionError
        When shapes contradict each other.
    """
    image = check_image(image, sampling)
    coils = (
        None if maps is None else check_maps(maps, sampling.shape).astype(image.dtype, copy=False)
    )
    lead = image.shape[:-2] if coils is None else (*image.shape[:-2], len(coils))
    pages = image.reshape(-1, *image.shape[-2:])
    out = np.empty((*lead, *sampling.kspace_shape), image.dtype)
    n_coils = 1 if coils is None else len(coils)
    if isinstance(sampling, NonCartesian):
        _forward_nufft(pages, sampling, coils, out.reshape(-1, n_coils, *sampling.kspace_shape))
        return out
    results = out.reshape(-1, *sampling.shape)
    before, after = phases(sampling.shape, image.dtype, inverse=False)
    mask = sampling.mask

    def work(begin: int, end: int, core: int) -> None:
        for n in range(begin, end):
            page, result = pages[n // n_coils], results[n]
            if coils is not None:
                times(page, coils[n % n_coils], result)
                page = result
            times_phases(page, *before, result)
            times_phases(plain_fft2(result, False), *after, result)
            if mask is not None:
                zero_outside(mask, result)

    share(len(results), work)
    return out


def adjoint(kspace: Array, sampling: Sampling, maps: Array | None = None) -> Array:
    """The adjoint of `forward`: <forward(x), y> = <x, adjoint(y)>.

    Parameters
    ----------
    kspace : (..., [coils,] ky, kx) or (..., [coils,] samples) array
    sampling : Cartesian or NonCartesian
    maps : (coils, y, x) array, optional

    Returns
    -------
    (..., y, x) array, complex64 or complex128 as k-space. Extra memory: two pages for each core;
    not Cartesian, the coil images of one slice.

    Raises
    ------
    AcquisitionError
        When shapes contradict each other.
    """
    kspace = check_kspace(kspace, sampling)
    n_axes = len(sampling.kspace_shape)
    lead = kspace.shape[: kspace.ndim - n_axes]
    coils = None
    if maps is not None:
        coils = check_maps(maps, sampling.shape).astype(kspace.dtype, copy=False)
        if not lead or lead[-1] != len(coils):
            raise AcquisitionError(
                "K-space and maps have different coils",
                found=f"k-space {kspace.shape} and {len(coils)} maps",
                mend="give (..., coils, ky, kx)",
            )
        lead = lead[:-1]
    n_coils = 1 if coils is None else len(coils)
    out = np.zeros((*lead, *sampling.shape), kspace.dtype)
    images = out.reshape(-1, *sampling.shape)
    data = kspace.reshape(-1, n_coils, *sampling.kspace_shape)
    if isinstance(sampling, NonCartesian):
        _adjoint_nufft(data, sampling, coils, images)
        return out
    before, after = phases(sampling.shape, kspace.dtype, inverse=True)
    mask = sampling.mask

    def image_of(n: int, c: int, page: Array) -> Array:
        times_phases(data[n, c], *before, page)
        if mask is not None:
            zero_outside(mask, page)
        return plain_fft2(page, True)

    def one_by_one(begin: int, end: int, core: int) -> None:
        page = np.empty(sampling.shape, kspace.dtype)
        for n in range(begin, end):
            times_phases(image_of(n, 0, page), *after, images[n])

    if coils is None:
        share(len(data), one_by_one)
        return out

    def add_coil(n: int, c: int, page: Array, total: Array, first: bool) -> None:
        times_phases(image_of(n, c, page), *after, page)
        (conj_times if first else add_conj_times)(page, coils[c], total)

    sum_over_coils(images, n_coils, add_coil)
    return out


def plan(sampling: NonCartesian, kind: int, n: int, dtype: Any) -> Any:
    """finufft's plan for n transforms at once, kept with the sampling.

    ``kind`` 2 is image to k-space, 1 the adjoint.
    """
    import finufft

    key = (kind, n, np.dtype(dtype).str, cores())
    with _planning:
        if key not in sampling._plans:
            # single precision cannot reach below about 1e-6
            lowest = 1e-6 if np.dtype(dtype) == np.complex64 else 1e-14
            made = finufft.Plan(
                kind, tuple(sampling.shape), n_trans=n, eps=max(sampling.tolerance, lowest),
                isign=-1 if kind == 2 else 1, dtype=np.dtype(dtype).name, nthreads=_threads(),
            )  # fmt: skip
            real = np.dtype(dtype).type(0).real.dtype
            turns = 2 * np.pi * sampling.trajectory_per_mm * np.asarray(sampling.pixel_mm)
            made.setpts(*(np.ascontiguousarray(t, dtype=real) for t in turns.T))
            sampling._plans[key] = (made, threading.Lock())
        return sampling._plans[key]


def _threads() -> int:
    allowed = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores(), int(allowed)) if allowed.isdigit() and int(allowed) else cores()


def _forward_nufft(pages: Array, sampling: NonCartesian, coils: Array | None, out: Array) -> None:
    n = out.shape[1]
    scale = out.real.dtype.type(1 / np.sqrt(np.prod(sampling.shape)))
    transform, alone = plan(sampling, 2, n, out.dtype)
    weighted = np.empty((n, *sampling.shape), out.dtype)
    scaled = None if coils is None else coils * scale
    with alone:
        for page, result in zip(pages, out, strict=True):
            if scaled is None:
                np.multiply(page[None], scale, out=weighted)
            else:
                for c in range(n):
                    times(page, scaled[c], weighted[c])
            # a plan of one transform knows no axis of transforms
            transform.execute(weighted[0] if n == 1 else weighted, result[0] if n == 1 else result)


def _adjoint_nufft(data: Array, sampling: NonCartesian, coils: Array | None, out: Array) -> None:
    n = data.shape[1]
    scale = out.real.dtype.type(1 / np.sqrt(np.prod(sampling.shape)))
    transform, alone = plan(sampling, 1, n, out.dtype)
    with alone:
        for samples, image in zip(data, out, strict=True):
            found = transform.execute(np.ascontiguousarray(samples if n > 1 else samples[0]))
            found = found.reshape(n, *sampling.shape)
            if coils is None:
                np.multiply(found[0], scale, out=image)
                continue
            for c in range(n):
                add_conj_times(found[c], coils[c], image)
            image *= scale
