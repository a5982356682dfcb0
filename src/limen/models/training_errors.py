"""What can stop a training: one class per failure that a caller can act on."""

from __future__ import annotations

from collections.abc import Sequence

from limen.errors import LimenError
from limen.models.errors import ModelError
from limen.product.problems import FileMistakes

_MOST_NAMED = 20


class RecipeError(FileMistakes, ModelError):
    """A recipe is wrong."""

    file_is = "the recipe"


class NoRecipe(ModelError):
    """There is no recipe where one was looked for."""


class TrainingExtraMissing(ModelError):
    """torch, MONAI or onnx, which only training needs, are not installed."""


class CannotTrain(ModelError):
    """What is declared is not a model that ``limen train`` can make."""


class NoTrainingCases(ModelError):
    """There is nothing to train on, or nothing to tune on."""


class BrokenCases(ModelError):
    """Development cases cannot be used; training has not begun."""

    @classmethod
    def of(cls, broken: Sequence[tuple[str, LimenError]]) -> BrokenCases:
        """One error that names every broken case with its own reason."""
        named = [f"{case}: {error.what}" for case, error in broken[:_MOST_NAMED]]
        if len(broken) > _MOST_NAMED:
            named.append(f"and {len(broken) - _MOST_NAMED} more; `limen check` lists all")
        n = len(broken)
        return cls(
            f"{n} development case{'s' if n > 1 else ''} cannot be used, so training did not start",
            found="; ".join(named),
            mend="mend these cases or take them out of their data set",
        )


class ModelExists(ModelError):
    """There is a model already; it is not overwritten unasked."""


class TrainingFailed(ModelError):
    """The weights became NaN or infinite."""


class ExportMismatch(ModelError):
    """The exported model does not answer as the trained one does; nothing was written."""
