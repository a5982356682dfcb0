"""What a model is found to give when it is tried on noise, and what its file rules out unrun."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto
from onnx_builders import SPACE, identity, node, save, two_logits

from limen.models.errors import ModelMismatch, ModelMissing, ModelUnreadable
from limen.models.onnx_file import inspect_onnx
from limen.models.onnx_io import require_fit
from limen.models.onnx_model import FrozenOnnx
from limen.models.onnx_probe import Probe, probe_onnx
from limen.product.declaration import OnnxModel, Task

TASK = Task(kind="segmentation", labels={"lesion": 1})
WINDOW = (12, 10, 8)


def probe(path: Path, window: tuple[int, int, int] = WINDOW, axes: str = "xyz") -> Probe:
    return probe_onnx(path, inspect_onnx(path), window, axes)


def declared(path: Path, **given) -> OnnxModel:
    model_input = {"normalise": "none", **given.pop("input", {})}
    return OnnxModel(onnx=path.name, input=model_input, output=given.pop("output", {}))


def test_scores_labels_and_activations_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    assert probe(two_logits(path, 0.5)) == Probe("scores", 2, "softmax")
    # noise between 0 and 1 comes back as it is
    assert probe(identity(path)) == Probe("scores", 1, "none")
    minus = {"weights": {"one": np.float32(1)}}
    one_logit = save(path, [node("Sub", ["image", "one"])], **minus)
    assert probe(one_logit) == Probe("scores", 1, "sigmoid")
    own = [node("Concat", ["image", "image"], "both", axis=1), node("Softmax", ["both"], axis=1)]
    assert probe(save(path, own)) == Probe("scores", 2, "none")
    whole = [node("Cast", ["image"], to=TensorProto.INT64)]
    assert probe(save(path, whole, out_type=TensorProto.INT64)) == Probe("labels", 1, "none")
    flat = [node("ReduceMax", ["image"], axes=[1], keepdims=0)]
    assert probe(save(path, flat)) == Probe("labels", 1, "none")


def test_slices_fixed_batch_and_order_of_axes(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    assert probe(two_logits(path, 0.5, shape=["n", 1, "a", "b"]), (16, 12, 1)).channels == 2
    assert probe(two_logits(path, 0.5, shape=[3, 1, *SPACE])).channels == 2
    turned = two_logits(path, 0.5, shape=["n", 1, 8, 10, 12])
    assert probe(turned, axes="zyx").channels == 2
    with pytest.raises(ModelMismatch, match="fails on a window of 12 x 10 x 8") as caught:
        probe(turned)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(
    "nodes",
    [
        [node("ReduceMean", ["image"], keepdims=0)],
        [node("GlobalAveragePool", ["image"])],
        [node("AveragePool", ["image"], kernel_shape=[2, 2, 2], strides=[2, 2, 2])],
    ],
)
def test_an_answer_that_is_no_map_of_the_input(tmp_path: Path, nodes) -> None:
    path = save(tmp_path / "m.onnx", nodes)
    with pytest.raises(ModelMismatch, match="shape of its input") as caught:
        probe(path)
    assert caught.value.mend
    # a declaration is tried too before any case, also where no window is declared
    with pytest.raises(Exception, match="shape of its input"):
        FrozenOnnx(declared(path), tmp_path, TASK).rehearse()


def test_an_operator_that_the_runtime_does_not_have(tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx", [node("NoSuchThing", ["image"])])
    with pytest.raises(ModelUnreadable, match="NoSuchThing"):
        probe(path)


@pytest.mark.parametrize(
    ("options", "given", "found"),
    [
        ({"shape": [2, 1, *SPACE]}, {}, "model 2, model.input.batch 1"),
        ({"shape": [2, 1, *SPACE]}, {"batch": 2}, None),
        ({"shape": ["n", 1, 8, 8, 4]}, {"patch": [8, 8, 8]}, "model 8 x 8 x 4"),
        ({"shape": ["n", 1, 4, 8, 8]}, {"patch": [8, 8, 4], "axes": "zyx"}, None),
        ({"shape": ["n", 1, 8, 8, 4]}, {}, "whole image any x any x any"),
        ({"shape": ["n", 1, "a", "b"]}, {"patch": [8, 8, 8]}, "model.input.patch [8, 8, 8]"),
        ({"shape": ["n", 2, *SPACE]}, {}, "2 input channels"),
        ({"shape": ["n"]}, {}, "1 (image: float32 n)"),
        ({"out_shape": ["n", 2]}, {}, "output n x 2"),
        ({"out_shape": []}, {}, "a single number"),
        ({"out_shape": ["n", 4, *SPACE]}, {}, "4 output channels"),
        ({"out_shape": ["n", 2, *SPACE]}, {}, None),
    ],
)
def test_what_the_file_states_is_held_against_the_declaration(
    tmp_path: Path, options, given, found: str | None
) -> None:
    path = two_logits(tmp_path / "m.onnx", 0.5, **options)
    model = declared(path, input=given)
    if found is None:
        require_fit(inspect_onnx(path), model, TASK, path.name)
        return
    with pytest.raises(ModelMismatch) as caught:
        require_fit(inspect_onnx(path), model, TASK, path.name)
    assert found in str(caught.value.found)
    assert caught.value.where == "m.onnx" and caught.value.mend


def test_a_missing_file_is_a_kind_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing):
        FrozenOnnx(declared(tmp_path / "m.onnx"), tmp_path, TASK).require_usable()
