"""Checking everything that a store says against everything it holds, from the bytes up.

No remembered digest is used and nothing is written. What is found:

- any changed, lost, added, swapped or reordered record under the signed head, by the root over all;
- records that were cut off at the end, because the head says how many there were;
- any object whose content is not what its name says, and any that a record names and is not there;
- a head, key or signature that is not what it was.

What no check of one folder can find is that the whole of it was put back to an earlier state; a
checkpoint that was kept elsewhere shows that, so hand one in.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import file_digest, sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limen.evidence.ledger import OPEN, Ledger, read_lines
from limen.evidence.merkle import Tree, leaf_hash
from limen.evidence.record import Record
from limen.evidence.store import FORMAT, OBJECTS

if TYPE_CHECKING:
    from limen.evidence.checkpoint import Checkpoint, VerifierKey

_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class Problem:
    """One thing that is not as it was written."""

    where: str
    what: str


@dataclass
class Verification:
    """What a check of a whole store found."""

    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What is no alteration, and good to know."""
    records: int = 0
    objects: int = 0
    head: Checkpoint | None = None
    """The signed head, where its signature is good."""

    @property
    def clean(self) -> bool:
        return not self.problems

    def as_dict(self) -> dict[str, Any]:
        return {
            "clean": self.clean,
            "records": self.records,
            "objects": self.objects,
            "head": None if self.head is None else self.head.text().splitlines(),
            "problems": [{"where": p.where, "what": p.what} for p in self.problems],
            "notes": self.notes,
        }

    def add(self, where: str, what: str) -> None:
        self.problems.append(Problem(where, what))


@dataclass
class Log:
    """The log as it was read: every whole line parsed, and the tree over them."""

    tree: Tree
    records: list[Record | None]
    """None where a line is no record."""
    is_torn: bool
    """Whether something without a newline follows the last line."""


def verify(
    folder: Path,
    *,
    key: VerifierKey | None = None,
    checkpoint: str | None = None,
    threads: int | None = None,
) -> Verification:
    """Check a store (``.limen/`` of a product, or a bundle) whole.

    Parameters
    ----------
    folder : Path
    key : VerifierKey, optional
        The ledger's key, where it is known from elsewhere; else the one in the folder is used,
        which whoever can write the folder could have replaced together with all the rest.
    checkpoint : str, optional
        Text of a checkpoint that was kept elsewhere; the ledger has to continue it.
    threads : int, optional
        For reading objects; default one for each core.

    Returns
    -------
    Verification
        With every problem found. A folder without any evidence is one problem.
    """
    result = Verification()
    ledger = Ledger(folder)
    if not ledger.log_path.exists() and not ledger.folder.exists():
        result.add(str(folder), "there is no evidence here")
        return result
    _check_format(folder, result)
    # a run may begin or end while this reads: open before the head is read or after the log
    was_open = _is_open(ledger, result)
    head = _check_head(ledger, key, was_open, result)
    log = _read_log(ledger, result)
    is_open = was_open or _is_open(ledger, result)
    _check_tree(ledger, log, head, is_open, result)
    if checkpoint is not None:
        _check_continues(checkpoint, key, ledger, log, result)
    there = _check_objects(folder, threads or os.cpu_count() or 1, result)
    _check_accounted(folder, log, there, result)
    _note_clock(log, result)
    return result


# --- the head ----------------------------------------------------------------------------------


def _check_format(folder: Path, result: Verification) -> None:
    try:
        found = (folder / "format").read_bytes()
    except OSError:
        result.add("format", "the version of the layout is missing")
        return
    if found == b"1\n":
        result.add("format", "no ledger was begun over this log: any `limen run` begins it")
    elif found != f"{FORMAT}\n".encode():
        result.add("format", f"not the version this Limen writes: {found[:20]!r}")


