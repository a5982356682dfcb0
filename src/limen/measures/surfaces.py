"""The voxels that make the surface of a mask."""

from __future__ import annotations

from collections.abc import Sequence

import numba
import numpy as np

from limen.measures.grid import Array
from limen.measures.grid import flat_axes as flat_axes_of
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
    return surfaces([runs], flat_axes or flat_axes_of(runs.shape))[0]


def surfaces(masks: Sequence[Runs], flat_axes: tuple[bool, bool, bool]) -> tuple[Array, Array]:
    """The surface voxels of several masks of one grid, one after the other.

    Returns
    -------
    voxels : (N, 3) int32
    first : (len(masks) + 1,) int64
        Where those of each mask begin, and the end of the last.
    """
    row, start, stop = (
        np.concatenate([getattr(m, name) for m in masks]) for name in ("row", "start", "stop")
    )
    first_run = np.cumsum([0, *(len(m) for m in masks)])
    shape = masks[0].shape
    voxels, first = _surfaces(row, start, stop, first_run, shape[1], shape[2], *flat_axes)
    return voxels, first


@numba.njit(cache=True, nogil=True)
def _surfaces(row, start, stop, first_run, rows, columns, flat_a, flat_b, flat_c):  # type: ignore[no-untyped-def]
    out = np.empty((4 * row.size + 64, 3), np.int32)
    first = np.zeros(first_run.size, np.int64)
    inside = np.empty(columns, np.bool_)
    for n in range(first_run.size - 1):
        begin, end = first_run[n], first_run[n + 1]
        found = first[n]
        if begin < end:
            own_row, own_start, own_stop = _joined(
                row[begin:end], start[begin:end], stop[begin:end]
            )
            low, high = np.int64(own_row[0]) // rows, np.int64(own_row[-1]) // rows + 1
            pointer = np.zeros((high - low) * rows + 1, np.int64)
            for r in own_row:
                pointer[r - low * rows + 1] += 1
            for r in range(pointer.size - 1):
                pointer[r + 1] += pointer[r]
            out, found = _surface(
                own_row, own_start, own_stop, pointer, low, high, rows, flat_a, flat_b, flat_c,
                inside, out, found,
            )  # fmt: skip
        first[n + 1] = found
    return out[: first[-1]].copy(), first


@numba.njit(cache=True, nogil=True)
def _joined(row, start, stop):  # type: ignore[no-untyped-def]
    """Runs of one row that touch made one."""
    own_row, own_start, own_stop = row.copy(), start.copy(), stop.copy()
    kept = 0
    for n in range(1, row.size):
        if row[n] == own_row[kept] and start[n] == own_stop[kept]:
            own_stop[kept] = stop[n]
            continue
        kept += 1
        own_row[kept], own_start[kept], own_stop[kept] = row[n], start[n], stop[n]
    return own_row[: kept + 1], own_start[: kept + 1], own_stop[: kept + 1]


@numba.njit(cache=True, nogil=True)
def _surface(  # type: ignore[no-untyped-def]
    row, start, stop, pointer, first, last, rows, flat_a, flat_b, flat_c, inside, out, found
):
    """Write the surface of one mask into ``out`` from ``found`` on; what ``out`` then is."""
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
        if found + end - begin > out.shape[0]:
            wide = np.empty((2 * out.shape[0] + end - begin, 3), np.int32)
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
    return out, found


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
