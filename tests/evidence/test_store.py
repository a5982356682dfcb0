"""The store keeps what it acknowledged, through edits, kills and second writers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from limen.evidence import (
    AnotherRunIsWriting,
    CorruptEvidence,
    MissingObject,
    NewerStore,
    Outcome,
    Record,
    Store,
    changed_inputs,
    digest_json,
    record_key,
)


def record(store: Store, subject: str = "set/a", value: object = 1, **inputs: str) -> Record:
    made = Record("measurement", subject, "m/1", inputs, store.put_json(value))
    store.add(made)
    return made


def test_content_is_found_by_its_digest(tmp_path: Path) -> None:
    store = Store(tmp_path)
    # SHA-256 of "abc", FIPS 180-4 appendix example
    assert store.put(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert store.get(store.put(b"abc")) == b"abc"


def test_canonical_json_does_not_depend_on_how_it_was_written() -> None:
    assert digest_json({"b": 1, "a": [1.0, 2]}) == digest_json({"a": [1, 2], "b": 1.0})


TEXT = st.text(max_size=8)


@given(st.lists(TEXT, min_size=5, max_size=5), st.dictionaries(TEXT, TEXT, max_size=4))
def test_a_line_of_the_log_is_canonical_json(texts: list[str], inputs: dict[str, str]) -> None:
    kind, subject, method, result, made = texts
    made_record = Record(kind, subject, method, inputs, result, origin=None, made_utc=made)
    line = made_record.line()
    assert line == rfc8785.dumps(made_record.as_dict())
    assert b"\n" not in line
    assert Record.from_dict(json.loads(line)) == made_record
    assert made_record.as_dict() == {**asdict(made_record), "outcome": "done"}


def test_nan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        Store(tmp_path).put_json({"dice": float("nan")})


def test_records_are_there_after_reopening(tmp_path: Path) -> None:
    with Store(tmp_path).writing() as store:
        made = record(store, image="i1")
    again = Store(tmp_path)
    assert again.find("measurement", "set/a", "m/1", {"image": "i1"}) == made
    assert again.find("measurement", "set/a", "m/2", {"image": "i1"}) is None
    assert again.find("measurement", "set/a", "m/1", {"image": "i2"}) is None
    assert again.latest("measurement", "set/a") == made


def test_going_back_to_an_earlier_input_makes_it_the_latest_again(tmp_path: Path) -> None:
    with Store(tmp_path).writing() as store:
        first = record(store, image="i1")
        record(store, value=2, image="i2")
        store.add(first)
    assert Store(tmp_path).latest("measurement", "set/a") == first


def test_an_interrupted_record_does_not_stand_for_the_work(tmp_path: Path) -> None:
    with Store(tmp_path).writing() as store:
        result = store.put_json({"what": "died"})
        store.add(Record("prediction", "s/a", "m/1", {}, result, Outcome.interrupted))
    assert Store(tmp_path).find("prediction", "s/a", "m/1", {}) is None


def test_an_edited_object_is_found_out(tmp_path: Path) -> None:
    store = Store(tmp_path)
    digest = store.put(b"abc")
    (tmp_path / "objects" / digest[:2] / digest).write_bytes(b"abd")
    with pytest.raises(CorruptEvidence, match=digest[:12]):
        store.get(digest)


def test_a_lost_object_makes_its_record_stale(tmp_path: Path) -> None:
    with Store(tmp_path).writing() as store:
        made = record(store, image="i1")
    (tmp_path / "objects" / made.result[:2] / made.result).unlink()
    again = Store(tmp_path)
    assert again.find("measurement", "set/a", "m/1", {"image": "i1"}) is None
    with pytest.raises(MissingObject):
        again.get(made.result)


def test_a_newer_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "format").write_text("99\n")
    with pytest.raises(NewerStore, match="99"):
        Store(tmp_path)


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    with Store(tmp_path).writing() as store:
        record(store, image="i1")
    log = tmp_path / "records.jsonl"
    log.write_bytes(b"not json\n" + log.read_bytes())
    with pytest.raises(CorruptEvidence, match="line 1"):
        Store(tmp_path)


@given(cut=st.integers(min_value=0, max_value=400))
def test_a_log_cut_anywhere_keeps_every_whole_line(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    folder = tmp_path_factory.mktemp("store")
    with Store(folder).writing() as store:
        for i in range(3):
            record(store, subject=f"set/{i}", value=i)
    # as a kill in the first run leaves it: no signed head yet
    (folder / "ledger" / "checkpoint").unlink()
    (folder / "ledger" / "open").write_bytes(b"records may lie beyond the checkpoint\n")
    log = folder / "records.jsonl"
    data = log.read_bytes()[: -min(cut, log.stat().st_size) or None]
    log.write_bytes(data)
    whole = data.count(b"\n")
    with Store(folder).writing() as store:
        assert sum(1 for _ in store.records()) == whole
        record(store, subject="set/new", value="new")
    assert sum(1 for _ in Store(folder).records()) == whole + 1
    for line in log.read_bytes().splitlines():
        json.loads(line)


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from limen.evidence import Store\n"
        "with Store(Path(sys.argv[1])).writing(): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        try:
            with pytest.raises(AnotherRunIsWriting), Store(tmp_path).writing():
                pass
        finally:
            other.kill()
    with Store(tmp_path).writing():
        pass  # a killed holder leaves no lock behind


def test_kill_loses_nothing_acknowledged(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from limen.evidence import Record, Store\n"
        "with Store(Path(sys.argv[1])).writing() as s:\n"
        "  for i in range(10**6):\n"
        "    s.add(Record('k', f'set/{i}', 'm/1', {}, s.put_json(i))); print(i, flush=True)"
    )
    for round_ in range(5):
        folder = tmp_path / str(round_)
        with subprocess.Popen(
            [sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(0.01 * (1 + 3 * round_))
            os.kill(writer.pid, signal.SIGKILL)
            rest = writer.stdout.read()
        acknowledged = rest.count("\n") + 1
        store = Store(folder)
        for i in range(acknowledged):
            found = store.latest("k", f"set/{i}")
            assert found is not None
            assert store.get_json(found.result) == i


def test_changed_inputs_are_named() -> None:
    old = Record("k", "s", "m/1", {"image": "a", "model": "b"}, "r")
    assert changed_inputs(old, "m/1", {"image": "a", "model": "c"}) == ["model"]
    assert changed_inputs(old, "m/2", {"image": "a", "model": "b"}) == ["method m/1 -> m/2"]
    assert changed_inputs(old, "m/1", {"image": "a"}) == ["model"]


@given(st.dictionaries(st.text(min_size=1), st.text(), max_size=5), st.text(), st.text())
def test_any_changed_input_changes_the_key(inputs: dict[str, str], name: str, value: str) -> None:
    other = {**inputs, name: value}
    same = record_key("k", "s", "m", inputs) == record_key("k", "s", "m", other)
    assert same == (inputs == other)


def test_files_of_a_killed_writer_are_gone_when_the_next_one_starts(tmp_path: Path) -> None:
    with Store(tmp_path).writing() as store:
        digest = store.put_json([1])
    left = [tmp_path / "objects" / digest[:2] / ".writing-abc", tmp_path / "ledger/.writing-x"]
    for path in left:
        path.write_bytes(b"half")
    assert Store(tmp_path).get_json(digest) == [1]  # reading leaves them alone
    assert all(path.exists() for path in left)
    with Store(tmp_path).writing():
        assert not any(path.exists() for path in left)
    assert Store(tmp_path).get_json(digest) == [1]
