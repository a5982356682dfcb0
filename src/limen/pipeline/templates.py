"""The text of a new ``limen.yaml``: every choice with what it means, for a person to edit."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from limen.product.criteria import TEMPLATES

UNDECLARED = """\
# Under which permission this data is used. `undeclared` is enough to begin with: results then
# reach feasibility and no further. State the truth here, and they may reach further.
kind: undeclared
# kind: retrospective-waiver    # or: phantom, simulated, public, prospective-consent
# board: Ethics committee of ...
# number: 2026-001
# issued: 2026-01-31
# expires: 2028-01-31           # the last day on which it holds
# purposes: [HMB]               # GA4GH Data Use Ontology: NRES, GRU, HMB, DS, CC, with NCU ...
# legal_basis: [21 CFR 50.22]   # the law behind the consent or its waiver
# sites: [...]
# licence: CC-BY-4.0            # of public data
# commercial: true              # whether the data may serve a product that is sold
# de_identification: how, and by whom
"""

_OUTPUTS = {"lesion-detection": "[mark, contour]", "segmentation": "[contour]"}

_CRITERIA = {
    "lesion-detection": [
        "- {measure: missed_lesions, at_most: 0} # no lesion may be missed, however small;",
        "#   min_diameter_mm: 6 mm beside it would leave out smaller ones",
        "- {measure: false_marks, at_most: 1} # one mark without a lesion is tolerable, not two",
    ],
    "segmentation": [
        "- {measure: dice, at_least: 0.8} # overlap of prediction and reference, 0 to 1",
        "- {measure: hd95, at_most: 5 mm} # 95 % of the outline lies no further off than this",
    ],
}


def _other_criteria(task: str) -> list[str]:
    """The templates of a kind of task as comments, to be taken instead."""
    lines = []
    for given in TEMPLATES.values():
        if given.task == task:
            lines += [f"# Instead, where {given.when}:", *(f"#   - {c}" for c in given.criteria)]
    return lines


_PHYSICS = {
    "CT": ["ct.dose: {from: 1.0, to: 0.1} # fraction of the acquired dose"],
    "MR": ["mr.snr: {from: 1.0, to: 0.25} # fraction of the acquired signal-to-noise ratio"],
    "OCT": ["oct.power: {from: 1.0, to: 0.1} # fraction of the acquired source power"],
}

_WINDOW = {
    "CT": "window_hu: [-1000, 400] # clipped to these HU, then mapped onto 0 to 1",
    "MR": "normalise: zscore # mean 0 and standard deviation 1 over each case",
    "OCT": "normalise: zscore # mean 0 and standard deviation 1 over each case",
}


@dataclass(frozen=True)
class Facts:
    """What goes into a declaration; ``found`` are sentences, ``model`` lines of YAML."""

    title: str
    modality: str
    task: str
    because: str
    reference: str
    labels: dict[str, int]
    found: list[str]
    data: dict[str, str]
    model: list[str]


def template(modality: str, title: str) -> str:
    """A declaration to fill in, with its data and its model under the product's folder."""
    kind = modality.upper()
    return declaration(
        Facts(
            title=title,
            modality=kind,
            task="lesion-detection",
            because="or segmentation: outline every label",
            reference="mask",
            labels={"lesion": 1},
            found=[
                "images/ and references/ with files of the same names (NIfTI, NRRD, DICOM), or",
                "cases.csv with the columns case, patient, image, reference.",
            ],
            data={"path": "data/validation"},
            model=[
                "onnx: model/model.onnx # or: predictions: FOLDER, or: command: [...]",
                "input:",
                "  spacing_mm: [1, 1, 1] # voxel size the model was trained at",
                f"  {_WINDOW[kind]}",
                "  patch: [96, 96, 96] # sliding window in voxels, in x, y, z",
            ],
        )
    )


def declaration(facts: Facts) -> str:
    """The text of ``limen.yaml``."""
    lines = [
        "# yaml-language-server: $schema=.limen/limen.schema.json",
        "# What this product is, what is asked of it, and with what it is judged. `limen check`",
        "# tells what is wrong or missing, `limen run` evaluates and writes the report.",
        "limen: 1",
        "",
        "product:",
        f"  name: {quoted(facts.title)}",
        "  version: 0.1.0",
        "  intended_use:",
        "    # One or two sentences a clinician would sign: what it shows, on whom, to whom, when.",
        '    statement: "(to be written) What the product shows, on whom, for whom, and when."',
        "    user: physician # who acts on the output",
        "    population: {age_years: [18, 110]} # to be confirmed by a clinician",
        f"    modality: {facts.modality}",
        "    anatomy: unspecified # e.g. chest, brain, retina",
        "    situation: serious # of the patient: critical, serious or non-serious (IMDRF N12)",
        f"    outputs: {_OUTPUTS[facts.task]} # mark, contour, measurement, score, triage-flag,"
        " diagnosis, image",
        "",
        "task:",
        f"  kind: {facts.task} # {facts.because}",
        f"  reference: {facts.reference}"
        + (
            " # lesions are the connected components of a label"
            if facts.reference == "mask"
            else " # every lesion has a value of its own, from 1 on"
        ),
        "  labels: # name and value; a value that is not here is an error",
        *(f"    {quoted(name)}: {value}" for name, value in facts.labels.items()),
        "  # ignore_labels: [255] # values or names to leave out",
        "",
        "# What a clinician asks of each case; a case fails when any of these fails.",
        "# These are defaults of Limen and nobody's judgment yet: a clinician must set them.",
        "criteria:",
        *(f"  {line}" for line in [*_CRITERIA[facts.task], *_other_criteria(facts.task)]),
        "",
        "# The claim to be certified: at most this share of patients fails, with this confidence.",
        "# 10 % with 95 % takes 29 patients without a failure. A clinician sets it.",
        "risk: {failure_rate: 10 %, confidence: 95 %}",
        "",
        "data:",
        *(f"  # {sentence}" for sentence in facts.found),
        "  - name: validation",
        "    use: validation # never shown to the model; development: what it was made with",
        *(f"    {key}: {quoted(value)}" for key, value in facts.data.items()),
        "    approval: approvals/undeclared.yaml # to be filled in by the data's owner",
        "",
        "model:",
        *(f"  {line}" for line in facts.model),
        "",
        "# How far the acquisition may degrade before trust ends; searched by later steps.",
        "# physics:",
        *(f"#   {line}" for line in _PHYSICS[facts.modality]),
        "",
        "# regimes: [fda, mdr, mfds] # where it is to be sold",
    ]
    return "\n".join(lines) + "\n"


_PLAIN = re.compile(r"[A-Za-z_./][A-Za-z0-9_./-]*")
_WORDS_WITH_MEANING = frozenset(["y", "n", "yes", "no", "on", "off", "true", "false", "null"])


def quoted(text: str) -> str:
    """A YAML scalar that is read as this very text."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS_WITH_MEANING and text != ".":
        return text
    return json.dumps(text, ensure_ascii=False)
