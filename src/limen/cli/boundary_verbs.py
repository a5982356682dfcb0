"""Verbs of the trust boundary: stress, certify."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from limen.cli.show import Folder, Json, Quick, Shown, Workers, json_out, table_out

if TYPE_CHECKING:
    from limen.boundary import Boundary, Certificate, Margin, SearchAxis
    from limen.pipeline.bound import Bounded


def add_to(app: typer.Typer) -> None:
    for verb in (stress, certify):
        app.command()(verb)


def stress(
    folder: Folder = Path(), workers: Workers = None, quick: Quick = False, as_json: Json = False
) -> None:
    """How far the acquisition may degrade before verdicts flip, on exploration cases.

    Each evaluation is kept and never made twice: stop it at any time and go on. Needs
    `limen evaluate` before.
    """
    from limen.boundary import Margin, SearchAxis
    from limen.pipeline import load
    from limen.pipeline.stress import FULL, QUICK
    from limen.pipeline.stress import stress as stress_product

    product = load(folder)
    with Shown(quiet=as_json) as progress:
        found = stress_product(
            product, effort=QUICK if quick else FULL, workers=workers, progress=progress
        )
    if as_json:
        json_out({**found.record, "evaluations": found.evaluations})
        return
    margins_out(
        [Margin.from_dict(m) for m in found.record["margins"]],
        [SearchAxis.from_dict(a) for a in found.record["axes"]],
    )
    for note in found.record["notes"]:
        typer.echo(note)
    typer.echo(f"\n`limen certify {folder}` certifies it on other patients.")


def certify(
    folder: Folder = Path(), workers: Workers = None, quick: Quick = False, as_json: Json = False
) -> None:
    """How far outward from nominal the declared failure rate is certified, on patients kept apart.

    Searches first what is not searched yet. Exit status 1 when not even the images as acquired
    are certified.
    """
    from limen.pipeline import load
    from limen.pipeline.certify import certify as certify_product
    from limen.pipeline.stress import FULL, QUICK

    product = load(folder)
    with Shown(quiet=as_json) as progress:
        found = certify_product(
            product, effort=QUICK if quick else FULL, workers=workers, progress=progress
        )
    if as_json:
        json_out(found.as_dict())
    else:
        boundary_out(found)
    if not any(c.answer == "certified" for c in found.certificates):
        raise typer.Exit(1)


def bounded_out(found: Bounded | None) -> None:
    """The boundary of a run, in short; or why there is none."""
    if found is None:
        return
    if found.boundary is not None:
        from limen.boundary.words import certificate_in_words

        typer.echo("\nBoundary:")
        for certificate in found.boundary.certificates:
            typer.echo(f"  {certificate_in_words(certificate, found.boundary.axes)}")
        for note in found.boundary.notes:
            typer.echo(f"  {note}")
    if found.because is not None:
        missing = "boundary" if found.boundary is None else "page of the boundary"
        typer.echo(f"\nNo {missing}: {found.because.what}")
        for key in ("found", "mend"):
            if (words := getattr(found.because, key)) is not None:
                typer.echo(f"  {key}: {words}")
    if found.page is not None:
        typer.echo(f"\nBoundary: {found.page}")


def bounded_json(found: Bounded | None) -> dict[str, Any]:
    """The same for machines."""
    if found is None:
        return {}
    return {
        "boundary": None if found.boundary is None else found.boundary.as_dict(),
        "boundary_page": None if found.page is None else str(found.page),
        "no_boundary": None if found.because is None else found.because.as_dict(),
    }


def margins_out(margins: list[Margin], axes: list[SearchAxis]) -> None:
    """A table of margins, the most fragile first; those failing as acquired are only counted.

    Why a margin cannot be told is in the notes of the search.
    """
    by_case: dict[str, dict[str, Margin]] = {}
    for margin in margins:
        by_case.setdefault(margin.case, {})[margin.axis] = margin

    def fragility(found: dict[str, Margin]) -> float:
        positions = [m.position(a) for a in axes if (m := found.get(a.name)) is not None]
        return min((p for p in positions if p is not None), default=2.0)

    shown = {
        case: found
        for case, found in sorted(by_case.items(), key=lambda item: fragility(item[1]))
        if any(m.kind != "fails at nominal" for m in found.values())
    }
    if not shown:
        return

    def text(margin: Margin, axis: SearchAxis) -> str:
        return "cannot tell" if margin.kind == "cannot tell" else margin.text(axis)

    rows = [[case, *(text(found[a.name], a) for a in axes)] for case, found in shown.items()]
    typer.echo()
    table_out("Margins, most fragile first", ["case", *(a.name for a in axes)], rows)


def boundary_out(found: Boundary) -> None:
    """The certificates in words and counts, then what a reader must know."""
    margins_out(list(found.margins), list(found.axes))
    for certificate in found.certificates:
        typer.echo()
        _certificate_out(certificate, found)
        selective = found.selective.get(certificate.origin)
        if selective is not None:
            typer.echo(f"Origin {certificate.origin}: {selective.in_words}")
            if selective.certificate is not None:
                _steps_out(selective.certificate, found, "Steps outward, where it is sure")
    cells = [
        [
            ", ".join(f"{k} {v}" for k, v in c.cell.items()),
            c.origin,
            str(c.patients),
            str(c.nominal.failed),
            c.answer,
            "" if c.nominal.more_patients is None else str(c.nominal.more_patients),
        ]
        for c in found.cells
    ]
    if cells:
        typer.echo()
        columns = ["cell", "origin", "patients", "failing", "as acquired", "more needed"]
        table_out("By cell", columns, cells)
    for note in found.notes:
        typer.echo(note)


def _certificate_out(certificate: Certificate, found: Boundary) -> None:
    from limen.boundary.words import certificate_in_words

    typer.echo(certificate_in_words(certificate, found.axes))
    _steps_out(certificate, found, "Steps outward")


def _steps_out(certificate: Certificate, found: Boundary, title: str) -> None:
    from limen.boundary.words import condition_in_words

    rows: list[list[str]] = []
    for path in certificate.paths:
        for step in path.steps:
            row: list[Any] = [
                path.name,
                condition_in_words(step.condition, found.axes, joined="\n"),
                f"{step.failed} of {step.patients}",
                f"{step.p_value:.2g}",
                f"{step.alpha:.2g}",
                "yes" if step.certified else "no",
                "" if step.more_patients is None else step.more_patients,
            ]
            rows.append([str(cell) for cell in row])
    if rows:
        columns = ["path", "condition", "failing", "p", "alpha", "certified"]
        table_out(title, [*columns, "more needed"], rows)
