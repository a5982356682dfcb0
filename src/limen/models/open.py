"""Opening a declared model, whatever it is made of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from limen.product.declaration import CommandModel, OnnxModel, PredictionsModel

if TYPE_CHECKING:
    from limen.data.case import Case
    from limen.data.volume import Volume
    from limen.product.declaration import Task


class FrozenModel(Protocol):
    """What the pipeline asks of a model."""

    def identity(self, digest: Callable[[Path], str]) -> dict[str, str]:
        """Digests of all that a prediction depends on besides the case, by name.

        Costs next to nothing while no file has moved and ``digest`` remembers.
        """
        ...

    def require_usable(self) -> None:
        """Refuse, before any case is in work, a model that could answer for none."""
        ...

    def rehearse(self) -> None:
        """The same, by trying it out as far as that goes without a case."""
        ...

    def predict(self, case: Case, image: Volume) -> Volume:
        """The label map of a case on the image's own grid: uint8 or uint16, declared values."""
        ...

    def answer(self, case: Case, image: Volume) -> tuple[Volume, float | None]:
        """The label map, and how unsure the model is of it; None where it does not say."""
        ...


def open_model(
    model: OnnxModel | CommandModel | PredictionsModel, root: Path, task: Task
) -> FrozenModel:
    """The model that a product declares.

    Nothing heavy is loaded, and no file read, before the first question.

    Parameters
    ----------
    model : product.OnnxModel, CommandModel or PredictionsModel
    root : Path
        Folder of ``limen.yaml``, from which paths count.
    task : product.Task
    """
    if isinstance(model, OnnxModel):
        from limen.models.onnx_model import FrozenOnnx

        return FrozenOnnx(model, root, task)
    if isinstance(model, CommandModel):
        from limen.models.command import FrozenCommand

        return FrozenCommand(model, root, task)
    from limen.models.predictions import FrozenPredictions

    return FrozenPredictions(task)
