"""How far results may go: the weakest ancestor decides, and every limit names all it touches.

A pure function of a lineage, of the permissions under which its sources are used, and of the use
that is asked for. Each limit lowers the reach of its sources and of all that derives from them.
What each one leaves is in :data:`CEILINGS`; how far a kind of approval reaches is the caller's to
say (:attr:`Permission.ceiling`), because this room knows digests and not medicine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Literal, get_args

from limen.errors import LimenError
from limen.evidence.duo import Purpose, commercial_refusal, refusal
from limen.evidence.lineage import Lineage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Stage = Literal[
    "none", "feasibility", "publication", "clinical-validation", "submission", "routine-use"
]
STAGES: tuple[Stage, ...] = get_args(Stage)
"""From no use at all to the furthest."""

Rule = Literal[
    "consent withdrawn",
    "purpose not permitted",
    "site not covered",
    "patient not covered",
    "approval expired",
    "approval not in force yet",
    "purpose not stated",
    "no approval",
    "non-commercial",
    "commercial use not stated",
    "legal basis not shown",
    "intended population not covered",
    "kind of approval",
]
CEILINGS: dict[Rule, Stage] = {
    # without a permission there is no use, whatever the stage
    "consent withdrawn": "none",
    "purpose not permitted": "none",
    "site not covered": "none",
    "patient not covered": "none",
    # what was found stays found, and goes no further
    "approval expired": "feasibility",
    "approval not in force yet": "feasibility",
    "purpose not stated": "feasibility",
    "no approval": "feasibility",
    # research is not commerce
    "non-commercial": "publication",
    "commercial use not stated": "publication",
    "legal basis not shown": "publication",
    "intended population not covered": "publication",
}
"""How far each fault lets its sources, and all derived from them, go."""
NEEDS_PERMISSION = ("case", "weights", "synthetic")
"""Kinds of node that come from people's data, so that one of them derived from nothing, with no
permission of its own, is data of unknown standing: weights from elsewhere, for example."""


class ContradictingApprovals(LimenError):
    """Two permissions of one name say different things."""


@dataclass(frozen=True)
class Permission:
    """Under what sources may be used.

    Attributes
    ----------
    name : str
        E.g. the approval's number or the licence.
    ceiling : str
        How far its kind reaches at most, one of :data:`STAGES`.
    issued, expires : date or None
        First and last day on which it holds; None where it has none.
    purposes : frozenset of str, or None
        Terms of the Data Use Ontology (:mod:`limen.evidence.duo`); None where none are stated.
    diseases : frozenset of str
        That the term ``DS`` is limited to.
    sites : frozenset of str, or None
        Where the data may be used; None for anywhere.
    commercial : bool or None
        Whether it may serve a commercial product; None where nothing says so.
    lacks : tuple of (str, str)
        What its caller found missing in it: rules of :data:`CEILINGS`, and why, in words.
    because : str
        Why its ceiling is what it is.
    """

    name: str
    ceiling: Stage
    issued: date | None = None
    expires: date | None = None
    purposes: frozenset[str] | None = None
    diseases: frozenset[str] = frozenset()
    sites: frozenset[str] | None = None
    commercial: bool | None = None
    lacks: tuple[tuple[Rule, str], ...] = ()
    because: str = ""


@dataclass(frozen=True)
class Fault:
    """Something the caller found that limits single nodes, e.g. a case from a site not covered."""

    rule: Rule
    of: str
    why: str
    nodes: tuple[str, ...]


@dataclass(frozen=True)
class Use:
    """What the results are to serve, and on which day."""

    day: date
    purpose: Purpose = "methods"
    disease: str | None = None
    sites: frozenset[str] = frozenset()
    commercial: bool = False


@dataclass(frozen=True)
class Limit:
    """One thing that limits reach, where it starts and everything it touches.

    Attributes
    ----------
    rule, why : str
        Which rule, and what it found, in words.
    ceiling : str
        How far what it touches may go.
    of : str
        Name of the permission, or of the patient who withdrew; empty for sources without any.
    sources, affected : array of int
        Numbers of the nodes it starts at, and of those with all derived from them; ascending.
    """

    rule: Rule
    ceiling: Stage
    of: str
    why: str
    sources: NDArray[np.intp]
    affected: NDArray[np.intp]

    @property
    def is_fault(self) -> bool:
        """Whether something is wrong or missing; the kind of an approval is no fault."""
        return self.rule != "kind of approval"


@dataclass(frozen=True)
class Because:
    """Why a node reaches no further: the limit, the ancestor it comes from, and the way there."""

    limit: Limit
    ancestor: str
    path: tuple[str, ...]
    """From the node to the ancestor, both included."""

    def __str__(self) -> str:
        of = f" ({self.limit.of})" if self.limit.of else ""
        return (
            f"{self.limit.ceiling}, because of {self.ancestor}{of}: {self.limit.why}; by "
            + " <- ".join(self.path)
        )


@dataclass(frozen=True)
class Reach:
    """How far every node of a lineage goes for one use."""

    lineage: Lineage
    limits: tuple[Limit, ...]

    @cached_property
    def _levels(self) -> NDArray[np.int8]:
        import numpy as np

        levels = np.full(len(self.lineage), len(STAGES) - 1, dtype=np.int8)
        for limit in self.limits:
            level = STAGES.index(limit.ceiling)
            levels[limit.affected] = np.minimum(levels[limit.affected], level)
        return levels

    def stage(self, node: str) -> Stage:
        """How far a node goes."""
        return STAGES[int(self._levels[self.lineage.number(node)])]

    def because(self, node: str) -> list[Because]:
        """Every limit on a node, the lowest first; each with its nearest ancestor and the path.

        Empty where nothing limits it.
        """
        import numpy as np

        number = self.lineage.number(node)
        ancestors, through = self.lineage.ancestors(number)
        found = []
        for limit in sorted(self.limits, key=lambda m: STAGES.index(m.ceiling)):
            nearest = ancestors[np.isin(ancestors, limit.sources, kind="sort")]
            if nearest.size:
                path = self.lineage.path(through, number, int(nearest[0]))
                names = tuple(self.lineage.names[i] for i in path)
                found.append(Because(limit, names[-1], names))
        return found


def reach(
    lineage: Lineage,
    use: Use,
    permissions: Iterable[Permission],
    held: Mapping[str, Iterable[str]],
    *,
    patients: Mapping[str, str] | None = None,
    withdrawn: Mapping[str, date] | None = None,
    faults: Iterable[Fault] = (),
) -> Reach:
    """Every limit on a lineage, for one use.

    Parameters
    ----------
    lineage : Lineage
    use : Use
    permissions : iterable of Permission
    held : mapping
        Name of a node to the names of the permissions it is used under; of several, the strictest
        decides.
    patients : mapping, optional
        Name of a case to its patient.
    withdrawn : mapping, optional
        Patient to the day from which the consent is withdrawn.
    faults : iterable of Fault, optional
        What limits single nodes besides.

    Raises
    ------
    ContradictingApprovals
        If two permissions of one name differ, or a node names one that is not there.
    UnknownPurpose
        If a purpose is no term of the Data Use Ontology.
    BadLineage
        If a node is not there.
    """
    known = _by_name(permissions)
    nodes: dict[str, list[int]] = {name: [] for name in known}
    covered = set()
    for node, names in held.items():
        number = lineage.number(node)
        for name in names:
            if name not in known:
                raise ContradictingApprovals(
                    "a node is used under a permission that is not there",
                    where=node,
                    found=name,
                    mend="add the approval, or correct its name",
                )
            nodes[name].append(number)
            covered.add(number)

    found: list[tuple[Rule, Stage, str, str, list[int]]] = [
        (rule, ceiling, name, why, nodes[name])
        for name, permission in known.items()
        for rule, ceiling, why in limits_of(permission, use)
    ]
    unknown = [
        int(i)
        for i in lineage.roots()
        if lineage.kinds[int(i)] in NEEDS_PERMISSION and int(i) not in covered
    ]
    found.append(("no approval", CEILINGS["no approval"], "", "no approval is declared", unknown))
    found += _withdrawals(lineage, use, patients or {}, withdrawn or {})
    found += [
        (f.rule, CEILINGS[f.rule], f.of, f.why, [lineage.number(n) for n in f.nodes])
        for f in faults
    ]
    return Reach(lineage, tuple(_limit(lineage, *f) for f in found if f[4]))


def withdrawal(lineage: Lineage, cases: Iterable[str]) -> NDArray[np.intp]:
    """Numbers of all that has to be looked at when these cases' consent is withdrawn, ascending."""
    return lineage.descendants([lineage.number(c) for c in cases])


