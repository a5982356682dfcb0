"""Options and readings that the regulatory verbs share."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limen.errors import LimenError

if TYPE_CHECKING:
    from limen.product import Declaration
    from limen.regulation.difference import Difference

On = Annotated[str | None, typer.Option("--on", help="Date YYYY-MM-DD of the rules; today.")]
Regimes = Annotated[
    list[str] | None, typer.Option("--regime", help="fda, mdr or mfds; default all declared.")
]
ChangeFacts = Annotated[
    Path | None,
    typer.Option("--facts", help="YAML list of what files cannot tell, each with its kind."),
]
Legacy = Annotated[
    bool, typer.Option("--legacy", help="EU: the device is still under the directives.")
]


class NotADate(LimenError):
    """A date on the command line cannot be read."""


def read_date(text: str | None) -> date:
    if text is None:
        return date.today()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise NotADate(
            "the date cannot be read", where="--on", found=text, mend="write it as 2026-11-25"
        ) from None


def declaration_of(folder: Path) -> Declaration:
    from limen.product import load_declaration

    return load_declaration(folder / "limen.yaml")


def regimes_of(declaration: Declaration, given: list[str] | None) -> list[str]:
    """The regimes asked for, or those declared, or all."""
    from limen.regulation.rules import REGIMES

    return given or list(declaration.regimes) or list(REGIMES)


def differences_of(
    old: Path, new: Path, facts: Path | None
) -> tuple[tuple[Difference, ...], tuple[str, ...]]:
    """What differs between two folders, with the facts that files cannot tell; and notes."""
    from limen.regulation.releases import compare_products, read_facts_file, with_facts

    stated = read_facts_file(facts) if facts is not None else []
    compared = compare_products(declaration_of(old), old, declaration_of(new), new)
    return with_facts(compared.differences, stated), compared.notes
