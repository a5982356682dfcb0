"""Which evidence is fresh, which is stale, and which changed input made it so."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from limen.pipeline.evaluate import leakage_inputs
from limen.pipeline.graph import (
    CaseGraph,
    Chains,
    Item,
    State,
    current_items,
    failure_of,
    look_up,
    summary_inputs,
    verdicts_inputs,
    waiting,
)
from limen.pipeline.standing import approvals_not_in_force, set_standing

if TYPE_CHECKING:
    from limen.pipeline.product import Product


# Inputs that are lists over cases: the kind they are made of, and what changed when no item of
# that kind did.
_LISTINGS = {
    "measurements": ("measurement", "which cases the set has"),
    "validation cases": ("case", "which cases validation has"),
    "development cases": ("case", "which cases development has"),
    "cases not evaluated": ("measurement", "which cases are not evaluated"),
    "images": ("seen", "which patients the guard is calibrated on"),
}


@dataclass
class Status:
    """The state of a product's evidence."""

    items: list[Item] = field(default_factory=list)
    not_evaluated: dict[str, dict[str, Any]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    sets: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By data set: cases, how many are not evaluated, ``complete``."""
    leaks: list[dict[str, Any]] = field(default_factory=list)
    """Of the last evaluation, while that is fresh."""
    approvals: dict[str, dict[str, str | None]] = field(default_factory=dict)
    """By data set: why its approval is not in force today."""

    @property
    def complete(self) -> bool:
        """Whether every case is evaluated and none leaks, by fresh evidence."""
        return not self.stale and not self.not_evaluated and not self.leaks

    @property
    def stale(self) -> list[Item]:
        return [i for i in self.items if not i.is_current]

    def counts(self) -> dict[str, dict[str, int]]:
        """By kind: how many items are in each state."""
        table: dict[str, Counter[str]] = {}
        for item in self.items:
            table.setdefault(item.kind, Counter())[item.state.value] += 1
        return {kind: dict(c) for kind, c in table.items()}

    def causes(self) -> dict[str, list[Item]]:
        """Stale items by what made them so, in words; what follows from another is no cause.

        A stale ancestor is not a cause of its own, nor is a list of cases that differs because
        a case of it is stale or was never evaluated.
        """
        moved = {i.kind for i in self.stale}
        found: dict[str, list[Item]] = {}
        for item in self.stale:
            for cause in item.because:
                of, words = _LISTINGS.get(cause, ("", cause))
                if cause not in moved and of not in moved:
                    found.setdefault(words, []).append(item)
        return found

    def as_dict(self) -> dict[str, Any]:
        return {
            "fresh": not self.stale,
            "complete": self.complete,
            "sets": self.sets,
            "counts": self.counts(),
            "stale": [
                {
                    "kind": i.kind,
                    "subject": i.subject,
                    "state": i.state.value,
                    "because": list(i.because),
                }
                for i in self.stale
            ],
            "not_evaluated": self.not_evaluated,
            "left_out": self.left_out,
            "leaks": self.leaks,
            "approvals": self.approvals,
        }


def status(product: Product) -> Status:
    """Look at every piece of evidence a product should have. Nothing is computed."""
    store = product.store
    graph = CaseGraph(product)
    chains = current_items(product, graph)
    result = Status()
    for dataset in product.sets.values():
        if dataset.left_out is not None:
            result.left_out[dataset.name] = dataset.left_out
            continue
        for problem in dataset.problems:
            result.not_evaluated[f"{dataset.name}/{problem.case}"] = problem.error.as_dict()
        for case_id, chain in chains[dataset.name].items():
            error = failure_of(store, chain)
            if error is not None:
                result.not_evaluated[f"{dataset.name}/{case_id}"] = error
            # what waits for a refused ancestor will never be made, so it is not stale
            refused = any(i.state is State.refused for i in chain)
            result.items += [i for i in chain if i.is_current or not refused]
    product.digests.save()

    name = product.declaration.product.name
    leakage = look_up(store, "leakage", name, leakage_inputs(product, chains)[1])
    result.items.append(leakage)
    if leakage.state is State.fresh and leakage.record is not None:
        result.leaks = store.get_json(leakage.record.result)
    result.sets = set_standing(product, result.not_evaluated)
    result.approvals = approvals_not_in_force(product)
    tops = []
    for dataset in product.sets.values():
        if not dataset.is_validation or dataset.left_out is not None:
            continue
        _, inputs = verdicts_inputs(product, dataset, chains[dataset.name])
        verdicts = look_up(store, "verdicts", dataset.name, inputs)
        result.items.append(verdicts)
        if verdicts.record is None:
            summary = waiting(store, "summary", dataset.name, verdicts)
        else:
            summary = look_up(
                store,
                "summary",
                dataset.name,
                summary_inputs(product, dataset, chains[dataset.name], verdicts.record.result),
            )
        result.items.append(summary)
        tops.append(summary)
    result.items += _beyond(product, graph, chains)
    result.items.append(_report(product, name, tops))
    return result


def _beyond(product: Product, graph: CaseGraph, chains: Chains) -> list[Item]:
    """Search, boundary, and what is made of it: guard and explanation."""
    from limen.pipeline.certify import boundary_items
    from limen.pipeline.explain import explanation_item
    from limen.pipeline.guard import guard_items
    from limen.pipeline.trials import subjects_of

    items, boundary = boundary_items(product, graph, chains)
    if not items:
        return []
    subjects = subjects_of(product, graph, chains)
    items += guard_items(product, subjects, items[-1], boundary)
    explanation = explanation_item(product, graph, subjects, items[1], boundary)
    return items if explanation is None else [*items, explanation]


def _report(product: Product, name: str, summaries: list[Item]) -> Item:
    from limen.pipeline.report import report_inputs

    waiting_for = [s for s in summaries if s.state is not State.fresh]
    if waiting_for:
        return waiting(product.store, "report", name, waiting_for[0])
    return look_up(product.store, "report", name, report_inputs(product))
