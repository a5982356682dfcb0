"""Every kind of mistake by name, each with its line, its words and its nearest valid word."""

# ruff: noqa: E501  (a table with one mistake a line)

from __future__ import annotations

import json

import pytest
from declaration_texts import GOOD, line_of

from limen.product import MEASURES, DeclarationError
from limen.product.problems import listed

# piece of the good text, what stands there instead, key, line after the piece's, found, and
# words of what is expected; then the nearest valid word
FIELD = [
    ("limen: 1", "limen: 2", "limen", "2", "1, the version", None),
    ("limen: 1", "limen: '1'", "limen", "'1'", "1, the version", None),
    ("limen: 1", "limen: true", "limen", "true", "1, the version", None),
    ("name: ct-lung-nodule", "name: CT Nodule", "product.name", "CT Nodule", "lower-case", None),
    ("name: ct-lung-nodule", "name: 12", "product.name", "12", 'in quotes: "12"', None),
    ("version: 0.1.0", "version: 0.1", "product.version", "0.1", "three numbers, as 0.1.0", None),
    ("version: 0.1.0", "version: 2024-01-01", "product.version", "2024-01-01", "three numbers", None),
    ("version: 0.1.0", "version:", "product.version", None, "text", None),
    ("version: 0.1.0", "verison: 0.1.0", "product.verison", "verison", "name, version or", "version"),
    ("user: radiologist", "user: yes", None, None, None, None),
    ("user: radiologist", "user: true", "product.intended_use.user", "true", 'quotes: "true"', None),
    ("user: radiologist", 'user: ""', "product.intended_use.user", '""', "some text", None),
    ("user: radiologist", "user: [a]", "product.intended_use.user", "[a]", "text", None),
    ("[18, 110]", "[110, 18]", "product.intended_use.population.age_years", "[110, 18]",
     "younger age first", None),
    ("[18, 110]", "[18]", "product.intended_use.population.age_years", "[18]", "a list of 2", None),
    ("[18, 110]", "[1, 2, 3]", "product.intended_use.population.age_years", "[1, 2, 3]",
     "a list of 2 numbers in years", None),
    ("[18, 110]", "[-1, 110]", "product.intended_use.population.age_years[0]", "-1", "0 or more",
     None),
    ("[18, 110]", "[18, 5 mm]", "product.intended_use.population.age_years[1]", "5 mm", "an age",
     None),
    ("modality: CT", "modality: MRI", "product.intended_use.modality", "MRI", "CT, MR or OCT", "MR"),
    ("situation: serious", "situation: seriuos", "product.intended_use.situation", "seriuos",
     "critical, serious or non-serious", "serious"),
    ("outputs: [mark, contour]", "outputs: []", "product.intended_use.outputs", "[]",
     "at least one item", None),
    ("outputs: [mark, contour]", "outputs: mark", "product.intended_use.outputs", "mark", "a list",
     None),
    ("outputs: [mark, contour]", "outputs: [mark, contuor]", "product.intended_use.outputs[1]",
     "contuor", "one of mark", "contour"),
    ("labels: {nodule: 1, mass: 2}", "labels: {nodule: 1, mass: 1}", "task.labels.mass", "1",
     "nodule has 1 already", None),
    ("labels: {nodule: 1, mass: 2}", "labels: {nodule: 0, mass: 2}", "task.labels.nodule", "0",
     "1 or more", None),
    ("labels: {nodule: 1, mass: 2}", "labels: {nodule: 1, mass: 2, x: 1.5}", "task.labels.x", "1.5",
     "a whole number", None),
    ("labels: {nodule: 1, mass: 2}", 'labels: {nodule: 1, mass: "2"}', "task.labels.mass", '"2"',
     "a whole number, without quotes", None),
    ("labels: {nodule: 1, mass: 2}", "labels: {nodule: true, mass: 2}", "task.labels.nodule", "true",
     "a whole number", None),
    ("labels: {nodule: 1, mass: 2}", 'labels: {nodule: 1, mass: 2, "": 3}', "task.labels.", "",
     "a name", None),
    ("ignore_labels: [7, table]", "ignore_labels: [2]", "task.ignore_labels[0]", "2",
     "cannot be both", None),
    ("ignore_labels: [7, table]", "ignore_labels: [mass]", "task.ignore_labels[0]", "mass",
     "cannot be both", None),
    ("ignore_labels: [7, table]", "ignore_labels: [1.5]", "task.ignore_labels[0]", "1.5",
     "a whole number or text", None),
    ("reference: mask", "reference: masks", "task.reference", "masks", "mask or instances", "mask"),
    ("reference: mask", "reference: instances", "criteria[2].label", "nodule",
     "the values number the lesions", None),
    ("measure: missed_lesions", "measure: missed_lesion", "criteria[0].measure", "missed_lesion",
     "one of missed_lesions, false_marks", "missed_lesions"),
    ("measure: false_marks, at_most: 1", "measure: false_marks, at_least: 1", "criteria[1].at_least",
     "at_least", "less is better", "at_most"),
    ("at_least: 0.7,", "at_most: 0.7,", "criteria[2].at_most", "at_most", "more is better",
     "at_least"),
    ("at_least: 0.7,", "at_least: 0.7, at_most: 1,", "criteria[2].at_most", "at_most",
     "at_least alone", "at_least"),
    ("at_least: 0.7,", "", "criteria[2].at_least", None, "a limit", None),
    ("at_least: 0.7,", "at_laest: 0.7,", "criteria[2].at_laest", "at_laest", "one of the keys",
     "at_least"),
    ("at_least: 0.7,", "at_least: 70,", "criteria[2].at_least", "70", "at most 1", None),
    ("at_least: 0.7,", "at_least: 0,", "criteria[2].at_least", "0", "above 0", None),
    ("label: nodule", "label: nodle", "criteria[2].label", "nodle", "nodule or mass", "nodule"),
    ("label: nodule", "min_diameter_mm: 3", "criteria[2].min_diameter_mm", "min_diameter_mm",
     "no size limit", None),
    ("label: nodule", "tolerance_mm: 2", "criteria[2].tolerance_mm", "tolerance_mm",
     "no tolerance: dice has none", None),
    ("measure: dice, at_least: 0.7,", "measure: nsd, at_least: 0.7,", "criteria[2].tolerance_mm",
     None, "nsd needs it", None),
    ("measure: false_marks,", "measure: false_marks, tolerance_mm: 0,", "criteria[1].tolerance_mm",
     "0", "above 0", None),
    ("label: nodule", "region: all", "criteria[2].region", "all", "there is none", None),
    ("labels: {nodule: 1, mass: 2}", "labels: {nodule: 1, mass: 2}\n  regions: {all: [nodle]}",
     "task.regions.all[0]", "nodle", "nodule or mass", "nodule"),
    ("labels: {nodule: 1, mass: 2}", "labels: {nodule: 1, mass: 2}\n  regions: {mass: [mass]}",
     "task.regions.mass", "mass", "a name of its own", None),
    ("labels: {nodule: 1, mass: 2}", "labels: {nodule: 1, mass: 2}\n  regions: {all: []}",
     "task.regions.all", "[]", "the names of its labels", None),
    ("labels: {nodule: 1, mass: 2}", "labels: {nodule: 1, mass: 2}\n  regions: {all: [mass, mass]}",
     "task.regions.all[1]", "mass", "each label once", None),
    ("at_most: 5 mm", "at_most: 5 mL", "criteria[3].at_most", "5 mL", "a length: a number in mm",
     None),
    ("at_most: 5 mm", "at_most: .inf", "criteria[3].at_most", ".inf", "a length", None),
    ("at_most: 5 mm", "at_most: -5", "criteria[3].at_most", "-5", "0 or more", None),
    ("at_most: 5 mm", 'at_most: "5"', "criteria[3].at_most", '"5"', "without quotes", None),
    ("min_diameter_mm: 6", "min_diameter_mm: 6 kg", "criteria[0].min_diameter_mm", "6 kg",
     "a length: a number in mm", None),
    ("min_diameter_mm: 6, at_most: 0", "at_most: 0.5", "criteria[0].at_most", "0.5",
     "a whole number of lesions", None),
    ("failure_rate: 0.10", "failure_rate: 5 mm", "risk.failure_rate", "5 mm", "one in %", None),
    ("failure_rate: 0.10", "failure_rate: 10", "risk.failure_rate", "10", "under 1", None),
    ("failure_rate: 0.10", "failure_rate: 0", "risk.failure_rate", "0", "above 0", None),
    ("failure_rate: 0.10", "failure_rate: .nan", "risk.failure_rate", ".nan", "a number", None),
    ("failure_rate: 0.10", "failure_rate: true", "risk.failure_rate", "true", "a number", None),
    ("confidence: 95 %", "confidence: 40 %", "risk.confidence", "40 %", "above 0.5", None),
    ("name: validation", "name: development", "data[1].name", "development", "a name of its own",
     None),
    ("use: validation", "use: valdation", "data[1].use", "valdation", "development or validation",
     "validation"),
    ("use: validation", "use: development", "data", "use: development alone", "use: validation",
     None),
    ("images: data/images", "path: data", "data[1].references", "references", "go with images",
     None),
    ("images: data/images", "images: data/images\n    path: data", "data[1].images", "images",
     "not both", None),
    ("    images: data/images\n", "", "data[1].images", None, "folder of images", None),
    ("    references: data/references\n", "", "data[1].references", None, "judged by them", None),
    ("path: data/development, ", "", "data[0].path", None, "path (one folder), or images", None),
    ("path: data/development", "pth: data/development", "data[0].pth", "pth", "one of the keys",
     "path"),
    ("origin: measured", "origin: real", "data[1].origin", "real", "one of measured", None),
    ("optional: true", "optional: yes", "data[1].optional", "yes", "true or false", "true"),
    ("optional: true", "optional: no", "data[1].optional", "no", "true or false", "false"),
    ("optional: true", "optional: 1", "data[1].optional", "1", "true or false", None),
    ("  onnx: model/nodule.onnx", "  onxx: model/nodule.onnx", "model", "onxx", "exactly one of",
     "onnx"),
    ("  onnx: model/nodule.onnx", "  onnx: a\n  predictions: b", "model", "onnx and predictions",
     "exactly one of", None),
    ("[1, 1 mm, 0.25 cm]", "[1, 1]", "model.input.spacing_mm", "[1, 1]", "3 numbers in mm", None),
    ("[1, 1 mm, 0.25 cm]", "[1, 1, 0]", "model.input.spacing_mm[2]", "0", "above 0", None),
    ("[1, 1 mm, 0.25 cm]", "[1, 1, 2 s]", "model.input.spacing_mm[2]", "2 s", "a length", None),
    ("[-1000, 400]", "[400, -1000]", "model.input.window_hu", "[400, -1000]", "the lower first",
     None),
    ("[-1000, 400]", "[400, 400]", "model.input.window_hu", "[400, 400]", "the lower first", None),
    ("    window_hu: [-1000, 400]", "    window_hu: [0, 1]\n    window: [0, 1]",
     "model.input.window", "window", "not both", None),
    ("    window_hu: [-1000, 400]\n", "", "model.input.window_hu", None, "zscore or none", None),
    ("    window_hu: [-1000, 400]\n", "    normalise: window\n", "model.input.window_hu", None,
     "zscore or none", None),
    ("window_hu: [-1000, 400]", "windw_hu: [-1000, 400]", "model.input.windw_hu", "windw_hu",
     "one of the keys", "window_hu"),
    ("[96, 96, 48]", "[96, 0, 48]", "model.input.patch[1]", "0", "1 or more", None),
    ("[96, 96, 48]", "[96, 96, 48.5]", "model.input.patch[2]", "48.5", "a whole number", None),
    ("patch: [96, 96, 48]", "multiple_of: [0, 1, 1]", "model.input.multiple_of[0]", "0", "1 or more",
     None),
    ("patch: [96, 96, 48]", "scale_to: [1, 0]", "model.input.scale_to", "[1, 0]", "smaller first",
     None),
    ("patch: [96, 96, 48]", "overlap: 1", "model.input.overlap", "1", "under 0.95", None),
    ("orientation: LPS", "orientation: LRS", "model.input.orientation", "LRS", "one of L and R",
     None),
    ("orientation: LPS", "orientation: XYZ", "model.input.orientation", "XYZ", "three letters", None),
    ("activation: softmax", "activation: softmx", "model.output.activation", "softmx", "one of",
     "softmax"),
    ("{nodule: 1, mass: 2}\n    min", "{nodul: 1, mass: 2}\n    min", "model.output.channels.nodul",
     "nodul", "nodule or mass", "nodule"),
    ("{nodule: 1, mass: 2}\n    min", "{nodule: 1, mass: 1}\n    min", "model.output.channels.mass",
     "1", "nodule has 1 already", None),
    ("0.004 mL", "4 mm", "model.output.min_volume_mm3", "4 mm", "a volume: a number in mm^3", None),
    ("threads: 2", "threads: 0", "model.threads", "0", "1 or more", None),
    ("threads: 2", "threads: true", "model.threads", "true", "a whole number", None),
    ("threads: 2", 'threads: "2"', "model.threads", '"2"', "without quotes", None),
    ("threads: 2", "threds: 2", "model.threds", "threds", "onnx, input, output or threads",
     "threads"),
    ("ct.dose:", "ct.doze:", "physics.ct.doze", "ct.doze", "an axis of CT", "ct.dose"),
    ("ct.motion:", "mr.motion:", "physics.mr.motion", "mr.motion", "an axis of CT", "ct.motion"),
    ("to: 5 %", "to: 5 mm", "physics.ct.dose.to", "5 mm", "one in %", None),
    ("to: 5 %", "to: 0", "physics.ct.dose.to", "0", "from 1e-06 to 1", None),
    ("to: 5 %", "to: 1", "physics.ct.dose.to", "1", "another condition than from", None),
    ("from: 1.0, to: 5 %", "from: 1.0", "physics.ct.dose.to", None, "a number", None),
    ("to: 60", "to: 60.5", "physics.ct.views.to", "60.5", "a whole number of views", None),
    ("to: 0.5 cm", "to: 5 kg", "physics.ct.motion.to", "5 kg", "a length", None),
    ("to: 0.5 cm", "to: ", "physics.ct.motion.to", None, "a length", None),
    ("to: 0.5 cm", "to: [5]", "physics.ct.motion.to", "[5]", "a length", None),
    ("to: 0.5 cm", "to: 5, by: 1", "physics.ct.motion.by", "by", "from or to", None),
    ("{from: 0 mm, to: 0.5 cm}", "5 mm", "physics.ct.motion", "5 mm", "the keys from and to", None),
    ("[fda, mdr, mfds]", "[fda, mrd]", "regimes[1]", "mrd", "fda, mdr or mfds", "mdr"),
    ("regimes:", "regimens:", "regimens", "regimens", "one of the keys limen", "regimes"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("piece", "instead", "key", "found", "expected", "near"),
    FIELD,
    ids=[f"{instead or 'no ' + piece}".strip()[:40] for piece, instead, *_ in FIELD],
)
def test_a_mistake_in_one_place(folder, piece, instead, key, found, expected, near):
    text = GOOD.replace(piece, instead)
    assert text != GOOD
    if key is None:
        folder.load(text)  # looks like a trap and is none
        return
    problem = folder.the_problem(text)
    assert (problem.key, problem.found, problem.nearest) == (key, found, near)
    assert expected in problem.expected
    assert problem.file == "limen.yaml"


# what stands there, its key, and a piece of the line that must be named
LINES = [
    ("threads: 2", "threads: no", "model.threads", "threads: no"),
    ("origin: measured", "origin: real", "data[1].origin", "origin: real"),
    ("    approval: approvals/a.yaml\n    origin", "    origin", "data[1].approval",
     "- name: validation"),
    ("  failure_rate: 0.10\n", "", "risk.failure_rate", "risk:"),
    ("risk:\n  failure_rate: 0.10\n  confidence: 95 %\n", "", "risk", "limen: 1"),
    ("    user: radiologist\n", "", "product.intended_use.user", "intended_use:"),
    ("    window_hu: [-1000, 400]\n", "", "model.input.window_hu", "  input:"),
    ("at_least: 0.7,", "at_most: 0.7,", "criteria[2].at_most", "measure: dice"),
    ("to: 60", "to: 60.5", "physics.ct.views.to", "ct.views"),
    ("use: validation", "use: development", "data", "data:\n"),
    ("[96, 96, 48]", "\n      - 96\n      - 0\n      - 48", "model.input.patch[1]", "- 0\n"),
    ("statement: Marks suspected", "statement: >\n      Marks\n    usr: x #", None,
     "    usr: x #"),
]  # fmt: skip


@pytest.mark.parametrize(("piece", "instead", "key", "at"), LINES)
def test_the_line_is_exact(folder, piece, instead, key, at):
    text = GOOD.replace(piece, instead)
    assert text != GOOD
    lines = {p.key: p.line for p in folder.problems(text)}
    if key is not None:
        assert list(lines) == [key]
    assert line_of(text, at) in lines.values()


def test_the_column_is_exact(folder):
    text = GOOD.replace("to: 60", "to: 60.5")
    line = text.splitlines()[folder.the_problem(text).line - 1]
    assert line[folder.the_problem(text).column - 1 :].startswith("60.5")


def test_lines_with_windows_endings_are_the_same(folder):
    text = GOOD.replace("to: 60", "to: 60.5")
    assert folder.the_problem(text.replace("\n", "\r\n")).line == folder.the_problem(text).line


# --- other tasks, models and modalities ------------------------------------------------------


def test_counts_of_lesions_need_lesions(folder):
    found = folder.problems(GOOD.replace("kind: lesion-detection", "kind: segmentation"))
    assert [p.key for p in found] == ["criteria[0].measure", "criteria[1].measure"]
    assert "a measure of the task segmentation: dice" in found[0].expected


def test_hu_are_of_ct(folder):
    text = GOOD.replace("modality: CT", "modality: MR").replace("ct.motion", "mr.motion")
    text = text.replace("  ct.dose: {from: 1.0, to: 5 %}\n", "")
    text = text.replace("  ct.views: {from: 984, to: 60}\n", "")
    problem = folder.the_problem(text)
    assert (problem.key, problem.nearest) == ("model.input.window_hu", "window")
    assert problem.line == line_of(text, "window_hu")


def test_a_label_output_has_no_activation_and_no_channels(folder):
    found = folder.problems(
        GOOD.replace("activation: softmax", "activation: softmax\n    holds: labels")
    )
    assert [p.key for p in found] == ["model.output.activation", "model.output.channels"]


def test_the_default_label_is_lesion(folder):
    text = GOOD.replace("  labels: {nodule: 1, mass: 2}\n", "")
    assert {p.key for p in folder.problems(text)} == {
        "criteria[2].label",
        "model.output.channels.nodule",
        "model.output.channels.mass",
    }


def with_model(model):
    before, _, rest = GOOD.partition("model:\n")
    return f"{before}model: {model}\nphysics:{rest.partition('physics:')[2]}"


@pytest.mark.parametrize(
    ("model", "key", "expected"),
    [
        ("x.onnx", "model", "exactly one of the keys onnx, command or predictions"),
        ("{}", "model", "exactly one of"),
        ("", "model", "exactly one of"),
        ("[onnx]", "model", "exactly one of"),
        ("{predictions: 3}", "model.predictions", "text"),
        ("{predictions: a, threads: 2}", "model.threads", "one of the keys predictions"),
        ("{command: [], files: [a]}", "model.command", "at least one"),
        ("{command: run, files: [a]}", "model.command", "a list"),
        ('{command: [run, "{input}", "{output}"]}', "model.files", "a list"),
        ('{command: [run, "{input}"], files: [a]}', "model.command", "{output}"),
        ('{command: [run, {input}, "{output}"], files: [a]}', "model.command[1]",
         'in quotes: "{input}"'),
        ('{command: [r, "{input}", "{output}"], files: [a], timeout_s: 5 mm}', "model.timeout_s",
         "a time: a number in s"),
        ('{command: [r, "{input}", "{output}"], files: [a], timeout_s: 0}', "model.timeout_s",
         "above 0"),
        ("{onnx: a, input: 3}", "model.input", "the keys spacing_mm, orientation"),
    ],
)  # fmt: skip
def test_errors_of_a_model_are_about_its_own_kind(folder, model, key, expected):
    problem = folder.the_problem(with_model(model))
    assert problem.key == key
    assert expected in problem.expected


# --- YAML ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("limen: 1\nproduct:\n\tname: x\n", 3, "YAML allows no tabs"),
        ("limen: 1\nproduct: a: b\n", 2, "one `key: value` a line"),
        ("limen: 1\nproduct: {name: x\n", 2, "YAML"),
        ("limen: 1\nproduct: 'name\n", 2, "YAML"),
        ("limen: 1\nproduct:\n  - a\n b\n", 4, "YAML"),
        ("limen: 1\nproduct: @x\n", 2, "YAML"),
        ("- limen: 1\n", 1, "keys with values"),
        ("limen\n", 1, "keys with values"),
        ("limen: 1\n---\nlimen: 1\n", 2, "one document"),
        ("limen: 1\n[a]: 2\n", 2, "a plain word as a key"),
        ("limen: 1\n? {a: 1}\n: 2\n", 2, "a plain word as a key"),
        ("limen: 1\nproduct: " + "[" * 40 + "]" * 40, 2, "levels of nesting"),
        ("limen: 1\nproduct: \x07\n", 2, "control characters"),
        ("%TAG\nlimen: 1\n", 1, "YAML"),
    ],
)
def test_what_is_no_yaml_is_one_clear_problem(folder, text, line, expected):
    problem = folder.the_problem(text)
    assert problem.line == line
    assert expected in problem.expected


