"""`limen new`: what it writes is accepted, describes what is there, and destroys nothing."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from typer.testing import CliRunner

from limen.cli.app import build
from limen.data import load_approval
from limen.errors import LimenError
from limen.models import ModelMismatch, ModelMissing
from limen.pipeline import load, run
from limen.pipeline.check import check
from limen.pipeline.new import AlreadyAProduct, NothingToDeclare, new_product
from limen.pipeline.templates import quoted
from limen.product import declaration_schema, load_declaration

AFFINE = np.diag([-1.0, -1.0, 2.0, 1.0])


def put(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(values, AFFINE), path)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three chests with 0, 1 and 2 lesions; the predictions are the references."""
    for n in range(3):
        image = np.random.default_rng(n).normal(-900, 20, (20, 18, 10)).astype(np.int16)
        image[3:17, 3:15] += 950
        mask = np.zeros(image.shape, np.uint8)
        for k in range(n):
            mask[5 : 8 + k, 5:8, 1 + 4 * k : 3 + 4 * k] = 1
        put(tmp_path / "mine" / "images" / f"case{n}.nii.gz", image + 100 * mask)
        put(tmp_path / "mine" / "masks" / f"case{n}.nii.gz", mask)
        put(tmp_path / "mine" / "preds" / f"case{n}.nii.gz", mask)
    return tmp_path / "mine"


def tree(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


@pytest.mark.parametrize("modality", ["ct", "mr", "oct"])
def test_a_template_is_a_valid_declaration(tmp_path, modality):
    new_product(tmp_path / "My Product", modality=modality)
    declaration = load_declaration(tmp_path / "My Product" / "limen.yaml")
    assert declaration.product.name == "my-product"
    assert declaration.product.intended_use.modality == modality.upper()
    assert declaration.product.intended_use.statement.startswith("(to be written)")
    text = (tmp_path / "My Product" / "limen.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=.limen/limen.schema.json\n")
    schema = json.loads((tmp_path / "My Product" / ".limen" / "limen.schema.json").read_text())
    assert schema == declaration_schema()
    assert load_approval(tmp_path / "My Product" / "approvals" / "undeclared.yaml").kind == (
        "undeclared"
    )


def test_the_commented_physics_of_a_template_are_valid_too(tmp_path):
    for modality in ("ct", "mr", "oct"):
        new_product(tmp_path / modality, modality=modality)
        path = tmp_path / modality / "limen.yaml"
        lines = path.read_text().splitlines()
        start = lines.index("# physics:")
        lines[start : start + 2] = [line.removeprefix("# ") for line in lines[start : start + 2]]
        lines[-1] = lines[-1].removeprefix("# ")
        path.write_text("\n".join(lines))
        assert next(iter(load_declaration(path).physics)).startswith(f"{modality}.")


def test_with_predictions_the_run_goes_through_as_it_stands(data):
    folder = data.parent / "product"
    made = new_product(
        folder,
        images=data / "images",
        references=data / "masks",
        predictions=data / "preds",
    )
    assert made.next_command == f"limen run {folder}"
    declaration = load_declaration(folder / "limen.yaml")
    assert declaration.task.kind == "lesion-detection"
    assert declaration.task.labels == {"label_1": 1}
    (dataset,) = declaration.data
    assert (dataset.use, dataset.images) == ("validation", str(data / "images"))
    result = run(folder, workers=1)
    assert result.evaluation.complete
    assert result.evaluation.summaries["validation"]["n_cases"] == 3
    assert result.report.exists()


def test_predictions_beside_the_images_are_the_model(data):
    for n in range(3):
        for part, name in (("images", "image"), ("masks", "mask"), ("preds", "prediction")):
            path = data / "cases" / f"case{n}" / f"{name}.nii.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            (data / part / f"case{n}.nii.gz").rename(path)
    folder = data.parent / "product"
    made = new_product(folder, images=data / "cases")
    assert made.next_command == f"limen run {folder}"
    assert check(folder, workers=1).exit_code == 0
    assert run(folder, workers=1).evaluation.complete


def test_data_below_the_product_is_named_relative_to_it(data):
    new_product(data, images=data / "images", references=data / "masks", predictions=data / "preds")
    declaration = load_declaration(data / "limen.yaml")
    assert declaration.data[0].images == "images"
    assert declaration.model.predictions == "preds"
    assert len(load(data).sets["validation"].cases) == 3


def test_a_value_that_only_predictions_have_is_declared(data):
    mask = np.zeros((20, 18, 10), np.uint8)
    mask[1:3, 1:3, 1:3] = 4
    put(data / "preds" / "case0.nii.gz", mask)
    folder = data.parent / "product"
    new_product(
        folder, images=data / "images", references=data / "masks", predictions=data / "preds"
    )
    assert load_declaration(folder / "limen.yaml").task.labels == {"label_1": 1, "label_4": 4}
    assert run(folder, workers=1).evaluation.complete


def write_onnx(path: Path, shape, settings=None) -> None:
    """Two channels of scores: the image, and the image less a bit."""
    nodes = [
        helper.make_node("Concat", ["image", "image"], ["scores"], axis=1),
    ]
    given = helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)
    out = helper.make_tensor_value_info("scores", TensorProto.FLOAT, [shape[0], 2, *shape[2:]])
    graph = helper.make_graph(nodes, "g", [given], [out])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if settings is not None:
        helper.set_model_props(model, {"limen": json.dumps(settings)})
    onnx.save(model, path)


