"""Stages of a release: what each asks for, who may move one there, and what takes it back.

One table, read from left to right. A stage asks for everything that the stages before it ask for
too. The rules behind the rows: FDA's CADe guidances of 2022-09-28 (standalone performance, test-set
reuse), MDR Annex I 23.4 and Annex XIV, Korea's Digital Medical Products Rule Art 33(2)5 (limits in
the labelling); which evidence each regime wants in particular is ``limen.regulation``'s to say.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal, get_args

from limen.errors import LimenError
from limen.evidence.reach import STAGES as REACHES
from limen.evidence.reach import Stage as Reached
from limen.evidence.roster import Role

Stage = Literal["feasibility", "publication", "clinical-validation", "submission", "routine-use"]
STAGES: tuple[Stage, ...] = get_args(Stage)


class NoSuchStage(LimenError):
    """A word names no stage, or a release is at the last one already."""


@dataclass(frozen=True)
class Facts:
    """What is known of a release when it is to be moved. None means that nobody has looked.

    Attributes
    ----------
    reach : str
        Of the release through its lineage.
    stale : tuple of str
        Evidence that is stale or missing.
    leaks, cases_not_evaluated, unexplained_failures, wording_faults : int or None
        Numbers, of which each has to be zero.
    ledger_verifies, boundary_is_certified : bool or None
    is_frozen : bool or None
        Whether the release's folder is whole and the product is still what was frozen.
    not_accepted : tuple of str, or None
        Validation sets on which the release is not accepted, reuse counted; each in words.
    boundary_roles_missing, regimes_unclassified, failures_not_rerun : tuple of str, or None
    clearances_missing : tuple of str, or None
        Regimes of which no clearance is recorded.
    field_failure_rate, field_limit : float or None
        Observed in use, and the most that is tolerated; fractions.
    """

    reach: Reached
    stale: tuple[str, ...] = ()
    leaks: int | None = None
    cases_not_evaluated: int | None = None
    ledger_verifies: bool | None = None
    is_frozen: bool | None = None
    boundary_is_certified: bool | None = None
    boundary_roles_missing: tuple[str, ...] | None = None
    failures_not_rerun: tuple[str, ...] | None = None
    unexplained_failures: int | None = None
    not_accepted: tuple[str, ...] | None = None
    regimes_unclassified: tuple[str, ...] | None = None
    wording_faults: int | None = None
    clearances_missing: tuple[str, ...] | None = None
    field_failure_rate: float | None = None
    field_limit: float | None = None


@dataclass(frozen=True)
class Missing:
    """One thing a stage asks for and does not have.

    Attributes
    ----------
    requirement : str
    found : str
    mend : str
        The command that supplies it, or whose it is.
    """

    requirement: str
    found: str
    mend: str


@dataclass(frozen=True)
class Move:
    """The answer to a wish to move a release."""

    before: Stage
    after: Stage
    missing: tuple[Missing, ...]

    @property
    def is_granted(self) -> bool:
        return not self.missing


Check = Callable[[Facts], str | None]
"""Says what is wrong, in words; None where the requirement is met."""


def _none_of(value: Collection[str] | None, what: str) -> str | None:
    if value is None:
        return f"{what}: not looked at"
    return f"{what}: {', '.join(sorted(value))}" if value else None


def _zero(value: int | None, what: str) -> str | None:
    if value is None:
        return f"{what}: not looked at"
    return f"{value} {what}" if value else None


def _true(value: bool | None, otherwise: str) -> str | None:
    return None if value else (f"{otherwise}: not looked at" if value is None else otherwise)


def _field(facts: Facts) -> str | None:
    rate, limit = facts.field_failure_rate, facts.field_limit
    if limit is None:
        return "no limit of failures in use is stated"
    if rate is not None and rate > limit:
        return f"{rate:.1%} of studies failed in use, over the limit of {limit:.1%}"
    return None


# stage, requirement, how it is checked, who or what supplies it
TABLE: tuple[tuple[Stage, str, Check, str], ...] = (
    ("publication", "all evidence is fresh",
     lambda f: _none_of(f.stale, "stale"), "limen run"),
    ("publication", "every case is evaluated",
     lambda f: _zero(f.cases_not_evaluated, "cases not evaluated"), "limen check, then limen run"),
    ("publication", "no patient is in two data sets",
     lambda f: _zero(f.leaks, "leaks"), "limen check names them; take them out of one set"),
    ("publication", "the release is what is evaluated",
     lambda f: _true(f.is_frozen, "its folder was altered, or the product is another by now"),
     "limen release freezes the product as it is; an older release is moved with the product as "
     "it was then"),
    ("publication", "the ledger is whole",
     lambda f: _true(f.ledger_verifies, "the ledger does not verify"), "limen verify"),
    ("clinical-validation", "a boundary is certified",
     lambda f: _true(f.boundary_is_certified, "no boundary is certified"),
     "limen stress; limen plan says how many more cases it takes"),
    ("clinical-validation", "clinician and developer signed the boundary",
     lambda f: _none_of(f.boundary_roles_missing, "not signed by"),
     "limen sign --key FILE, by each of them"),
    ("submission", "every failure ever recorded was run again on this release",
     lambda f: _none_of(f.failures_not_rerun, "not run again"), "limen run"),
    ("submission", "every failure passes or is explained",
     lambda f: _zero(f.unexplained_failures, "failures neither mended nor explained"),
     "limen failures --explain SET/CASE --why TEXT --key FILE, by a clinician and a developer"),
    ("submission", "the claim is shown on each validation set, its reuse counted",
     lambda f: _none_of(f.not_accepted, "not accepted"),
     "a better model, or new cases of other patients: limen plan says how many"),
    ("submission", "the class is told for each regime",
     lambda f: _none_of(f.regimes_unclassified, "not told for"), "limen classify"),
    ("submission", "no text claims more than the evidence",
     lambda f: _zero(f.wording_faults, "claims without evidence"),
     "limen promote --text FILE for each text that goes out; limen lint names each claim"),
    ("routine-use", "each regime has cleared it",
     lambda f: _none_of(f.clearances_missing, "no clearance recorded for"),
     "limen promote --cleared REGIME=NUMBER --key FILE, by quality"),
    ("routine-use", "failures in use stay under their limit", _field,
     "limen promote --field FAILURES/STUDIES --field-limit FRACTION --key FILE; 0/0 before the "
     "first study"),
)  # fmt: skip
MOVERS: dict[Stage, tuple[Role, ...]] = {
    "publication": ("developer",),
    "clinical-validation": ("clinician", "developer"),
    "submission": ("quality",),
    "routine-use": ("clinician", "quality"),
}
"""Who has to ask for the move, all of them."""


def promote(before: Stage, facts: Facts, asked_by: Collection[Role]) -> Move:
    """Move a release one stage up, or say everything that is missing.

    Parameters
    ----------
    before : str
        The stage it is at.
    facts : Facts
    asked_by : collection of str
        Roles whose signature stands under the wish.

    Raises
    ------
    NoSuchStage
        If there is no such stage, or none after it.
    """
    place = _place(before)
    if place + 1 == len(STAGES):
        raise NoSuchStage("the release is at the last stage", found=before)
    after = STAGES[place + 1]
    missing = _lacking(after, facts)
    absent = [r for r in MOVERS[after] if r not in asked_by]
    if absent:
        missing.append(
            Missing("those who may move it ask for it", "not asked by: " + ", ".join(absent),
                    "limen promote --key FILE, by each of them")
        )  # fmt: skip
    return Move(before, before if missing else after, tuple(missing))


def demote(before: Stage, facts: Facts) -> Move:
    """Where a release still may stay: the furthest stage, not beyond its own, that holds today.

    Called after an approval expired, a run failed or failures came back from use; ``missing`` says
    what the stage it was at lacks.
    """
    place = _place(before)
    lacking = _lacking(before, facts)
    while place > 0 and _lacking(STAGES[place], facts):
        place -= 1
    return Move(before, STAGES[place], tuple(lacking))


def _lacking(stage: Stage, facts: Facts) -> list[Missing]:
    place = STAGES.index(stage)
    missing = [
        Missing(requirement, found, mend)
        for of, requirement, check, mend in TABLE
        if STAGES.index(of) <= place and (found := check(facts)) is not None
    ]
    if stage != STAGES[0] and REACHES.index(facts.reach) < REACHES.index(stage):
        missing.insert(
            0,
            Missing(f"the data permits {stage}", f"the lineage reaches {facts.reach}",
                    "limen reach names the weakest ancestor; renew or replace its approval"),
        )  # fmt: skip
    return missing


def _place(stage: Stage) -> int:
    if stage not in STAGES:
        raise NoSuchStage(
            "no such stage", found=str(stage)[:40], mend="one of " + ", ".join(STAGES)
        )
    return STAGES.index(stage)
