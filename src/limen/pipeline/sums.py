"""From kept measurements to verdicts and summary: what a run does, and whoever recomputes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from limen.measures import CaseRow
    from limen.product import Declaration


def judged_rows(
    declaration: Declaration,
    listing: Sequence[Mapping[str, Any]],
    get_json: Callable[[str], Any],
) -> list[CaseRow]:
    """The verdict of every measured case of a set.

    Parameters
    ----------
    declaration : Declaration
    listing : sequence of mapping
        ``case``, ``patient`` and the digest of the ``measurement``, as `pipeline.graph` lists them.
    get_json : callable
        Digest to JSON value.
    """
    from limen.measures import CaseRow, Measurement, judge

    rows = []
    for entry in listing:
        measurement = Measurement.from_dict(get_json(entry["measurement"]))
        verdict = judge(measurement, declaration.criteria, declaration.task)
        rows.append(CaseRow(entry["case"], entry["patient"], verdict, measurement))
    return rows


def verdicts_json(rows: Sequence[CaseRow]) -> dict[str, Any]:
    """By case, as they are kept."""
    return {r.case: r.verdict.as_dict() for r in rows}


def summary_json(
    declaration: Declaration,
    rows: Sequence[CaseRow],
    missing: Sequence[tuple[str, str, str]],
    attributes: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """The summary of a set, as it is kept; ``missing`` are case, patient and reason."""
    from limen.measures import summarise

    return summarise(
        rows, missing, declaration.risk, declaration.task, attributes=attributes
    ).as_dict()
