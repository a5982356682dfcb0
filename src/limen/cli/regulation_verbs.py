"""Verbs on rules: classify, change, lint."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limen.cli.show import Folder, Json, json_out
from limen.errors import LimenError

if TYPE_CHECKING:
    from limen.product import Declaration
    from limen.regulation.change import RegimeChange

On = Annotated[str | None, typer.Option("--on", help="Date YYYY-MM-DD of the rules; today.")]
Regimes = Annotated[
    list[str] | None, typer.Option("--regime", help="fda, mdr or mfds; default all declared.")
]


class NotADate(LimenError):
    """A date on the command line cannot be read."""


class NotAFact(LimenError):
    """A fact on the command line is not written as NAME=VALUE."""


def add_to(app: typer.Typer) -> None:
    app.command()(classify)
    app.command()(change)


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

    declaration = _declaration(folder)
    when = _date(on)
    facts = facts_of(declaration.product.intended_use, _facts(fact or []))
    regimes = regime or list(declaration.regimes) or ["fda", "mdr", "mfds"]
    answers, untold = classify_all(facts, regimes, when)
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
    facts: Annotated[
        Path | None,
        typer.Option(help="YAML list of what files cannot tell, each with its kind."),
    ] = None,
    cleared: Annotated[
        Path | None, typer.Option(help="Folder of the last cleared release, when it is another.")
    ] = None,
    legacy: Annotated[
        bool, typer.Option("--legacy", help="EU: the device is still under the directives.")
    ] = False,
    on: On = None,
    regime: Regimes = None,
    as_json: Json = False,
) -> None:
    """What the differences between two releases ask for under each regime.

    Each difference is answered with the question of the flowchart that decided; where the guidance
    allows two answers both are told. Exit status 1 when a new submission is asked for anywhere.
    """
    from limen.regulation import NOTICE
    from limen.regulation.change import assess_change
    from limen.regulation.redo import evidence_to_redo
    from limen.regulation.releases import (
        compare_products,
        read_facts_file,
        situation_of,
        with_facts,
    )

    when = _date(on)
    was, now = _declaration(old), _declaration(new)
    stated = read_facts_file(facts) if facts is not None else []
    compared = compare_products(was, old, now, new)
    differences = with_facts(compared.differences, stated)
    since = None
    if cleared is not None:
        first = compare_products(_declaration(cleared), cleared, now, new)
        since = with_facts(first.differences, stated)
    situation = situation_of(was, now, when, legacy=legacy)
    regimes = regime or list(now.regimes) or ["fda", "mdr", "mfds"]
    found = [assess_change(differences, r, when, situation, since_cleared=since) for r in regimes]
    redo = evidence_to_redo(since or differences)
    if as_json:
        json_out(
            {
                "notice": NOTICE,
                "differences": [d.as_dict() for d in differences],
                "notes": list(compared.notes),
                "regimes": [f.as_dict() for f in found],
                "evidence": [{"item": r.item, "need": r.need, "when": r.when} for r in redo],
            }
        )
    else:
        typer.echo(NOTICE)
        _changes_out(found, compared.notes)
        again = [f"{r.item}{f' ({r.when})' if r.when else ''}" for r in redo if r.need == "redo"]
        if again:
            typer.echo("\nEvidence to be made again [D]: " + "; ".join(again))
    if any(f.outcome == "new-submission" for f in found):
        raise typer.Exit(1)


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


def _declaration(folder: Path) -> Declaration:
    from limen.product import load_declaration

    return load_declaration(folder / "limen.yaml")


def _date(text: str | None) -> date:
    if text is None:
        return date.today()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise NotADate(
            "the date cannot be read", where="--on", found=text, mend="write it as 2026-11-25"
        ) from None


def _facts(given: list[str]) -> dict[str, Any]:
    """Facts as NAME=VALUE; true and false are read as such, commas make a list."""
    found: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not value:
            raise NotAFact(
                "a fact is written NAME=VALUE", where="--fact", found=text, mend="as harm=death"
            )
        plain = {"true": True, "false": False, "yes": True, "no": False}.get(value.lower(), value)
        if name in ("outputs", "inputs"):
            plain = value.split(",")
        found[name.replace("-", "_")] = plain
    return found
