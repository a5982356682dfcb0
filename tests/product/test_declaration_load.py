"""Loading: what comes out of a good file."""

from __future__ import annotations

import json
import os
import pickle

import pytest
from declaration_texts import DESIGN, GOOD

from limen.product import (
    CommandModel,
    DeclarationError,
    OnnxModel,
    PredictionsModel,
    ProductNotFound,
    load_declaration,
)
from limen.product.criteria import TEMPLATES


def test_the_designs_example_loads(folder):
    d = folder.load(DESIGN)
    assert d.product.name == "ct-lung-nodule"
    assert d.product.version == "0.1.0"
    assert d.task.labels == {"lesion": 1}
    assert [(c.measure, c.at_most, c.min_diameter_mm) for c in d.criteria] == [
        ("missed_lesions", 0.0, 6.0),
        ("false_marks", 1.0, None),
    ]
    assert isinstance(d.model, OnnxModel)
    assert d.model.input.spacing_mm == (1.0, 1.0, 2.5)
    assert {k: (v.from_, v.to) for k, v in d.physics.items()} == {
        "ct.dose": (1.0, 0.05),
        "ct.views": (984.0, 60.0),
        "ct.motion": (0.0, 5.0),
    }


def test_quantities_come_out_in_the_unit_of_their_field(folder, good):
    d = folder.load(good)
    assert d.model.input.spacing_mm == (1.0, 1.0, 2.5)
    assert d.model.output.min_volume_mm3 == 4.0
    assert d.risk.confidence == 0.95
    assert d.criteria[3].at_most == 5.0
    assert d.physics["ct.dose"].to == 0.05
    assert d.physics["ct.motion"].to == 5.0


def test_limits_are_floats_in_the_unit_of_their_measure(folder, good):
    text = good.replace("measure: hd95, at_most: 5 mm", "measure: volume_error, at_most: 400 mm3")
    limit = folder.load(text).criteria[3].at_most
    assert limit == 0.4
    assert all(
        isinstance(x, float)
        for c in folder.load(good).criteria
        for x in (c.at_most, c.at_least)
        if x is not None
    )


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("{predictions: out}", PredictionsModel),
        ('{command: [run, "{input}", "{output}"], files: [w/*.pt], timeout_s: 2 h}', CommandModel),
        ("{onnx: m.onnx, input: {normalise: zscore}}", OnnxModel),
        ("{onnx: m.onnx, input: {window: [0, 4]}, output: {holds: labels}}", OnnxModel),
    ],
)
def test_the_model_is_what_its_keys_say(folder, model, kind):
    before, _, rest = DESIGN.partition("model: {")
    text = f"{before}model: {model}\nphysics:{rest.partition('physics:')[2]}"
    loaded = folder.load(text).model
    assert type(loaded) is kind
    if isinstance(loaded, CommandModel):
        assert loaded.timeout_s == 7200.0
    if isinstance(loaded, OnnxModel) and loaded.output.holds == "labels":
        assert loaded.output.activation == "none"


def test_a_dump_is_plain_json_and_loads_to_the_same(folder, good):
    for text in (good, DESIGN):
        first = folder.load(text)
        dumped = first.model_dump(mode="json", by_alias=True)
        # JSON is YAML
        assert folder.load(json.dumps(dumped, allow_nan=False)) == first


def test_what_is_written_differently_and_means_the_same_is_the_same(folder, good):
    other = good.replace("95 %", "0.95").replace("[1, 1 mm, 0.25 cm]", "[1.0, 1, 2.5e+0]")
    other = other.replace("0.004 mL", "4").replace("\n", "\r\n")
    assert folder.load(b"\xef\xbb\xbf" + other.encode()) == folder.load(good)


def test_words_that_yaml_1_1_turns_into_others_stay_as_written(folder, good):
    text = good.replace("{nodule: 1, mass: 2}", "{no: 1, 12: 2}")
    text = text.replace("label: nodule", "label: no")
    text = text.replace("user: radiologist", "user: 2024-01-02").replace("0.004 mL", "1e-3")
    d = folder.load(text)
    assert d.task.labels == {"no": 1, "12": 2}
    assert d.product.intended_use.user == "2024-01-02"
    assert d.model.output.min_volume_mm3 == 0.001


def test_a_declaration_is_frozen(folder):
    with pytest.raises(ValueError, match="frozen"):
        folder.load(DESIGN).risk.failure_rate = 0.5


# --- the file --------------------------------------------------------------------------------


def test_no_file_names_limen_new(tmp_path):
    with pytest.raises(ProductNotFound, match="limen new") as caught:
        load_declaration(tmp_path / "limen.yaml")
    assert caught.value.exit_code == 2
    with pytest.raises(ProductNotFound, match="no such folder"):
        load_declaration(tmp_path / "nowhere" / "limen.yaml")
    with pytest.raises(ProductNotFound, match="this is a folder"):
        load_declaration(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file(folder):
    folder.load(DESIGN)
    folder.file.chmod(0)
    with pytest.raises(DeclarationError, match="permission denied"):
        load_declaration(folder.file)


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing yet\n", "---\n", "null\n", "\ufeff"])
def test_an_empty_file(folder, text):
    assert "limen new" in folder.the_problem(text).expected


@pytest.mark.parametrize(
    ("raw", "line"),
    [(b"limen: 1\nproduct:\n  name: caf\xe9\n", 3), (DESIGN.encode("utf-16"), 1), (b"a: \x001", 1)],
)
def test_not_utf_8(folder, raw, line):
    problem = folder.the_problem(raw)
    assert problem.line == line
    assert "text" in problem.expected


def test_errors_travel_between_processes(folder):
    with pytest.raises(DeclarationError) as caught:
        folder.load("limen: 2\n")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.problems) == (str(caught.value), caught.value.problems)
    assert again.as_dict() == caught.value.as_dict()


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_each_template_of_criteria_is_a_declaration(folder, name):
    template = TEMPLATES[name]
    before, rest = GOOD.split("criteria:\n")
    after = rest[rest.index("risk:") :]
    lines = "".join(f"  - {line}\n" for line in template.criteria)
    text = f"{before}criteria:\n{lines}{after}".replace("lesion-detection", template.task)
    loaded = folder.load(text)
    assert len(loaded.criteria) == len(template.criteria)
