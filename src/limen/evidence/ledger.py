"""The ledger: the log of records as the leaves of a Merkle tree, its head signed.

There is one append-only file, ``records.jsonl``; each of its lines, without the newline, is a leaf
(RFC 6962). Beside it, in ``ledger/``::

    checkpoint   the signed head: how many records, and the root over them (C2SP tlog-checkpoint)
    log.pub      the key that signs it, for whoever verifies
    key.pem      its private half; stays here and never travels with a bundle
    open         there while records may lie beyond the checkpoint: a run is writing, or was killed

``append`` returns when its lines are on disk. The head is signed when a writer ends, and every few
seconds while it writes. What a killed writer left beyond the head is taken over, and signed, by the
next one; without ``open``, records beyond the head are an alteration.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from limen.errors import LimenError
from limen.evidence.atomic import sync_folder, write_atomically
from limen.evidence.merkle import Frontier, leaf_hash

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from limen.evidence.checkpoint import Checkpoint, VerifierKey

CHECKPOINT_EVERY_S = 10.0
ORIGIN = "limen.local/ledger/"
"""Before the first 16 hexadecimal digits of the key's digest: the name says which key it is."""
OPEN = b"records may lie beyond the checkpoint\n"
"""Content of ``ledger/open``."""


class LedgerAltered(LimenError):
    """The log of records is not the one whose head was signed."""

    exit_code = 1


class LedgerKeyMissing(LimenError):
    """The ledger's private key is not there, so that nothing can be added to it."""


class EvidenceNotWritten(LimenError):
    """The disk did not take the records; none of them counts."""


