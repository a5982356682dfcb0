"""What must be settled before a training starts: packages, patients, channels and windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from limen.data.splits import split_patients
from limen.models.decide import channel_plan
from limen.models.training_errors import CannotTrain, NoTrainingCases, TrainingExtraMissing
from limen.product import OnnxModel

if TYPE_CHECKING:
    from limen.data.case import Case
    from limen.models.recipe import Recipe
    from limen.models.sampling import Window
    from limen.product import Declaration, ModelOutput, Task

_MOST_CHANNELS = 64


@dataclass(frozen=True)
class Plan:
    """What the declaration asks for: its channels and windows, found to fit the recipe.

    ``channel_of`` maps each label value to its channel; ``background`` is the channel of all else.
    """

    model: OnnxModel
    task: Task
    window: Window
    channels: int
    channel_of: dict[int, int]
    background: int


def plan_training(declaration: Declaration, recipe: Recipe) -> Plan:
    """Hold recipe and declaration against each other.

    Raises
    ------
    CannotTrain
    """
    model, task = declaration.model, declaration.task
    if not isinstance(model, OnnxModel):
        raise CannotTrain(
            "only a model declared as onnx can be trained here",
            where="model",
            mend="declare model.onnx: model/NAME.onnx with its input and output",
        )
    if model.output.holds != "scores" or model.output.activation != "softmax":
        raise CannotTrain(
            "`limen train` makes models that end in a softmax over scores",
            where="model.output",
            found=f"holds: {model.output.holds}, activation: {model.output.activation}",
            mend="set holds: scores and activation: softmax",
        )
    if task.reference == "instances" and len(task.labels) > 1:
        raise CannotTrain(
            "with reference: instances the references do not say which label a lesion has",
            where="task.labels",
            found=f"{len(task.labels)} labels",
            mend="declare one label",
        )
    channel_of, background, channels = _channels(model.output, task)
    channel_plan(model.output, task, channels, "model.output")
    return Plan(model, task, _window(model, recipe), channels, channel_of, background)


def _channels(output: ModelOutput, task: Task) -> tuple[dict[int, int], int, int]:
    given = output.channels
    channel_of = {v: v if given is None else given.get(n, v) for n, v in task.labels.items()}
    taken = set(channel_of.values())
    count = max(taken) + 1
    if len(taken) == count:
        count += 1
    if count > _MOST_CHANNELS or len(taken) < len(channel_of):
        raise CannotTrain(
            f"the labels need {count} channels"
            if count > _MOST_CHANNELS
            else "two labels share a channel",
            where="model.output.channels",
            found=", ".join(f"{name}: {channel_of[v]}" for name, v in task.labels.items()),
            mend="give the labels channels of their own from 1 on; 0 is background",
        )
    return channel_of, min(set(range(count)) - taken), count


def _window(model: OnnxModel, recipe: Recipe) -> Window:
    window, shrinks = recipe.patch or model.input.patch, recipe.network.shrinks
    if window is None:
        raise CannotTrain(
            "neither the recipe nor the declaration says how large a patch is",
            where="patch",
            mend="set patch: [96, 96, 32] in the recipe, or model.input.patch",
        )
    used = {"patch of the recipe": window}
    if model.input.patch is not None:
        used["model.input.patch"] = model.input.patch
    else:
        used["model.input.multiple_of"] = model.input.multiple_of
    for name, size in used.items():
        if any(n % s for n, s in zip(size, shrinks, strict=True)):
            raise CannotTrain(
                "the network's down-sampling does not divide the window evenly",
                where=name,
                found=f"{list(size)}; the strides make it {list(shrinks)} times smaller",
                mend="choose multiples of the latter, or smaller strides",
            )
    return window


def require_torch() -> None:
    """Refuse, and say how to install it, where the extra ``train`` is not installed."""
    from importlib.util import find_spec

    missing = [name for name in ("torch", "monai", "onnx") if find_spec(name) is None]
    if missing:
        raise TrainingExtraMissing(
            "training needs packages that Limen itself does not",
            found=f"not installed: {', '.join(missing)}",
            mend="pip install torch==2.13.0, then pip install 'limen[train]' (in this order, or "
            "gigabytes of GPU libraries come along)",
        )


def split_cases(cases: Sequence[Case], recipe: Recipe) -> dict[str, list[Case]]:
    """Those that ``train`` the weights and those that ``tune``, no patient among both.

    Raises
    ------
    NoTrainingCases
        There are none, or none on one side.
    """
    if not cases:
        raise NoTrainingCases(
            "there is no case to train on",
            mend="declare a data set with use: development",
        )
    share = recipe.tune_fraction
    sides = split_patients(cases, {"train": 1 - share, "tune": share}, recipe.seed)
    if not all(sides.values()):
        raise NoTrainingCases(
            "all patients fall on one side of the split, so weights cannot be trained and chosen",
            found=f"{len(sides['train'])} cases to train, {len(sides['tune'])} to tune",
            mend="add development patients, or change tune_fraction or seed in the recipe",
        )
    return sides
