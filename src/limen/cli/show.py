"""What the verbs print: errors, progress, tables, JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.progress import Progress

    from limen.errors import LimenError
    from limen.pipeline.evaluate import Evaluation

Folder = Annotated[Path, typer.Argument(help="The product's folder, with limen.yaml.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object for machines.")]
Workers = Annotated[
    int | None,
    typer.Option("--workers", "-j", min=1, help="Worker processes; default one for each core."),
]
Quick = Annotated[
    bool,
    typer.Option("--quick", help="A smaller boundary: fewer axes and cases, coarser margins."),
]


def json_out(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def error_out(error: LimenError, as_json: bool = False) -> None:
    """One error: what, where, found, mend."""
    if as_json:
        value: dict[str, Any] = {**error.as_dict()}
        problems = getattr(error, "problems", None)
        if problems is not None:
            value = {**value, "problems": [p.as_dict() for p in problems]}
        json_out(value)
        return
    if getattr(error, "problems", None) is not None:
        typer.echo(str(error), err=True)
        return
    typer.echo(f"{error.where}: {error.what}" if error.where else error.what, err=True)
    if error.found is not None:
        typer.echo(f"  found: {error.found}", err=True)
    if error.mend is not None:
        typer.echo(f"  mend:  {error.mend}", err=True)


def failures_out(failures: Mapping[str, Mapping[str, Any]], most: int = 20) -> None:
    """Cases that could not be evaluated, each with its reason and its mend."""
    if not failures:
        return
    typer.echo(f"\nNot evaluated ({len(failures)}):")
    from limen.pipeline.standing import place

    for name, error in list(failures.items())[:most]:
        typer.echo(f"  {place(name, error.get('where'))}: {error['what']}")
        for key in ("found", "mend"):
            if error.get(key):
                typer.echo(f"    {key}: {error[key]}")
    if len(failures) > most:
        typer.echo(f"  ... and {len(failures) - most} more; --json lists all")


def standing_out(
    sets: Mapping[str, Mapping[str, Any]],
    leaks: Sequence[Mapping[str, Any]],
    approvals: Mapping[str, Mapping[str, Any]],
    most: int = 10,
) -> None:
    """Why nothing may be claimed of a set as a whole: lost cases, leaks, approvals."""
    for leak in leaks[:most]:
        pair = f"{leak['case_a']} and {leak['case_b']}"
        typer.echo(f"\nLeak, {leak['kind']}: {pair}: {leak['in_words']}")
    if len(leaks) > most:
        typer.echo(f"  ... and {len(leaks) - most} more leaks; --json lists all")
    for name, error in approvals.items():
        typer.echo(
            f"\nNot permitted today: data set {name}: {error['what']} ({error['found']}); results "
            f"on it reach feasibility and no further\n    mend: {error['mend']}"
        )
    for name, standing in sets.items():
        if not standing["complete"]:
            typer.echo(
                f"\nNot complete: data set {name}: {standing['not_evaluated']} of "
                f"{standing['cases']} cases not evaluated; nothing may be claimed of it as a whole"
            )


def summary_out(
    evaluation: Evaluation, most: int = 10, origins: Mapping[str, str] | None = None
) -> None:
    """What an evaluation found: failing cases, those not evaluated, a table, what forbids a claim.

    "lost" are cases not evaluated. ``origins`` of the data sets, by name, are shown in the table
    where they are given.
    """
    for name, summary in evaluation.summaries.items():
        failing = summary["failing_cases"]
        if failing:
            typer.echo(f"\n{name}: {len(failing)} of {summary['n_cases']} cases fail")
        for case in failing[:most]:
            typer.echo(f"  {case['case']}: {'; '.join(case['reasons'])}")
        if len(failing) > most:
            typer.echo(f"  ... and {len(failing) - most} more; the report shows all")
    failures_out(evaluation.not_evaluated)
    for name, why in evaluation.left_out.items():
        typer.echo(f"\nLeft out: data set {name}: {why}")
    if evaluation.summaries:
        typer.echo()
        rows = [
            [name, *([origins[name]] if origins else []), *_summary_row(s)]
            for name, s in evaluation.summaries.items()
        ]
        table_out(
            "By data set",
            [
                "data set",
                *(["origin"] if origins else []),
                *("cases", "lost", "patients", "failing", "found", "false/case", "risk met"),
            ],
            rows,
        )
    for name, summary in evaluation.summaries.items():
        typer.echo(f"{name}: {summary['risk']['in_words']}")
        for words in _worst_group(summary["subgroups"]):
            typer.echo(f"{name}: {words}")
    standing_out(evaluation.sets, evaluation.leaks, evaluation.approvals, most)


def _summary_row(summary: Mapping[str, Any]) -> list[str]:
    return [
        str(summary["n_cases"]),
        str(summary["n_not_evaluated"]),
        str(summary["n_patients"]),
        str(len(summary["failing_cases"])),
        "; ".join(_found(s) for s in judged(summary["sensitivity"])),
        "; ".join(
            f"{m['per_case']['value']:.2f}"
            for m in judged(summary["false_marks"])
            if m["per_case"]["value"] is not None
        ),
        summary["risk"]["met"],
    ]


def judged(groups: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The rows of a summary that the criteria ask for; all sizes where they ask for none."""
    return [group for group in groups if group["judged"]] or list(groups[:1])


