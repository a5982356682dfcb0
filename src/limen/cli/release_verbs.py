"""Verbs on how far evidence goes: reach."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limen.cli.show import Folder, Json, json_out
from limen.errors import LimenError

if TYPE_CHECKING:
    from limen.pipeline.reach import Affected, HowFar

_SHOWN = 20


class NotADay(LimenError):
    """A day on the command line is not written as 2026-12-31."""


def add_to(app: typer.Typer) -> None:
    for verb in (reach,):
        app.command()(verb)


def reach(
    folder: Folder = Path(),
    withdraw: Annotated[
        str | None,
        typer.Option(help="All that derives from a patient (P-..., or a case DATASET/CASE)."),
    ] = None,
    approval: Annotated[
        str | None, typer.Option(help="All that derives from data under an approval's file/number.")
    ] = None,
    on: Annotated[str | None, typer.Option(help="The answer on this day, as 2026-12-31.")] = None,
    site: Annotated[
        list[str] | None, typer.Option(help="Where results are to be used; several times.")
    ] = None,
    as_json: Json = False,
) -> None:
    """How far results may go, and through which case, weights or approval no further.

    Exit status 1 when something is wrong or missing; data that by its kind goes no further is no
    fault. With --withdraw or --approval: what would be touched, each with its path.
    """
    from limen.pipeline import load
    from limen.pipeline import reach as far

    product = load(folder)
    if withdraw is not None or approval is not None:
        found = (
            far.affected_by_patient(product, withdraw)
            if withdraw is not None
            else far.affected_by_approval(product, approval or "")
        )
        _affected_out(found, as_json)
        return
    answer = far.how_far(product, day=_day(on), sites=site or ())
    if as_json:
        json_out(answer.as_dict())
    else:
        _reach_out(answer)
    if answer.faults:
        raise typer.Exit(1)


def _reach_out(answer: HowFar) -> None:
    from limen.pipeline.reach import in_words

    typer.echo(f"Results reach {answer.stage}.")
    if answer.stage != answer.asked:
        typer.echo(f"\nAgainst {answer.asked}:")
    for words in in_words(answer):
        typer.echo(f"  {words}")
    for term, words in answer.conditions.items():
        typer.echo(f"\nFor a person to see to ({term}): {words}")


def _affected_out(found: list[Affected], as_json: bool) -> None:
    if as_json:
        json_out(
            {"affected": [{"kind": a.kind, "name": a.name, "path": list(a.path)} for a in found]}
        )
        return
    counts: dict[str, int] = {}
    for a in found:
        counts[a.kind] = counts.get(a.kind, 0) + 1
    typer.echo(f"{len(found)} affected: " + ", ".join(f"{n} {kind}" for kind, n in counts.items()))
    for a in found[:_SHOWN]:
        typer.echo(f"  {' <- '.join(a.path)}")
    if len(found) > _SHOWN:
        typer.echo(f"  ... and {len(found) - _SHOWN} more; --json lists all")


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise NotADay("this is no day", found=text, mend="write it as 2026-12-31") from None
