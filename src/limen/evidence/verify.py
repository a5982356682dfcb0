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
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limen.evidence.keys import key_id
from limen.evidence.ledger import OPEN, Ledger
from limen.evidence.log_reading import Log, read_log
from limen.evidence.objects import digest_objects
from limen.evidence.runs import Run, unfinished
from limen.evidence.store import FORMAT, get_object

if TYPE_CHECKING:
    from limen.evidence.checkpoint import Checkpoint, VerifierKey
    from limen.evidence.roster import Member
    from limen.evidence.signatures import Signed


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
    signatures: list[Signed] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)
    """Of the roster in force."""
    unfinished: list[Run] = field(default_factory=list)
    """Registered runs without an end, or without a result of what they planned."""

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
            "unfinished_runs": [asdict(r) for r in self.unfinished],
            "signatures": [asdict(s) for s in self.signatures],
            "roster": [
                {"name": m.name, "role": m.role, "key": key_id(m.public), "revoked": m.revoked}
                for m in self.members
            ],
        }

    def add(self, where: str, what: str) -> None:
        self.problems.append(Problem(where, what))


def verify(
    folder: Path,
    *,
    key: VerifierKey | None = None,
    quality: Collection[bytes] | None = None,
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
    quality : collection of bytes, optional
        Public keys of quality, one of which has to have signed the first roster; else whichever
        quality member signed it is believed.
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
    if not ledger.checkpoint_path.exists() and not _size(ledger.log_path):
        # a first run that has not come to its first record, or was killed before
        result.notes.append("nothing was recorded here yet")
        return result
    _check_format(folder, result)
    # a run may begin or end while this reads: open before the head is read or after the log
    was_open = _is_open(ledger, result)
    head = _check_head(ledger, key, was_open, result)
    log = read_log(ledger.log_path, partial(get_object, folder / "objects"))
    result.records = log.tree.size
    for line in log.no_records:
        result.add(f"records.jsonl, line {line}", "not a record")
    is_open = was_open or _is_open(ledger, result)
    _check_tree(ledger, log, head, is_open, result)
    if checkpoint is not None:
        _check_continues(checkpoint, key, ledger, log, result)
    there, wrong = digest_objects(folder / "objects", threads or os.cpu_count() or 1)
    result.objects = len(there)
    for where, what in wrong:
        result.add(where, what)
    _check_accounted(folder, log, there, result)
    _check_signatures(folder, log, quality, result)
    _note_runs(log, result)
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
    elif found.strip().isdigit() and int(found) > FORMAT:
        result.add(
            "format",
            f"written by a newer Limen (format {int(found)}; this one reads {FORMAT}): verify it "
            "with that one",
        )
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


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


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


def _check_signatures(
    folder: Path, log: Log, quality: Collection[bytes] | None, result: Verification
) -> None:
    from limen.evidence.roster import roster_at, roster_entries
    from limen.evidence.signatures import signatures

    get = partial(get_object, folder / "objects")
    entries = roster_entries(log.signing, get, quality)
    for entry in entries:
        if entry.why_not is not None:
            result.add(f"records.jsonl, line {entry.index + 1}", f"roster: {entry.why_not}")
    result.signatures = signatures(log.signing, get, entries=entries, tree=log.tree)
    roster = roster_at(entries)
    result.members = [] if roster is None else list(roster.members)
    for s in result.signatures:
        where = f"records.jsonl, line {s.index + 1}"
        if s.is_forged:
            result.add(where, f"signature on {s.subject}: {s.why_not}")
        elif not s.counts:
            result.notes.append(f"{where}: a signature on {s.subject} does not count: {s.why_not}")


def _note_runs(log: Log, result: Verification) -> None:
    result.unfinished = unfinished(log.runs)
    for run in result.unfinished:
        lost = ", ".join(f"{kind} of {subject}" for kind, subject in run.without_result[:3])
        more = len(run.without_result) - 3
        result.notes.append(
            f"records.jsonl, line {run.index + 1}: a run ({run.what}, {run.started_utc}) "
            + ("was registered and did not end" if not run.ended else "ended")
            + (
                f"; nothing was recorded of {len(run.without_result)} of its {run.planned} parts: "
                f"{lost}{f' and {more} more' if more > 0 else ''}"
                if run.without_result
                else "; all that it planned was recorded"
            )
        )


def _note_clock(log: Log, result: Verification) -> None:
    """Dates that go back. Order in the ledger is what counts; the clock was not right."""
    if log.dated_back:
        result.notes.append(
            f"{len(log.dated_back)} records are dated before the ones they follow, first line "
            f"{log.dated_back[0]}: the clock was set back"
        )


def _check_accounted(folder: Path, log: Log, there: set[str], result: Verification) -> None:
    """Every object that the log speaks of is there."""
    for digest, line in log.results.items():
        if digest not in there:
            result.add(f"records.jsonl, line {line}", "its result is not in the store")
    for listing in log.listings:
        if listing not in there:
            continue  # told already
        try:
            listed = {str(d) for d in json.loads(get_object(folder / "objects", listing))}
        except (ValueError, TypeError):
            result.add(f"object {listing[:12]}", "not a list of objects")
            continue
        for digest in sorted(listed - there - log.results.keys()):
            result.add(f"object {digest[:12]}", "it was kept, and is not in the store")
