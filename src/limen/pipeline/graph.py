"""What each piece of evidence depends on, and whether it is there.

``run`` and ``status`` both ask this file, so they cannot disagree. The chain of one case::

    image, reference ──────────────► case         (readable? attributes, fingerprint)
    image, model ──────────────────► prediction
    prediction, reference, task ───► measurement
    image, reference, prediction,
    measurement, window ───────────► picture

and of a data set: measurements + criteria ► verdicts; verdicts + risk ► summary. Over all
sets: cases ► leakage; everything ► report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from limen.evidence import Outcome, Record, Store, changed_inputs, digest_json
from limen.pipeline.model import model_identity

if TYPE_CHECKING:
    from limen.data import Case
    from limen.pipeline.product import LoadedSet, Product

METHODS = {
    "case": "data.case/2",
    "prediction": "models.predict/1",
    "measurement": "measures.case/3",
    "picture": "reports.picture/2",
    "verdicts": "measures.verdict/3",
    "summary": "measures.summary/3",
    "leakage": "data.leakage/1",
    "trial": "pipeline.trial/1",
    "stress": "boundary.search/2",
    "boundary": "boundary.certify/2",
    "seen": "boundary.guard_features/3",
    "guard": "boundary.guard/3",
    "second-reading": "data.second-reading/1",
    "learning-curve": "data.learning-curve/1",
    "explanation": "boundary.explain/4",
    "report": "reports.report/3",
    "report-content": "reports.content/1",
}
"""Version of the method behind each kind. Raised whenever the method's results may change."""


class State(StrEnum):
    fresh = "fresh"
    refused = "refused"
    stale = "stale"
    missing = "missing"
    """Never made."""


@dataclass(frozen=True)
class Item:
    """One piece of evidence that should exist, and how it stands."""

    kind: str
    subject: str
    state: State
    inputs: Mapping[str, str] | None = None
    """None while an ancestor is not there, so that the inputs cannot be known."""
    record: Record | None = None
    """The record that stands for it, when fresh or refused."""
    because: tuple[str, ...] = ()
    """Why it is stale: names of the changed inputs, or of stale ancestors."""

    @property
    def is_current(self) -> bool:
        return self.state in (State.fresh, State.refused)


def look_up(store: Store, kind: str, subject: str, inputs: Mapping[str, str]) -> Item:
    """The item with these inputs: fresh, refused, or stale and why."""
    method = METHODS[kind]
    record = store.find(kind, subject, method, inputs)
    if record is not None:
        state = State.fresh if record.outcome is Outcome.done else State.refused
        return Item(kind, subject, state, inputs, record)
    last = store.latest(kind, subject)
    if last is None:
        return Item(kind, subject, State.missing, inputs)
    if last.outcome is Outcome.interrupted:
        return Item(kind, subject, State.stale, inputs, because=("interrupted",))
    changed = changed_inputs(last, method, inputs) or ["its stored result is gone"]
    return Item(kind, subject, State.stale, inputs, because=tuple(changed))


def waiting(store: Store, kind: str, subject: str, ancestor: Item) -> Item:
    """The item whose ancestor is not current, so that its own inputs are unknown."""
    if store.latest(kind, subject) is None:
        return Item(kind, subject, State.missing, because=(ancestor.kind,))
    return Item(kind, subject, State.stale, because=(ancestor.kind,))


class CaseGraph:
    """The items of cases of one product, its model described once."""

    def __init__(self, product: Product) -> None:
        self._product = product
        self._task = product.declared_digest("task")
        self._wanted = _wanted_digest(product)
        self._window = product.declared_digest("model", "input") if _has_input(product) else ""
        self._model, self.model_identity = model_identity(product)

    def require_usable_model(self) -> None:
        """Refuse a model that could answer for no case, before any is in work."""
        self._model.require_usable()

    def sources(self, case: Case) -> dict[str, str]:
        """Digests of a case's files as they are now."""
        named = {
            "image": case.image,
            "reference": case.reference,
            "prediction file": case.prediction,
        }
        digest = self._product.source_digest
        return {name: digest(source) for name, source in named.items() if source is not None}

    def unmoved(self, case: Case, sources: Mapping[str, str]) -> bool:
        """Whether the case's files and the model's are still those that were looked at."""
        identity = self._model.identity(self._product.digests.digest)
        return identity == self.model_identity and self.sources(case) == dict(sources)

    def items(
        self, dataset: LoadedSet, case: Case, sources: Mapping[str, str] | None = None
    ) -> list[Item]:
        """The chain of a case, in order; a development case only has its ``case``.

        ``sources`` are the digests taken when the work was planned; without them the files are
        looked at now.
        """
        store = self._product.store
        subject = f"{dataset.name}/{case.id}"
        sources = sources or self.sources(case)
        image = sources["image"]
        reference = {k: v for k, v in sources.items() if k == "reference"}
        read = look_up(store, "case", subject, {"image": image, **reference, "task": self._task})
        if not dataset.is_validation:
            return [read]

        prediction_inputs = {"image": image, **self.model_identity}
        if "prediction file" in sources:
            prediction_inputs["prediction file"] = sources["prediction file"]
        items = [read, look_up(store, "prediction", subject, prediction_inputs)]
        stopped = next((i for i in items if i.state is not State.fresh), None)
        if stopped is not None:
            return [
                *items,
                waiting(store, "measurement", subject, stopped),
                waiting(store, "picture", subject, stopped),
            ]
        predicted = _result(items[1])
        measured = look_up(
            store,
            "measurement",
            subject,
            {"prediction": predicted, **reference, "task": self._task, **self._wanted},
        )
        items.append(measured)
        if measured.state is not State.fresh:
            items.append(waiting(store, "picture", subject, measured))
            return items
        inputs = {
            "image": image,
            **reference,
            "prediction": predicted,
            "measurement": _result(measured),
        }
        if self._window:
            inputs["model input"] = self._window
        items.append(look_up(store, "picture", subject, inputs))
        return items


