"""The largest extent of a lesion in any one slice: RECIST's long axis, measured by machine."""

from __future__ import annotations

import numba
import numpy as np

from limen.measures.grid import Array
from limen.measures.runs import Runs


def long_axes_mm(runs: Runs, first: Array, order: tuple[int, int, int], affine_mm: Array) -> Array:
    """Largest in-plane extent in mm of each lesion; see :class:`limen.measures.Lesion`.

    Parameters
    ----------
    runs : Runs
        Of all lesions, one lesion after the other.
    first : (N + 1,) int64 array
        Where the runs of each lesion begin, and the end of the last; none is empty.
    order : (int, int, int)
        Which axis of the image each axis of the runs is: (0, 1, 2) or (2, 1, 0). A slice is
        spanned by the image's axes 0 and 1.
    affine_mm : (4, 4) array
        Of the image.

    Returns
    -------
    (N,) float64
    """
    u, v = (np.ascontiguousarray(affine_mm[:3, axis]) for axis in (0, 1))
    metric = np.array([u @ u, u @ v, v @ v])
    axes: Array = _long_axes(
        runs.row, runs.start, runs.stop, first, runs.shape[1], order == (2, 1, 0), metric
    )
    return axes


@numba.njit(cache=True, nogil=True)
def _long_axes(row, start, stop, first, rows, slices_first, metric):  # type: ignore[no-untyped-def]
    out = np.empty(first.size - 1)
    for lesion in range(out.size):
        begin, end = first[lesion], first[lesion + 1]
        low_a, low_c = row[begin] // rows, start[begin]
        high_a, high_c = low_a, stop[begin]
        for n in range(begin, end):
            low_a, high_a = min(low_a, row[n] // rows), max(high_a, row[n] // rows)
            low_c, high_c = min(low_c, start[n]), max(high_c, stop[n])
        n_a, n_c = high_a - low_a + 1, high_c - low_c
        shape = (n_a, n_c) if slices_first else (n_c, n_a)
        # first and last voxel along the middle axis, for each slice and row (K, I)
        lowest, highest = np.full(shape, rows, np.int32), np.full(shape, -1, np.int32)
        for n in range(begin, end):
            a, j = row[n] // rows - low_a, row[n] % rows
            for c in range(start[n] - low_c, stop[n] - low_c):
                k, i = (a, c) if slices_first else (c, a)
                lowest[k, i] = min(lowest[k, i], j)
                highest[k, i] = max(highest[k, i], j)
        out[lesion] = _longest(lowest, highest, metric) / 2.0
    return out


@numba.njit(cache=True, nogil=True)
def _longest(first, last, metric):  # type: ignore[no-untyped-def]
    """Largest distance, in half mm, between outline points that lie halfway to the neighbours.

    In units of half voxels, at x = 2 i the outline runs at 2 first - 1 and 2 last + 1, at
    x = 2 i -+ 1 at 2 first and 2 last of the rows beside. Only corners of the convex hull can be
    farthest apart, and a hull stays one through any affine map.
    """
    width = 2 * first.shape[1] + 1
    below, above = np.empty(width, np.int64), np.empty(width, np.int64)
    xs, ys = np.empty(2 * width, np.int64), np.empty(2 * width, np.int64)
    best = 0.0
    for k in range(first.shape[0]):
        below[:] = np.iinfo(np.int64).max
        above[:] = -1
        for i in range(first.shape[1]):
            if last[k, i] < 0:
                continue
            low, high = 2 * np.int64(first[k, i]), 2 * np.int64(last[k, i])
            x = 2 * i + 1
            below[x], above[x] = min(below[x], low - 1), max(above[x], high + 1)
            for beside in (x - 1, x + 1):
                below[beside], above[beside] = min(below[beside], low), max(above[beside], high)
        corners = 0
        for side in (1, -1):
            begin = corners
            for x in range(width):
                if above[x] < 0:
                    continue
                y = below[x] if side == 1 else above[x]
                while corners - begin > 1:
                    turn = (xs[corners - 1] - xs[corners - 2]) * (y - ys[corners - 2]) - (
                        ys[corners - 1] - ys[corners - 2]
                    ) * (x - xs[corners - 2])
                    if turn * side > 0:
                        break
                    corners -= 1
                xs[corners], ys[corners] = x, y
                corners += 1
        for m in range(corners):
            for n in range(m):
                dx, dy = xs[m] - xs[n], ys[m] - ys[n]
                d = metric[0] * dx * dx + 2 * metric[1] * dx * dy + metric[2] * dy * dy
                best = max(best, d)
    return np.sqrt(best)
