"""Killing a run at any moment loses at most the cases in work."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pipeline_builders import YAML, build_product, write_command_model

import limen
from limen.evidence.ledger import OPEN
from limen.pipeline.status import status


def _with_command(folder: Path) -> Path:
    build_product(folder)
    head = YAML[: YAML.index("model:")]
    (folder / "limen.yaml").write_text(head + write_command_model(folder, 0.4))
    return folder


def _run(folder: Path, workers: int) -> subprocess.Popen[bytes]:
    code = "from limen.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, "run", str(folder), "-j", str(workers)],
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
    limen.run(limen.load(whole), workers=1)
    killed = _with_command(tmp_path / "killed")
    chance = random.Random(os.environ.get("LIMEN_TEST_SEED", "1"))
    kept = 0
    for workers in (1, 2, 1, 2):
        process = _run(killed, workers)
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
    last = _run(killed, 2)
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


def test_a_record_cut_in_the_middle_is_made_again(run_folder: Path):
    # as a kill in the first run leaves it: no signed head yet
    (run_folder / ".limen/ledger/checkpoint").unlink()
    (run_folder / ".limen/ledger/open").write_bytes(OPEN)
    log = run_folder / ".limen/records.jsonl"
    data = log.read_bytes()
    cut = data.rstrip(b"\n").rfind(b"\n") + 40
    log.write_bytes(data[:cut])
    found = status(limen.load(run_folder))
    assert [i.kind for i in found.stale] == ["report"]
    limen.run(limen.load(run_folder), workers=1)
    assert not status(limen.load(run_folder)).stale
