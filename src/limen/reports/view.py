"""A voxel grid as a radiologist looks at it: plane, sides, crops, contours.

The grid is reordered and mirrored to the nearest patient axes and never resampled, so what is
drawn is what was measured. For an oblique grid the plane is therefore the nearest one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.data.volume import Geometry

Array = NDArray[Any]

_COARSER = 1.5
"""How much coarser than along the body an axis must be for slices to be cut across it."""


@dataclass(frozen=True)
class Plane:
    """A plane of the patient and the side that each edge of its picture lies towards."""

    name: str
    axes: tuple[int, int, int]
    """Patient axis (0 left, 1 posterior, 2 superior) across slices, down rows, along columns."""
    rows_mirrored: bool
    left: str
    right: str
    top: str
    bottom: str


AXIAL = Plane("axial", (2, 1, 0), False, "R", "L", "A", "P")
CORONAL = Plane("coronal", (1, 2, 0), True, "R", "L", "S", "I")
SAGITTAL = Plane("sagittal", (0, 2, 1), True, "A", "P", "S", "I")


@dataclass(frozen=True)
class View:
    """How to get from a grid (I, J, K) to slices (slice, row, column) of a plane.

    Attributes
    ----------
    plane : Plane
    voxel_axes : (int, int, int)
        Grid axis behind slice, row and column.
    mirrored : (bool, bool, bool)
        Whether that axis runs backwards.
    shape : (int, int, int)
        Slices, rows, columns.
    spacing_mm : (float, float, float)
        Along slice, row and column.
    pixel_area_mm2 : float
    """

    plane: Plane
    voxel_axes: tuple[int, int, int]
    mirrored: tuple[bool, bool, bool]
    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    pixel_area_mm2: float

    def slices(self, values: Array) -> Array:
        """The grid's values as (slice, row, column), without a copy."""
        turned = values.transpose(self.voxel_axes)
        step = tuple(slice(None, None, -1 if m else 1) for m in self.mirrored)
        view: Array = turned[step]
        return view

    def box(
        self, start_ijk: tuple[int, int, int], stop_ijk: tuple[int, int, int]
    ) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
        """A box of the grid as (first, one past last) along slice, row and column."""
        spans = []
        for axis, mirrored, n in zip(self.voxel_axes, self.mirrored, self.shape, strict=True):
            first, past = start_ijk[axis], stop_ijk[axis]
            spans.append((n - past, n - first) if mirrored else (first, past))
        return spans[0], spans[1], spans[2]


@dataclass(frozen=True)
class Crop:
    """A part of a slice and the picture it fills.

    Rows ``r0`` to ``r1`` and columns ``c0`` to ``c1`` (one past the last) fill ``height_px`` by
    ``width_px``; pixels are square in mm up to rounding.
    """

    r0: int
    r1: int
    c0: int
    c1: int
    width_px: int
    height_px: int

    @property
    def scale(self) -> tuple[float, float]:
        """Picture pixels for one column and one row."""
        return self.width_px / (self.c1 - self.c0), self.height_px / (self.r1 - self.r0)

    def place(self, row: float, column: float) -> tuple[float, float]:
        """Picture coordinates (x, y) of a position given in voxel centres."""
        sx, sy = self.scale
        return (column - self.c0 + 0.5) * sx, (row - self.r0 + 0.5) * sy


def view_of(geometry: Geometry) -> View:
    """The view in which this grid is best looked at.

    Axial in radiological convention (the patient's right on the viewer's left, anterior up),
    unless the grid was clearly acquired in another plane: a single slice, or slices more than
    half again as thick as its voxels are tall.
    """
    affine = np.asarray(geometry.affine_lps_mm, dtype=float)[:3, :3]
    spacing = geometry.spacing_mm
    cosines = affine / np.array(spacing)
    grid_axis = max(
        permutations(range(3)), key=lambda p: sum(abs(cosines[a, p[a]]) for a in range(3))
    )
    plane = _plane(
        [geometry.shape[g] for g in grid_axis],
        [spacing[g] for g in grid_axis],
    )
    axes = [grid_axis[a] for a in plane.axes]
    backwards = [bool(cosines[a, grid_axis[a]] < 0) for a in plane.axes]
    if plane.rows_mirrored:
        backwards[1] = not backwards[1]
    return View(
        plane=plane,
        voxel_axes=(axes[0], axes[1], axes[2]),
        mirrored=(backwards[0], backwards[1], backwards[2]),
        shape=(geometry.shape[axes[0]], geometry.shape[axes[1]], geometry.shape[axes[2]]),
        spacing_mm=(spacing[axes[0]], spacing[axes[1]], spacing[axes[2]]),
        pixel_area_mm2=float(np.linalg.norm(np.cross(affine[:, axes[1]], affine[:, axes[2]]))),
    )


