"""Lesions of two label maps, found, missed and false, without a product."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from limen.measures.case import LesionMeasures, matched_lesions
from limen.measures.errors import BadValue
from limen.measures.grid import small_labels
from limen.measures.label_pair import ByValue, LabelPair, structures_of
from limen.measures.lesions import Kind, lesions_of
from limen.measures.runs import Runs


@dataclass(frozen=True)
class Detection:
    """Lesions of one label in one case.

    A lesion counts from ``min_diameter_mm`` on. Lesions of all sizes are matched: a mark on a
    lesion under the limit is neither a find nor a false mark.

    Attributes
    ----------
    label : str
    reference, prediction : tuple of LesionMeasures
        All lesions of either side, of every size, largest first.
    min_diameter_mm : float
    """

    label: str
    reference: tuple[LesionMeasures, ...]
    prediction: tuple[LesionMeasures, ...]
    min_diameter_mm: float = 0.0

    @property
    def present(self) -> tuple[LesionMeasures, ...]:
        return tuple(x for x in self.reference if x.diameter_mm >= self.min_diameter_mm)

    @property
    def found(self) -> tuple[LesionMeasures, ...]:
        return tuple(x for x in self.present if x.matched is not None)

    @property
    def missed(self) -> tuple[LesionMeasures, ...]:
        return tuple(x for x in self.present if x.matched is None)

    @property
    def false_marks(self) -> tuple[LesionMeasures, ...]:
        marks = (x for x in self.prediction if x.diameter_mm >= self.min_diameter_mm)
        return tuple(x for x in marks if x.matched is None)

    @property
    def split(self) -> tuple[LesionMeasures, ...]:
        """Reference lesions under two marks or more."""
        return tuple(x for x in self.present if len(x.overlaps) > 1)

    @property
    def merged(self) -> tuple[LesionMeasures, ...]:
        """Reference lesions under a mark that covers another lesion too."""
        shared = {x.id for x in self.prediction if len(x.overlaps) > 1}
        return tuple(x for x in self.present if shared & set(x.overlaps))

    @property
    def sensitivity(self) -> float | None:
        """Share of the lesions that are found; None without lesions."""
        return len(self.found) / len(self.present) if self.present else None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON: the counts, then the lesions."""
        counts = ("present", "found", "missed", "false_marks", "split", "merged")
        return {
            "label": self.label,
            "min_diameter_mm": self.min_diameter_mm,
            **{name: len(getattr(self, name)) for name in counts},
            "sensitivity": self.sensitivity,
            "lesions": {
                side: [asdict(x) for x in getattr(self, side)]
                for side in ("reference", "prediction")
            },
        }


def detection(
    prediction: ArrayLike | str | Path,
    reference: ArrayLike | str | Path,
    *,
    spacing_mm: Sequence[float] | None = None,
    affine_mm: ArrayLike | None = None,
    image: str | Path | None = None,
    labels: Iterable[int] | Mapping[str, int | Sequence[int]] | None = None,
    reference_kind: Kind = "mask",
    min_diameter_mm: float = 0.0,
    min_iou: float = 0.0,
    max_centroid_mm: float | None = None,
) -> dict[Any, Detection]:
    """The lesions of each label, matched one to one.

    Parameters
    ----------
    prediction, reference, spacing_mm, affine_mm, image, labels
        As for :func:`limen.measures.segmentation`. A name with several values is one label.
    reference_kind : "mask" or "instances"
        mask: lesions are the connected components of the label; instances: each value of the
        reference that belongs to the label is one lesion. The prediction's are components.
    min_diameter_mm : float
        Equal-volume diameter from which on a lesion counts.
    min_iou, max_centroid_mm
        When two lesions may be matched; see :func:`limen.measures.match_lesions`.

    Returns
    -------
    dict of Detection
        By label. Places are in LPS mm; of arrays with a spacing alone, from the centre of the
        first voxel.

    Raises
    ------
    MeasureError
        As :func:`limen.measures.segmentation`.
    """
    from limen.measures.files import opened

    if not (np.isfinite(min_diameter_mm) and min_diameter_mm >= 0):
        raise BadValue("the least diameter is not zero or more", found=str(min_diameter_mm))
    p, r, affine, flat, names = opened(prediction, reference, spacing_mm, affine_mm, labels, image)
    pair = LabelPair.of(small_labels(p, "prediction"), small_labels(r, "reference"),
                        affine[:3, :3], flat=flat)  # fmt: skip
    structures = structures_of(
        (pair.prediction, pair.reference), labels if labels is not None else names, (p, r)
    )
    top = max(max(values) for values in structures.values())
    top = max(top, *(int(x.value.max(initial=0)) for x in (pair.prediction, pair.reference)))
    by_value = ByValue(pair.prediction, top), ByValue(pair.reference, top)
    found = {}
    for name, values in structures.items():
        own, true = (side.of(values) for side in by_value)
        kind = reference_kind
        if kind == "mask":
            true = _as_one(true)
        sides = matched_lesions(
            lesions_of(true, pair.order, affine, str(name), kind),
            lesions_of(_as_one(own), pair.order, affine, str(name), "mask"),
            min_iou,
            max_centroid_mm,
        )
        found[name] = Detection(str(name), *sides, float(min_diameter_mm))
    return found


def _as_one(runs: Runs) -> Runs:
    """Runs of several values as those of one."""
    return runs.with_values(np.ones(len(runs), np.int32)).joined()
