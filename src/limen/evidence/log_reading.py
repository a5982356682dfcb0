"""One pass over the log that keeps what a check needs, and not the records themselves.

A million records are gigabytes as objects; their hashes, the results they name and the few that
sign or list something are a tenth of that.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from limen.evidence.ledger import read_lines
from limen.evidence.merkle import Tree, leaf_hash
from limen.evidence.objects import is_digest
from limen.evidence.record import Record
from limen.evidence.runs import Run, RunWatch
from limen.evidence.store import OBJECTS

_SIGNING = ("roster", "signature")


@dataclass
class Log:
    """What a log holds. Lines count from 1, places in the ledger from 0."""

    tree: Tree
    is_torn: bool
    """Whether something without a newline follows the last line."""
    no_records: list[int] = field(default_factory=list)
    """Lines that are no record."""
    results: dict[str, int] = field(default_factory=dict)
    """Every result that is named, and the first line that names it."""
    signing: list[Record | None] = field(default_factory=list)
    """In its place each roster and signature; None for all others."""
    listings: list[str] = field(default_factory=list)
    """Results of the records of kind ``objects``."""
    runs: list[Run] = field(default_factory=list)
    dated_back: list[int] = field(default_factory=list)
    """Lines dated before one above them, but for records that were only repeated."""


def read_log(path: Path, get: Callable[[str], bytes]) -> Log:
    """Read a log whole; ``get`` gives the content of an object, for the plans of runs."""
    log, hashes, size, newest = Log(Tree([]), False), [], 0, ""
    watch = RunWatch(get)
    for line in read_lines(path):
        size += len(line) + 1
        hashes.append(leaf_hash(line))
        record = _record(line)
        log.signing.append(None if record is None or record.kind not in _SIGNING else record)
        if record is None:
            log.no_records.append(len(hashes))
            continue
        log.results.setdefault(record.result, len(hashes))
        if record.kind == OBJECTS:
            log.listings.append(record.result)
        if record.made_utc < newest and record.made_utc:
            log.dated_back.append(len(hashes))
        newest = max(newest, record.made_utc)
        watch.see(len(hashes) - 1, record)
    if log.dated_back:
        # a record that was made the latest again is the same line, and keeps its date
        first: dict[bytes, int] = {}
        for number, leaf in enumerate(hashes, 1):
            first.setdefault(leaf, number)
        log.dated_back = [n for n in log.dated_back if first[hashes[n - 1]] == n]
    log.is_torn = path.exists() and path.stat().st_size > size
    log.tree, log.runs = Tree(hashes), watch.runs()
    return log


def _record(line: bytes) -> Record | None:
    """The record on a line, its fields of their types; None where it is none."""
    try:
        record = Record.from_dict(json.loads(line))
    except (ValueError, KeyError, TypeError):
        return None
    texts = (record.kind, record.subject, record.method, record.result, record.made_utc)
    is_sound = (
        all(isinstance(t, str) for t in texts)
        and is_digest(record.result)
        and isinstance(record.inputs, dict)
        and all(isinstance(v, str) for v in record.inputs.values())
    )
    return record if is_sound else None
