"""The schema for editors: good files pass, broken ones fail, and it agrees with the loader."""

from __future__ import annotations

import json

import jsonschema
import pytest
from declaration_texts import DESIGN, GOOD

from limen.product import AXES, MEASURES, declaration_schema
from limen.product.tree import read_tree

SCHEMA = declaration_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def accepts(text):
    root, problems = read_tree(text, "limen.yaml")
    assert root is not None
    assert not problems
    return VALIDATOR.is_valid(root.plain())


def test_it_is_a_schema_and_plain_json():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert json.loads(json.dumps(SCHEMA, allow_nan=False)) == SCHEMA
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_measures_and_axes_are_listed_with_their_help():
    assert SCHEMA["$defs"]["Criterion"]["properties"]["measure"]["enum"] == list(MEASURES)
    axes = SCHEMA["properties"]["physics"]["properties"]
    assert list(axes) == list(AXES)
    assert axes["ct.motion"]["description"] == "Amplitude of the patient's motion. In mm."


def test_no_object_takes_unknown_keys_and_every_field_is_described():
    for name, part in [("the file", SCHEMA), *SCHEMA["$defs"].items()]:
        assert part["additionalProperties"] is False, name
    undescribed = {
        f"{name}.{key}"
        for name, part in SCHEMA["$defs"].items()
        for key, value in part["properties"].items()
        if "description" not in value and "$ref" not in value
    }
    assert undescribed == set()


VARIANTS = {
    "GOOD": GOOD,
    "DESIGN": DESIGN,
    "no regimes": DESIGN.replace("regimes: [fda, mdr, mfds]\n", ""),
    "optional set": DESIGN.replace("simulated.yaml}", "a.yaml, optional: true}"),
    "zscore": GOOD.replace("window_hu: [-1000, 400]", "normalise: zscore"),
    "units in a window": GOOD.replace("[-1000, 400]", "[-1000 HU, 400HU]"),
    "micrometres": GOOD.replace("to: 0.5 cm", "to: 5000 um"),
    "months": GOOD.replace("[18, 110]", "[18 months, 110 years]"),
    "percent": GOOD.replace("failure_rate: 0.10", "failure_rate: 10%"),
    "a count with its unit": GOOD.replace("at_most: 1}", "at_most: 1 mark}"),
    "a volume": GOOD.replace("hd95, at_most: 5 mm", "volume_error, at_most: 1 mm³"),
    "an explicit null": GOOD.replace("origin: measured", "origin: null"),
}  # fmt: skip


@pytest.mark.parametrize("name", VARIANTS)
def test_schema_and_loader_agree_that_it_is_good(folder, name):
    folder.load(VARIANTS[name])
    assert accepts(VARIANTS[name])


@pytest.mark.parametrize("model", [
    "{predictions: out}",
    '{command: [run, "{input}", "{output}"], files: [w], timeout_s: 2 min, input_suffix: ""}',
    "{onnx: a.onnx, input: {window: [0, 1]}, output: {holds: labels}}",
])  # fmt: skip
def test_schema_and_loader_agree_on_models(folder, model):
    before, _, rest = GOOD.partition("model:\n")
    text = f"{before}model: {model}\nphysics:{rest.partition('physics:')[2]}"
    folder.load(text)
    assert accepts(text)


@pytest.mark.parametrize(
    ("piece", "instead"),
    [
        ("limen: 1", "limen: 2"),
        ("version: 0.1.0", "version: 0.1"),
        ("version: 0.1.0", "verison: 0.1.0"),
        ("modality: CT", "modality: MRI"),
        ("labels: {nodule: 1, mass: 2}", "labels: {nodule: 0, mass: 2}"),
        ("labels: {nodule: 1, mass: 2}", "labels: {}"),
        ("measure: missed_lesions", "measure: missed_lesion"),
        ("at_least: 0.7,", "at_most: 0.7,"),
        ("at_least: 0.7,", ""),
        ("at_least: 0.7,", "at_least: 70,"),
        ("at_most: 5 mm", "at_most: 5 mL"),
        ("at_most: 5 mm", 'at_most: "5"'),
        ("at_most: 0}", "at_most: 0.5}"),
        ("min_diameter_mm: 6", "min_diameter_mm: 6 kg"),
        ("label: nodule", "min_diameter_mm: 3"),
        ("failure_rate: 0.10", "failure_rate: 5 mm"),
        ("failure_rate: 0.10", "failure_rate: 10"),
        ("optional: true", "optional: yes"),
        ("  onnx: model/nodule.onnx", "  onxx: model/nodule.onnx"),
        ("  onnx: model/nodule.onnx", "  onnx: a\n  predictions: b"),
        ("[1, 1 mm, 0.25 cm]", "[1, 1]"),
        ("[1, 1 mm, 0.25 cm]", "[1, 1, 2 s]"),
        ("[96, 96, 48]", "[96, 0, 48]"),
        ("ct.dose:", "ct.doze:"),
        ("to: 0.5 cm", "to: 5 kg"),
        ("to: 0.5 cm", "to: 5, by: 1"),
        ("to: 60", "to: 60.5"),
        ("regimes:", "regimens:"),
        ("[fda, mdr, mfds]", "[fda, mrd]"),
        ("risk:\n  failure_rate: 0.10\n  confidence: 95 %\n", ""),
    ],
)
def test_schema_and_loader_agree_that_it_is_broken(folder, piece, instead):
    text = GOOD.replace(piece, instead)
    assert text != GOOD
    assert folder.problems(text)
    assert not accepts(text)
