"""`limen check`: everything that is wrong is in one list, with its case and its mend."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cli_builders
import nibabel as nib
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from typer.testing import CliRunner

from limen.cli.app import build
from limen.models import ModelMismatch
from limen.pipeline.check import Checked, check
from limen.product import ProductNotFound

AFFINE = np.diag([-1.0, -1.0, 2.0, 1.0])
SHAPE = (20, 18, 10)


def put(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(values, AFFINE), path)


def image(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 100, SHAPE).astype(np.float32)


def mask(value: int = 1) -> np.ndarray:
    values = np.zeros(SHAPE, np.uint8)
    values[5:8, 5:8, 2:4] = value
    return values


DECLARATION = cli_builders.DECLARATION.replace(
    "  - {name: val, path: data,",
    "  - {name: dev, path: data/dev, use: development, approval: a.yaml}\n"
    "  - {name: val, path: data/val,",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two patients of development, three of validation, and nothing wrong."""
    here = tmp_path / "product"
    for use, numbers in (("dev", (0, 1)), ("val", (2, 3, 4))):
        for n in numbers:
            put(here / "data" / use / "images" / f"case{n}.nii.gz", image(n))
            put(here / "data" / use / "references" / f"case{n}.nii.gz", mask())
            put(here / "preds" / f"case{n}.nii.gz", mask())
    (here / "a.yaml").write_text("kind: undeclared\n")
    (here / "limen.yaml").write_text(DECLARATION)
    return here


def look(folder: Path) -> Checked:
    return check(folder, workers=1)


def rows(checked: Checked) -> list[tuple[str, str]]:
    return [(p.weight, f"{p.where}: {p.what}") for p in checked.problems]


def change(folder: Path, old: str, new: str) -> None:
    path = folder / "limen.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_nothing_wrong(folder):
    checked = look(folder)
    assert checked.problems == []
    assert checked.exit_code == 0
    assert [(s["name"], s["cases"], s["readable"], s["patients"]) for s in checked.sets] == [
        ("dev", 2, 2, 2),
        ("val", 3, 3, 3),
    ]


def test_it_keeps_nothing_but_the_salt_and_the_memory_of_digests(folder):
    before = set(folder.rglob("*"))
    look(folder)
    made = {str(p.relative_to(folder)) for p in folder.rglob("*")} - {
        str(p.relative_to(folder)) for p in before
    }
    assert made <= {".limen", ".limen/salt", ".limen/digests.sqlite"}


