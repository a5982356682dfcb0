"""What can stop a training: one class per failure that a caller can act on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from limen.errors import LimenError
from limen.models.errors import ModelError
from limen.product import Problem

_MOST_NAMED = 20


class RecipeError(ModelError):
    """A recipe is wrong; ``problems`` has every mistake, in the order of its lines."""

    problems: tuple[Problem, ...]

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        n = len(self.problems)
        super().__init__(
            "the recipe has a mistake" if n == 1 else f"the recipe has {n} mistakes",
            where=self.problems[0].file,
            found=self.problems[0].found,
            mend=f"expected {self.problems[0].expected}" if n == 1 else "mend each line named",
        )

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.problems,)

    def _text(self) -> str:
        return "\n".join(str(p) for p in self.problems)


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
