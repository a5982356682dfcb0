"""Trials: the model's verdict on one case at one condition, each an evidence record.

A trial keeps the measurement, not the verdict, so that another limit in the criteria judges it
anew without running the model. It is looked for in the store before it is made, so none is made
twice and a run that was killed goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from limen.boundary.result import Condition, Trial
from limen.errors import LimenError
from limen.evidence import Outcome, Record, digest_json
from limen.pipeline.degrade import METHOD as DEGRADE
from limen.pipeline.degrade import degrade
from limen.pipeline.errors import CannotDegrade, ChangedMeanwhile, Unexpected, WorkerDied
from limen.pipeline.graph import METHODS, Chains, current_items, measured_item
from limen.pipeline.work import open_pool, opened_model

if TYPE_CHECKING:
    from concurrent.futures import Future

    from limen.data import Case
    from limen.pipeline.graph import CaseGraph, Item
    from limen.pipeline.product import LoadedSet, Product
    from limen.product import Declaration

Found = TypeVar("Found")
Asking = Generator[Condition, Trial, Found]


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
        """Of a trial: a real image that was degraded is simulated raw data."""
        return "phantom" if self.dataset.origin == "phantom" else "resimulated"


@dataclass(frozen=True)
class TrialJob:
    """What a worker needs for one trial."""

    subject: str
    case: Case
    condition: dict[str, float]
    nominal: dict[str, float]
    declaration: Declaration
    root: Path
    model_key: str


class Trials:
    """Makes and remembers the trials of one product. Used inside ``store.writing()``.

    Parameters
    ----------
    product : Product
    graph : CaseGraph
    workers : int
    told : callable
        Called after each trial with the subject and whether it was made now.
    """

    def __init__(
        self,
        product: Product,
        graph: CaseGraph,
        workers: int,
        told: Callable[[str, bool], None],
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
        with _Workers(self._workers) as workers:
            waiting: dict[str, dict[str, float]] = {}

            def go_on(name: str, trial: Trial | None) -> None:
                """Answer from memory as long as it can, then ask a worker."""
                try:
                    asked = asking[name].send(trial) if trial else next(asking[name])
                    while (known := recall(subjects[name], asked)) is not None:
                        self._told(name, False)
                        asked = asking[name].send(known)
                except StopIteration as done:
                    answers[name] = done.value
                    return
                except CannotDegrade as error:
                    refused[name] = error
                    return
                waiting[name] = dict(asked)
                workers.submit(self._job(subjects[name], asked))

            for name in asking:
                go_on(name, None)
            for job, result in workers.results():
                condition = waiting.pop(job.subject)
                try:
                    trial = self._keep(subjects[job.subject], condition, result)
                except CannotDegrade as error:
                    refused[job.subject] = error
                    continue
                go_on(job.subject, trial)
        return answers, refused

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
        record = self.product.store.find(
            "trial", trial_name(subject.name, condition), METHODS["trial"],
            self._inputs(subject, condition),
        )  # fmt: skip
        if record is None:
            return None
        return self._trial(condition, self.product.store.get_json(record.result), subject)

    def _inputs(self, subject: Subject, condition: Condition) -> dict[str, str]:
        facts = {
            k: subject.case.attributes[k]
            for k in ("photons_per_ray", "kernel", "electronic_noise_photons")
            if k in subject.case.attributes
        }
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
        self.product.store.add(
            Record(
                kind="trial",
                subject=trial_name(subject.name, condition),
                method=METHODS["trial"],
                inputs=self._inputs(subject, condition),
                result=store.put_json({k: v for k, v in result.items() if k != "again"}),
                outcome=Outcome.interrupted if again else Outcome.done,
                origin=subject.origin,
                made_utc=store.now_utc(),
            )
        )
        self.made += 1
        self._told(subject.name, True)
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
            reason = f"the model gave no answer: {error['what']}{found}"
            return Trial(dict(condition), False, (reason,), crashed=True)
        trial = _judged(self.product, condition, kept["measurement"])
        return replace(trial, uncertainty=kept.get("uncertainty_ml"))


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


def try_out(job: TrialJob) -> dict[str, Any]:
    """One trial, in a worker: degrade, predict, measure. A failing model is an answer."""
    import numba

    from limen.data import read_image, read_labels
    from limen.measures import Wanted, measure_case

    numba.set_num_threads(1)  # the workers fill the cores already
    try:
        image = read_image(job.case)
        assert job.case.reference is not None
        task = job.declaration.task
        reference = read_labels(job.case.reference, image.geometry, task, job.case.id)
        degraded = degrade(
            image,
            job.condition,
            case=job.subject,
            attributes=job.case.attributes,
            nominal=job.nominal,
        )
    except LimenError as error:
        return {"condition": job.condition, "cannot": error.as_dict()}
    except Exception as error:
        # the text of a foreign error may hold a path or a name: only its type is passed on
        unforeseen = Unexpected(f"an unforeseen {type(error).__name__} in degrading the image")
        return {"condition": job.condition, "cannot": unforeseen.as_dict()}
    told = {"condition": job.condition, "applied": list(degraded.applied)}
    try:
        model = opened_model(job.model_key, job.declaration, job.root)
        prediction, unsure_ml = model.answer(job.case, degraded.image)
        measurement = measure_case(
            prediction.values,
            reference.values,
            reference.geometry.affine_lps_mm,
            task,
            Wanted.by(job.declaration.criteria),
        )
    except LimenError as error:
        return {**told, "error": error.as_dict()}
    except MemoryError:
        return {**told, "error": _no_memory(job).as_dict(), "again": True}
    except Exception as error:
        words = f"an unforeseen {type(error).__name__} in the model or in measuring its answer"
        return {**told, "error": Unexpected(words, where=job.subject).as_dict()}
    return {**told, "measurement": measurement.as_dict(), "uncertainty_ml": unsure_ml}


def _no_memory(job: TrialJob) -> WorkerDied:
    return WorkerDied("the process ended for want of memory", where=job.subject)


class _Workers:
    """Worker processes that are given jobs while earlier results come in."""

    def __init__(self, workers: int) -> None:
        self._n = workers
        self._todo: list[TrialJob] = []
        self._flying: dict[Future[dict[str, Any]], TrialJob] = {}
        self._alone: set[str] = set()
        self._pool: Any = None

    def __enter__(self) -> _Workers:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, kill_workers=True)

    def submit(self, job: TrialJob) -> None:
        self._todo.append(job)

    def results(self) -> Generator[tuple[TrialJob, dict[str, Any]], None, None]:
        """Jobs with their results as they come, until none is left; more may be submitted."""
        if self._n <= 1:
            while self._todo:
                job = self._todo.pop(0)
                yield job, try_out(job)
            return
        from concurrent.futures import FIRST_COMPLETED, wait

        from loky.process_executor import BrokenProcessPool

        while self._todo or self._flying:
            self._fill()
            done, _ = wait(self._flying, return_when=FIRST_COMPLETED)
            for future in done:
                job = self._flying.pop(future)
                try:
                    result = future.result()
                except BrokenProcessPool:
                    lost = [job, *self._flying.values()]
                    self._flying.clear()
                    self._pool = None
                    yield from self._one_by_one(lost)
                    break
                yield job, result

    def _one_by_one(
        self, jobs: Sequence[TrialJob]
    ) -> Generator[tuple[TrialJob, dict[str, Any]], None, None]:
        """Jobs in flight when a process died: each alone, so that the one that kills is known."""
        from loky.process_executor import BrokenProcessPool

        for job in jobs:
            try:
                result = self._open().submit(try_out, job).result()
            except BrokenProcessPool:
                self._pool = None
                error = WorkerDied("the model's process died", where=job.subject).as_dict()
                result = {"condition": job.condition, "error": error, "again": True}
            yield job, result

    def _fill(self) -> None:
        while self._todo and len(self._flying) < 2 * self._n:
            job = self._todo.pop(0)
            self._flying[self._open().submit(try_out, job)] = job

    def _open(self) -> Any:
        if self._pool is None:
            self._pool = open_pool(self._n)
        return self._pool


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