@pytest.mark.parametrize(
    ("piece", "instead", "line_piece", "key", "expected"),
    [
        (
            "threads: 2",
            "threads: 2\n  threads: 3",
            "  threads: 3",
            "model.threads",
            "each key once",
        ),
        ("threads: 2", "threads: *n", "*n", "model.threads", "no aliases"),
        ("threads: 2", "threads: &n 2", "&n", "model.threads", "no anchors"),
        ("threads: 2", "threads: !!str 2", "!!str", "model.threads", "no tags"),
        (
            "threads: 2",
            "threads: !python/object:os.system 2",
            "!python",
            "model.threads",
            "no tags",
        ),
        ("user: radiologist", 'user: "\\ud800"', "ud800", "product.intended_use.user", "control"),
        ("user: radiologist", 'user: "\\0"', '"\\0"', "product.intended_use.user", "control"),
    ],
)
def test_yaml_that_a_declaration_has_no_use_for(folder, piece, instead, line_piece, key, expected):
    text = GOOD.replace(piece, instead)
    problem = folder.the_problem(text)
    assert problem.line == line_of(text, line_piece)
    assert problem.key == key
    assert expected in problem.expected


# --- all at once -----------------------------------------------------------------------------

BROKEN = """\
limen: 1
product:
  name: CT Lung
  version: 0.1
  intended_use:
    statement: Too short.
    user: radiologist
    population: {age_years: [90, 18]}
    modality: CT
    anatomy: chest
    situation: seriuos
    outputs: [mark]
task: {kind: lesion-detection, labels: {nodule: 1, mass: 1}}
criteria:
  - {measure: missed_lesion, at_most: 0}
  - {measure: hd95, at_most: 5 mL}
  - {measure: dice, at_least: 0.5, label: nodle}
risk: {failure_rate: 5 mm, confidence: 0.95}
data:
  - {name: development, pth: data, use: development, approval: a.yaml}
model: {onnx: a.onnx, input: {window_hu: [400, -1000]}, threads: "2"}
physics:
  ct.doze: {from: 1.0, to: 0.05}
  ct.motion: {from: 0 mm, to: 5 kg}
"""


