"""What an ONNX file says of itself, against the onnx library."""

from __future__ import annotations

import contextlib
import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import set_external_data
from onnx_builders import conv, identity, node, save

from limen.models import ModelUnreadable, TensorFacts, inspect_onnx
from limen.models.onnx_file import external_files


def stored_outside(name: str, file: str) -> TensorProto:
    tensor = numpy_helper.from_array(np.zeros(4, np.float32), name)
    set_external_data(tensor, file)
    tensor.ClearField("raw_data")
    return tensor


def constant(tensor: TensorProto, output: str):
    return helper.make_node("Constant", [], [output], value=tensor)


def test_external_files_are_found_wherever_onnx_allows_a_tensor(tmp_path):
    """In the graph, in an attribute, in both branches of an If, in a function, in a sparse one."""
    names = ["init.bin", "attr.bin", "then.bin", "else.bin", "func.bin", "deep/list.bin"]
    branches = {
        f"{side}_branch": helper.make_graph(
            [constant(stored_outside("v", f"{side}.bin"), "out")],
            side,
            [],
            [helper.make_tensor_value_info("out", TensorProto.FLOAT, [4])],
        )
        for side in ("then", "else")
    }
    many = helper.make_node("Own", [], ["o"], domain="own")
    many.attribute.append(helper.make_attribute("list", [stored_outside("l", "deep/list.bin")]))
    graph = helper.make_graph(
        [
            constant(stored_outside("c", "attr.bin"), "a"),
            helper.make_node("If", ["flag"], ["b"], **branches),
            many,
        ],
        "g",
        [helper.make_tensor_value_info("flag", TensorProto.BOOL, [])],
        [helper.make_tensor_value_info("b", TensorProto.FLOAT, [4])],
        [stored_outside("i", "init.bin"), stored_outside("again", "init.bin")],
    )
    function = helper.make_function(
        "own",
        "F",
        [],
        ["y"],
        [constant(stored_outside("f", "func.bin"), "y")],
        [helper.make_opsetid("", 17)],
    )
    model = helper.make_model(graph, functions=[function])
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(bytes(16))
    assert sorted(external_files(path)) == sorted(names)


def test_a_tensor_that_only_mentions_a_location_is_not_external(tmp_path):
    tensor = stored_outside("i", "other.bin")
    tensor.data_location = TensorProto.DEFAULT
    tensor.raw_data = bytes(16)
    graph = helper.make_graph([], "g", [], [], [tensor])
    path = tmp_path / "m.onnx"
    path.write_bytes(helper.make_model(graph).SerializeToString())
    assert external_files(path) == ()


@pytest.mark.parametrize("place", ["../secret.bin", "/etc/hostname", ""])
def test_weights_outside_of_the_models_folder_are_refused(tmp_path, place):
    graph = helper.make_graph([], "g", [], [], [stored_outside("i", place)])
    path = tmp_path / "in" / "m.onnx"
    path.parent.mkdir()
    (tmp_path / "secret.bin").write_bytes(bytes(16))
    path.write_bytes(helper.make_model(graph).SerializeToString())
    with pytest.raises(ModelUnreadable, match="outside of its own folder"):
        external_files(path)


def test_a_large_model_is_not_read_whole(tmp_path):
    """Weights in the file are stepped over: what is found does not depend on their bytes."""
    kernel = np.frombuffer(b"location" * 1024, dtype=np.float32).reshape(1, 1, 8, 16, 16)
    path = save(tmp_path / "m.onnx", [node("Conv", ["image", "w"])], weights={"w": kernel})
    assert external_files(path) == ()


def test_facts_of_a_model(tmp_path):
    settings = {"input": {"spacing_mm": [1, 1, 2]}, "output": {}, "labels": {"nodule": 1}}
    path = conv(
        tmp_path / "m.onnx",
        np.ones((2, 1, 3, 3, 3)),
        shape=["n", 1, 96, "y", None],
        out_shape=["n", 2, 96, None, None],
        metadata={"limen": json.dumps(settings), "author": "somebody"},
    )
    facts = inspect_onnx(path)
    assert facts.inputs == (TensorFacts("image", "float32", ("n", 1, 96, "y", None)),)
    assert facts.outputs == (TensorFacts("answer", "float32", ("n", 2, 96, None, None)),)
    assert facts.external_files == ()
    assert facts.opset == 17 and facts.opsets == {"ai.onnx": 17}
    assert facts.producer == "tiny"
    assert facts.metadata["author"] == "somebody"
    assert facts.settings == settings


def test_facts_of_external_data_and_of_weights_listed_as_inputs(tmp_path):
    path = conv(tmp_path / "m.onnx", np.ones((1, 1, 9, 9, 9)))
    model = onnx.load(path)
    weight = helper.make_tensor_value_info("w", TensorProto.FLOAT, [1, 1, 9, 9, 9])
    model.graph.input.append(weight)  # as IR version 3 demanded
    onnx.save(model, path, save_as_external_data=True, location="w.bin", size_threshold=0)
    facts = inspect_onnx(path)
    assert [t.name for t in facts.inputs] == ["image"]
    assert facts.external_files == ("w.bin",)
    assert facts.outputs[0].shape is None


@pytest.mark.parametrize("text", ["", "{", "[1]", "3"])
def test_a_key_of_another_tool_is_no_settings(tmp_path, text):
    path = identity(tmp_path / "m.onnx", metadata={"limen": text})
    assert inspect_onnx(path).settings is None


@pytest.mark.parametrize("content", [b"", b"\x00\x01\x02", b"limen: 1\nproduct:\n", None])
def test_what_is_no_onnx_is_refused(tmp_path, content):
    path = tmp_path / "m.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelUnreadable) as caught:
        inspect_onnx(path)
    assert caught.value.mend and str(tmp_path) not in str(caught.value)


def test_a_folder_is_no_model(tmp_path):
    with pytest.raises(ModelUnreadable, match="cannot be read"):
        external_files(tmp_path)


def test_damage_at_any_byte_is_an_error_or_a_model(tmp_path, rng):
    whole = conv(tmp_path / "m.onnx", np.ones((1, 1, 3, 3, 3))).read_bytes()
    path = tmp_path / "bad.onnx"
    for place in range(len(whole)):
        data = bytearray(whole)
        data[place] ^= int(rng.integers(1, 256))
        path.write_bytes(data)
        with contextlib.suppress(ModelUnreadable):
            inspect_onnx(path)
