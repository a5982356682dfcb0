"""Where evidence is kept: content-addressed objects and an append-only log of records.

Layout of the folder (``.limen/`` of a product)::

    format              the version of this layout
    objects/ab/abcd...  content by its SHA-256, written once and never changed
    records.jsonl       one canonical JSON record a line, only ever appended
    lock                held by the one process that writes

Durability: an object is complete on disk before a record names it, and a record is on disk
before ``add`` returns. A kill at any byte leaves at most a temporary file and one unfinished
last line, which the next writer cuts off.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from limen.errors import LimenError
from limen.evidence.digest import digest_bytes
from limen.evidence.record import Outcome, Record, RecordKey, record_key

FORMAT = 1


class CorruptEvidence(LimenError):
    """A stored object or record is not what its digest says."""


class MissingObject(LimenError):
    """A record names an object that is not in the store."""


class AnotherRunIsWriting(LimenError):
    """Another process holds the store's lock."""


class NewerStore(LimenError):
    """The store was written by a newer Limen."""


class Store:
    """The evidence of one product.

    Reading needs no lock. Writing happens inside ``with store.writing():``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._objects = folder / "objects"
        self._log_path = folder / "records.jsonl"
        self._log: IO[bytes] | None = None
        self._by_key: dict[RecordKey, Record] = {}
        self._latest: dict[tuple[str, str], Record] = {}
        self._check_format()
        self._read_records()

    # --- objects ---------------------------------------------------------------------------

    def put(self, data: bytes) -> str:
        """Keep ``data``; returns its digest."""
        digest = digest_bytes(data)
        path = self._object_path(digest)
        if path.exists() and path.stat().st_size == len(data):
            return digest
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, data)
        return digest

    def put_json(self, value: Any) -> str:
        """Keep a JSON value in canonical form (RFC 8785); NaN is refused."""
        import rfc8785

        return self.put(rfc8785.dumps(value))

    def get(self, digest: str) -> bytes:
        """The content with this digest; what is read is checked against it."""
        try:
            data = self._object_path(digest).read_bytes()
        except FileNotFoundError:
            raise MissingObject(
                "a stored result is missing",
                where=f"evidence object {digest[:12]}",
                mend="run `limen run` again: it is made anew",
            ) from None
        if digest_bytes(data) != digest:
            raise CorruptEvidence(
                "a stored result was altered after it was written",
                where=f"evidence object {digest[:12]}",
                found=f"content with digest {digest_bytes(data)[:12]}",
                mend=f"delete .limen/objects/{digest[:2]}/{digest} and run `limen run` again",
            )
        return data

    def get_json(self, digest: str) -> Any:
        return json.loads(self.get(digest))

    def has(self, digest: str) -> bool:
        return self._object_path(digest).exists()

    def _object_path(self, digest: str) -> Path:
        return self._objects / digest[:2] / digest

    # --- records ---------------------------------------------------------------------------

    def find(
        self, kind: str, subject: str, method: str, inputs: Mapping[str, str]
    ) -> Record | None:
        """The evidence with exactly these inputs whose result is still in the store."""
        record = self._by_key.get(record_key(kind, subject, method, inputs))
        if record is None or record.outcome is Outcome.interrupted or not self.has(record.result):
            return None
        return record

    def latest(self, kind: str, subject: str) -> Record | None:
        """The record of this kind and subject that was added last."""
        return self._latest.get((kind, subject))

    def records(self) -> Iterator[Record]:
        """Every record that is current for its key."""
        yield from self._by_key.values()

    def add(self, *records: Record) -> None:
        """Append records; they are on disk when this returns.

        A record equal in key and result to one already there is moved to be the latest again,
        so that going back to an earlier input is cheap and ``latest`` tells the truth.
        """
        if self._log is None:
            raise RuntimeError("add() outside writing()")
        import rfc8785

        lines = b"".join(rfc8785.dumps(r.as_dict()) + b"\n" for r in records)
        self._log.write(lines)
        self._log.flush()
        os.fsync(self._log.fileno())
        for record in records:
            self._remember(record)

    @contextlib.contextmanager
    def writing(self) -> Iterator[Store]:
        """Hold the store for writing; a second writer is refused at once."""
        from filelock import FileLock, Timeout

        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / "lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise AnotherRunIsWriting(
                "another run is working on this product",
                where=str(self.folder),
                mend="wait for it, or stop it; what it has finished is kept",
            ) from None
        try:
            self._write_format()
            self._cut_unfinished_line()
            self._by_key.clear()
            self._latest.clear()
            self._read_records()
            with self._log_path.open("ab") as self._log:
                yield self
        finally:
            self._log = None
            lock.release()

    def _remember(self, record: Record) -> None:
        self._by_key[record.key] = record
        self._latest[record.kind, record.subject] = record

    def _read_records(self) -> None:
        if not self._log_path.exists():
            return
        with self._log_path.open("rb") as f:
            for number, line in enumerate(f, 1):
                if not line.endswith(b"\n"):
                    break  # a writer was killed, or is just now writing
                try:
                    self._remember(Record.from_dict(json.loads(line)))
                except (ValueError, KeyError, TypeError):
                    raise CorruptEvidence(
                        "the log of evidence holds a line that is not a record",
                        where=f"{self._log_path.name}, line {number}",
                        found=repr(line[:60].decode("utf-8", "replace")),
                        mend="restore the file, or delete it: the next run computes everything anew",
                    ) from None

    def _cut_unfinished_line(self) -> None:
        if not self._log_path.exists():
            return
        with self._log_path.open("rb+") as f:
            data = f.read()
            whole = data.rfind(b"\n") + 1
            if whole != len(data):
                f.truncate(whole)

    # --- format ----------------------------------------------------------------------------

    def _check_format(self) -> None:
        path = self.folder / "format"
        if not path.exists():
            return
        found = path.read_text().strip()
        if not found.isdigit() or int(found) > FORMAT:
            raise NewerStore(
                "the evidence was written by another version of Limen",
                where=str(path),
                found=found,
                mend=f"use the Limen that wrote it (this one reads format {FORMAT})",
            )

    def _write_format(self) -> None:
        path = self.folder / "format"
        if not path.exists():
            write_atomically(path, f"{FORMAT}\n".encode())


def write_atomically(path: Path, data: bytes | Iterable[bytes]) -> None:
    """Write a whole file or nothing: temporary file beside it, to disk, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".writing-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as f:
            for piece in [data] if isinstance(data, bytes) else data:
                f.write(piece)
            f.flush()
            os.fsync(f.fileno())
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
