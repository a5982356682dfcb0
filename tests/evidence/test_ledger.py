"""The ledger: its head is the log's, kills and full disks lose nothing, no edit is signed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("cryptography")

from limen.evidence import CorruptEvidence, Record, Store
from limen.evidence import ledger as ledger_module
from limen.evidence.checkpoint import Checkpoint, VerifierKey, open_note
from limen.evidence.ledger import EvidenceNotWritten, Ledger, LedgerAltered, LedgerKeyMissing
from limen.evidence.merkle import Tree, leaf_hash, verify_consistency, verify_inclusion
from limen.evidence.verify import verify


def fill(folder: Path, count: int, start: int = 0) -> None:
    with Store(folder).writing() as store:
        for i in range(start, start + count):
            store.add(Record("k", f"set/{i}", "m/1", {}, store.put_json(i)))


def head(folder: Path) -> Checkpoint:
    """The signed head, read as a stranger would."""
    key = VerifierKey.parse((folder / "ledger/log.pub").read_text().strip())
    return Checkpoint.parse(open_note((folder / "ledger/checkpoint").read_text(), key))


def tree(folder: Path) -> Tree:
    return Tree(leaf_hash(x) for x in (folder / "records.jsonl").read_bytes().splitlines())


def test_the_head_is_signed_over_all_lines_of_the_log(tmp_path: Path) -> None:
    for start in (0, 3, 10):
        fill(tmp_path, 5, start)
        assert head(tmp_path).size == tree(tmp_path).size
        assert head(tmp_path).root == tree(tmp_path).root()
        assert not (tmp_path / "ledger/open").exists()


def test_a_later_head_is_proved_to_continue_an_earlier_one(tmp_path: Path) -> None:
    fill(tmp_path, 5)
    early = head(tmp_path)
    fill(tmp_path, 6, 5)
    late, whole = head(tmp_path), tree(tmp_path)
    proof = whole.consistency_proof(early.size, late.size)
    assert verify_consistency(early.size, late.size, proof, early.root, late.root)
    line = (tmp_path / "records.jsonl").read_bytes().splitlines()[7]
    path = whole.inclusion_proof(7, late.size)
    assert verify_inclusion(leaf_hash(line), 7, late.size, path, late.root)


def test_a_run_that_adds_nothing_changes_nothing(tmp_path: Path) -> None:
    fill(tmp_path, 2)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    fill(tmp_path, 0)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_a_first_run_that_records_nothing_leaves_nothing_to_mend(tmp_path: Path) -> None:
    fill(tmp_path, 0)
    assert verify(tmp_path).problems == []
    fill(tmp_path, 1)
    assert verify(tmp_path).problems == verify(tmp_path).notes == []


@pytest.mark.parametrize("there", ["", "key", "key pub", "key pub open"])
def test_a_kill_before_the_first_record_leaves_nothing_to_mend(tmp_path: Path, there: str) -> None:
    """Every state that a kill between the first files can leave."""
    fill(tmp_path / "made", 1)
    folder = tmp_path / "killed"
    (folder / "ledger").mkdir(parents=True)
    (folder / "format").write_text("2\n")
    (folder / "records.jsonl").write_bytes(b"")
    made = tmp_path / "made/ledger"
    for word, name in (("key", "key.pem"), ("pub", "log.pub")):
        if word in there:
            (folder / "ledger" / name).write_bytes((made / name).read_bytes())
    if "open" in there:
        (folder / "ledger/open").write_bytes(ledger_module.OPEN)
    assert verify(folder).problems == []
    fill(folder, 1)
    assert verify(folder).problems == verify(folder).notes == []


def test_objects_that_are_no_result_are_accounted_for(tmp_path: Path) -> None:
    with Store(tmp_path).writing() as store:
        listing = store.put_json(["a"])
        store.add(Record("k", "s", "m/1", {"listing": listing}, store.put_json(1)))
    found = Store(tmp_path).latest("objects", "")
    assert found is not None
    assert Store(tmp_path).get_json(found.result) == [listing]


def test_a_log_from_before_the_ledger_gets_one(tmp_path: Path) -> None:
    fill(tmp_path, 4)
    for name in ("checkpoint", "log.pub", "key.pem"):
        (tmp_path / "ledger" / name).unlink()
    (tmp_path / "format").write_text("1\n")
    assert not verify(tmp_path).clean
    fill(tmp_path, 0)
    assert verify(tmp_path).clean
    assert head(tmp_path).size == 4
    assert (tmp_path / "format").read_text() == "2\n"


def flip(path: Path, at: int = 20) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


ALTERATIONS: dict[str, Callable[[Path], object]] = {
    "an edit": lambda f: (f / "records.jsonl").write_bytes(
        (f / "records.jsonl").read_bytes().replace(b"set/1", b"set/7")
    ),
    "a record cut off": lambda f: os.truncate(
        f / "records.jsonl", (f / "records.jsonl").read_bytes()[:-1].rfind(b"\n") + 1
    ),
    "half a record cut off": lambda f: os.truncate(f / "records.jsonl", 300),
    "the log gone": lambda f: (f / "records.jsonl").unlink(),
    "a record from elsewhere": lambda f: (f / "records.jsonl").write_bytes(
        (f / "records.jsonl").read_bytes() * 2
    ),
    "the head gone": lambda f: (f / "ledger/checkpoint").unlink(),
    "the head altered": lambda f: flip(f / "ledger/checkpoint"),
    "the public key altered": lambda f: flip(f / "ledger/log.pub"),
}


@pytest.mark.parametrize("name", ALTERATIONS)
def test_an_alteration_is_not_signed_over(tmp_path: Path, name: str) -> None:
    fill(tmp_path, 3)
    ALTERATIONS[name](tmp_path)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert not verify(tmp_path).clean
    with pytest.raises((LedgerAltered, CorruptEvidence)):
        fill(tmp_path, 1, 3)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_a_copy_without_the_private_key_is_not_continued(tmp_path: Path) -> None:
    fill(tmp_path, 1)
    key = tmp_path / "ledger/key.pem"
    key.unlink()
    assert verify(tmp_path).clean
    with pytest.raises(LedgerKeyMissing):
        fill(tmp_path, 1, 1)
    assert verify(tmp_path).clean


def test_the_head_is_signed_while_a_long_run_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "CHECKPOINT_EVERY_S", 0.0)
    with Store(tmp_path).writing() as store:
        for i in range(3):
            store.add(Record("k", f"set/{i}", "m/1", {}, store.put_json(i)))
            assert head(tmp_path).size == i + 1


WRITE_FOR_EVER = (
    "import sys; from pathlib import Path; from limen.evidence import Record, Store, ledger\n"
    "ledger.CHECKPOINT_EVERY_S = 0.002\n"
    "start = int(sys.argv[2])\n"
    "with Store(Path(sys.argv[1])).writing() as s:\n"
    "  for i in range(start, 10**6):\n"
    "    s.add(Record('k', f'set/{i}', 'm/1', {}, s.put_json(i))); print(i, flush=True)"
)


@pytest.mark.parametrize("seed", range(4))
def test_kill_at_any_moment_needs_no_repair(tmp_path: Path, seed: int) -> None:
    """The same log is killed again and again; benchmarks/evidence.py does it 500 times."""
    rng = random.Random(seed)
    acknowledged = -1
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", WRITE_FOR_EVER, str(tmp_path), str(acknowledged + 1)],
            stdout=subprocess.PIPE, text=True,
        ) as writer:  # fmt: skip
            assert writer.stdout is not None
            first = writer.stdout.readline()
            time.sleep(rng.uniform(0, 0.03))
            os.kill(writer.pid, signal.SIGKILL)
            rest = writer.stdout.read()
        acknowledged = int((first + rest).strip().splitlines()[-1])
        assert verify(tmp_path).problems == []
    store = Store(tmp_path)
    for i in range(acknowledged + 1):
        found = store.latest("k", f"set/{i}")
        assert found is not None
        assert store.get_json(found.result) == i
    fill(tmp_path, 1, 10**7)
    assert verify(tmp_path).problems == []
    assert verify(tmp_path).notes == []


def test_a_disk_full_in_mid_write_loses_nothing(tmp_path: Path) -> None:
    """The system refuses to let the log grow over a limit, in the middle of a line."""
    fill(tmp_path, 2)
    code = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from limen.evidence import Record, Store\n"
        "from limen.evidence.ledger import EvidenceNotWritten\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "with Store(Path(sys.argv[1])).writing() as s:\n"
        "  result = s.put_json(1)\n"
        "  size = Path(sys.argv[1], 'records.jsonl').stat().st_size\n"
        "  resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, resource.RLIM_INFINITY))\n"
        "  try: s.add(Record('k', 'set/full', 'm/1', {'note': 'x' * 400}, result))\n"
        "  except EvidenceNotWritten as e: print(e)\n"
        "  resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))\n"
        "  s.add(Record('k', 'set/after', 'm/1', {}, result))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert "free disk space" in done.stdout
    store = Store(tmp_path)
    assert store.latest("k", "set/full") is None
    assert store.latest("k", "set/after") is not None
    assert verify(tmp_path).clean
    for line in (tmp_path / "records.jsonl").read_bytes().splitlines():
        json.loads(line)


def test_a_failed_write_is_a_typed_error(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    with ledger.appending():
        ledger.append([b"{}"])
        good = ledger.log_path.read_bytes()
        read_only = os.open(ledger.log_path, os.O_RDONLY)
        own, ledger._log = ledger._log, read_only
        with pytest.raises(EvidenceNotWritten):
            ledger.append([b"{}"])
        os.close(read_only)
        ledger._log = own
        assert (ledger.size, ledger.log_path.read_bytes()) == (1, good)
