"""Branching trees (vessels, airways) that fill an organ, and their share of each voxel."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def grow_tree(
    rng: np.random.Generator,
    root_mm: Array,
    tips_mm: Array,
    tip_radius_mm: float,
    exponent: float = 2.7,
) -> Array:
    """A binary tree from a root to given tips.

    From each node a branch runs some way towards the centroid of the tips it has to serve, then
    divides them in two across their longest direction. Radii follow Murray's law in the form
    ``r_parent^e = r_a^e + r_b^e``.

    Parameters
    ----------
    root_mm : (3,) array
    tips_mm : (n, 3) array
    tip_radius_mm : float
    exponent : float
        e above; 2.7 is usual for the pulmonary arteries.

    Returns
    -------
    (m, 7) float64
        Start, end and radius, in mm, of each branch.
    """
    branches: list[Array] = []
    stack = [(np.asarray(root_mm, dtype=np.float64), np.asarray(tips_mm, dtype=np.float64))]
    while stack:
        start, tips = stack.pop()
        n = len(tips)
        if n == 0:
            continue
        radius = tip_radius_mm * n ** (1 / exponent)
        if n == 1:
            branches.append(np.concatenate([start, tips[0], [radius]]))
            continue
        centroid = tips.mean(axis=0)
        way = centroid - start
        end = start + rng.uniform(0.3, 0.5) * way
        end += rng.normal(0, 0.08 * np.linalg.norm(way), 3)
        branches.append(np.concatenate([start, end, [radius]]))
        spread = tips - centroid
        axis = np.linalg.eigh(spread.T @ spread)[1][:, 2]
        along = spread @ axis
        # the element itself, not np.quantile, which took half of the time of a whole tree
        first = along < np.partition(along, cut := int(n * rng.uniform(0.3, 0.7)))[cut]
        if first.all() or not first.any():
            first = np.arange(n) < n // 2
        stack.append((end, tips[first]))
        stack.append((end, tips[~first]))
    return np.array(branches).reshape(-1, 7)


def tree_share(
    branches: Array,
    first_centre_mm: Array,
    spacing_mm: tuple[float, float, float],
    shape: tuple[int, int, int],
    wall_mm: float = 0.0,
) -> Array:
    """(x, y, z) float32: share of each voxel in [0, 1] inside any branch, ``wall_mm`` thicker."""
    share = np.zeros(shape, dtype=np.float32)
    _draw(
        share, np.ascontiguousarray(branches), np.asarray(first_centre_mm, dtype=np.float64),
        np.asarray(spacing_mm, dtype=np.float64), wall_mm,
    )  # fmt: skip
    return share


@numba.njit(cache=True)
def _draw(share, branches, first, spacing, wall):  # type: ignore[no-untyped-def]
    edge = 0.4  # mm over which a branch fades out, half the distance between samples
    samples = np.array([2, 2, 3])
    low, high = np.empty(3, np.int64), np.empty(3, np.int64)
    for n in range(branches.shape[0]):
        p, q, radius = branches[n, 0:3], branches[n, 3:6], branches[n, 6] + wall
        for a in range(3):
            least, most = min(p[a], q[a]) - radius - edge, max(p[a], q[a]) + radius + edge
            low[a] = max(0, int(np.ceil((least - first[a]) / spacing[a] - 0.5)))
            high[a] = min(share.shape[a] - 1, int(np.floor((most - first[a]) / spacing[a] + 0.5)))
        dx, dy, dz = q[0] - p[0], q[1] - p[1], q[2] - p[2]
        squared = max(dx * dx + dy * dy + dz * dz, 1e-12)
        for i in range(low[0], high[0] + 1):
            for j in range(low[1], high[1] + 1):
                for k in range(low[2], high[2] + 1):
                    total = 0.0
                    for a in range(samples[0]):
                        x = first[0] + (i + (a + 0.5) / samples[0] - 0.5) * spacing[0] - p[0]
                        for b in range(samples[1]):
                            y = first[1] + (j + (b + 0.5) / samples[1] - 0.5) * spacing[1] - p[1]
                            for c in range(samples[2]):
                                z = (
                                    first[2]
                                    + (k + (c + 0.5) / samples[2] - 0.5) * spacing[2]
                                    - p[2]
                                )
                                t = min(1.0, max(0.0, (x * dx + y * dy + z * dz) / squared))
                                ex, ey, ez = x - t * dx, y - t * dy, z - t * dz
                                d = np.sqrt(ex * ex + ey * ey + ez * ez)
                                total += min(1.0, max(0.0, 0.5 + (radius - d) / (2 * edge)))
                    part = total / (samples[0] * samples[1] * samples[2])
                    share[i, j, k] = max(share[i, j, k], part)
