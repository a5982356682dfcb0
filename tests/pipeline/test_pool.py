"""Jobs in worker processes: every one answered once, whichever process dies."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from limen.pipeline.pool import Pool


def work(job: tuple[int, str]) -> int:
    """The number doubled; or the end of the process: always, or the first time only."""
    number, how = job
    if how == "kills":
        os._exit(9)
    if how and not Path(how).exists():
        Path(how).touch()
        os._exit(9)
    return 2 * number


@pytest.mark.parametrize("workers", [1, 2])
def test_jobs_may_be_submitted_while_results_come(workers):
    answers = {}
    with Pool(work, workers) as pool:
        pool.submit((1, ""))
        for (number, _), done in pool.results():
            answers[number] = done
            if number < 40:
                pool.submit((2 * number, ""))
                pool.submit((2 * number + 1, ""))
    assert answers == {n: 2 * n for n in range(1, 80)}


def test_a_job_that_kills_its_worker_is_known_and_the_others_go_on(tmp_path):
    jobs = [(n, "") for n in range(12)]
    jobs[5] = (5, "kills")
    jobs[8] = (8, str(tmp_path / "once"))
    with Pool(work, 2) as pool:
        for job in jobs:
            pool.submit(job)
        found = list(pool.results())
    assert Counter(job for job, _ in found) == Counter(jobs)
    assert {n: done for (n, _), done in found} == {n: 2 * n for n in range(12)} | {5: None}
