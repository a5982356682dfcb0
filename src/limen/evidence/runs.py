"""Runs are registered before they start, so that what they did not like cannot vanish.

A run's record is put into the ledger with the list of everything it is about to compute. Whatever
of that list has no record afterwards stays visible: as work in progress, as a run that was killed,
or as a result that somebody would rather not have had.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from limen.errors import LimenError
from limen.evidence.digest import digest_bytes, digest_json
from limen.evidence.record import Outcome, Record

if TYPE_CHECKING:
    from limen.evidence.store import Store

METHOD = "evidence.run/1"


@dataclass(frozen=True)
class Planned:
    """One piece of evidence that a run is about to compute.

    ``inputs`` are None where they follow only from what the same run makes first; any result of
    that kind, subject and method answers such a plan then.
    """

    kind: str
    subject: str
    method: str
    inputs: Mapping[str, str] | None

    def as_list(self) -> list[str]:
        return [self.kind, self.subject, _key(self.kind, self.subject, self.method, self.inputs)]


@dataclass(frozen=True)
class Run:
    """A registered run.

    Attributes
    ----------
    index : int
        Place of its record in the ledger, from 0.
    subject : str
        ``run/`` and the first 16 digits of the digest of what it planned, and when.
    what, started_utc : str
    planned : int
        How many pieces of evidence it was to compute.
    without_result : tuple of (str, str)
        Kind and subject of those of which nothing was recorded since.
    ended : bool
        Whether it said that it had ended; one that was killed did not.
    """

    index: int
    subject: str
    what: str
    started_utc: str
    planned: int
    without_result: tuple[tuple[str, str], ...]
    ended: bool


def register_run(store: Store, what: str, planned: Sequence[Planned]) -> Record:
    """Put a run and its plan into the ledger, inside ``store.writing()``; on disk on return.

    Parameters
    ----------
    store : Store
    what : str
        E.g. ``evaluate``.
    planned : sequence of Planned
    """
    now, head = store.now_utc(), store.head()
    plan = {
        "what": what,
        "started_utc": now,
        "ledger": {"size": head.size, "root": head.root.hex()},
        "planned": [p.as_list() for p in planned],
    }
    subject = f"run/{digest_json(plan)[:16]}"
    record = Record("run", subject, METHOD, {}, store.put_json(plan), made_utc=now)
    store.add(record)
    return record


def end_run(store: Store, run: Record, summary: Mapping[str, Any]) -> None:
    """Say that a registered run has ended, and with what."""
    result = store.put_json(dict(summary))
    store.add(
        Record(
            "run-end", run.subject, METHOD, {"run": run.result}, result, made_utc=store.now_utc()
        )
    )


class RunWatch:
    """Follows a ledger record by record and knows which registered runs lack what.

    A planned piece of evidence counts as recorded when any record after the registration has its
    kind, subject, method and inputs, whatever the outcome: a refusal is a result too. Work on a
    subject stops where something of it is refused or interrupted, so that the rest of its plan
    counts as recorded then.

    Parameters
    ----------
    get : callable
        Digest to content.
    """

    def __init__(self, get: Callable[[str], bytes]) -> None:
        self._get = get
        self._runs: list[tuple[int, Record, str, str, dict[str, tuple[str, str]], int]] = []
        self._waiting: dict[str, list[int]] = {}
        self._of_subject: dict[str, dict[str, None]] = {}
        """By subject: the keys that are planned of it."""
        self._ended: set[str] = set()

    def see(self, index: int, record: Record) -> None:
        """Take in the next record, which stands at ``index``."""
        if record.kind == "run":
            self._register(index, record)
        elif record.kind == "run-end":
            self._ended.add(record.inputs.get("run", ""))
        elif self._waiting:
            self._recorded(_key(record.kind, record.subject, record.method, record.inputs))
            self._recorded(_key(record.kind, record.subject, record.method, None))
            if record.outcome is not Outcome.done:
                for key in self._of_subject.pop(record.subject, ()):
                    self._recorded(key)

    def _recorded(self, key: str) -> None:
        for run in self._waiting.pop(key, ()):
            self._runs[run][4].pop(key, None)

    def runs(self) -> list[Run]:
        """Every run that was registered so far, in order."""
        return [
            Run(
                index,
                record.subject,
                what,
                started_utc,
                planned,
                tuple(lacking.values()),
                record.result in self._ended,
            )
            for index, record, what, started_utc, lacking, planned in self._runs
        ]

    def _register(self, index: int, record: Record) -> None:
        try:
            plan = json.loads(self._get(record.result))
            lacking = {str(d): (str(k), str(s)) for k, s, d in plan["planned"]}
            what, started_utc = str(plan["what"]), str(plan["started_utc"])
        except (LimenError, ValueError, KeyError, TypeError):
            what, started_utc, lacking = "its plan cannot be read", record.made_utc, {}
        for key, (_, subject) in lacking.items():
            self._waiting.setdefault(key, []).append(len(self._runs))
            self._of_subject.setdefault(subject, {})[key] = None
        self._runs.append((index, record, what, started_utc, lacking, len(lacking)))


def runs(records: Iterable[Record], get: Callable[[str], bytes]) -> list[Run]:
    """Every registered run of a ledger, in order; see :class:`RunWatch`."""
    watch = RunWatch(get)
    for index, record in enumerate(records):
        watch.see(index, record)
    return watch.runs()


def unfinished(found: Iterable[Run]) -> list[Run]:
    """Runs that did not end, or of whose plan something was never recorded."""
    return [r for r in found if not r.ended or r.without_result]


def _key(kind: str, subject: str, method: str, inputs: Mapping[str, str] | None) -> str:
    # the standard library's JSON: this is done for each record of a ledger, and rfc8785 takes
    # eight times as long
    text = json.dumps([kind, subject, method, inputs and dict(inputs)], sort_keys=True)
    return digest_bytes(text.encode())[:32]
