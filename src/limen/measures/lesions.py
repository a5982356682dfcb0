"""Lesions: single ones out of a label map, their size and place, and which found which."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike

from limen.measures.errors import BadValue, ShapeMismatch, UndeclaredValue
from limen.measures.grid import Array, checked_affine, small_labels, voxel_volume_mm3
from limen.measures.matching import assign

if TYPE_CHECKING:
    from limen.measures.runs import Runs

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
    runs : Runs
        Of all lesions, their ids as values.
    order : (int, int, int)
        Which axis of the map each axis of the runs is.
    shape : (int, int, int)
        Of the map.
    """

    lesions: tuple[Lesion, ...]
    runs: Runs
    order: tuple[int, int, int]
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
    from limen.measures.runs import in_memory_order, runs_of

    labels = small_labels(label_map, "label map")
    affine = checked_affine(affine_mm)
    (turned,), order = in_memory_order([labels])
    return lesions_of(runs_of(turned), order, affine, names, kind)


def lesions_of(
    runs: Runs,
    order: tuple[int, int, int],
    affine_mm: Array,
    names: Mapping[int, str] | str,
    kind: Kind,
) -> Lesions:
    """The lesions of a label map given as runs; see :func:`find_lesions`.

    ``order`` says which axis of the map each axis of the runs is; ``affine_mm`` is the map's.
    """
    from limen.measures.components import components

    values = np.unique(runs.value)
    named = {int(v): names if isinstance(names, str) else names.get(int(v)) for v in values}
    for value, name in named.items():
        if name is None:
            raise UndeclaredValue(
                "the label map holds a value without a name",
                found=str(value),
                mend="declare it under task.labels or task.ignore_labels",
            )
    if kind == "mask":
        part, n = components(runs)
    else:
        part, n = np.searchsorted(values, runs.value), len(values)
    by_part = np.argsort(part, kind="stable")
    runs, part = runs.take(by_part), part[by_part]
    first = np.searchsorted(part, np.arange(n))
    found = _describe(
        runs, first, order, affine_mm, [str(named[int(v)]) for v in runs.value[first]]
    )
    ids = np.empty(n, np.int32)
    ids[[at for at, _ in found]] = np.arange(1, n + 1)
    by_row = np.lexsort((runs.start, runs.row))
    numbered = type(runs)(runs.shape, runs.row, runs.start, runs.stop, ids[part]).take(by_row)
    shape = [0, 0, 0]
    for axis, size in zip(order, runs.shape, strict=True):
        shape[axis] = size
    return Lesions(tuple(x for _, x in found), numbered, order, (shape[0], shape[1], shape[2]))


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
    from limen.measures.runs import shared_voxels

    if reference.order != prediction.order:
        prediction = in_order(prediction, reference.order)
    pairs = []
    for id_r, id_p, shared in zip(*shared_voxels(reference.runs, prediction.runs), strict=True):
        r, p = reference.lesions[id_r - 1], prediction.lesions[id_p - 1]
        if r.label != p.label:
            continue
        n, both = int(shared), r.voxels + p.voxels
        pairs.append(Pair(r.id, p.id, n, n / (both - n), 2 * n / both))
    return pairs


def in_order(lesions: Lesions, order: tuple[int, int, int]) -> Lesions:
    """The same lesions with runs along another axis."""
    from limen.measures.runs import runs_of

    ids = np.zeros(lesions.runs.shape, np.uint8 if len(lesions.lesions) < 256 else np.uint16)
    for lesion in lesions.lesions:
        own = lesions.runs.take(lesions.runs.value == lesion.id)
        low, high = own.box()
        window = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        ids[window][own.mask(low, high)] = lesion.id
    image = ids.transpose(np.argsort(lesions.order))
    runs = runs_of(np.ascontiguousarray(image.transpose(order)))
    return Lesions(lesions.lesions, runs, order, lesions.shape)


def match_lesions(
    reference: Lesions,
    prediction: Lesions,
    min_iou: float = 0.0,
    max_centroid_mm: float | None = None,
) -> tuple[Pair, ...]:
    """One-to-one matching of reference and predicted lesions.

    Two lesions of one label may be matched when they share at least one voxel and their IoU is
    at least ``min_iou``; or, with ``max_centroid_mm``, when their centroids lie at most that far
    apart, whether they overlap or not. Among all one-to-one matchings the one with the most
    pairs is taken, and among those the one with the largest sum of IoU (by centroids: the
    smallest sum of distances). Each lesion is in one pair at most: of two marks on one lesion
    the second stays unmatched, and of two lesions under one mark the second does.

    Returns
    -------
    tuple of Pair
        Ordered by reference id.

    Raises
    ------
    ShapeMismatch, BadValue
    """
    touching = overlaps(reference, prediction)
    if max_centroid_mm is None:
        return match_pairs(touching, min_iou)
    met = {(p.reference, p.prediction): p for p in touching}
    near = match_centroids(reference.lesions, prediction.lesions, max_centroid_mm)
    return tuple(met.get(pair) or Pair(*pair, 0, 0.0, 0.0) for pair in near)


