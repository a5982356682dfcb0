"""The plain parallel projector: every formula as it stands in the paper, and no symmetry used.

Joseph's method (IEEE Trans. Med. Imaging 1(3), 1982): a ray is followed along the image axis
to which it is more parallel, one pixel per step, with linear interpolation across it.

Two things rest on it: tests compare the fast projector with it, and in-silico cohorts are
acquired with it, because the committed model belongs to exactly these bits
(docs/decisions/0080-fast-projectors.md). For anything else use `limen.physics.ct`.

Slices are the last axis of every array, so that one pass over the rays serves a whole slab
and the innermost loop is a vector operation.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from limen.physics.ct.geometry import ParallelGeometry, as_image_stack, as_sinogram_stack
from limen.physics.ct.kernels import filter_response

Array = NDArray[Any]


def forward(image_per_mm: Array, geometry: ParallelGeometry) -> Array:
    """Line integrals of an attenuation image.

    Parameters
    ----------
    image_per_mm : (x, y) or (x, y, slices) array
        Linear attenuation in 1/mm (any other quantity gives that quantity times mm).
    geometry : ParallelGeometry

    Returns
    -------
    (views, detectors) or (views, detectors, slices) float32
        Dimensionless. Outside the image the attenuation is 0.

    Raises
    ------
    GeometryError
        When the image does not have the geometry's shape.
    """
    image = as_image_stack(image_per_mm, geometry).astype(np.float32, copy=False)
    shape = (geometry.n_views, geometry.n_detectors, image.shape[2])
    sinogram = np.zeros(shape, dtype=np.float32)
    _forward(
        image, sinogram, geometry.angles_rad, geometry.offsets_mm / geometry.pixel_mm,
        geometry.pixel_mm,
    )  # fmt: skip
    return sinogram if image_per_mm.ndim == 3 else sinogram[:, :, 0]


def adjoint(sinogram: Array, geometry: ParallelGeometry) -> Array:
    """The adjoint of `forward`: ``<forward(x), y> = <x, adjoint(y)>`` to rounding.

    Parameters
    ----------
    sinogram : (views, detectors) or (views, detectors, slices) array
    geometry : ParallelGeometry

    Returns
    -------
    (x, y) or (x, y, slices) float32
        In mm times the unit of the sinogram. This is a plain back-projection, not a
        reconstruction; see `fbp`.

    Raises
    ------
    GeometryError
        When the sinogram does not have the geometry's shape.
    """
    stack = as_sinogram_stack(sinogram, geometry).astype(np.float32, copy=False)
    image = np.zeros((*geometry.image_shape, stack.shape[2]), dtype=np.float32)
    _adjoint(
        stack, image, geometry.angles_rad, geometry.offsets_mm / geometry.pixel_mm,
        geometry.pixel_mm,
    )  # fmt: skip
    return image if sinogram.ndim == 3 else image[:, :, 0]


def fbp(sinogram: Array, geometry: ParallelGeometry, kernel: str = "hann") -> Array:
    """Attenuation image from line integrals.

    The ramp is band-limited and sampled in space (Kak and Slaney, Principles of Computerized
    Tomographic Imaging, 1988, eq. 3.61), so that the mean is kept; the back-projection
    interpolates linearly between detector elements.

    Parameters
    ----------
    sinogram : (views, detectors) or (views, detectors, slices) array
        Line integrals.
    geometry : ParallelGeometry
    kernel : str
        One of `KERNELS`; windows reach their end at the Nyquist frequency of the detector.

    Returns
    -------
    (x, y) or (x, y, slices) float32
        1/mm. Valid inside the disc of ``geometry.field_of_view_mm``.

    Raises
    ------
    GeometryError
        When the sinogram does not have the geometry's shape, or the kernel has no such name.
    """
    stack = as_sinogram_stack(sinogram, geometry).astype(np.float32, copy=False)
    filtered = _filter(stack, geometry.detector_spacing_mm, kernel)
    image = np.zeros((*geometry.image_shape, stack.shape[2]), dtype=np.float32)
    _back_project(
        filtered, image, geometry.angles_rad, geometry.pixel_mm, geometry.detector_spacing_mm
    )
    return image if sinogram.ndim == 3 else image[:, :, 0]


def _filter(stack: Array, spacing_mm: float, kernel: str) -> Array:
    n = scipy.fft.next_fast_len(2 * stack.shape[1], real=True)
    response = filter_response(n, spacing_mm, kernel).astype(np.float32)
    spectrum = scipy.fft.rfft(stack, n, axis=1)
    spectrum *= response[None, :, None]
    filtered = scipy.fft.irfft(spectrum, n, axis=1)
    return np.ascontiguousarray(filtered[:, : stack.shape[1]])


@numba.njit(parallel=True, fastmath=True, cache=True, nogil=True)
def _forward(image, sinogram, angles, offsets, pixel_mm):  # type: ignore[no-untyped-def]
    nx, ny, nz = image.shape
    cx, cy = (nx - 1) / 2, (ny - 1) / 2
    for v in numba.prange(angles.size):
        cos, sin = np.cos(angles[v]), np.sin(angles[v])
        for d in range(offsets.size):
            s = offsets[d]
            out = sinogram[v, d]
            if abs(sin) >= abs(cos):
                length = np.float32(pixel_mm / abs(sin))
                for ix in range(nx):
                    y = (s - (ix - cx) * cos) / sin + cy
                    lower = int(np.floor(y))
                    upper_weight = np.float32(y - lower)
                    if 0 <= lower < ny:
                        w = (np.float32(1) - upper_weight) * length
                        for k in range(nz):
                            out[k] += w * image[ix, lower, k]
                    if 0 <= lower + 1 < ny:
                        w = upper_weight * length
                        for k in range(nz):
                            out[k] += w * image[ix, lower + 1, k]
            else:
                length = np.float32(pixel_mm / abs(cos))
                for iy in range(ny):
                    x = (s - (iy - cy) * sin) / cos + cx
                    lower = int(np.floor(x))
                    upper_weight = np.float32(x - lower)
                    if 0 <= lower < nx:
                        w = (np.float32(1) - upper_weight) * length
                        for k in range(nz):
                            out[k] += w * image[lower, iy, k]
                    if 0 <= lower + 1 < nx:
                        w = upper_weight * length
                        for k in range(nz):
                            out[k] += w * image[lower + 1, iy, k]


@numba.njit(parallel=True, fastmath=True, cache=True, nogil=True)
def _adjoint(sinogram, image, angles, offsets, pixel_mm):  # type: ignore[no-untyped-def]
    nx, ny, nz = image.shape
    cx, cy = (nx - 1) / 2, (ny - 1) / 2
    # Two passes, each parallel over the axis the rays step along: no two threads write a pixel.
    for ix in numba.prange(nx):
        for v in range(angles.size):
            cos, sin = np.cos(angles[v]), np.sin(angles[v])
            if abs(sin) >= abs(cos):
                length = np.float32(pixel_mm / abs(sin))
                for d in range(offsets.size):
                    y = (offsets[d] - (ix - cx) * cos) / sin + cy
                    lower = int(np.floor(y))
                    upper_weight = np.float32(y - lower)
                    if 0 <= lower < ny:
                        w = (np.float32(1) - upper_weight) * length
                        for k in range(nz):
                            image[ix, lower, k] += w * sinogram[v, d, k]
                    if 0 <= lower + 1 < ny:
                        w = upper_weight * length
                        for k in range(nz):
                            image[ix, lower + 1, k] += w * sinogram[v, d, k]
    for iy in numba.prange(ny):
        for v in range(angles.size):
            cos, sin = np.cos(angles[v]), np.sin(angles[v])
            if abs(sin) < abs(cos):
                length = np.float32(pixel_mm / abs(cos))
                for d in range(offsets.size):
                    x = (offsets[d] - (iy - cy) * sin) / cos + cx
                    lower = int(np.floor(x))
                    upper_weight = np.float32(x - lower)
                    if 0 <= lower < nx:
                        w = (np.float32(1) - upper_weight) * length
                        for k in range(nz):
                            image[lower, iy, k] += w * sinogram[v, d, k]
                    if 0 <= lower + 1 < nx:
                        w = upper_weight * length
                        for k in range(nz):
                            image[lower + 1, iy, k] += w * sinogram[v, d, k]


@numba.njit(parallel=True, fastmath=True, cache=True, nogil=True)
def _back_project(filtered, image, angles, pixel_mm, spacing_mm):  # type: ignore[no-untyped-def]
    nx, ny, nz = image.shape
    n_views, n_detectors = angles.size, filtered.shape[1]
    step = np.float32(np.pi / n_views)
    for ix in numba.prange(nx):
        x = (ix - (nx - 1) / 2) * pixel_mm / spacing_mm
        for v in range(n_views):
            cos, sin = np.cos(angles[v]), np.sin(angles[v])
            start = x * cos + (n_detectors - 1) / 2
            for iy in range(ny):
                y = (iy - (ny - 1) / 2) * pixel_mm / spacing_mm
                s = start + y * sin
                lower = int(np.floor(s))
                if 0 <= lower < n_detectors - 1:
                    w1 = np.float32(s - lower) * step
                    w0 = step - w1
                    for k in range(nz):
                        image[ix, iy, k] += (
                            w0 * filtered[v, lower, k] + w1 * filtered[v, lower + 1, k]
                        )
