"""Verbs that make a product folder and look for what is wrong in one: new, check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limen.cli.show import Folder, Json, Shown, Workers, json_out, table_out

if TYPE_CHECKING:
    from limen.data import Inspection
    from limen.pipeline.check import Checked

_MODALITIES = ("ct", "mr", "oct")


def add_to(app: typer.Typer) -> None:
    for verb in (new, check):
        app.command()(verb)


def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write.")],
    images: Annotated[
        Path | None,
        typer.Option(help="Your images: NIfTI, NRRD or DICOM; or a folder or table with both."),
    ] = None,
    references: Annotated[
        Path | None, typer.Option(help="Your masks: label maps, DICOM SEG or RTSTRUCT.")
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option(help="Label maps of your model, one a case, on disk.")
    ] = None,
    onnx: Annotated[Path | None, typer.Option(help="Your model as an ONNX file.")] = None,
    modality: Annotated[
        str | None, typer.Option(help="ct, mr or oct; else from headers or values.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Of the product; else the folder's.")] = None,
    as_json: Json = False,
) -> None:
    """Write a commented product folder: a template, or of your data.

    With --images it looks at what is there and writes a limen.yaml that `limen run` accepts. It
    copies nothing and never overwrites a limen.yaml.
    """
    from limen.pipeline.new import new_product

    if modality is not None and modality.lower() not in _MODALITIES:
        raise typer.BadParameter(f"one of {', '.join(_MODALITIES)}", param_hint="--modality")
    with Shown(quiet=as_json) as progress:

        def told(done: int, total: int) -> None:
            if done == 1:
                progress.step(f"reading {total} cases whole")

        made = new_product(
            folder,
            images=images,
            references=references,
            predictions=predictions,
            onnx=onnx,
            modality=modality.lower() if modality is not None else None,  # type: ignore[arg-type]
            name=name,
            told=told,
        )
    if as_json:
        json_out(made.as_dict())
        return
    if made.found is not None:
        _found_out(made.found)
    if made.assumed:
        typer.echo("\nAssumed, for you to confirm:")
        for sentence in made.assumed:
            typer.echo(f"  - {sentence}")
    typer.echo(f"\nWrote {folder / 'limen.yaml'}")
    typer.echo(f"Next: {made.next_command}")


def check(folder: Folder = Path(), workers: Workers = None, as_json: Json = False) -> None:
    """Everything that is wrong, at once, before anything is evaluated.

    The declaration, approvals, each case, the model, leakage, the size of data sets.

    Exit status 0 when all is good, 1 for leakage or an expired approval, 2 when input is wrong.
    """
    from limen.pipeline.check import check as look

    with Shown(quiet=as_json) as progress:
        checked = look(folder, workers=workers, progress=progress)
    if as_json:
        json_out(checked.as_dict())
    else:
        checked_out(checked)
        if not checked.exit_code:
            typer.echo(f"\nNothing stands in the way. Next: limen run {folder}")
    if checked.exit_code:
        raise typer.Exit(checked.exit_code)


def _found_out(found: Inspection) -> None:
    guess = " (guessed)" if found.modality_is_guess else ""
    rows = [
        ["cases", f"{found.cases} of {found.patients} patients"],
        ["understood as", found.layout],
        ["modality", f"{found.modality or 'not known'}{guess}"],
        ["images", ", ".join(found.image_kinds)],
        ["references", ", ".join(found.reference_kinds)],
    ]
    if found.spacing_mm:
        rows += [
            ["spacing, median", " x ".join(f"{m:g}" for _, m, _ in found.spacing_mm) + " mm"],
            ["spacing, range", " x ".join(f"{a:g}-{b:g}" for a, _, b in found.spacing_mm) + " mm"],
            ["voxels, median", " x ".join(str(m) for _, m, _ in found.shape)],
            ["axes grow towards", ", ".join(found.orientations)],
        ]
    if found.values is not None:
        rows.append(["values, 1 % to 99 %", f"{found.values[0]:g} to {found.values[1]:g}"])
    rows += [
        [
            f"label {label.name} = {label.value}",
            f"{label.cases} of {found.read} cases read, {label.components:g} pieces, "
            f"{label.diameter_mm:g} mm",
        ]
        for label in found.labels[:12]
    ]
    if len(found.labels) > 12:
        rows.append(["further labels", str(len(found.labels) - 12)])
    table_out("Found", ["what", "found"], rows)
    for note in found.notes:
        typer.echo(f"  note: {note}")
    for problem in found.problems[:10]:
        _problem_out(f"case {problem.case}", problem.error.as_dict())
    if len(found.problems) > 10:
        typer.echo(f"  ... and {len(found.problems) - 10} more; `limen check` lists all")


def checked_out(checked: Checked) -> None:
    """What was looked at and what is to mend, as tables and words."""
    if checked.sets:
        table_out(
            "Data",
            ["data set", "use", "cases", "readable", "patients", "approval"],
            [
                [s["name"], s["use"], s["left_out"] or str(s["cases"]), str(s["readable"]),
                 str(s["patients"]), s["approval"] or "wrong"]
                for s in checked.sets
            ],
        )  # fmt: skip
    for note in checked.notes:
        typer.echo(f"  note: {note}")
    titles = {"wrong": "To mend", "refused": "Refused", "warning": "Warnings"}
    for weight, title in titles.items():
        problems = [p for p in checked.problems if p.weight == weight]
        if problems:
            typer.echo(f"\n{title} ({len(problems)}):")
        for p in problems:
            _problem_out(p.where, {"what": p.what, "found": p.found, "mend": p.mend})


def _problem_out(where: str | None, told: dict[str, Any]) -> None:
    typer.echo(f"  {where}: {told['what']}" if where else f"  {told['what']}")
    for key in ("found", "mend"):
        if told.get(key):
            typer.echo(f"    {key}: {told[key]}")
