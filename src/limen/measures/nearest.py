"""Distance in mm from voxels to the nearest of other voxels, exact on any grid."""

from __future__ import annotations

from functools import lru_cache

import numba
import numpy as np

from limen.measures.grid import Array

_OFFSETS = 400
_LARGEST_MAP = 50_000_000
_CELLS_A_POINT = 4000
_LEAF = 8
_DEPTH = 64


class Lattice:
    """The places voxels can have to each other, nearest first.

    Parameters
    ----------
    axes_mm : (3, 3) array
        Steps of the axes of the image, as columns, in mm.
    order : (int, int, int)
        Which axis of the image each axis of the voxels' indices is. Distances are summed along
        the axes of the image, so the memory order does not change their last digit.
    flat : (bool, bool, bool)
        Axes of the indices along which there is a single voxel.
    """

    def __init__(
        self, axes_mm: Array, order: tuple[int, int, int], flat: tuple[bool, bool, bool]
    ) -> None:
        # The triangular factor keeps all distances, and of a grid that is only turned it is
        # the spacing alone, so a turned patient gets the same numbers to the last digit.
        own = np.abs(axes_mm) if _is_diagonal(axes_mm) else np.linalg.qr(axes_mm).R
        self.image_axes_mm: Array = np.ascontiguousarray(own, dtype=float)
        """(3, 3): steps of the image's axes, up to a turn of the patient."""
        self.to_image: Array = np.argsort(order)
        turned = self.image_axes_mm[:, list(order)]
        self.spacing_mm = np.linalg.norm(turned, axis=0)
        gap = 1.0 / np.linalg.norm(np.linalg.inv(turned), axis=1)
        free = np.flatnonzero(~np.array(flat))
        radius = 0.0
        reach = np.zeros(3, int)
        if free.size:
            ball = {1: 2.0, 2: np.pi, 3: 4 * np.pi / 3}[int(free.size)]
            size = float(np.prod(self.spacing_mm[free]))
            radius = (_OFFSETS * size / ball) ** (1 / free.size)
            reach[free] = np.ceil(radius / gap[free]).astype(int)
            while np.prod(2 * reach + 1) > 40 * _OFFSETS:  # very long and thin voxels
                radius /= 1.5
                reach[free] = np.ceil(radius / gap[free]).astype(int)
        steps = np.stack(
            np.meshgrid(*[np.arange(-n, n + 1) for n in reach], indexing="ij"), axis=-1
        ).reshape(-1, 3)
        far = np.linalg.norm(_at_mm(steps, self.image_axes_mm, self.to_image), axis=1)
        near = np.flatnonzero(far <= radius)
        near = near[np.argsort(far[near], kind="stable")]
        self.steps = steps[near]
        """(K, 3): every step that is no longer than the last."""
        self.step_mm = far[near]
        self.reach: Array = np.abs(self.steps).max(axis=0)


def lattice_of(
    axes_mm: Array, order: tuple[int, int, int], flat: tuple[bool, bool, bool]
) -> Lattice:
    """The lattice of a grid; those of the last few grids are kept."""
    return _lattice(tuple(float(x) for x in np.ravel(axes_mm)), order, flat)


@lru_cache(maxsize=16)
def _lattice(
    axes_mm: tuple[float, ...], order: tuple[int, int, int], flat: tuple[bool, bool, bool]
) -> Lattice:
    return Lattice(np.array(axes_mm).reshape(3, 3), order, flat)


def _is_diagonal(axes_mm: Array) -> bool:
    return bool((axes_mm[~np.eye(3, dtype=bool)] == 0).all())


def nearest_mm(
    lattice: Lattice, asked: Array, asked_first: Array, there: Array, there_first: Array
) -> Array:
    """Distance in mm of voxels to the nearest of others, of several sets of them one by one.

    Close by (as surfaces of a good segmentation are) a list of steps, shortest first, is tried
    on a map of the voxels. Whatever is farther is searched in a tree of boxes over the points
    in Morton order: neighbours in that order are neighbours in space, and the answer for one
    point bounds the search for the next from above, so a query visits few boxes however far
    its answer lies. Both are exact on any grid.

    Parameters
    ----------
    lattice : Lattice
    asked, there : (M, 3), (N, 3) int32 array
        Voxels of all sets, one set after the other.
    asked_first, there_first : (S + 1,) int64 array
        Where each set begins, and the end of the last. No set of ``there`` is empty.

    Returns
    -------
    (M,) float64
    """
    out = np.empty(len(asked))
    _nearest_each(
        asked, asked_first, there, there_first, lattice.steps, lattice.step_mm, lattice.reach,
        lattice.image_axes_mm, lattice.to_image, out,
    )  # fmt: skip
    return out


