"""Promotion one stage at a time; a refusal names every missing piece; what fails goes back."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import pairwise

import pytest

from limen.release.stages import MOVERS, STAGES, TABLE, Facts, NoSuchStage, demote, promote

ALL = ("developer", "clinician", "quality")
GOOD = Facts(
    reach="routine-use", stale=(), leaks=0, cases_not_evaluated=0, ledger_verifies=True,
    is_frozen=True, boundary_is_certified=True, boundary_roles_missing=(), failures_not_rerun=(),
    unexplained_failures=0, not_accepted=(), regimes_unclassified=(), wording_faults=0,
    clearances_missing=(), field_failure_rate=0.01, field_limit=0.05,
)  # fmt: skip
# what is wrong, and the stage whose requirements it is one of
WRONG = {
    "stale": (("summary of val",), "publication"),
    "leaks": (2, "publication"),
    "cases_not_evaluated": (1, "publication"),
    "ledger_verifies": (False, "publication"),
    "is_frozen": (False, "publication"),
    "boundary_is_certified": (False, "clinical-validation"),
    "boundary_roles_missing": (("clinician",), "clinical-validation"),
    "failures_not_rerun": (("case 7",), "submission"),
    "unexplained_failures": (3, "submission"),
    "not_accepted": (("val: used 3 times",), "submission"),
    "regimes_unclassified": (("mfds",), "submission"),
    "wording_faults": (1, "submission"),
    "clearances_missing": (("fda",), "routine-use"),
    "field_failure_rate": (0.06, "routine-use"),
    "field_limit": (None, "routine-use"),
}


def test_with_everything_there_it_goes_all_the_way() -> None:
    stage = STAGES[0]
    for after in STAGES[1:]:
        move = promote(stage, GOOD, ALL)
        assert (move.is_granted, move.after) == (True, after)
        stage = move.after
    with pytest.raises(NoSuchStage, match="last"):
        promote(stage, GOOD, ALL)


def test_every_requirement_is_tried_below() -> None:
    assert {f.name for f in fields(Facts)} - {"reach"} == set(WRONG)
    assert len(TABLE) == len(WRONG) - 1  # the field's rate and limit are one requirement


@pytest.mark.parametrize("name", WRONG)
def test_one_missing_piece_holds_up_from_its_stage_on_and_is_named(name: str) -> None:
    value, stage = WRONG[name]
    facts = replace(GOOD, **{name: value})
    for before, after in pairwise(STAGES):
        move = promote(before, facts, ALL)
        holds_up = STAGES.index(after) >= STAGES.index(stage)
        assert move.is_granted != holds_up
        assert len(move.missing) == holds_up
        for m in move.missing:
            assert m.requirement and m.found and m.mend


@pytest.mark.parametrize("name", [n for n in WRONG if not n.startswith("field") and n != "stale"])
def test_what_nobody_looked_at_is_missing(name: str) -> None:
    move = promote("submission", replace(GOOD, **{name: None}), ALL)
    assert ["not looked at" in m.found for m in move.missing] == [True]


def test_a_refusal_names_all_at_once() -> None:
    facts = Facts(reach="feasibility", stale=("a",))
    move = promote("submission", facts, ())
    # everything but the ones whose silence is no fault, and reach and the movers besides
    assert len(move.missing) == len(TABLE) + 2
    assert (move.before, move.after) == ("submission", "submission")


@pytest.mark.parametrize("place", range(1, 5))
def test_reach_holds_it_back(place: int) -> None:
    facts = replace(GOOD, reach=STAGES[place - 1])
    move = promote(STAGES[place - 1], facts, ALL)
    assert [m.found for m in move.missing] == [f"the lineage reaches {STAGES[place - 1]}"]
    assert promote(STAGES[place - 1], replace(GOOD, reach=STAGES[place]), ALL).is_granted


@pytest.mark.parametrize("after", MOVERS)
def test_all_who_may_move_it_have_to_ask(after: str) -> None:
    before = STAGES[STAGES.index(after) - 1]  # type: ignore[arg-type]
    assert promote(before, GOOD, MOVERS[after]).is_granted  # type: ignore[index]
    for one in MOVERS[after]:  # type: ignore[index]
        others = [r for r in ALL if r != one]
        move = promote(before, GOOD, others)
        assert [m.found for m in move.missing] == [f"not asked by: {one}"]


@pytest.mark.parametrize("name", WRONG)
def test_a_release_goes_back_to_the_stage_that_still_holds(name: str) -> None:
    value, stage = WRONG[name]
    move = demote("routine-use", replace(GOOD, **{name: value}))
    assert move.after == STAGES[STAGES.index(stage) - 1]
    assert len(move.missing) == 1


def test_an_expired_approval_takes_a_release_back_to_what_its_lineage_reaches() -> None:
    assert demote("routine-use", replace(GOOD, reach="publication")).after == "publication"
    assert demote("routine-use", replace(GOOD, reach="none")).after == "feasibility"
    assert demote("submission", GOOD).after == "submission"


def test_no_such_stage() -> None:
    with pytest.raises(NoSuchStage):
        promote("moon", GOOD, ALL)  # type: ignore[arg-type]
