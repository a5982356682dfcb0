"""Lesions: single ones out of a label map, their size and place, and which found which."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from limen.measures.errors import BadValue, ShapeMismatch, UndeclaredValue
from limen.measures.grid import Array, checked_affine, small_labels, voxel_volume_mm3
from limen.measures.matching import assign

if TYPE_CHECKING:
    from limen.measures.runs import Runs

Kind = Literal["mask", "instances"]


@dataclass(frozen=True, slots=True)
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
    columns : tuple of lists
        The same attribute by attribute, in the order of :class:`Lesion` and without the id: of a
        hundred thousand specks nobody wants objects twice.
    runs : Runs
        Of all lesions, their ids as values.
    order : (int, int, int)
        Which axis of the map each axis of the runs is.
    shape : (int, int, int)
        Of the map.
    """

    columns: tuple[Sequence[Any], ...]
    runs: Runs
    order: tuple[int, int, int]
    shape: tuple[int, int, int]

    def __len__(self) -> int:
        return len(self.columns[0])

    @cached_property
    def lesions(self) -> tuple[Lesion, ...]:
        return tuple(Lesion(at, *row) for at, row in enumerate(zip(*self.columns, strict=True), 1))


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

    given, values = runs, np.unique(runs.value)
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
    first = np.searchsorted(part, np.arange(n + 1))
    label_of = [str(named[v]) for v in runs.value[first[:-1]].tolist()]
    columns, places = _describe(runs, first, order, affine_mm, label_of)
    ids = np.empty(n, np.int32)
    ids[places] = np.arange(1, n + 1)
    # back into the order of rows
    numbered = np.empty(len(runs), np.int32)
    numbered[by_part] = ids[part]
    runs = given.with_values(numbered)
    return Lesions(columns, runs, order, _turned(runs.shape, order))


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
    label_r, label_p = (np.array(side.columns[0], object) for side in (reference, prediction))
    size_r, size_p = (np.array(side.columns[1], np.int64) for side in (reference, prediction))
    id_r, id_p, shared = shared_voxels(reference.runs, prediction.runs)
    alike = label_r[id_r - 1] == label_p[id_p - 1]
    id_r, id_p, shared = id_r[alike], id_p[alike], shared[alike]
    both = size_r[id_r - 1] + size_p[id_p - 1]
    table = (id_r, id_p, shared, shared / (both - shared), 2 * shared / both)
    return [Pair(*row) for row in zip(*(column.tolist() for column in table), strict=True)]


def in_order(lesions: Lesions, order: tuple[int, int, int]) -> Lesions:
    """The same lesions with runs along another axis."""
    from limen.measures.runs import runs_of

    image = lesions.runs.map().transpose(np.argsort(lesions.order))
    runs = runs_of(np.ascontiguousarray(image.transpose(order)))
    return Lesions(lesions.columns, runs, order, lesions.shape)


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
    return pairs_by_centroid(reference, prediction, touching, max_centroid_mm)


def pairs_by_centroid(
    reference: Lesions, prediction: Lesions, touching: Sequence[Pair], within_mm: float
) -> tuple[Pair, ...]:
    """Lesions matched by their centroids, with the overlap of each pair."""
    met = {(p.reference, p.prediction): p for p in touching}
    near = match_centroids(reference.lesions, prediction.lesions, within_mm)
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
    pairs: list[tuple[int, int]] = []
    quality: list[float] = []
    for label in sorted({x.label for x in reference}):
        own = [x for x in reference if x.label == label]
        others = [x for x in prediction if x.label == label]
        near = _near([x.centroid_lps_mm for x in own], [x.centroid_lps_mm for x in others],
                     within_mm)  # fmt: skip
        pairs += [(own[i].id, others[j].id) for i, j, _ in near]
        quality += [1.0 - far / within_mm for _, _, far in near]
    return sorted(pairs[n] for n in assign(pairs, quality))


def _near(
    one: Sequence[tuple[float, ...]], other: Sequence[tuple[float, ...]], within_mm: float
) -> list[tuple[int, int, float]]:
    """Places of points no further apart than this, and how far they are; its end included."""
    from scipy.spatial import cKDTree

    if not one or not other:
        return []
    found = cKDTree(one).query_ball_tree(cKDTree(other), within_mm * (1 + 1e-9))
    pairs = [(i, j, math.dist(one[i], other[j])) for i, near in enumerate(found) for j in near]
    return [pair for pair in pairs if pair[2] <= within_mm]


def _describe(
    runs: Runs, first: Array, order: tuple[int, int, int], affine: Array, names: list[str]
) -> tuple[tuple[Sequence[Any], ...], Array]:
    """The columns of the lesions, largest first, and which of the parts each of them is.

    ``runs`` are ordered by part; those of part n begin at ``first[n]``.
    """
    from limen.measures.long_axis import long_axes_mm

    if not names:
        return ((),) * 9, np.zeros(0, np.int64)
    voxel_mm3 = voxel_volume_mm3(affine)
    begin = first[:-1]
    lengths = runs.lengths.astype(np.int64)
    voxels = np.add.reduceat(lengths, begin)
    a, b = np.divmod(runs.row, runs.shape[1])
    n = len(names)
    starts, stops, centres = (
        np.empty((n, 3), np.int64),
        np.empty((n, 3), np.int64),
        np.empty((n, 3)),
    )
    sums = (a * lengths, b * lengths, (runs.start.astype(np.int64) + runs.stop - 1) * lengths / 2)
    for at, (low, high, total) in enumerate(
        zip((a, b, runs.start), (a + 1, b + 1, runs.stop), sums, strict=True)
    ):
        axis = order[at]
        starts[:, axis] = np.minimum.reduceat(low, begin)
        stops[:, axis] = np.maximum.reduceat(high, begin)
        centres[:, axis] = np.add.reduceat(total, begin) / voxels
    shape = np.array(_turned(runs.shape, order))
    corner = np.ravel_multi_index(tuple(starts.T), tuple(shape))
    edge = (((starts == 0) | (stops == shape)) & (shape > 1)).any(axis=1)
    centroids = centres @ affine[:3, :3].T + affine[:3, 3]
    by_size = np.lexsort((runs.value[begin], corner, -voxels))
    columns = (
        [names[at] for at in by_size.tolist()],
        voxels[by_size].tolist(),
        (voxels * voxel_mm3 / 1000.0)[by_size].tolist(),
        np.cbrt(6.0 * voxels * voxel_mm3 / math.pi)[by_size].tolist(),
        long_axes_mm(runs, first, order, affine)[by_size].tolist(),
        *(
            list(zip(*(x.tolist() for x in three[by_size].T), strict=True))
            for three in (centroids, starts, stops)
        ),
        edge[by_size].tolist(),
    )
    return columns, by_size


def _turned(shape: tuple[int, int, int], order: tuple[int, int, int]) -> tuple[int, int, int]:
    """The shape of the map whose runs have this one."""
    turned = [shape[at] for at in np.argsort(order)]
    return turned[0], turned[1], turned[2]
