"""Killing a run at any moment loses at most the cases in work."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pipeline_builders import YAML, build_product

import limen
from limen.evidence.ledger import OPEN
from limen.pipeline.status import status

# Slow on purpose, so that a kill falls into every part of a run.
COMMAND = """\
import sys, time
from pathlib import Path
import nibabel as nib
time.sleep(0.4)
source, target = map(Path, sys.argv[1:])
for path in source.glob("*_0000.nii.gz"):
    image = nib.load(path)
    labels = (image.get_fdata() > -300).astype("uint8")
    nib.save(nib.Nifti1Image(labels, image.affine), target / path.name.replace("_0000", ""))
"""


def _with_command(folder: Path) -> Path:
    build_product(folder)
    (folder / "model/predict.py").write_text(COMMAND)
    head = YAML[: YAML.index("model:")]
    command = json.dumps([sys.executable, "model/predict.py", "{input}", "{output}"])
    text = f"{head}model:\n  command: {command}\n  files: [model/predict.py]\n"
    (folder / "limen.yaml").write_text(text)
    return folder


def _run(folder: Path) -> subprocess.Popen[bytes]:
    code = "from limen.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, "run", str(folder), "-j", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _outcome(folder: Path) -> dict[tuple[str, str], str]:
    kinds = {"case", "prediction", "measurement", "picture", "verdicts"}
    store = limen.load(folder).store
    return {(r.kind, r.subject): r.result for r in store.records() if r.kind in kinds}


@pytest.mark.slow
def test_runs_killed_at_random_moments_end_where_one_whole_run_ends(tmp_path: Path):
    whole = _with_command(tmp_path / "whole")
    limen.run(limen.load(whole), workers=2)
    killed = _with_command(tmp_path / "killed")
    chance = random.Random(os.environ.get("LIMEN_TEST_SEED", "1"))
    kept = 0
    for _ in range(4):
        process = _run(killed)
        time.sleep(chance.uniform(0.8, 4.5))
        finished = process.poll() is not None
        if not finished:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        product = limen.load(killed)
        done = {(r.kind, r.subject) for r in product.store.records()}
        assert len(done) >= kept  # nothing that was kept is lost
        kept = len(done)
        for record in product.store.records():
            product.store.get(record.result)  # whole, and of its digest
        status(product)  # readable at any moment
    last = _run(killed)
    out = last.communicate(timeout=120)[0].decode()
    assert last.returncode in (0, 1), out
    assert _outcome(killed) == _outcome(whole)
    assert not status(limen.load(killed)).stale
    # temporary files of killed writers are the most that may stay behind
    assert not [p for p in (killed / "report").iterdir() if not p.name.endswith(".html")]


def test_a_second_run_on_the_same_product_is_refused_at_once(product_folder: Path):
    from limen.evidence import AnotherRunIsWriting

    product = limen.load(product_folder)
    with product.store.writing(), pytest.raises(AnotherRunIsWriting, match="wait for it"):
        limen.load(product_folder).evaluate(workers=1)


def test_a_record_cut_in_the_middle_is_made_again(product_folder: Path):
    limen.run(limen.load(product_folder), workers=1)
    # as a kill in the first run leaves it: no signed head yet
    (product_folder / ".limen/ledger/checkpoint").unlink()
    (product_folder / ".limen/ledger/open").write_bytes(OPEN)
    log = product_folder / ".limen/records.jsonl"
    data = log.read_bytes()
    cut = data.rstrip(b"\n").rfind(b"\n") + 40
    log.write_bytes(data[:cut])
    found = status(limen.load(product_folder))
    assert [i.kind for i in found.stale] == ["report"]
    limen.run(limen.load(product_folder), workers=1)
    assert not status(limen.load(product_folder)).stale
