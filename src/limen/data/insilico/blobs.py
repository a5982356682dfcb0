"""Lobed solids of stated volume, and their share of each voxel: what lesions are drawn with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

IN_PLANE_SAMPLES, THROUGH_PLANE_SAMPLES = 4, 6


@dataclass(frozen=True, kw_only=True)
class Blob:
    """A star-shaped solid.

    The surface lies at ``radius * f(u)`` from the centre in direction u, with
    ``f(u) = scale (1 + sum_k height_k max(0, u . lobe_k)^3)`` and ``scale`` such that the volume
    is that of a sphere of ``diameter_mm``; without lobes it is that sphere.

    Attributes
    ----------
    centre_mm : (float, float, float)
        In the frame of the grid it is drawn on.
    diameter_mm : float
        Of the sphere of the same volume.
    core_fraction : float
        Diameter of the core over that of the whole; 0 when there is none.
    lobes : (n, 4) float64
        Unit direction and height of each lobe.
    """

    centre_mm: tuple[float, float, float]
    diameter_mm: float
    core_fraction: float
    lobes: Array

    @property
    def reach_mm(self) -> float:
        """Farthest distance of the surface from the centre, at most."""
        return self.diameter_mm / 2 * (1 + float(self.lobes[:, 3].sum()))


def draw_lobes(rng: np.random.Generator, height: tuple[float, float]) -> Array:
    """(n, 4) lobes of a blob: three to six random directions, heights between these."""
    n_lobes = int(rng.integers(3, 7))
    directions = rng.standard_normal((n_lobes, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return np.hstack([directions, rng.uniform(*height, (n_lobes, 1))])


@dataclass(frozen=True)
class Share:
    """How much of each voxel of a box a blob fills.

    Attributes
    ----------
    box : three slices
        Into the grid's (x, y, z) array.
    whole, core : (box) float32
        Share of the voxel in [0, 1] inside the blob and inside its core.
    """

    box: tuple[slice, slice, slice]
    whole: Array
    core: Array


def voxel_share(
    blob: Blob,
    first_centre_mm: Array,
    spacing_mm: tuple[float, float, float],
    shape: tuple[int, int, int],
    margin_mm: float = 0.0,
) -> Share:
    """Partial volume of a blob on a grid, by sampling each voxel at 4 x 4 x 6 points.

    Parameters
    ----------
    blob : Blob
        ``centre_mm`` in the frame of the grid.
    first_centre_mm : (3,) array
        Centre of voxel (0, 0, 0).
    spacing_mm, shape
        Of the grid along x, y, z.
    margin_mm : float
        Room left around the blob in the box.
    """
    spacing = np.asarray(spacing_mm, dtype=np.float64)
    first = np.asarray(first_centre_mm, dtype=np.float64)
    reach = blob.reach_mm + margin_mm + spacing
    centre = np.asarray(blob.centre_mm)
    low = np.maximum(np.floor((centre - reach - first) / spacing), 0).astype(int)
    high = np.minimum(np.ceil((centre + reach - first) / spacing) + 1, shape).astype(int)
    high = np.maximum(high, low)
    box = (slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2]))
    whole = np.zeros(tuple(high - low), dtype=np.float32)
    core = np.zeros_like(whole)
    radius = blob.diameter_mm / 2 * _volume_scale(blob.lobes)
    _fill(
        whole, core, first + low * spacing - centre, spacing, radius, blob.core_fraction,
        blob.lobes,
    )  # fmt: skip
    return Share(box, whole, core)


def _volume_scale(lobes: Array) -> float:
    """Factor that makes the mean of f^3 over all directions 1 (Fibonacci sphere, 4000 points)."""
    n = 4000
    z = 1 - 2 * (np.arange(n) + 0.5) / n
    turn = np.pi * (3 - np.sqrt(5)) * np.arange(n)
    ring = np.sqrt(1 - z * z)
    u = np.stack([ring * np.cos(turn), ring * np.sin(turn), z], axis=1)
    f = 1 + (np.clip(u @ lobes[:, :3].T, 0, None) ** 3) @ lobes[:, 3]
    return float(np.mean(f**3) ** (-1 / 3))


@numba.njit(cache=True)
def _fill(whole, core, first, spacing, radius, core_fraction, lobes):  # type: ignore[no-untyped-def]
    nxy, nz = IN_PLANE_SAMPLES, THROUGH_PLANE_SAMPLES
    share = np.float32(1.0 / (nxy * nxy * nz))
    for i in range(whole.shape[0]):
        for j in range(whole.shape[1]):
            for k in range(whole.shape[2]):
                inside = 0
                inside_core = 0
                for a in range(nxy):
                    x = first[0] + (i + (a + 0.5) / nxy - 0.5) * spacing[0]
                    for b in range(nxy):
                        y = first[1] + (j + (b + 0.5) / nxy - 0.5) * spacing[1]
                        for c in range(nz):
                            z = first[2] + (k + (c + 0.5) / nz - 0.5) * spacing[2]
                            r = np.sqrt(x * x + y * y + z * z)
                            f = 1.0
                            if r > 1e-9:
                                for n in range(lobes.shape[0]):
                                    dot = (x * lobes[n, 0] + y * lobes[n, 1] + z * lobes[n, 2]) / r
                                    if dot > 0:
                                        f += lobes[n, 3] * dot * dot * dot
                            if r <= radius * f:
                                inside += 1
                                if r <= radius * f * core_fraction:
                                    inside_core += 1
                whole[i, j, k] = inside * share
                core[i, j, k] = inside_core * share