def _found(group: Mapping[str, Any]) -> str:
    size = f" >={group['min_diameter_mm']:g}mm" if group["min_diameter_mm"] else ""
    near = f" within {group['tolerance_mm']:g}mm" if group["tolerance_mm"] is not None else ""
    structure = group["region"] or group["label"]
    of = f" {structure}" if structure else ""
    return f"{group['found']}/{group['present']}{of}{size}{near}"


def _worst_group(found: Mapping[str, Any]) -> list[str]:
    """The group with the largest share of failing patients, and the groups too small to say."""
    told = []
    for worst in found["worst"]:
        figure = worst["figure"]
        if worst["measure"] != "failure_rate" or not figure["value"]:
            continue
        by = ", ".join(f"{name} {value}" for name, value in worst["by"].items())
        told.append(
            f"worst of {worst['compared']} groups: {by}, where {100 * figure['value']:.3g} % of "
            f"{figure['n']} patients fail ({100 * figure['low']:.3g} to "
            f"{100 * figure['high']:.3g} %, as wide as picking the worst asks for)"
        )
    small = [
        ", ".join(f"{name} {value}" for name, value in group["by"].items())
        + f" (n = {group['n_patients']})"
        for group in found["too_small"]
    ]
    if small:
        more = f" and {len(small) - 5} more" if len(small) > 5 else ""
        told.append(
            f"groups too small to say, under {found['min_patients']} patients: "
            f"{', '.join(small[:5])}{more}"
        )
    return told


def table_out(title: str, columns: list[str], rows: list[list[str]]) -> None:
    """A small table on the terminal."""
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else 100)
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE)
    table.show_edge = table.pad_edge = False
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console.print(table)


class Shown:
    """Progress of long work on standard error: a bar on a terminal, plain lines elsewhere."""

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self._bar: Progress | None = None
        self._task: Any = None
        self._total = self._done = self._failed = 0
        self._last = 0.0

    def __enter__(self) -> Shown:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def begin(self, total: int, already: int) -> None:
        self._total, self._done = total, already
        todo = total - already
        if self._quiet or not total:
            return
        if not todo:
            typer.echo(f"All {total} cases are up to date.", err=True)
            return
        typer.echo(f"{todo} of {total} cases to work on, {already} up to date.", err=True)
        if sys.stderr.isatty():
            self._bar = _bar()
            self._task = self._bar.add_task("cases", total=todo)
            self._bar.start()

    def case_done(self, subject: str, error: LimenError | None) -> None:
        self._done += 1
        if error is not None:
            self._failed += 1
            self._say(f"  {subject}: {error.what}")
        if self._bar is not None:
            self._bar.advance(self._task)
        elif time.monotonic() - self._last > 5 or self._done == self._total:
            self._last = time.monotonic()
            failed = f", {self._failed} not evaluated" if self._failed else ""
            self._say(f"  {self._done}/{self._total} cases{failed}")

    def step(self, words: str) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        self._say(f"  {words}")

    def count(self, words: str) -> None:
        """How far work of unknown length is; told every few seconds."""
        if time.monotonic() - self._last > 5:
            self._last = time.monotonic()
            self._say(f"  {words}")

    def _say(self, words: str) -> None:
        if self._quiet:
            return
        if self._bar is not None:
            self._bar.console.print(words, highlight=False, markup=False)
        else:
            typer.echo(words, err=True)


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
