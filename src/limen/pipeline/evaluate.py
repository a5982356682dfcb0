"""Evaluate: read, predict, measure, judge and sum up whatever is stale."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from limen.errors import LimenError
from limen.evidence import Outcome
from limen.evidence.runs import Planned
from limen.models.errors import CommandFailed, ModelTimeout
from limen.pipeline.errors import ChangedMeanwhile, NothingEvaluated, Unexpected, WorkerDied
from limen.pipeline.graph import (
    METHODS,
    CaseGraph,
    Chains,
    State,
    current_items,
    failure_of,
    look_up,
    not_evaluated,
    summary_inputs,
    verdicts_inputs,
)
from limen.pipeline.registration import (
    Registration,
    add_record,
    make_latest,
    planned_sums,
    planned_work,
)
from limen.pipeline.standing import approvals_not_in_force, place, set_standing
from limen.pipeline.sums import judged_rows, summary_json, verdicts_json
from limen.pipeline.tables import write_tables
from limen.pipeline.work import CaseDone, CaseJob, run_cases

if TYPE_CHECKING:
    from limen.data import Case
    from limen.pipeline.product import LoadedSet, Product

_TRY_AGAIN = (WorkerDied, Unexpected, ModelTimeout, CommandFailed)


class Progress(Protocol):
    """What long work tells of itself; the command line draws it."""

    def begin(self, total: int, already: int) -> None: ...
    def case_done(self, subject: str, error: LimenError | None) -> None: ...
    def step(self, words: str) -> None: ...
    def count(self, words: str) -> None: ...


class Silent:
    """No progress shown."""

    def begin(self, total: int, already: int) -> None: ...
    def case_done(self, subject: str, error: LimenError | None) -> None: ...
    def step(self, words: str) -> None: ...
    def count(self, words: str) -> None: ...


@dataclass
class Evaluation:
    """What a run of ``evaluate`` did and found."""

    summaries: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By data set: the JSON of ``measures.Summary``."""
    leaks: list[dict[str, Any]] = field(default_factory=list)
    not_evaluated: dict[str, dict[str, str | None]] = field(default_factory=dict)
    """By ``DATASET/CASE``: the error, as :meth:`LimenError.as_dict`."""
    left_out: dict[str, str] = field(default_factory=dict)
    sets: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By data set: cases, how many are not evaluated, ``complete``."""
    approvals: dict[str, dict[str, str | None]] = field(default_factory=dict)
    """By data set: why its approval is not in force today."""
    computed: int = 0
    """Cases something was computed for in this run."""
    cases: int = 0
    """All cases, those too that could not be found whole."""

    @property
    def complete(self) -> bool:
        """Whether every case was evaluated and none leaks."""
        return not self.not_evaluated and not self.leaks


def evaluate(
    product: Product, *, workers: int | None = None, progress: Progress | None = None
) -> Evaluation:
    """Bring every case's evidence up to date, then the verdicts and summaries.

    Parameters
    ----------
    product : Product
    workers : int, optional
        Worker processes; default one for each core. Memory: each holds one case as float32 and
        its label maps (about 4 bytes x voxels x 6).
    progress : Progress, optional

    Raises
    ------
    NothingEvaluated
        When no case at all could be evaluated; the first reasons are in its text.
    AnotherRunIsWriting, LimenError
    """
    shown = progress or Silent()
    result = Evaluation()
    with product.store.writing():
        graph = CaseGraph(product)
        planned, items = _plan(product, graph)
        jobs = [p.job for p in planned.values()]
        if any("prediction" in job.kinds for job in jobs):
            graph.require_usable_model()
        register = Registration(product.store)
        if jobs:
            stale = [i for p in planned.values() for i in items[p.dataset.name][p.case.id]]
            register(planned_work(stale, _touched(product, planned.values())))
        found = sum(len(s.cases) for s in product.sets.values())
        result.cases = found + sum(len(s.problems) for s in product.sets.values())
        result.computed = len(jobs)
        shown.begin(found, found - len(jobs))
        thrown_away = {}
        for done in run_cases(jobs, workers or os.cpu_count() or 1):
            if not _keep(product, graph, planned[done.subject], done):
                thrown_away[done.subject] = _changed(done.subject)
            shown.case_done(done.subject, thrown_away.get(done.subject, done.error))
        product.digests.save()

        shown.step("verdicts and summaries")
        if jobs:
            items = current_items(product, graph)
        for chain in (c for chains in items.values() for c in chains.values()):
            for item in chain:
                make_latest(product.store, item)
        _find_failures(product, items, result)
        for subject, error in thrown_away.items():
            result.not_evaluated[subject] = error.as_dict()
        result.sets = set_standing(product, result.not_evaluated)
        result.approvals = approvals_not_in_force(product)
        result.leaks = leakage(product, items)
        for dataset in product.sets.values():
            if dataset.left_out is not None:
                result.left_out[dataset.name] = dataset.left_out
            elif dataset.is_validation:
                result.summaries[dataset.name] = _sum_up(product, dataset, items, register)
        failing = {n: len(s["failing_cases"]) for n, s in result.summaries.items()}
        register.end(
            {
                "computed": result.computed,
                "not evaluated": len(result.not_evaluated),
                "failing": failing,
            }
        )
        write_tables(product)
    _refuse_when_empty(result)
    return result


@dataclass(frozen=True)
class _Planned:
    """A job, and the digests of its files when it was planned."""

    dataset: LoadedSet
    case: Case
    sources: dict[str, str]
    job: CaseJob


def _plan(product: Product, graph: CaseGraph) -> tuple[dict[str, _Planned], Chains]:
    """Every case with something stale, by subject; and the chains of all cases as they are."""
    from limen.evidence import digest_json

    store = product.store
    model_key = digest_json(graph.model_identity)
    planned = {}
    chains: Chains = {name: {} for name in product.sets}
    for dataset in product.sets.values():
        for case in dataset.cases:
            sources = graph.sources(case)
            chain = chains[dataset.name][case.id] = graph.items(dataset, case, sources)
            kinds = tuple(i.kind for i in chain if not i.is_current)
            if not kinds or any(i.state is State.refused for i in chain):
                continue
            subject = f"{dataset.name}/{case.id}"
            fresh = {i.kind: i.record for i in chain if i.state is State.fresh and i.record}
            prediction, measurement = fresh.get("prediction"), fresh.get("measurement")
            job = CaseJob(
                subject=subject,
                case=case,
                kinds=kinds,
                declaration=product.declaration,
                root=product.folder,
                model_key=model_key,
                prediction=store.get(prediction.result) if prediction else None,
                measurement=store.get_json(measurement.result) if measurement else None,
            )
            planned[subject] = _Planned(dataset, case, sources, job)
    return planned, chains


def _touched(product: Product, planned: Iterable[_Planned]) -> list[str]:
    """Validation sets of which a case is in work, so that their sums follow."""
    names = {p.dataset.name for p in planned if p.dataset.is_validation}
    return [name for name in product.sets if name in names]


def _keep(product: Product, graph: CaseGraph, planned: _Planned, done: CaseDone) -> bool:
    """Keep what came of a job: objects first, then the records that name them.

    The inputs of a later kind are known only when the earlier one is kept, so the chain is
    looked up again after each, with the digests taken before the work began. When a file moved
    meanwhile nobody can say which content was read: the work is thrown away, and the answer is
    False.
    """
    dataset, case, sources = planned.dataset, planned.case, planned.sources
    if not graph.unmoved(case, sources):
        return False
    made = [*done.results, *([done.failed_kind] if done.failed_kind else [])]
    for kind in made:
        item = next(i for i in graph.items(dataset, case, sources) if i.kind == kind)
        assert item.inputs is not None, f"{kind} of {done.subject} has no inputs"
        outcome = Outcome.done
        if kind == done.failed_kind:
            assert done.error is not None
            again = isinstance(done.error, _TRY_AGAIN)
            outcome = Outcome.interrupted if again else Outcome.refused
            digest = product.store.put_json(done.error.as_dict())
        else:
            value = done.results[kind]
            store = product.store
            digest = store.put(value) if isinstance(value, bytes) else store.put_json(value)
        add_record(product, kind, done.subject, item.inputs, digest, dataset.origin, outcome)
    return True


def _changed(subject: str) -> ChangedMeanwhile:
    return ChangedMeanwhile(
        "a file of the case or of the model changed while it was in work",
        where=subject,
        mend="let the files rest and run again",
    )


def _find_failures(product: Product, items: Chains, result: Evaluation) -> None:
    for dataset in product.sets.values():
        for problem in dataset.problems:
            result.not_evaluated[f"{dataset.name}/{problem.case}"] = problem.error.as_dict()
        for case_id, chain in items[dataset.name].items():
            error = failure_of(product.store, chain)
            if error is not None:
                result.not_evaluated[f"{dataset.name}/{case_id}"] = error


def leakage_inputs(
    product: Product, items: Chains
) -> tuple[dict[str, list[list[str]]], dict[str, str]]:
    """By use: every readable case with its patient and its fingerprint; and the inputs of it."""
    from limen.evidence import digest_json

    entries: dict[str, list[list[str]]] = {"development": [], "validation": []}
    for dataset in product.sets.values():
        for case in dataset.cases:
            item = items[dataset.name][case.id][0]
            if item.state is State.fresh and item.record is not None:
                entries[dataset.declared.use].append(
                    [f"{dataset.name}/{case.id}", case.patient, item.record.result]
                )
    return entries, {f"{use} cases": digest_json(rows) for use, rows in entries.items()}


def leakage(product: Product, items: Chains) -> list[dict[str, Any]]:
    """Leaks between development and validation; found once for one set of fingerprints."""
    from limen.data import Fingerprint, find_leaks

    store, name = product.store, product.declaration.product.name
    entries, inputs = leakage_inputs(product, items)
    item = look_up(store, "leakage", name, inputs)
    if item.state is State.fresh and item.record is not None:
        make_latest(store, item)
        known: list[dict[str, Any]] = store.get_json(item.record.result)
        return known
    sides = {
        use: [
            (subject, patient, Fingerprint.from_dict(store.get_json(digest)["fingerprint"]))
            for subject, patient, digest in rows
        ]
        for use, rows in entries.items()
    }
    for rows in entries.values():
        store.put_json(rows)
    leaks = [leak.as_dict() for leak in find_leaks(sides["development"], sides["validation"])]
    add_record(product, "leakage", name, inputs, store.put_json(leaks), None)
    return leaks


def _sum_up(
    product: Product, dataset: LoadedSet, items: Chains, register: Registration
) -> dict[str, Any]:
    """Verdicts of every measured case of a set, and their summary."""
    store, declaration = product.store, product.declaration
    chains = items[dataset.name]
    listing, inputs = verdicts_inputs(product, dataset, chains)
    found = look_up(store, "verdicts", dataset.name, inputs)
    rows = None
    if found.state is not State.fresh:
        register(planned_sums(dataset.name, inputs))
        rows = judged_rows(declaration, listing, store.get_json)
        store.put_json(listing)
        verdicts = store.put_json(verdicts_json(rows))
        add_record(product, "verdicts", dataset.name, inputs, verdicts, dataset.origin)
    else:
        assert found.record is not None
        register.found_fresh(found)
        verdicts = found.record.result

    chosen = summary_inputs(product, dataset, chains, verdicts)
    item = look_up(store, "summary", dataset.name, chosen)
    if item.state is State.fresh and item.record is not None:
        register.found_fresh(item)
        known: dict[str, Any] = store.get_json(item.record.result)
        return known
    register([Planned("summary", dataset.name, METHODS["summary"], chosen)])
    missing = not_evaluated(product, dataset, chains)
    store.put_json(missing)
    attributes = {c.id: c.attributes for c in dataset.cases}
    rows = rows or judged_rows(declaration, listing, store.get_json)
    summary = summary_json(declaration, rows, missing, attributes)
    add_record(product, "summary", dataset.name, chosen, store.put_json(summary), dataset.origin)
    return summary


def _refuse_when_empty(result: Evaluation) -> None:
    """No case at all could be evaluated: that is wrong input, not an answer."""
    if not result.not_evaluated or any(s["n_cases"] for s in result.summaries.values()):
        return
    # most often one and the same thing is wrong with all, and is told once
    alike: dict[str, list[str]] = {}
    for name, error in result.not_evaluated.items():
        alike.setdefault(str(error["what"]), []).append(name)
    told = []
    for what, names in list(alike.items())[:3]:
        error = result.not_evaluated[names[0]]
        words = f"{place(names[0], error.get('where'))}: {what}"
        words += f" ({error['found']})" if error.get("found") else ""
        words += f"; the same in {len(names) - 1} more" if len(names) > 1 else ""
        told.append(words)
    more = len(alike) - len(told)
    raise NothingEvaluated(
        f"not one of {len(result.not_evaluated)} cases could be evaluated",
        found="; ".join(told) + (f"; and {more} more reasons" if more else ""),
        mend=next(iter(result.not_evaluated.values())).get("mend"),
    )
