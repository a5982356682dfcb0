"""What the measures mean, in a line or two each."""

from __future__ import annotations

from collections.abc import Sequence

from limen.product.declaration import Criterion, Task

_LESIONS = (
    (
        "Lesion",
        "A connected part of a label: voxels that share a face, an edge or a corner. With a "
        "reference of instances, each value is one lesion.",
    ),
    (
        "Diameter",
        "Of the sphere of equal volume, from every voxel. It is not the long axis a reader "
        "measures in a slice; the two agree for a sphere. Size limits include their value.",
    ),
    (
        "Found and missed",
        "Lesions and marks are matched one to one by any shared voxel: as many pairs as possible, "
        "and of those the best overlap. A lesion without a match is missed.",
    ),
    (
        "False mark",
        "A mark matched with no lesion of any size. A mark on a small lesion is neither a find of "
        "a larger one nor false.",
    ),
)
_OUTLINES = (
    (
        "Dice",
        "Twice the shared volume over the sum of both volumes: 0 apart, 1 the same. Both empty is "
        "1, a correct rejection, and kept out of the mean.",
    ),
    (
        "Volume error",
        "Marked volume minus reference volume; above zero the mark is too large. Limits are held "
        "against it without its sign. Relative: as a share of the reference volume.",
    ),
    (
        "HD95",
        "Of the distances from each surface to the other, the 95th percentile; the larger of the "
        "two directions, in mm in the patient. With one side empty it is not defined, and fails.",
    ),
)
_COUNTS = ("missed_lesions", "false_marks")


def definitions(task: Task, criteria: Sequence[Criterion]) -> list[tuple[str, str]]:
    """Name and definition of every measure that this report can show."""
    lesions = task.kind == "lesion-detection" or any(c.measure in _COUNTS for c in criteria)
    return [*(_LESIONS if lesions else ()), *_OUTLINES]
