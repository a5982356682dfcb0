"""Verbs that explain a boundary and enforce it: explain, guard."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limen.cli.show import Folder, Json, Shown, Workers, json_out

if TYPE_CHECKING:
    from limen.boundary import GuardAnswer
    from limen.errors import LimenError
    from limen.pipeline.explain import Explained


_MOST_LESIONS = 12


def add_to(app: typer.Typer) -> None:
    for verb in (explain, guard):
        app.command()(verb)


def explain(
    folder: Folder = Path(),
    workers: Workers = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Calibrate the guard on fewer patients.")
    ] = False,
    second_reading: Annotated[
        str | None,
        typer.Option(
            help="A folder of a second reader's masks, blind to model and reference, named as the "
            "cases are; kept from then on. `none` takes it back.",
            metavar="FOLDER",
            show_default=False,
        ),
    ] = None,
    curve: Annotated[
        list[str] | None,
        typer.Option(
            help="For a learning curve, several times: training patients, and a folder of "
            "predictions of a model trained with so many; kept. `none` takes it back.",
            metavar="N=FOLDER",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Why trust ends where it does; calibrates the guard and writes the boundary's page.

    Needs `limen certify` before. Exit status 1 when nothing is certified: the page then says so.
    """
    from limen.pipeline import load
    from limen.pipeline.explain import explain as explain_product
    from limen.pipeline.given import take_curve, take_readings
    from limen.pipeline.guard import QUICK_PATIENTS

    product = load(folder)
    sizes = None if curve is None else _sizes(curve)
    with Shown(quiet=as_json) as progress:
        if second_reading is not None:
            take_readings(product, _folder_or_none(second_reading), progress)
        if sizes is not None:
            take_curve(product, sizes, progress)
        found = explain_product(
            product,
            patients=QUICK_PATIENTS if quick else None,
            workers=workers,
            progress=progress,
        )
    if as_json:
        json_out(
            {
                "certified": found.guard.certified,
                "explanation": found.explanation.as_dict(),
                "guard_rates": dict(found.guard.rates),
                "page": str(found.page),
            }
        )
    else:
        _explained_out(found)
    if not found.guard.certified:
        raise typer.Exit(1)


def _folder_or_none(given: str) -> Path | None:
    from limen.pipeline.given import NONE

    return None if given == NONE else Path(given)


def _sizes(given: list[str]) -> list[tuple[int, Path]]:
    """Numbers of training patients with their folders; none at all to take a curve back."""
    from limen.pipeline.given import NONE, BadCurve

    if given == [NONE]:
        return []
    found = []
    for text in given:
        size, equals, folder = text.partition("=")
        if not (equals and folder and size.isascii() and size.isdigit()):
            raise BadCurve(
                "a size of a learning curve is a number of training patients and a folder",
                where="--curve",
                found=text.partition("/")[0],
                mend="write it as --curve 40=predictions-of-40",
            )
        found.append((int(size), Path(folder)))
    return found


def _explained_out(found: Explained) -> None:
    e = found.explanation
    typer.echo(found.guard.boundary)
    for case in e.fragile:
        typer.echo(f"  fragile: {case.case} passes with {case.axis} {case.margin}")
    for mode in e.modes:
        typer.echo(f"  fails where {mode.in_words('items')}")
    for lesion in e.lesions[:_MOST_LESIONS]:
        typer.echo(f"  failing: {lesion.lesion}: {lesion.limit}; {lesion.because}")
    if len(e.lesions) > _MOST_LESIONS:
        typer.echo(f"  and {len(e.lesions) - _MOST_LESIONS} failing lesions more (--json)")
    typer.echo(f"  limit: {e.limit.limit}" + "".join(f"; {w}" for w in e.limit.evidence[:2]))
    for what in e.limit.missing:
        typer.echo(f"  not known: {what}")
    typer.echo(e.headroom.because)
    rates: dict[str, Any] = dict(found.guard.rates)
    inside = rates["inside_refused"]
    if not found.guard.certified:
        typer.echo(
            "Guard: refuses every image, as nothing is certified. Were the boundary where "
            "exploration suggests it, it would be this one:"
        )
    typer.echo(
        f"Guard: refuses {inside['events']} of {inside['images']} images inside, on "
        f"{inside['patients']} patients left out in turn"
    )
    for name, axis in rates["axes"].items():
        out, far = axis["outside_let_through"], axis["beyond_error_let_through"]
        typer.echo(
            f"  {name}: lets {out['events']} of {out['images']} outside through, "
            f"{far['events']} of {far['images']} beyond its stated error"
        )
    for note in rates["notes"]:
        typer.echo(f"  {note}")
    typer.echo(f"\nBoundary: {found.page}")


def guard(
    product: Annotated[
        Path, typer.Argument(help="A release's folder, or a product's.", show_default=False)
    ],
    images: Annotated[
        list[Path],
        typer.Argument(
            help="NIfTI or NRRD files, DICOM files or folders of one series.", show_default=False
        ),
    ],
    as_json: Json = False,
) -> None:
    """Whether images lie inside the certified boundary: inside, outside or cannot tell, and why.

    Exit status 0 when every image lies inside, 1 when one does not, 2 when one cannot be read or
    the release was altered.
    """
    from limen.boundary import Guard
    from limen.errors import LimenError

    loaded = Guard.load(product)
    answers: list[GuardAnswer | LimenError] = []
    for image in images:
        try:
            answers.append(loaded(image))
        except LimenError as error:
            if len(images) == 1:
                raise
            answers.append(error)
    # by number: names of files may identify a patient
    if as_json:
        json_out({"images": [_as_dict(n, a) for n, a in enumerate(answers, 1)]})
    else:
        for number, answer in enumerate(answers, 1):
            _answer_out(number, answer)
    if any(isinstance(a, LimenError) for a in answers):
        raise typer.Exit(2)
    if any(a.answer != "inside" for a in answers if not isinstance(a, LimenError)):
        raise typer.Exit(1)


def _as_dict(number: int, answer: GuardAnswer | LimenError) -> dict[str, Any]:
    from limen.errors import LimenError

    if isinstance(answer, LimenError):
        return {"image": number, "answer": None, "unreadable": answer.as_dict()}
    return {"image": number, **answer.as_dict()}


def _answer_out(number: int, answer: GuardAnswer | LimenError) -> None:
    from limen.errors import LimenError

    if isinstance(answer, LimenError):
        typer.echo(f"image {number}: not judged: {answer.what}")
        for key in ("found", "mend"):
            if (words := getattr(answer, key)) is not None:
                typer.echo(f"  {key}: {words}")
        return
    typer.echo(f"image {number}: {answer.answer}")
    for reason in answer.reasons:
        typer.echo(f"  {reason}")
    if answer.answer == "inside":
        for check in answer.checks:
            typer.echo(f"  {check.in_words}")
    for note in answer.notes:
        typer.echo(f"  ({note})")
