"""The predetermined change plan as a file that is executed: FDA's PCCP, Korea's plan, the EU's.

Description of modifications, modification protocol and impact assessment (FDA guidance 2025-08-18
VI to VIII; Korean Notice 2025-25 Art 26(1)8; MDCG 2025-6 Q30). A release inside the plan passes or
fails by its own protocol on the sequestered set; what is outside is refused with the clause.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from limen.regulation.difference import KINDS, Difference
from limen.regulation.errors import OutsidePlan, UnknownChange
from limen.regulation.rules import BOOK, REGIMES

NEVER = {
    "population": "a new population is a new use",
    "output": "a new output is a new function",
    "wording": "a claim is no modification",
}
"""Kinds that no plan can hold."""

_CLAUSES = {"fda": "fda.pccp.scope", "mdr": "mdr.aia.predetermined", "mfds": "mfds.plan.limits"}


@dataclass(frozen=True)
class Acceptance:
    """One criterion of the protocol, on the bound of the interval that is worse.

    Attributes
    ----------
    metric : str
    at_least, at_most : float or None
    no_worse_by : float or None
        Largest loss against the unmodified version.
    """

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    no_worse_by: float | None = None


@dataclass(frozen=True)
class Modification:
    """One modification that the plan describes.

    Attributes
    ----------
    name : str
    kinds : frozenset of str
        Kinds of difference that it is made of.
    regimes : frozenset of str
        Where the plan is authorised.
    test_set : str
        The sequestered set.
    acceptance : tuple of Acceptance
    impact : str
        Impact assessment, in words.
    """

    name: str
    kinds: frozenset[str]
    regimes: frozenset[str]
    test_set: str
    acceptance: tuple[Acceptance, ...]
    impact: str


@dataclass(frozen=True)
class Measured:
    """A metric of the new version on the sequestered set, and of the unmodified one."""

    value: float
    low: float
    high: float
    before: float | None = None


@dataclass(frozen=True)
class PlanResult:
    """What the protocol said of a release.

    Attributes
    ----------
    modification : str
    passed : bool
    reasons : tuple of str
        One for each criterion.
    differences : tuple of Difference
        With ``in_plan`` or ``plan_failed`` set for the change rules.
    """

    modification: str
    passed: bool
    reasons: tuple[str, ...]
    differences: tuple[Difference, ...]


def read_plan(path: Path) -> tuple[Modification, ...]:
    """A plan from a YAML file: a list under ``modifications``.

    Raises
    ------
    UnknownChange
        The file or an entry is not as it has to be; a plan may not hold what no plan can.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        given = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
        entries = given["modifications"]
        return tuple(_modification(entry, path.name) for entry in entries)
    except (YAMLError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise UnknownChange(
            "the change plan is not complete",
            where=path.name,
            found=str(error),
            mend="each of `modifications` has name, kinds, regimes, test_set, acceptance, impact",
        ) from None


def _modification(given: Mapping[str, Any], name: str) -> Modification:
    for kind in given["kinds"]:
        if kind in NEVER or kind not in KINDS:
            raise UnknownChange(
                "a plan cannot hold this kind of change",
                where=f"{name}, {given['name']}",
                found=str(kind),
                mend=NEVER.get(kind, "one of " + ", ".join(k for k in KINDS if k not in NEVER)),
            )
    for regime in given["regimes"]:
        if regime not in REGIMES:
            raise UnknownChange("the plan names a regime without rules", found=str(regime))
    acceptance = tuple(Acceptance(**a) for a in given["acceptance"])
    if not acceptance or not str(given["impact"]).strip():
        raise UnknownChange(
            "a modification needs acceptance criteria and an impact assessment",
            where=f"{name}, {given['name']}",
            mend="state both before the modification is made",
        )
    return Modification(
        str(given["name"]),
        frozenset(given["kinds"]),
        frozenset(given["regimes"]),
        str(given["test_set"]),
        acceptance,
        str(given["impact"]),
    )


def execute(
    plan: Sequence[Modification],
    name: str,
    differences: Sequence[Difference],
    measured: Mapping[str, Measured],
    test_set: str,
    on: date,
) -> PlanResult:
    """Hold a release against one modification of the plan.

    Parameters
    ----------
    plan : sequence of Modification
    name : str
        The modification that the release claims to be.
    differences : sequence of Difference
        All differences of the release; none may lie outside the modification.
    measured : mapping
        By metric, on the sequestered set.
    test_set : str
        The set that was measured on.
    on : date

    Raises
    ------
    OutsidePlan
        The modification is not in the plan, a difference lies outside it, the intended use
        becomes wider, or another set than the sequestered one was used; with the clause.
    """
    chosen = next((m for m in plan if m.name == name), None)
    if chosen is None:
        raise OutsidePlan(
            "the plan does not describe this modification",
            found=name,
            mend="one of " + ", ".join(m.name for m in plan),
        )
    clauses = "; ".join(BOOK.get(_CLAUSES[r], on).cited for r in sorted(chosen.regimes))
    for difference in differences:
        harmless = difference.only_security or difference.restores_specification
        outside = difference.kind not in chosen.kinds and not harmless
        if outside or difference.purpose == "wider" or difference.needs_trial:
            raise OutsidePlan(
                "a difference lies outside the plan",
                where=chosen.name,
                found=f"{difference.what} ({difference.kind})",
                mend=f"assess it on its own; {clauses}",
            )
    if test_set != chosen.test_set:
        raise OutsidePlan(
            "the release was not measured on the sequestered set",
            where=chosen.name,
            found=test_set,
            mend=f"measure on {chosen.test_set}; {clauses}",
        )
    reasons, passed = _judge(chosen, measured)
    key = "in_plan" if passed else "plan_failed"
    marked = tuple(replace(d, **{key: chosen.regimes}) for d in differences)  # type: ignore[arg-type]
    return PlanResult(chosen.name, passed, tuple(reasons), marked)


def _judge(chosen: Modification, measured: Mapping[str, Measured]) -> tuple[list[str], bool]:
    reasons, passed = [], True
    for criterion in chosen.acceptance:
        found = measured.get(criterion.metric)
        if found is None:
            reasons.append(f"{criterion.metric}: not measured, or without interval")
            passed = False
            continue
        checks = _checks(criterion, found)
        for holds, words in checks:
            reasons.append(f"{criterion.metric}: {words}: {'holds' if holds else 'does not hold'}")
            passed = passed and holds
    return reasons, passed


def _checks(criterion: Acceptance, found: Measured) -> list[tuple[bool, str]]:
    """Each limit of a criterion, whether it holds, and how it was held."""
    checks: list[tuple[bool, str]] = []
    least, most, loss_most = criterion.at_least, criterion.at_most, criterion.no_worse_by
    if least is not None:
        checks.append((found.low >= least, f"low {found.low:g} >= {least:g}"))
    if most is not None:
        checks.append((found.high <= most, f"high {found.high:g} <= {most:g}"))
    if loss_most is not None and found.before is None:
        checks.append((False, "the unmodified version was not measured"))
    elif loss_most is not None and found.before is not None:
        # of what may be at most, more is the loss
        loss = found.value - found.before if most is not None else found.before - found.value
        checks.append((loss <= loss_most, f"loss {loss:g} <= {loss_most:g}"))
    return checks or [(False, "the criterion has no limit")]
