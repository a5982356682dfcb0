"""A run leaves its plan behind before anything else, so that a deleted failure shows."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("cryptography")

from limen.evidence import Outcome, Record, Store
from limen.evidence.runs import Planned, end_run, register_run, runs, unfinished
from limen.evidence.verify import verify

PLAN = [Planned("measurement", f"set/{i}", "m/1", {"image": f"i{i}"}) for i in range(3)]


def do(store: Store, item: Planned, outcome: Outcome = Outcome.done) -> None:
    result = store.put_json([item.subject, outcome])
    store.add(Record(item.kind, item.subject, item.method, item.inputs, result, outcome))


def left_open(folder: Path) -> list[tuple[tuple[str, str], ...]]:
    store = Store(folder)
    return [r.without_result for r in unfinished(runs(store.history(), store.get))]


def test_a_run_that_did_what_it_planned_leaves_nothing_open(tmp_path: Path) -> None:
    with Store(tmp_path).writing() as store:
        run = register_run(store, "evaluate", PLAN)
        do(store, PLAN[0])
        do(store, PLAN[1], Outcome.refused)  # a refusal is a result
        do(store, PLAN[2])
        end_run(store, run, {"done": 2, "refused": 1})
    assert left_open(tmp_path) == []
    assert verify(tmp_path).notes == []


def test_a_failure_that_was_never_recorded_shows(tmp_path: Path) -> None:
    with Store(tmp_path).writing() as store:
        run = register_run(store, "evaluate", PLAN)
        do(store, PLAN[0])
        do(store, PLAN[2])
        end_run(store, run, {"done": 2})
    assert left_open(tmp_path) == [(("measurement", "set/1"),)]
    found = verify(tmp_path)
    assert found.clean
    assert "nothing was recorded of 1 of its 3 parts: measurement of set/1" in found.notes[0]


def test_a_result_from_before_the_run_does_not_stand_for_it(tmp_path: Path) -> None:
    with Store(tmp_path).writing() as store:
        do(store, PLAN[0])
        register_run(store, "evaluate", PLAN[:1])
    assert left_open(tmp_path) == [(("measurement", "set/0"),)]


def test_a_result_of_other_inputs_does_not_stand_for_it(tmp_path: Path) -> None:
    with Store(tmp_path).writing() as store:
        run = register_run(store, "evaluate", PLAN[:1])
        do(store, Planned("measurement", "set/0", "m/1", {"image": "another"}))
        end_run(store, run, {})
    assert left_open(tmp_path) == [(("measurement", "set/0"),)]


def test_a_later_run_may_supply_what_a_killed_one_did_not(tmp_path: Path) -> None:
    with Store(tmp_path).writing() as store:
        register_run(store, "evaluate", PLAN)
        do(store, PLAN[0])
    with Store(tmp_path).writing() as store:
        run = register_run(store, "evaluate", PLAN[1:])
        do(store, PLAN[1])
        do(store, PLAN[2])
        end_run(store, run, {})
    assert left_open(tmp_path) == [()]  # the first did not end, but nothing of it is lacking


def test_a_killed_run_was_registered(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from limen.evidence import Store\n"
        "from limen.evidence.runs import Planned, register_run\n"
        "with Store(Path(sys.argv[1])).writing() as s:\n"
        "  register_run(s, 'evaluate', [Planned('k', 'set/a', 'm/1', {})])\n"
        "  os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert left_open(tmp_path) == [(("k", "set/a"),)]


def test_a_ledger_put_back_to_before_a_failure_is_found_by_who_kept_its_head(
    tmp_path: Path,
) -> None:
    folder, before = tmp_path / "store", tmp_path / "before"
    with Store(folder).writing() as store:
        do(store, PLAN[0])
    shutil.copytree(folder, before)
    with Store(folder).writing() as store:
        register_run(store, "evaluate", PLAN[1:])
        do(store, PLAN[1], Outcome.refused)
    kept = (folder / "ledger/checkpoint").read_text()
    assert not verify(before, checkpoint=kept).clean


def test_two_runs_of_one_plan_are_two_runs(tmp_path: Path) -> None:
    with Store(tmp_path).writing() as store:
        first = register_run(store, "evaluate", PLAN)
        second = register_run(store, "evaluate", PLAN)
    assert first.subject != second.subject
    assert len(left_open(tmp_path)) == 2
