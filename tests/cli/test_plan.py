"""`limen plan`: numbers that are in every textbook, help that teaches, and exit statuses."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from limen.cli.app import build
from limen.measures import BadPlan


def plan(*words, code=0):
    done = CliRunner().invoke(build(), ["plan", *words])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.output


@pytest.mark.parametrize(("rate", "patients"), [("5%", 59), ("0.05", 59), ("1 %", 299)])
def test_patients_without_failure(rate, patients):
    made = json.loads(plan("failure-rate", "--rate", rate, "--json"))
    assert made["patients"] == patients
    assert f"{patients} patients without a failure" in plan("failure-rate", "--rate", rate)


def test_the_table_says_what_failures_cost():
    shown = plan("failure-rate", "--rate", "5%")
    assert all(str(n) in shown for n in (59, 93, 124, 153, 181, 208))


def test_the_products_own_claim_is_planned_for(tmp_path):
    (tmp_path / "limen.yaml").write_text(DECLARATION)
    made = json.loads(plan("failure-rate", str(tmp_path), "--json"))
    assert (made["failure_rate"], made["confidence"], made["patients"]) == (0.1, 0.9, 22)


DECLARATION = """
limen: 1
product:
  name: x
  version: 0.1.0
  intended_use:
    statement: Marks suspected nodules on chest CT for a radiologist.
    user: radiologist
    population: {age_years: [18, 90]}
    modality: CT
    anatomy: chest
    situation: serious
    outputs: [mark]
task: {kind: lesion-detection}
criteria:
  - {measure: false_marks, at_most: 1}
risk: {failure_rate: 10 %, confidence: 90 %}
data:
  - {name: validation, path: data, use: validation, approval: approval.yaml}
model: {predictions: predictions}
"""


def test_difference_of_aucs_and_reader_study():
    made = json.loads(plan("auc", "--auc", "0.85", "--than", "0.8", "--unpaired", "--json"))
    assert made["positives"] == made["negatives"] > 400
    assert "not worse" in plan("auc", "--auc", "0.85", "--than", "0.85", "--margin", "0.05")
    given = ["--reader-by-modality", "0.0002004", "--error", "0.0008023", "--cov1", "0.0003466"]
    given += ["--cov2", "0.0003441", "--cov3", "0.0002390", "--pilot-cases", "114"]
    study = ["reader-study", "--effect", "0.0438", "--readers", "10"]
    assert json.loads(plan(*study, *given, "--json"))["cases"] == pytest.approx(163, abs=1)
    assert "Van Dyke" in plan(*study)
    with pytest.raises(BadPlan, match="belong together"):
        plan(*study, *given[:4])


def test_a_gain_that_would_not_be_seen_is_a_no():
    shown = plan("gain", "--gain", "2%", "--patients", "300", "--rate", "85%", code=1)
    assert shown.startswith("No: with 300 patients")
    plan("gain", "--gain", "20%", "--patients", "300", "--rate", "60%")
    mean = json.loads(plan("gain", "--gain", "0.02", "--patients", "100", "--sd", "0.05", "--json"))
    assert mean["seen"] == "yes"


def test_what_cannot_be_understood_is_refused(tmp_path):
    with pytest.raises(BadPlan, match="not a share"):
        plan("failure-rate", "--rate", "five")
    with pytest.raises(BadPlan, match="no claim to plan for"):
        plan("failure-rate", str(tmp_path))


@pytest.mark.parametrize("verb", ["failure-rate", "auc", "reader-study", "gain"])
def test_help_teaches(verb):
    assert "patients" in plan(verb, "--help") or "cases" in plan(verb, "--help")
