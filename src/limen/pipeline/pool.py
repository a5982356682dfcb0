"""Worker processes that take more jobs while results come in, and outlive one of them dying."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from limen.pipeline.orphans import end_with_parent

if TYPE_CHECKING:
    from concurrent.futures import Future

Job = TypeVar("Job")
Done = TypeVar("Done")


class Pool(Generic[Job, Done]):
    """Runs ``function`` on jobs, in worker processes or, with one worker, in this one.

    At most two jobs for each worker are in flight, so results waiting to be kept stay few.

    Parameters
    ----------
    function : callable
        Of a module, because worker processes import it; returns what it has to say of an error.
    workers : int
    """

    def __init__(self, function: Callable[[Job], Done], workers: int) -> None:
        self._function, self._n = function, workers
        self._todo: deque[Job] = deque()
        self._flying: dict[Future[Done], Job] = {}
        self._processes: Any = None

    def __enter__(self) -> Pool[Job, Done]:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def submit(self, job: Job) -> None:
        self._todo.append(job)

    def results(self) -> Iterator[tuple[Job, Done | None]]:
        """Jobs with their results as they come, until none is left; more may be submitted.

        When a worker dies (most often: no memory left), the jobs that were in work are tried once
        more, each alone. None for the one that kills its worker again; the others go on.
        """
        if self._n <= 1:
            while self._todo:
                job = self._todo.popleft()
                yield job, self._function(job)
            return
        from concurrent.futures import FIRST_COMPLETED, wait

        from loky.process_executor import BrokenProcessPool

        while self._todo or self._flying:
            self._fill()
            done, _ = wait(self._flying, return_when=FIRST_COMPLETED)
            lost: list[Job] = []
            for future in done:
                job = self._flying.pop(future)
                try:
                    result = future.result()
                except BrokenProcessPool:
                    lost.append(job)
                    continue
                yield job, result
            if lost:
                lost += self._flying.values()
                self._flying.clear()
                self._end()
                for job in lost:
                    yield job, self._alone(job)

    def _fill(self) -> None:
        if self._processes is None:
            self._processes = open_pool(self._n)
        while self._todo and len(self._flying) < 2 * self._n:
            job = self._todo.popleft()
            self._flying[self._processes.submit(self._function, job)] = job

    def _end(self) -> None:
        if self._processes is not None:
            self._processes.shutdown(wait=False, kill_workers=True)
            self._processes = None

    def _alone(self, job: Job) -> Done | None:
        from loky.process_executor import BrokenProcessPool

        process = open_pool(1)
        try:
            done: Done = process.submit(self._function, job).result()
        except BrokenProcessPool:
            return None
        finally:
            process.shutdown(wait=False, kill_workers=True)
        return done


def each(function: Callable[[Job], Done], jobs: Sequence[Job], workers: int) -> Iterator[Done]:
    """What ``function`` returns for each job, in order; in worker processes where several."""
    if workers <= 1 or len(jobs) <= 1:
        yield from map(function, jobs)
        return
    pool = open_pool(min(workers, len(jobs)))
    try:
        yield from pool.map(function, jobs)
    finally:
        pool.shutdown(wait=False, kill_workers=True)


def open_pool(workers: int) -> Any:
    """Worker processes that end with this one.

    One thread of linear algebra and of finufft in each: the workers fill the cores already, threads
    beyond that wait for each other (twice the time measured for fingerprints of 20 cases), and a
    number of threads taken from the machine would decide how sums are rounded.
    """
    from loky import ProcessPoolExecutor

    return ProcessPoolExecutor(
        max_workers=workers,
        initializer=end_with_parent,
        initargs=(os.getpid(),),
        env={n: os.environ.get(n, "1") for n in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")},
    )
