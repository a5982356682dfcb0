"""Verbs on rules: classify, change, lint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limen.cli.regulation_options import (
    ChangeFacts,
    Legacy,
    On,
    Regimes,
    declaration_of,
    differences_of,
    read_date,
    regimes_of,
)
from limen.cli.show import Folder, Json, json_out
from limen.errors import LimenError

if TYPE_CHECKING:
    from limen.pipeline.redo import GraphRedo
    from limen.regulation.change import RegimeChange
    from limen.regulation.wording import WordingEvidence


class NotAFact(LimenError):
    """A fact on the command line is not written as NAME=VALUE."""


def add_to(app: typer.Typer) -> None:
    app.command()(classify)
    app.command()(change)
    app.command()(lint)


def classify(
    folder: Folder = Path(),
    on: On = None,
    regime: Regimes = None,
    fact: Annotated[
        list[str] | None,
        typer.Option(help="A further fact, as unflagged=not-read; may be given several times."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Class under FDA, EU MDR and Korea's MFDS, with the rules that lead there.

    For each regime: whether it is a device, class, regulation and codes, route, other readings,
    and the nearest facts that would change the answer. Limen informs; it is not legal advice.
    Exit status 1 when a regime cannot be told on the date.
    """
    from limen.regulation import NOTICE
    from limen.regulation.claims import compare
    from limen.regulation.classify import classify_all
    from limen.regulation.facts import facts_of

    declaration = declaration_of(folder)
    when = read_date(on)
    facts = facts_of(declaration.product.intended_use, _facts(fact or []))
    answers, untold = classify_all(facts, regimes_of(declaration, regime), when)
    compared = {a.regime: compare(facts, a.regime, when) for a in answers}
    if as_json:
        json_out(
            {
                "notice": NOTICE,
                "on": when.isoformat(),
                "answers": [
                    {**a.as_dict(), "words": compared[a.regime].as_dict()} for a in answers
                ],
                "cannot_tell": {name: error.as_dict() for name, error in untold.items()},
            }
        )
    else:
        typer.echo(NOTICE)
        for answer in answers:
            typer.echo(f"\n{answer.words()}")
            for note in answer.notes:
                typer.echo(f"  {note}")
            typer.echo("  Rules: " + "; ".join(dict.fromkeys(s.rule.cited for s in answer.path)))
            if compared[answer.regime].diverges:
                typer.echo(f"  {compared[answer.regime].words()}")
        for name, error in untold.items():
            typer.echo(f"\n{name}: {error.what}: {error.found}; {error.mend}")
    if untold:
        raise typer.Exit(1)


def change(
    old: Annotated[Path, typer.Argument(help="Folder of the old release.")],
    new: Annotated[Path, typer.Argument(help="Folder of the new one.")] = Path(),
    facts: ChangeFacts = None,
    cleared: Annotated[
        Path | None, typer.Option(help="Folder of the last cleared release, when it is another.")
    ] = None,
    legacy: Legacy = False,
    on: On = None,
    regime: Regimes = None,
    as_json: Json = False,
) -> None:
    """What the differences between two releases ask for under each regime.

    Each difference is answered with the question of the flowchart that decided; where the guidance
    allows two answers both are told. Then exactly which evidence has to be made again, from the
    evidence graph, with the time it takes at the pace of the last run. Exit status 1 when a new
    submission is asked for anywhere.
    """
    from limen.regulation import NOTICE
    from limen.regulation.change import assess_change
    from limen.regulation.redo import evidence_to_redo
    from limen.regulation.releases import situation_of

    when = read_date(on)
    was, now = declaration_of(old), declaration_of(new)
    differences, notes = differences_of(old, new, facts)
    since, since_situation = None, None
    if cleared is not None:
        at_clearance = declaration_of(cleared)
        since, _ = differences_of(cleared, new, facts)
        since_situation = situation_of(at_clearance, now, when, legacy=legacy)
    situation = situation_of(was, now, when, legacy=legacy)
    found = [
        assess_change(
            differences, r, when, situation, since_cleared=since, cleared_situation=since_situation
        )
        for r in regimes_of(now, regime)
    ]
    redo = evidence_to_redo(since or differences)
    graph = _from_graph(old, new)
    if as_json:
        json_out(
            {
                "notice": NOTICE,
                "differences": [d.as_dict() for d in differences],
                "notes": list(notes),
                "regimes": [f.as_dict() for f in found],
                "evidence": [{"item": r.item, "need": r.need, "when": r.when} for r in redo],
                "graph": {"cannot_tell": graph} if isinstance(graph, str) else graph.as_dict(),
            }
        )
    else:
        typer.echo(NOTICE)
        _changes_out(found, notes)
        typer.echo("\nEvidence, from the graph:")
        lines = [f"cannot tell: {graph}"] if isinstance(graph, str) else graph.words()
        for line in lines:
            typer.echo(f"  {line}")
        again = [f"{r.item}{f' ({r.when})' if r.when else ''}" for r in redo if r.need == "redo"]
        if again:
            typer.echo("Documents to be made again [D]: " + "; ".join(again))
    if any(f.outcome == "new-submission" for f in found):
        raise typer.Exit(1)


