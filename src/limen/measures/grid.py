"""The voxel grid as the measures need it: boxes, volumes, and what a valid input is."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limen.measures.errors import BadAffine, NotALabelMap, ShapeMismatch

Array = NDArray[Any]
Mask = NDArray[np.bool_]
Box = tuple[slice, slice, slice]


def checked_affine(affine_mm: ArrayLike) -> Array:
    """The affine as (4, 4) float64.

    Raises
    ------
    BadAffine
        When it is not 4 by 4, not finite, or maps voxels to no volume (a spacing of zero).
    """
    affine = np.asarray(affine_mm, dtype=float)
    if affine.shape != (4, 4) or not np.isfinite(affine).all():
        raise BadAffine(
            "the affine is not a 4 by 4 matrix of finite numbers",
            found=f"shape {affine.shape}",
            mend="give the affine of the reference's grid, voxel index to patient mm",
        )
    if not abs(np.linalg.det(affine[:3, :3])) > 0:
        raise BadAffine(
            "the affine gives voxels no volume, so no size can be measured",
            found=f"column lengths {np.linalg.norm(affine[:3, :3], axis=0).tolist()} mm",
            mend="correct the spacing of the image; it must be above zero along each axis",
        )
    return affine


def voxel_volume_mm3(affine_mm: ArrayLike) -> float:
    """Volume of one voxel in mm3: |det| of the affine, also right for sheared grids."""
    return float(abs(np.linalg.det(checked_affine(affine_mm)[:3, :3])))


def checked_pair(prediction: ArrayLike, reference: ArrayLike) -> tuple[Mask, Mask]:
    """Two masks as booleans of one shape; any value other than zero is inside.

    Raises
    ------
    ShapeMismatch
    """
    p, r = np.asarray(prediction), np.asarray(reference)
    if p.shape != r.shape:
        raise ShapeMismatch(
            "prediction and reference are not on one grid",
            found=f"shape {p.shape} against {r.shape}",
            mend="bring the prediction onto the grid of the reference",
        )
    return p.astype(bool, copy=False), r.astype(bool, copy=False)


def checked_labels(labels: ArrayLike, what: str) -> Array:
    """A label map as an unsigned or signed integer volume (I, J, K).

    Whole numbers stored as floats are accepted; NaN, fractions and negative values are not.

    Raises
    ------
    ShapeMismatch, NotALabelMap
    """
    a = np.asarray(labels)
    if a.ndim != 3:
        raise ShapeMismatch(
            f"the {what} is not a volume of three axes",
            found=f"shape {a.shape}",
            mend="give a single slice the shape (I, J, 1)",
        )
    if a.dtype == bool:
        return a.astype(np.uint8)
    if a.dtype.kind == "f":
        # NaN and infinity fail the comparison too
        if not (np.isfinite(a).all() and (a == np.rint(a)).all()):
            raise NotALabelMap(
                f"the {what} holds values that are not whole numbers",
                found="NaN or infinity" if not np.isfinite(a).all() else "fractions",
                mend="give label values, not probabilities",
            )
        a = a.astype(np.int64)
    if a.dtype.kind not in "iu":
        raise NotALabelMap(f"the {what} does not hold numbers", found=str(a.dtype))
    if a.dtype.kind == "i" and a.size and a.min() < 0:
        raise NotALabelMap(
            f"the {what} holds negative label values",
            found=str(int(a.min())),
            mend="use 0 for background and positive values for labels",
        )
    return a


def bounding_box(mask: Mask) -> Box | None:
    """The smallest box that holds every voxel of a (I, J, K) mask; None when it is empty."""
    box = []
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        hit = np.flatnonzero(mask.any(axis=others))
        if not hit.size:
            return None
        box.append(slice(int(hit[0]), int(hit[-1]) + 1))
    return box[0], box[1], box[2]
