"""Connected components of a label map, out of its runs."""

from __future__ import annotations

import numba
import numpy as np

from limen.measures.grid import Array
from limen.measures.runs import Runs


def components(runs: Runs) -> tuple[Array, int]:
    """Number of the component of each run, from 0 in order of first appearance; how many.

    Voxels of one value hang together when they share a face, an edge or a corner (26
    neighbours; in a single slice these are 8).
    """
    if not len(runs):
        return np.zeros(0, np.int64), 0
    parent = _joined(runs.row, runs.start, runs.stop, runs.value, runs.row_pointer(), runs.shape[1])
    is_first = parent == np.arange(len(parent))
    number: Array = (np.cumsum(is_first) - 1)[parent]
    return number, int(is_first.sum())


@numba.njit(cache=True, nogil=True)
def _root(parent, n):  # type: ignore[no-untyped-def]
    while parent[n] != n:
        parent[n] = parent[parent[n]]
        n = parent[n]
    return n


@numba.njit(cache=True, nogil=True)
def _joined(row, start, stop, value, pointer, rows):  # type: ignore[no-untyped-def]
    """For each run the first run of its component."""
    parent = np.arange(row.size)
    for n in range(row.size):
        # runs of one row may touch where their values differ, but not where they are one
        a, b = row[n] // rows, row[n] % rows
        for da, db in ((-1, -1), (-1, 0), (-1, 1), (0, -1)):
            if a + da < 0 or b + db < 0 or b + db >= rows:
                continue
            beside = row[n] + da * rows + db
            first, last = pointer[beside], pointer[beside + 1]
            # rows of noise have many runs: begin near, by bisection
            low, high = first, last
            while low < high:
                middle = (low + high) // 2
                if stop[middle] < start[n]:
                    low = middle + 1
                else:
                    high = middle
            m = low
            while m < last and start[m] <= stop[n]:
                if value[m] == value[n]:
                    one, other = _root(parent, n), _root(parent, m)
                    if one < other:
                        parent[other] = one
                    else:
                        parent[one] = other
                m += 1
    for n in range(row.size):
        parent[n] = _root(parent, n)
    return parent
