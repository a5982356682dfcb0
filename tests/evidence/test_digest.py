"""Remembered digests are those of the content, whatever is done to the files."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
import unittest.mock
from pathlib import Path

from limen.evidence import DigestMemory, digest_file


def test_digest_of_a_file_is_sha256(tmp_path: Path) -> None:
    data = os.urandom(3_000_000)
    (tmp_path / "f").write_bytes(data)
    assert digest_file(tmp_path / "f") == hashlib.sha256(data).hexdigest()


def test_a_file_rewritten_at_once_is_digested_anew(tmp_path: Path) -> None:
    memory = DigestMemory(tmp_path / "memory.sqlite")
    f = tmp_path / "f"
    for content in (b"one", b"two", b"six"):  # of one length, within the clock's grain
        f.write_bytes(content)
        assert memory.digest(f) == hashlib.sha256(content).hexdigest()


def test_an_old_file_edited_with_its_time_set_back_is_digested_anew(tmp_path: Path) -> None:
    f = tmp_path / "f"
    f.write_bytes(b"one")
    time.sleep(2.1)  # old enough to be remembered
    memory = DigestMemory(tmp_path / "memory.sqlite")
    first = memory.digest(f)
    memory.close()
    memory = DigestMemory(tmp_path / "memory.sqlite")
    assert memory.digest(f) == first
    stamp = f.stat()
    f.write_bytes(b"two")
    os.utime(f, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert memory.digest(f) == hashlib.sha256(b"two").hexdigest()


def test_a_damaged_memory_is_thrown_away(tmp_path: Path) -> None:
    (tmp_path / "memory.sqlite").write_bytes(b"this is no database" * 100)
    f = tmp_path / "f"
    f.write_bytes(b"one")
    memory = DigestMemory(tmp_path / "memory.sqlite")
    assert memory.digest(f) == hashlib.sha256(b"one").hexdigest()
    memory.close()


def test_no_path_is_kept(tmp_path: Path) -> None:
    f = tmp_path / "data" / "Kim_Cheolsu" / "scan.nii.gz"
    f.parent.mkdir(parents=True)
    f.write_bytes(b"one")
    os.utime(f, (1, 1))
    time.sleep(2.1)  # its change time cannot be set back
    file = tmp_path / "memory.sqlite"
    memory = DigestMemory(file, root=tmp_path, salt=b"s" * 32)
    memory.digest(f)
    memory.close()
    kept = file.read_bytes()
    assert hashlib.sha256(b"one").hexdigest().encode() in kept
    assert b"Cheolsu" not in kept and b"scan" not in kept
    # an earlier version kept whole paths: its file is thrown away
    db = sqlite3.connect(file)
    db.execute("CREATE TABLE files (path TEXT)")
    db.execute("INSERT INTO files VALUES ('/data/Hong_Gildong.nii')")
    db.commit()
    db.close()
    DigestMemory(file, root=tmp_path, salt=b"s" * 32).close()
    assert b"Gildong" not in file.read_bytes()


def test_what_is_remembered_moves_with_its_folder(tmp_path: Path) -> None:
    product = tmp_path / "a"
    (product / "data").mkdir(parents=True)
    f = product / "data" / "f"
    f.write_bytes(b"one")
    time.sleep(2.1)
    memory = DigestMemory(product / "memory.sqlite", root=product)
    memory.digest(f)
    memory.close()
    product.rename(tmp_path / "b")
    moved = tmp_path / "b"
    memory = DigestMemory(moved / "memory.sqlite", root=moved)
    # remembered, so not read again
    with unittest.mock.patch("limen.evidence.digest.digest_file", side_effect=AssertionError):
        assert memory.digest(moved / "data" / "f") == hashlib.sha256(b"one").hexdigest()