def lint(
    files: Annotated[
        list[Path],
        typer.Argument(help="Texts: Markdown, HTML, PDF, DOCX or PPTX.", metavar="FILE..."),
    ],
    product: Annotated[
        Path, typer.Option("--product", help="The product's folder, with limen.yaml.")
    ] = Path(),
    evidence: Annotated[
        Path | None,
        typer.Option(help="JSON of further figures, limits, studies and statuses."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Hold texts against the evidence: numbers, words beyond the class, lost limits, comparisons.

    Each finding has its place, what is known, and a sentence that can stand. English and Korean.
    What could not be read, as text in pictures, is named. Exit status 1 when anything was found.
    """
    from limen.regulation import NOTICE
    from limen.regulation.wording import lint as hold
    from limen.regulation.wording import read_document

    known = _wording_evidence(product, evidence)
    found = [hold(read_document(file), known) for file in files]
    if as_json:
        json_out({"notice": NOTICE, "documents": [f.as_dict() for f in found]})
    else:
        typer.echo(NOTICE)
        if not known.figures:
            typer.echo("There is no fresh evidence of performance: no such number is supported.")
        for linted in found:
            typer.echo(f"\n{linted.document}: {len(linted.findings)} finding(s)")
            for finding in linted.findings:
                typer.echo(f"  {finding.place}: {finding.code}: '{finding.phrase}'")
                typer.echo(f"    known:   {finding.evidence}")
                typer.echo(f"    instead: {finding.corrected}")
            for place in linted.unread:
                typer.echo(f"  not read: {place}")
    if any(not f.clean for f in found):
        raise typer.Exit(1)


def _wording_evidence(folder: Path, extra: Path | None) -> WordingEvidence:
    """Evidence from the product's declaration and its last report, and from a file beside it."""
    import json

    from limen.regulation.wording import evidence_of, read_evidence

    if (folder / ".limen").is_dir():
        from limen.pipeline import load
        from limen.pipeline.limits import wording_evidence
        from limen.pipeline.status import status

        product = load(folder)
        base = wording_evidence(product, status(product))
    else:
        base = evidence_of(declaration_of(folder))
    if extra is None:
        return base
    try:
        given = json.loads(extra.read_text(encoding="utf-8"))
    except (ValueError, UnicodeDecodeError):
        raise NotAFact(
            "the evidence cannot be read", where=extra.name, found="no JSON", mend="write JSON"
        ) from None
    if not isinstance(given, dict):
        raise NotAFact("the evidence is no object", where=extra.name, mend="write {...}")
    return read_evidence(given, base)


def _from_graph(old: Path, new: Path) -> GraphRedo | str:
    """What the evidence graph says, or why it cannot."""
    from limen.pipeline import load
    from limen.pipeline.redo import redo_from_graph

    if not any((folder / ".limen").is_dir() for folder in (old, new)):
        return "neither release has evidence; `limen run` makes it"
    try:
        return redo_from_graph(load(old), load(new))
    except LimenError as error:
        return f"{error.what} ({error.mend})" if error.mend else error.what


def _changes_out(found: list[RegimeChange], notes: tuple[str, ...]) -> None:
    if not any(f.answers for f in found):
        typer.echo("\nThe files show no difference.")
    for regime in found:
        typer.echo(f"\n{regime.regime}: {regime.outcome.replace('-', ' ')}")
        for answer in regime.answers:
            typer.echo(f"  - {answer.words()}")
        if regime.cumulative:
            typer.echo(f"  {regime.cumulative}")
    for note in notes:
        typer.echo(f"  note: {note}")


def _facts(given: list[str]) -> dict[str, Any]:
    """Facts as NAME=VALUE; true and false are read as such, commas make a list."""
    found: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not value:
            raise NotAFact(
                "a fact is written NAME=VALUE", where="--fact", found=text, mend="as harm=death"
            )
        plain: Any = {"true": True, "false": False, "yes": True, "no": False}.get(
            value.lower(), value
        )
        if name in ("outputs", "inputs"):
            plain = value.split(",")
        found[name.replace("-", "_")] = plain
    return found
