"""Voxel arrays with their place in the patient.

Patient space is LPS in millimetres everywhere inside Limen: +x to the patient's left, +y to
posterior, +z to superior (superior = head), as in DICOM PS3.3 C.7.6.2.1.1. Readers convert
once, at the door; nothing later guesses an orientation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.data.errors import BadValues

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Geometry:
    """Where a voxel grid lies in the patient.

    Attributes
    ----------
    affine_lps_mm : (4, 4) float64
        Maps voxel index (i, j, k) to the LPS position in mm of the voxel's centre. Columns
        may be oblique and, for a tilted gantry, not orthogonal.
    shape : (int, int, int)
        Number of voxels along i, j, k.
    """

    affine_lps_mm: Array
    shape: tuple[int, int, int]

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance in mm between neighbouring voxel centres along i, j, k."""
        norms = np.linalg.norm(self.affine_lps_mm[:3, :3], axis=0)
        return (float(norms[0]), float(norms[1]), float(norms[2]))

    @property
    def voxel_volume_mm3(self) -> float:
        return float(abs(np.linalg.det(self.affine_lps_mm[:3, :3])))

    @property
    def is_orthogonal(self) -> bool:
        """Whether the grid axes are perpendicular (false for a tilted gantry)."""
        axes = self.affine_lps_mm[:3, :3] / np.array(self.spacing_mm)
        off = axes.T @ axes - np.eye(3)
        return bool(np.abs(off).max() < 1e-3)

    def corner_offset_mm(self, other: Geometry) -> float:
        """Largest distance in mm between the same corner voxel of two grids of one shape."""
        n = np.array(self.shape, dtype=float) - 1
        corners = np.array(
            [[a * n[0], b * n[1], c * n[2], 1.0] for a in (0, 1) for b in (0, 1) for c in (0, 1)]
        )
        moved = corners @ (self.affine_lps_mm - other.affine_lps_mm).T
        return float(np.linalg.norm(moved[:, :3], axis=1).max())

    def same_grid(self, other: Geometry) -> bool:
        """Same shape, and no corner further apart than 5 % of the finest spacing.

        Files written by different tools differ in the last digits of their affine; those are
        the same grid. Half a voxel is not.
        """
        if self.shape != other.shape:
            return False
        return self.corner_offset_mm(other) <= 0.05 * min(self.spacing_mm)


@dataclass(frozen=True, eq=False)
class Volume:
    """Voxels and their geometry.

    Attributes
    ----------
    values : (I, J, K) array
        Image values (float32; HU for CT) or label values (uint8 or uint16).
    geometry : Geometry
    """

    values: Array
    geometry: Geometry


def require_finite(values: Array, where: str) -> None:
    """Refuse NaN and infinity, naming how many there are and where the first one is.

    Raises
    ------
    BadValues
    """
    if values.dtype.kind != "f":
        return
    wrong = ~np.isfinite(values)
    if not wrong.any():
        return
    first = np.unravel_index(int(np.argmax(wrong)), values.shape)
    count = int(wrong.sum())
    raise BadValues(
        f"{count} of {values.size} voxels are NaN or infinite",
        where=where,
        found=f"{values[first]} at voxel ({', '.join(str(int(i)) for i in first)})",
        mend="export the image again; Limen does not fill in values",
    )
