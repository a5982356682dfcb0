"""Verbs on how far evidence goes: reach, release, promote, diff, failures."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limen.cli.show import Folder, Json, json_out
from limen.errors import LimenError

if TYPE_CHECKING:
    from limen.pipeline.failure_list import Listed
    from limen.pipeline.product import Product
    from limen.pipeline.promotion import Standing
    from limen.pipeline.reach import Affected, HowFar
    from limen.release import Verdicts

_SHOWN = 20
OptionalKey = Annotated[
    Path | None,
    typer.Option("--key", help="Your private key file, to sign with.", metavar="FILE"),
]
Version = Annotated[
    str | None, typer.Option("--version", help="Of the release; default the newest.")
]


class NotGiven(LimenError):
    """An option needs another one, or is not written as it has to be."""


class NotADay(LimenError):
    """A day on the command line is not written as 2026-12-31."""


def add_to(app: typer.Typer) -> None:
    for verb in (reach, release, promote, diff, failures):
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


def release(folder: Folder = Path(), as_json: Json = False) -> None:
    """Freeze model, criteria, results, boundary and signatures under the declared version.

    Writes releases/VERSION, every file by its digest, with the proof that the ledger holds it.
    Exit status 1 when evidence is stale, or the version is frozen with other content.
    """
    from limen.pipeline import load
    from limen.pipeline.freeze import freeze
    from limen.pipeline.reach import how_far

    product = load(folder)
    made, is_new = freeze(product)
    manifest = made.manifest
    frozen_at, today = manifest["reach"]["reach"], how_far(product).stage
    if as_json:
        json_out({"folder": str(made.folder), "digest": made.digest, "new": is_new,
                  "reaches_today": today, **manifest})  # fmt: skip
        return
    said = "Frozen" if is_new else "Frozen already, and unchanged"
    typer.echo(f"{said}: {made.name}, {made.digest[:16]}, in {made.folder}")
    then = "" if today == frozen_at else f"; when it was frozen it reached {frozen_at}"
    typer.echo(f"It reaches {today}{then}.")
    for name, held in manifest["sets"].items():
        typer.echo(f"{name}: {held['reuse']['in_words'] if held['reuse'] else 'no patients'}")
    if manifest["boundary"] is None:
        typer.echo("There is no boundary in it, so nothing guards what it is used on.")
    typer.echo("Next: `limen promote`, which says what the next stage asks for.")


def promote(
    folder: Folder = Path(),
    key: OptionalKey = None,
    version: Version = None,
    text: Annotated[
        list[Path] | None,
        typer.Option(help="A text that goes out with it, held against the evidence; several."),
    ] = None,
    cleared: Annotated[
        str | None,
        typer.Option(help="Quality records a clearance, as fda=K123456; needs --key."),
    ] = None,
    field: Annotated[
        str | None,
        typer.Option(help="Record failures in use so far, as FAILURES/STUDIES; needs --key."),
    ] = None,
    field_limit: Annotated[
        float, typer.Option(help="With --field: the most that is tolerated, a fraction.")
    ] = 0.05,
    as_json: Json = False,
) -> None:
    """Move a release one stage up, or say all that is missing and who or what supplies it.

    Without --key nobody asks, and only the answer is given. A release whose stage does not hold any
    more (an approval that expired, a run that failed, failures in use) is taken back. Exit status 1
    when it is not moved up, and is not at the last stage.
    """
    from limen.pipeline import load
    from limen.pipeline import promotion as stages

    product = load(folder)
    if (cleared or field) and key is None:
        raise NotGiven("a fact is recorded under a signature", mend="name your key with --key")
    private = _open(key) if key is not None else None
    recorded: list[str] = []
    if private is not None and cleared is not None:
        regime, _, number = cleared.partition("=")
        stages.record_clearance(product, regime, number, private, version)
        recorded.append(f"cleared for {regime} as {number}")
    if private is not None and field is not None:
        failed, studies = _ratio(field)
        stages.record_field(product, failed, studies, field_limit, private, version)
        recorded.append(f"{failed} failures in {studies} studies in use, at most {field_limit:.1%}")
    asks = private if cleared is None and field is None else None
    standing = stages.promote(product, version=version, key=asks, texts=text or ())
    if as_json:
        json_out({**standing.as_dict(), "recorded": recorded})
    else:
        for fact in recorded:
            typer.echo(f"Recorded: {fact}.")
        standing_out(standing)
    if not standing.move.is_granted:
        raise typer.Exit(1)


def diff(
    before: Annotated[str, typer.Argument(help="Version or folder of a release.")],
    after: Annotated[
        str, typer.Argument(help="Version or folder of another; `now`: as evaluated last.")
    ] = "now",
    product: Annotated[Path, typer.Option("--product", help="The product's folder.")] = Path(),
    as_json: Json = False,
) -> None:
    """What differs between two releases case by case: what newly fails comes first, by name.

    Exit status 1 when any case newly fails or was lost, whatever the average.
    """
    from dataclasses import asdict

    from limen.pipeline import load
    from limen.release import compare

    loaded = load(product)
    found = compare(_verdicts(loaded, before), _verdicts(loaded, after))
    if as_json:
        json_out(asdict(found))
    else:
        for words, cases in (
            ("newly failing", found.newly_failing),
            ("lost: not among the later cases", found.lost),
            ("newly passing", found.newly_passing),
            ("still failing", found.still_failing),
            ("added", found.added),
        ):
            if cases:
                typer.echo(f"{len(cases)} {words}:")
            for case in cases:
                typer.echo(f"  {case}{_reason(loaded, case, after, words)}")
        typer.echo(f"Passing: {found.passed_before} before, {found.passed_now} after.")
    if found.newly_failing or found.lost:
        raise typer.Exit(1)


def failures(
    folder: Folder = Path(),
    explain: Annotated[
        str | None, typer.Option(help="Explain a case's failure, DATASET/CASE; needs --key.")
    ] = None,
    why: Annotated[
        str | None,
        typer.Option(help="The explanation; left out, the one that is there is signed."),
    ] = None,
    key: OptionalKey = None,
    as_json: Json = False,
) -> None:
    """Every failure that was ever recorded. The list never shrinks; entries can be explained.

    An explanation counts when a clinician and a developer have signed the same words. Exit status 1
    while a failure neither passes now nor is explained.
    """
    from limen.pipeline import load
    from limen.pipeline.failure_list import explain as write_explanation
    from limen.pipeline.failure_list import failure_list

    product = load(folder)
    if explain is not None:
        if key is None:
            raise NotGiven("an explanation is signed", mend="name your key with --key")
        write_explanation(product, explain, why, _open(key))
    listed = failure_list(product)
    if as_json:
        json_out({"failures": [f.as_dict() for f in listed]})
    else:
        _failures_out(listed)
    if any(f.failure.is_open for f in listed):
        raise typer.Exit(1)


def standing_out(standing: Standing) -> None:
    """A release's stage, and what stands against the move that was asked for."""
    move = standing.move
    if move.before != move.after:
        way = "Moved up" if move.is_granted else "Taken back"
        typer.echo(f"{way}: {standing.release}, from {move.before} to {move.after}.")
    else:
        last = "" if move.missing else ", the last stage"
        typer.echo(f"{standing.release} is at {standing.stage}{last}.")
    if move.missing:
        asked = standing.as_dict()["asked"] if move.before == move.after else move.before
        typer.echo(f"\nMissing for {asked} ({len(move.missing)}):")
    for m in move.missing:
        typer.echo(f"  {m.requirement}: {m.found}\n    mend: {m.mend}")


