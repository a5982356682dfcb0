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
    return done.output


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