def limits_of(p: Permission, use: Use) -> list[tuple[Rule, Stage, str]]:
    """What one permission lacks for a use, and how far its kind goes."""
    found: list[tuple[Rule, str]] = []
    if p.expires is not None and p.expires < use.day:
        found.append(("approval expired", f"expired on {p.expires}"))
    if p.issued is not None and p.issued > use.day:
        found.append(("approval not in force yet", f"issued on {p.issued}, after {use.day}"))
    terms = p.purposes or frozenset()
    if p.purposes is None:
        found.append(("purpose not stated", "what it may be used for is not stated"))
    else:
        why = refusal(terms, use.purpose, diseases=p.diseases, disease=use.disease)
        if why is not None:
            found.append(("purpose not permitted", why))
    if p.sites is not None and use.sites - p.sites:
        outside = ", ".join(sorted(use.sites - p.sites))
        found.append(("site not covered", f"not for use at {outside}"))
    if use.commercial:
        why = commercial_refusal(terms)
        if why is not None or p.commercial is False:
            found.append(("non-commercial", why or "commercial use is excluded"))
        elif p.commercial is None:
            found.append(
                ("commercial use not stated", "whether a product may be sold is not stated")
            )
    found += p.lacks
    limits = [(rule, CEILINGS[rule], why) for rule, why in found]
    if p.ceiling != STAGES[-1]:
        why = p.because or f"data of its kind reaches {p.ceiling} at most"
        limits.append(("kind of approval", p.ceiling, why))
    return limits