def test_an_onnx_file_without_settings_gets_defaults_to_check(data):
    write_onnx(data / "m.onnx", ["n", 1, 16, 16, 8])
    folder = data.parent / "product"
    made = new_product(
        folder, images=data / "images", references=data / "masks", onnx=data / "m.onnx"
    )
    model = load_declaration(folder / "limen.yaml").model
    assert model.onnx == str(data / "m.onnx")
    assert model.input.patch == (16, 16, 8)
    assert model.input.spacing_mm == (1, 1, 2)
    assert model.input.window_hu == (-1000, 400)
    assert any("check them in limen.yaml" in sentence for sentence in made.assumed)
    assert run(folder, workers=1).evaluation.complete


SPACE = ["x0", "x1", "x2"]


def made_onnx(path: Path, shape, nodes, out_shape=None, out_type=TensorProto.FLOAT) -> Path:
    given = helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)
    out = helper.make_tensor_value_info("answer", out_type, out_shape)
    graph = helper.make_graph(nodes, "g", [given], [out])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


def op(name: str, inputs: list[str], out: str = "answer", **given):
    return helper.make_node(name, inputs, [out], **given)


LOGIT = [
    op("Constant", [], "half", value_float=0.5),
    op("Sub", ["image", "half"], "over"),
    op("Constant", [], "gain", value_float=9.0),
]
ONE_LOGIT = [*LOGIT, op("Mul", ["over", "gain"])]
TWO_LOGITS = [*LOGIT, op("Mul", ["over", "gain"], "fg"), op("Neg", ["fg"], "bg"),
              op("Concat", ["bg", "fg"], axis=1)]  # fmt: skip
OWN_SOFTMAX = [*TWO_LOGITS[:-1], op("Concat", ["bg", "fg"], "both", axis=1),
               op("Softmax", ["both"], axis=1)]  # fmt: skip
OWN_SIGMOID = [*LOGIT, op("Mul", ["over", "gain"], "fg"), op("Sigmoid", ["fg"])]
LABELS = [op("Constant", [], "half", value_float=0.5), op("Greater", ["image", "half"], "in"),
          op("Cast", ["in"], "whole", to=TensorProto.INT64), op("ReduceMax", ["whole"],
          axes=[1], keepdims=0)]  # fmt: skip
FIVE = [op("Concat", ["image"] * 5, axis=1)]


@pytest.mark.parametrize(
    ("shape", "nodes", "says"),
    [
        (["n", 1, *SPACE], ONE_LOGIT, {"activation": "sigmoid", "patch": (32, 32, 32)}),
        (["n", 1, *SPACE], TWO_LOGITS, {"activation": "softmax", "axes": "xyz", "batch": 1}),
        (["n", 1, *SPACE], OWN_SOFTMAX, {"activation": "none"}),
        (["n", 1, *SPACE], OWN_SIGMOID, {"activation": "none"}),
        (["n", 1, *SPACE], LABELS, {"holds": "labels"}),
        ([4, 1, *SPACE], TWO_LOGITS, {"batch": 4}),
        ([2, 1, 16, 16, 8], TWO_LOGITS, {"batch": 2, "patch": (16, 16, 8), "axes": "xyz"}),
        # the images have 20 x 18 x 10 voxels, so few slices come first here
        (["n", 1, 8, 16, 16], TWO_LOGITS, {"patch": (16, 16, 8), "axes": "zyx"}),
        (["n", 1, "D", "H", "W"], TWO_LOGITS, {"axes": "zyx"}),
        (["n", 1, "a", 16, "b"], TWO_LOGITS, {"patch": (32, 16, 32)}),
        (["n", 1, "a", "b"], TWO_LOGITS, {"patch": None, "multiple_of": (32, 32, 1)}),
        (["n", 1, 16, 24], TWO_LOGITS, {"patch": (24, 16, 1), "axes": "zyx"}),
        (["n", 1, *SPACE], FIVE, {"labels": {f"label_{v}": v for v in (1, 2, 3, 4)}}),
    ],
)
def test_what_is_written_for_an_onnx_file_runs_as_it_stands(data, shape, nodes, says):
    holds_labels = nodes is LABELS
    kind = TensorProto.INT64 if holds_labels else TensorProto.FLOAT
    model = made_onnx(data / "m.onnx", shape, nodes, out_type=kind)
    folder = data.parent / "product"
    new_product(folder, images=data / "images", references=data / "masks", onnx=model)
    declaration = load_declaration(folder / "limen.yaml")
    written = {
        **declaration.model.input.model_dump(),
        **declaration.model.output.model_dump(),
        "labels": declaration.task.labels,
    }
    assert {key: written[key] for key in says} == says
    assert run(folder, workers=1).evaluation.complete