def test_every_broken_case_is_named_and_none_stops_the_others(folder):
    val = folder / "data" / "val"
    put(val / "references" / "case2.nii.gz", mask(7))
    whole = (val / "images" / "case3.nii.gz").read_bytes()
    (val / "images" / "case3.nii.gz").write_bytes(whole[: len(whole) // 2])
    holes = image(4)
    holes[3, 3, 3] = np.nan
    put(val / "images" / "case4.nii.gz", holes)
    put(folder / "data" / "dev" / "references" / "case0.nii.gz", mask()[:, :, :-1])
    (folder / "data" / "dev" / "references" / "case1.nii.gz").unlink()
    checked = look(folder)
    assert checked.exit_code == 2
    told = {w for _, w in rows(checked)}
    for case, words in (
        ("data set val: case2", "not a declared label"),
        ("data set val: case3", ""),
        ("data set val: case4", "NaN"),
        ("data set dev: case0", "grid"),
        ("data set dev: case1", "no reference"),
    ):
        assert any(t.startswith(case) and words in t for t in told), (case, told)
    assert len(checked.problems) == 5
    assert all(p.mend for p in checked.problems)
    assert [(s["cases"], s["readable"]) for s in checked.sets] == [(2, 0), (3, 0)]


def test_a_broken_declaration_and_broken_data_are_told_at_once(folder):
    change(folder, "situation: serious", "situation: grave")
    change(folder, "missed_lesions", "mised_lesions")
    change(folder, "kind: lesion-detection", "kind: lesion-detecton")
    change(folder, "path: data/dev", "path: data/gone")
    put(folder / "data" / "val" / "references" / "case2.nii.gz", mask(7))
    (folder / "preds" / "case3.nii.gz").unlink()
    checked = look(folder)
    told = " | ".join(w for _, w in rows(checked))
    for words in (
        "limen.yaml:11: product.intended_use.situation",
        "limen.yaml:15: criteria[0].measure",
        "data set dev: the folder of a declared data set is not there",
        "data set val: case2: the mask holds a value that is not a declared label",
        "data set val: case3: the case has no prediction",
    ):
        assert words in told
    assert "did you mean 'missed_lesions'?" in str([p.mend for p in checked.problems])
    assert checked.exit_code == 2


@pytest.mark.parametrize(
    "text", ["", "limen: [", "- a\n- b\n", "limen: 1\ndata: 7\n", "data: [{}, 3]\ntask: {}\n"]
)
def test_declarations_of_which_nothing_holds(folder, text):
    (folder / "limen.yaml").write_text(text)
    checked = look(folder)
    assert checked.exit_code == 2
    assert checked.problems


def test_leakage_is_an_answer_of_no(folder):
    dev, val = folder / "data" / "dev", folder / "data" / "val"
    flipped = nib.Nifti1Image(
        np.asarray(nib.load(dev / "images" / "case0.nii.gz").dataobj)[::-1], np.eye(4)
    )
    for name, values in (("images", flipped), ("references", None)):
        path = val / name / "case9.nii.gz"
        empty = nib.Nifti1Image(np.zeros(SHAPE, np.uint8), np.eye(4))
        nib.save(values or empty, path)
        nib.save(empty, folder / "preds" / "case9.nii.gz")
    checked = look(folder)
    assert rows(checked) == [("refused", "dev/case0 and val/case9: leakage, same pixels")]
    assert checked.exit_code == 1


def test_the_same_patient_on_both_sides(folder):
    for use, n in (("dev", 0), ("val", 2)):
        for part in ("images", "references"):
            old = folder / "data" / use / part / f"case{n}.nii.gz"
            old.rename(old.with_name(f"sub-07_ses-{n}.nii.gz"))
    (folder / "preds" / "case2.nii.gz").rename(folder / "preds" / "sub-07_ses-2.nii.gz")
    assert rows(look(folder)) == [
        ("refused", "dev/sub-07_ses-0 and val/sub-07_ses-2: leakage, same patient")
    ]


def test_approvals_missing_wrong_and_expired(folder):
    (folder / "a.yaml").write_text("kind: public\nlicence: CC0\nexpires: 2020-01-31\n")
    checked = look(folder)
    assert [w for w, _ in rows(checked)] == ["refused", "refused"]
    assert checked.problems[0].found == "expired on 2020-01-31"
    assert checked.exit_code == 1
    (folder / "a.yaml").write_text("kind: publik\n")
    assert look(folder).exit_code == 2
    (folder / "a.yaml").unlink()
    checked = look(folder)
    assert [p.weight for p in checked.problems] == ["wrong", "wrong"]
    assert checked.sets[1]["readable"] == 3  # the data is looked at all the same


def test_too_few_patients_for_the_risk_is_a_warning(folder):
    change(folder, "failure_rate: 0.5, confidence: 0.6", "failure_rate: 0.05, confidence: 0.95")
    checked = look(folder)
    (problem,) = checked.problems
    assert problem.weight == "warning"
    # 0.95^58 = 0.051 > 0.05 >= 0.95^59
    assert problem.what.startswith("59 patients without a failure")
    assert problem.found is not None and problem.found.startswith("3 patients")
    assert checked.exit_code == 0


def write_onnx(path: Path, shape) -> None:
    given = helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)
    out = helper.make_tensor_value_info("scores", TensorProto.FLOAT, shape)
    graph = helper.make_graph(
        [helper.make_node("Relu", ["image"], ["scores"])], "g", [given], [out]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)


@pytest.mark.parametrize(
    ("shape", "given", "words"),
    [
        (["n", 1, 16, 16, 8], "patch: [16, 16, 8]", None),
        (["n", 1, 8, 16, 16], "axes: zyx, patch: [16, 16, 8]", None),
        (["n", 1, "x", "y", "z"], "patch: [16, 16, 8]", None),
        (["n", 1, 16, 16, 8], "patch: [16, 16, 16]", "model 16 x 16 x 8"),
        (["n", 1, 8, 16, 16], "patch: [16, 16, 8]", "model 8 x 16 x 16"),
        (["n", 1, 16, 16, 8], "overlap: 0.5", "whole image any x any x any"),
        ([4, 1, "x", "y", "z"], "patch: [16, 16, 8]", "model 4, model.input.batch 1"),
        ([4, 1, "x", "y", "z"], "patch: [16, 16, 8], batch: 4", None),
        (["n", 1, "x", "y"], "patch: [16, 16, 8]", "model.input.patch [16, 16, 8]"),
        (["n", 3, "x", "y", "z"], "patch: [16, 16, 8]", "3 input channels"),
        (["n", 1, "x"], "patch: [16, 16, 8]", "n x 1 x x"),
    ],
)
def test_the_models_input_against_the_declared_patch(folder, shape, given, words):
    write_onnx(folder / "m.onnx", shape)
    declare_onnx(folder, f"{given}}}, output: {{activation: sigmoid")
    problems = look(folder).problems
    if words is None:
        assert problems == []
    else:
        assert words in problems[0].found
        assert problems[0].where == "model: m.onnx"
        assert problems[0].mend


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("patch: [16, 16, 8]", None),
        ("patch: [20, 18, 10]", None),
        ("patch: [16, 24, 16]", "window of 16 x 24 x 16 voxels (the smallest has 20 x 18 x 10)"),
        ("spacing_mm: [2, 1, 2], patch: [16, 16, 8]", "(the smallest has 10 x 18 x 10)"),
        ("orientation: SRP, patch: [16, 16, 8]", "(the smallest has 10 x 20 x 18)"),
        ("orientation: SRP, patch: [10, 20, 18]", None),
    ],
)
def test_images_smaller_than_the_models_window_are_noted(folder, given, told):
    write_onnx(folder / "m.onnx", ["n", 1, "x", "y", "z"])
    declare_onnx(folder, f"{given}}}, output: {{activation: sigmoid")
    checked = look(folder)
    padded = [n for n in checked.notes if "padding" in n]
    assert checked.problems == []
    assert len(padded) == (told is not None)
    if told is not None:
        assert "data set val: 3 of 3 images" in padded[0] and told in padded[0]


