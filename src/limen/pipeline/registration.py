"""A run's entry in the ledger: its plan before it computes anything, and its end.

What was planned and never recorded shows in `limen verify`, so that a failure which somebody
deleted, or did not wait for, does not vanish.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from limen.errors import LimenError
from limen.evidence import Outcome, Record, Store
from limen.evidence.runs import Planned, end_run, register_run
from limen.pipeline.graph import METHODS, Item, State, look_up

if TYPE_CHECKING:
    from limen.pipeline.product import Product

Value = TypeVar("Value")
OTHER_FORM = "the form in which an older Limen kept it"
"""Why a result whose inputs are all the same has to be made again."""


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


def look_up_kept(
    store: Store,
    kind: str,
    subject: str,
    inputs: Mapping[str, str],
    read: Callable[[Any], Value],
) -> tuple[Item, Value | None]:
    """The item with what was kept of it; one that ``read`` cannot take any more is stale."""
    item = look_up(store, kind, subject, inputs)
    if item.state is not State.fresh or item.record is None:
        return item, None
    kept = store.get_json(item.record.result)
    try:
        return item, read(kept)
    except (KeyError, TypeError, ValueError, AttributeError, LimenError):
        return Item(kind, subject, State.stale, inputs, because=(OTHER_FORM,)), None


@dataclass(frozen=True)
class Made(Generic[Value]):
    """What was just made: the value, its plain JSON, and what the run's end says of it."""

    value: Value
    kept: Any
    summary: Mapping[str, Any]


def keep_or_make(
    product: Product,
    kind: str,
    inputs: Mapping[str, str],
    verb: str,
    read: Callable[[Any], Value],
    make: Callable[[], Made[Value]],
    origin: str | None = None,
) -> tuple[Value, Record]:
    """The product's result of a kind as the store has it, or made in a run that is registered.

    Inside ``store.writing()``.

    Parameters
    ----------
    product : Product
    kind : str
    inputs : mapping
    verb : str
        By which the run is registered.
    read : callable
        Takes plain JSON back.
    make : callable
    origin : str, optional
        Of the record.
    """
    store, name = product.store, product.declaration.product.name
    item, value = look_up_kept(store, kind, name, inputs, read)
    if value is not None and item.record is not None:
        make_latest(store, item)
        return value, item.record
    run = register_run(store, verb, [Planned(kind, name, METHODS[kind], inputs)])
    try:
        made = make()
    except LimenError as error:
        end_run(store, run, {"refused": error.what})
        raise
    record = add_record(product, kind, name, inputs, store.put_json(made.kept), origin)
    end_run(store, run, made.summary)
    return made.value, record


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
