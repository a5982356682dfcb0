"""What the measures mean, in a line or two each."""

from __future__ import annotations

from collections.abc import Sequence

from limen.product.criteria import MEASURES
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
_SURFACE = (
    "Surfaces are the voxels with a face neighbour outside, distances run between their centres, "
    "in mm in the patient. "
)
_FURTHER = {
    "iou": ("IoU", "Shared volume over the volume of both together: 0 apart, 1 the same."),
    "hd": ("HD", _SURFACE + "The largest distance from either surface to the other."),
    "assd": ("ASSD", _SURFACE + "The mean over all voxels of both surfaces."),
    "masd": ("MASD", _SURFACE + "The mean of the two directed means."),
    "nsd": (
        "NSD",
        "Normalised surface distance: " + _SURFACE + "The share of both surfaces that lies no "
        "further than the tolerance from the other. With one side empty it is 0.",
    ),
    "boundary_iou": ("Boundary IoU", "Intersection over union of the two surfaces, in voxels."),
    "cldice": (
        "clDice",
        "Harmonic mean of two shares: of the mark's centreline inside the reference, and of the "
        "reference's inside the mark. For tubes, such as vessels.",
    ),
    "lesion_sensitivity": (
        "Lesion sensitivity",
        "Share of a case's lesions that are found; 1 where there is nothing to find.",
    ),
    "largest_missed_lesion": (
        "Largest missed lesion",
        "Diameter of the largest lesion of a case that is missed; 0 where none is.",
    ),
    "split_lesions": ("Split lesion", "A lesion under two marks or more."),
    "merged_lesions": ("Merged lesion", "A lesion under a mark that covers another one too."),
    "centroid_error": (
        "Centroid error",
        "Largest distance between the centre of a lesion and of its mark. Where lesions are "
        "there and none is found it is not defined, and fails.",
    ),
    "lesion_dice": (
        "Dice of the worst lesion",
        "Smallest Dice of a lesion and its mark; 0 for a missed lesion, 1 without lesions.",
    ),
}
_TOLERANCE = (
    "Within a tolerance",
    "Lesions and marks are matched one to one when their centres lie that close, whether they "
    "overlap or not: as many pairs as possible, and of those the closest.",
)


def definitions(task: Task, criteria: Sequence[Criterion]) -> list[tuple[str, str]]:
    """Name and definition of every measure that this report can show."""
    judged = [c.measure for c in criteria]
    lesions = task.kind == "lesion-detection" or any(
        MEASURES[name].of == "lesions" for name in judged if name in MEASURES
    )
    near = any(c.tolerance_mm is not None and c.measure != "nsd" for c in criteria)
    return [
        *(_LESIONS if lesions else ()),
        *((_TOLERANCE,) if near else ()),
        *_OUTLINES,
        *(_FURTHER[name] for name in _FURTHER if name in judged),
    ]
