"""All that is measured on one case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from limen.measures.distance import hd95_mm
from limen.measures.errors import ShapeMismatch, UndeclaredValue, Undefined
from limen.measures.grid import Array, checked_affine, checked_labels
from limen.measures.lesions import Kind, Lesion, Lesions, find_lesions, match_pairs, overlaps
from limen.measures.overlap import dice, relative_volume_error, volume_ml
from limen.product.declaration import Task


@dataclass(frozen=True)
class LabelMeasures:
    """Overlap, volume and distance of one label in one case.

    A value that is not defined is None, and ``undefined`` says why, by the value's name.
    With reference and prediction both empty the case is a correct rejection of this label:
    Dice is 1 and every error 0, by convention and not by measurement.
    """

    label: str
    dice: float
    volume_reference_ml: float
    volume_prediction_ml: float
    volume_error_ml: float
    """Signed: above zero the prediction is too large."""
    relative_volume_error: float | None
    """Signed, as a fraction of the reference volume."""
    hd95_mm: float | None
    correct_rejection: bool
    undefined: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
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
    """

    task: str
    labels: tuple[LabelMeasures, ...]
    reference: tuple[LesionMeasures, ...] | None = None
    prediction: tuple[LesionMeasures, ...] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON; ``lesions`` is left out where the task does not look for lesions."""
        plain: dict[str, Any] = {"task": self.task, "labels": [asdict(m) for m in self.labels]}
        if self.reference is not None and self.prediction is not None:
            plain["lesions"] = {
                "reference": [_plain(lesion) for lesion in self.reference],
                "prediction": [_plain(lesion) for lesion in self.prediction],
            }
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`as_dict`."""
        lesions = plain.get("lesions")
        return cls(
            task=plain["task"],
            labels=tuple(LabelMeasures(**m) for m in plain["labels"]),
            reference=_restored(lesions["reference"]) if lesions is not None else None,
            prediction=_restored(lesions["prediction"]) if lesions is not None else None,
        )


def measured_labels(task: Task) -> list[str]:
    """Names of the labels a case of this task is measured by; see :func:`measure_case`."""
    if task.reference == "instances" and len(task.labels) != 1:
        return ["lesion"]
    return list(task.labels)


def measure_case(
    prediction: ArrayLike, reference: ArrayLike, affine_mm: ArrayLike, task: Task
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
    affine = checked_affine(affine_mm)
    p = checked_labels(prediction, "prediction")
    r = checked_labels(reference, "reference")
    if p.shape != r.shape:
        raise ShapeMismatch(
            "prediction and reference are not on one grid",
            found=f"shape {p.shape} against {r.shape}",
            mend="bring the prediction onto the grid of the reference",
        )
    # C order once: most that follows is several times slower on Fortran order (NIfTI)
    p = np.ascontiguousarray(_without_ignored(p, task))
    r = np.ascontiguousarray(_without_ignored(r, task))
    if task.reference == "instances":
        sides = {measured_labels(task)[0]: (p != 0, r != 0)}
    else:
        _check_declared(p, task, "prediction")
        _check_declared(r, task, "reference")
        sides = {name: (p == value, r == value) for name, value in task.labels.items()}
    labels = tuple(_measure_label(name, *masks, affine) for name, masks in sides.items())
    if task.kind != "lesion-detection":
        return Measurement(task.kind, labels)

    names: str | dict[int, str] = {value: name for name, value in task.labels.items()}
    kind: Kind = "mask"
    if task.reference == "instances":
        names, kind = measured_labels(task)[0], "instances"
    found = find_lesions(p, affine, names, "mask")
    true = find_lesions(r, affine, names, kind)
    return Measurement(task.kind, labels, *_matched(true, found))


def _measure_label(name: str, p: Array, r: Array, affine: Array) -> LabelMeasures:
    undefined: dict[str, str] = {}
    relative = distance = None
    try:
        relative = relative_volume_error(p, r)
    except Undefined as e:
        undefined["relative_volume_error"] = e.what
    try:
        distance = hd95_mm(p, r, affine)
    except Undefined as e:
        undefined["hd95_mm"] = e.what
    volume_p, volume_r = volume_ml(p, affine), volume_ml(r, affine)
    return LabelMeasures(
        label=name,
        dice=dice(p, r),
        volume_reference_ml=volume_r,
        volume_prediction_ml=volume_p,
        volume_error_ml=volume_p - volume_r,
        relative_volume_error=relative,
        hd95_mm=distance,
        correct_rejection=volume_p == volume_r == 0.0,
        undefined=undefined,
    )


def _matched(
    true: Lesions, found: Lesions
) -> tuple[tuple[LesionMeasures, ...], tuple[LesionMeasures, ...]]:
    touching = overlaps(true, found)
    pairs = match_pairs(touching)
    return (
        _side(
            true.lesions,
            {p.reference: (p.prediction, p.dice) for p in pairs},
            [(p.reference, p.prediction) for p in touching],
        ),
        _side(
            found.lesions,
            {p.prediction: (p.reference, p.dice) for p in pairs},
            [(p.prediction, p.reference) for p in touching],
        ),
    )


def _side(
    lesions: tuple[Lesion, ...],
    partner: Mapping[int, tuple[int, float]],
    touching: list[tuple[int, int]],
) -> tuple[LesionMeasures, ...]:
    others: dict[int, list[int]] = {}
    for own, other in touching:
        others.setdefault(own, []).append(other)
    rows = []
    for lesion in lesions:
        matched, overlap = partner.get(lesion.id, (None, None))
        touched = tuple(sorted(others.get(lesion.id, [])))
        met: dict[str, Any] = {"matched": matched, "overlap_dice": overlap, "overlaps": touched}
        rows.append(LesionMeasures(**vars(lesion), **met))
    return tuple(rows)


def _without_ignored(labels: Array, task: Task) -> Array:
    ignored = [v for v in task.ignore_labels if isinstance(v, int)]
    if not ignored:
        return labels
    return np.where(np.isin(labels, ignored), 0, labels)


def _check_declared(labels: Array, task: Task, what: str) -> None:
    declared = set(task.labels.values())
    extra = [int(v) for v in np.unique(labels[labels != 0]) if int(v) not in declared]
    if extra:
        raise UndeclaredValue(
            f"the {what} holds label values that the task does not declare",
            found=", ".join(map(str, extra[:10])),
            mend=f"declare them under task.labels (now {dict(task.labels)}), "
            "or name them under task.ignore_labels",
        )


def _plain(lesion: LesionMeasures) -> dict[str, Any]:
    return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(lesion).items()}


def _restored(rows: list[Mapping[str, Any]]) -> tuple[LesionMeasures, ...]:
    fields: list[dict[str, Any]] = [
        {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()} for row in rows
    ]
    return tuple(LesionMeasures(**f) for f in fields)