def match_pairs(pairs: Sequence[Pair], min_iou: float = 0.0) -> tuple[Pair, ...]:
    """The optimal one-to-one choice out of overlapping pairs; see :func:`match_lesions`."""
    if not 0 <= min_iou <= 1:
        raise BadValue("the least IoU of a match is not from 0 to 1", found=str(min_iou))
    allowed = sorted(
        (p for p in pairs if p.iou >= min_iou), key=lambda p: (p.reference, p.prediction)
    )
    chosen = assign([(p.reference, p.prediction) for p in allowed], [p.iou for p in allowed])
    return tuple(allowed[n] for n in chosen)


def match_centroids(
    reference: Sequence[Lesion], prediction: Sequence[Lesion], within_mm: float
) -> list[tuple[int, int]]:
    """Ids (reference, prediction) of lesions of one label matched by their centroids."""
    if not (math.isfinite(within_mm) and within_mm > 0):
        raise BadValue("the largest distance of a match is not above zero", found=str(within_mm))
    pairs, quality = [], []
    for r in reference:
        for p in prediction:
            far = math.dist(r.centroid_lps_mm, p.centroid_lps_mm)
            if r.label == p.label and far <= within_mm:
                pairs.append((r.id, p.id))
                quality.append(1.0 - far / within_mm)
    return [pairs[n] for n in assign(pairs, quality)]


def _describe(
    runs: Runs, first: Array, order: tuple[int, int, int], affine: Array, names: list[str]
) -> list[tuple[int, Lesion]]:
    """Place among the parts, and lesion, of each, largest first.

    ``runs`` are ordered by part; those of part n begin at ``first[n]``.
    """
    from limen.measures.long_axis import long_axis_mm

    if not len(names):
        return []
    voxel_mm3 = voxel_volume_mm3(affine)
    ends = np.append(first[1:], len(runs))
    lengths = runs.lengths.astype(np.int64)
    voxels = np.add.reduceat(lengths, first)
    a, b = np.divmod(runs.row, runs.shape[1])
    starts, stops, centres = (np.empty((len(first), 3), float) for _ in range(3))
    sums = (a * lengths, b * lengths, (runs.start.astype(np.int64) + runs.stop - 1) * lengths / 2)
    for at, (low, high, total) in enumerate(
        zip((a, b, runs.start), (a + 1, b + 1, runs.stop), sums, strict=True)
    ):
        axis = order[at]
        starts[:, axis] = np.minimum.reduceat(low, first)
        stops[:, axis] = np.maximum.reduceat(high, first)
        centres[:, axis] = np.add.reduceat(total, first) / voxels
    shape = np.array(runs.shape)[np.argsort(order)]
    corner = np.ravel_multi_index(tuple(starts.astype(int).T), tuple(shape))
    edge = (((starts == 0) | (stops == shape)) & (shape > 1)).any(axis=1)
    centroids = centres @ affine[:3, :3].T + affine[:3, 3]
    lesions: list[tuple[int, Lesion]] = []
    for n in np.lexsort((runs.value[first], corner, -voxels)):
        own = runs.take(np.arange(first[n], ends[n]))
        x, y, z = (float(c) for c in centroids[n])
        lesion = Lesion(
            id=len(lesions) + 1,
            label=names[n],
            voxels=int(voxels[n]),
            volume_ml=float(voxels[n] * voxel_mm3 / 1000.0),
            diameter_mm=float((6.0 * voxels[n] * voxel_mm3 / math.pi) ** (1 / 3)),
            long_axis_mm=long_axis_mm(own, order, affine),
            centroid_lps_mm=(x, y, z),
            bbox_start_ijk=_three(starts[n]),
            bbox_stop_ijk=_three(stops[n]),
            touches_edge=bool(edge[n]),
        )
        lesions.append((int(n), lesion))
    return lesions


def _three(index: Array) -> tuple[int, int, int]:
    return int(index[0]), int(index[1]), int(index[2])