def test_labels_of_other_values_than_the_channels_get_a_channel(data):
    for path in (data / "masks").iterdir():
        values = np.asarray(nib.load(path).dataobj)
        put(path, values * 255)
    model = made_onnx(data / "m.onnx", ["n", 1, *SPACE], TWO_LOGITS)
    folder = data.parent / "product"
    made = new_product(folder, images=data / "images", references=data / "masks", onnx=model)
    declaration = load_declaration(folder / "limen.yaml")
    assert declaration.task.labels == {"label_255": 255}
    assert declaration.model.output.channels == {"label_255": 1}
    assert any("in the order of the channels" in sentence for sentence in made.assumed)
    assert run(folder, workers=1).evaluation.complete


@pytest.mark.parametrize(
    ("shape", "nodes", "out_shape", "words"),
    [
        (["n", 1, *SPACE], [op("ReduceMean", ["image"], keepdims=0)], [], "a single number"),
        (["n", 1, *SPACE], [op("ReduceMean", ["image"], axes=[1, 2, 3, 4], keepdims=0)], ["n"],
         "output 1"),
        (["n", 1, *SPACE], [op("GlobalAveragePool", ["image"])], None, "output 1 x 1 x 1 x 1 x 1"),
        (["n", 3, *SPACE], [op("Relu", ["image"])], None, "3 input channels"),
        (["n", 1, "a"], [op("Relu", ["image"])], None, "n x 1 x a"),
        (["n", 1, *SPACE], [op("NoSuchThing", ["image"])], None, "NoSuchThing"),
    ],
)  # fmt: skip
def test_an_onnx_file_that_limen_cannot_use_is_refused(data, shape, nodes, out_shape, words):
    model = made_onnx(data / "m.onnx", shape, nodes, out_shape)
    folder = data.parent / "product"
    with pytest.raises(LimenError) as caught:
        new_product(folder, images=data / "images", references=data / "masks", onnx=model)
    assert caught.value.exit_code == 2
    assert words in str(caught.value.found)
    assert caught.value.mend
    assert not folder.exists()


def test_more_labels_than_channels_are_refused(data):
    mask = np.zeros((20, 18, 10), np.uint8)
    mask[1:3, 1:3, 1:3], mask[5:7, 5:7, 5:7] = 2, 3
    put(data / "masks" / "case0.nii.gz", mask)
    model = made_onnx(data / "m.onnx", ["n", 1, *SPACE], ONE_LOGIT)
    folder = data.parent / "product"
    with pytest.raises(ModelMismatch, match="label_3: 3"):
        new_product(folder, images=data / "images", references=data / "masks", onnx=model)
    assert not folder.exists()


def test_without_a_model_the_file_says_what_to_fill_in_and_check_leads_there(data):
    folder = data.parent / "product"
    made = new_product(folder, images=data / "images", references=data / "masks")
    assert f"limen check {folder}" in made.next_command
    text = (folder / "limen.yaml").read_text()
    assert "# TO FILL IN: no model was named" in text
    assert "#   predictions: FOLDER" in text and "#   onnx: model/model.onnx" in text
    checked = check(folder, workers=1)
    assert checked.exit_code == 2
    (problem,) = [p for p in checked.problems if p.weight == "wrong"]
    assert "predictions" in problem.what and "model.predictions" in str(problem.mend)
    # and once they are there, it runs as it stands
    (data / "preds").rename(folder / "predictions")
    assert check(folder, workers=1).exit_code == 0
    assert run(folder, workers=1).evaluation.complete


