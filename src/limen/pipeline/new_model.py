"""The model's section of a new declaration: from the file, from trying it, and from the images."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from limen.data import Inspection
    from limen.models import OnnxFacts
    from limen.models.onnx_probe import Probe

_WINDOW = 96
_STEP = 32
"""A window is a multiple of this: five times halved, as the deeper U-Nets do."""
_SLICE_WINDOW = 256
_ZYX_NAMES = ("depth", "slices", "height", "rows", "d", "h", "z")


@dataclass(frozen=True)
class FittedModel:
    """How a model without settings of its own can be given these images.

    ``patch`` None: the whole image; ``axes_because`` says why the order of axes was taken.
    """

    axes: Literal["xyz", "zyx"]
    axes_because: str
    patch: tuple[int, int, int] | None
    patch_because: str
    batch: int
    probe: Probe


def look_at_onnx(path: Path) -> OnnxFacts:
    """What the file says of itself.

    Raises
    ------
    ModelMissing, ModelUnreadable
    """
    from limen.models import ModelMissing, inspect_onnx

    try:
        return inspect_onnx(path)
    except ModelMissing as error:
        mend = "correct the path after --onnx"
        raise ModelMissing(error.what, where=error.where, mend=mend) from None


def fit_onnx(path: Path, facts: OnnxFacts, found: Inspection) -> FittedModel | None:
    """Try a model on one window of noise; None where ``limen train`` stated how it is used.

    Raises
    ------
    ModelMismatch, ModelUnreadable
        Limen cannot use it.
    """
    from limen.models.onnx_io import image_shape
    from limen.models.onnx_probe import probe_onnx

    if facts.settings is not None:
        return None
    shape = image_shape(facts.inputs, path.name)
    sizes = shape[2:]
    medians = [m for _, m, _ in found.shape] or [_WINDOW] * 3
    stated = facts.inputs[0].shape or ()
    axes, because = _axes(stated[2:], sizes, medians)
    fixed = list(sizes if axes == "xyz" else sizes[::-1])
    patch, patch_because = _patch(fixed, medians)
    window = patch or (_STEP * 2, _STEP * 2, 1)
    probe = probe_onnx(path, facts, window, axes)
    return FittedModel(axes, because, patch, patch_because, shape[0] or 1, probe)


def _axes(
    names: Sequence[int | str | None], sizes: Sequence[int | None], medians: Sequence[int]
) -> tuple[Literal["xyz", "zyx"], str]:
    """Order of the spatial axes: by their names, else by which way fixed sizes fit the images."""
    first = names[0] if names else None
    if isinstance(first, str) and first.lower() in _ZYX_NAMES:
        return "zyx", f"the file calls its first spatial axis {first}"
    if isinstance(first, str) and first.lower() in ("x", "w", "width", "columns"):
        return "xyz", f"the file calls its first spatial axis {first}"

    def misfit(order: Sequence[int | None]) -> float:
        pairs = zip(order, medians, strict=False)
        return sum(abs(math.log(n / m)) for n, m in pairs if n is not None)

    if misfit(sizes[::-1]) < misfit(sizes) - 1e-9:
        return "zyx", "its fixed sizes fit the images so"
    return "xyz", "not stated; zyx where it was trained on arrays of SimpleITK or DICOM slices"


def _patch(
    fixed: Sequence[int | None], medians: Sequence[int]
) -> tuple[tuple[int, int, int] | None, str]:
    """Window in x, y, z: what the file fixes, else by the images."""
    if len(fixed) == 2:
        if fixed[0] is None and fixed[1] is None:
            return None, ""
        x, y = (n if n is not None else _SLICE_WINDOW for n in fixed)
        return (x, y, 1), "the model's fixed input size, in x, y, z: it sees single slices"
    if all(n is not None for n in fixed):
        x, y, z = (int(n or 0) for n in fixed)
        return (x, y, z), "the model's fixed input size, in x, y, z"
    x, y, z = (
        n if n is not None else min(_WINDOW, _STEP * math.ceil(m / _STEP))
        for n, m in zip(fixed, medians, strict=True)
    )
    return (x, y, z), "sliding window in voxels, in x, y, z; what was it trained with?"


def labels_of_channels(
    path: Path, fit: FittedModel, labels: Mapping[str, int]
) -> tuple[dict[str, int], dict[str, int] | None, list[str]]:
    """Labels and channels that agree: every channel has a label or is background.

    Returns
    -------
    (dict, dict or None, list of str)
        The labels; ``output.channels``, None where a label's channel is its value; what is to be
        confirmed.

    Raises
    ------
    ModelMismatch
        The references hold more labels than the model has channels for.
    """
    from limen.models import ModelMismatch

    values, n = sorted(labels.values()), fit.probe.channels
    names = {value: name for name, value in labels.items()}
    if fit.probe.holds == "labels" or (n == 1 and len(values) == 1):
        return dict(labels), None, []
    if n > 1 and len(values) == n - 1:
        if values == list(range(1, n)):
            return dict(labels), None, []
        return dict(labels), {names[v]: c for c, v in enumerate(values, start=1)}, [_ORDER]
    if len(values) == n:
        return dict(labels), {names[v]: c for c, v in enumerate(values)}, [_ORDER]
    if len(values) < n and values[-1] < n:
        more = {f"label_{v}": v for v in range(1, n) if v not in values}
        told = f"{', '.join(more)}: channels of the model of which no reference holds a label"
        return {**labels, **more}, None, [told]
    raise ModelMismatch(
        "the model's channels cannot be those of the labels in the references",
        where=path.name,
        found=f"{n} output channel{'s' * (n > 1)}; labels "
        + ", ".join(f"{name}: {value}" for name, value in labels.items()),
        mend="write limen.yaml from the template (`limen new DIR` without data), and say under "
        "task.labels, task.ignore_labels and model.output.channels what each is",
    )


_ORDER = "model.output.channels: the labels by their values, in the order of the channels"


def onnx_lines(
    path: Path,
    facts: OnnxFacts,
    fit: FittedModel | None,
    channels: Mapping[str, int] | None,
    folder: Path,
    modality: str,
    labels: Mapping[str, int],
    found: Inspection,
) -> tuple[list[str], list[str]]:
    """Lines of the model's section, and what is to be checked in them."""
    from limen.pipeline.templates import quoted

    lines = [f"onnx: {quoted(path_from(path, folder))}"]
    if facts.settings is not None or fit is None:
        for part in ("input", "output"):
            stated = dict((facts.settings or {}).get(part) or {})
            values = {key: value for key, value in stated.items() if value is not None}
            if not set(values.get("channels") or {}) <= set(labels):
                del values["channels"]  # of labels under other names: channel = label value
            if values:
                lines.append(f"{part}: # as the model file states it")
                lines += [f"  {key}: {json.dumps(value)}" for key, value in values.items()]
        return lines, []
    spacing = [row[1] for row in found.spacing_mm]
    lines += [
        "# The file does not say how its input is made: check each line against its training.",
        "input:",
        f"  spacing_mm: {json.dumps(spacing)} # the median of the cases; what was it trained at?",
        "  orientation: LPS # where x, y, z of the tensor point; nibabel and MONAI: often RAS",
        f"  axes: {fit.axes} # order of the tensor's axes: {fit.axes_because}",
    ]
    if modality == "CT":
        lines.append("  window_hu: [-1000, 400] # clipped to these HU, then mapped onto 0 to 1")
    else:
        lines.append("  normalise: zscore # mean 0 and standard deviation 1 over each case")
    if fit.patch is not None:
        lines.append(f"  patch: {json.dumps(list(fit.patch))} # {fit.patch_because}")
    else:
        lines.append(f"  multiple_of: [{_STEP}, {_STEP}, 1] # whole slices, padded to these sizes")
    if fit.batch > 1:
        lines.append(f"  batch: {fit.batch} # the number of windows the file fixes for a call")
    lines += ["output:", *(f"  {line}" for line in _output_lines(fit, channels))]
    told = (
        "the model's input (spacing, orientation, axes, window, patch) and output: check them in "
        "limen.yaml"
    )
    return lines, [told]


