"""Line integrals through an image, and the exact adjoint.

Joseph's method (IEEE Trans. Med. Imaging 1(3), 1982): a ray is followed along the image axis
to which it is more parallel, one pixel per step, with linear interpolation across it.

Slices are the last axis of every array, so that one pass over the rays serves a whole slab
and the innermost loop is a vector operation.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from limen.physics.ct.geometry import ParallelGeometry, as_image_stack, as_sinogram_stack

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
    image = as_image_stack(image_per_mm, geometry)
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
        reconstruction; see `limen.physics.ct.reconstruct`.

    Raises
    ------
    GeometryError
        When the sinogram does not have the geometry's shape.
    """
    stack = as_sinogram_stack(sinogram, geometry)
    image = np.zeros((*geometry.image_shape, stack.shape[2]), dtype=np.float32)
    _adjoint(
        stack, image, geometry.angles_rad, geometry.offsets_mm / geometry.pixel_mm,
        geometry.pixel_mm,
    )  # fmt: skip
    return image if sinogram.ndim == 3 else image[:, :, 0]


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
