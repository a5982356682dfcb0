"""Helices: cone beams rebinned to parallel beams in each slice, then filtered back-projection.

Single-slice rebinning (Noo, Defrise and Clackdoyle, Phys. Med. Biol. 44, 1999): the ray of a
slice is taken from the oblique ray of the same view and column that crosses the slice where it
passes the axis, shortened to its length in the plane. Rays that were measured several times,
from both ends too, are averaged with weights that fall smoothly towards the detector's edge rows
(as in Stierstorfer et al., Phys. Med. Biol. 49, 2004).
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from limen.physics.ct.geometry import ConeGeometry, GeometryError, ParallelGeometry, as_volume

Array = NDArray[Any]


def rebin_helix(sinogram: Array, geometry: ConeGeometry) -> tuple[Array, ParallelGeometry]:
    """Parallel line integrals of every slice of the volume.

    Parameters
    ----------
    sinogram : (views, detectors, rows) array
    geometry : ConeGeometry
        On a helix.

    Returns
    -------
    (parallel views, detectors, slices) array
        Of the sinogram's floating type.
    ParallelGeometry
        Half a turn's views, the detector's spacing at the axis.

    Raises
    ------
    GeometryError
        When a slice lies where the helix does not measure it from all sides.
    """
    data = as_volume(sinogram, geometry.sinogram_shape, "sinogram")
    parallel = parallel_of(geometry)
    rows = parallel.angles_rad.size
    out = np.zeros((rows, parallel.n_detectors, geometry.image_shape[2]), data.dtype)
    missing = np.zeros(geometry.image_shape[2], np.int64)
    _rebin(
        data, out, missing, parallel.angles_rad, parallel.offsets_mm, geometry.slice_positions_mm,
        geometry.start_rad, 2 * np.pi / geometry.turn_views,
        float(geometry.source_z_mm[0]), geometry.feed_mm / geometry.turn_views,
        geometry.detector == "flat", float(geometry.detector_positions_mm[0]),
        geometry.detector_spacing_mm, geometry.row_spacing_mm,
        geometry.source_to_centre_mm, geometry.source_to_detector_mm,
    )  # fmt: skip
    if missing.any():
        z = geometry.slice_positions_mm
        whole = z[missing == 0]
        found = f"{int((missing > 0).sum())} of {z.size} slices, first at z = "
        raise GeometryError(
            "The helix does not measure every slice from all sides",
            found=found + f"{z[missing > 0][0]:.1f} mm",
            mend=f"keep to z from {whole.min():.1f} to {whole.max():.1f} mm"
            if whole.size
            else "lower the feed, or scan longer",
        )
    return out, parallel


def reconstruct_helical(sinogram: Array, geometry: ConeGeometry, kernel: str = "hann") -> Array:
    """(x, y, z) image, 1/mm, from a helix; see `rebin_helix` and `limen.physics.ct.fbp`."""
    from limen.physics.ct.backproject import fbp

    parallel_sinogram, parallel = rebin_helix(sinogram, geometry)
    return fbp(parallel_sinogram, parallel, kernel)


def parallel_of(geometry: ConeGeometry) -> ParallelGeometry:
    """The parallel geometry that `rebin_helix` fills."""
    views = geometry.turn_views // 2
    scale = geometry.source_to_centre_mm / geometry.source_to_detector_mm
    spacing = geometry.detector_spacing_mm * scale
    return ParallelGeometry(
        max(2, views - views % 2), max(1, int(geometry.field_of_view_mm / spacing) - 1), spacing,
        geometry.image_shape[:2], geometry.pixel_mm,
    )  # fmt: skip


@numba.njit(parallel=True, cache=True, nogil=True)
def _rebin(  # type: ignore[no-untyped-def]
    data,
    out,
    missing,
    thetas,
    offsets,
    slices,
    start,
    step,
    z_first,
    z_step,
    flat,
    first,
    spacing,
    row_spacing,
    radius,
    far,
):
    n_views, n_detectors, n_rows = data.shape
    kind = data.dtype.type
    half_height = n_rows * row_spacing / 2
    last = start + step * (n_views - 1)
    for k in numba.prange(slices.size):
        for t in range(thetas.size):
            for j in range(offsets.size):
                gamma = np.arcsin(offsets[j] / radius)
                total, weights = 0.0, 0.0
                lowest = int(np.floor((start - thetas[t] - abs(gamma)) / np.pi))
                highest = int(np.ceil((last - thetas[t] + abs(gamma)) / np.pi))
                for turn in range(lowest, highest + 1):
                    g = gamma if turn % 2 == 0 else -gamma
                    v = (thetas[t] + turn * np.pi - g - start) / step
                    if v < 0 or v > n_views - 1:
                        continue
                    u = (far * np.tan(g) if flat else far * g) - first
                    c = u / spacing
                    if c < 0 or c > n_detectors - 1:
                        continue
                    away = slices[k] - (z_first + z_step * v)
                    # height at which the ray that crosses the slice at its foot is measured
                    reach = far / np.cos(g) if flat else far
                    w = away / (radius * np.cos(g)) * reach
                    relative = abs(w) / half_height
                    if relative >= 1:
                        continue
                    fall = max(0.0, (relative - 0.6) / 0.4)
                    weight = np.cos(np.pi / 2 * fall) ** 2 + 1e-6
                    r = min(max(w / row_spacing + (n_rows - 1) / 2, 0.0), n_rows - 1.0)
                    v0, c0, r0 = int(v), int(c), int(r)
                    v1, c1, r1 = (
                        min(v0 + 1, n_views - 1), min(c0 + 1, n_detectors - 1),
                        min(r0 + 1, n_rows - 1),
                    )  # fmt: skip
                    fv, fc, fr = v - v0, c - c0, r - r0
                    a = (1 - fc) * data[v0, c0, r0] + fc * data[v0, c1, r0]
                    b = (1 - fc) * data[v0, c0, r1] + fc * data[v0, c1, r1]
                    near = (1 - fr) * a + fr * b
                    a = (1 - fc) * data[v1, c0, r0] + fc * data[v1, c1, r0]
                    b = (1 - fc) * data[v1, c0, r1] + fc * data[v1, c1, r1]
                    value = (1 - fv) * near + fv * ((1 - fr) * a + fr * b)
                    total += weight * value * reach / np.sqrt(reach * reach + w * w)
                    weights += weight
                if weights > 0:
                    out[t, j, k] = kind(total / weights)
                else:
                    missing[k] += 1
