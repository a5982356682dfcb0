"""Lesions: single ones out of a label map, their size and place, and which found which."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from limen.measures.errors import ShapeMismatch, UndeclaredValue
from limen.measures.grid import (
    Array,
    Box,
    Mask,
    bounding_box,
    checked_affine,
    checked_labels,
    voxel_volume_mm3,
)

Kind = Literal["mask", "instances"]


@dataclass(frozen=True)
class Lesion:
    """Size and place of one lesion.

    Attributes
    ----------
    id : int
        From 1, largest volume first; ties by the corner of its box.
    label : str
        Name of its label.
    voxels : int
    volume_ml : float
        Voxels times |det| of the affine.
    diameter_mm : float
        Diameter of the sphere of equal volume, (6 V / pi)^(1/3). Size limits are judged on it:
        it uses every voxel, so a voxel more or less at the rim hardly moves it, and it does not
        depend on how the patient lay. It is not the Fleischner or RECIST measure: those are a
        reader's in-plane long axis (RECIST 1.1) or the mean of long and short axis (Fleischner
        2017). The two agree for a sphere; for an elongated lesion this one is smaller. In an
        image of a single slice the slice's thickness enters the volume.
    long_axis_mm : float
        Largest extent in any one slice (i, j) of the lesion, the RECIST long axis measured by
        machine. Taken between outlines that run halfway between the last voxel inside and the
        first outside (marching squares at 1/2); one voxel has the length of its longer in-plane
        side. scikit-image's ``feret_diameter_max`` fills the convex hull first and can be a
        fraction of a voxel larger.
    centroid_lps_mm : (float, float, float)
        Mean position of its voxel centres.
    bbox_start_ijk, bbox_stop_ijk : (int, int, int)
        First voxel, and one past the last, along each axis.
    touches_edge : bool
        Whether it reaches the border of the grid, so may be cut off and measured too small.
        Axes of a single voxel are not looked at.
    """

    id: int
    label: str
    voxels: int
    volume_ml: float
    diameter_mm: float
    long_axis_mm: float
    centroid_lps_mm: tuple[float, float, float]
    bbox_start_ijk: tuple[int, int, int]
    bbox_stop_ijk: tuple[int, int, int]
    touches_edge: bool


@dataclass(frozen=True, eq=False)
class Lesions:
    """All lesions of a label map, and where each voxel of them belongs.

    Attributes
    ----------
    lesions : tuple of Lesion
        Ordered by id.
    parts : (A, B, C) int32
        Number of the part that each voxel of ``box`` belongs to, 0 for background.
    id_of_part : (n + 1,) int64
        Lesion id of each part; 0 for background.
    box : three slices
        Where ``parts`` lies in the grid.
    shape : (int, int, int)
        Of the grid.
    """

    lesions: tuple[Lesion, ...]
    parts: Array
    id_of_part: Array
    box: Box
    shape: tuple[int, int, int]


@dataclass(frozen=True)
class Pair:
    """A reference lesion and a predicted lesion that share voxels."""

    reference: int
    prediction: int
    voxels: int
    iou: float
    dice: float


def find_lesions(
    label_map: ArrayLike,
    affine_mm: ArrayLike,
    names: Mapping[int, str] | str = "lesion",
    kind: Kind = "mask",
) -> Lesions:
    """Every lesion of a label map.

    Parameters
    ----------
    label_map : (I, J, K) integer array
        0 is background.
    affine_mm : (4, 4) array
        Voxel index to LPS mm.
    names : mapping of value to label name, or one name for all values
    kind : "mask" or "instances"
        mask: the lesions are the connected components of each value, with 26 neighbours (voxels
        that share a face, an edge or a corner hang together; in a single slice these are 8).
        instances: each value is one lesion, in one piece or several.

    Raises
    ------
    UndeclaredValue
        For a value that ``names`` does not have.
    ShapeMismatch, NotALabelMap, BadAffine
    """
    labels = checked_labels(label_map, "label map")
    affine = checked_affine(affine_mm)
    shape = (labels.shape[0], labels.shape[1], labels.shape[2])
    box = bounding_box(labels != 0)
    if box is None:
        empty = slice(0, 0), slice(0, 0), slice(0, 0)
        return Lesions((), np.zeros((0, 0, 0), np.int32), np.zeros(1, np.int64), empty, shape)
    # C order: scipy's labelling is several times slower on Fortran order (NIfTI)
    labels = np.ascontiguousarray(labels[box])
    parts = np.zeros(labels.shape, dtype=np.int32)
    names_of: list[str] = []
    for value in np.unique(labels[labels != 0]):
        name = names if isinstance(names, str) else names.get(int(value))
        if name is None:
            raise UndeclaredValue(
                "the label map holds a value without a name",
                found=str(int(value)),
                mend="declare it under task.labels or task.ignore_labels",
            )
        here = labels == value
        n = 1
        if kind == "mask":
            n = _add_components(here, parts, len(names_of))
        else:
            parts[here] = len(names_of) + 1
        names_of += [name] * n
    lesions, id_of_part = _describe(parts, names_of, affine, box, shape)
    return Lesions(lesions, parts, id_of_part, box, shape)


def overlaps(reference: Lesions, prediction: Lesions) -> list[Pair]:
    """Every pair of a reference and a predicted lesion of one label that share a voxel.

    Ordered by reference id, then prediction id. IoU and Dice are those of the two lesions alone.

    Raises
    ------
    ShapeMismatch
    """
    if reference.shape != prediction.shape:
        raise ShapeMismatch(
            "reference and prediction are not on one grid",
            found=f"shape {reference.shape} against {prediction.shape}",
        )
    common = [
        slice(max(a.start, b.start), max(a.start, b.start, min(a.stop, b.stop)))
        for a, b in zip(reference.box, prediction.box, strict=True)
    ]
    in_r, in_p = (
        side.parts[
            tuple(
                slice(c.start - o.start, c.stop - o.start)
                for c, o in zip(common, side.box, strict=True)
            )
        ]
        for side in (reference, prediction)
    )
    both_there = (in_r > 0) & (in_p > 0)
    ids_r = reference.id_of_part[in_r[both_there]]
    ids_p = prediction.id_of_part[in_p[both_there]]
    # joint histogram: one number for each pair of ids, counted in one pass
    width = len(prediction.lesions) + 1
    joint = ids_r * width + ids_p
    if width * (len(reference.lesions) + 1) <= 10_000_000:
        counts = np.bincount(joint)
        codes = np.flatnonzero(counts)
        shared_voxels = counts[codes]
    else:
        codes, shared_voxels = np.unique(joint, return_counts=True)
    pairs = []
    for code, shared in zip(codes, shared_voxels, strict=True):
        r, p = reference.lesions[code // width - 1], prediction.lesions[code % width - 1]
        if r.label != p.label:
            continue
        n = int(shared)
        both = r.voxels + p.voxels
        pairs.append(Pair(r.id, p.id, n, n / (both - n), 2 * n / both))
    return pairs


def match_lesions(
    reference: Lesions, prediction: Lesions, min_iou: float = 0.0
) -> tuple[Pair, ...]:
    """One-to-one matching of reference and predicted lesions.

    Two lesions of one label may be matched when they share at least one voxel and their IoU is
    at least ``min_iou``. Among all one-to-one matchings the one with the most pairs is taken,
    and among those the one with the largest sum of IoU (optimal assignment, Kuhn 1955; the
    one-to-one strategy of Metrics Reloaded). Each lesion is in one pair at most: of two marks on
    one lesion the second stays unmatched, and of two lesions under one mark the second does.

    Returns
    -------
    tuple of Pair
        Ordered by reference id.
    """
    return match_pairs(overlaps(reference, prediction), min_iou)


def match_pairs(pairs: list[Pair], min_iou: float = 0.0) -> tuple[Pair, ...]:
    """The optimal one-to-one choice out of overlapping pairs; see :func:`match_lesions`."""
    from scipy.optimize import linear_sum_assignment

    allowed = {(p.reference, p.prediction): p for p in pairs if p.iou >= min_iou}
    if not allowed:
        return ()
    rows = sorted({r for r, _ in allowed})
    columns = sorted({p for _, p in allowed})
    gain = np.zeros((len(rows), len(columns)))
    at_row = {r: i for i, r in enumerate(rows)}
    at_column = {c: i for i, c in enumerate(columns)}
    # One more pair must always be worth more than all the IoU there can be.
    one_pair = min(gain.shape) + 1.0
    for (r, c), pair in allowed.items():
        gain[at_row[r], at_column[c]] = one_pair + pair.iou
    chosen = zip(*linear_sum_assignment(gain, maximize=True), strict=True)
    keys = sorted((rows[i], columns[j]) for i, j in chosen)
    return tuple(allowed[k] for k in keys if k in allowed)


def _add_components(here: Mask, parts: Array, before: int) -> int:
    """Write components of ``here``, 26 neighbours, into ``parts`` from ``before`` + 1; how many."""
    from scipy.ndimage import generate_binary_structure, label

    box = bounding_box(here)
    assert box is not None
    found, n = label(here[box], structure=generate_binary_structure(3, 3))
    inside = found > 0
    parts[box][inside] = found[inside] + before
    return int(n)


def _describe(
    parts: Array, names: list[str], affine: Array, box: Box, shape: tuple[int, int, int]
) -> tuple[tuple[Lesion, ...], Array]:
    """The lesions, largest first, and the id of each part."""
    from scipy.ndimage import find_objects

    voxel_mm3 = voxel_volume_mm3(affine)
    offset = np.array([b.start for b in box])
    boxes = find_objects(parts)
    voxels, starts, stops, centres, long_axes = [], [], [], [], []
    for part, inner in enumerate(boxes, start=1):
        here = parts[inner] == part
        start = np.array([s.start for s in inner]) + offset
        n = int(np.count_nonzero(here))
        columns = here.sum(axis=2)
        along = columns.sum(axis=1), columns.sum(axis=0), here.sum(axis=(0, 1))
        voxels.append(n)
        starts.append(start)
        stops.append(start + here.shape)
        centres.append([float(a @ np.arange(len(a))) / n for a in along] + start)
        long_axes.append(_long_axis_mm(here, affine))

    first = [np.ravel_multi_index(tuple(s), shape) for s in starts]
    order = np.lexsort((first, -np.array(voxels)))
    id_of_part = np.zeros(len(names) + 1, dtype=np.int64)
    id_of_part[order + 1] = np.arange(1, len(names) + 1)
    many = np.array(shape) > 1
    lesions: list[Lesion] = []
    for x in order:
        centroid = affine[:3, :3] @ centres[x] + affine[:3, 3]
        edge = ((starts[x] == 0) | (stops[x] == np.array(shape))) & many
        lesions.append(
            Lesion(
                id=len(lesions) + 1,
                label=names[x],
                voxels=voxels[x],
                volume_ml=voxels[x] * voxel_mm3 / 1000.0,
                diameter_mm=(6.0 * voxels[x] * voxel_mm3 / math.pi) ** (1 / 3),
                long_axis_mm=long_axes[x],
                centroid_lps_mm=(float(centroid[0]), float(centroid[1]), float(centroid[2])),
                bbox_start_ijk=_three(starts[x]),
                bbox_stop_ijk=_three(stops[x]),
                touches_edge=bool(edge.any()),
            )
        )
    return tuple(lesions), id_of_part


def _three(index: Array) -> tuple[int, int, int]:
    return int(index[0]), int(index[1]), int(index[2])


def _long_axis_mm(here: Mask, affine: Array) -> float:
    """Largest in-plane extent in mm of one lesion (A, B, C); see :class:`Lesion`."""
    # Only the first and last voxel of each row along j can carry the outline's hull.
    i, k = np.nonzero(here.any(axis=1))
    j0 = here.argmax(axis=1)[i, k]
    j1 = here.shape[1] - 1 - here[:, ::-1].argmax(axis=1)[i, k]
    u, v = affine[:3, 0], affine[:3, 1]
    rows_of = [np.flatnonzero(k == slice_at) for slice_at in range(here.shape[2])]
    extents = [
        (np.ptp(i[rows]) + 1, j1[rows].max() - j0[rows].min() + 1) if len(rows) else (0, 0)
        for rows in rows_of
    ]
    bounds = [max(np.linalg.norm(a * u + b * v), np.linalg.norm(a * u - b * v)) for a, b in extents]
    best = 0.0
    for slice_at in np.argsort(bounds)[::-1]:
        if bounds[slice_at] <= best:
            break  # no slice that is left can be longer
        rows = rows_of[slice_at]
        best = max(best, _widest_mm(_outline(i[rows], j0[rows], j1[rows]), u, v))
    return best


def _outline(i: Array, j0: Array, j1: Array) -> Array:
    """Points (N, 2) halfway to the neighbours of the first and last voxel of each row."""
    return np.concatenate(
        [
            np.stack([i, j0 - 0.5], axis=1),
            np.stack([i, j1 + 0.5], axis=1),
            *[np.stack([i + s, j], axis=1) for s in (-0.5, 0.5) for j in (j0, j1)],
        ]
    )


def _widest_mm(points: Array, u: Array, v: Array) -> float:
    """Largest distance in mm between in-plane points given in voxels along u and v."""
    from scipy.spatial import ConvexHull
    from scipy.spatial.distance import pdist

    if len(points) > 60:
        points = points[ConvexHull(points).vertices]
    return float(pdist(points @ np.stack([u, v])).max())