def test_an_onnx_file_with_settings_is_taken_at_its_word(data):
    settings = {
        "input": {"spacing_mm": [1.5, 1.5, 3], "window_hu": [-900, 300], "patch": [16, 16, 8]},
        "output": {"activation": "softmax", "min_volume_mm3": 12.5},
        "labels": {"nodule": 1},
    }
    write_onnx(data / "m.onnx", ["n", 1, "x", "y", "z"], settings)
    folder = data.parent / "product"
    new_product(folder, images=data / "images", references=data / "masks", onnx=data / "m.onnx")
    declaration = load_declaration(folder / "limen.yaml")
    assert declaration.model.input.spacing_mm == (1.5, 1.5, 3)
    assert declaration.model.input.window_hu == (-900, 300)
    assert declaration.model.output.min_volume_mm3 == 12.5
    assert declaration.task.labels == {"nodule": 1}


def test_an_existing_declaration_is_never_overwritten(data):
    (data / "limen.yaml").write_text("mine")
    before = tree(data)
    with pytest.raises(AlreadyAProduct):
        new_product(data, images=data / "images", references=data / "masks")
    with pytest.raises(AlreadyAProduct):
        new_product(data)
    assert tree(data) == before
    assert (data / "limen.yaml").read_text() == "mine"


def test_what_fails_leaves_nothing_behind(data, tmp_path):
    folder = tmp_path / "new" / "product"
    (data / "m.onnx").write_bytes(b"no model")
    masks = data / "masks"
    for given in (
        {"images": data / "images"},
        {"images": tmp_path / "missing", "references": masks},
        {"images": data / "images", "references": data / "empty"},
        {"references": masks},
        {"images": data / "images", "references": masks, "onnx": data / "m.onnx"},
        {"images": data, "predictions": data / "preds", "onnx": data / "m.onnx"},
    ):
        with pytest.raises(LimenError) as caught:
            new_product(folder, **given)
        assert caught.value.exit_code == 2
        assert caught.value.mend
        assert not (tmp_path / "new").exists()


def test_a_name_that_a_product_cannot_have(data):
    given = {"images": data / "images", "references": data / "masks"}
    with pytest.raises(NothingToDeclare, match="f-r-elise") as caught:
        new_product(data.parent / "p", name="Für Elise", **given)
    assert caught.value.where == "--name"


def test_a_missing_onnx_file_is_told_before_any_case_is_read(data):
    told = []
    with pytest.raises(ModelMissing, match="--onnx"):
        new_product(
            data.parent / "p",
            images=data / "images",
            references=data / "masks",
            onnx=data / "gone.onnx",
            told=lambda *n: told.append(n),
        )
    assert told == []


def test_images_and_references_swapped_are_told_so(data):
    with pytest.raises(NothingToDeclare, match="not swapped"):
        new_product(data.parent / "p", images=data / "masks", references=data / "images")


def test_a_failure_while_writing_takes_back_what_was_written(tmp_path, monkeypatch):
    import limen.pipeline.new as module

    real = module.write_atomically

    def full(path: Path, content: bytes) -> None:
        if path.name == "limen.yaml":
            raise OSError(28, "No space left on device")
        real(path, content)

    monkeypatch.setattr(module, "write_atomically", full)
    (tmp_path / "there").mkdir()
    with pytest.raises(OSError):
        new_product(tmp_path / "there" / "product")
    assert tree(tmp_path) == ["there"]


def test_no_case_with_a_reference(data):
    for path in (data / "masks").iterdir():
        path.rename(path.with_name(f"other{path.name}"))
    with pytest.raises(NothingToDeclare, match="no case has a reference"):
        new_product(data.parent / "p", images=data / "images", references=data / "masks")


@pytest.mark.parametrize("text", ["a: b", "yes", "#x", "a b", "-", "1", "é", 'q"', "x # y", "."])
def test_every_name_is_read_back_as_it_was(text):
    from ruamel.yaml import YAML

    assert YAML(typ="safe").load(f"key: {quoted(text)}") == {"key": text}
    assert YAML(typ="safe").load(f"{quoted(text)}: 1") == {text: 1}


def test_the_verb_prints_what_it_found_and_the_next_command(data):
    folder = data.parent / "product"
    given = ["new", str(folder), "--images", str(data / "images"), "--references"]
    result = CliRunner().invoke(build(), [*given, str(data / "masks")])
    assert result.exit_code == 0, result.output
    for words in ("3 of 3 patients", "label_1", "Assumed", f"limen check {folder}"):
        assert words in result.output.replace("\n", "")
    result = CliRunner().invoke(build(), ["new", str(folder)])
    assert isinstance(result.exception, AlreadyAProduct)


def test_the_verb_speaks_json(data):
    folder = data.parent / "product"
    given = ["new", str(folder), "--images", str(data / "images"), "--references"]
    result = CliRunner().invoke(build(), [*given, str(data / "masks"), "--json"])
    told = json.loads(result.stdout)
    assert told["found"]["cases"] == 3
    assert told["declaration"] == str(folder / "limen.yaml")
