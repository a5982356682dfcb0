"""ONNX models: the right place, the right channel, and a clear error for everything else."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx_builders import case, conv, identity, node, save, two_logits, volume
from scipy import ndimage

from limen.evidence import DigestMemory, digest_file
from limen.models import BadPrediction, ModelMismatch, ModelUnreadable, open_model
from limen.product.declaration import ModelInput, ModelOutput, OnnxModel, Task

RAW = ModelInput(normalise="none")
PROBABILITY = ModelOutput(activation="none")
LABELS = ModelOutput(holds="labels")


def opened(path, task, given=RAW, output=PROBABILITY, **options):
    model = OnnxModel(onnx=path.name, input=given, output=output, **options)
    return open_model(model, path.parent, task)


def refusal(kind, model, values=None):
    """The error of a prediction; it names the case or the model, and says how to mend it."""
    with pytest.raises(kind) as caught:
        model.predict(case(), volume(np.zeros((4, 4, 4)) if values is None else values))
    assert caught.value.mend and ("P007" in caught.value.where or ".onnx" in caught.value.where)
    assert "/" not in str(caught.value).replace("and/or", "")
    return str(caught.value)


# --- answers ----------------------------------------------------------------------------------


def test_a_probability_is_compared_with_the_threshold(tmp_path, rng, lesions):
    values = rng.random((7, 6, 5))
    output = ModelOutput(activation="none", threshold=0.3)
    got = opened(identity(tmp_path / "m.onnx"), lesions, output=output).predict(
        case(), volume(values)
    )
    assert got.values.dtype == np.uint8
    np.testing.assert_array_equal(got.values, values.astype(np.float32) >= np.float32(0.3))


@pytest.mark.parametrize("patch", [None, (4, 4, 4), (5, 3, 2), (16, 16, 16)])
def test_any_patch_gives_the_labels_of_the_whole_image(tmp_path, rng, lesions, patch):
    values = rng.normal(size=(11, 9, 7))
    given = ModelInput(normalise="none", patch=patch, overlap=0.5, batch=3)
    path = two_logits(tmp_path / "m.onnx", 0.2)
    got = opened(path, lesions, given, ModelOutput()).predict(case(), volume(values))
    np.testing.assert_array_equal(got.values, values.astype(np.float32) > np.float32(0.2))


@pytest.mark.parametrize("axes", ["xyz", "zyx"])
def test_a_convolution_equals_scipys(tmp_path, rng, lesions, axes):
    # An asymmetric kernel: exchanged or reversed axes would show.
    kernel = rng.normal(size=(3, 3, 3)).astype(np.float32)
    values = rng.normal(size=(9, 8, 7)).astype(np.float32)
    truth = ndimage.correlate(values.astype(float), kernel.astype(float), mode="constant")
    of_model = kernel if axes == "xyz" else kernel.transpose(2, 1, 0)
    path = conv(tmp_path / "m.onnx", of_model[None, None])
    given = ModelInput(normalise="none", axes=axes)
    got = opened(path, lesions, given, ModelOutput(activation="sigmoid")).predict(
        case(), volume(values)
    )
    clear = np.abs(truth) > 1e-4
    np.testing.assert_array_equal(got.values[clear], truth[clear] > 0)


@pytest.mark.parametrize("axes", ["xyz", "zyx"])
@pytest.mark.parametrize("patch", [None, (4, 5, 1)])
def test_a_slice_model_sees_slices_along_z(tmp_path, rng, lesions, axes, patch):
    kernel = rng.normal(size=(1, 1)).astype(np.float32)
    if patch is None:
        kernel = rng.normal(size=(3, 3)).astype(np.float32)
    values = rng.normal(size=(9, 8, 5)).astype(np.float32)
    truth = ndimage.correlate(
        values.astype(float), kernel[:, :, None].astype(float), mode="constant"
    )
    path = conv(
        tmp_path / "m.onnx",
        (kernel if axes == "xyz" else kernel.T)[None, None],
        shape=["n", 1, "a", "b"],
    )
    given = ModelInput(normalise="none", axes=axes, patch=patch, batch=2)
    got = opened(path, lesions, given, ModelOutput(activation="sigmoid")).predict(
        case(), volume(values)
    )
    clear = np.abs(truth) > 1e-4
    np.testing.assert_array_equal(got.values[clear], truth[clear] > 0)


def oblique_affine() -> np.ndarray:
    """Permuted, reversed and turned by 20 degrees, with a voxel of three different sizes."""
    turn = np.radians(20)
    rotation = np.array(
        [[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]]
    )
    axes = np.array([[0, 0, 1], [-1, 0, 0], [0, 1, 0]], dtype=float)
    affine = np.eye(4)
    affine[:3, :3] = rotation @ axes @ np.diag([0.8, 2.5, 1.2])
    affine[:3, 3] = [-30, 12, 400]
    return affine


@pytest.mark.parametrize("axes", ["xyz", "zyx"])
@pytest.mark.parametrize("orientation", ["LPS", "RAS"])
@pytest.mark.parametrize("patch", [None, (12, 20, 16)])
def test_a_blob_comes_back_where_it_was_moved_by_the_model(
    tmp_path, lesions, axes, orientation, patch
):
    """The model moves everything by two of its voxels towards its own +x."""
    affine, shape = oblique_affine(), (40, 20, 30)
    centre = np.array([14, 6, 20, 1.0])
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    place = index @ affine[:3, :3].T + affine[:3, 3]
    blob = np.linalg.norm(place - (affine @ centre)[:3], axis=-1) < 7

    shift = np.zeros((5, 1, 1))
    shift[0] = 1  # correlation takes from two voxels before, so things move forward
    kernel = shift if axes == "xyz" else shift.transpose(2, 1, 0)
    path = conv(tmp_path / "m.onnx", kernel[None, None])
    given = ModelInput(
        normalise="none",
        spacing_mm=(1.5, 1.0, 1.25),
        axes=axes,
        orientation=orientation,
        patch=patch,
        overlap=0.6,
    )
    got = opened(path, lesions, given).predict(case(), volume(blob, affine))
    assert got.values.shape == shape
    assert got.geometry.affine_lps_mm is affine

    # The model's +x is the image axis nearest to L (or R): the third, turned by 20 degrees.
    towards = affine[:3, 2] / 1.2
    assert towards[0] > 0.9
    moved = 2 * 1.5 * towards * (1 if orientation == "LPS" else -1)
    found = place[got.values == 1].mean(axis=0)
    np.testing.assert_allclose(found - place[blob].mean(axis=0), moved, atol=0.25)


def test_softmax_takes_the_highest_channel_and_channels_name_labels(tmp_path, rng, organs):
    values = rng.normal(size=(6, 5, 4)).astype(np.float32)
    kernel = np.array([0.0, 1.0, -1.0]).reshape(3, 1, 1, 1, 1)
    path = conv(tmp_path / "m.onnx", kernel)
    got = opened(path, organs, output=ModelOutput()).predict(case(), volume(values))
    np.testing.assert_array_equal(got.values, np.where(values > 0, 1, 2))
    turned = ModelOutput(channels={"liver": 2, "spleen": 1})
    got = opened(path, organs, output=turned).predict(case(), volume(values))
    np.testing.assert_array_equal(got.values, np.where(values > 0, 2, 1))


def test_the_threshold_holds_for_a_softmax_with_one_label(tmp_path, rng, lesions):
    values = rng.normal(size=(6, 5, 4)).astype(np.float32)
    path = two_logits(tmp_path / "m.onnx", 0.0)
    got = opened(path, lesions, output=ModelOutput(threshold=0.8)).predict(case(), volume(values))
    np.testing.assert_array_equal(got.values, 1 / (1 + np.exp(-values.astype(float))) >= 0.8)


@pytest.mark.parametrize("keep_channel", [True, False])
@pytest.mark.parametrize("patch", [None, (3, 3, 3)])
def test_labels_come_back_as_they_are(tmp_path, rng, organs, keep_channel, patch):
    values = rng.integers(0, 3, (7, 6, 5))
    nodes = [node("Cast", ["image"], "whole", to=TensorProto.INT64)]
    axes = {"one": np.array([1], dtype=np.int64)}
    nodes.append(node("Identity", ["whole"]) if keep_channel else node("Squeeze", ["whole", "one"]))
    path = save(tmp_path / "m.onnx", nodes, weights=axes, out_type=TensorProto.INT64)
    given = ModelInput(normalise="none", patch=patch)
    got = opened(path, organs, given, LABELS).predict(case(), volume(values))
    np.testing.assert_array_equal(got.values, values)


def test_small_components_are_dropped_by_their_volume_on_the_image(tmp_path, lesions):
    values = np.zeros((12, 12, 6))
    values[1:3, 1:3, 1:3] = 1  # 8 voxels of 2 mm^3
    values[6:9, 6:9, 2] = 1  # 9 voxels, one of them by a corner only
    values[9, 9, 3] = 1
    affine = np.diag([1.0, 1.0, 2.0, 1.0])
    path = identity(tmp_path / "m.onnx")
    for least, kept in ((16.0, 18), (16.1, 10), (20.0, 10), (20.1, 0)):
        output = ModelOutput(activation="none", min_volume_mm3=least)
        got = opened(path, lesions, output=output).predict(case(), volume(values, affine))
        assert int(got.values.sum()) == kept


def test_images_smaller_than_the_patch_and_multiples(tmp_path, rng, lesions):
    values = rng.random((5, 3, 2))
    truth = values.astype(np.float32) >= np.float32(0.5)
    fixed = identity(tmp_path / "fixed.onnx", shape=[1, 1, 8, 8, 4])
    given = ModelInput(normalise="none", patch=(8, 8, 4))
    np.testing.assert_array_equal(
        opened(fixed, lesions, given).predict(case(), volume(values)).values, truth
    )
    # pooling and growing back needs even sizes, as the down-sampling of a U-Net does
    nodes = [
        node("MaxPool", ["image"], "low", kernel_shape=[2, 2, 2], strides=[2, 2, 2]),
        node("Resize", ["low", "", "twice"], "high", mode="nearest"),
        node("Mul", ["high", "zero"], "nothing"),
        node("Add", ["image", "nothing"]),
    ]
    weights = {"twice": np.array([1, 1, 2, 2, 2], np.float32), "zero": np.float32(0)}
    pooled = save(tmp_path / "pooled.onnx", nodes, weights=weights)
    given = ModelInput(normalise="none", multiple_of=(2, 2, 2))
    np.testing.assert_array_equal(
        opened(pooled, lesions, given).predict(case(), volume(values)).values, truth
    )
    assert "multiple_of" in refusal(ModelMismatch, opened(pooled, lesions), values)


def test_a_fixed_batch_is_filled_up(tmp_path, rng, lesions):
    values = rng.random((9, 4, 4))
    path = identity(tmp_path / "m.onnx", shape=[4, 1, 3, 4, 4])
    given = ModelInput(normalise="none", patch=(3, 4, 4), batch=4, overlap=0)
    got = opened(path, lesions, given).predict(case(), volume(values))
    np.testing.assert_array_equal(got.values, values.astype(np.float32) >= np.float32(0.5))
    assert "batch: 4" in refusal(
        ModelMismatch, opened(path, lesions, ModelInput(normalise="none", patch=(3, 4, 4)))
    )


@pytest.mark.parametrize("kind", [TensorProto.FLOAT16, TensorProto.DOUBLE])
def test_half_and_double_precision(tmp_path, rng, lesions, kind):
    values = rng.random((4, 4, 4)).astype(np.float16)
    image = helper.make_tensor_value_info("image", kind, ["n", 1, "x", "y", "z"])
    path = save(tmp_path / "m.onnx", [node("Identity", ["image"])], inputs=[image], out_type=kind)
    got = opened(path, lesions).predict(case(), volume(values))
    np.testing.assert_array_equal(got.values, values >= 0.5)


def test_the_first_output_of_floating_point_is_taken(tmp_path, rng, lesions):
    values = rng.random((4, 4, 4))
    nodes = [
        node("Shape", ["image"], "size"),
        node("Identity", ["image"], "first"),
        node("Neg", ["image"], "second"),
    ]
    kinds = {"size": TensorProto.INT64, "first": TensorProto.FLOAT, "second": TensorProto.FLOAT}
    outputs = [helper.make_tensor_value_info(k, v, None) for k, v in kinds.items()]
    path = save(tmp_path / "m.onnx", nodes, outputs=outputs)
    got = opened(path, lesions).predict(case(), volume(values))
    np.testing.assert_array_equal(got.values, values.astype(np.float32) >= np.float32(0.5))


def test_two_predictions_are_equal_to_the_bit(tmp_path, rng, organs):
    path = conv(tmp_path / "m.onnx", rng.normal(size=(3, 1, 3, 3, 3)))
    given = ModelInput(normalise="zscore", patch=(8, 8, 8), spacing_mm=(1.3, 1.1, 0.9))
    image = volume(rng.normal(size=(20, 17, 9)))
    answers = [
        opened(path, organs, given, ModelOutput(), threads=2).predict(case(), image).values
        for _ in range(2)
    ]
    np.testing.assert_array_equal(*answers)


# --- errors -----------------------------------------------------------------------------------


def test_another_input_shape_names_both_and_the_mend(tmp_path, lesions):
    path = identity(tmp_path / "m.onnx", shape=[1, 1, 8, 6, 4])
    patched = ModelInput(normalise="none", patch=(4, 4, 4))
    text = refusal(ModelMismatch, opened(path, lesions, patched))
    assert "8 x 6 x 4" in text and "4 x 4 x 4" in text and "patch: [8, 6, 4]" in text
    turned = ModelInput(normalise="none", axes="zyx")
    assert "patch: [4, 6, 8]" in refusal(ModelMismatch, opened(path, lesions, turned))


def test_more_than_one_channel_or_input(tmp_path, lesions):
    two = identity(tmp_path / "a.onnx", shape=["n", 2, "x", "y", "z"])
    assert "2 input channels" in refusal(ModelMismatch, opened(two, lesions))
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 1, "x", "y", "z"])
        for name in ("image", "other")
    ]
    both = save(tmp_path / "b.onnx", [node("Add", ["image", "other"])], inputs=inputs)
    assert "one input" in refusal(ModelMismatch, opened(both, lesions))
    flat = identity(tmp_path / "c.onnx", shape=["n", 1, "x"])
    assert "(N, 1, x, y, z)" in refusal(ModelMismatch, opened(flat, lesions))


def test_nan_and_infinity(tmp_path, lesions):
    nodes = [node("Log", ["image"])]
    path = save(tmp_path / "m.onnx", nodes)
    given = ModelInput(normalise="none", patch=(2, 2, 2))
    for values in (-np.ones((4, 4, 4)), np.zeros((4, 4, 4))):
        for way in (RAW, given):
            text = refusal(BadPrediction, opened(path, lesions, way, ModelOutput(
                activation="sigmoid")), values)  # fmt: skip
            assert "NaN or infinity" in text and "P007" in text


def test_overflow_in_blending_is_no_answer(tmp_path, lesions):
    path = identity(tmp_path / "m.onnx")
    given = ModelInput(normalise="none", patch=(3, 3, 3), overlap=0.5)
    model = opened(path, lesions, given, ModelOutput(activation="sigmoid"))
    assert "infinity" in refusal(BadPrediction, model, np.full((6, 6, 6), 3e38))


def test_channels_that_are_not_those_of_the_labels(tmp_path, lesions, organs):
    three = conv(tmp_path / "three.onnx", np.ones((3, 1, 1, 1, 1)))
    two = conv(tmp_path / "two.onnx", np.ones((2, 1, 1, 1, 1)))
    one = identity(tmp_path / "one.onnx")
    text = refusal(ModelMismatch, opened(three, lesions, output=ModelOutput()))
    assert "3 output channels" in text and "lesion: 1" in text
    refusal(ModelMismatch, opened(two, organs, output=ModelOutput()))
    refusal(ModelMismatch, opened(one, organs, output=ModelOutput(activation="sigmoid")))
    refusal(ModelMismatch, opened(one, lesions, output=ModelOutput()))
    beyond = ModelOutput(channels={"liver": 1, "spleen": 3})
    refusal(ModelMismatch, opened(three, organs, output=beyond))
    lacking = ModelOutput(channels={"liver": 1})
    refusal(ModelMismatch, opened(three, organs, output=lacking))


def test_logits_declared_as_probabilities(tmp_path, lesions):
    text = refusal(BadPrediction, opened(identity(tmp_path / "m.onnx"), lesions),
                   np.full((4, 4, 4), 7.5))  # fmt: skip
    assert "7.5" in text and "activation" in text


def test_labels_that_are_not_declared_or_not_whole(tmp_path, lesions):
    model = opened(identity(tmp_path / "m.onnx"), lesions, output=LABELS)
    values = np.zeros((4, 4, 4))
    values[1, 1] = 3
    assert "3 (4 voxels)" in refusal(BadPrediction, model, values)
    assert "0.25" in refusal(BadPrediction, model, np.full((4, 4, 4), 0.25))
    refusal(BadPrediction, model, np.full((4, 4, 4), -1.0))
    refusal(BadPrediction, model, np.full((4, 4, 4), 1e9))


def test_ignored_labels_become_background_and_instances_keep_their_numbers(tmp_path):
    path = identity(tmp_path / "m.onnx")
    values = np.arange(8).reshape(2, 2, 2)
    task = Task(kind="segmentation", labels={"a": 1}, ignore_labels=[2, 3, 4, 5, 6, 7])
    got = opened(path, task, output=LABELS).predict(case(), volume(values))
    np.testing.assert_array_equal(got.values, values == 1)
    task = Task(kind="lesion-detection", reference="instances")
    got = opened(path, task, output=LABELS).predict(case(), volume(values))
    np.testing.assert_array_equal(got.values, values)


def test_an_output_of_another_shape(tmp_path, lesions):
    pooled = save(
        tmp_path / "m.onnx",
        [node("MaxPool", ["image"], kernel_shape=[2, 2, 2], strides=[2, 2, 2])],
    )
    text = refusal(BadPrediction, opened(pooled, lesions))
    assert "1 x 1 x 4 x 4 x 4" in text and "1 x 1 x 2 x 2 x 2" in text
    whole = save(
        tmp_path / "w.onnx",
        [node("Cast", ["image"], to=TensorProto.INT64)],
        out_type=TensorProto.INT64,
    )
    assert "holds: labels" in refusal(ModelMismatch, opened(whole, lesions))


def test_a_patch_that_cannot_be(tmp_path, lesions):
    flat = identity(tmp_path / "m.onnx", shape=["n", 1, "x", "y"])
    thick = ModelInput(normalise="none", patch=(4, 4, 2))
    assert "[4, 4, 1]" in refusal(ModelMismatch, opened(flat, lesions, thick))
    solid = identity(tmp_path / "s.onnx")
    odd = ModelInput(normalise="none", patch=(5, 4, 4), multiple_of=(4, 4, 4))
    refusal(ModelMismatch, opened(solid, lesions, odd))


def test_operators_the_runtime_does_not_have(tmp_path, lesions):
    own = save(tmp_path / "m.onnx", [node("Telepathy", ["image"])])
    text = refusal(ModelUnreadable, opened(own, lesions))
    assert "does not have" in text and "Telepathy" in text
    future = identity(tmp_path / "f.onnx")
    model = onnx.load(future)
    model.opset_import[0].version = 99
    onnx.save(model, future)
    assert "opset" in refusal(ModelUnreadable, opened(future, lesions))


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x07\x3a\xff\x01short", None])
def test_a_file_that_is_no_model_or_not_there(tmp_path, lesions, content):
    path = tmp_path / "m.onnx"
    if content is not None:
        path.write_bytes(content)
    model = opened(path, lesions)
    with pytest.raises(ModelUnreadable) as caught:
        model.identity(digest_file)
    assert "m.onnx" in str(caught.value) and str(tmp_path) not in str(caught.value)
    refusal(ModelUnreadable, model)


def test_a_git_lfs_pointer_says_so(tmp_path, lesions):
    path = tmp_path / "m.onnx"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    with pytest.raises(ModelUnreadable, match="git lfs pull"):
        opened(path, lesions).identity(digest_file)


def test_a_truncated_model_at_any_length(tmp_path, rng, lesions):
    whole = conv(tmp_path / "m.onnx", rng.normal(size=(1, 1, 3, 3, 3))).read_bytes()
    path = tmp_path / "cut.onnx"
    for length in range(1, len(whole), 13):
        path.write_bytes(whole[:length])
        model = opened(path, lesions)
        try:
            model.identity(digest_file)
        except ModelUnreadable:
            continue
        # the cut fell between two outermost parts: then the runtime has to notice
        refusal(ModelUnreadable, model)


# --- identity ---------------------------------------------------------------------------------


def external(path, rng):
    conv(path, rng.normal(size=(1, 1, 9, 9, 9)))
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, location="m.data", size_threshold=0)
    return path


def test_external_data_is_part_of_the_identity(tmp_path, rng, lesions):
    path = external(tmp_path / "m.onnx", rng)
    model = opened(path, lesions)
    before = model.identity(digest_file)
    assert set(before) == {
        "weights",
        "weights m.data",
        "model input",
        "model output",
        "labels",
        "runtime",
    }
    data = bytearray((tmp_path / "m.data").read_bytes())
    data[5] ^= 1
    (tmp_path / "m.data").write_bytes(data)
    after = model.identity(digest_file)
    assert {k for k in before if before[k] != after[k]} == {"weights m.data"}
    (tmp_path / "m.data").unlink()
    with pytest.raises(ModelUnreadable, match=r"m\.data"):
        model.identity(digest_file)
    refusal(ModelUnreadable, model)


def test_external_data_is_used(tmp_path, rng, lesions):
    values = rng.normal(size=(10, 10, 10))
    inside, outside = tmp_path / "a" / "m.onnx", tmp_path / "b" / "m.onnx"
    conv(inside, np.random.default_rng(3).normal(size=(1, 1, 9, 9, 9)))
    outside.parent.mkdir()
    external(outside, np.random.default_rng(3))
    answers = [
        opened(p, lesions, output=ModelOutput(activation="sigmoid"))
        .predict(case(), volume(values))
        .values
        for p in (inside, outside)
    ]
    assert 0 < answers[0].sum() < values.size
    np.testing.assert_array_equal(*answers)


def test_each_setting_changes_the_part_that_bears_its_name(tmp_path, lesions):
    path = identity(tmp_path / "m.onnx")
    first = opened(path, lesions).identity(digest_file)

    def changed(**options):
        task = options.pop("task", lesions)
        now = opened(path, task, **options).identity(digest_file)
        return {k for k in first if first[k] != now[k]}

    assert changed() == set()
    assert changed(given=ModelInput(normalise="none", overlap=0.5)) == {"model input"}
    assert changed(output=ModelOutput(activation="none", threshold=0.6)) == {"model output"}
    assert changed(threads=2) == {"runtime"}
    other = Task(kind="lesion-detection", labels={"nodule": 1})
    assert changed(task=other) == {"labels"}


def test_replaced_weights_are_seen_though_the_model_stays_open(tmp_path, rng, lesions):
    path = conv(tmp_path / "m.onnx", rng.normal(size=(1, 1, 3, 3, 3)))
    model = opened(path, lesions)
    first = model.identity(digest_file)
    conv(path, rng.normal(size=(1, 1, 3, 3, 3)))
    assert model.identity(digest_file)["weights"] != first["weights"]


def test_identity_of_an_unmoved_model_takes_less_than_a_millisecond(tmp_path, rng, lesions):
    path = external(tmp_path / "m.onnx", rng)
    memory = DigestMemory(tmp_path / "digests.sqlite")
    model = opened(path, lesions)
    model.identity(memory.digest)
    took = []
    for _ in range(50):
        start = time.perf_counter()
        model.identity(memory.digest)
        took.append(time.perf_counter() - start)
    assert sorted(took)[10] < 1e-3


def test_identity_loads_neither_onnx_nor_onnxruntime(tmp_path, rng):
    path = external(tmp_path / "m.onnx", rng)
    code = (
        "import sys; from pathlib import Path; from limen.models import open_model\n"
        "from limen.evidence import digest_file\n"
        "from limen.product.declaration import OnnxModel, Task\n"
        "task = Task(kind='segmentation')\n"
        "model = open_model(OnnxModel(onnx='m.onnx'), Path(sys.argv[1]), task)\n"
        "model.identity(digest_file)\n"
        "heavy = {'onnx', 'onnxruntime', 'scipy', 'torch'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path.parent)], capture_output=True)
    assert done.returncode == 0, done.stderr
