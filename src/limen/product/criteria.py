"""The measures a clinician can set a limit on: unit, direction and task of each.

How each is computed, with its conventions and edge cases, stands in ``limen.measures``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Direction = Literal["at_most", "at_least"]

_BOTH = ("lesion-detection", "segmentation")


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
    counts : bool
        Whether it counts things, so that its limit is a whole number, and a size limit
        (``min_diameter_mm``) can say which of them count.
    largest : float or None
        The largest limit that says anything; None where there is none.
    description : str
        One line of help.
    """

    unit: str
    direction: Direction
    tasks: tuple[str, ...]
    description: str
    counts: bool = False
    largest: float | None = None


MEASURES: dict[str, Measure] = {
    "missed_lesions": Measure(
        "lesions",
        "at_most",
        ("lesion-detection",),
        "Reference lesions without a matching mark, of min_diameter_mm or more.",
        counts=True,
    ),
    "false_marks": Measure(
        "marks",
        "at_most",
        ("lesion-detection",),
        "Marks that match no reference lesion, of min_diameter_mm or more.",
        counts=True,
    ),
    "dice": Measure(
        "",
        "at_least",
        _BOTH,
        "Overlap of prediction and reference: 0 none, 1 identical.",
        largest=1.0,
    ),
    "volume_error": Measure(
        "mL", "at_most", _BOTH, "Predicted minus reference volume, without its sign."
    ),
    "relative_volume_error": Measure(
        "", "at_most", _BOTH, "Volume error as a fraction of the reference volume."
    ),
    "hd95": Measure(
        "mm",
        "at_most",
        _BOTH,
        "95th percentile of the distances between the two surfaces.",
    ),
}
"""Every measure that can be judged, by the name it has in ``limen.yaml``."""


def measures_of(task_kind: str) -> list[str]:
    """Names of the measures that a kind of task has."""
    return [name for name, measure in MEASURES.items() if task_kind in measure.tasks]