def _failures_out(listed: list[Listed]) -> None:
    if not listed:
        typer.echo("No failure was ever recorded.")
    for f in listed:
        now = {True: "passes now", False: "fails now", None: "not run, or not evaluated, now"}
        state = "explained" if f.failure.is_explained else "open" if f.failure.is_open else "mended"
        typer.echo(f"{f.failure.case}: {state}; first in {f.failure.first_release}; "
                   f"{now[f.failure.now]}")  # fmt: skip
        if f.why is not None:
            typer.echo(f"    {f.why}")
        if f.to_sign:
            typer.echo("    to be signed by: " + ", ".join(f.to_sign))


def _verdicts(product: Product, named: str) -> Verdicts:
    from limen.pipeline.failure_list import verdicts_now
    from limen.pipeline.freeze import release_record, releases_folder
    from limen.release.frozen import load_release

    if named == "now":
        return verdicts_now(product)
    folder = Path(named)
    if not folder.is_dir():
        release_record(product, named)
        folder = releases_folder(product) / named
    return load_release(folder).verdicts()


def _reason(product: Product, case: str, after: str, words: str) -> str:
    """Why a case fails now, where that is the evaluation that was asked for."""
    if after != "now" or words not in ("newly failing", "still failing"):
        return ""
    dataset, _, name = case.partition("/")
    record = product.store.latest("verdicts", dataset)
    verdicts: dict[str, Any] = {} if record is None else product.store.get_json(record.result)
    if name not in verdicts:
        return ": not evaluated"
    return ": " + "; ".join(verdicts[name]["reasons"])


def _open(key: Path) -> Any:
    from limen.cli.evidence_verbs import open_key

    return open_key(key)


def _ratio(text: str) -> tuple[int, int]:
    failed, _, studies = text.partition("/")
    if not (failed.isascii() and failed.isdigit() and studies.isascii() and studies.isdigit()):
        raise NotGiven(
            "failures in use are two whole numbers", found=text, mend="write FAILURES/STUDIES"
        )
    return int(failed), int(studies)


def _reach_out(answer: HowFar) -> None:
    from limen.pipeline.reach import in_words

    typer.echo(f"Results reach {answer.stage}.")
    if answer.stage != answer.asked:
        typer.echo(f"\nAgainst {answer.asked}:")
    for words, because in zip(in_words(answer), answer.because, strict=False):
        typer.echo(f"  {words}")
        touched = because.limit.affected.size
        typer.echo(f"    touches {touched} of the {answer.nodes} things in the lineage")
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
