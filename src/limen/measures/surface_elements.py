"""Surface as patches between voxels, weighed by area: the convention of ``surface-distance``.

Nikolov et al., "Clinically applicable segmentation of head and neck anatomy", J Med Internet
Res 2021. An element lies at a corner of the voxel grid where the 2 x 2 x 2 voxels around it are
not all alike; its area is that of the marching-cubes triangles (Lorensen and Cline 1987) in that
cell. The cells fall into 14 classes under mirroring, exchange of axes and of inside and outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import permutations, product

import numpy as np

from limen.measures.grid import Array
from limen.measures.runs import Runs

_TRIANGLES: dict[int, list[tuple[int, int, int]]] = {
    0b00000000: [],
    0b00000001: [(1, 1, 1)],
    0b00000011: [(2, 2, 0)] * 2,
    0b00000110: [(1, 1, 1)] * 2,
    0b00000111: [(4, 0, 0), (2, 2, 2), (1, 1, 1)],
    0b00001111: [(4, 0, 0)] * 2,
    0b00010110: [(1, 1, 1)] * 3,
    0b00010111: [(1, 1, 1)] * 2 + [(2, 2, 2)] * 2,
    0b00011000: [(1, 1, 1)] * 2,
    0b00011001: [(0, 2, 2)] * 2 + [(1, 1, 1)],
    0b00011011: [(1, 1, 1), (3, 3, 3), (0, 2, 2), (2, 0, 2)],
    0b00011110: [(4, 0, 0), (2, 2, 2)] + [(1, 1, 1)] * 2,
    0b00111100: [(2, 2, 0)] * 4,
    0b01101001: [(1, 1, 1)] * 4,
}
"""Area vectors, in eighths of the cell's faces, of one cell of each class. The code of a cell
has a bit for each of its voxels; voxel (a, b, c) of it has bit 7 - 4 a - 2 b - c."""


def elements_of_each(
    masks: Sequence[Runs], spacing_mm: Array, flat_axes: tuple[bool, bool, bool]
) -> tuple[Array, Array, Array]:
    """Corners (N, 3) int32 of several masks one after the other, where each mask's begin, and
    the weights; see :func:`surface_elements`."""
    found = [surface_elements(mask, spacing_mm, flat_axes) for mask in masks]
    corners = np.concatenate([corners for corners, _ in found]).astype(np.int32)
    first = np.cumsum([0, *(len(corners) for corners, _ in found)])
    return corners, first, np.concatenate([weights for _, weights in found])


def surface_elements(
    runs: Runs, spacing_mm: Array, flat_axes: tuple[bool, bool, bool]
) -> tuple[Array, Array]:
    """Elements of a mask's surface.

    Parameters
    ----------
    runs : Runs
        Of the mask; there must be one.
    spacing_mm : (3,) array
        Of the grid; on a sheared grid the areas are those of the unsheared one.
    flat_axes : (bool, bool, bool)
        With one flat axis the elements are pieces of contour and weigh their length in mm.

    Returns
    -------
    corners : (N, 3) int64
        Corner n lies half a voxel before voxel n along each axis that is not flat.
    weights : (N,) float64
        mm2, or mm.
    """
    low, high = runs.box()
    free = [axis for axis in range(3) if not flat_axes[axis]]
    mask = np.pad(runs.mask(low, high), [(0, 0) if f else (1, 1) for f in flat_axes])
    shape = [n if f else n - 1 for n, f in zip(mask.shape, flat_axes, strict=True)]
    code = np.zeros(shape, np.uint8)
    for place in product((0, 1), repeat=len(free)):
        shift = np.zeros(3, int)
        shift[free] = place
        window = tuple(slice(s, s + n) for s, n in zip(shift, shape, strict=True))
        code = (code << 1) | mask[window]
    everything = (1 << 2 ** len(free)) - 1
    corners = np.argwhere((code != 0) & (code != everything))
    found = code[tuple(corners.T)]
    if len(free) == 3:
        faces = np.prod(spacing_mm) / np.asarray(spacing_mm)
        table = np.linalg.norm(_area_vectors() * faces, axis=2).sum(axis=1)
    elif len(free) == 2:
        table = _lengths(*(float(spacing_mm[axis]) for axis in free))
    else:
        table = np.ones(everything + 1)
    return corners + low, table[found]


@cache
def _area_vectors() -> Array:
    """(256, 4, 3): the area vectors of every cell, in fractions of the cell's faces."""
    vectors = np.zeros((256, 4, 3))
    places = list(product((0, 1), repeat=3))
    for base, triangles in _TRIANGLES.items():
        inside = [p for n, p in enumerate(places) if base >> (7 - n) & 1]
        for axes in permutations(range(3)):
            here = np.zeros((4, 3))
            for n, vector in enumerate(triangles):
                here[n] = [vector[axis] / 8 for axis in axes]
            for flips in product((0, 1), repeat=3):
                moved = {tuple(p[axis] ^ flip for axis, flip in zip(axes, flips, strict=True))
                         for p in inside}  # fmt: skip
                code = sum(1 << (7 - n) for n, p in enumerate(places) if p in moved)
                vectors[code] = vectors[255 - code] = here
    return vectors


def _lengths(first_mm: float, second_mm: float) -> Array:
    """(16,): length of contour in a cell of 2 x 2 pixels, by its code."""
    corner = np.hypot(first_mm, second_mm) / 2
    table = np.full(16, corner)
    table[[0b0000, 0b1111]] = 0.0
    table[[0b0011, 0b1100]] = second_mm
    table[[0b0101, 0b1010]] = first_mm
    table[[0b0110, 0b1001]] = 2 * corner
    return table