def declare_onnx(folder: Path, given: str) -> None:
    change(
        folder,
        "model: {predictions: preds}",
        f"model: {{onnx: m.onnx, input: {{window_hu: [-1000, 400], {given}}}}}",
    )


def write_made(path: Path, nodes, out_shape, *, inputs=("image",), out_type=TensorProto.FLOAT):
    space = ["n", 1, "x", "y", "z"]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, space) for name in inputs],
        [helper.make_tensor_value_info("scores", out_type, out_shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)


def pooled(*after):
    return [helper.make_node("GlobalAveragePool", ["image"], ["p" if after else "scores"]), *after]


@pytest.mark.parametrize(
    ("nodes", "out_shape", "words"),
    [
        ([helper.make_node("ReduceMean", ["image"], ["scores"], keepdims=0)], [], "single number"),
        (pooled(helper.make_node("Flatten", ["p"], ["scores"])), ["n", 1], "output n x 1"),
        # what the file does not state is found by trying
        (pooled(), None, "output 1 x 1 x 1 x 1 x 1"),
        (
            [helper.make_node("Concat", ["image"] * 5, ["scores"], axis=1)],
            ["n", 5, "x", "y", "z"],
            "5 output channels; labels lesion: 1",
        ),
        ([helper.make_node("NoSuchThing", ["image"], ["scores"])], None, "NoSuchThing"),
    ],
)
def test_the_models_output_is_tried_before_any_case(folder, nodes, out_shape, words):
    write_made(folder / "m.onnx", nodes, out_shape)
    declare_onnx(folder, "patch: [16, 16, 8]}, output: {activation: sigmoid")
    (problem,) = look(folder).problems
    assert problem.weight == "wrong"
    assert words in problem.found
    assert problem.mend


def test_a_model_of_two_inputs_ends_evaluate_with_one_error(folder):
    add = helper.make_node("Add", ["image", "prior"], ["scores"])
    write_made(folder / "m.onnx", [add], ["n", 1, "x", "y", "z"], inputs=("image", "prior"))
    declare_onnx(folder, "patch: [16, 16, 8]}, output: {activation: sigmoid")
    result = CliRunner().invoke(build(), ["evaluate", str(folder), "-j", "1"])
    assert isinstance(result.exception, ModelMismatch)
    assert "2 (image: float32" in str(result.exception)
    assert (
        not (folder / ".limen" / "records.jsonl").exists()
        or not (folder / ".limen" / "records.jsonl").read_bytes()
    )


def test_a_missing_model_that_can_be_trained(folder):
    declare_onnx(folder, "patch: [16, 16, 8]")
    (problem,) = look(folder).problems
    assert problem.mend is not None
    assert f"limen train {folder}`, after writing its recipe" in problem.mend
    change(folder, "use: development", "use: validation")
    assert "limen train" not in str([p.mend for p in look(folder).problems])


def test_a_model_that_is_missing_or_damaged(folder):
    change(
        folder,
        "model: {predictions: preds}",
        "model: {onnx: m.onnx, input: {window_hu: [-1000, 400]}}",
    )
    (problem,) = look(folder).problems
    assert "not there" in problem.what
    (folder / "m.onnx").write_bytes(b"PK\x03\x04 no model")
    (problem,) = look(folder).problems
    assert problem.weight == "wrong"


def test_the_verb_lists_all_and_says_so_by_its_exit_status(folder):
    result = CliRunner().invoke(build(), ["check", str(folder), "-j", "1"])
    assert result.exit_code == 0
    assert f"Next: limen run {folder}" in result.output.replace("\n", "")
    put(folder / "data" / "val" / "references" / "case2.nii.gz", mask(7))
    shutil.rmtree(folder / "data" / "dev")
    result = CliRunner().invoke(build(), ["check", str(folder), "-j", "1", "--json"])
    assert result.exit_code == 2
    told = json.loads(result.stdout)
    assert told["ok"] is False
    assert len(told["problems"]) == 2
    assert {"weight", "what", "where", "found", "mend"} == set(told["problems"][0])


def test_there_is_no_product(tmp_path):
    with pytest.raises(ProductNotFound):
        check(tmp_path)


def test_approvals_that_contradict_each_other_and_weights_without_theirs(folder):
    board = "kind: retrospective-waiver\nboard: A\nnumber: n-1\nexpires: 2990-01-0{}\n"
    for name, day in (("a.yaml", 1), ("b.yaml", 2)):
        (folder / name).write_text(board.format(day))
    text = (
        (folder / "limen.yaml")
        .read_text()
        .replace("validation, approval: a.yaml", "validation, approval: b.yaml")
    )
    more = "lineage: [{name: pretrained, kind: weights, approval: w.yaml}]\n"
    (folder / "limen.yaml").write_text(text + more)
    found = {(p.where, p.what) for p in check(folder, workers=1).problems if p.weight == "wrong"}
    assert ("a.yaml and b.yaml", "two files state one approval differently") in found
    assert any(where.startswith("lineage: approval w.yaml") for where, _ in found)
