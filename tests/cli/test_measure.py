"""`limen measure`: a table, CSV, JSON, and answers to what cannot be measured."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner

from limen.cli.app import build
from limen.measures import segmentation

SPACING = (1.0, 1.5, 2.0)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    paths = []
    for name, shift in (("p", 1), ("r", 0)):
        values = np.zeros((16, 14, 10), np.uint8)
        values[2 + shift : 9 + shift, 3:9, 2:7], values[11:14, 3:9, 2:7] = 1, 2
        paths.append(tmp_path / f"{name}.nii.gz")
        nib.save(nib.Nifti1Image(values, np.diag([*SPACING, 1.0])), paths[-1])
    return paths[0], paths[1]


def run(*arguments) -> str:
    done = CliRunner().invoke(build(), ["measure", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_json_and_csv_say_what_python_says(files):
    found = segmentation(*files, nsd_tolerance_mm=1)
    told = json.loads(run(*files, "--nsd-tolerance", 1, "--cldice", "--json"))
    assert [row["label"] for row in told["labels"]] == ["1", "2"]
    for row, m in zip(told["labels"], found.values(), strict=True):
        for name in ("dice", "iou", "volume_error_ml", "hd_mm", "hd95_mm", "assd_mm", "masd_mm",
                     "nsd", "boundary_iou", "cldice", "nsd_tolerance_mm"):  # fmt: skip
            assert row[name] == getattr(m, name), name
    rows = list(csv.DictReader(io.StringIO(run(*files, "--csv"))))
    assert [float(row["dice"]) for row in rows] == [m.dice for m in found.values()]


def test_the_table_has_units_and_says_what_it_leaves_out(files):
    shown = run(*files, "--label", "liver=1", "--label", "both=1+2", "--label", "none=7")
    for words in ("hd95, mm", "volume error, ml", "liver", "both", "--nsd-tolerance"):
        assert words in shown
    assert "none: nothing to find and nothing marked" in shown
    assert "because the prediction is empty" not in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--label", "liver=x"], "NAME=VALUE"),
        (["--label", "liver=0"], "1 to 65535"),
        (["--convention", "itk"], "no such convention"),
        (["--nsd-tolerance", "-1"], "tolerance"),
    ],
)
def test_what_cannot_be_measured_ends_in_one_message(files, arguments, words):
    command = [sys.executable, "-c", "from limen.cli import main; main()", "measure"]
    done = subprocess.run([*command, *map(str, files), *arguments], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_lesions_are_told_by_place(files):
    told = json.loads(run(*files, "--lesions", "--label", "one=1", "--json"))
    (row,) = told["labels"]
    assert (row["lesions_present"], row["lesions_found"], row["false_marks"]) == (1, 1, 0)
    (of_label,) = told["lesions"]
    assert of_label["lesions"]["reference"][0]["matched"] == 1
    shown = run(files[0], files[1], "--lesions", "--match-within", "0.5", "--label", "one=1")
    assert "one: missed, " in shown
    assert "one: false mark, " in shown
    assert "mm LPS" in shown


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    sides = tmp_path / "preds", tmp_path / "refs"
    for side, shift in zip(sides, (1, 0), strict=True):
        side.mkdir()
        for n in range(12):
            values = np.zeros((12, 10, 8), np.uint8)
            here = shift if n % 3 else 0
            values[2 + here : 6 + here, 2:6, 2:6] = 0 if n == 4 and shift else 1
            nib.save(nib.Nifti1Image(values, np.eye(4)), side / f"case-{n}.nii.gz")
    return sides


def test_folders_stream_each_case_and_sum_up(folders):
    rows = list(csv.DictReader(io.StringIO(run(*folders, "--label", "x=1", "--csv"))))
    by_case = {row["case"]: float(row["dice"]) for row in rows if row.get("case")}
    assert len(by_case) == 12
    assert (by_case["case-0"], by_case["case-4"], by_case["case-1"]) == (1.0, 0.0, 0.75)
    told = json.loads(run(*folders, "--label", "x=1", "--json"))
    assert {c["case"]: c["labels"][0]["dice"] for c in told["cases"]} == by_case
    assert told["not_measured"] == {}
    shown = run(*folders, "--label", "x=1", "--lesions")
    assert f"{(4 + 7 * 0.75) / 12:.4g}" in shown
    assert "worst cases by dice: case-4 (0.000)" in shown
    assert "no mean hd95, mm, because it is undefined in 1 of 12 cases" in shown
    assert "No intervals" in shown


def test_missing_and_broken_cases_are_told_and_not_hidden(folders):
    (folders[0] / "case-1.nii.gz").unlink()
    (folders[0] / "case-2.nii.gz").write_bytes(b"no image")
    done = CliRunner().invoke(build(), ["measure", *map(str, folders), "--label", "x=1"])
    assert done.exit_code == 1
    assert "no prediction: case-1" in done.output
    assert "not measured: case-2" in done.output
    assert "with the 2 not measured as 0" in done.output
    done = CliRunner().invoke(build(), ["measure", *map(str, folders), "--json"])
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert list(told["not_measured"]) == ["case-2"]
    assert told["without_prediction"] == ["case-1"]


def test_workers_give_the_same_answer(folders, monkeypatch):
    from limen.cli import measure_folder

    alone = json.loads(run(*folders, "--label", "x=1", "--json", "-j", "1"))
    monkeypatch.setattr(measure_folder, "_SMALL", 1)
    assert json.loads(run(*folders, "--label", "x=1", "--json", "-j", "2")) == alone
