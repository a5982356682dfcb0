"""Verbs that make and look at results: run, evaluate, report, status."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limen.cli.show import (
    Folder,
    Json,
    Shown,
    Workers,
    failures_out,
    json_out,
    summary_out,
    table_out,
)

if TYPE_CHECKING:
    from limen.pipeline.evaluate import Evaluation


def add_to(app: typer.Typer) -> None:
    for verb in (run, evaluate, report, status):
        app.command()(verb)


def run(folder: Folder = Path(), workers: Workers = None, as_json: Json = False) -> None:
    """Everything that is stale, in order: evaluate, then report.

    Stop it at any time; the next run goes on from there.
    """
    from limen.pipeline import load
    from limen.pipeline import run as run_all

    product = load(folder)
    with Shown(quiet=as_json) as progress:
        result = run_all(product, workers=workers, progress=progress)
    if as_json:
        json_out({**evaluation_json(result.evaluation), "report": str(result.report)})
    else:
        summary_out(result.evaluation)
        typer.echo(f"\nReport: {result.report}")
    _exit(result.evaluation)


def evaluate(
    folder: Folder = Path(),
    workers: Workers = None,
    csv: Annotated[
        Path | None, typer.Option(help="Also write the tables as CSV into this folder.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Predict, measure and judge each case that is stale.

    Tables (cases, verdicts, measurements, lesions) are kept as Parquet in .limen/tables.
    """
    from limen.pipeline import load
    from limen.pipeline.evaluate import evaluate as evaluate_product
    from limen.pipeline.tables import write_csv

    product = load(folder)
    with Shown(quiet=as_json) as progress:
        result = evaluate_product(product, workers=workers, progress=progress)
    written = write_csv(product, csv) if csv is not None else []
    if as_json:
        json_out({**evaluation_json(result), "csv": [str(p) for p in written]})
    else:
        summary_out(result)
        for path in written:
            typer.echo(f"Wrote {path}")
    _exit(result)


def report(folder: Folder = Path(), as_json: Json = False) -> None:
    """Write the HTML report; says so when results are stale."""
    from limen.pipeline import load
    from limen.pipeline.report import write_report

    path = write_report(load(folder))
    if as_json:
        json_out({"report": str(path)})
    else:
        typer.echo(f"Report: {path}")


def status(
    folder: Folder = Path(),
    cases: Annotated[bool, typer.Option("--cases", help="List every case.")] = False,
    as_json: Json = False,
) -> None:
    """What is fresh, what is stale, and through which changed input.

    Exit status 0 when all is fresh, 1 when something is stale.
    """
    from limen.pipeline import load
    from limen.pipeline.status import status as look

    found = look(load(folder))
    if as_json:
        json_out(found.as_dict())
        raise typer.Exit(1 if found.stale else 0)
    states = ["fresh", "stale", "missing", "refused"]
    table_out(
        "Evidence",
        ["kind", *states],
        [[k, *(str(c.get(s, "")) for s in states)] for k, c in found.counts().items()],
    )
    if cases:
        for item in found.items:
            typer.echo(f"  {item.state.value:8} {item.kind:12} {item.subject}")
    for cause, items in found.causes().items():
        named = sorted({i.subject for i in items})
        some = ", ".join(named[:5]) + (f" and {len(named) - 5} more" if len(named) > 5 else "")
        kinds = ", ".join(sorted({i.kind for i in items}))
        typer.echo(f"\nChanged: {cause}\n  makes stale: {kinds} of {some}")
    missing = [i for i in found.stale if i.state.value == "missing"]
    if missing:
        typer.echo(f"\nNever made: {len(missing)} pieces of evidence")
    for name, why in found.left_out.items():
        typer.echo(f"\nLeft out: data set {name}: {why}")
    failures_out(found.not_evaluated)
    if found.stale:
        typer.echo(f"\n`limen run {folder}` brings everything up to date.")
        raise typer.Exit(1)
    typer.echo("\nEverything is fresh.")


def evaluation_json(result: Evaluation) -> dict[str, Any]:
    return {
        "complete": result.complete,
        "cases": result.cases,
        "computed": result.computed,
        "summaries": result.summaries,
        "leaks": result.leaks,
        "not_evaluated": result.not_evaluated,
        "left_out": result.left_out,
    }


def _exit(result: Evaluation) -> None:
    if not result.complete:
        raise typer.Exit(1)
