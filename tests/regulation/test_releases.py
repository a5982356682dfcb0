"""Two product folders side by side, and the verbs on them."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path

import numpy as np
import onnx
import pytest
import typer
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner

from limen.cli import regulation_verbs
from limen.product import load_declaration
from limen.regulation.errors import UnknownChange
from limen.regulation.redo import evidence_to_redo
from limen.regulation.releases import compare_products, situation_of, with_facts

EXAMPLE = Path(__file__).parents[2] / "examples" / "ct-lung-nodule"
app = typer.Typer()
regulation_verbs.add_to(app)


def network(path: Path, *, bias: float = 0.0, relu: bool = False) -> None:
    weight = numpy_helper.from_array(np.ones((2, 1, 1, 1, 1), np.float32) + bias, "w")
    nodes = [helper.make_node("Conv", ["x", "w"], ["y" if not relu else "h"])]
    if relu:
        nodes.append(helper.make_node("Relu", ["h"], ["y"]))
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 8, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2, 8, 8, 8])],
        [weight],
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)


@pytest.fixture
def two(tmp_path):
    """The example twice, each with a small network and two training files."""
    for name in ("old", "new"):
        folder = tmp_path / name
        (folder / "approvals").mkdir(parents=True)
        shutil.copy(EXAMPLE / "limen.yaml", folder / "limen.yaml")
        for approval in (EXAMPLE / "approvals").glob("*.yaml"):
            shutil.copy(approval, folder / "approvals" / approval.name)
        network(folder / "model" / "nodule.onnx")
        images = folder / "data" / "development"
        images.mkdir(parents=True)
        (images / "a.nii.gz").write_bytes(b"1234")
    return tmp_path / "old", tmp_path / "new"


def edit(folder: Path, was: str, now: str) -> None:
    path = folder / "limen.yaml"
    text = path.read_text(encoding="utf-8")
    assert was in text
    path.write_text(text.replace(was, now), encoding="utf-8")


def kinds(old: Path, new: Path) -> list[str]:
    found = compare_products(
        load_declaration(old / "limen.yaml"), old, load_declaration(new / "limen.yaml"), new
    )
    return sorted(d.kind for d in found.differences)


def test_the_same_folder_has_no_difference(two):
    assert kinds(*two) == []


def test_weights_and_architecture_are_told_apart(two):
    network(two[1] / "model" / "nodule.onnx", bias=0.5)
    assert kinds(*two) == ["weights"]
    network(two[1] / "model" / "nodule.onnx", relu=True)
    assert kinds(*two) == ["architecture"]


@pytest.mark.parametrize(
    ("was", "now", "kind"),
    [
        ("threshold: 0.5", "threshold: 0.7", "threshold"),
        ("min_volume_mm3: 50", "min_volume_mm3: 40", "threshold"),
        ("overlap: 0.125", "overlap: 0.25", "preprocessing"),
        ("spacing_mm: [1.5, 1.5, 2.5]", "spacing_mm: [1, 1, 2.5]", "preprocessing"),
        ("batch: 4", "batch: 8", "runtime"),
        ("outputs: [mark, contour]", "outputs: [mark, contour, score]", "output"),
        ("age_years: [18, 110]", "age_years: [12, 110]", "population"),
        ("user: radiologist", "user: general practitioner", "wording"),
        ("Marks suspected lung", "Detects lung", "wording"),
    ],
)
def test_each_edit_is_seen_as_its_kind(two, was, now, kind):
    edit(two[1], was, now)
    assert kinds(*two) == [kind]


def test_a_narrower_population_is_told_from_a_wider_one(two):
    edit(two[1], "age_years: [18, 110]", "age_years: [40, 80]")
    declared = [load_declaration(f / "limen.yaml") for f in two]
    (found,) = compare_products(declared[0], two[0], declared[1], two[1]).differences
    assert found.purpose == "narrower"


def test_training_cases_and_sites_are_seen(two):
    (two[1] / "data" / "development" / "b.nii.gz").write_bytes(b"12")
    approval = two[1] / "approvals" / "simulated.yaml"
    text = approval.read_text(encoding="utf-8")
    approval.write_text(text + "\nsites: [north, south]\n", encoding="utf-8")
    assert kinds(*two) == ["training-data", "training-sites"]


def test_criteria_are_no_change_of_the_product(two):
    edit(two[1], "at_most: 1}", "at_most: 2}")
    declared = [load_declaration(f / "limen.yaml") for f in two]
    found = compare_products(declared[0], two[0], declared[1], two[1])
    assert not found.differences
    assert any("verdicts" in n for n in found.notes)


def test_a_score_changes_the_class(two):
    edit(two[1], "outputs: [mark, contour]", "outputs: [mark, contour, score]")
    declared = [load_declaration(f / "limen.yaml") for f in two]
    found = situation_of(*declared, date(2026, 11, 25))
    assert found.cade
    assert (found.eu_class, found.kr_grade) == ("IIa", 3)
    assert found.class_changes == {"fda"}


def test_stated_facts_go_to_their_kind_or_stand_alone():
    network_change = with_facts([], [{"kind": "weights", "what": "new"}])
    found = with_facts(
        network_change,
        [{"kind": "weights", "performance": "minor"}, {"kind": "bug-fix", "what": "mended"}],
    )
    assert [(d.kind, d.performance) for d in found] == [("weights", "minor"), ("bug-fix", None)]
    with pytest.raises(UnknownChange):
        with_facts([], [{"kind": "wights"}])


def test_same_outputs_keep_the_studies():
    (same,) = with_facts([], [{"kind": "weights", "performance": "none"}])
    (other,) = with_facts([], [{"kind": "weights", "performance": "minor"}])
    needs = {r.item: r.need for r in evidence_to_redo([same])}
    assert needs["standalone performance and subgroups"] == "keep"
    needs = {r.item: r.need for r in evidence_to_redo([other])}
    assert needs["standalone performance and subgroups"] == "redo"
    assert needs["usability file (IEC 62366-1)"] == "keep"


# --- verbs ---


def run(*args):
    return CliRunner().invoke(app, [str(a) for a in args])


def test_classify_begins_with_the_notice_and_cites():
    done = run("classify", EXAMPLE, "--on", "2026-11-25")
    assert done.exit_code == 0, done.output
    assert done.output.startswith("Limen informs; it is not legal advice")
    for words in ("892.2070", "IIa", "grade 3", "21 CFR", "Annex VIII", "Assumed", "would become"):
        assert words in done.output


def test_classify_in_json_has_the_path_and_the_flips():
    done = run("classify", EXAMPLE, "--on", "2026-11-25", "--json", "--fact", "unflagged=not-read")
    found = json.loads(done.output)
    fda = found["answers"][0]
    assert fda["ask"]
    assert {"citation", "because", "mark"} <= set(fda["path"][0])
    assert found["answers"][1]["class"] == "IIb"


def test_classify_before_the_rules_says_that_it_cannot_tell():
    done = run("classify", EXAMPLE, "--on", "2025-07-01")
    assert done.exit_code == 1
    assert "cannot tell" in done.output
    assert "892.2070" in done.output


def test_change_asks_for_a_submission_when_a_score_is_added(two):
    edit(two[1], "outputs: [mark, contour]", "outputs: [mark, contour, score]")
    done = run("change", *two, "--on", "2026-11-25")
    assert done.exit_code == 1, done.output
    assert "new submission" in done.output
    assert "version is still" in done.output


def test_change_takes_facts_from_a_file(two, tmp_path):
    network(two[1] / "model" / "nodule.onnx", bias=0.5)
    facts = tmp_path / "facts.yaml"
    facts.write_text("- {kind: weights, performance: none}\n", encoding="utf-8")
    done = run("change", *two, "--facts", facts, "--json", "--regime", "fda")
    found = json.loads(done.output)
    assert done.exit_code == 0
    assert found["regimes"][0]["outcome"] == "document"
    facts.write_text("weights: none\n", encoding="utf-8")
    assert isinstance(run("change", *two, "--facts", facts).exception, UnknownChange)


@pytest.mark.parametrize(
    ("args", "error"),
    [
        (("classify", EXAMPLE, "--on", "25.11.2026"), "NotADate"),
        (("classify", EXAMPLE, "--fact", "autonomous"), "NotAFact"),
        (("classify", EXAMPLE, "--fact", "autonomy=autonomos"), "UnknownFact"),
        (("classify", EXAMPLE, "--regime", "pmda"), "UnknownRegime"),
        (("classify", EXAMPLE, "--fact", "autonomy=autonomous"), "ContradictingUse"),
        (("classify", "nowhere"), "ProductNotFound"),
    ],
)
def test_bad_input_is_one_typed_error(args, error):
    done = run(*args)
    assert type(done.exception).__name__ == error
