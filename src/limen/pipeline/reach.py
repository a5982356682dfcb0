"""How far a product's results go, and what a withdrawal or the end of an approval touches.

Each stage is a use of its own: a publication is research and no commerce, a submission is health
research for a product, routine use is care. Results reach the last stage for whose use nothing on
their lineage stands against it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from limen.errors import LimenError
from limen.evidence.duo import Purpose, conditions
from limen.evidence.reach import STAGES, Because, Limit, Permission, Reach, Stage, Use, limits_of
from limen.evidence.reach import reach as reach_through
from limen.pipeline.lineage import RESULTS, ProductLineage, product_lineage
from limen.pipeline.standing import day_of

if TYPE_CHECKING:
    from limen.pipeline.product import LoadedSet, Product

_USES: dict[Stage, tuple[Purpose, bool]] = {
    "feasibility": ("methods", False),
    "publication": ("methods", False),
    "clinical-validation": ("health-research", True),
    "submission": ("health-research", True),
    "routine-use": ("clinical-care", True),
}
"""What each stage is: the purpose, and whether it serves a product that may be sold."""


class NoSuchSource(LimenError):
    """No patient, case or approval of this name stands behind the product."""


class MayNotLeave(LimenError):
    """The terms under which data is used do not let it go where it is to go."""

    exit_code = 1


@dataclass(frozen=True)
class Affected:
    """Something that a question touches, and the way from it down to the source."""

    kind: str
    name: str
    path: tuple[str, ...]


@dataclass(frozen=True)
class HowFar:
    """How far the results of a product go.

    Attributes
    ----------
    stage : str
    asked : str
        The stage after it, which does not hold; the last one where nothing stands against it.
    because : tuple of Because
        What stands against ``asked``, the lowest first, each with an ancestor and the path.
    faults : tuple of Limit
        Everything that is wrong or missing for ``asked``.
    conditions : dict
        Terms whose conditions no lineage can show to be met, and what they ask for.
    nodes : int
    """

    stage: Stage
    asked: Stage
    because: tuple[Because, ...]
    faults: tuple[Limit, ...]
    conditions: dict[str, str]
    nodes: int

    def as_dict(self) -> dict[str, Any]:
        return {
            "reach": self.stage,
            "not": None if self.stage == self.asked else self.asked,
            "because": [
                {
                    "rule": b.limit.rule,
                    "of": b.limit.of,
                    "why": b.limit.why,
                    "reaches": b.limit.ceiling,
                    "affected": int(b.limit.affected.size),
                    "path": list(b.path),
                }
                for b in self.because
            ],
            "conditions": self.conditions,
            "nodes": self.nodes,
        }


def how_far(
    product: Product,
    *,
    day: date | None = None,
    sites: Iterable[str] = (),
    node: str = RESULTS,
    known: ProductLineage | None = None,
) -> HowFar:
    """How far one node of a product's lineage goes; by default all results together.

    Parameters
    ----------
    product : Product
    day : date, optional
        Default today in the calendar of this machine, or the day of the newest record if later.
    sites : iterable of str
        Where the results are to be used.
    node : str
    known : ProductLineage, optional
        As :func:`limen.pipeline.lineage.product_lineage` gave it.
    """
    known = known or product_lineage(product)
    disease = product.declaration.product.intended_use.disease
    wanted, day = frozenset(sites), day or day_of(product)
    reached: Stage = "none"
    found: dict[tuple[Purpose, bool], Reach] = {}
    for stage, (purpose, commercial) in _USES.items():
        if (purpose, commercial) not in found:
            use = Use(day, purpose, disease, wanted, commercial)
            found[purpose, commercial] = _reach(known, use)
        answer = found[purpose, commercial]
        if STAGES.index(answer.stage(node)) < STAGES.index(stage):
            against = [
                b
                for b in answer.because(node)
                if STAGES.index(b.limit.ceiling) < STAGES.index(stage)
            ]
            faults = [b.limit for b in against if b.limit.is_fault]
            return HowFar(
                reached, stage, tuple(against), tuple(faults), _conditions(known),
                len(known.lineage),
            )  # fmt: skip
        reached = stage
    return HowFar(reached, reached, (), (), _conditions(known), len(known.lineage))


def set_reach(product: Product, dataset: LoadedSet, day: date | None = None) -> Stage:
    """How far results on one data set go by its own approval, whatever else they derive from."""
    from limen.data.permissions import permission_of

    approval = dataset.approval
    name = dataset.declared.approval
    permission = permission_of(approval, dataset.origin, name, product.declaration.regimes)
    disease = product.declaration.product.intended_use.disease
    reached: Stage = "none"
    day = day or day_of(product)
    for stage, (purpose, commercial) in _USES.items():
        use = Use(day, purpose, disease, frozenset(), commercial)
        ceilings = [STAGES.index(ceiling) for _, ceiling, _ in limits_of(permission, use)]
        if ceilings and min(ceilings) < STAGES.index(stage):
            break
        reached = stage
    return reached


def limits_today(product: Product) -> list[list[str]]:
    """Everything that limits a source of the product today, without following the lineage.

    A calendar alone can change it, so it is an input of what shows reach.
    """
    from limen.data.permissions import permission_of
    from limen.pipeline.lineage import load_made

    regimes, this_day = product.declaration.regimes, day_of(product)
    disease = product.declaration.product.intended_use.disease
    given = [(s.approval, s.origin, s.declared.approval) for s in product.sets.values()]
    given += [
        (*load_made(product, made.approval), made.approval)
        for made in product.declaration.lineage
        if made.approval is not None
    ]
    found = []
    for approval, origin, name in given:
        permission = permission_of(approval, origin, name, regimes)
        found += [
            [name, stage, rule, ceiling, why]
            for stage, (purpose, commercial) in _USES.items()
            for rule, ceiling, why in limits_of(
                permission, Use(this_day, purpose, disease, frozenset(), commercial)
            )
        ]
        found += [[name, p] for p, day in approval.withdrawn.items() if day <= this_day]
    return found


def require_may_leave(product: Product, sites: Collection[str] = ()) -> None:
    """Refuse to hand out what the ledger holds of cases whose data stays within an institution.

    That is the term IS of the Data Use Ontology (DUO:0000028); the approval's ``sites`` say which
    institutions. A ledger holds predictions and pictures of cases.

    Parameters
    ----------
    product : Product
    sites : collection of str
        Where it is to go; none named: anywhere.

    Raises
    ------
    MayNotLeave
    """
    for permission in product_lineage(product).permissions:
        within = permission.sites or frozenset()
        if "IS" not in (permission.purposes or ()) or (sites and within.issuperset(sites)):
            continue
        raise MayNotLeave(
            "an approval keeps its data within an institution, and the ledger holds predictions "
            "and pictures of its cases (IS, DUO:0000028)",
            where=permission.name,
            found=f"for use at {', '.join(sorted(within)) or 'no stated site'}; to go to "
            + (", ".join(sorted(sites)) or "nobody named"),
            mend="name one of those sites with --to, or ask the board for an amendment",
        )


def sharing_in_words(product: Product) -> dict[str, str]:
    """What the approvals state on sharing, by their files: words that only a person can keep to."""
    return {
        s.declared.approval: s.approval.sharing
        for s in product.sets.values()
        if s.approval.sharing is not None
    }


def affected_by_patient(product: Product, patient: str) -> list[Affected]:
    """Everything that derives from a patient's cases: what has to be looked at on withdrawal.

    Parameters
    ----------
    patient : str
        As Limen names it (``P-...``), or one of the patient's cases as ``DATASET/CASE``.

    Raises
    ------
    NoSuchSource
    """
    known = product_lineage(product)
    of_case = known.patients.get(f"case {patient}")
    cases = [c for c, p in known.patients.items() if p == (of_case or patient)]
    if not cases and f"case {patient}" in known.lineage.names:
        cases = [f"case {patient}"]
    if not cases:
        raise NoSuchSource(
            "no case of this patient stands behind the product",
            found=patient[:40],
            mend="name the patient as the tables do (P-...), or one case as DATASET/CASE",
        )
    return _affected(known, cases)


def affected_by_approval(product: Product, approval: str) -> list[Affected]:
    """Everything that derives from data under an approval, by its file or its number."""
    known = product_lineage(product)
    names = {p.name for p in known.permissions if _is_named(p, approval)}
    sources = [node for node, held in known.held.items() if names & set(held)]
    if not names:
        raise NoSuchSource(
            "no approval of this file or number stands behind the product",
            found=approval[:60],
            mend="there are: " + "; ".join(p.name for p in known.permissions),
        )
    return _affected(known, sources)


def in_words(found: HowFar) -> list[str]:
    """The answer, one sentence for each thing that stands against the next stage."""
    if found.stage == found.asked:
        return ["Nothing on the lineage stands against routine use."]
    return [
        f"{b.limit.rule}: {b.limit.why}{f' [{b.limit.of}]' if b.limit.of else ''}; by "
        + " <- ".join(b.path)
        for b in found.because
    ]


def _affected(known: ProductLineage, sources: list[str]) -> list[Affected]:
    """What derives from these nodes, each with the shortest way to the nearest of them."""
    lineage = known.lineage
    start = [lineage.number(s) for s in sources]
    order, through = lineage.ways_down(start)
    found = []
    for number in order:
        way = [int(number)]
        while through[way[-1]] >= 0 and through[way[-1]] < len(lineage):
            way.append(int(through[way[-1]]))
        names = tuple(lineage.names[i] for i in way)
        if names[0] != RESULTS:
            found.append(Affected(lineage.kinds[int(number)], names[0], names))
    return found


def _reach(known: ProductLineage, use: Use) -> Reach:
    return reach_through(
        known.lineage,
        use,
        known.permissions,
        known.held,
        patients=known.patients,
        withdrawn=known.withdrawn,
        faults=known.faults,
    )


def _conditions(known: ProductLineage) -> dict[str, str]:
    return conditions({t for p in known.permissions for t in p.purposes or ()})


def _is_named(permission: Permission, asked: str) -> bool:
    return asked in (permission.name, *permission.name.replace(", number ", ", ").split(", "))
