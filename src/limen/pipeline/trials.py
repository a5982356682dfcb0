"""Trials: the model's verdict on one case at one condition, each an evidence record.

A trial keeps the measurement, not the verdict, so that another limit in the criteria judges it
anew without running the model. It is looked for in the store before it is made, so none is made
twice and a run that was killed goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from limen.boundary.result import Condition, Trial
from limen.evidence import Outcome, digest_json
from limen.pipeline.degrade import FACTS
from limen.pipeline.degrade import METHOD as DEGRADE
from limen.pipeline.errors import CannotDegrade, ChangedMeanwhile
from limen.pipeline.graph import METHODS, Chains, current_items, measured_item
from limen.pipeline.pool import Pool
from limen.pipeline.registration import add_record
from limen.pipeline.trial_work import TrialJob, died, try_out

if TYPE_CHECKING:
    from limen.data import Case
    from limen.evidence import Record
    from limen.pipeline.graph import CaseGraph, Item
    from limen.pipeline.product import LoadedSet, Product

Found = TypeVar("Found")
Asking = Generator[Condition, Trial, Found]
Event = Literal["made", "known", "finished"]
_NO_ANSWER = "the model gave no answer: "


def trial_origin(dataset: LoadedSet) -> str:
    """Of a trial on the set's cases: a real image that was degraded is simulated raw data."""
    return "phantom" if dataset.origin == "phantom" else "resimulated"


@dataclass(frozen=True)
class Subject:
    """A case on trial: what is known of it before any condition is."""

    name: str
    """``DATASET/CASE``."""
    case: Case
    dataset: LoadedSet
    sources: Mapping[str, str]
    nominal: Item | None
    """The fresh measurement of the case as acquired; None where it could not be evaluated."""

    @property
    def origin(self) -> str:
        """Of a trial of the case."""
        return trial_origin(self.dataset)

    @cached_property
    def attributes_digest(self) -> str:
        """Of the case's attributes; several pieces of evidence depend on them."""
        return digest_json(dict(self.case.attributes))


