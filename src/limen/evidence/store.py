"""Where evidence is kept: content-addressed objects and an append-only log of records.

Layout of the folder (``.limen/`` of a product)::

    format              the version of this layout
    objects/ab/abcd...  content by its SHA-256, written once and never changed
    records.jsonl       one canonical JSON record a line, only ever appended: the ledger's leaves
    ledger/             the ledger's signed head and its key, see ``ledger.py``
    lock                held by the one process that writes

Durability: an object is complete on disk before a record names it, and a record is on disk
before ``add`` returns. A kill at any byte leaves at most temporary files and one unfinished
last line, which the next writer cuts off.

Every object is accounted for in the log: as the result of a record, or in the list of a record of
kind ``objects``, which a writer adds at its end for what it kept besides.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limen.errors import LimenError
from limen.evidence.atomic import clear_unfinished, write_atomically
from limen.evidence.digest import digest_bytes
from limen.evidence.ledger import EvidenceNotWritten, Ledger, read_lines
from limen.evidence.record import Outcome, Record, RecordKey, record_key

if TYPE_CHECKING:
    from limen.evidence.checkpoint import Checkpoint

FORMAT = 2
"""1: records without a ledger over them. 2: with."""

OBJECTS = "objects"
"""Kind of the record that lists objects which are no record's result."""


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
        self._ledger = Ledger(folder)
        self._is_writing = False
        self._read_to = 0  # bytes of the log that are in memory
        self._lines = 0
        self._unaccounted: dict[str, None] = {}
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
        write_atomically(path, data)
        self._unaccounted[digest] = None
        return digest

    def put_json(self, value: Any) -> str:
        """Keep a JSON value in canonical form (RFC 8785); NaN is refused."""
        import rfc8785

        return self.put(rfc8785.dumps(value))

    def get(self, digest: str) -> bytes:
        """The content with this digest; what is read is checked against it."""
        return get_object(self._objects, digest)

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

    def history(self) -> list[Record]:
        """Every record that was ever added, in the ledger's order; read from the disk."""
        return [Record.from_dict(json.loads(line)) for line in read_lines(self._log_path)]

    def head(self) -> Checkpoint:
        """The ledger's head as it is now, inside ``writing()``; not signed by being asked for."""
        return self._ledger.head()

    @staticmethod
    def now_utc() -> str:
        """Now, as records state it: ISO 8601 in UTC, to the second."""
        return datetime.now(UTC).isoformat(timespec="seconds")

    def add(self, *records: Record) -> None:
        """Append records; they are on disk when this returns.

        A record equal in key and result to one already there is moved to be the latest again,
        so that going back to an earlier input is cheap and ``latest`` tells the truth.
        """
        if not self._is_writing:
            raise RuntimeError("add() outside writing()")
        lines = [r.line() for r in records]
        self._ledger.append(lines)
        self._read_to += sum(len(line) + 1 for line in lines)
        self._lines += len(lines)
        for record in records:
            self._unaccounted.pop(record.result, None)
            self._remember(record)

    @contextlib.contextmanager
    def writing(self) -> Iterator[Store]:
        """Hold the store for writing; a second writer is refused at once.

        Raises
        ------
        AnotherRunIsWriting
        LedgerAltered
            If the log is not the one whose head was signed; nothing is written then.
        """
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
            has_ledger = self._check_format() >= 2
            if not has_ledger and not self._log_path.exists():
                self._write_format()
                has_ledger = True
            with self._ledger.appending(begun=has_ledger):
                clear_unfinished(self._objects, self._ledger.folder)
                if not has_ledger:
                    self._ledger.begin()
                    self._write_format()
                self._read_records()
                self._is_writing = True
                try:
                    yield self
                except BaseException:
                    with contextlib.suppress(OSError, EvidenceNotWritten):
                        self._account_for_objects()
                    raise
                self._account_for_objects()
        finally:
            self._is_writing = False
            lock.release()

    def _account_for_objects(self) -> None:
        if self._unaccounted:
            self.add(
                Record(
                    kind=OBJECTS,
                    subject="",
                    method="evidence.store/1",
                    inputs={},
                    result=self.put_json(sorted(self._unaccounted)),
                    made_utc=self.now_utc(),
                )
            )
            self._unaccounted.clear()

    def _remember(self, record: Record) -> None:
        self._by_key[record.key] = record
        self._latest[record.kind, record.subject] = record

    def _read_records(self) -> None:
        """Take in the whole lines that were appended since the last reading."""
        if not self._log_path.exists():
            size = 0
        else:
            size = self._log_path.stat().st_size
        if size < self._read_to:  # another log than the one that was read
            self._read_to = self._lines = 0
            self._by_key.clear()
            self._latest.clear()
        if size == self._read_to:
            return
        with self._log_path.open("rb") as f:
            f.seek(self._read_to)
            for line in f:
                if not line.endswith(b"\n"):
                    break  # a writer was killed, or is just now writing
                self._lines += 1
                try:
                    self._remember(Record.from_dict(json.loads(line)))
                except (ValueError, KeyError, TypeError):
                    raise CorruptEvidence(
                        "the log of evidence holds a line that is not a record",
                        where=f"{self._log_path.name}, line {self._lines}",
                        found=repr(line[:60].decode("utf-8", "replace")),
                        mend="restore .limen from a copy; or move records.jsonl and ledger/ away: "
                        "the next run computes everything anew",
                    ) from None
                self._read_to += len(line)

    # --- format ----------------------------------------------------------------------------

    def _write_format(self) -> None:
        write_atomically(self.folder / "format", f"{FORMAT}\n".encode())

    def _check_format(self) -> int:
        """Version of the layout on disk; 0 where nothing is."""
        path = self.folder / "format"
        try:
            found = path.read_bytes().decode("ascii", "replace").strip()
        except FileNotFoundError:
            return 1 if self._log_path.exists() else 0
        if not (found.isascii() and found.isdigit()) or int(found) > FORMAT:
            raise NewerStore(
                "the evidence was written by another version of Limen",
                where=str(path),
                found=found,
                mend=f"use the Limen that wrote it (this one reads format {FORMAT})",
            )
        return int(found)


def get_object(objects: Path, digest: str) -> bytes:
    """The content with this digest in a folder of objects, checked against it.

    Raises
    ------
    MissingObject, CorruptEvidence
    """
    try:
        data = (objects / digest[:2] / digest).read_bytes()
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
