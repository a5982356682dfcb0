"""The recipe of a training, as written in ``model/recipe.yaml``: everything that shapes the weights
besides the cases and the declared input and output."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from limen.models.training_errors import NoRecipe, RecipeError
from limen.product import Problem
from limen.product.problems import listed, nearest
from limen.product.tree import Node, key_text, read_tree, shown

Positive = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Triple = tuple[Positive, Positive, Positive]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Network(_Strict):
    """MONAI's ``UNet`` (Kerfoot et al., STACOM 2018: a U-Net of residual units)."""

    kind: Literal["unet"] = Field(default="unet", description="The architecture; there is one.")
    channels: list[Positive] = Field(
        default=[8, 16, 32, 64, 96],
        min_length=2,
        max_length=7,
        description="Features of each level, finest first.",
    )
    strides: list[Triple] = Field(
        default=[(1, 1, 1), (2, 2, 1), (2, 2, 2), (2, 2, 2)],
        description="Down-sampling along x, y, z into each level but the last, which is as fine "
        "as the one above it.",
    )
    kernel: Literal[3, 5] = Field(default=3, description="Width of the convolutions, in voxels.")
    res_units: int = Field(default=0, ge=0, le=4, description="Residual units of each level.")
    norm: Literal["batch", "instance"] = Field(
        default="batch",
        description="How features are normalised. batch: fixed once trained, so grey values keep "
        "their meaning and a window's size does not matter; instance: anew for each window.",
    )

    @model_validator(mode="after")
    def _one_stride_for_each_step(self) -> Network:
        if len(self.strides) != len(self.channels) - 1:
            raise PydanticCustomError(
                "words",
                "{expected}",
                {"expected": f"{len(self.channels) - 1} strides for {len(self.channels)} levels"},
            )
        return self

    @property
    def shrinks(self) -> Triple:
        """By how much the coarsest level is smaller, along x, y, z."""
        x = y = z = 1
        for stride in self.strides:
            x, y, z = x * stride[0], y * stride[1], z * stride[2]
        return (x, y, z)


class Augmentation(_Strict):
    """Changes that leave the reference true. Intensities are those of the prepared image, so with
    ``normalise: window`` 0.1 is a tenth of the window."""

    flip: list[Literal["x", "y", "z"]] = Field(
        default=["x", "y", "z"], description="Axes that are mirrored half of the time."
    )
    scale: Fraction = Field(default=0.1, description="Contrast is multiplied by up to 1 +- this.")
    shift: Annotated[float, Field(ge=0)] = Field(
        default=0.03, description="Brightness moves by up to +- this."
    )
    noise: Annotated[float, Field(ge=0)] = Field(
        default=0.02, description="Largest standard deviation of added Gaussian noise."
    )


class Recipe(_Strict):
    """The whole of ``recipe.yaml``."""

    recipe: Literal[1] = Field(description="Version of this format.")
    network: Network = Field(default_factory=Network)
    patch: Triple | None = Field(
        default=None,
        description="Voxels along x, y, z that a step sees; none: model.input.patch.",
    )
    batch: Positive = Field(default=4, description="Patches of one step.")
    steps: Positive = Field(default=3000, description="Steps at most; the schedule ends there.")
    learning_rate: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=3e-3, description="Largest learning rate of AdamW."
    )
    warmup_steps: Annotated[int, Field(ge=0)] = Field(
        default=100, description="Steps over which the learning rate rises; then a cosine to 0."
    )
    weight_decay: Annotated[float, Field(ge=0)] = Field(default=1e-4, description="Of AdamW.")
    averaging: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.99,
        description="The weights that are tried and kept are a running mean over the steps, of "
        "which each step keeps this share (0: the last weights alone). It stills the noise of "
        "small batches.",
    )
    loss: Literal["dice-ce", "dice-focal"] = Field(
        default="dice-ce", description="What is minimised: Dice plus cross-entropy or focal loss."
    )
    dice_over: Literal["batch", "patch"] = Field(
        default="batch",
        description="Dice of all patches of a step together, where large lesions outweigh small "
        "ones, or the mean of each patch's own, where a patch counts as much whatever is in it.",
    )
    foreground_share: Fraction = Field(
        default=0.7, description="Share of patches that are drawn around a lesion."
    )
    augmentation: Augmentation = Field(default_factory=Augmentation)
    tune_fraction: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.15, description="Share of the patients that choose the weights."
    )
    tune_cases: Positive = Field(
        default=16, description="Of these, so many are looked at each time; at the end, all."
    )
    eval_every: Positive = Field(default=250, description="Steps between two looks at them.")
    patience: Positive = Field(
        default=6, description="Looks without a better one after which training stops."
    )
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(
        default=1, description="Of the split, the first weights and every draw."
    )
    threads: Positive = Field(
        default=2, description="Threads; other numbers give weights that differ in the last bits."
    )


