"""Predictions that are already on disk, made by whatever made them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from limen.data.case import NoPrediction
from limen.data.read import read_labels
from limen.evidence import digest_json

if TYPE_CHECKING:
    from limen.data.case import Case
    from limen.data.volume import Volume
    from limen.product.declaration import Task


class FrozenPredictions:
    """Label maps on disk, one for each case.

    The file of a case is an input of that case's prediction, so a new file makes only its own
    case stale. What made the files is not known, and the report says so.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._identity = {"labels": digest_json(labels_of(task))}

    def identity(self, digest: Callable[[Path], str]) -> dict[str, str]:
        """``labels`` alone: how the values of the files are understood."""
        return dict(self._identity)

    def require_usable(self) -> None:
        """Nothing: a case without its file is found with the cases."""

    def rehearse(self) -> None:
        """Nothing can be tried out."""

    def answer(self, case: Case, image: Volume) -> tuple[Volume, None]:
        """The label map; nothing says how sure the model is of it."""
        return self.predict(case, image), None

    def predict(self, case: Case, image: Volume) -> Volume:
        """The label map of a case, on the image's own grid.

        Raises
        ------
        NoPrediction
            There is no file for the case.
        DataError
            It cannot be read, lies on another grid, or holds a label that is not declared.
        """
        if case.prediction is None:
            raise NoPrediction(
                "the case has no prediction on disk",
                where=case.id,
                mend="put its label map, named as its image is, into the folder "
                "model.predictions names",
            )
        return read_labels(case.prediction, image.geometry, self._task, f"{case.id}, prediction")


def labels_of(task: Task) -> dict[str, object]:
    """All of a task that decides how a label map from outside is read."""
    return {
        "labels": task.labels,
        "ignored": list(task.ignore_labels),
        "reference": task.reference,
    }
