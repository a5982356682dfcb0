"""A run's entry in the ledger: its plan before it computes anything, and its end.

What was planned and never recorded shows in `limen verify`, so that a failure which somebody
deleted, or did not wait for, does not vanish.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from limen.evidence import Outcome, Record, Store
from limen.evidence.runs import Planned, end_run, register_run
from limen.pipeline.graph import METHODS, Item

if TYPE_CHECKING:
    from limen.pipeline.product import Product


class Registration:
    """Registers a run when it first has something to compute; one that has nothing leaves none."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._record: Record | None = None
        self._planned: set[tuple[str, str]] = set()

    def __call__(self, planned: list[Planned]) -> None:
        if self._record is None:
            self._planned = {(p.kind, p.subject) for p in planned}
            self._record = register_run(self._store, "evaluate", planned)

    def found_fresh(self, item: Item) -> None:
        """A planned result turned out to be what it was: say so, or it would seem withheld."""
        if (item.kind, item.subject) in self._planned and item.record is not None:
            self._store.add(item.record)
        else:
            make_latest(self._store, item)

    def end(self, summary: Mapping[str, Any]) -> None:
        if self._record is not None:
            end_run(self._store, self._record, summary)


def planned_work(items: Iterable[Item], sets: Iterable[str]) -> list[Planned]:
    """The items of these that are not current, and what follows from them for their sets."""
    planned = [
        Planned(i.kind, i.subject, METHODS[i.kind], i.inputs) for i in items if not i.is_current
    ]
    for name in sets:
        planned += planned_sums(name, None)
    return planned


def planned_sums(dataset: str, verdicts: Mapping[str, str] | None) -> list[Planned]:
    """Verdicts of a set, with their inputs where these are known, and the summary after them."""
    return [
        Planned("verdicts", dataset, METHODS["verdicts"], verdicts),
        Planned("summary", dataset, METHODS["summary"], None),
    ]


def make_latest(store: Store, item: Item) -> None:
    """Let evidence that is fresh again (an input went back to what it was) be the latest."""
    record = item.record
    if record is not None and store.latest(item.kind, item.subject) != record:
        store.add(record)


def add_record(
    product: Product,
    kind: str,
    subject: str,
    inputs: Mapping[str, str],
    result: str,
    origin: str | None = None,
    outcome: Outcome = Outcome.done,
) -> Record:
    """Record what was just made by the method of its kind; inside ``store.writing()``."""
    record = Record(
        kind=kind,
        subject=subject,
        method=METHODS[kind],
        inputs=dict(inputs),
        result=result,
        outcome=outcome,
        origin=origin,
        made_utc=product.store.now_utc(),
    )
    product.store.add(record)
    return record