def load_recipe(path: Path) -> Recipe:
    """Read and check a recipe.

    Raises
    ------
    NoRecipe
        There is no such file.
    RecipeError
        The file cannot be read, is no YAML, or is wrong; its ``problems`` are all of them.
    """
    file = path.name
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise NoRecipe(
            "there is no recipe",
            where=str(path),
            mend="write one there that begins with `recipe: 1` (all else has defaults), or name "
            "another with --recipe",
        ) from None
    except (OSError, UnicodeDecodeError):
        raise RecipeError([Problem(file, 1, None, "", None, "a readable file of UTF-8")]) from None
    root, problems = read_tree(text, file)
    if root is None or not isinstance(root.value, dict):
        words = "keys with values; the first is `recipe: 1`"
        raise RecipeError(problems or [Problem(file, 1, None, "", "no keys", words)])
    try:
        recipe = Recipe.model_validate_json(json.dumps(root.plain()), strict=True)
    except ValidationError as error:
        problems += _in_words(error, root, file)
        recipe = None
    if recipe is None or problems:
        raise RecipeError(sorted(problems, key=lambda p: (p.line, p.column or 0)))
    return recipe


def _in_words(error: ValidationError, root: Node, file: str) -> Iterator[Problem]:
    seen = set()
    for each in error.errors(include_url=False, include_input=False):
        kind, keys = each["type"], each["loc"]
        if keys and isinstance(keys[-1], int) and kind in ("missing", "extra_forbidden"):
            kind, keys = "too_short", keys[:-1]  # a list of another length
        node, is_there = root.nearest_at(keys)
        if node.unreadable or keys in seen:
            continue
        seen.add(keys)
        near, found, line, column = None, node.text or None, node.line, node.column
        siblings = _fields_at(keys)
        field = siblings.get(str(keys[-1]))
        if kind == "extra_forbidden":
            found, valid = shown(str(keys[-1])), list(siblings)
            words, near = f"one of the keys {listed(valid)}", nearest(found, valid)
        elif not is_there:
            found, words = None, "recipe: 1, the version of this format"
        elif kind == "literal_error":
            valid = [str(word) for word in get_args(_bare(field))] or list("xyz")
            words = f"one of {listed(valid)}" if len(valid) > 1 else valid[0]
            near = nearest(node.text, valid)
        else:
            words = _expected(kind, each, field)
        if kind == "extra_forbidden" or found is None:
            line, column = node.key_line, node.key_column
        yield Problem(file, line, column, key_text(keys), found, words, near)


_WORDS = {
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "a number of {ge:g} or more",
    "less_than": "a number under {lt:g}",
    "less_than_equal": "a number of {le:g} or less",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
}
"""Pydantic's name of an error, and what was expected instead."""


def _expected(kind: str, each: Any, field: Any) -> str:
    if kind in ("too_short", "too_long", "tuple_type", "list_type"):
        several = str(_bare(field)).startswith("list") and "strides" not in each["loc"][:-1]
        words = "a list of one or more" if several else "a list of three whole numbers"
    elif kind in ("model_type", "model_attributes_type"):
        words = f"the keys {listed(list(_bare(field).model_fields), 'and')}"
    else:
        words = _WORDS.get(kind, str(each["msg"])).format(**each.get("ctx", {}))
    help_ = None if field is None else field.description
    return f"{words} ({help_.rstrip('.')})" if help_ else words


def _fields_at(keys: tuple[str | int, ...]) -> dict[str, Any]:
    """The fields of the model in which the last of these keys stands."""
    model: Any = Recipe
    for key in keys[:-1]:
        model = _bare(model.model_fields.get(key))
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return {}
    return dict(model.model_fields)


def _bare(field: Any) -> Any:
    """A field's type without ``| None``."""
    kind = None if field is None else field.annotation
    if type(None) in get_args(kind):
        return next(a for a in get_args(kind) if a is not type(None))
    return kind
