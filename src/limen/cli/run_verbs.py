"""Verbs that make and look at results: run, evaluate, report, status."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limen.cli.regulation_options import On, read_date
from limen.cli.show import (
    Folder,
    Json,
    Quick,
    Shown,
    Workers,
    failures_out,
    json_out,
    standing_out,
    summary_out,
    table_out,
)

if TYPE_CHECKING:
    from limen.pipeline.evaluate import Evaluation
    from limen.pipeline.status import Status


def add_to(app: typer.Typer) -> None:
    for verb in (run, evaluate, report, status):
        app.command()(verb)


def run(
    folder: Folder = Path(), workers: Workers = None, quick: Quick = False, as_json: Json = False
) -> None:
    """Everything that is stale, in order: evaluate, stress, certify, explain, report.

    Stop it at any time; the next run goes on from there. Exit status 1 when nothing may be
    claimed of a case set: lost cases, leaks, an approval that is not in force.
    """
    from limen.cli.boundary_verbs import bounded_json, bounded_out
    from limen.pipeline import load
    from limen.pipeline import run as run_all
    from limen.pipeline.stress import FULL, QUICK

    product = load(folder)
    with Shown(quiet=as_json) as progress:
        effort = QUICK if quick else FULL
        result = run_all(product, workers=workers, progress=progress, effort=effort)
    if as_json:
        json_out({**evaluation_json(result.evaluation), "report": str(result.report),
                  **bounded_json(result.bounded),
                  "taken_back": [s.as_dict() for s in result.taken_back]})  # fmt: skip
    else:
        summary_out(result.evaluation)
        bounded_out(result.bounded)
        from limen.cli.release_verbs import standing_out as stage_out

        for taken_back in result.taken_back:
            stage_out(taken_back)
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

    Tables (cases, verdicts, measurements, lesions, subgroups) are kept as Parquet in
    .limen/tables.
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


def report(
    folder: Folder = Path(),
    dossier: Annotated[
        bool, typer.Option("--dossier", help="Also write the dossier, into report/dossier.")
    ] = False,
    pdf: Annotated[bool, typer.Option(help="The dossier as PDF too; needs limen[pdf].")] = True,
    on: On = None,
    as_json: Json = False,
) -> None:
    """Write the HTML report; says so when results are stale.

    The dossier adds the model card (CHAI, and a README for model hubs), contract, required
    evidence, risk table, checklists, change history and the index of evidence; an export in which
    a limit is missing is refused. Exit status 1 when nothing may be claimed of a case set: lost
    cases, leaks, approvals.
    """
    from limen.pipeline import load
    from limen.pipeline.report import write_report
    from limen.pipeline.status import status as look

    product = load(folder)
    path = write_report(product)
    written = None
    if dossier:
        from limen.pipeline.dossier import write_dossier

        written, _ = write_dossier(product, read_date(on), pdf=pdf)
    found = look(product)
    if as_json:
        told = found.as_dict()
        kept = ("complete", "sets", "not_evaluated", "leaks", "approvals")
        made = {"report": str(path), "dossier": None if written is None else str(written)}
        json_out({**made, **{k: told[k] for k in kept}})
    else:
        failures_out(found.not_evaluated)
        standing_out(found.sets, found.leaks, found.approvals)
        typer.echo(f"Report: {path}")
        if written is not None:
            typer.echo(f"Dossier: {written / 'dossier.html'}")
    _exit(found)


def status(
    folder: Folder = Path(),
    cases: Annotated[bool, typer.Option("--cases", help="List every case.")] = False,
    as_json: Json = False,
) -> None:
    """What is fresh, what is stale, and through which changed input.

    Exit status 0 when all is fresh and may be claimed; 1 when something is stale, a case set is
    not complete, a case leaks, or an approval is not in force.
    """
    from limen.pipeline import load
    from limen.pipeline.status import status as look

    found = look(load(folder))
    if as_json:
        json_out(found.as_dict())
        _exit(found)
        return
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
        kinds = ", ".join(sorted({i.kind for i in missing}))
        typer.echo(f"\nNever made: {len(missing)} of evidence ({kinds})")
    for name, why in found.left_out.items():
        typer.echo(f"\nLeft out: data set {name}: {why}")
    failures_out(found.not_evaluated)
    standing_out(found.sets, found.leaks, found.approvals)
    if found.stale:
        typer.echo(f"\n`limen run {folder}` brings everything up to date.")
    elif found.complete:
        typer.echo("\nEverything is fresh.")
    else:
        typer.echo("\nEverything that can be made is fresh; the above is still to mend.")
    _exit(found)


def evaluation_json(result: Evaluation) -> dict[str, Any]:
    return {
        "complete": result.complete,
        "cases": result.cases,
        "computed": result.computed,
        "summaries": result.summaries,
        "leaks": result.leaks,
        "not_evaluated": result.not_evaluated,
        "left_out": result.left_out,
        "sets": result.sets,
        "approvals": result.approvals,
    }


def _exit(result: Evaluation | Status) -> None:
    if not result.complete or result.approvals:
        raise typer.Exit(1)
