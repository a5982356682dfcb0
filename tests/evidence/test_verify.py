"""No alteration escapes; what is no alteration is none; a stranger's checkpoint binds the owner."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

pytest.importorskip("cryptography")

from alter import KINDS, alter, files_of, make_store, restore

from limen.evidence import Record, Store
from limen.evidence.checkpoint import VerifierKey
from limen.evidence.verify import verify


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    folder = tmp_path_factory.mktemp("store")
    return folder, make_store(folder, 8)


@pytest.mark.parametrize("kind", KINDS)
def test_random_alterations_are_all_found(store: tuple[Path, bytes], kind: str) -> None:
    """benchmarks/evidence.py does 10,000 of them."""
    folder, older = store
    files = files_of(folder)
    rng = random.Random(kind)
    assert verify(folder, threads=1).problems == []
    for i in range(50):
        changed = alter(rng, kind, folder, files, older)
        found = verify(folder, threads=1)
        restore(changed, files)
        assert found.problems, (i, kind, changed)
    assert verify(folder, threads=1).problems == []


def test_bits_all_over_the_small_files_are_guarded(store: tuple[Path, bytes]) -> None:
    """Odd steps, so that every place within a byte is met; test_checkpoint flips each bit."""
    folder, _ = store
    for name, step in [("format", 1), ("ledger/log.pub", 3), ("ledger/checkpoint", 11)]:
        path = folder / name
        data = path.read_bytes()
        for at in range(0, len(data) * 8, step):
            changed = bytearray(data)
            changed[at // 8] ^= 1 << at % 8
            path.write_bytes(changed)
            found = verify(folder, threads=1)
            path.write_bytes(data)
            assert found.problems, (name, at)


def test_the_check_counts_what_it_read(store: tuple[Path, bytes]) -> None:
    folder, _ = store
    found = verify(folder)
    lines = (folder / "records.jsonl").read_bytes().count(b"\n")
    objects = len(list((folder / "objects").rglob("*/*")))
    assert found.head is not None
    assert (found.records, found.objects, found.head.size) == (lines, objects, lines)


def test_a_whole_folder_put_back_is_found_by_a_checkpoint_kept_elsewhere(tmp_path: Path) -> None:
    folder, earlier = tmp_path / "now", tmp_path / "earlier"
    make_store(folder, 4)
    shutil.copytree(folder, earlier)
    first = (folder / "ledger/checkpoint").read_text()
    with Store(folder).writing() as again:
        again.add(Record("k", "set/bad news", "m/1", {}, again.put_json("failed")))
    kept = (folder / "ledger/checkpoint").read_text()
    assert verify(folder, checkpoint=kept).clean
    assert verify(folder, checkpoint=first).clean  # the ledger continues what was kept before
    assert verify(earlier).clean  # nothing inside the folder can show it
    found = verify(earlier, checkpoint=kept)
    assert [p.where for p in found.problems] == ["the checkpoint kept elsewhere"]


def test_another_ledger_in_its_place_is_found_by_the_key(tmp_path: Path) -> None:
    make_store(tmp_path / "a", 4)
    make_store(tmp_path / "b", 4)
    key = VerifierKey.parse((tmp_path / "a/ledger/log.pub").read_text().strip())
    assert verify(tmp_path / "a", key=key).clean
    assert not verify(tmp_path / "b", key=key).clean
    kept = (tmp_path / "a/ledger/checkpoint").read_text()
    assert not verify(tmp_path / "b", checkpoint=kept).clean
    assert not verify(tmp_path / "a", checkpoint="no checkpoint").clean


def test_a_clock_set_back_is_noted_and_is_no_alteration(tmp_path: Path) -> None:
    with Store(tmp_path).writing() as store:
        early = Record("k", "a", "m/1", {}, store.put_json(1), made_utc="2026-11-25T10:00:00+00:00")
        late = Record("k", "b", "m/1", {}, store.put_json(2), made_utc="2026-11-26T10:00:00+00:00")
        store.add(early, late)
        store.add(early)  # made the latest again
    assert verify(tmp_path).notes == []
    with Store(tmp_path).writing() as store:
        store.add(
            Record("k", "c", "m/1", {}, store.put_json(1), made_utc="2026-11-24T10:00:00+00:00")
        )
    found = verify(tmp_path)
    assert found.clean
    assert ["set back" in n for n in found.notes] == [True]


def test_an_empty_folder_is_no_evidence(tmp_path: Path) -> None:
    assert not verify(tmp_path).clean
