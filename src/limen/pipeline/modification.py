"""A release held against the predetermined change plan of the release before it.

The plan that counts is the authorised one, which stands in the old folder: a plan that the new
release changed refuses everything. What is measured is what the new release's own evidence says on
the plan's sequestered set, fresh, beside what the old release's evidence said on the same cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limen.evidence import Record, digest_file, digest_json
from limen.pipeline.contract import PLAN
from limen.pipeline.errors import NotMadeYet
from limen.pipeline.figures import summaries, supported_figures
from limen.pipeline.product import Product
from limen.pipeline.requirements import keep_result
from limen.regulation.change_plan import Measured, PlanResult, execute, read_plan
from limen.regulation.errors import OutsidePlan, UnknownChange

if TYPE_CHECKING:
    from limen.pipeline.status import Status
    from limen.regulation import Difference
    from limen.regulation.wording import SupportedFigure

METHOD = "regulation.modification/1"


def execute_plan(
    old: Product, new: Product, name: str, differences: Sequence[Difference], on: date
) -> tuple[PlanResult, Record]:
    """Hold the new release against the modification ``name`` of the old release's plan.

    Raises
    ------
    OutsidePlan
        What the plan does not allow, with the clause.
    NotMadeYet
        The new release has no fresh evidence on the sequestered set.
    UnknownChange
        There is no plan, or it cannot be read.
    """
    from limen.pipeline.status import status

    authorised = _plan_file(old)
    proposed = new.folder / PLAN
    if proposed.is_file() and digest_file(proposed) != digest_file(authorised):
        raise OutsidePlan(
            "the new release changes the plan itself, and a plan is authorised with a submission",
            where=PLAN,
            mend="restore the authorised plan, or submit the new one",
        )
    plan = read_plan(authorised)
    chosen = next((m for m in plan if m.name == name), None)
    test_set = chosen.test_set if chosen is not None else ""
    measured = {}
    found = status(new)
    if chosen is not None:
        measured = _measured(old, new, found, test_set)
    result = execute(plan, name, differences, measured, test_set, on)
    inputs = {
        "plan": digest_file(authorised),
        "differences": digest_json([d.as_dict() for d in differences]),
        "summary": summaries(new, found)[test_set].result,
    }
    told: dict[str, Any] = {
        "modification": result.modification,
        "passed": result.passed,
        "reasons": list(result.reasons),
        "on": on.isoformat(),
        "differences": [d.as_dict() for d in result.differences],
    }
    product_name = new.declaration.product.name
    return result, keep_result(new, "modification", product_name, METHOD, inputs, told)


def _plan_file(old: Product) -> Path:
    path = old.folder / PLAN
    if not path.is_file():
        raise UnknownChange(
            "the old release has no predetermined change plan",
            where=PLAN,
            mend="write one before the submission; without it every change is assessed on its own",
        )
    return path


def _measured(old: Product, new: Product, found: Status, test_set: str) -> dict[str, Measured]:
    """By metric, on the sequestered set: now, and before where the cases are the same."""
    from limen.pipeline.status import status

    figures = _of_set(supported_figures(new, found), test_set)
    if not figures:
        raise NotMadeYet(
            "the sequestered set of the plan has no fresh evidence",
            where=test_set,
            mend=f"declare it in limen.yaml and run `limen evaluate {new.folder}`",
        )
    earlier = status(old) if (old.folder / ".limen").is_dir() else None
    before: dict[str, SupportedFigure] = {}
    if earlier is not None and _cases(old, earlier, test_set) == _cases(new, found, test_set):
        before = _of_set(supported_figures(old, earlier), test_set)
    measured = {}
    for metric, figure in figures.items():
        if figure.low is None or figure.high is None:
            continue  # without an interval nothing is shown, and no limit is held against it
        was = before[metric].value if metric in before else None
        measured[metric] = Measured(figure.value, figure.low, figure.high, was)
    return measured


def _of_set(figures: list[SupportedFigure], test_set: str) -> dict[str, SupportedFigure]:
    """By metric, and by metric with what it was counted over; the first of a metric is the one
    over the claimed sizes."""
    found: dict[str, SupportedFigure] = {}
    for figure in figures:
        name, _, over = figure.data.partition(", ")
        if name == test_set:
            found.setdefault(figure.metric, figure)
            if over:
                found.setdefault(f"{figure.metric}, {over}", figure)
    return found


def _cases(product: Product, found: Status, test_set: str) -> list[str] | None:
    """Digests of the images and references of a set's cases, sorted; None when it is not there."""
    items = [i for i in found.items if i.kind == "case" and i.subject.startswith(f"{test_set}/")]
    if not items or any(i.record is None for i in items):
        return None
    return sorted(
        digest_json({k: v for k, v in (i.inputs or {}).items() if k in ("image", "reference")})
        for i in items
    )
