"""Remembered digests are those of the content, whatever is done to the files."""

from __future__ import annotations

import hashlib
import os
import time
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
