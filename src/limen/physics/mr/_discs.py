"""The compiled loop of Poisson-disc masks."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def throw(order, distance, full):  # type: ignore[no-untyped-def]
    """Take points in ``order`` that are nowhere closer to a taken one than their distance."""
    ny, nx = distance.shape
    taken = full.copy()
    outside = np.zeros((ny, nx), np.bool_)
    for p in order:
        y, x = p // nx, p % nx
        if taken[y, x]:
            continue
        d = distance[y, x]
        reach = int(np.ceil(d))
        free = True
        for v in range(max(y - reach, 0), min(y + reach + 1, ny)):
            for u in range(max(x - reach, 0), min(x + reach + 1, nx)):
                near = (v - y) ** 2 + (u - x) ** 2 < d * d
                # the full square in the middle keeps no distance to what is around it
                if near and outside[v, u]:
                    free = False
        if free:
            taken[y, x] = True
            outside[y, x] = True
    return taken