@numba.njit(cache=True, nogil=True)
def _nearest_each(  # type: ignore[no-untyped-def]
    asked, asked_first, there, there_first, steps, step_mm, reach, axes_mm, to_image, out
):
    for n in range(asked_first.size - 1):
        a, b = asked_first[n], asked_first[n + 1]
        _nearest(
            asked[a:b], there[there_first[n] : there_first[n + 1]], steps, step_mm, reach,
            axes_mm, to_image, out[a:b],
        )  # fmt: skip


@numba.njit(cache=True, nogil=True)
def _nearest(asked, there, steps, step_mm, reach, axes_mm, to_image, out):  # type: ignore[no-untyped-def]
    out[:] = -1.0
    low, high = there[0].astype(np.int64), there[0].astype(np.int64)
    for n in range(there.shape[0]):
        for d in range(3):
            low[d] = min(low[d], there[n, d])
            high[d] = max(high[d], there[n, d])
    low -= 2 * reach
    shape = high + 2 * reach + 1 - low
    cells = shape[0] * shape[1] * shape[2]
    # a few voxels far apart are not worth a map of all between them
    if cells <= min(_LARGEST_MAP, _CELLS_A_POINT * (asked.shape[0] + there.shape[0])):
        chart = np.zeros(cells, np.uint8)
        for n in range(there.shape[0]):
            a, b, c = there[n, 0] - low[0], there[n, 1] - low[1], there[n, 2] - low[2]
            chart[(a * shape[1] + b) * shape[2] + c] = 1
        jump = np.empty(step_mm.size, np.int64)
        for s in range(step_mm.size):
            jump[s] = (steps[s, 0] * shape[1] + steps[s, 1]) * shape[2] + steps[s, 2]
        _try_steps(asked, low, shape, reach, chart, jump, step_mm, out)
    far = np.flatnonzero(out < 0)
    if far.size:
        at = _at_mm(there, axes_mm, to_image)
        at = at[_morton_order(at)]
        boxes, first = _build(at)
        found = np.empty(far.size)
        _query(_at_mm(asked[far], axes_mm, to_image), at, boxes, first, found)
        out[far] = found


@numba.njit(cache=True, nogil=True)
def _at_mm(voxels, axes_mm, to_image):  # type: ignore[no-untyped-def]
    at = np.empty((voxels.shape[0], 3))
    for n in range(voxels.shape[0]):
        i, j, k = voxels[n, to_image[0]], voxels[n, to_image[1]], voxels[n, to_image[2]]
        for d in range(3):
            at[n, d] = i * axes_mm[d, 0] + j * axes_mm[d, 1] + k * axes_mm[d, 2]
    return at


@numba.njit(cache=True, nogil=True)
def _try_steps(asked, low, shape, reach, chart, jump, step_mm, out):  # type: ignore[no-untyped-def]
    for n in range(asked.shape[0]):
        a, b, c = asked[n, 0] - low[0], asked[n, 1] - low[1], asked[n, 2] - low[2]
        if (
            a < reach[0] or b < reach[1] or c < reach[2]
            or a >= shape[0] - reach[0] or b >= shape[1] - reach[1] or c >= shape[2] - reach[2]
        ):  # fmt: skip
            continue  # farther than any step from all of them
        at = (a * shape[1] + b) * shape[2] + c
        for s in range(jump.size):
            if chart[at + jump[s]]:
                out[n] = step_mm[s]
                break


@numba.njit(cache=True, nogil=True)
def _spread(x):  # type: ignore[no-untyped-def]
    """Ten bits with two zeros between each."""
    x = np.uint32(x)
    x = (x | (x << np.uint32(16))) & np.uint32(0x030000FF)
    x = (x | (x << np.uint32(8))) & np.uint32(0x0300F00F)
    x = (x | (x << np.uint32(4))) & np.uint32(0x030C30C3)
    return (x | (x << np.uint32(2))) & np.uint32(0x09249249)


