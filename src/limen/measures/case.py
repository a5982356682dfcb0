"""All that is measured on one case."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from limen.measures.errors import ShapeMismatch, UndeclaredValue
from limen.measures.grid import Array, checked_affine, small_labels
from limen.measures.label_pair import LabelPair
from limen.measures.lesions import (
    Kind,
    Lesion,
    Lesions,
    lesions_of,
    match_pairs,
    overlaps,
    pairs_by_centroid,
)
from limen.measures.structures import LabelMeasures, boundary_ious, measure_structures
from limen.product.declaration import Criterion, Task

if TYPE_CHECKING:
    from limen.measures.runs import Runs


@dataclass(frozen=True)
class Wanted:
    """What the criteria ask for beyond what every case is measured by.

    Attributes
    ----------
    nsd_tolerances_mm : tuple of float
        Tolerances of the normalised surface distance.
    cldice : bool
        Whether the centreline Dice is needed, which takes long.
    boundary_widths_mm : tuple of float
        Widths of the outlines of the boundary IoU, beside the one of one voxel.
    """

    nsd_tolerances_mm: tuple[float, ...] = ()
    cldice: bool = False
    boundary_widths_mm: tuple[float, ...] = ()

    @classmethod
    def by(cls, criteria: Iterable[Criterion]) -> Self:
        criteria = list(criteria)

        def stated_mm(measure: str) -> tuple[float, ...]:
            stated = {c.tolerance_mm for c in criteria if c.measure == measure}
            return tuple(sorted(float(mm) for mm in stated if mm is not None))

        return cls(
            stated_mm("nsd"),
            any(c.measure == "cldice" for c in criteria),
            stated_mm("boundary_iou"),
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON; empty when nothing beyond the usual is asked for."""
        plain: dict[str, Any] = {}
        if self.nsd_tolerances_mm:
            plain["nsd_tolerances_mm"] = list(self.nsd_tolerances_mm)
        if self.cldice:
            plain["cldice"] = True
        if self.boundary_widths_mm:
            plain["boundary_widths_mm"] = list(self.boundary_widths_mm)
        return plain


@dataclass(frozen=True, slots=True)
class LesionMeasures(Lesion):
    """A lesion (see :class:`Lesion`), and what it met on the other side.

    Attributes
    ----------
    matched : int or None
        Id of the lesion on the other side that it is matched with, one to one.
    overlap_dice : float or None
        Dice of the matched pair alone.
    overlaps : tuple of int
        Ids of all lesions of its label on the other side that it shares a voxel with.
    """

    matched: int | None = None
    overlap_dice: float | None = None
    overlaps: tuple[int, ...] = ()


@dataclass(frozen=True)
class Measurement:
    """What was measured on one case, before any criterion is known.

    Attributes
    ----------
    task : str
        Kind of the task.
    labels : tuple of LabelMeasures
    reference, prediction : tuple of LesionMeasures, or None
        The lesions of either side; None where the task does not look for lesions.
    regions : Measurement or None
        The same of the task's regions, each a label here; None where there are none.
    """

    task: str
    labels: tuple[LabelMeasures, ...]
    reference: tuple[LesionMeasures, ...] | None = None
    prediction: tuple[LesionMeasures, ...] | None = None
    regions: Measurement | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON; ``lesions`` is left out where the task does not look for lesions."""
        plain: dict[str, Any] = {"task": self.task, "labels": [m.as_dict() for m in self.labels]}
        if self.reference is not None and self.prediction is not None:
            plain["lesions"] = {
                "reference": [_plain(lesion) for lesion in self.reference],
                "prediction": [_plain(lesion) for lesion in self.prediction],
            }
        if self.regions is not None:
            plain["regions"] = self.regions.as_dict()
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`as_dict`."""
        lesions = plain.get("lesions")
        return cls(
            task=plain["task"],
            labels=tuple(LabelMeasures.from_dict(m) for m in plain["labels"]),
            reference=_restored(lesions["reference"]) if lesions is not None else None,
            prediction=_restored(lesions["prediction"]) if lesions is not None else None,
            regions=cls.from_dict(plain["regions"]) if "regions" in plain else None,
        )


