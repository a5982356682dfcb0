"""Outlines of a width in mm, and how much of two of them is shared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from limen.measures.grid import Array
from limen.measures.nearest import Lattice, lattice_of, nearest_mm
from limen.measures.runs import Runs
from limen.measures.surfaces import surface_voxels

_SLACK_MM = 1e-9


def outline_ious(
    prediction: Runs,
    reference: Runs,
    axes_mm: Array,
    order: tuple[int, int, int],
    flat_axes: tuple[bool, bool, bool],
    widths_mm: Sequence[float],
) -> dict[float, float]:
    """IoU of the outlines of two masks at each width; neither mask may be empty.

    The outline of a mask are its voxels with a face neighbour outside, and those of its voxels
    whose centre lies no further from the centre of one of them than the width: with 0 the first
    alone, with a width over its depth the whole mask, so that it is the IoU.

    Notes
    -----
    Cheng, Girshick, Dollar, Berg and Kirillov, "Boundary IoU", CVPR 2021, who take pixels within
    a distance of the contour; here it is in mm, so the same on any grid.
    """
    boxes = prediction.box(), reference.box()
    low = np.minimum(boxes[0][0], boxes[1][0])
    high = np.maximum(boxes[0][1], boxes[1][1])
    lattice = lattice_of(axes_mm, order, flat_axes)
    widths = np.unique(np.asarray(widths_mm, float))
    levels = [
        _levels(mask, low, high, lattice, flat_axes, widths) for mask in (prediction, reference)
    ]
    found = {}
    for at, width in enumerate(widths):
        p, r = (level <= at for level in levels)
        found[float(width)] = float(np.count_nonzero(p & r) / np.count_nonzero(p | r))
    return found


def _levels(
    mask: Runs,
    low: Array,
    high: Array,
    lattice: Lattice,
    flat_axes: tuple[bool, bool, bool],
    widths_mm: Array,
) -> Array:
    """For each voxel of a box the narrowest of the outlines it is in, by its place among the
    widths; 255 in none."""
    surface = surface_voxels(mask, flat_axes)
    inside = mask.mask(low, high)
    voxels = np.argwhere(inside).astype(np.int32) + low.astype(np.int32)
    depth_mm = nearest_mm(
        lattice, voxels, np.array([0, len(voxels)]), surface, np.array([0, len(surface)])
    )
    level = np.full(inside.shape, 255, np.uint8)
    level[inside] = np.searchsorted(widths_mm, depth_mm - _SLACK_MM)
    return level
