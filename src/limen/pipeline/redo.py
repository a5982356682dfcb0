"""Which evidence a new release has to make again: exactly, from the graph, with the time it takes.

Every piece of evidence that the new release should have is looked up among its own and among the
old release's: what has the same inputs is kept, whoever made it. The rest is to be made again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limen.evidence import MissingObject, Record, Store

if TYPE_CHECKING:
    from limen.pipeline.graph import Item
    from limen.pipeline.product import Product

CASE_KINDS = ("case", "prediction", "measurement", "picture")
BOUNDARY_KINDS = ("stress", "boundary")
_AFTER = ("seen", "guard", "explanation")
_BOUNDARY_RUN = (*BOUNDARY_KINDS, "trial", *_AFTER)
BREAK_S = 600.0
"""Records further apart than this were not made in one run."""
FEWEST = 3
"""Records of one run that a pace is taken from."""


@dataclass(frozen=True)
class Again:
    """Evidence of one kind and data set that has to be made again.

    Attributes
    ----------
    kind, of : str
        Kind, and the data set (or product) it is of.
    n : int
    because : tuple of str
        Names of the inputs that changed.
    seconds : float or None
        Wall time at the pace of the last run that made this kind; None when no pace is known.
    pace : str
        What the time rests on, in words.
    """

    kind: str
    of: str
    n: int
    because: tuple[str, ...]
    seconds: float | None
    pace: str

    def as_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "of": self.of,
            "n": self.n,
            "because": list(self.because),
            "seconds": self.seconds,
            "pace": self.pace,
        }

    def words(self) -> str:
        time = self.pace if self.seconds is None else f"about {_span(self.seconds)} ({self.pace})"
        because = ", ".join(self.because)
        return f"{self.n} {self.kind} of {self.of} ({because}): {time}"


@dataclass(frozen=True)
class GraphRedo:
    """What the graph says of a new release.

    Attributes
    ----------
    again : tuple of Again
        Case by case kinds first, in the order in which they are made.
    kept : int
        Pieces of evidence that hold as they are.
    """

    again: tuple[Again, ...]
    kept: int

    @property
    def seconds(self) -> float | None:
        """All together; kinds of one case are made in one go, so the slowest of them counts."""
        timed = [a for a in self.again if a.kind in (*CASE_KINDS, *BOUNDARY_KINDS)]
        by_set: dict[str, float] = {}
        for each in timed:
            if each.seconds is None:
                return None
            step = each.kind if each.kind in BOUNDARY_KINDS else each.of
            by_set[step] = max(by_set.get(step, 0.0), each.seconds)
        return sum(by_set.values())

    def as_dict(self) -> dict[str, Any]:
        return {
            "again": [a.as_dict() for a in self.again],
            "kept": self.kept,
            "seconds": self.seconds,
        }

    def words(self) -> list[str]:
        if not self.again:
            return [f"All {self.kept} pieces of evidence hold; none has to be made again."]
        total = self.seconds
        time = "the time is not known" if total is None else f"about {_span(total)} in all"
        time = "seconds in all" if total == 0 else time
        if sum(a.kind in CASE_KINDS and a.seconds is not None for a in self.again) > 1:
            time += ", since what belongs to one case is made in one go"
        n = sum(a.n for a in self.again)
        head = f"{n} pieces of evidence to be made again, {self.kept} hold; {time}:"
        return [head, *(a.words() for a in self.again)]


class Beside(Store):
    """A release's evidence with another's beside it, for looking only."""

    def __init__(self, folder: Path, other: Path) -> None:
        super().__init__(folder)
        self._other = Store(other)

    def find(
        self, kind: str, subject: str, method: str, inputs: Mapping[str, str]
    ) -> Record | None:
        own = super().find(kind, subject, method, inputs)
        return own or self._other.find(kind, subject, method, inputs)

    def latest(self, kind: str, subject: str) -> Record | None:
        return super().latest(kind, subject) or self._other.latest(kind, subject)

    def get(self, digest: str) -> bytes:
        try:
            return super().get(digest)
        except MissingObject:
            return self._other.get(digest)

    def has(self, digest: str) -> bool:
        return super().has(digest) or self._other.has(digest)

    def history(self) -> list[Record]:
        return [*self._other.history(), *super().history()]


def redo_from_graph(old: Product, new: Product) -> GraphRedo:
    """Hold everything the new release should have against the evidence of both releases."""
    from limen.pipeline.status import status

    if old.state_folder.is_dir() and old.folder.resolve() != new.folder.resolve():
        if new.state_folder.is_dir():
            new.store = Beside(new.state_folder, old.state_folder)
        else:
            # a copy without evidence of its own; the pseudonyms have to be the old ones too
            new.state_folder = old.state_folder
    found = status(new)
    history = new.store.history()
    groups: dict[tuple[str, str], list[Item]] = {}
    for item in found.stale:
        of = item.subject.partition("/")[0]
        groups.setdefault((item.kind, of), []).append(item)
    again = []
    for (kind, of), items in groups.items():
        because = tuple(dict.fromkeys(b for i in items for b in i.because)) or ("never made",)
        seconds, pace = _time(history, kind, len(items))
        again.append(Again(kind, of, len(items), because, seconds, pace))
    order = [*CASE_KINDS, "leakage", "verdicts", "summary", *BOUNDARY_KINDS, *_AFTER]
    again.sort(key=lambda a: (order.index(a.kind) if a.kind in order else len(order), a.of))
    return GraphRedo(tuple(again), len(found.items) - len(found.stale))


def _time(history: list[Record], kind: str, n: int) -> tuple[float | None, str]:
    """Wall time for ``n`` of a kind, and what it rests on."""
    if kind in BOUNDARY_KINDS:
        return _boundary_time(history, kind)
    if kind in _AFTER:
        return None, "minutes, not counted"
    if kind not in CASE_KINDS:
        return None, "seconds, not counted"
    run = _last_run([r for r in history if r.kind == kind])
    took = _between(run[0], run[-1]) if run else 0.0
    if len(run) < FEWEST or took <= 0:
        return None, "no run of it is known that a time could be taken from"
    seconds = n * took / (len(run) - 1)
    return seconds, f"the last run made {len(run)} in {_span(took)}"


def _boundary_time(history: list[Record], kind: str) -> tuple[float | None, str]:
    """As long as the last run's, which is split where its search ended."""
    run = _last_run([r for r in history if r.kind in _BOUNDARY_RUN])
    end = max((i for i, r in enumerate(run) if r.kind == "stress"), default=None)
    part = [] if end is None else run[: end + 1] if kind == "stress" else run[end:]
    tried = sum(r.kind == "trial" for r in part)
    if tried < FEWEST:
        return None, "no run of it is known that a time could be taken from"
    return _between(part[0], part[-1]), f"the last run's, with {tried} trials of degraded cases"


def _last_run(records: list[Record]) -> list[Record]:
    """The last of the records that follow one another without a break."""
    run: list[Record] = []
    for record in records:
        if not record.made_utc:
            continue
        if run and abs(_between(run[-1], record)) > BREAK_S:
            run = []
        run.append(record)
    return run


def _between(first: Record, last: Record) -> float:
    """Seconds from one record to another."""
    times = [datetime.fromisoformat(r.made_utc) for r in (first, last)]
    return (times[1] - times[0]).total_seconds()


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
