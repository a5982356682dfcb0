"""How an ONNX model answers to noise: what a file does not say of its own output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from limen.data.volume import Array
from limen.models.errors import ModelMismatch, ModelUnreadable
from limen.models.onnx_file import OnnxFacts
from limen.models.onnx_io import image_input, image_shape, output_mismatch
from limen.models.scrub import scrub

if TYPE_CHECKING:
    from limen.models.windows import Window


@dataclass(frozen=True)
class Probe:
    """What the first output that is a map of the input holds.

    ``channels`` is 1 for labels; ``activation`` what is still to be applied to the scores.
    """

    holds: Literal["scores", "labels"]
    channels: int
    activation: Literal["softmax", "sigmoid", "none"]


def probe_onnx(path: Path, facts: OnnxFacts, window: Window, axes: str) -> Probe:
    """Run a model once on one window of noise between 0 and 1.

    Parameters
    ----------
    path : Path
    facts : OnnxFacts
        From :func:`inspect_onnx`.
    window : (x, y, z)
        In voxels; z is 1 for a model of slices.
    axes : "xyz" or "zyx"
        Order of the tensor's spatial axes.

    Raises
    ------
    ModelUnreadable
        onnxruntime cannot load it.
    ModelMismatch
        Its input is not one image, it fails on this window, or no output is a map of the input.
    """
    shape = image_shape(facts.inputs, path.name)
    spatial = window[: len(shape) - 2] if axes == "xyz" else window[: len(shape) - 2][::-1]
    noise = np.random.default_rng(0).uniform(0, 1, (shape[0] or 1, 1, *spatial))
    tensor = noise.astype(image_input(facts.inputs, path.name).dtype)
    answers = _answers(path, facts.inputs[0].name, tensor, window)
    for answer in answers:
        found = _probe(answer, tensor)
        if found is not None:
            return found
    raise output_mismatch(tensor.shape, answers[0].shape if answers else (), False, path.name)


def _probe(answer: Array, tensor: Array) -> Probe | None:
    """None where the answer is no map of the input."""
    is_whole = answer.dtype.kind in "iub"
    if answer.shape == tensor.shape[:1] + tensor.shape[2:]:
        return Probe("labels", 1, "none")
    if answer.ndim != tensor.ndim or answer.shape[0] != tensor.shape[0]:
        return None
    if answer.shape[2:] != tensor.shape[2:]:
        return None
    if is_whole:
        return Probe("labels", 1, "none") if answer.shape[1] == 1 else None
    channels = answer.shape[1]
    between = float(answer.min()) >= 0 and float(answer.max()) <= 1
    if between:  # also of channels that do not sum to 1: each with its own sigmoid
        return Probe("scores", channels, "none")
    return Probe("scores", channels, "sigmoid" if channels == 1 else "softmax")


def _answers(path: Path, name: str, tensor: Array, window: Sequence[int]) -> list[Array]:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 4
    try:
        session: Any = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has no common base of its own errors
        raise ModelUnreadable(
            "onnxruntime cannot load the model",
            where=path.name,
            found=scrub(str(error), {path: path.name}) or type(error).__name__,
            mend="export it for an operator set that onnxruntime knows (opset 17), and check it "
            "with onnx.checker",
        ) from None
    try:
        return [a for a in session.run(None, {name: tensor}) if isinstance(a, np.ndarray)]
    except Exception as error:  # onnxruntime has no common base of its own errors
        raise ModelMismatch(
            f"the model fails on a window of {' x '.join(map(str, window))} voxels (x, y, z)",
            where=path.name,
            found=scrub(str(error), {path: path.name}) or type(error).__name__,
            mend="write limen.yaml from the template (`limen new DIR` without data) and declare "
            "model.input.patch as the size it was trained with",
        ) from None
