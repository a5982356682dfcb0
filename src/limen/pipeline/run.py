"""Run: everything that is stale, in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from limen.pipeline.product import Product, load

if TYPE_CHECKING:
    from limen.pipeline.bound import Bounded
    from limen.pipeline.evaluate import Evaluation, Progress
    from limen.pipeline.promotion import Standing
    from limen.pipeline.stress import Effort


@dataclass
class RunResult:
    """What a run found, and where its report is."""

    evaluation: Evaluation
    report: Path
    bounded: Bounded | None = None
    taken_back: list[Standing] = field(default_factory=list)
    """Releases whose stage did not hold any more."""


def run(
    product: Product | str | Path = ".",
    *,
    workers: int | None = None,
    progress: Progress | None = None,
    effort: Effort | None = None,
) -> RunResult:
    """Evaluate what is stale; search, certify and explain the boundary; then write the report.

    Killing it at any moment loses at most what is in work; the next run goes on from there.

    Parameters
    ----------
    product : Product, str or Path
    workers : int, optional
    progress : Progress, optional
    effort : Effort, optional
        Spent on the boundary; default the full profile.
    """
    from limen.pipeline.bound import bound
    from limen.pipeline.evaluate import evaluate
    from limen.pipeline.report import write_report
    from limen.pipeline.stress import FULL

    loaded = product if isinstance(product, Product) else load(product)
    evaluation = evaluate(loaded, workers=workers, progress=progress)
    if progress is not None:
        progress.step("boundary")
    bounded = bound(loaded, effort=effort or FULL, workers=workers, progress=progress)
    if progress is not None:
        progress.step("report")
    report = write_report(loaded)
    taken_back = []
    if any(r.kind == "release" for r in loaded.store.records()):
        from limen.pipeline.promotion import settle_all

        taken_back = settle_all(loaded)
    return RunResult(evaluation, report, bounded, taken_back)
