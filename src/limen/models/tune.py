"""How good the weights are on the tune cases, found as production will find it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from limen.data.volume import Array
from limen.models.decide import labels_from_scores
from limen.models.sampling import TrainingCase, Window
from limen.models.windows import blended_scores

if TYPE_CHECKING:
    from limen.product.declaration import ModelInput, ModelOutput, Task


@dataclass(frozen=True)
class TuneScore:
    """What was found on the tune cases. These chose the weights, so they prove nothing.

    Attributes
    ----------
    dice : float
        2 x voxels right / (voxels marked + voxels of the reference), each summed over all cases
        first (a case without lesions has no Dice of its own); the mean over the labels. 1 when
        there is nothing to find and nothing was marked.
    found, present : int
        Lesions of the references that a mark overlaps, and all of them. Lesions and marks are
        connected by 26 neighbours, on the model's grid.
    false_marks : int
        Marks that overlap no lesion.
    cases : int
    value : float
        Decides which weights are kept: for lesion detection the mean of ``dice`` and the lesions'
        F1 = 2 found / (2 found + missed + false marks); for segmentation ``dice``.
    """

    dice: float
    found: int
    present: int
    false_marks: int
    cases: int
    value: float

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def tune_score(
    cases: Sequence[TrainingCase],
    run: Callable[[Array], Array],
    window: Window | None,
    spec: ModelInput,
    output: ModelOutput,
    task: Task,
) -> TuneScore:
    """Mark every case with a sliding window, decide as declared, compare with the references.

    Parameters
    ----------
    run : callable
        The network on (N, x, y, z) float32 windows, giving (N, C, x, y, z) scores.
    window : (x, y, z) or None
        None: the whole image, padded to ``spec.multiple_of``.
    """
    both: dict[int, int] = {}
    either: dict[int, int] = {}
    found = present = false_marks = 0
    for case in cases:
        values = case.values.astype(np.float32)
        whole = tuple(-(-n // m) * m for n, m in zip(values.shape, spec.multiple_of, strict=True))
        scores = blended_scores(
            values,
            window or (whole[0], whole[1], whole[2]),
            run,
            overlap=spec.overlap,
            batch=spec.batch,
            padding=case.padding,
        )
        grid = case.geometry
        marks = labels_from_scores(scores, grid, grid, output, task, "a tune case").values
        for value in task.labels.values():
            marked, truth = marks == value, case.labels == value
            both[value] = both.get(value, 0) + int((marked & truth).sum())
            either[value] = either.get(value, 0) + int(marked.sum()) + int(truth.sum())
            hit, missed = _overlapped(truth, marked)
            found, present = found + hit, present + hit + missed
            false_marks += _overlapped(marked, truth)[1]
    dice = float(np.mean([2 * both[v] / either[v] if either[v] else 1.0 for v in both]))
    kept_by = dice
    if task.kind == "lesion-detection":
        wrong = present - found + false_marks
        kept_by = (dice + (2 * found / (2 * found + wrong) if found + wrong else 1.0)) / 2
    return TuneScore(dice, found, present, false_marks, len(cases), kept_by)


def _overlapped(parts: Array, other: Array) -> tuple[int, int]:
    """How many connected parts overlap the other mask, and how many do not."""
    from scipy.ndimage import generate_binary_structure, label

    numbered, n = label(parts, structure=generate_binary_structure(3, 3))
    hit = len(np.unique(numbered[other & parts]))
    return hit, n - hit