@numba.njit(cache=True, nogil=True)
def _morton_order(at):  # type: ignore[no-untyped-def]
    n = at.shape[0]
    low = at[0].copy()
    high = at[0].copy()
    for i in range(n):
        for d in range(3):
            low[d] = min(low[d], at[i, d])
            high[d] = max(high[d], at[i, d])
    extent = max(high[0] - low[0], high[1] - low[1], high[2] - low[2])
    scale = 1023.0 / extent if extent > 0 else 0.0
    key = np.empty(n, np.uint32)
    for i in range(n):
        key[i] = (
            _spread(np.uint32((at[i, 0] - low[0]) * scale))
            | (_spread(np.uint32((at[i, 1] - low[1]) * scale)) << np.uint32(1))
            | (_spread(np.uint32((at[i, 2] - low[2]) * scale)) << np.uint32(2))
        )
    # radix sort, ten bits at a time
    order = np.arange(n)
    spare = np.empty(n, np.int64)
    for shift in (np.uint32(0), np.uint32(10), np.uint32(20)):
        place = np.zeros(1025, np.int64)
        for i in range(n):
            place[np.int64((key[i] >> shift) & np.uint32(1023)) + 1] += 1
        for i in range(1024):
            place[i + 1] += place[i]
        for i in range(n):
            digit = np.int64((key[order[i]] >> shift) & np.uint32(1023))
            spare[place[digit]] = order[i]
            place[digit] += 1
        order, spare = spare, order
    return order


@numba.njit(cache=True, nogil=True)
def _build(at):  # type: ignore[no-untyped-def]
    """Boxes of the tree's nodes, level by level from the leaves, and where each level begins."""
    first = np.zeros(_DEPTH, np.int64)
    levels, width = 1, (at.shape[0] + _LEAF - 1) // _LEAF
    first[1] = width
    while width > 1:
        width = (width + 1) // 2
        levels += 1
        first[levels] = first[levels - 1] + width
    first = first[: levels + 1].copy()
    boxes = np.empty((first[levels], 6))
    for node in range(first[1]):
        begin, end = node * _LEAF, min(node * _LEAF + _LEAF, at.shape[0])
        for d in range(3):
            low = high = at[begin, d]
            for i in range(begin + 1, end):
                low, high = min(low, at[i, d]), max(high, at[i, d])
            boxes[node, d], boxes[node, 3 + d] = low, high
    for level in range(1, first.size - 1):
        under, width = first[level - 1], first[level] - first[level - 1]
        for node in range(first[level + 1] - first[level]):
            left = under + 2 * node
            right = left + 1 if 2 * node + 1 < width else left
            for d in range(3):
                boxes[first[level] + node, d] = min(boxes[left, d], boxes[right, d])
                boxes[first[level] + node, 3 + d] = max(boxes[left, 3 + d], boxes[right, 3 + d])
    return boxes, first


@numba.njit(cache=True, nogil=True, inline="always")
def _outside(box, x, y, z):  # type: ignore[no-untyped-def]
    """Squared distance of a point to a box."""
    dx = max(box[0] - x, x - box[3], 0.0)
    dy = max(box[1] - y, y - box[4], 0.0)
    dz = max(box[2] - z, z - box[5], 0.0)
    return dx * dx + dy * dy + dz * dz


@numba.njit(cache=True, nogil=True)
def _query(asked, others, boxes, first, out):  # type: ignore[no-untyped-def]
    levels = first.size - 1
    stack_level = np.empty(_DEPTH, np.int64)
    stack_node = np.empty(_DEPTH, np.int64)
    stack_far = np.empty(_DEPTH, np.float64)
    near = 0
    for q in range(asked.shape[0]):
        x, y, z = asked[q, 0], asked[q, 1], asked[q, 2]
        # the neighbour's answer is a good guess
        dx, dy, dz = others[near, 0] - x, others[near, 1] - y, others[near, 2] - z
        best = dx * dx + dy * dy + dz * dz
        top = 0
        stack_level[0], stack_node[0] = levels - 1, 0
        stack_far[0] = _outside(boxes[first[levels - 1]], x, y, z)
        while top >= 0 and best > 0.0:
            level, node, far = stack_level[top], stack_node[top], stack_far[top]
            top -= 1
            if far >= best:
                continue
            while level > 0:
                level -= 1
                left = 2 * node
                base = first[level]
                far_left = _outside(boxes[base + left], x, y, z)
                far_right = np.inf
                if base + left + 1 < first[level + 1]:
                    far_right = _outside(boxes[base + left + 1], x, y, z)
                node = left
                closer, farther, other = far_left, far_right, left + 1
                if far_right < far_left:
                    node, other = left + 1, left
                    closer, farther = far_right, far_left
                if farther < best:
                    top += 1
                    stack_level[top], stack_node[top], stack_far[top] = level, other, farther
                if closer >= best:
                    level = -1
            if level == 0:
                for i in range(node * _LEAF, min(node * _LEAF + _LEAF, others.shape[0])):
                    dx, dy, dz = others[i, 0] - x, others[i, 1] - y, others[i, 2] - z
                    d = dx * dx + dy * dy + dz * dz
                    if d < best:
                        best, near = d, i
        out[q] = np.sqrt(best)
