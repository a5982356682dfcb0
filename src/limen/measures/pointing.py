"""Rough location: did the answer point at the right place?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from limen.measures.errors import BadValue, ShapeMismatch, Undefined
from limen.measures.grid import as_floats, checked_affine


@dataclass(frozen=True)
class Localisation:
    """How far an answered point lies from the true one.

    Attributes
    ----------
    error_mm : float
    within_mm : float or None
        The radius that was asked about.
    hit : bool or None
        Whether the error is at most that.
    """

    error_mm: float
    within_mm: float | None
    hit: bool | None


def localisation(
    prediction_mm: ArrayLike, reference_mm: ArrayLike, within_mm: float | None = None
) -> Localisation:
    """Distance of an answered point from the true one, and whether it is a hit.

    Parameters
    ----------
    prediction_mm, reference_mm : (D,) array
        Positions in mm, D of 2 or 3. Of a mask: its centroid (:func:`centroid_mm`).
    within_mm : float, optional
        Radius of a hit, its end included.
    """
    p, r = as_floats(prediction_mm, "answered point"), as_floats(reference_mm, "true point")
    if p.shape != r.shape or p.ndim != 1 or p.size not in (2, 3):
        raise ShapeMismatch(
            "these are not two points of two or three coordinates",
            found=f"shape {p.shape} against {r.shape}",
        )
    if not (np.isfinite(p).all() and np.isfinite(r).all()):
        raise BadValue("a position is not finite", found="NaN or infinity")
    if within_mm is not None and not (np.isfinite(within_mm) and within_mm > 0):
        raise BadValue("the radius of a hit is not above zero", found=str(within_mm))
    error = float(np.linalg.norm(p - r))
    hit = None if within_mm is None else error <= within_mm * (1 + 1e-12)
    return Localisation(error, within_mm, hit)


def centroid_mm(mask: ArrayLike, affine_mm: ArrayLike) -> tuple[float, float, float]:
    """Mean position in mm of a mask's voxel centres.

    Raises
    ------
    Undefined
        For an empty mask.
    """
    inside = np.argwhere(np.asarray(mask) != 0)
    if inside.shape[1] != 3:
        raise ShapeMismatch("the mask is not a volume of three axes", found=f"{inside.shape[1]}")
    if not len(inside):
        raise Undefined("the mask is empty, so it has no centre")
    affine = checked_affine(affine_mm)
    x, y, z = affine[:3, :3] @ inside.mean(axis=0) + affine[:3, 3]
    return float(x), float(y), float(z)


def pointing_game(
    heat: ArrayLike,
    reference: ArrayLike,
    spacing_mm: ArrayLike | None = None,
    tolerance_mm: float = 0.0,
) -> bool:
    """Whether the hottest place of a heat map lies in the reference.

    Parameters
    ----------
    heat : (...) array
        Finite values of two or three axes; where several share the largest value all have to
        lie in the reference, so that a flat map is no hit.
    reference : (...) array
        Mask of the same shape; not empty.
    spacing_mm : sequence of floats
        Along each axis; needed with a tolerance.
    tolerance_mm : float
        How far outside the reference (from the centre of its nearest voxel) still counts.

    Notes
    -----
    Zhang et al., "Top-down neural attention by excitation backprop", IJCV 2018, who allow 15
    pixels; here the tolerance is in mm.
    """
    h, inside = as_floats(heat, "heat map"), np.asarray(reference) != 0
    if h.shape != inside.shape or h.ndim not in (2, 3):
        raise ShapeMismatch(
            "heat map and reference are not on one grid of two or three axes",
            found=f"shape {h.shape} against {inside.shape}",
        )
    if not np.isfinite(h).all():
        raise BadValue("the heat map holds values that are not finite", found="NaN or infinity")
    if not inside.any():
        raise Undefined("the reference is empty, so there is nothing to point at")
    if not (np.isfinite(tolerance_mm) and tolerance_mm >= 0):
        raise BadValue("the tolerance is not zero or more", found=str(tolerance_mm))
    hottest = np.argwhere(h == h.max())
    if tolerance_mm == 0:
        return bool(inside[tuple(hottest.T)].all())
    spacing = np.asarray(spacing_mm if spacing_mm is not None else [], float)
    if spacing.shape != (h.ndim,) or not (np.isfinite(spacing) & (spacing > 0)).all():
        raise BadValue(
            f"a tolerance in mm needs a spacing of {h.ndim} numbers above zero",
            found=str(spacing_mm),
        )
    from scipy.spatial import cKDTree

    far = cKDTree(np.argwhere(inside) * spacing).query(hottest * spacing)[0]
    return bool((far <= tolerance_mm + 1e-9).all())