# dataclasses.asdict copies deeply, which a hundred thousand lesions feel
_MEASURED = [f.name for f in fields(LesionMeasures)]
_OF_MEASURED = attrgetter(*_MEASURED)

_Sides = tuple[tuple[LesionMeasures, ...], tuple[LesionMeasures, ...]]


def measured_labels(task: Task) -> list[str]:
    """Names of the labels a case of this task is measured by; see :func:`measure_case`."""
    if task.reference == "instances" and len(task.labels) != 1:
        return ["lesion"]
    return list(task.labels)


def measure_case(
    prediction: ArrayLike,
    reference: ArrayLike,
    affine_mm: ArrayLike,
    task: Task,
    wanted: Wanted | None = None,
) -> Measurement:
    """Measure a prediction against its reference.

    Parameters
    ----------
    prediction, reference : (I, J, K) integer array
        Label maps on one grid; 0 is background.
    affine_mm : (4, 4) array
        Voxel index to LPS mm, of that grid.
    task : Task
        Names the labels. With ``reference: mask`` each declared value is a label of its own, in
        both maps, and lesions are the connected components of it. With ``reference: instances``
        every value of the reference is one lesion; the prediction's lesions are the connected
        components of each of its values; all count as one label, named by the only declared
        label or else "lesion". Whole-number ``ignore_labels`` count as background in both.
        A region is measured as the union of its labels, after the labels; so are its lesions.
    wanted : Wanted, optional
        What the criteria ask for beyond the usual.

    Returns
    -------
    Measurement
        Lesions are measured for ``lesion-detection`` only. Matching is one to one by any shared
        voxel, over lesions of all sizes: size limits come later, with the criteria, so that a
        mark on a small lesion is neither a find nor a false mark.

    Raises
    ------
    UndeclaredValue
        For a label value that the task does not declare.
    ShapeMismatch, NotALabelMap, BadAffine
    """
    wanted = wanted or Wanted()
    affine = checked_affine(affine_mm)
    p = small_labels(prediction, "prediction")
    r = small_labels(reference, "reference")
    if p.shape != r.shape:
        raise ShapeMismatch(
            "prediction and reference are not on one grid",
            found=f"shape {p.shape} against {r.shape}",
            mend="bring the prediction onto the grid of the reference",
        )
    pair = LabelPair.of(p, r, affine[:3, :3])
    pair = replace(
        pair,
        prediction=_without_ignored(pair.prediction, task),
        reference=_without_ignored(pair.reference, task),
    )
    instances = task.reference == "instances"
    if instances:
        name = measured_labels(task)[0]
        top = max(int(x.value.max(initial=0)) for x in (pair.prediction, pair.reference))
        structures = {name: tuple(range(1, top + 1))}
    else:
        _check_declared(pair.prediction, task, "prediction")
        _check_declared(pair.reference, task, "reference")
        structures = {name: (value,) for name, value in task.labels.items()} | {
            region: tuple(task.labels[name] for name in names)
            for region, names in task.regions.items()
        }
    tolerances = dict.fromkeys(structures, wanted.nsd_tolerances_mm)
    labels = tuple(measure_structures(pair, structures, tolerances))
    if wanted.boundary_widths_mm:
        ious = boundary_ious(labels, pair, wanted.boundary_widths_mm)
        labels = tuple(replace(m, boundary_iou_at=at) for m, at in zip(labels, ious, strict=True))
    labels = tuple(m.alone(cldice=wanted.cldice) for m in labels)
    own, regions = (
        labels[: len(labels) - len(task.regions)],
        labels[len(labels) - len(task.regions) :],
    )
    names: str | dict[int, str] = {value: name for name, value in task.labels.items()}
    kind: Kind = "mask"
    if instances:
        names, kind = measured_labels(task)[0], "instances"
    looked_for = task.kind == "lesion-detection"
    region = Measurement(task.kind, regions) if regions else None
    if not looked_for:
        return Measurement(task.kind, own, regions=region)
    sides = _sides(pair, affine, names, kind)
    if region is not None:
        united = [
            _sides(_united(pair, task, members), affine, name, "mask")
            for name, members in task.regions.items()
        ]
        true, found = _numbered_on(united)
        region = replace(region, reference=true, prediction=found)
    return Measurement(task.kind, own, *sides, regions=region)