def crop_around(
    view: View, rows: tuple[int, int], columns: tuple[int, int], at_least_mm: float, side_px: int
) -> Crop:
    """A square of at least this size around a span of rows and columns, kept inside the slice.

    Where the slice is smaller than the square, all of it is taken along that axis.
    """
    _, row_mm, column_mm = view.spacing_mm
    tall, wide = (rows[1] - rows[0]) * row_mm, (columns[1] - columns[0]) * column_mm
    side_mm = max(at_least_mm, tall, wide)
    r0, r1 = _inside(rows, side_mm / row_mm, view.shape[1])
    c0, c1 = _inside(columns, side_mm / column_mm, view.shape[2])
    height_mm, width_mm = (r1 - r0) * row_mm, (c1 - c0) * column_mm
    px_per_mm = side_px / max(height_mm, width_mm)
    return Crop(
        r0,
        r1,
        c0,
        c1,
        width_px=max(1, round(width_mm * px_per_mm)),
        height_px=max(1, round(height_mm * px_per_mm)),
    )


def whole_slice(view: View, side_px: int) -> Crop:
    """All of a slice."""
    return crop_around(view, (0, view.shape[1]), (0, view.shape[2]), 0.0, side_px)


def contour_path(labels: Array, crop: Crop) -> str:
    """Outlines of every label value in a slice, as an SVG path in picture coordinates.

    Parameters
    ----------
    labels : (R, C) integer array
        0 is background; each other value is outlined by itself.
    crop : Crop

    Returns
    -------
    str
        Closed outlines halfway between the voxel centres inside and outside (marching squares
        at 1/2), to a tenth of a picture pixel; empty where there is no label.
    """
    from contourpy import LineType, contour_generator

    # two voxels beyond the crop: an outline closed off there is out of sight
    top, left = max(crop.r0 - 2, 0), max(crop.c0 - 2, 0)
    part = np.pad(labels[top : crop.r1 + 2, left : crop.c1 + 2], 1)
    paths = []
    for value in np.unique(part):
        if value == 0:
            continue
        mask = (part == value).astype(np.float64)
        lines: Any = contour_generator(z=mask, line_type=LineType.Separate).lines(0.5)
        for line in lines:
            points = _corners(np.asarray(line))
            placed = [crop.place(y - 1 + top, x - 1 + left) for x, y in points[:-1]]
            paths.append("M" + "L".join(f"{_short(x)} {_short(y)}" for x, y in placed) + "Z")
    return "".join(paths)


def _plane(shape_lps: list[int], spacing_lps_mm: list[float]) -> Plane:
    by_axis = {0: SAGITTAL, 1: CORONAL, 2: AXIAL}
    single = [a for a in (2, 1, 0) if shape_lps[a] == 1]
    if single:
        return by_axis[single[0]]
    coarsest = max(range(3), key=lambda a: spacing_lps_mm[a])
    if spacing_lps_mm[coarsest] > _COARSER * spacing_lps_mm[2]:
        return by_axis[coarsest]
    return AXIAL


def _inside(span: tuple[int, int], wanted: float, n: int) -> tuple[int, int]:
    """A span of about ``wanted`` voxels around another, moved so that it lies in 0 to n."""
    length = min(n, max(1, int(np.ceil(wanted))))
    start = int(np.floor((span[0] + span[1] - length) / 2))
    start = min(max(start, 0), n - length)
    return start, start + length


def _corners(line: Array) -> Array:
    """A closed line without the points that lie on the straight between their neighbours."""
    ring = line[:-1]
    before, after = ring - np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0) - ring
    turns = np.abs(before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]) > 1e-9
    kept = ring[turns] if turns.sum() >= 3 else ring
    return np.vstack([kept, kept[:1]])


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
