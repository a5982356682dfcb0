"""The voxel grid as the measures need it: boxes, volumes, and what a valid input is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limen.measures.errors import BadAffine, BadValue, NotALabelMap, ShapeMismatch

Array = NDArray[Any]
Mask = NDArray[np.bool_]
_LARGEST_LABEL = 65535


def checked_affine(affine_mm: ArrayLike) -> Array:
    """The affine as (4, 4) float64.

    Raises
    ------
    BadAffine
        When it is not 4 by 4, not finite, or maps voxels to no volume (a spacing of zero).
    """
    affine = as_floats(affine_mm, "affine")
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
    ShapeMismatch, NotALabelMap
    """
    p, r = np.asarray(prediction), np.asarray(reference)
    if p.shape != r.shape:
        raise ShapeMismatch(
            "prediction and reference are not on one grid",
            found=f"shape {p.shape} against {r.shape}",
            mend="bring the prediction onto the grid of the reference",
        )
    for mask, what in ((p, "prediction"), (r, "reference")):
        if mask.dtype.kind not in "biuf":
            raise NotALabelMap(f"the {what} does not hold numbers", found=str(mask.dtype))
    return p.astype(bool, copy=False), r.astype(bool, copy=False)


def flat_axes(shape: Sequence[int]) -> tuple[bool, bool, bool]:
    """Axes of a single voxel, along which nothing counts as a neighbour; of a grid that is one
    voxel none, so that the voxel is its own surface."""
    a, b, c = shape
    if a == b == c == 1:
        return False, False, False
    return a == 1, b == 1, c == 1


def as_floats(values: ArrayLike, what: str) -> Array:
    """An array of float64. Raises :class:`BadValue` where it does not hold real numbers."""
    try:
        found = np.asarray(values)
        if found.dtype.kind == "c":
            raise TypeError
        return found.astype(np.float64, copy=False)
    except (TypeError, ValueError):
        raise BadValue(f"the {what} does not hold real numbers", mend="give numbers") from None


def small_labels(labels: ArrayLike, what: str) -> Array:
    """A label map (I, J, K) as uint8, or as uint16 where its values need it.

    Whole numbers stored as floats are accepted; NaN, fractions, negative values and values over
    65535 are not. Not copied where it is small already.

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
    if a.dtype in (np.uint8, np.uint16):
        return a
    if a.dtype == bool:
        return a.view(np.uint8)
    if a.dtype.kind not in "iuf":
        raise NotALabelMap(f"the {what} does not hold numbers", found=str(a.dtype))
    if a.size == 0:
        return a.astype(np.uint8)
    low, high = float(a.min()), float(a.max())  # NaN if there is one
    if not (np.isfinite(low) and np.isfinite(high)):
        raise NotALabelMap(
            f"the {what} holds values that are not whole numbers",
            found="NaN or infinity",
            mend="give label values, not probabilities",
        )
    if low < 0:
        raise NotALabelMap(
            f"the {what} holds negative label values",
            found=str(int(low)),
            mend="use 0 for background and positive values for labels",
        )
    if high > _LARGEST_LABEL:
        raise NotALabelMap(
            f"the {what} holds label values over {_LARGEST_LABEL}",
            found=str(int(high)),
            mend="number the labels anew",
        )
    small = a.astype(np.uint8 if high <= 255 else np.uint16, order="K")
    if a.dtype.kind == "f" and not all(np.array_equal(a[i], small[i]) for i in range(a.shape[0])):
        raise NotALabelMap(
            f"the {what} holds values that are not whole numbers",
            found="fractions",
            mend="give label values, not probabilities",
        )
    return small