def _sides(pair: LabelPair, affine: Array, names: Mapping[int, str] | str, kind: Kind) -> _Sides:
    """The lesions of reference and prediction, matched."""
    found = lesions_of(pair.prediction, pair.order, affine, names, "mask")
    true = lesions_of(pair.reference, pair.order, affine, names, kind)
    return matched_lesions(true, found)


def _united(pair: LabelPair, task: Task, members: Sequence[str]) -> LabelPair:
    """Both sides with the labels of a region as one value, and nothing else."""
    table = np.zeros(65536, np.int32)
    table[[task.labels[name] for name in members]] = 1
    return replace(
        pair,
        prediction=pair.prediction.relabelled(table).joined(),
        reference=pair.reference.relabelled(table).joined(),
    )


def _numbered_on(parts: Sequence[_Sides]) -> _Sides:
    """Lesions of several regions in one list, with ids that go on from region to region."""
    every_true: tuple[LesionMeasures, ...] = ()
    every_found: tuple[LesionMeasures, ...] = ()
    for true, found in parts:
        n_true, n_found = len(every_true), len(every_found)
        every_true += tuple(_moved(x, n_true, n_found) for x in true)
        every_found += tuple(_moved(x, n_found, n_true) for x in found)
    return every_true, every_found


def _moved(lesion: LesionMeasures, own: int, other: int) -> LesionMeasures:
    return replace(
        lesion,
        id=lesion.id + own,
        matched=None if lesion.matched is None else lesion.matched + other,
        overlaps=tuple(n + other for n in lesion.overlaps),
    )


def matched_lesions(
    true: Lesions, found: Lesions, min_iou: float = 0.0, max_centroid_mm: float | None = None
) -> _Sides:
    """The lesions of either side, each with what it met; rules of
    :func:`limen.measures.match_lesions`."""
    touching = overlaps(true, found)
    if max_centroid_mm is None:
        pairs = match_pairs(touching, min_iou)
    else:
        pairs = pairs_by_centroid(true, found, touching, max_centroid_mm)
    return (
        _side(
            true,
            {p.reference: (p.prediction, p.dice) for p in pairs},
            [(p.reference, p.prediction) for p in touching],
        ),
        _side(
            found,
            {p.prediction: (p.reference, p.dice) for p in pairs},
            [(p.prediction, p.reference) for p in touching],
        ),
    )


def _side(
    lesions: Lesions,
    partner: Mapping[int, tuple[int, float]],
    touching: list[tuple[int, int]],
) -> tuple[LesionMeasures, ...]:
    others: dict[int, list[int]] = {}
    for own, other in touching:
        others.setdefault(own, []).append(other)
    found = []
    for at, row in enumerate(zip(*lesions.columns, strict=True), 1):
        match, overlap = partner.get(at, (None, None))
        touched = tuple(sorted(others.get(at, ())))
        found.append(LesionMeasures(at, *row, match, overlap, touched))  # type: ignore[call-arg]
    return tuple(found)


def _without_ignored(runs: Runs, task: Task) -> Runs:
    ignored = [v for v in task.ignore_labels if isinstance(v, int)]
    return runs.take(~np.isin(runs.value, ignored)) if ignored else runs


def _check_declared(runs: Runs, task: Task, what: str) -> None:
    declared = set(task.labels.values())
    extra = [int(v) for v in np.unique(runs.value) if int(v) not in declared]
    if extra:
        raise UndeclaredValue(
            f"the {what} holds label values that the task does not declare",
            found=", ".join(map(str, extra[:10])),
            mend=f"declare them under task.labels (now {dict(task.labels)}), "
            "or name them under task.ignore_labels",
        )


def _plain(lesion: LesionMeasures) -> dict[str, Any]:
    values = zip(_MEASURED, _OF_MEASURED(lesion), strict=True)
    return {k: list(v) if isinstance(v, tuple) else v for k, v in values}


def _restored(rows: list[Mapping[str, Any]]) -> tuple[LesionMeasures, ...]:
    fields: list[dict[str, Any]] = [
        {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()} for row in rows
    ]
    return tuple(LesionMeasures(**f) for f in fields)
