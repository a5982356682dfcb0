"""Options and readings that the regulatory verbs share."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limen.errors import LimenError

if TYPE_CHECKING:
    from limen.product import Declaration

On = Annotated[str | None, typer.Option("--on", help="Date YYYY-MM-DD of the rules; today.")]
Regimes = Annotated[
    list[str] | None, typer.Option("--regime", help="fda, mdr or mfds; default all declared.")
]
ChangeFacts = Annotated[
    Path | None,
    typer.Option("--facts", help="YAML list of what files cannot tell, each with its kind."),
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
