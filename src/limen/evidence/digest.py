"""Digests of bytes, of JSON values and of files; and a memory of file digests.

All digests are SHA-256, lower-case hexadecimal. JSON is digested in its canonical form
(RFC 8785), so the digest depends on the value and not on how it was written.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from pathlib import Path
from typing import Any

# A file changed twice within the clock's grain keeps its modification time. A digest taken this
# soon after the last change is therefore not remembered (the "racy" entries of git's index).
_RACY_NS = 2_000_000_000


def digest_bytes(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def digest_json(value: Any) -> str:
    """Digest of a JSON value in canonical form (RFC 8785). NaN and infinity are refused."""
    import rfc8785

    return digest_bytes(rfc8785.dumps(value))


def digest_file(path: Path) -> str:
    """Digest of a file's content, read in pieces of constant memory."""
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


class DigestMemory:
    """Remembers the digest of a file by path, size, inode, modification and change time.

    A cache and nothing more: losing it costs time. The change time (ctime) is kept besides the
    modification time because a tool can set the latter back, and not the former. Paths may name
    patients, so only a keyed hash of each is kept (BLAKE2b, RFC 7693).

    Parameters
    ----------
    path : Path
        The SQLite file to keep it in; a damaged one is thrown away.
    root : Path, optional
        Files below it are known by their path from there, so that the memory moves with it.
    salt : bytes, optional
        Key of the hash, at most 64 bytes; without it a guessed path can be tested.
    """

    def __init__(self, path: Path, *, root: Path | None = None, salt: bytes = b"") -> None:
        self._path, self._salt = path, salt
        self._root = "" if root is None else os.path.join(os.path.abspath(root), "")  # noqa: PTH100, PTH118
        self._db = self._open()
        self._seen: dict[bytes, tuple[tuple[int, int, int, int], str]] = {}
        for key, size, inode, mtime, ctime, digest in self._db.execute("SELECT * FROM digests"):
            self._seen[key] = ((size, inode, mtime, ctime), digest)
        self._new: list[tuple[bytes, int, int, int, int, str]] = []

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        create = (
            "CREATE TABLE IF NOT EXISTS digests (key BLOB PRIMARY KEY, size INTEGER, "
            "inode INTEGER, mtime_ns INTEGER, ctime_ns INTEGER, digest TEXT)"
        )
        db = sqlite3.connect(self._path, timeout=30)
        try:
            tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
            if "files" in tables:
                raise sqlite3.DatabaseError("an earlier version kept whole paths")
            # a memory that is there is not written to before there is something new
            if "digests" not in tables:
                db.execute(create)
            db.execute("SELECT key, digest FROM digests LIMIT 1").fetchall()
        except sqlite3.DatabaseError:
            db.close()
            self._path.unlink(missing_ok=True)
            db = sqlite3.connect(self._path, timeout=30)
            db.execute(create)
        return db

    def _key(self, path: Path) -> bytes:
        whole = os.path.abspath(path)  # noqa: PTH100 - resolve() would cost a system call per part
        if self._root and whole.startswith(self._root):
            whole = whole[len(self._root) :]
        name = os.fsencode(whole)
        return hashlib.blake2b(name, digest_size=16, key=self._salt[:64]).digest()

    def digest(self, path: Path) -> str:
        """Digest of the file's content, from memory where nothing about the file has moved."""
        key = self._key(path)
        before = _stamp(path)
        known = self._seen.get(key)
        if known is not None and known[0] == before:
            return known[1]
        digest = digest_file(path)
        newest = max(before[2], before[3])
        if _stamp(path) == before and time.time_ns() - newest > _RACY_NS:
            self._seen[key] = (before, digest)
            self._new.append((key, *before, digest))
            if len(self._new) >= 1000:
                self.save()
        return digest

    def save(self) -> None:
        if not self._new:
            return
        try:
            with self._db:
                self._db.executemany(
                    "INSERT OR REPLACE INTO digests VALUES (?,?,?,?,?,?)", self._new
                )
            self._new = []
        except sqlite3.OperationalError:
            # A full or read-only disk: this is only a cache, the digests are still right.
            self._new = []

    def close(self) -> None:
        self.save()
        self._db.close()


def _stamp(path: Path) -> tuple[int, int, int, int]:
    s = path.stat()
    return (s.st_size, s.st_ino, s.st_mtime_ns, s.st_ctime_ns)
