"""Verbs that bind rules to a product's evidence: contract, requires, modify."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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


class NotAFiling(LimenError):
    """A document to be filed is not written as KIND=FILE."""


def add_to(app: typer.Typer) -> None:
    app.command()(contract)
    app.command()(requires)
    app.command()(modify)


def contract(folder: Folder = Path(), on: On = None, as_json: Json = False) -> None:
    """One page: who is responsible, what outputs may say, what the label states, how updates go.

    It is kept as evidence and written to report/NAME-contract.md. Sign it with the boundary:
    `limen sign --what contract --key FILE`. Limen informs; it is not legal advice.
    """
    from limen.pipeline import load
    from limen.pipeline.contract import write_contract

    made, record, path = write_contract(load(folder), read_date(on))
    if as_json:
        json_out({**made.as_dict(), "record": record.result, "path": str(path)})
        return
    typer.echo(made.words())
    typer.echo(f"Kept as contract {record.result[:12]} and written to {path}.")


def requires(
    folder: Folder = Path(),
    on: On = None,
    regime: Regimes = None,
    file: Annotated[
        list[str] | None,
        typer.Option("--file", help="File a document: KIND=FILE, as reader-study=docs/mrmc.pdf."),
    ] = None,
    as_json: Json = False,
) -> None:
    """The evidence that each regime asks for, each line bound to the evidence that is there.

    A line is present, falls short (fresh, on data that may not carry a submission), stale, missing,
    or outside Limen. A document made elsewhere is filed with --file; it then goes stale with the
    model or the intended use it speaks of. Exit status 1 when a line is not there as it should be.
    """
    from limen.pipeline import load
    from limen.pipeline.regulatory import regulatory
    from limen.pipeline.requirements import file_document, requirements
    from limen.pipeline.status import status
    from limen.regulation import NOTICE

    product = load(folder)
    for text in file or []:
        kind, equals, path = text.partition("=")
        if not equals or not path:
            raise NotAFiling(
                "a document is filed as KIND=FILE", where="--file", found=text,
                mend="as reader-study=docs/mrmc.pdf",
            )  # fmt: skip
        file_document(product, kind, Path(path))
    answers = regulatory(product.declaration, read_date(on), regime)
    lists = requirements(product, status(product), answers)
    if as_json:
        json_out(
            {
                "notice": NOTICE,
                "required": {name: [r.as_dict() for r in lines] for name, lines in lists.items()},
                "cannot_tell": {name: error.as_dict() for name, error in answers.untold.items()},
            }
        )
    else:
        typer.echo(NOTICE)
        short = {a.regime: a.short for a in answers.answers}
        for name, lines in lists.items():
            typer.echo(f"\n{name}: {short[name]}")
            for line in lines:
                lacking = f" (lacks {', '.join(line.missing)})" if line.missing else ""
                typer.echo(f"  {line.state:14} {line.item}{lacking}")
                typer.echo(f"  {'':14} {line.rule.cited}")
        for name, error in answers.untold.items():
            typer.echo(f"\n{name}: {error.what}: {error.found}; {error.mend}")
    open_lines = any(
        r.state in ("falls short", "stale", "missing") for lines in lists.values() for r in lines
    )
    if open_lines or answers.untold:
        raise typer.Exit(1)


def modify(
    old: Annotated[Path, typer.Argument(help="Folder of the release with the authorised plan.")],
    new: Annotated[Path, typer.Argument(help="Folder of the new release.")] = Path(),
    modification: Annotated[
        str, typer.Option("--as", help="The modification of the plan that the release is.")
    ] = "",
    facts: ChangeFacts = None,
    legacy: Legacy = False,
    on: On = None,
    regime: Regimes = None,
    as_json: Json = False,
) -> None:
    """Hold a release against the predetermined change plan, change-plan.yaml of the old release.

    Its protocol is executed on the sequestered set: the bounds of the new release's fresh
    intervals against the plan's limits. A change outside the plan is refused with the clause.
    The result is kept as evidence. Exit status 1 when the protocol is not passed.
    """
    from limen.pipeline import load
    from limen.pipeline.modification import execute_plan
    from limen.regulation import NOTICE
    from limen.regulation.change import assess_change
    from limen.regulation.releases import situation_of

    when = read_date(on)
    was, now = declaration_of(old), declaration_of(new)
    differences, _ = differences_of(old, new, facts)
    result, record = execute_plan(load(old), load(new), modification, differences, when)
    situation = situation_of(was, now, when, legacy=legacy)
    found = [assess_change(result.differences, r, when, situation) for r in regimes_of(now, regime)]
    if as_json:
        json_out(
            {
                "notice": NOTICE,
                "modification": result.modification,
                "passed": result.passed,
                "reasons": list(result.reasons),
                "record": record.result,
                "regimes": [f.as_dict() for f in found],
            }
        )
    else:
        typer.echo(NOTICE)
        verdict = "passes its protocol" if result.passed else "does not pass its protocol"
        typer.echo(f"\n{result.modification}: the release {verdict}.")
        for reason in result.reasons:
            typer.echo(f"  {reason}")
        for answer in found:
            typer.echo(f"{answer.regime}: {answer.outcome.replace('-', ' ')}")
        typer.echo(f"Kept as modification {record.result[:12]}.")
    if not result.passed:
        raise typer.Exit(1)
