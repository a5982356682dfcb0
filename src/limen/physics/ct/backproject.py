"""Filtered back-projection for parallel and fan beams; `reconstruct` takes any geometry."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from limen.physics.ct import cone, lanes, rays
from limen.physics.ct.geometry import (
    ConeGeometry,
    FanGeometry,
    Geometry,
    GeometryError,
    ParallelGeometry,
    as_sinogram_stack,
)
from limen.physics.ct.kernels import filter_response
from limen.physics.ct.project import by_symmetry

Array = NDArray[Any]


def reconstruct(sinogram: Array, geometry: Geometry, kernel: str = "hann") -> Array:
    """Attenuation image from line integrals, by the direct method of the geometry.

    Parallel and fan: `fbp`. Cone on a circle: `limen.physics.ct.cone.fdk`. On a helix:
    `limen.physics.ct.helical.reconstruct_helical`.

    Parameters
    ----------
    sinogram : (views, detectors), (views, detectors, slices), or (views, detectors, rows) array
        Line integrals.
    geometry : ParallelGeometry, FanGeometry or ConeGeometry
    kernel : str
        One of `limen.physics.ct.KERNELS`.

    Returns
    -------
    (x, y), (x, y, slices) or (x, y, z)
        1/mm; float64 for a float64 sinogram, else float32.

    Raises
    ------
    GeometryError
        When the sinogram does not have the geometry's shape, holds a NaN or infinity, or the
        kernel has no such name.
    """
    if not isinstance(geometry, ConeGeometry):
        return fbp(sinogram, geometry, kernel)
    if not geometry.helical:
        return cone.fdk(sinogram, geometry, kernel)
    from limen.physics.ct.helical import reconstruct_helical

    return reconstruct_helical(sinogram, geometry, kernel)


def fbp(sinogram: Array, geometry: rays.Plane, kernel: str = "hann") -> Array:
    """Attenuation image from line integrals, by filtered back-projection.

    The ramp is band-limited and sampled in space (Kak and Slaney, Principles of Computerized
    Tomographic Imaging, 1988, eq. 3.61; for fans sections 3.4.1 curved and 3.4.2 flat), so that
    the mean is kept; the back-projection interpolates linearly between detector elements.

    Parameters
    ----------
    sinogram : (views, detectors) or (views, detectors, slices) array
        Line integrals.
    geometry : ParallelGeometry or FanGeometry
        Over pi, 2 pi, or less than pi: then what was not measured is missing in the image.
    kernel : str
        One of `limen.physics.ct.KERNELS`; the windows of ramp to hann end at the detector's
        Nyquist frequency.

    Returns
    -------
    (x, y) or (x, y, slices)
        1/mm; float64 for a float64 sinogram, else float32. Valid inside the disc of
        ``geometry.field_of_view_mm``.

    Raises
    ------
    GeometryError
        When the sinogram does not have the geometry's shape, the kernel has no such name, or the
        arc is between pi and 2 pi, where some lines are measured twice and some once.
    """
    stack = as_sinogram_stack(sinogram, geometry)
    filtered = filter_views(stack, geometry, kernel)
    image = np.zeros((*geometry.image_shape, stack.shape[2]), stack.dtype)
    if by_symmetry(geometry, stack.shape[2]):
        for k in range(stack.shape[2]):
            _back_project_symmetric(filtered[:, :, k], geometry, image[:, :, k])
    else:
        for k in range(0, stack.shape[2], lanes.LANES):
            some = slice(k, k + lanes.LANES)
            _back_project_slices(filtered[:, :, some], geometry, image[:, :, some])
    return image if sinogram.ndim == 3 else image[:, :, 0]


def filter_views(stack: Array, geometry: rays.Plane, kernel: str) -> Array:
    """Weighted and filtered views, ready to be summed; (views, detectors, slices)."""
    kind, n_detectors = stack.dtype, stack.shape[1]
    n = scipy.fft.next_fast_len(2 * n_detectors, real=True)
    if isinstance(geometry, ParallelGeometry):
        weight = np.ones(n_detectors)
        response = parallel_response(n, geometry, kernel)
    else:
        gamma = geometry.fan_angles_rad
        weight = np.cos(gamma)
        response = fan_response(n, geometry, kernel) * (np.pi / geometry.n_views)
    # views are contiguous along the last axis, where the transform is fastest
    views = np.ascontiguousarray(stack.transpose(2, 0, 1))
    if isinstance(geometry, FanGeometry):
        views = views * weight.astype(kind)
    spectrum = scipy.fft.rfft(views, n, axis=-1, workers=-1)
    spectrum *= response.astype(kind)
    filtered = scipy.fft.irfft(spectrum, n, axis=-1, workers=-1)
    return np.asarray(filtered[:, :, :n_detectors].transpose(1, 2, 0))


def parallel_response(n: int, geometry: ParallelGeometry, kernel: str) -> Array:
    """(n // 2 + 1,) float64: ramp, kernel and each view's share of the arc."""
    if np.pi < geometry.arc_rad < 2 * np.pi:
        raise GeometryError(
            "Some lines are measured once and some twice",
            found=f"an arc of {np.degrees(geometry.arc_rad):.1f} degrees",
            mend="reconstruct 180 or 360 degrees, or iteratively",
        )
    turns = max(geometry.arc_rad / np.pi, 1.0)
    response = filter_response(n, geometry.detector_spacing_mm, kernel)
    return np.asarray(response * (geometry.arc_rad / geometry.n_views / turns))


def fan_response(n: int, geometry: FanGeometry | ConeGeometry, kernel: str) -> Array:
    """Ramp and kernel on the detector as it is seen at the centre of rotation.

    For a curved detector the lag is an angle and the ramp becomes
    ``(alpha / sin alpha)^2 h(alpha)`` (Kak and Slaney, eq. 3.4.1).
    """
    scale = geometry.source_to_centre_mm / geometry.source_to_detector_mm
    spacing = geometry.detector_spacing_mm * scale
    response = filter_response(n, spacing, kernel)
    if geometry.detector == "flat":
        return response
    alpha = np.minimum(np.arange(n), n - np.arange(n)) * (spacing / geometry.source_to_centre_mm)
    # lags beyond the fan meet no data; there the ratio is held, so that it cannot explode
    alpha = np.minimum(alpha, 2 * np.abs(geometry.fan_angles_rad).max())
    impulse = np.fft.irfft(response, n) / np.sinc(alpha / np.pi) ** 2
    return np.asarray(np.fft.rfft(impulse).real)


def _back_project_symmetric(filtered: Array, geometry: rays.Plane, image: Array) -> None:
    plan = rays.symmetric_views(geometry)
    assert plan.source is not None and plan.mirrored is not None
    kind, n_detectors = filtered.dtype, filtered.shape[1]
    side = max(image.shape)
    views = np.zeros((plan.angles_rad.size, n_detectors + 4, lanes.LANES), kind)
    for k in range(lanes.LANES):
        for mirrored in (False, True):
            here = np.flatnonzero((plan.source[:, k] >= 0) & (plan.mirrored[:, k] == mirrored))
            some = filtered[plan.source[here, k]]
            views[here, 2:-2, k] = some[:, ::-1] if mirrored else some
    first_row = side // 2 if plan.half else 0
    sums = np.zeros((side - first_row, side, lanes.LANES), kind)
    _gather(views, plan, geometry, (side, side), first_row, sums)
    if plan.half and side % 2:
        sums[0] *= kind.type(0.5)  # the middle row is its own turn by 180 degrees
    square = np.zeros((side, side), kind)
    for k in range(lanes.LANES):
        seen = rays.seen_through(square, k)[first_row:]
        seen += sums[..., k]
    x, y = ((side - n) // 2 for n in image.shape)
    image[...] = square[x : x + image.shape[0], y : y + image.shape[1]]


def _back_project_slices(filtered: Array, geometry: rays.Plane, image: Array) -> None:
    n_views, n_detectors, n = filtered.shape
    views = np.zeros((n_views, n_detectors + 4, lanes.LANES), filtered.dtype)
    views[:, 2:-2, :n] = filtered
    nx, ny, _ = image.shape
    sums = np.zeros((ny, nx, lanes.LANES), filtered.dtype)
    _gather(views, rays.plain_views(geometry), geometry, (ny, nx), 0, sums)
    image[...] = sums[..., :n].transpose(1, 0, 2)


def _gather(views: Array, plan: rays.ViewPlan, geometry: rays.Plane, shape: tuple[int, int],
            first_row: int, sums: Array) -> None:  # fmt: skip
    kind = views.dtype.type
    n_detectors = views.shape[1] - 4
    middle = (n_detectors - 1) / 2
    if isinstance(geometry, FanGeometry):
        radius, distance = geometry.source_to_centre_mm, geometry.source_to_detector_mm
        middle -= geometry.detector_offset_mm / geometry.detector_spacing_mm
        curved = geometry.detector == "curved"
    else:
        radius, distance, curved = 0.0, 0.0, False
    lanes.gather_rows(
        views.reshape(-1), n_detectors, np.cos(plan.angles_rad).astype(kind),
        np.sin(plan.angles_rad).astype(kind), shape, first_row, kind(geometry.pixel_mm),
        kind(radius), kind(distance), curved, middle, kind(geometry.detector_spacing_mm),
        sums.reshape(-1),
    )  # fmt: skip
