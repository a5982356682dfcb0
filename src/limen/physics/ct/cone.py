"""Cone beams: line integrals through a volume, the exact adjoint, and FDK.

The in-plane path is Joseph's, with linear interpolation along z as well; a step's length is
that of the ray in space.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from limen.physics.ct.geometry import ConeGeometry, GeometryError, as_volume

Array = NDArray[Any]


def forward(volume: Array, geometry: ConeGeometry) -> Array:
    """(views, detectors, rows) line integrals of (x, y, z); see `limen.physics.ct.forward`."""
    sinogram = np.zeros(geometry.sinogram_shape, volume.dtype)
    _project(volume, sinogram, *_numbers(geometry))
    return sinogram


def adjoint(sinogram: Array, geometry: ConeGeometry) -> Array:
    """(x, y, z) from (views, detectors, rows); see `limen.physics.ct.adjoint`.

    Each thread adds into a volume of its own: memory grows with the threads.
    """
    threads = numba.get_num_threads()
    volumes = np.zeros((threads, *geometry.image_shape), sinogram.dtype)
    _spread(sinogram, volumes, *_numbers(geometry))
    return np.asarray(volumes.sum(axis=0))


def fdk(sinogram: Array, geometry: ConeGeometry, kernel: str = "hann") -> Array:
    """Reconstruction from a circle of cone beams (Feldkamp, Davis and Kress, JOSA A 1(6), 1984).

    Exact in the plane of the source; away from it, as any circular acquisition, it misses
    information that grows with the cone angle. Voxels that a part of the views does not see are
    low by what those views lack: see `covered_mm`.

    Parameters
    ----------
    sinogram : (views, detectors, rows) array
    geometry : ConeGeometry
        On a circle.
    kernel : str

    Returns
    -------
    (x, y, z), 1/mm

    Raises
    ------
    GeometryError
        On a helix, for a wrong shape or an unknown kernel.
    """
    from limen.physics.ct.backproject import fan_response

    if geometry.helical or geometry.turn_views != geometry.n_views:
        raise GeometryError(
            "FDK is for one full circle",
            found=f"feed {geometry.feed_mm} mm, {geometry.n_views} views of "
            f"{geometry.turn_views} a turn",
            mend="reconstruct a helix with reconstruct()",
        )
    views = as_volume(sinogram, geometry.sinogram_shape, "sinogram")
    kind = views.dtype
    gamma = geometry.fan_angles_rad
    rows, far = geometry.row_positions_mm, geometry.source_to_detector_mm
    # cosine of the angle between each ray and the central ray of its view
    if geometry.detector == "flat":
        cosine = far / np.sqrt(
            far**2 + geometry.detector_positions_mm[:, None] ** 2 + rows[None] ** 2
        )
    else:
        cosine = np.cos(gamma)[:, None] * (far / np.hypot(far, rows))[None]
    n = scipy.fft.next_fast_len(2 * gamma.size, real=True)
    response = fan_response(n, geometry, kernel) * (np.pi / geometry.n_views)
    image = np.zeros(geometry.image_shape, kind)
    block = 64  # views filtered at a time: memory does not grow with their number
    numbers = _numbers(geometry)
    for begin in range(0, geometry.n_views, block):
        some = views[begin : begin + block] * cosine.astype(kind)
        spectrum = scipy.fft.rfft(some, n, axis=1, workers=-1)
        spectrum *= response.astype(kind)[None, :, None]
        filtered = scipy.fft.irfft(spectrum, n, axis=1, workers=-1)[:, : gamma.size]
        padded = np.zeros((some.shape[0], gamma.size + 2, rows.size), kind)
        padded[:, 1:-1] = filtered
        _gather(
            padded, image, geometry.angles_rad[begin : begin + block], *numbers[2:],
            geometry.detector_spacing_mm, geometry.detector_positions_mm[0],
        )  # fmt: skip
    return image


def covered_mm(geometry: ConeGeometry, radius_mm: float) -> float:
    """Length along z, around z = 0, that every view of a circle sees up to ``radius_mm``."""
    nearest = geometry.source_to_centre_mm - radius_mm
    height = geometry.n_rows * geometry.row_spacing_mm
    return float(max(0.0, height * nearest / geometry.source_to_detector_mm))


def _numbers(geometry: ConeGeometry) -> tuple[Any, ...]:
    flat = geometry.detector == "flat"
    return (
        geometry.angles_rad, geometry.source_z_mm, geometry.fan_angles_rad,
        geometry.row_positions_mm, geometry.source_to_centre_mm, geometry.source_to_detector_mm,
        flat, geometry.pixel_mm, geometry.slice_mm,
    )  # fmt: skip


@numba.njit(inline="always")
def _ray(beta, gamma, radius, far, flat):  # type: ignore[no-untyped-def]
    """cos and sin of theta, s, where the source is along the ray, and dz per mm and row mm."""
    theta = beta + gamma
    cos, sin = np.cos(theta), np.sin(theta)
    # in-plane distance from source to detector element
    reach = far / np.cos(gamma) if flat else far
    return cos, sin, radius * np.sin(gamma), radius * np.cos(gamma), 1 / reach


@numba.njit(inline="always")
def _crossing(i, nx, ny, pixel, cos, sin, s, back):  # type: ignore[no-untyped-def]
    """Where a ray crosses the i-th row or column: place across, and way from the source in mm."""
    cx, cy = (nx - 1) / 2, (ny - 1) / 2
    if abs(sin) >= abs(cos):
        x = (i - cx) * pixel
        y = (s - x * cos) / sin
        across = y / pixel + cy
    else:
        y = (i - cy) * pixel
        x = (s - y * sin) / cos
        across = x / pixel + cx
    # the source lies `back` behind the point of the ray that is nearest to the axis
    return across, back + (x * sin - y * cos)


@numba.njit(parallel=True, cache=True, nogil=True)
def _project(  # type: ignore[no-untyped-def]
    volume, sinogram, angles, source_z, gammas, rows, radius, far, flat, pixel, slice_mm
):
    nx, ny, nz = volume.shape
    voxels = volume.reshape(-1)
    kind = volume.dtype.type
    for v in numba.prange(angles.size):
        line = np.zeros(nz + 2, volume.dtype)  # a column of voxels with one empty at each end
        start = source_z[v] / slice_mm + (nz - 1) / 2 + 1
        for d in range(gammas.size):
            cos, sin, s, back, per_mm = _ray(angles[v], gammas[d], radius, far, flat)
            along_x = abs(sin) >= abs(cos)
            steps, width = (nx, ny) if along_x else (ny, nx)
            stride, side = (ny * nz, nz) if along_x else (nz, ny * nz)
            out = sinogram[v, d]
            for i in range(steps):
                across, travelled = _crossing(i, nx, ny, pixel, cos, sin, s, back)
                lower = int(np.floor(across))
                if lower < -1 or lower >= width or travelled <= 0:
                    continue
                w1 = kind(across - lower)
                w0 = kind(1) - w1
                # beyond the side there is nothing: the weight of what is read instead is 0
                first, second = max(lower, 0), min(lower + 1, width - 1)
                w0 = w0 if lower >= 0 else kind(0)
                w1 = w1 if lower + 1 < width else kind(0)
                a, b = i * stride + first * side, i * stride + second * side
                for k in range(nz):
                    line[k + 1] = w0 * voxels[a + k] + w1 * voxels[b + k]
                slope = travelled * per_mm / slice_mm
                for r in range(rows.size):
                    z = start + slope * rows[r]
                    if 0 <= z < nz + 1:
                        k = int(z)
                        w = kind(z - k)
                        out[r] += (kind(1) - w) * line[k] + w * line[k + 1]
            step = pixel / max(abs(sin), abs(cos))
            for r in range(rows.size):
                out[r] *= kind(step * np.sqrt(1 + (rows[r] * per_mm) ** 2))


@numba.njit(parallel=True, cache=True, nogil=True)
def _spread(  # type: ignore[no-untyped-def]
    sinogram, volumes, angles, source_z, gammas, rows, radius, far, flat, pixel, slice_mm
):
    threads, nx, ny, nz = volumes.shape
    kind = volumes.dtype.type
    for thread in numba.prange(threads):
        voxels = volumes[thread].reshape(-1)
        line = np.empty(nz + 2, volumes.dtype)
        value = np.empty(rows.size, volumes.dtype)
        for v in range(thread, angles.size, threads):
            start = source_z[v] / slice_mm + (nz - 1) / 2 + 1
            for d in range(gammas.size):
                cos, sin, s, back, per_mm = _ray(angles[v], gammas[d], radius, far, flat)
                along_x = abs(sin) >= abs(cos)
                steps, width = (nx, ny) if along_x else (ny, nx)
                stride, side = (ny * nz, nz) if along_x else (nz, ny * nz)
                step = pixel / max(abs(sin), abs(cos))
                for r in range(rows.size):
                    length = kind(step * np.sqrt(1 + (rows[r] * per_mm) ** 2))
                    value[r] = sinogram[v, d, r] * length
                for i in range(steps):
                    across, travelled = _crossing(i, nx, ny, pixel, cos, sin, s, back)
                    lower = int(np.floor(across))
                    if lower < -1 or lower >= width or travelled <= 0:
                        continue
                    w1 = kind(across - lower)
                    w0 = kind(1) - w1
                    first, second = max(lower, 0), min(lower + 1, width - 1)
                    w0 = w0 if lower >= 0 else kind(0)
                    w1 = w1 if lower + 1 < width else kind(0)
                    a, b = i * stride + first * side, i * stride + second * side
                    line[:] = 0
                    slope = travelled * per_mm / slice_mm
                    for r in range(rows.size):
                        z = start + slope * rows[r]
                        if 0 <= z < nz + 1:
                            k = int(z)
                            w = kind(z - k)
                            line[k] += (kind(1) - w) * value[r]
                            line[k + 1] += w * value[r]
                    for k in range(nz):
                        voxels[a + k] += w0 * line[k + 1]
                        voxels[b + k] += w1 * line[k + 1]


@numba.njit(parallel=True, fastmath=True, cache=True, nogil=True)
def _gather(  # type: ignore[no-untyped-def]
    views, image, angles, gammas, rows, radius, far, flat, pixel, slice_mm, spacing, first
):
    nx, ny, nz = image.shape
    n_detectors, n_rows = gammas.size, rows.size
    row_spacing = rows[1] - rows[0] if n_rows > 1 else 1.0
    kind = image.dtype.type
    for ix in numba.prange(nx):
        x = (ix - (nx - 1) / 2) * pixel
        for v in range(angles.size):
            cos, sin = np.cos(angles[v]), np.sin(angles[v])
            for iy in range(ny):
                y = (iy - (ny - 1) / 2) * pixel
                across, depth = x * cos + y * sin, radius + x * sin - y * cos
                if flat:
                    u, near = across / depth * far, depth
                else:
                    u, near = np.arctan2(across, depth) * far, np.hypot(across, depth)
                c = (u - first) / spacing + 1
                if c < 0 or c >= n_detectors + 1:
                    continue
                lower = int(c)
                w1 = kind((c - lower) * (radius / near) ** 2)
                w0 = kind((radius / near) ** 2) - w1
                a, b = views[v, lower], views[v, lower + 1]
                # row at which this column of voxels is seen: linear in z
                slope = slice_mm * far / near / row_spacing
                for k in range(nz):
                    r = (k - (nz - 1) / 2) * slope + (n_rows - 1) / 2
                    if n_rows == 1:
                        if abs(r) <= 0.5:
                            image[ix, iy, k] += w0 * a[0] + w1 * b[0]
                        continue
                    if r < -0.5 or r > n_rows - 0.5:
                        continue
                    # half an element beyond the last row is still its own reading
                    r = min(max(r, 0.0), n_rows - 1.0)
                    low = min(int(r), n_rows - 2)
                    w = kind(r - low)
                    image[ix, iy, k] += (kind(1) - w) * (w0 * a[low] + w1 * b[low]) + w * (
                        w0 * a[low + 1] + w1 * b[low + 1]
                    )