Chains = dict[str, dict[str, list[Item]]]


def current_items(product: Product, graph: CaseGraph) -> Chains:
    """By data set and case: the chain of items as the store has it now."""
    return {s.name: {c.id: graph.items(s, c) for c in s.cases} for s in product.sets.values()}


def measured_item(chain: list[Item]) -> Item | None:
    """The fresh measurement of a chain."""
    return next((i for i in chain if i.kind == "measurement" and i.state is State.fresh), None)


def failure_of(store: Store, chain: list[Item]) -> dict[str, Any] | None:
    """Why a case could not be evaluated: the error that was kept, or None."""
    for item in chain:
        record = item.record if item.state is State.refused else None
        if item.because == ("interrupted",):
            record = store.latest(item.kind, item.subject)
        if record is not None:
            error: dict[str, Any] = store.get_json(record.result)
            return error
    return None


def verdicts_inputs(
    product: Product, dataset: LoadedSet, chains: Mapping[str, list[Item]]
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The list of measured cases behind a set's verdicts, and the inputs that follow from it.

    The listing is kept in the store, so lineage can be followed from the verdicts to each case.
    """
    listing = []
    for case in dataset.cases:
        measured = measured_item(chains[case.id])
        if measured is not None:
            listing.append(
                {"case": case.id, "patient": case.patient, "measurement": _result(measured)}
            )
    return listing, {
        "measurements": digest_json(listing),
        "criteria": product.declared_digest("criteria"),
        "task": product.declared_digest("task"),
    }


def not_evaluated(
    product: Product, dataset: LoadedSet, chains: Mapping[str, list[Item]]
) -> list[tuple[str, str, str]]:
    """Case, patient and reason of every case of a set that has no measurement."""
    rows = []
    for case in dataset.cases:
        if measured_item(chains[case.id]) is None:
            error = failure_of(product.store, chains[case.id])
            rows.append((case.id, case.patient, _in_words(case.id, error)))
    # of a case that cannot even be found nobody knows the patient: it counts as one of its own
    return rows + [(p.case, p.case, _in_words(p.case, p.error.as_dict())) for p in dataset.problems]


def summary_inputs(
    product: Product, dataset: LoadedSet, chains: Mapping[str, list[Item]], verdicts: str
) -> dict[str, str]:
    """Inputs of a set's summary, given the digest of its verdicts."""
    return {
        "verdicts": verdicts,
        "measurements": verdicts_inputs(product, dataset, chains)[1]["measurements"],
        "cases not evaluated": digest_json(not_evaluated(product, dataset, chains)),
        "case attributes": digest_json({c.id: dict(c.attributes) for c in dataset.cases}),
        "risk": product.declared_digest("risk"),
        "task": product.declared_digest("task"),
    }


def _in_words(case: str, error: Mapping[str, Any] | None) -> str:
    if error is None:
        return "not evaluated yet"
    where = str(error.get("where") or "").removeprefix(case).lstrip(", ")
    words = [f"{where}: {error['what']}" if where else str(error["what"])]
    words += [f"{k}: {error[k]}" for k in ("found", "mend") if error.get(k)]
    return "; ".join(words)


def _wanted_digest(product: Product) -> dict[str, str]:
    """What the criteria want measured beyond the usual, so that a changed limit is not among it."""
    from limen.measures import Wanted

    wanted = Wanted.by(product.declaration.criteria).as_dict()
    return {"measures asked for": digest_json(wanted)} if wanted else {}


def _has_input(product: Product) -> bool:
    return hasattr(product.declaration.model, "input")


def _result(item: Item) -> str:
    assert item.record is not None
    return item.record.result
