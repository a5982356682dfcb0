"""Distance between surfaces, in mm in the patient."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from limen.measures.errors import ShapeMismatch, Undefined
from limen.measures.grid import Array, Mask, bounding_box, checked_affine, checked_pair

PERCENTILE = 95.0


def surface(mask: Mask, flat_axes: tuple[bool, bool, bool] | None = None) -> Mask:
    """Voxels of a mask that have a face neighbour outside it.

    This is the mask minus its erosion with face connectivity (6 neighbours). Beyond the array
    counts as outside, so a mask that is cut by the border of the grid has surface there.

    Parameters
    ----------
    mask : (I, J, K) bool
    flat_axes : (bool, bool, bool), optional
        Axes along which the grid has a single voxel; they have no neighbours to look at, so a
        single slice has its outline as surface and not its whole area. Default: from the shape.
    """
    flat = flat_axes or (mask.shape[0] == 1, mask.shape[1] == 1, mask.shape[2] == 1)
    mask = np.ascontiguousarray(mask)  # Fortran order (NIfTI) is several times slower here
    core = mask.copy()
    for axis in range(3):
        if flat[axis]:
            continue
        c, m = np.moveaxis(core, axis, 0), np.moveaxis(mask, axis, 0)
        c[1:] &= m[:-1]
        c[:-1] &= m[1:]
        c[0] = False
        c[-1] = False
    outline: Mask = mask & ~core
    return outline


def hd95_mm(prediction: ArrayLike, reference: ArrayLike, affine_mm: ArrayLike) -> float:
    """95th percentile Hausdorff distance in mm.

    The larger of the two directed 95th percentiles (linear interpolation) of the distances
    from each surface voxel's centre to the nearest surface voxel's centre of the other mask.
    Distances are taken in patient space through the affine, so they are exact on oblique and
    on sheared (tilted gantry) grids as well. Both masks empty is 0.

    Parameters
    ----------
    prediction, reference : (I, J, K) array
        Masks of one shape; any value other than zero is inside.
    affine_mm : (4, 4) array
        Voxel index to patient position in mm.

    Raises
    ------
    Undefined
        When one of the two is empty: there is no distance to nothing.
    ShapeMismatch, BadAffine

    Notes
    -----
    The convention of MONAI's ``compute_hausdorff_distance(percentile=95)`` and of Metrics
    Reloaded. Others pool the two directions before the percentile (medpy) or weigh surface
    elements by area (surface-distance) and give other numbers for the same masks.
    """
    p, r = checked_pair(prediction, reference)
    if p.ndim != 3:
        raise ShapeMismatch(
            "distances are measured on volumes of three axes",
            found=f"shape {p.shape}",
            mend="give a single slice the shape (I, J, 1)",
        )
    axes_mm = checked_affine(affine_mm)[:3, :3]
    flat = (p.shape[0] == 1, p.shape[1] == 1, p.shape[2] == 1)
    surface_p, surface_r = _surface_voxels(p, flat), _surface_voxels(r, flat)
    if surface_p is None and surface_r is None:
        return 0.0
    if surface_p is None:
        raise Undefined("prediction is empty")
    if surface_r is None:
        raise Undefined("reference is empty")
    points_p, points_r = surface_p @ axes_mm.T, surface_r @ axes_mm.T
    return max(
        float(np.percentile(_nearest_mm(points_p, points_r), PERCENTILE)),
        float(np.percentile(_nearest_mm(points_r, points_p), PERCENTILE)),
    )


def _surface_voxels(mask: Mask, flat: tuple[bool, bool, bool]) -> Array | None:
    """Indices (N, 3) of the surface voxels, as float64; None when the mask is empty."""
    # Cropping changes nothing: outside the box there is only background or the grid's border.
    box = bounding_box(mask)
    if box is None:
        return None
    start = np.array([s.start for s in box])
    found: Array = np.argwhere(surface(mask[box], flat)) + start
    return found.astype(float)


def _nearest_mm(points: Array, others: Array) -> Array:
    from scipy.spatial import cKDTree

    distances: Array = cKDTree(others, balanced_tree=False, compact_nodes=True).query(points)[0]
    return distances