def _withdrawals(
    lineage: Lineage, use: Use, patients: Mapping[str, str], withdrawn: Mapping[str, date]
) -> list[tuple[Rule, Stage, str, str, list[int]]]:
    cases: dict[str, list[int]] = {p: [] for p, day in withdrawn.items() if day <= use.day}
    for case, patient in patients.items():
        if patient in cases:
            cases[patient].append(lineage.number(case))
    rule: Rule = "consent withdrawn"
    return [
        (rule, CEILINGS[rule], p, f"consent withdrawn on {withdrawn[p]}", sorted(numbers))
        for p, numbers in cases.items()
    ]


def _limit(
    lineage: Lineage, rule: Rule, ceiling: Stage, of: str, why: str, sources: list[int]
) -> Limit:
    import numpy as np

    start = np.unique(np.asarray(sources, dtype=np.intp))
    return Limit(rule, ceiling, of, why, start, lineage.descendants(start))


def _by_name(permissions: Iterable[Permission]) -> dict[str, Permission]:
    known: dict[str, Permission] = {}
    for p in permissions:
        other = known.setdefault(p.name, p)
        if other != p:
            raise ContradictingApprovals(
                "two approvals of one name say different things",
                where=p.name,
                mend="keep the one that holds; give an amendment a name of its own",
            )
        if p.ceiling not in STAGES:
            raise ContradictingApprovals(
                "an approval reaches no known stage",
                where=p.name,
                found=str(p.ceiling)[:40],
                mend="one of " + ", ".join(STAGES),
            )
        if p.issued is not None and p.expires is not None and p.expires < p.issued:
            raise ContradictingApprovals(
                "an approval ends before it begins",
                where=p.name,
                found=f"issued {p.issued}, expires {p.expires}",
                mend="correct the dates",
            )
    return known
