"""The verb that looks for identity in images: deidentify-check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limen.cli.show import Json, json_out
from limen.errors import LimenError

if TYPE_CHECKING:
    from limen.data.deidentification import Deidentified

_SHOWN = 40


class NothingToCheck(LimenError):
    """There is no DICOM file under the paths that were given."""


def add_to(app: typer.Typer) -> None:
    app.command("deidentify-check")(deidentify_check)


def deidentify_check(
    paths: Annotated[
        list[Path], typer.Argument(help="DICOM files, and folders of them.", metavar="PATH...")
    ],
    as_json: Json = False,
) -> None:
    """Look for what identifies patients: headers, text burned into pixels, faces.

    Headers are held against the basic profile of DICOM PS3.15 Annex E and the options they state.
    Text and faces are found by heuristics: what is not found may still be there. No value is
    printed. Exit status 1 when anything was found.
    """
    from limen.data.deidentification import check_deidentified

    missing = next((p for p in paths if not p.exists()), None)
    if missing is not None:
        raise NothingToCheck("there is no such file or folder", mend="correct the path")
    found = check_deidentified(paths)
    if not found.files:
        raise NothingToCheck(
            "there is no DICOM file here", mend="name DICOM files, or folders of them"
        )
    if as_json:
        json_out(found.as_dict())
    else:
        _out(found)
    if not found.clean:
        raise typer.Exit(1)


def _out(found: Deidentified) -> None:
    typer.echo(f"{found.files} DICOM files looked at.")
    words = {"identifies": "Identifies, or is to be taken out", "look": "For a person to look at"}
    for weight, title in words.items():
        of = [f for f in found.findings if f.weight == weight]
        if of:
            typer.echo(f"\n{title} ({len(of)}):")
        for f in of[:_SHOWN]:
            where = f.example if f.files == 1 else f"{f.files} files, e.g. {f.example}"
            typer.echo(f"  {f.rule}, {f.where}: {f.why} ({where})")
        if len(of) > _SHOWN:
            typer.echo(f"  ... and {len(of) - _SHOWN} more; --json lists all")
    for title, lines in (("Not read", found.not_read), ("Not looked at", found.not_looked_at)):
        if lines:
            typer.echo(f"\n{title} ({len(lines)}):")
        for line in lines[:_SHOWN]:
            typer.echo(f"  {line}")
    if found.clean:
        typer.echo("Nothing was found. That is no proof: text and faces are found by heuristics.")
