"""What a product can claim of its case sets: which are whole, and which may be used today.

``evaluate``, ``status`` and the verbs that print their answers all ask here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from limen.errors import LimenError

if TYPE_CHECKING:
    from limen.pipeline.product import LoadedSet, Product


def set_standing(product: Product, not_evaluated: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """By data set that is there: ``use``, ``cases``, ``not_evaluated`` (counts), ``complete``.

    ``cases`` counts those too that cannot even be found whole. A set with one case that is not
    evaluated is not complete, and nothing may be claimed of it as a whole.
    """
    found = {}
    for dataset in product.sets.values():
        if dataset.left_out is not None:
            continue
        lost = sum(name.startswith(f"{dataset.name}/") for name in not_evaluated)
        found[dataset.name] = {
            "use": dataset.declared.use,
            "cases": len(dataset.cases) + len(dataset.problems),
            "not_evaluated": lost,
            "complete": not lost,
        }
    return found


def approvals_not_in_force(product: Product) -> dict[str, dict[str, str | None]]:
    """By data set: why its approval does not hold today, as :meth:`LimenError.as_dict`.

    Results on such a set reach feasibility and no further.
    """
    from limen.data import approval_problem

    found, day = {}, day_of(product)
    for dataset in product.sets.values():
        if dataset.left_out is not None:
            continue
        problem = approval_problem(dataset.approval, day) or _withdrawn(dataset, day)
        if problem is not None:
            found[dataset.name] = problem.as_dict()
    return found


def day_of(product: Product) -> date:
    """The day by which approvals begin and end: today, or that of the newest record if it is later.

    A clock that was set back does not bring back an approval that had expired.
    """
    from limen.data.approvals import today

    newest = max((r.made_utc for r in product.store.records()), default="")
    this_day = today()
    try:
        return max(this_day, datetime.fromisoformat(newest).astimezone().date())
    except ValueError:  # no record, or none with a date
        return this_day


def _withdrawn(dataset: LoadedSet, this_day: date) -> LimenError | None:
    """Cases that are still here although their patient withdrew."""
    gone = {p for p, day in dataset.approval.withdrawn.items() if day <= this_day}
    cases = [c.id for c in dataset.cases if c.patient in gone]
    if not cases:
        return None
    return LimenError(
        "a patient withdrew, and the cases are still here",
        where=f"data set {dataset.name}",
        found=", ".join(cases[:5]) + (f" and {len(cases) - 5} more" if len(cases) > 5 else ""),
        mend=f"take them out; `limen reach --withdraw {dataset.name}/{cases[0]}` lists what was "
        "made with them",
    )


def place(subject: str, where: str | None) -> str:
    """Subject and place of an error in one: ``val/P007`` and ``P007, mask``: ``val/P007, mask``."""
    dataset, _, case = subject.partition("/")
    if not where or where in (case, subject):
        return subject
    if where.startswith(f"{case},"):
        return f"{dataset}/{where}"
    return f"{subject}, {where}"
