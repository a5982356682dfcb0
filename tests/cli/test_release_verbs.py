"""A release's life through the verbs: up to routine use, back on failures in use, never half."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent.parent / "pipeline"))
from pipeline_builders import YAML, write_case, write_threshold_model

import limen
from limen.cli.app import build
from limen.cli.verbs import file_of
from limen.errors import LimenError
from limen.evidence.keys import read_key
from limen.pipeline.promotion import record_field
from limen.pipeline.stress import Effort

PASSPHRASE = "correct horse battery"
PASS = {"LIMEN_PASSPHRASE": PASSPHRASE}
CONSENT = """\
kind: prospective-consent
board: A
number: "7"
expires: 2990-01-01
purposes: [NRES]
commercial: true
legal_basis: [21 CFR 50.20]
"""
MORE = """\
regimes: [fda]
physics:
  ct.slice_thickness: {from: 2.5 mm, to: 20 mm}
"""
TEXT = "Marks bright balls in boxes of noise, for the tests of the pipeline.\n"
SHORT = Effort("test", 1 / 4, 1, 2, False, 1, False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A product with a certified boundary, frozen; three keys on its roster, and one beside it."""
    top = tmp_path_factory.mktemp("life")
    folder = top / "product"
    write_case(folder / "data/dev", 20)
    for number in range(6):
        write_case(folder / "data/val", number)
    write_threshold_model(folder / "model/threshold.onnx")
    (folder / "approvals").mkdir()
    (folder / "approvals/a.yaml").write_text(CONSENT)
    claim = YAML.replace("failure_rate: 20 %, confidence: 90 %",
                         "failure_rate: 50 %, confidence: 75 %")  # fmt: skip
    (folder / "limen.yaml").write_text(claim + MORE)
    (top / "text.md").write_text(TEXT)
    limen.run(folder, workers=1, effort=SHORT)
    for name, role in (("q", "quality"), ("c", "clinician"), ("d", "developer"), ("x", "")):
        assert say("keys", "new", top / f"{name}.pem")[0] == 0
        given = ["--role", role, "--public", top / f"{name}.pub", "--key", top / "q.pem"]
        assert not role or say("keys", "add", name.upper(), folder, *given)[0] == 0
    assert say("release", folder)[0] == 0
    for name in "cd":
        assert say("sign", folder, "--key", top / f"{name}.pem")[0] == 0
    return top


@pytest.fixture
def top(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "copy"))


@pytest.fixture(scope="module")
def moved_up(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same release in routine use."""
    top = Path(shutil.copytree(made, tmp_path_factory.mktemp("use") / "copy"))
    ask(top, "q", "--field", "0/0", "--field-limit", "0.1")
    ask(top, "q", "--cleared", "fda=K260001")
    for name in ("d", "c", "d", "q", "q", "c"):
        code, answer = ask(top, name, "--text", top / "text.md")
    assert (code, answer["stage"]) == (0, "routine-use")
    return top


@pytest.fixture
def in_use(moved_up: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(moved_up, tmp_path / "in-use"))


def say(*words: object) -> tuple[int, str]:
    app = build(file_of(str(words[0])))
    done = CliRunner().invoke(app, [str(w) for w in words], env=PASS)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout


def ask(top: Path, name: str | None = None, *more: object) -> tuple[int, dict]:
    """``limen promote`` by one of the three; exit status and answer."""
    key = [] if name is None else ["--key", top / f"{name}.pem"]
    code, told = say("promote", top / "product", *key, *more, "--json")
    return code, json.loads(told)


def missing(answer: dict) -> dict[str, str]:
    return {m["requirement"]: m["found"] for m in answer["missing"]}


def test_every_refusal_on_the_way_up_names_what_supplies_it(top: Path) -> None:
    stages = []
    for name, more in (
        (None, []), ("d", []), ("d", []), ("c", []), ("q", []), (None, ["--text", top / "text.md"]),
    ):  # fmt: skip
        code, answer = ask(top, name, *more)
        assert all("limen" in m["mend"] for m in answer["missing"])
        assert (code == 0) == (not answer["missing"])
        stages.append(answer["stage"])
    assert stages == ["feasibility", "publication", "publication", "clinical-validation",
                      "clinical-validation", "submission"]  # fmt: skip
    assert missing(ask(top)[1]) == {
        "no text claims more than the evidence": "claims without evidence: not looked at",
        "each regime has cleared it": "no clearance recorded for: fda",
        "failures in use stay under their limit": "no limit of failures in use is stated",
        "those who may move it ask for it": "not asked by: clinician, quality",
    }


def test_failures_in_use_over_their_limit_take_a_release_back(in_use: Path) -> None:
    folder, limit = in_use / "product", ["--field-limit", "0.1"]
    assert ask(in_use, "c", "--field", "10/100", *limit)[1]["stage"] == "routine-use"
    key = ["--key", in_use / "c.pem"]
    code, told = say("promote", folder, "--field", "11/100", *limit, *key)
    assert code == 1
    assert "Recorded: 11 failures in 100 studies in use, at most 10.0%." in told
    assert "Taken back: small 0.1.0, from routine-use to submission." in told
    assert "11.0% of studies failed in use, over the limit of 10.0%" in told
    assert say("verify", folder)[0] == 0
    # better figures alone do not bring it back: who asked before has to ask again
    text = ["--text", in_use / "text.md"]
    code, answer = ask(in_use, "d", "--field", "11/300", *limit, *text)
    assert (code, answer["stage"]) == (1, "submission")
    assert missing(answer) == {
        "those who may move it ask for it": "not asked by: clinician, quality"
    }


def test_a_run_takes_it_back_too(in_use: Path) -> None:
    product, key = limen.load(in_use / "product"), read_key(in_use / "d.pem", PASSPHRASE)
    record_field(product, 3, 10, 0.1, key)
    (back,) = limen.run(product, workers=1, effort=SHORT).taken_back
    assert (back.move.before, back.stage) == ("routine-use", "submission")
    assert [m.requirement for m in back.move.missing] == ["failures in use stay under their limit"]


def test_a_key_that_is_not_listed_states_nothing(top: Path) -> None:
    """Neither figures from use nor a clearance, unsigned in the ledger."""
    folder, key = top / "product", ["--key", top / "x.pem"]
    before = (folder / ".limen/records.jsonl").read_bytes()
    for words in (
        ["promote", folder, "--field", "0/200"],
        ["promote", folder, "--cleared", "fda=K1"],
        ["promote", folder],
        ["sign", folder],
    ):
        with pytest.raises(LimenError, match="not in the roster"):
            say(*words, *key)
    assert (folder / ".limen/records.jsonl").read_bytes() == before


def test_a_clearance_by_quality_is_not_undone_by_somebody_else(in_use: Path) -> None:
    assert ask(in_use, "d", "--cleared", "fda=K999999")[1]["stage"] == "routine-use"


def test_cases_that_pass_and_stale_evidence_take_nothing_back(in_use: Path) -> None:
    folder = in_use / "product"
    write_case(folder / "data/val", 6)
    assert ask(in_use)[1]["stage"] == "routine-use"
    limen.load(folder).evaluate(workers=1)
    assert ask(in_use)[1]["stage"] == "routine-use"
    write_case(folder / "data/val", 7, missed=True)
    limen.load(folder).evaluate(workers=1)
    code, answer = ask(in_use)
    assert (code, answer["stage"]) == (1, "clinical-validation")
    assert missing(answer) == {
        "every failure passes or is explained": "1 failures neither mended nor explained"
    }
