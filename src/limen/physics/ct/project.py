"""Line integrals through slices, and the exact adjoint, for parallel and fan beams.

Joseph's method (IEEE Trans. Med. Imaging 1(3), 1982): a ray is followed along the image axis
to which it is more parallel, one pixel per step, with linear interpolation across it.

Memory beside input and output: 8 numbers per pixel and per ray of one slice, or of eight slices
where there are five and more; it does not grow with the number of slices.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from limen.physics.ct import cone, lanes, rays
from limen.physics.ct.geometry import (
    ConeGeometry,
    Geometry,
    as_image_stack,
    as_sinogram_stack,
    as_volume,
)

Array = NDArray[Any]


def forward(image_per_mm: Array, geometry: Geometry) -> Array:
    """Line integrals of an attenuation image.

    Parameters
    ----------
    image_per_mm : (x, y), (x, y, slices), or for a cone (x, y, z) array
        Linear attenuation in 1/mm (any other quantity gives that quantity times mm).
    geometry : ParallelGeometry, FanGeometry or ConeGeometry

    Returns
    -------
    (views, detectors), (views, detectors, slices), or for a cone (views, detectors, rows)
        Dimensionless; float64 for a float64 image, else float32. Outside the image the
        attenuation is 0.

    Raises
    ------
    GeometryError
        When the image does not have the geometry's shape, or holds a NaN or infinity.
    """
    if isinstance(geometry, ConeGeometry):
        return cone.forward(as_volume(image_per_mm, geometry.image_shape, "image"), geometry)
    image = as_image_stack(image_per_mm, geometry)
    sinogram = np.empty((*geometry.sinogram_shape, image.shape[2]), image.dtype)
    if by_symmetry(geometry, image.shape[2]):
        for k in range(image.shape[2]):
            _forward_symmetric(image[:, :, k], geometry, sinogram[:, :, k])
    else:
        for k in range(0, image.shape[2], lanes.LANES):
            some = slice(k, k + lanes.LANES)
            _forward_slices(image[:, :, some], geometry, sinogram[:, :, some])
    return sinogram if image_per_mm.ndim == 3 else sinogram[:, :, 0]


def adjoint(sinogram: Array, geometry: Geometry) -> Array:
    """The adjoint of `forward`: ``<forward(x), y> = <x, adjoint(y)>`` to rounding.

    Parameters
    ----------
    sinogram : (views, detectors), (views, detectors, slices), or (views, detectors, rows) array
    geometry : ParallelGeometry, FanGeometry or ConeGeometry

    Returns
    -------
    (x, y), (x, y, slices) or (x, y, z)
        In mm times the unit of the sinogram; float64 for a float64 sinogram, else float32. This
        is a plain back-projection, not a reconstruction: see `limen.physics.ct.reconstruct`.

    Raises
    ------
    GeometryError
        When the sinogram does not have the geometry's shape, or holds a NaN or infinity.
    """
    if isinstance(geometry, ConeGeometry):
        return cone.adjoint(as_volume(sinogram, geometry.sinogram_shape, "sinogram"), geometry)
    stack = as_sinogram_stack(sinogram, geometry)
    image = np.zeros((*geometry.image_shape, stack.shape[2]), stack.dtype)
    if by_symmetry(geometry, stack.shape[2]):
        for k in range(stack.shape[2]):
            _adjoint_symmetric(stack[:, :, k], geometry, image[:, :, k])
    else:
        for k in range(0, stack.shape[2], lanes.LANES):
            some = slice(k, k + lanes.LANES)
            _adjoint_slices(stack[:, :, some], geometry, image[:, :, some])
    return image if sinogram.ndim == 3 else image[:, :, 0]


def by_symmetry(geometry: rays.Plane, n_slices: int) -> bool:
    """Whether the eight lanes are better filled with symmetries than with slices."""
    return n_slices < (rays.symmetric(geometry) + 1) // 2 + 1


def padded_square(image: Array) -> Array:
    """One slice with zeros around it to a square of the same centre."""
    side = max(image.shape)
    x, y = ((side - n) // 2 for n in image.shape)
    if x == y == 0:
        return image
    return np.pad(image, ((x, side - image.shape[0] - x), (y, side - image.shape[1] - y)))


def _forward_symmetric(image: Array, geometry: rays.Plane, sinogram: Array) -> None:
    plan = rays.symmetric_rays(geometry)
    square = padded_square(image)
    side = square.shape[0]
    copies = np.zeros((side, side + 3, lanes.LANES), image.dtype)
    for k in range(lanes.LANES):
        copies[:, 1:-2, k] = rays.seen_through(square, k)
    values = np.zeros((plan.at.size, lanes.LANES), image.dtype)
    _project(copies, plan, values)
    flat = np.empty(sinogram.size, sinogram.dtype)
    _scatter(values, plan.length_mm.astype(image.dtype), plan.index, flat)
    sinogram[...] = flat.reshape(sinogram.shape)


def _adjoint_symmetric(sinogram: Array, geometry: rays.Plane, image: Array) -> None:
    plan = rays.symmetric_rays(geometry)
    side = max(image.shape)
    values = np.empty((plan.at.size, lanes.LANES), image.dtype)
    flat = np.ascontiguousarray(sinogram).reshape(-1)
    _collect(flat, plan.length_mm.astype(image.dtype), plan.index, values)
    copies = np.zeros((side, side + 3, lanes.LANES), image.dtype)
    _spread(values, plan, copies)
    square = np.zeros((side, side), image.dtype)
    for k in range(lanes.LANES):
        seen = rays.seen_through(square, k)
        seen += copies[:, 1:-2, k]
    x, y = ((side - n) // 2 for n in image.shape)
    image[...] = square[x : x + image.shape[0], y : y + image.shape[1]]


def _forward_slices(stack: Array, geometry: rays.Plane, sinogram: Array) -> None:
    n, kind = stack.shape[2], stack.dtype
    flat = np.empty((sinogram.shape[0] * sinogram.shape[1], n), kind)
    for plan, rows in zip(
        rays.plain_rays(geometry), (stack.transpose(1, 0, 2), stack), strict=True
    ):
        padded = np.zeros((rows.shape[0], rows.shape[1] + 3, lanes.LANES), kind)
        padded[:, 1:-2, :n] = rows
        values = np.zeros((plan.at.size, lanes.LANES), kind)
        _project(padded, plan, values)
        flat[plan.index] = values[:, :n] * plan.length_mm.astype(kind)[:, None]
    sinogram[...] = flat.reshape(sinogram.shape)


def _adjoint_slices(stack: Array, geometry: rays.Plane, image: Array) -> None:
    n, kind = stack.shape[2], stack.dtype
    flat = np.ascontiguousarray(stack).reshape(-1, n)
    for plan, rows in zip(
        rays.plain_rays(geometry), (image.transpose(1, 0, 2), image), strict=True
    ):
        values = np.zeros((plan.at.size, lanes.LANES), kind)
        values[:, :n] = flat[plan.index] * plan.length_mm.astype(kind)[:, None]
        padded = np.zeros((rows.shape[0], rows.shape[1] + 3, lanes.LANES), kind)
        _spread(values, plan, padded)
        rows += padded[:, 1:-2, :n]


def _project(copies: Array, plan: rays.RayPlan, values: Array) -> None:
    kind = values.dtype
    lanes.project_rows(
        copies.reshape(-1), copies.shape[0], copies.shape[1], plan.at.astype(kind),
        plan.slope.astype(kind), plan.fans, values.reshape(-1),
    )  # fmt: skip


def _spread(values: Array, plan: rays.RayPlan, copies: Array) -> None:
    kind = values.dtype
    lanes.spread_rows(
        values.reshape(-1), plan.at.astype(kind), plan.slope.astype(kind), plan.fans,
        copies.shape[0], copies.shape[1], copies.reshape(-1),
    )  # fmt: skip


@numba.njit(parallel=True, cache=True, nogil=True)
def _scatter(values, length, index, flat):  # type: ignore[no-untyped-def]
    for r in numba.prange(index.shape[0]):
        for k in range(index.shape[1]):
            if index[r, k] >= 0:
                flat[index[r, k]] = values[r, k] * length[r]


@numba.njit(parallel=True, cache=True, nogil=True)
def _collect(flat, length, index, values):  # type: ignore[no-untyped-def]
    for r in numba.prange(index.shape[0]):
        for k in range(index.shape[1]):
            i = index[r, k]
            values[r, k] = flat[i] * length[r] if i >= 0 else 0