def _check_head(
    ledger: Ledger, trusted: VerifierKey | None, is_open: bool, result: Verification
) -> Checkpoint | None:
    from limen.evidence.checkpoint import BadCheckpoint

    try:
        own = ledger.public_key()
        if ledger.public_path.read_bytes() != f"{own}\n".encode():
            result.add("ledger/log.pub", "not as it was written")
        if trusted is not None and trusted.public != own.public:
            result.add("ledger/log.pub", "not the key that is trusted")
    except BadCheckpoint as error:
        # a first run that was killed may not have got so far
        if not is_open or ledger.checkpoint_path.exists():
            result.add("ledger/log.pub", error.what)
        return None
    _check_private_key(ledger, own.public, result)
    try:
        head = ledger.signed_head()
    except BadCheckpoint as error:
        result.add("ledger/checkpoint", error.what)
        return None
    if head is not None and head.origin != own.name:
        result.add("ledger/checkpoint", "it is of another ledger")
    elif head is not None and not _is_exact(ledger.checkpoint_path.read_bytes(), head):
        result.add("ledger/checkpoint", "not as it was written")
    result.head = head
    return head


def _is_exact(note: bytes, head: Checkpoint) -> bool:
    """One text and one signature, so that nothing can be added that nobody looks at."""
    return note.startswith(head.text().encode() + b"\n") and note.count(b"\n") == 5


def _check_private_key(ledger: Ledger, public: bytes, result: Verification) -> None:
    """The private key, where it is kept here: whole, and the other half of the public one."""
    from limen.errors import LimenError
    from limen.evidence.keys import private_pem, public_bytes, read_key

    if not ledger.key_path.exists():
        return
    try:
        key = read_key(ledger.key_path, None)
    except LimenError as error:
        result.add("ledger/key.pem", error.what)
        return
    if public_bytes(key) != public or private_pem(key, None) != ledger.key_path.read_bytes():
        result.add("ledger/key.pem", "not the private half of ledger/log.pub")


def _is_open(ledger: Ledger, result: Verification) -> bool:
    """Whether a run is writing, or was killed: records may lie beyond the head then."""
    try:
        found = ledger.open_path.read_bytes()
    except FileNotFoundError:
        return False
    if found != OPEN and not any(p.where == "ledger/open" for p in result.problems):
        result.add("ledger/open", "not as it was written")
    return True


# --- the log -----------------------------------------------------------------------------------


def _read_log(ledger: Ledger, result: Verification) -> Log:
    hashes: list[bytes] = []
    records: list[Record | None] = []
    size = 0
    for number, line in enumerate(read_lines(ledger.log_path), 1):
        size += len(line) + 1
        hashes.append(leaf_hash(line))
        try:
            records.append(Record.from_dict(json.loads(line)))
        except (ValueError, KeyError, TypeError):
            records.append(None)
            result.add(f"records.jsonl, line {number}", "not a record")
    result.records = len(records)
    on_disk = ledger.log_path.stat().st_size if ledger.log_path.exists() else 0
    return Log(Tree(hashes), records, on_disk > size)


def _check_tree(
    ledger: Ledger, log: Log, head: Checkpoint | None, is_open: bool, result: Verification
) -> None:
    size = log.tree.size
    if log.is_torn and not is_open:
        result.add("records.jsonl", "its last line is unfinished, and no run left it so")
    if head is None:
        if ledger.checkpoint_path.exists():
            return  # told already
        if not is_open:
            result.add("ledger/checkpoint", f"no signed head stands over the {size} records")
        elif size:
            result.notes.append(_beyond(size))
        return
    if head.size > size:
        result.add(
            "records.jsonl",
            f"{head.size} records were signed and {size} are there: the end was cut off",
        )
    elif log.tree.root(head.size) != head.root:
        result.add(
            "records.jsonl",
            f"the first {head.size} records are not those that were signed: one was changed, "
            "removed, added or moved",
        )
    elif size > head.size and not is_open:
        result.add(
            "records.jsonl",
            f"{size - head.size} records lie beyond the signed head, and no run left them",
        )
    elif size > head.size:
        result.notes.append(_beyond(size - head.size))


def _beyond(count: int) -> str:
    return (
        f"{count} records are not under the signed head yet: a run is writing or was stopped; "
        "the next one signs them"
    )


