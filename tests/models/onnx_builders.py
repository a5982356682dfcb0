"""Tiny ONNX models with a known answer, and volumes to give them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from limen.data.case import Case, Source
from limen.data.volume import Geometry, Volume

SPACE = ["x", "y", "z"]


def save(
    path: Path,
    nodes: list[Any],
    *,
    shape: list[int | str] | None = None,
    out_shape: list[int | str | None] | None = None,
    out_type: int = TensorProto.FLOAT,
    weights: dict[str, Any] | None = None,
    inputs: list[Any] | None = None,
    outputs: list[Any] | None = None,
    metadata: dict[str, str] | None = None,
    opset: int = 17,
) -> Path:
    """A model from ``image`` to ``answer``; axes are dynamic unless a shape is given."""
    shape = shape or ["n", 1, *SPACE]
    graph = helper.make_graph(
        nodes,
        "tiny",
        inputs or [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        outputs or [helper.make_tensor_value_info("answer", out_type, out_shape)],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in (weights or {}).items()],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], producer_name="tiny"
    )
    model.ir_version = 9
    if metadata:
        helper.set_model_props(model, metadata)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path


def node(op: str, inputs: list[str], output: str = "answer", **attributes: Any) -> Any:
    return helper.make_node(op, inputs, [output], **attributes)


def identity(path: Path, **options: Any) -> Path:
    """One channel, the input as it is."""
    return save(path, [node("Identity", ["image"])], **options)


def two_logits(path: Path, threshold: float, **options: Any) -> Path:
    """Channels (0, x - threshold): foreground where the input is above the threshold."""
    weights = {"t": np.float32(threshold), "zero": np.float32(0)}
    nodes = [
        node("Sub", ["image", "t"], "fg"),
        node("Mul", ["image", "zero"], "bg"),
        node("Concat", ["bg", "fg"], axis=1),
    ]
    return save(path, nodes, weights=weights, **options)


def conv(path: Path, kernel: np.ndarray, **options: Any) -> Path:
    """(C, 1, ...) kernels of odd size, zero padding."""
    pads = [n // 2 for n in kernel.shape[2:]] * 2
    nodes = [node("Conv", ["image", "w"], pads=pads)]
    return save(path, nodes, weights={"w": kernel.astype(np.float32)}, **options)


def volume(values: np.ndarray, affine: np.ndarray | None = None) -> Volume:
    affine = np.eye(4) if affine is None else affine
    return Volume(np.asarray(values, dtype=np.float32), Geometry(affine, values.shape))


def case(name: str = "P007", prediction: Path | None = None) -> Case:
    image = Source("nifti", (Path("image.nii.gz"),))
    found = None if prediction is None else Source("nifti", (prediction,))
    return Case(name, "patient-1", image, None, found)