class Trials:
    """Makes and remembers the trials of one product. Used inside ``store.writing()``.

    Parameters
    ----------
    product : Product
    graph : CaseGraph
    workers : int
    told : callable
        Told of each subject what became of it: a trial was "made" or "known", or its search is
        "finished".
    """

    def __init__(
        self,
        product: Product,
        graph: CaseGraph,
        workers: int,
        told: Callable[[str, Event], None],
    ) -> None:
        from limen.measures import Wanted

        self.product, self._graph, self._told = product, graph, told
        self._nominal = {n: a.from_ for n, a in product.declaration.physics.items()}
        self._workers = workers
        self._model_key = digest_json(graph.model_identity)
        wanted = Wanted.by(product.declaration.criteria).as_dict()
        self._common = {
            **graph.model_identity,
            "task": product.declared_digest("task"),
            "measures asked for": digest_json(wanted),
            "nominal": digest_json(self._nominal),
        }
        self.made = 0
        self.unanswered: dict[str, str] = {}
        """By subject: why the model gave no answer at a condition beyond nominal."""

    def run(
        self,
        asking: Mapping[str, Asking[Found]],
        subjects: Mapping[str, Subject],
        *,
        with_uncertainty: bool = False,
    ) -> tuple[dict[str, Found], dict[str, CannotDegrade]]:
        """Drive searches of many cases side by side until each has its answer.

        Parameters
        ----------
        asking : mapping
            Subject to a generator that yields conditions and is sent their trials.
        subjects : mapping
        with_uncertainty : bool
            Run the model at nominal too: an evaluation does not keep how sure it was.

        Returns
        -------
        (answers, refused)
            By subject: what its generator returned; or why its images cannot be degraded, and
            then its search was given up.
        """
        answers: dict[str, Found] = {}
        refused: dict[str, CannotDegrade] = {}
        recall = self.made_before if with_uncertainty else self.remembered
        with Pool(try_out, self._workers) as workers:
            waiting: dict[str, dict[str, float]] = {}

            def go_on(name: str, trial: Trial | None) -> None:
                """Answer from memory as long as it can, then ask a worker."""
                try:
                    asked = self._send(asking, name, trial) if trial else next(asking[name])
                    while (known := recall(subjects[name], asked)) is not None:
                        self._told(name, "known")
                        asked = self._send(asking, name, known)
                except StopIteration as done:
                    answers[name] = done.value
                    self._told(name, "finished")
                    return
                except CannotDegrade as error:
                    refused[name] = error
                    self._told(name, "finished")
                    return
                waiting[name] = dict(asked)
                workers.submit(self._job(subjects[name], asked))

            for name in asking:
                go_on(name, None)
            for job, result in workers.results():
                condition = waiting.pop(job.subject)
                try:
                    trial = self._keep(subjects[job.subject], condition, result or died(job))
                except CannotDegrade as error:
                    refused[job.subject] = error
                    self._told(job.subject, "finished")
                    continue
                go_on(job.subject, trial)
        return answers, refused

    def _send(self, asking: Mapping[str, Asking[Found]], name: str, trial: Trial) -> Condition:
        if trial.crashed and trial.condition:
            self.unanswered[name] = trial.reasons[0].removeprefix(_NO_ANSWER).partition(" (")[0]
        return asking[name].send(trial)

    def remembered(self, subject: Subject, condition: Condition) -> Trial | None:
        """The trial as the store has it; at nominal, what the evaluation found.

        Raises
        ------
        CannotDegrade
            If that is what the store has.
        """
        if not condition:
            return as_acquired(self.product, subject)
        return self.made_before(subject, condition)

    def made_before(self, subject: Subject, condition: Condition) -> Trial | None:
        """The trial as the store has it, nominal included."""
        record = self.record(subject, condition)
        if record is None:
            return None
        return self._trial(condition, self.product.store.get_json(record.result), subject)

    def record(self, subject: Subject, condition: Condition) -> Record | None:
        """The record of the trial as the store has it, nominal included."""
        return self.product.store.find(
            "trial", trial_name(subject.name, condition), METHODS["trial"],
            self._inputs(subject, condition),
        )  # fmt: skip

    def _inputs(self, subject: Subject, condition: Condition) -> dict[str, str]:
        known = subject.case.attributes
        facts = {k: known[k] for k in FACTS if k in known}
        return {
            **{k: v for k, v in subject.sources.items() if k != "prediction file"},
            **self._common,
            "condition": digest_json({"condition": dict(condition), "by": DEGRADE, "of": facts}),
        }

    def _job(self, subject: Subject, condition: Condition) -> TrialJob:
        return TrialJob(
            subject=subject.name,
            case=subject.case,
            condition=dict(condition),
            nominal=self._nominal,
            declaration=self.product.declaration,
            root=self.product.folder,
            model_key=self._model_key,
        )

    def _keep(self, subject: Subject, condition: Condition, result: dict[str, Any]) -> Trial:
        if not self._graph.unmoved(subject.case, subject.sources):
            raise ChangedMeanwhile(
                "a file of the case or of the model changed while it was in work",
                where=subject.name,
                mend="let the files rest and run again",
            )
        store = self.product.store
        again = result.get("again", False)
        add_record(
            self.product,
            "trial",
            trial_name(subject.name, condition),
            self._inputs(subject, condition),
            store.put_json({k: v for k, v in result.items() if k != "again"}),
            subject.origin,
            Outcome.interrupted if again else Outcome.done,
        )
        self.made += 1
        self._told(subject.name, "made")
        return self._trial(condition, result, subject)

    def _trial(self, condition: Condition, kept: Mapping[str, Any], subject: Subject) -> Trial:
        if "cannot" in kept:
            error = kept["cannot"]
            raise CannotDegrade(
                error["what"], where=error["where"], found=error["found"], mend=error["mend"]
            )
        if "error" in kept:
            error = kept["error"]
            found = f" ({error['found']})" if error["found"] else ""
            reason = f"{_NO_ANSWER}{error['what']}{found}"
            return Trial(dict(condition), False, (reason,), crashed=True)
        trial = _judged(self.product, condition, kept["measurement"])
        return replace(trial, uncertainty=kept.get("uncertainty_ml"))


def failed_by_patient(cases: Iterable[tuple[str, bool]]) -> dict[str, bool]:
    """By patient, of pairs of patient and whether a case of theirs fails: whether any does."""
    failed: dict[str, bool] = {}
    for patient, fails in cases:
        failed[patient] = failed.get(patient, False) or fails
    return failed


def as_acquired(product: Product, subject: Subject) -> Trial:
    """The trial at nominal: what the evaluation found."""
    if subject.nominal is None or subject.nominal.record is None:
        return Trial({}, False, ("the case could not be evaluated as acquired",), crashed=True)
    return _judged(product, {}, product.store.get_json(subject.nominal.record.result))


def _judged(product: Product, condition: Condition, measurement: Any) -> Trial:
    from limen.measures import Measurement, judge

    declaration = product.declaration
    verdict = judge(Measurement.from_dict(measurement), declaration.criteria, declaration.task)
    return Trial(dict(condition), verdict.passed, tuple(verdict.reasons))


def trial_name(subject: str, condition: Condition) -> str:
    """As ``validation/case-7 at ct.dose 0.3, ct.views 120``."""
    at = ", ".join(f"{name} {value:g}" for name, value in sorted(condition.items())) or "nominal"
    return f"{subject} at {at}"


def subjects_of(
    product: Product, graph: CaseGraph, chains: Chains | None = None
) -> dict[str, Subject]:
    """Every validation case that was found whole, by ``DATASET/CASE``.

    ``chains`` are those of `current_items`, where they were looked up already.
    """
    found = {}
    chains = chains or current_items(product, graph)
    for dataset in product.sets.values():
        if not dataset.is_validation or dataset.left_out is not None:
            continue
        for case in dataset.cases:
            name = f"{dataset.name}/{case.id}"
            measured = measured_item(chains[dataset.name][case.id])
            found[name] = Subject(name, case, dataset, graph.sources(case), measured)
    return found