def _check_continues(
    note: str, trusted: VerifierKey | None, ledger: Ledger, log: Log, result: Verification
) -> None:
    from limen.evidence.checkpoint import BadCheckpoint, Checkpoint, open_note

    where = "the checkpoint kept elsewhere"
    try:
        kept = Checkpoint.parse(open_note(note, trusted or ledger.public_key()))
    except BadCheckpoint as error:
        result.add(where, error.what)
        return
    if kept.size > log.tree.size:
        result.add(where, f"it counts {kept.size} records, and {log.tree.size} are here")
    elif log.tree.root(kept.size) != kept.root:
        result.add(where, f"the first {kept.size} records here are others")


def _note_clock(log: Log, result: Verification) -> None:
    """Dates that go back. Order in the ledger is what counts; the clock was not right."""
    newest, back = "", []
    for i, record in enumerate(log.records):
        if record is None or not record.made_utc:
            continue
        if record.made_utc < newest:
            back.append(i)
        newest = max(newest, record.made_utc)
    if not back:
        return
    # a record that was made the latest again keeps its date
    keys = [None if r is None else (r.key, r.result, r.made_utc) for r in log.records]
    seen: dict[Any, int] = {}
    for i, k in enumerate(keys):
        seen.setdefault(k, i)
    back = [i for i in back if seen[keys[i]] == i]
    if back:
        result.notes.append(
            f"{len(back)} records are dated before the ones they follow, first line "
            f"{back[0] + 1}: the clock was set back"
        )


# --- the objects -------------------------------------------------------------------------------


def _check_objects(folder: Path, threads: int, result: Verification) -> set[str]:
    """Read every object; the digests of those that are good."""
    there: set[str] = set()
    root = folder / "objects"
    if not root.exists():
        return there
    folders = sorted(e.path for e in os.scandir(root) if e.is_dir(follow_symlinks=False))
    strays = [e.name for e in os.scandir(root) if not e.is_dir(follow_symlinks=False)]
    for name in strays:
        if not name.startswith(".writing-"):
            result.add("objects", "a file that is no object lies here")
    with ThreadPoolExecutor(threads) as pool:
        for good, bad in pool.map(_digest_folder, folders):
            there.update(good)
            for name, what in bad:
                result.add(f"object {name}", what)
    result.objects = len(there)
    return there


def _digest_folder(path: str) -> tuple[list[str], list[tuple[str, str]]]:
    prefix = os.path.basename(path)  # noqa: PTH119 - a million times
    good, bad = [], []
    for name in _names(path):
        is_name = len(name) == 64 and _HEX.issuperset(name) and name[:2] == prefix
        if not is_name:
            bad.append((f"{prefix}/{name[:12]}", "its name is no digest, or in another folder"))
            continue
        try:
            found = _digest(f"{path}/{name}")
        except OSError as error:
            bad.append((name[:12], f"it cannot be read: {error.strerror}"))
            continue
        if found == name:
            good.append(name)
        else:
            bad.append((name[:12], f"its content has the digest {found[:12]}"))
    return good, bad


def _names(path: str) -> Iterator[str]:
    with os.scandir(path) as entries:
        for entry in entries:
            if not entry.name.startswith(".writing-"):
                yield entry.name


def _digest(path: str) -> str:
    with open(path, "rb", buffering=0) as f:  # noqa: PTH123 - a million times
        if os.fstat(f.fileno()).st_size < 1 << 20:
            return sha256(f.read()).hexdigest()
        return file_digest(f, "sha256").hexdigest()


def _check_accounted(folder: Path, log: Log, there: set[str], result: Verification) -> None:
    """Every object that the log speaks of is there."""
    told: set[str] = set()
    for number, record in enumerate(log.records, 1):
        if record is None or record.result in told:
            continue
        told.add(record.result)
        if record.result not in there:
            result.add(
                f"records.jsonl, line {number}",
                f"the result of {record.kind} {record.subject} is not in the store",
            )
        elif record.kind == OBJECTS:
            listed = json.loads(
                (folder / "objects" / record.result[:2] / record.result).read_bytes()
            )
            for digest in listed:
                if digest not in there and digest not in told:
                    told.add(digest)
                    result.add(f"object {digest[:12]}", "it was kept, and is not in the store")
