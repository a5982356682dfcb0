"""What an ONNX model takes and gives, held against what is declared of it; nothing is run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from limen.models.decide import channel_plan
from limen.models.errors import ModelMismatch
from limen.models.onnx_file import OnnxFacts, TensorFacts

if TYPE_CHECKING:
    from limen.models.windows import Window
    from limen.product.declaration import OnnxModel, Task

FLOATS = ("float32", "float16", "float64")
WHOLE = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_RUNTIME_NAMES = {"float": "float32", "double": "float64"}
_MOST_SHOWN = 6


@dataclass(frozen=True)
class ModelIo:
    """The one input and the one output that are used.

    ``order`` are the model's spatial axes of the tensor in turn; ``fixed_window`` what the file
    fixes along x, y, z (None: any); ``batch`` the number of windows it fixes.
    """

    input: str
    output: TensorFacts
    dtype: str
    is_slicewise: bool
    order: tuple[int, ...]
    batch: int | None
    fixed_window: tuple[int | None, int | None, int | None]


def facts_of_session(values: Sequence[Any]) -> tuple[TensorFacts, ...]:
    """Inputs or outputs of an onnxruntime session, as :func:`inspect_onnx` states them."""
    found = []
    for value in values:
        dtype = value.type.removeprefix("tensor(").removesuffix(")")
        shape = tuple(n if isinstance(n, int | str) else None for n in value.shape)
        found.append(TensorFacts(value.name, _RUNTIME_NAMES.get(dtype, dtype), shape))
    return tuple(found)


def require_fit(facts: OnnxFacts, model: OnnxModel, task: Task, where: str) -> None:
    """Refuse a model that could answer for no case at all, before any is in work.

    Looked at are the number and type of inputs, channels, batch, windows, and of the output the
    axes and channels, as far as the file states them.

    Raises
    ------
    ModelMismatch
    """
    io = read_io(facts.inputs, facts.outputs, model, where)
    _require_window(io, model, where)
    taken, given = facts.inputs[0].shape, io.output.shape
    if taken is not None and given is not None:
        _require_output(taken, given, model, task, where)


def read_io(
    inputs: Sequence[TensorFacts], outputs: Sequence[TensorFacts], model: OnnxModel, where: str
) -> ModelIo:
    """Which input and output are used, and how.

    Raises
    ------
    ModelMismatch
        They are not what Limen gives and asks for, or not as declared.
    """
    spec, taken, shape = model.input, image_input(inputs, where), image_shape(inputs, where)
    if shape[0] is not None and shape[0] != spec.batch:
        raise ModelMismatch(
            "the model takes a fixed number of windows a call",
            where=where,
            found=f"model {shape[0]}, model.input.batch {spec.batch}",
            mend=f"set model.input.batch: {shape[0]}, or export with a dynamic batch axis",
        )
    slicewise = len(shape) == 4
    if spec.patch is not None:
        _require_patch(spec.patch, spec.multiple_of, slicewise, where)
    spatial = shape[2:] if spec.axes == "xyz" else shape[:1:-1]
    fixed = (spatial[0], spatial[1], 1 if slicewise else spatial[2])
    axes = range(len(spatial))
    return ModelIo(
        input=taken.name,
        output=_chosen_output(outputs, model, where),
        dtype=taken.dtype,
        is_slicewise=slicewise,
        order=tuple(axes if spec.axes == "xyz" else reversed(axes)),
        batch=shape[0],
        fixed_window=fixed,
    )


def image_input(inputs: Sequence[TensorFacts], where: str) -> TensorFacts:
    """The one input, which is the image."""
    if len(inputs) != 1:
        raise ModelMismatch(
            "Limen gives a model one input, the image",
            where=where,
            found=_listed(inputs),
            mend="export the model with one input; make the others constants",
        )
    return inputs[0]


def image_shape(inputs: Sequence[TensorFacts], where: str) -> tuple[int | None, ...]:
    """(N, 1, x, y, z) or (N, 1, x, y) of the one input; None where any size may come."""
    taken = image_input(inputs, where)
    stated = taken.shape or ()
    shape = tuple(n if isinstance(n, int) and n > 0 else None for n in stated)
    if taken.dtype not in FLOATS or len(shape) not in (4, 5):
        raise ModelMismatch(
            "the model's input is not (N, 1, x, y, z) or (N, 1, x, y) of floating point",
            where=where,
            found=_listed(inputs),
            mend="export it with a batch axis, a channel axis and two or three spatial axes",
        )
    if shape[1] not in (None, 1):
        raise ModelMismatch(
            "the model takes more than one image",
            where=where,
            found=f"{shape[1]} input channels",
            mend="Limen gives one image of one channel for each case; a model of several sequences "
            "or of neighbouring slices cannot be used yet, except through model.command",
        )
    return shape


def window_mismatch(
    io: ModelIo, window: Sequence[int | None], has_patch: bool, where: str
) -> ModelMismatch:
    """The error of a window that is not the one the file fixes."""
    wanted = [w if f is None else f for f, w in zip(io.fixed_window, window, strict=True)]
    known = [n for n in wanted if n is not None]
    return ModelMismatch(
        "the model takes windows of another shape",
        where=where,
        found=f"model {words_of(io.fixed_window)}, "
        f"{'model.input.patch' if has_patch else 'whole image'} {words_of(window)} (x, y, z)",
        mend=f"set model.input.patch: {wanted}, or export the model with dynamic axes"
        if len(known) == 3
        else "set model.input.patch to the model's own size, or export it with dynamic axes",
    )


def words_of(shape: Sequence[int | str | None]) -> str:
    """``any x 16 x 8``."""
    return " x ".join("any" if n is None else str(n) for n in shape)


def _require_window(io: ModelIo, model: OnnxModel, where: str) -> None:
    patch = model.input.patch
    if patch is None:
        fixed = [n for n in io.fixed_window[: 2 if io.is_slicewise else 3] if n is not None]
        if fixed:
            # images all of that size would pass, and say the same with the patch declared
            raise window_mismatch(io, (None, None, None), False, where)
        return
    if any(f not in (None, p) for f, p in zip(io.fixed_window, patch, strict=True)):
        raise window_mismatch(io, patch, True, where)


def _require_output(
    taken: Sequence[int | str | None],
    given: Sequence[int | str | None],
    model: OnnxModel,
    task: Task,
    where: str,
) -> None:
    labels = model.output.holds == "labels"
    has_channel = len(given) == len(taken)
    spatial = given[2:] if has_channel else given[1:]
    sizes = zip(spatial, taken[2:], strict=False)
    if not (has_channel or (labels and len(given) == len(taken) - 1)) or any(
        isinstance(a, int) and isinstance(b, int) and a > 0 and b > 0 and a != b for a, b in sizes
    ):
        raise output_mismatch(taken, given, labels, where)
    channels = given[1] if has_channel else None
    if not isinstance(channels, int) or channels < 1:
        return
    if not labels:
        channel_plan(model.output, task, channels, where)
    elif channels != 1:
        raise output_mismatch(taken, given, labels, where)


def output_mismatch(
    taken: Sequence[int | str | None], given: Sequence[int | str | None], labels: bool, where: str
) -> ModelMismatch:
    """The error of an output that is no map of the input."""
    wanted = "(N, 1, ...) of labels" if labels else "(N, channels, ...) of scores"
    return ModelMismatch(
        "the model's output does not have the shape of its input",
        where=where,
        found=f"input {words_of(taken)}, output {words_of(given) or 'a single number'}",
        mend=f"a model of Limen gives {wanted} of the spatial shape it was given; "
        "export it so, or check model.output.holds",
    )


def _require_patch(patch: Window, multiple_of: Window, slicewise: bool, where: str) -> None:
    if slicewise and patch[2] != 1:
        raise ModelMismatch(
            "the model sees one slice at a time",
            where=where,
            found=f"model.input.patch {list(patch)}",
            mend=f"set model.input.patch: {[patch[0], patch[1], 1]}",
        )
    if any(p % m for p, m in zip(patch, multiple_of, strict=True)):
        raise ModelMismatch(
            "the patch is not a multiple of multiple_of",
            where=where,
            found=f"model.input.patch {list(patch)}, multiple_of {list(multiple_of)}",
            mend="change one of them",
        )


def _chosen_output(outputs: Sequence[TensorFacts], model: OnnxModel, where: str) -> TensorFacts:
    """The only output that can be what was declared, or the first of floating point."""
    floats = [o for o in outputs if o.dtype in FLOATS]
    whole = [o for o in outputs if o.dtype in WHOLE]
    if model.output.holds == "labels":
        if whole or floats:
            return (whole or floats)[0]
    elif floats:
        return floats[0]
    mend = "export the scores" if model.output.holds == "scores" else "export the labels"
    if model.output.holds == "scores" and whole:
        mend = "set model.output.holds: labels if it gives labels, or export the scores"
    raise ModelMismatch(
        f"the model has no output that could hold {model.output.holds}",
        where=where,
        found=_listed(outputs),
        mend=mend,
    )


def _listed(values: Sequence[TensorFacts]) -> str:
    shown = [f"{v.name}: {v.dtype} {words_of(v.shape or ())}" for v in values[:_MOST_SHOWN]]
    return f"{len(values)} ({', '.join(shown)}{', ...' if len(values) > _MOST_SHOWN else ''})"
