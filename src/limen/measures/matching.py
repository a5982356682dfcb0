"""Which of several found things belongs to which of several true ones: one to one, optimal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from limen.measures.errors import BadValue, ShapeMismatch
from limen.measures.grid import Array, as_floats


@dataclass(frozen=True)
class PointPair:
    """A true and a found point, by their places in the arrays given."""

    reference: int
    prediction: int
    distance_mm: float


@dataclass(frozen=True)
class BoxPair:
    """A true and a found box, by their places in the arrays given."""

    reference: int
    prediction: int
    iou: float


def assign(candidates: Sequence[tuple[int, int]], quality: Sequence[float]) -> list[int]:
    """The best one-to-one choice out of possible pairs.

    Among all choices with the most pairs the one with the largest sum of qualities is taken
    (optimal assignment, Kuhn 1955; the one-to-one strategy of Metrics Reloaded).

    Parameters
    ----------
    candidates : sequence of (reference, prediction)
        Each pair once.
    quality : sequence of float
        Of each, from 0 to 1.

    Returns
    -------
    list of int
        Places in ``candidates``, in order.
    """
    sides = {r for r, _ in candidates}, {p for _, p in candidates}
    if len(sides[0]) == len(sides[1]) == len(candidates):
        return list(range(len(candidates)))  # nobody has a choice
    from scipy.optimize import linear_sum_assignment
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    rows, row_of = np.unique([r for r, _ in candidates], return_inverse=True)
    columns, column_of = np.unique([p for _, p in candidates], return_inverse=True)
    # Lesions far from each other are matched apart, so a thousand of them make no large table.
    n = len(rows) + len(columns)
    links = coo_array((np.ones(len(candidates)), (row_of, len(rows) + column_of)), shape=(n, n))
    group = connected_components(links, directed=False)[1][row_of]
    order = np.argsort(group, kind="stable")
    alone = np.bincount(group)[group] == 1
    chosen = np.flatnonzero(alone).tolist()
    order = order[~alone[order]]
    for members in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        own_rows, i = np.unique(row_of[members], return_inverse=True)
        own_columns, j = np.unique(column_of[members], return_inverse=True)
        gain = np.zeros((len(own_rows), len(own_columns)))
        # One more pair must always be worth more than all the quality there can be.
        gain[i, j] = min(gain.shape) + 1.0 + np.asarray(quality)[members]
        at = dict(zip(zip(i.tolist(), j.tolist(), strict=True), members.tolist(), strict=True))
        for pair in zip(*linear_sum_assignment(gain, maximize=True), strict=True):
            found = at.get((int(pair[0]), int(pair[1])))
            if found is not None:
                chosen.append(int(found))
    return sorted(chosen)


def match_points(
    reference_mm: ArrayLike, prediction_mm: ArrayLike, within_mm: float
) -> tuple[PointPair, ...]:
    """One-to-one matching of points by distance.

    Two points may be matched when they lie at most ``within_mm`` apart. The matching with the
    most pairs is taken, and among those the one with the smallest sum of distances.

    Parameters
    ----------
    reference_mm, prediction_mm : (N, D), (M, D) array
        Positions in mm, D of 2 or 3.
    within_mm : float
        Above zero.

    Returns
    -------
    tuple of PointPair
        Ordered by reference.
    """
    r, p = _points(reference_mm, "reference"), _points(prediction_mm, "prediction")
    if not (np.isfinite(within_mm) and within_mm > 0):
        raise BadValue("the largest distance of a match is not above zero", found=str(within_mm))
    if not (len(r) and len(p)):
        return ()
    if r.shape[1] != p.shape[1]:
        raise ShapeMismatch(
            "points of two kinds", found=f"{r.shape[1]} against {p.shape[1]} coordinates"
        )
    far = np.linalg.norm(r[:, None] - p[None], axis=2)
    candidates = [(int(a), int(b)) for a, b in np.argwhere(far <= within_mm * (1 + 1e-12))]
    quality = [1.0 - float(far[pair]) / within_mm for pair in candidates]
    return tuple(
        PointPair(*candidates[n], float(far[candidates[n]])) for n in assign(candidates, quality)
    )


def match_boxes(
    reference: ArrayLike, prediction: ArrayLike, min_iou: float = 0.0
) -> tuple[BoxPair, ...]:
    """One-to-one matching of boxes by intersection over union.

    Two boxes may be matched when they share some extent and their IoU is at least ``min_iou``.
    The matching with the most pairs is taken, and among those the largest sum of IoU.

    Parameters
    ----------
    reference, prediction : (N, 2 D), (M, 2 D) array
        Lower corner, then upper corner, D of 2 or 3, in any one unit.
    min_iou : float
        From 0 to 1.
    """
    if not 0 <= min_iou <= 1:
        raise BadValue("the least IoU of a match is not from 0 to 1", found=str(min_iou))
    iou = box_iou(reference, prediction)
    candidates = [(int(a), int(b)) for a, b in np.argwhere((iou > 0) & (iou >= min_iou))]
    chosen = assign(candidates, [float(iou[pair]) for pair in candidates])
    return tuple(BoxPair(*candidates[n], float(iou[candidates[n]])) for n in chosen)


def box_iou(reference: ArrayLike, prediction: ArrayLike) -> Array:
    """Intersection over union (N, M) of every two boxes; see :func:`match_boxes`."""
    r, p = _boxes(reference, "reference"), _boxes(prediction, "prediction")
    if not (len(r) and len(p)):
        return np.zeros((len(r), len(p)))
    if r.shape[1] != p.shape[1]:
        raise ShapeMismatch(
            "boxes of two kinds", found=f"{r.shape[1]} against {p.shape[1]} numbers"
        )
    d = r.shape[1] // 2
    low = np.maximum(r[:, None, :d], p[None, :, :d])
    high = np.minimum(r[:, None, d:], p[None, :, d:])
    both = np.prod(np.clip(high - low, 0, None), axis=2)
    size_r, size_p = (np.prod(x[:, d:] - x[:, :d], axis=1) for x in (r, p))
    iou: Array = both / (size_r[:, None] + size_p[None] - both)
    return iou


def _points(points: ArrayLike, what: str) -> Array:
    a = as_floats(points, what)
    if a.size == 0:
        return a.reshape(0, 3)
    if a.ndim != 2 or a.shape[1] not in (2, 3):
        raise ShapeMismatch(
            f"the {what} is not a list of points of two or three coordinates",
            found=f"shape {a.shape}",
        )
    if not np.isfinite(a).all():
        raise BadValue(f"the {what} holds positions that are not finite", found="NaN or infinity")
    return a


def _boxes(boxes: ArrayLike, what: str) -> Array:
    a = as_floats(boxes, what)
    if a.size == 0:
        return a.reshape(0, 6)
    if a.ndim != 2 or a.shape[1] not in (4, 6):
        raise ShapeMismatch(
            f"the {what} is not a list of boxes of four or six numbers", found=f"shape {a.shape}"
        )
    d = a.shape[1] // 2
    if not np.isfinite(a).all() or not (a[:, d:] > a[:, :d]).all():
        raise BadValue(
            f"the {what} holds a box without extent",
            mend="give the lower corner, then the upper corner, of each",
        )
    return a