def test_all_mistakes_at_once_in_the_order_of_lines(folder):
    found = folder.problems(BROKEN)
    assert [(p.line, p.key) for p in found] == [
        (3, "product.name"),
        (4, "product.version"),
        (6, "product.intended_use.statement"),
        (8, "product.intended_use.population.age_years"),
        (11, "product.intended_use.situation"),
        (13, "task.labels.mass"),
        (15, "criteria[0].measure"),
        (16, "criteria[1].at_most"),
        (17, "criteria[2].label"),
        (18, "risk.failure_rate"),
        (19, "data"),
        (20, "data[0].pth"),
        (21, "model.input.window_hu"),
        (21, "model.threads"),
        (23, "physics.ct.doze"),
        (24, "physics.ct.motion.to"),
    ]


def test_the_error_lists_every_problem_in_one_line_each(folder):
    with pytest.raises(DeclarationError) as caught:
        folder.load(BROKEN)
    lines = str(caught.value).splitlines()
    assert len(lines) == len(caught.value.problems) == 16
    assert lines[6] == (
        "limen.yaml:15: criteria[0].measure: found 'missed_lesion'; expected one of "
        f"{listed(list(MEASURES))}; did you mean 'missed_lesions'?"
    )
    plain = [p.as_dict() for p in caught.value.problems]
    assert json.loads(json.dumps(plain)) == plain
    assert plain[6]["nearest"] == "missed_lesions"
    assert caught.value.as_dict()["what"] == "the declaration has 16 mistakes"


def test_a_broken_part_raises_no_second_error_elsewhere(folder):
    # labels cannot be read: criteria and channels that name them are not blamed
    text = GOOD.replace("labels: {nodule: 1, mass: 2}", "labels: nodule", 1)
    assert folder.the_problem(text).key == "task.labels"
    assert folder.the_problem(GOOD.replace("kind: lesion-detection", "kind: x")).key == "task.kind"
    text = GOOD.replace("modality: CT", "modality: xyz")
    assert folder.the_problem(text).key == "product.intended_use.modality"
