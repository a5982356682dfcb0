"""The measures a clinician can set a limit on: unit, direction and task of each.

How each is computed, with its conventions and edge cases, stands in ``limen.measures``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Direction = Literal["at_most", "at_least"]
Of = Literal["label", "lesions"]

_BOTH = ("lesion-detection", "segmentation")
_LESIONS = ("lesion-detection",)


@dataclass(frozen=True)
class Measure:
    """A measured quantity that can be a criterion.

    Attributes
    ----------
    unit : str
        Of its values and limits; "" is a plain number or fraction.
    direction : "at_most" or "at_least"
        Which side is good: an error is limited from above, an agreement from below.
    tasks : tuple of str
        Kinds of task that have it.
    description : str
        One line of help.
    title : str
        What it is called in a sentence.
    of : "label" or "lesions"
        Whether it is measured on a whole label (or region), or on the lesions of a case, so that
        a size limit (``min_diameter_mm``) can say which of them count.
    counts : bool
        Whether it counts things, so that its limit is a whole number.
    largest : float or None
        The largest limit that says anything; None where there is none.
    tolerance : "no", "may" or "must"
        Whether ``tolerance_mm`` goes with it.
    """

    unit: str
    direction: Direction
    tasks: tuple[str, ...]
    description: str
    title: str = ""
    of: Of = "label"
    counts: bool = False
    largest: float | None = None
    tolerance: Literal["no", "may", "must"] = "no"


MEASURES: dict[str, Measure] = {
    "missed_lesions": Measure(
        "lesions",
        "at_most",
        _LESIONS,
        "Reference lesions without a matching mark, of min_diameter_mm or more.",
        title="missed lesions",
        of="lesions",
        counts=True,
        tolerance="may",
    ),
    "false_marks": Measure(
        "marks",
        "at_most",
        _LESIONS,
        "Marks that match no reference lesion, of min_diameter_mm or more.",
        title="false marks",
        of="lesions",
        counts=True,
        tolerance="may",
    ),
    "lesion_sensitivity": Measure(
        "",
        "at_least",
        _LESIONS,
        "Share of a case's reference lesions that have a matching mark; 1 without lesions.",
        title="lesion sensitivity",
        of="lesions",
        largest=1.0,
        tolerance="may",
    ),
    "largest_missed_lesion": Measure(
        "mm",
        "at_most",
        _LESIONS,
        "Equal-volume diameter of the largest lesion without a matching mark; 0 if none.",
        title="largest missed lesion",
        of="lesions",
        tolerance="may",
    ),
    "split_lesions": Measure(
        "lesions",
        "at_most",
        _LESIONS,
        "Reference lesions under two marks or more.",
        title="split lesions",
        of="lesions",
        counts=True,
    ),
    "merged_lesions": Measure(
        "lesions",
        "at_most",
        _LESIONS,
        "Reference lesions under a mark that covers another lesion too.",
        title="merged lesions",
        of="lesions",
        counts=True,
    ),
    "centroid_error": Measure(
        "mm",
        "at_most",
        _LESIONS,
        "Largest distance between the centres of a lesion and of the mark matched with it.",
        title="centroid error",
        of="lesions",
    ),
    "lesion_dice": Measure(
        "",
        "at_least",
        _LESIONS,
        "Smallest Dice of a lesion and its mark; a missed lesion has 0, no lesion 1.",
        title="Dice of the worst lesion",
        of="lesions",
        largest=1.0,
    ),
    "dice": Measure(
        "",
        "at_least",
        _BOTH,
        "Overlap of prediction and reference: 0 none, 1 identical.",
        title="Dice",
        largest=1.0,
    ),
    "iou": Measure(
        "",
        "at_least",
        _BOTH,
        "Intersection over union of prediction and reference: 0 none, 1 identical.",
        title="IoU",
        largest=1.0,
    ),
    "volume_error": Measure(
        "mL",
        "at_most",
        _BOTH,
        "Predicted minus reference volume, without its sign.",
        title="volume error",
    ),
    "relative_volume_error": Measure(
        "",
        "at_most",
        _BOTH,
        "Volume error as a fraction of the reference volume.",
        title="relative volume error",
    ),
    "hd": Measure(
        "mm",
        "at_most",
        _BOTH,
        "Largest distance between the two surfaces (Hausdorff).",
        title="HD",
    ),
    "hd95": Measure(
        "mm",
        "at_most",
        _BOTH,
        "95th percentile of the distances between the two surfaces.",
        title="HD95",
    ),
    "assd": Measure(
        "mm",
        "at_most",
        _BOTH,
        "Mean distance between the two surfaces, over all of both.",
        title="ASSD",
    ),
    "masd": Measure(
        "mm",
        "at_most",
        _BOTH,
        "Mean distance between the two surfaces, each direction weighing the same.",
        title="MASD",
    ),
    "nsd": Measure(
        "",
        "at_least",
        _BOTH,
        "Share of both surfaces that lies within tolerance_mm of the other.",
        title="NSD",
        largest=1.0,
        tolerance="must",
    ),
    "boundary_iou": Measure(
        "",
        "at_least",
        _BOTH,
        "Intersection over union of the two outlines, one voxel or tolerance_mm wide.",
        title="boundary IoU",
        largest=1.0,
        tolerance="may",
    ),
    "cldice": Measure(
        "",
        "at_least",
        _BOTH,
        "Overlap of the centrelines of tubes, such as vessels: 0 none, 1 identical.",
        title="clDice",
        largest=1.0,
    ),
}
"""Every measure that can be judged, by the name it has in ``limen.yaml``."""


@dataclass(frozen=True)
class CriteriaTemplate:
    """Criteria to begin with, by what a failure would cost.

    Attributes
    ----------
    task : str
        Kind of task.
    when : str
        For which use they fit.
    criteria : tuple of str
        Lines of YAML.
    """

    task: str
    when: str
    criteria: tuple[str, ...]


TEMPLATES: dict[str, CriteriaTemplate] = {
    "mark": CriteriaTemplate(
        "lesion-detection",
        "a false mark costs a follow-up, a missed lesion a delay",
        (
            "{measure: missed_lesions, min_diameter_mm: 6 mm, at_most: 0}",
            "{measure: false_marks, at_most: 1}",
        ),
    ),
    "rough-location": CriteriaTemplate(
        "lesion-detection",
        "a rough location is enough, because a reader looks there",
        (
            "{measure: missed_lesions, tolerance_mm: 10 mm, at_most: 0}",
            "{measure: false_marks, tolerance_mm: 10 mm, at_most: 2}",
        ),
    ),
    "therapy": CriteriaTemplate(
        "segmentation",
        "the outline itself guides therapy",
        (
            "{measure: nsd, tolerance_mm: 2 mm, at_least: 0.95}",
            "{measure: hd95, at_most: 3 mm}",
        ),
    ),
    "number": CriteriaTemplate(
        "segmentation",
        "a volume goes into the report",
        (
            "{measure: relative_volume_error, at_most: 10 %}",
            "{measure: dice, at_least: 0.8}",
        ),
    ),
}
"""Templates by name. Their limits are places to begin, and nobody's judgment yet."""


def measures_of(task_kind: str) -> list[str]:
    """Names of the measures that a kind of task has."""
    return [name for name, measure in MEASURES.items() if task_kind in measure.tasks]


def volume_unit(volume_ml: float) -> tuple[float, str]:
    """The unit that a volume reads well in, and how many of it are 1 mL: mm³ for those of eyes."""
    return (1e3, "mm³") if 0 < abs(volume_ml) < 0.01 else (1.0, "mL")
