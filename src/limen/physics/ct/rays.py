"""Which rays and views the compiled loops walk, and which symmetries of a square they share.

The eight symmetries of a square image turn an acquisition whose views are evenly spaced into
itself. A *plan* lists only rays that are not the image of another under a symmetry: one in eight.
Lane k of such a ray is the ray's image under symmetry k, found by walking the original ray
through the k-th copy of the image. Where the acquisition is not symmetric (an odd number of
views, a detector that is not centred, a limited arc), or where there are several slices, the lanes
are slices instead and every ray is listed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.physics.ct.geometry import FanGeometry, ParallelGeometry
from limen.physics.ct.lanes import LANES

Array = NDArray[Any]
Plane = ParallelGeometry | FanGeometry

# (swap, sign of x, sign of y): a point (x, y) goes to (sx * x, sy * y), or (sx * y, sy * x).
SYMMETRIES = (
    (False, 1, 1), (True, -1, 1), (False, -1, -1), (True, 1, -1),  # turns by 0, 90, 180, 270
    (False, 1, -1), (True, 1, 1), (False, -1, 1), (True, -1, -1),  # mirrors
)  # fmt: skip


def seen_through(image: Array, symmetry: int) -> Array:
    """A view C of ``image`` (x, y) with ``C[row, column] = image(G (x=column, y=row))``."""
    swap, sx, sy = SYMMETRIES[symmetry]
    flipped = image[::sx, ::sy]
    return flipped if swap else flipped.T


@dataclass(frozen=True)
class RayPlan:
    """Rays for `lanes.project_rows`: all step along the rows, at most one column a row.

    Attributes
    ----------
    at, slope : (rays,) float64
        Column at row 0 (in the padded image) and columns per row.
    length_mm : (rays,) float64
        Of one step.
    fans : (fans + 1,) int64
        Where the rays of each view begin.
    index : (rays, 8) or (rays,) int32
        Place of each lane's ray in the flat sinogram (-1: none); one place if lanes are slices.
    """

    at: Array
    slope: Array
    length_mm: Array
    fans: Array
    index: Array


@dataclass(frozen=True)
class ViewPlan:
    """Views for `lanes.gather_rows`.

    Attributes
    ----------
    angles_rad : (views,) float64
    source : (views, 8) int64
        The view in each lane; -1: none. None if lanes are slices and every view is listed.
    mirrored : (views, 8) bool
        Whether the detector runs the other way in that lane.
    half : bool
        Whether only rows from the middle on are walked, because each lane's turn by 180 degrees
        is a lane too.
    """

    angles_rad: Array
    source: Array | None
    mirrored: Array | None
    half: bool


def symmetric(geometry: Plane) -> int:
    """How many of `SYMMETRIES`, from the first on, turn the acquisition into itself: 8, 4 or 0.

    The four turns need views in steps that divide 90 degrees; the mirrors also a first view at 0
    and a centred detector.
    """
    nx, ny = geometry.image_shape
    if (nx - ny) % 2:  # a square around it would have another centre
        return 0
    if isinstance(geometry, FanGeometry):
        turns = geometry.n_views % 4 == 0
        mirrors = geometry.detector_offset_mm == 0
    else:
        arc = geometry.arc_rad / np.pi
        turns = (arc == 1 and geometry.n_views % 2 == 0) or (arc == 2 and geometry.n_views % 4 == 0)
        mirrors = True
    if not turns:
        return 0
    return 8 if mirrors and geometry.start_rad == 0 else 4


@lru_cache(maxsize=8)
def symmetric_rays(geometry: Plane) -> RayPlan:
    """One ray in eight, or in four; `symmetric` must not be 0."""
    side = max(geometry.image_shape)
    source, mirrored, half = _orbits(geometry)
    _, n_detectors = geometry.sinogram_shape
    d = np.arange(n_detectors // 2 if half else 0, n_detectors)
    first = source[:, 0]
    theta, s = _normal_form(geometry, first, d)
    place = np.where(mirrored[:, None, :], (n_detectors - 1 - d)[None, :, None], d[None, :, None])
    index = (source[:, None, :] * n_detectors + place).astype(np.int32)
    index[np.broadcast_to(source[:, None, :] < 0, index.shape)] = -1
    if half and n_detectors % 2:  # the middle ray is its own turn by 180 degrees
        index[:, 0, :][mirrored] = -1
    # Rays less steep than 45 degrees are walked in the image with x and y exchanged.
    steep = np.abs(np.cos(theta)) >= np.abs(np.sin(theta))
    exchanged = [SYMMETRIES.index(_after_exchange(g)) for g in SYMMETRIES]
    index = np.where(steep[..., None], index, index[..., exchanged])
    theta = np.where(steep, theta, np.pi / 2 - theta)
    return _as_plan(theta, s, steep, index, (side, side), geometry.pixel_mm)


@lru_cache(maxsize=8)
def plain_rays(geometry: Plane) -> tuple[RayPlan, RayPlan]:
    """Every ray: those that step along y, and those that step along x (x and y exchanged)."""
    n_views, n_detectors = geometry.sinogram_shape
    theta, s = _normal_form(geometry, np.arange(n_views), np.arange(n_detectors))
    index = np.arange(n_views * n_detectors, dtype=np.int32).reshape(n_views, n_detectors)
    steep = np.abs(np.cos(theta)) >= np.abs(np.sin(theta))
    nx, ny = geometry.image_shape
    return (
        _as_plan(theta, s, steep, index, (ny, nx), geometry.pixel_mm, only=True),
        _as_plan(np.pi / 2 - theta, s, ~steep, index, (nx, ny), geometry.pixel_mm, only=True),
    )


@lru_cache(maxsize=8)
def symmetric_views(geometry: Plane) -> ViewPlan:
    """One view in eight or four (half as many, and half the rows, over 180 degrees)."""
    source, mirrored, half = _orbits(geometry)
    return ViewPlan(geometry.angles_rad[source[:, 0]], source, mirrored, half)


def plain_views(geometry: Plane) -> ViewPlan:
    """Every view."""
    return ViewPlan(geometry.angles_rad, None, None, False)


def _normal_form(geometry: Plane, views: Array, d: Array) -> tuple[Array, Array]:
    """theta and s in mm of the rays, (views, detectors) each."""
    angles = geometry.angles_rad[views][:, None]
    if isinstance(geometry, ParallelGeometry):
        s = geometry.offsets_mm[d][None]
        return np.broadcast_to(angles, (views.size, d.size)), np.broadcast_to(
            s, (views.size, d.size)
        )
    gamma = geometry.fan_angles_rad[d][None]
    s = geometry.source_to_centre_mm * np.sin(gamma)
    return angles + gamma, np.broadcast_to(s, (views.size, d.size))


def _orbits(geometry: Plane) -> tuple[Array, Array, bool]:
    """Views that stand for all, and for each lane which view it is and whether it is mirrored."""
    angles = geometry.angles_rad
    n, parallel = angles.size, isinstance(geometry, ParallelGeometry)
    half = parallel and geometry.arc_rad == np.pi  # type: ignore[union-attr]
    step = angles[1] - angles[0] if n > 1 else np.pi
    owner: set[tuple[int, bool]] = set()
    chosen, sources, mirrors = set(), [], []
    for v in range(n):
        if v in chosen:
            continue
        row, flips = [], []
        for swap, sx, sy in SYMMETRIES[: symmetric(geometry)]:
            c, s = np.cos(angles[v]), np.sin(angles[v])
            image = np.arctan2(sy * (c if swap else s), sx * (s if swap else c))
            reflected = (sx * sy < 0) != swap
            flip = False
            if reflected and not parallel:
                # the ray (theta, s) is also (theta + pi, -s): the fan runs the other way
                image, flip = image + np.pi, True
            k = round((image - geometry.start_rad) / step)
            if half:
                flip = bool((k // n) % 2)
            k %= n
            seen = (k, flip and half)
            row.append(-1 if seen in owner else k)
            flips.append(flip)
            owner.add(seen)
            chosen.add(k)
        missing = LANES - len(row)
        sources.append(row + [-1] * missing)
        mirrors.append(flips + [False] * missing)
    return np.array(sources), np.array(mirrors), half


def _after_exchange(symmetry: tuple[bool, int, int]) -> tuple[bool, int, int]:
    """The symmetry that acts as this one on points whose x and y were exchanged before."""
    swap, sx, sy = symmetry
    return not swap, sx, sy


def _as_plan(theta: Array, s: Array, group: Array, index: Array, shape: tuple[int, int],
             pixel_mm: float, only: bool = False) -> RayPlan:  # fmt: skip
    """Rays of each view, those in ``group`` first (or alone), each group ordered by column."""
    n_rows, n_columns = shape
    c_row, c_column = (n_rows - 1) / 2, (n_columns - 1) / 2
    cos, sin = np.cos(theta), np.sin(theta)
    middle = s / (cos * pixel_mm)  # column at the middle row, from the middle
    slope = -sin / cos
    at = middle + c_column + 1 - slope * c_row
    length = pixel_mm / np.abs(cos)
    parts, starts, total = [], [0], 0
    for v in range(theta.shape[0]):
        for wanted in (True,) if only else (True, False):
            rays = np.flatnonzero(group[v] == wanted)
            if rays.size == 0:
                continue
            rays = rays[np.argsort(middle[v, rays], kind="stable")]
            parts.append(np.stack([np.full(rays.size, v), rays]))
            total += rays.size
            starts.append(total)
    where = np.concatenate(parts, axis=1) if parts else np.zeros((2, 0), np.int64)
    at_ray = where[0], where[1]
    return RayPlan(
        at[at_ray], slope[at_ray], length[at_ray], np.array(starts, np.int64), index[at_ray]
    )


assert len(SYMMETRIES) == LANES
