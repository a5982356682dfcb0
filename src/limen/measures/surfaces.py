"""The voxels that make the surface of a mask."""

from __future__ import annotations

import numba
import numpy as np

from limen.measures.grid import Array
from limen.measures.runs import Runs


def surface_voxels(runs: Runs, flat_axes: tuple[bool, bool, bool] | None = None) -> Array:
    """Indices (N, 3) int32 of the voxels of a mask that have a face neighbour outside it.

    This is the mask minus its erosion with face connectivity (6 neighbours). Beyond the grid
    counts as outside, so a mask that is cut by the border of the grid has surface there.

    Parameters
    ----------
    runs : Runs
        Of the mask; runs that touch count as one, whatever their values.
    flat_axes : (bool, bool, bool), optional
        Axes that have no neighbours to look at. Default: those along which the grid has a
        single voxel, so that a single slice has its outline as surface and not its whole area.
    """
    shape = runs.shape
    flat = flat_axes or (shape[0] == 1, shape[1] == 1, shape[2] == 1)
    if len(runs) == 0:
        return np.empty((0, 3), np.int32)
    one = Runs(shape, runs.row, runs.start, runs.stop, np.ones(len(runs), np.int32)).joined()
    low, high = one.box()
    rows = (int(low[0]), int(high[0]))
    counts = np.bincount(one.row - rows[0] * shape[1], minlength=(rows[1] - rows[0]) * shape[1])
    pointer = np.concatenate([[0], np.cumsum(counts)])
    voxels: Array = _surface(
        one.row, one.start, one.stop, pointer, rows[0], rows[1], shape[1], shape[2], *flat
    )
    return voxels


@numba.njit(cache=True, nogil=True)
def _surface(  # type: ignore[no-untyped-def]
    row, start, stop, pointer, first, last, rows, columns, flat_a, flat_b, flat_c
):
    room = 4 * row.size + 64
    out = np.empty((room, 3), np.int32)
    found = 0
    inside = np.empty(columns, np.bool_)
    looked_at = ((-1, 0, flat_a), (1, 0, flat_a), (0, -1, flat_b), (0, 1, flat_b))
    for n in range(row.size):
        a, b = row[n] // rows, row[n] % rows
        begin, end = start[n], stop[n]
        # [low, high) is inside, if each neighbouring row has no more than one run here
        low = begin if flat_c else begin + 1
        high = end if flat_c else end - 1
        plain = True
        for da, db, flat in looked_at:
            if flat:
                continue
            covers, after = _runs_beside(
                a + da, b + db, begin, end, start, stop, pointer, first, last, rows
            )
            if after == covers:
                high = low  # nothing beside it
            elif after == covers + 1:
                low, high = max(low, start[covers]), min(high, stop[covers])
            else:
                plain = False
        if found + end - begin > room:
            room = 2 * room + end - begin
            wide = np.empty((room, 3), np.int32)
            wide[:found] = out[:found]
            out = wide
        if plain or low >= high:
            if low >= high:
                low = high = end
            for c in range(begin, low):
                out[found, 0], out[found, 1], out[found, 2] = a, b, c
                found += 1
            for c in range(high, end):
                out[found, 0], out[found, 1], out[found, 2] = a, b, c
                found += 1
            continue
        inside[begin:end] = False
        inside[low:high] = True
        for da, db, flat in looked_at:
            if flat:
                continue
            covers, after = _runs_beside(
                a + da, b + db, begin, end, start, stop, pointer, first, last, rows
            )
            at = begin
            for beside in range(covers, after):
                for c in range(at, start[beside]):
                    inside[c] = False
                at = stop[beside]
            for c in range(at, end):
                inside[c] = False
        for c in range(begin, end):
            if not inside[c]:
                out[found, 0], out[found, 1], out[found, 2] = a, b, c
                found += 1
    return out[:found].copy()


@numba.njit(cache=True, nogil=True, inline="always")
def _runs_beside(  # type: ignore[no-untyped-def]
    a, b, begin, end, start, stop, pointer, first, last, rows
):
    """First run of row (a, b) that reaches into [begin, end), and one past the last."""
    if a < first or a >= last or b < 0 or b >= rows:
        return 0, 0
    at = (a - first) * rows + b
    covers, stop_at = pointer[at], pointer[at + 1]
    while covers < stop_at and stop[covers] <= begin:
        covers += 1
    after = covers
    while after < stop_at and start[after] < end:
        after += 1
    return covers, after