class Ledger:
    """The log file of a store and the signed head over it.

    Whoever appends holds the store's lock.
    """

    def __init__(self, folder: Path) -> None:
        self.log_path = folder / "records.jsonl"
        self.folder = folder / "ledger"
        self.key_path = self.folder / "key.pem"
        self.public_path = self.folder / "log.pub"
        self.checkpoint_path = self.folder / "checkpoint"
        self.open_path = self.folder / "open"
        self._log: int | None = None
        self._bytes = 0
        self._frontier = Frontier()
        self._key: Ed25519PrivateKey | None = None
        self._signed_size = 0
        self._signed_at_s = 0.0

    @property
    def size(self) -> int:
        """Records in the log; known while appending."""
        return self._frontier.size

    def root(self) -> bytes:
        """Root over the records; known while appending."""
        return self._frontier.root()

    @contextlib.contextmanager
    def appending(self, begun: bool = True) -> Iterator[Ledger]:
        """Hold the log open for appending; its head is signed at the end.

        An unfinished last line, which a killed writer left, is cut off.

        Parameters
        ----------
        begun : bool
            False for a log of format 1, over which no head was ever signed.

        Raises
        ------
        LedgerAltered
            If the records under the signed head are not those that were signed. Nothing is
            written then, so that the alteration is not signed over.
        """
        self._check_against_head(begun)
        self._log = os.open(self.log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            yield self
        except BaseException:
            # what went wrong first is told; an unsigned head is taken over by the next writer
            with contextlib.suppress(OSError):
                self.sign_head()
            raise
        else:
            self.sign_head()
        finally:
            os.close(self._log)
            self._log = None

    def append(self, lines: Sequence[bytes]) -> None:
        """Append leaves; they are on disk when this returns.

        Raises
        ------
        EvidenceNotWritten
            If the disk is full or fails; the log is then as it was before.
        """
        if self._log is None:
            raise RuntimeError("append() outside appending()")
        if not lines:
            return
        self._begin()
        data = b"\n".join(lines) + b"\n"
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._log, rest) :]
            os.fsync(self._log)
        except OSError as error:
            # what was taken of it must not become the beginning of the next line
            with contextlib.suppress(OSError):
                os.ftruncate(self._log, self._bytes)
                os.fsync(self._log)
            raise EvidenceNotWritten(
                f"the records could not be written: {error.strerror or type(error).__name__}",
                where=self.log_path.name,
                mend="free disk space and run again; what was finished before is kept",
            ) from error
        self._bytes += len(data)
        for line in lines:
            self._frontier.append(leaf_hash(line))
        if time.monotonic() - self._signed_at_s > CHECKPOINT_EVERY_S:
            self._write_checkpoint()

    def head(self) -> Checkpoint:
        """The head over all records so far, unsigned; while appending."""
        from limen.evidence.checkpoint import Checkpoint

        if self._key is None:
            self._key = self._own_key()
        return Checkpoint(self.public_key().name, self.size, self.root())

    def begin(self) -> None:
        """Sign the first head of this ledger, over whatever records an older Limen left."""
        self._begin()
        self._write_checkpoint()
        self.sign_head()

    def sign_head(self) -> None:
        """Sign the head as it is, unless it is signed; nothing lies beyond it then."""
        if self.size > self._signed_size:
            self._write_checkpoint()
        if self.open_path.exists():
            self.open_path.unlink()
            sync_folder(self.folder)

    def signed_head(self) -> Checkpoint | None:
        """The last checkpoint, its signature checked; None before the first.

        Raises
        ------
        BadCheckpoint
            If it is malformed, or not signed by the ledger's own key.
        """
        from limen.evidence.checkpoint import Checkpoint, open_note

        note = self._note()
        return None if note is None else Checkpoint.parse(open_note(note, self.public_key()))

    def public_key(self) -> VerifierKey:
        """The key that checkpoints are signed by.

        Raises
        ------
        BadCheckpoint
            If ``log.pub`` is missing or malformed, or its name is not that of its key.
        """
        from limen.evidence.checkpoint import BadCheckpoint, VerifierKey

        try:
            text = self.public_path.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError):
            text = ""
        key = VerifierKey.parse(text.removesuffix("\n")) if text.endswith("\n") else None
        if key is None or key.name != _origin(key.public):
            raise BadCheckpoint(
                "the ledger's public key is missing, or does not match its name",
                where="ledger/log.pub",
                mend="restore it from a copy",
            )
        return key

    # --- inside ----------------------------------------------------------------------------

    def _check_against_head(self, begun: bool) -> None:
        from limen.evidence.checkpoint import BadCheckpoint

        try:
            head = self.signed_head()
        except BadCheckpoint as error:
            raise _altered(error.what, error.where or "ledger/checkpoint") from error
        self._frontier = Frontier()
        self._bytes = 0
        at_head = self._frontier.root() if head is not None and head.size == 0 else None
        for line in read_lines(self.log_path):
            self._frontier.append(leaf_hash(line))
            self._bytes += len(line) + 1
            if head is not None and self._frontier.size == head.size:
                at_head = self._frontier.root()
        if head is not None and at_head != head.root:
            short = self._frontier.size < head.size
            raise _altered(
                f"{head.size} records were signed, and {self._frontier.size} are there"
                if short
                else f"one of the first {head.size} records is not the one that was signed",
                self.log_path.name,
            )
        signed = 0 if head is None else head.size
        if begun and self.size > signed and not self.open_path.exists():
            raise _altered(
                f"{self.size - signed} records lie beyond the signed head, and no run left them",
                self.log_path.name,
            )
        self._signed_size = signed
        self._signed_at_s = time.monotonic()
        self._cut()

    def _begin(self) -> None:
        """Before the first record of this writer: the key at hand, and the log marked as open."""
        if self._key is None:
            self._key = self._own_key()
        if not self.open_path.exists():
            write_atomically(self.open_path, OPEN)
            sync_folder(self.folder)

    def _own_key(self) -> Ed25519PrivateKey:
        from limen.evidence.checkpoint import VerifierKey
        from limen.evidence.keys import new_key, public_bytes, read_key, write_key

        if not self.key_path.exists():
            if self.checkpoint_path.exists():
                raise LedgerKeyMissing(
                    "the ledger's private key is not here: this copy can be checked, not continued",
                    where="ledger/key.pem",
                    mend="work where the key is, or restore it",
                )
            # whole or not at all: a kill in between leaves a name that nobody reads
            fresh = self.key_path.with_suffix(f".{os.getpid()}")
            fresh.unlink(missing_ok=True)
            write_key(fresh, new_key(), None)
            fresh.replace(self.key_path)
        key = read_key(self.key_path, None)
        public = public_bytes(key)
        text = f"{VerifierKey(_origin(public), public)}\n".encode()
        if not self.public_path.exists():
            write_atomically(self.public_path, text)
        elif self.public_path.read_bytes() != text:
            raise LedgerKeyMissing(
                "the private key here is not that of this ledger",
                where="ledger/key.pem",
                mend="restore the key that signed the ledger",
            )
        return key

    def _write_checkpoint(self) -> None:
        from limen.evidence.checkpoint import sign_note

        head = self.head()
        assert self._key is not None
        note = sign_note(head.text(), head.origin, self._key)
        write_atomically(self.checkpoint_path, note.encode())
        sync_folder(self.folder)
        self._signed_size = self.size
        self._signed_at_s = time.monotonic()

    def _note(self) -> str | None:
        from limen.evidence.checkpoint import BadCheckpoint

        try:
            return self.checkpoint_path.read_bytes().decode()
        except FileNotFoundError:
            return None
        except UnicodeDecodeError:
            raise BadCheckpoint(
                "the checkpoint is not text", where="ledger/checkpoint", mend="restore it"
            ) from None

    def _cut(self) -> None:
        """Cut off what comes after the last whole line."""
        if self.log_path.exists() and self.log_path.stat().st_size != self._bytes:
            with self.log_path.open("rb+") as f:
                f.truncate(self._bytes)
                os.fsync(f.fileno())


def read_lines(path: Path) -> Iterator[bytes]:
    """The whole lines of a log, without their newline; an unfinished last one is left out."""
    if not path.exists():
        return
    with path.open("rb") as f:
        for line in f:
            if line.endswith(b"\n"):
                yield line[:-1]


def _origin(public: bytes) -> str:
    from limen.evidence.keys import key_id

    return ORIGIN + key_id(public)[:16]


def _altered(what: str, where: str) -> LedgerAltered:
    return LedgerAltered(
        f"the ledger was altered: {what}",
        where=where,
        mend="`limen verify` says what is wrong; restore .limen from a copy, or move records.jsonl "
        "and ledger/ away to begin anew",
    )
