"""One trial, as a job that a worker process takes; and the workers."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limen.errors import LimenError
from limen.pipeline.degrade import degrade
from limen.pipeline.errors import Unexpected, WorkerDied
from limen.pipeline.work import open_pool, opened_model

if TYPE_CHECKING:
    from concurrent.futures import Future

    from limen.data import Case
    from limen.product import Declaration


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


class Workers:
    """Worker processes that are given jobs while earlier results come in."""

    def __init__(self, workers: int) -> None:
        self._n = workers
        self._todo: list[TrialJob] = []
        self._flying: dict[Future[dict[str, Any]], TrialJob] = {}
        self._alone: set[str] = set()
        self._pool: Any = None

    def __enter__(self) -> Workers:
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