def _output_lines(fit: FittedModel, channels: Mapping[str, int] | None) -> list[str]:
    from limen.pipeline.templates import quoted

    if fit.probe.holds == "labels":
        return ["holds: labels # whole numbers came when it was tried"]
    activation, because = fit.probe.activation, "its answer to noise was not between 0 and 1"
    if activation == "none":
        because = "its answer to noise lay between 0 and 1 already"
    elif channels is not None and 0 in channels.values():
        activation, because = "sigmoid", "as many channels as labels, so none is background"
    lines = [f"activation: {activation} # {because}"]
    if channels is not None:
        shown = ", ".join(f"{quoted(name)}: {c}" for name, c in channels.items())
        lines.append(f"channels: {{{shown}}} # which channel each label has")
    return lines


def predictions_lines(predictions: Path | None, folder: Path) -> list[str]:
    """Lines of the model's section: label maps on disk, or what is to be filled in."""
    from limen.pipeline.templates import quoted

    if predictions is not None:
        path = quoted(path_from(predictions, folder))
        return [f"predictions: {path} # one label map a case, named as the case"]
    return [
        "# TO FILL IN: no model was named, and nothing can be evaluated without one. Keep one:",
        "#   predictions: FOLDER         one label map a case, named as the case (CASE.nii.gz)",
        "#   onnx: model/model.onnx       `limen check` says what else it needs",
        "#   command: [...]               a program of yours, with files: [its weights]",
        "predictions: predictions # put the label maps here, or replace this line",
    ]


def path_from(path: Path, folder: Path) -> str:
    """Relative to the product where it lies below it, else absolute."""
    whole, base = Path(os.path.abspath(path)), Path(os.path.abspath(folder))  # noqa: PTH100
    return whole.relative_to(base).as_posix() if whole.is_relative_to(base) else str(whole)
