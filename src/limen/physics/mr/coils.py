"""Noise of coils, and coil images made one."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from limen.physics.mr.sampling import AcquisitionError, as_complex

Array = NDArray[Any]


def noise_covariance(noise: Array) -> Array:
    """(coils, coils) complex128 covariance E[n n^H] of noise samples.

    Parameters
    ----------
    noise : (coils, samples) complex array
        Measured without excitation; at least as many samples as coils.
    """
    samples = np.asarray(noise)
    samples = samples.reshape(samples.shape[0], -1).astype(np.complex128)
    if samples.shape[1] <= samples.shape[0]:
        raise AcquisitionError(
            "Too few noise samples for a covariance",
            found=f"{samples.shape[1]} of {samples.shape[0]} coils",
            mend="give more samples than coils",
        )
    if not np.isfinite(samples).all():
        raise AcquisitionError("Noise holds what is not a finite number", found="NaN")
    samples = samples - samples.mean(axis=1, keepdims=True)
    return np.asarray(samples @ samples.conj().T / (samples.shape[1] - 1))


def prewhiten(data: Array, covariance: Array, coil_axis: int = -3) -> Array:
    """Coils mixed so that their noise is uncorrelated, E[n n^H] = 1.

    Multiplies with the inverse of the Cholesky factor of the covariance (Roemer et al.,
    Magn. Reson. Med. 16, 1990; Pruessmann et al. 2001, appendix A). After it the real and the
    imaginary part of the noise each have variance 1/2. K-space, coil maps and noise take the
    same mixing.

    Parameters
    ----------
    data : array with a coil axis
    covariance : (coils, coils) array
        Of `noise_covariance`.
    coil_axis : int

    Returns
    -------
    array, same shape; complex64 or complex128 as the data

    Raises
    ------
    AcquisitionError
        When the covariance is not one: shape, Hermitian, positive definite (a dead coil).
    """
    data = as_complex(np.asarray(data))
    psi = np.asarray(covariance, dtype=np.complex128)
    n = data.shape[coil_axis]
    if psi.shape != (n, n) or not np.isfinite(psi).all():
        raise AcquisitionError(
            "The noise covariance does not belong to these coils",
            found=f"shape {psi.shape} for {n} coils",
        )
    try:
        factor = np.linalg.cholesky((psi + psi.conj().T) / 2)
    except np.linalg.LinAlgError:
        lowest = float(np.linalg.eigvalsh((psi + psi.conj().T) / 2)[0])
        raise AcquisitionError(
            "The noise covariance is not positive definite",
            found=f"lowest eigenvalue {lowest:.3g}",
            mend="leave out coils without noise (switched off), or measure more noise",
        ) from None
    mixing = np.linalg.inv(factor).astype(data.dtype)
    moved = np.moveaxis(data, coil_axis, 0)
    mixed = (mixing @ moved.reshape(n, -1)).reshape(moved.shape)
    return np.ascontiguousarray(np.moveaxis(mixed, 0, coil_axis))


def root_sum_of_squares(coil_images: Array, coil_axis: int = -3) -> Array:
    """Magnitude over coils, float32 or float64; its noise is non-central chi, not Rician."""
    images = np.asarray(coil_images)
    squares = images.real**2 + images.imag**2 if np.iscomplexobj(images) else images**2
    return np.asarray(np.sqrt(squares.sum(axis=coil_axis)))


def combine(coil_images: Array, maps: Array, covariance: Array | None = None) -> Array:
    """The image of best signal-to-noise: ``S^H psi^-1 c / (S^H psi^-1 S)`` at each pixel.

    Roemer et al., Magn. Reson. Med. 16, 1990. The image is in the unit in which the maps are
    sensitivities; 0 where all maps are 0.

    Parameters
    ----------
    coil_images : (..., coils, y, x) array
    maps : (coils, y, x) array
    covariance : (coils, coils) array, optional
        Of the noise; without it coils are taken as prewhitened.

    Returns
    -------
    (..., y, x) array
    """
    images, maps = as_complex(np.asarray(coil_images)), np.asarray(maps)
    if images.ndim < 3 or images.shape[-3:] != maps.shape:
        raise AcquisitionError(
            "Coil images and maps do not belong together",
            found=f"images {images.shape}, maps {maps.shape}",
        )
    weights = maps
    if covariance is not None:
        weights = np.linalg.solve(
            np.asarray(covariance, np.complex128), maps.reshape(len(maps), -1)
        ).reshape(maps.shape)
    weights = weights.astype(images.dtype)
    power = (weights.conj() * maps).real.sum(axis=0)
    mixed = np.einsum("cyx,...cyx->...yx", weights.conj(), images)
    safe = np.where(power > 0, power, 1)
    return np.asarray(np.where(power > 0, mixed / safe, 0), dtype=images.dtype)


def adaptive_maps(coil_images: Array, width: int = 5, covariance: Array | None = None) -> Array:
    """Coil maps from coil images alone: the strongest mixture in each neighbourhood.

    Walsh, Gmitro and Marcellin, Magn. Reson. Med. 43, 2000: the first eigenvector of the local
    coils x coils correlation, here over ``width`` x ``width`` pixels. With `combine` it is the
    adaptive combination. Unit norm; the first coil is real and not negative.

    Parameters
    ----------
    coil_images : (coils, y, x) array
        Prewhitened, or with their ``covariance``.
    width : int
    covariance : (coils, coils) array, optional

    Returns
    -------
    (coils, y, x) array. Extra memory: coils^2 pages.
    """
    images = as_complex(np.asarray(coil_images))
    if images.ndim != 3 or width < 1:
        raise AcquisitionError(
            "Adaptive maps take (coils, y, x) and a width of a pixel at least",
            found=f"shape {images.shape}, width {width}",
        )
    white = images if covariance is None else prewhiten(images, covariance)
    n = len(white)
    local = np.empty((*images.shape[1:], n, n), images.dtype)
    for a in range(n):
        for b in range(a, n):
            product = white[a] * white[b].conj()
            smooth = scipy.ndimage.uniform_filter(product.real, width) + (
                1j * scipy.ndimage.uniform_filter(product.imag, width)
            )
            local[..., a, b] = smooth
            local[..., b, a] = smooth.conj()
    _, vectors = np.linalg.eigh(local)
    maps = np.moveaxis(vectors[..., -1], -1, 0)
    if covariance is not None:
        factor = np.linalg.cholesky(np.asarray(covariance, np.complex128)).astype(maps.dtype)
        maps = (factor @ maps.reshape(n, -1)).reshape(maps.shape)
        maps /= np.maximum(root_sum_of_squares(maps), np.finfo(np.float32).tiny)
    size = np.abs(maps[0])
    turn = np.where(size > 0, maps[0].conj() / np.where(size > 0, size, 1), 1)
    return np.asarray(maps * turn)
