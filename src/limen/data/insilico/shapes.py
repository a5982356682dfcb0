"""Shapes that anatomy is drawn with: signed distances, and their share of each voxel.

Coordinates are LPS in mm: x to the left, y to posterior, z to the head. A signed distance is
negative inside, accurate to first order near the surface, and becomes a soft edge about one voxel
wide: that is the partial volume.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Grid:
    """An axial slab: square pixels, centred on the body in plane."""

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    centre_z_mm: float

    @property
    def first_centre_mm(self) -> Array:
        """(3,) centre of voxel (0, 0, 0)."""
        half: Array = (np.array(self.shape) - 1) / 2 * np.array(self.spacing_mm)
        return np.asarray(np.array([0.0, 0.0, self.centre_z_mm]) - half)

    def axes_mm(self) -> tuple[Array, Array, Array]:
        """Voxel centres as (nx, 1, 1), (1, ny, 1) and (1, 1, nz) float32."""
        first = self.first_centre_mm
        x, y, z = (
            (first[a] + self.spacing_mm[a] * np.arange(self.shape[a])).astype(np.float32)
            for a in range(3)
        )
        return x[:, None, None], y[None, :, None], z[None, None, :]


def ellipsoid(
    x: Array, y: Array, z: Array, centre: tuple[float, ...], radii: tuple[float, ...],
    turn: float = 0.0,
) -> Array:  # fmt: skip
    """First-order signed distance in mm; ``turn`` in radians about z."""
    dx, dy, dz = (
        np.asarray(v - np.float32(c), dtype=np.float32)
        for v, c in zip((x, y, z), centre, strict=True)
    )
    cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    u, v = dx * cos + dy * sin, dy * cos - dx * sin
    ra, rb, rc = (np.float32(q) for q in radii)
    flat = (u / ra) ** 2 + (v / rb) ** 2
    steep = (u / ra**2) ** 2 + (v / rb**2) ** 2
    if rc < 1e3:
        flat, steep = flat + (dz / rc) ** 2, steep + (dz / rc**2) ** 2
    value = np.sqrt(flat)
    return np.asarray(value * (value - 1) / np.sqrt(steep + 1e-12), dtype=np.float32)


def soft_min(a: Array, b: Array, width_mm: float) -> Array:
    """Union of two shapes with a fillet where they meet."""
    h = np.clip(0.5 + 0.5 * (b - a) / width_mm, 0, 1)
    return np.asarray(b + (a - b) * h - width_mm * h * (1 - h), dtype=np.float32)


def cover(distance: Array, width_mm: float = 1.7) -> Array:
    """Share of a voxel inside a surface, from the signed distance of its centre."""
    return np.clip(np.float32(0.5) - distance / np.float32(width_mm), 0, 1).astype(np.float32)


def put(values: Array, distance: Array, value: Array | float, width_mm: float = 1.7) -> None:
    """Draw a shape of this value over what is there."""
    values += cover(distance, width_mm) * (value - values)
