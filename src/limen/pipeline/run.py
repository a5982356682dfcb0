"""Run: everything that is stale, in order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from limen.pipeline.product import Product, load

if TYPE_CHECKING:
    from limen.pipeline.evaluate import Evaluation, Progress


@dataclass
class RunResult:
    """What a run found, and where its report is."""

    evaluation: Evaluation
    report: Path


def run(
    product: Product | str | Path = ".",
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> RunResult:
    """Evaluate what is stale, then write the report.

    Killing it at any moment loses at most the cases in work; the next run goes on from there.
    """
    from limen.pipeline.evaluate import evaluate
    from limen.pipeline.report import write_report

    loaded = product if isinstance(product, Product) else load(product)
    evaluation = evaluate(loaded, workers=workers, progress=progress)
    if progress is not None:
        progress.step("report")
    return RunResult(evaluation, write_report(loaded))
