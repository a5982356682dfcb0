"""Changes: 200 seeded ones agree with the answers that follow from the rules by hand."""

from __future__ import annotations

from datetime import date

import pytest
from seeded_changes import GROUPS

from limen.regulation.change import Situation, assess_change
from limen.regulation.difference import KINDS, read_difference
from limen.regulation.errors import RuleNotInForce, UnknownChange, UnknownRegime

ON = date(2026, 11, 25)
LETTERS = {"document": "D", "within-plan": "P", "notify": "N", "new-submission": "S"}
CHANGES = [(group, kind, what) for group in GROUPS for kind, what in group.rows]


def said(answer):
    letters = [LETTERS[answer.main.outcome], *(LETTERS[d.outcome] for d in answer.also)]
    return "/".join(letters)


def test_there_are_200_changes_of_every_kind():
    assert len(CHANGES) >= 200
    assert {kind for _, kind, _ in CHANGES} == set(KINDS)
    assert len({what for _, _, what in CHANGES}) >= 195


@pytest.mark.parametrize("column", range(4), ids=["fda", "mdr", "legacy", "mfds"])
@pytest.mark.parametrize(
    ("group", "kind", "what"), CHANGES, ids=[f"{k}-{w[:30]}" for _, k, w in CHANGES]
)
def test_the_answer_is_the_one_of_the_rules(group, kind, what, column):
    regime = ("fda", "mdr", "mdr", "mfds")[column]
    difference = read_difference({"kind": kind, "what": what, **group.facts})
    situation = Situation(
        **group.product,
        eu="legacy" if column == 2 else "mdr",
        class_changes=frozenset(group.changed),
    )
    found = assess_change([difference], regime, ON, situation)
    (answer,) = found.answers
    assert said(answer) == group.expected[column], group.rules
    assert answer.main.question
    assert answer.main.rule.citation
    words = answer.words()
    assert len(words.split()) < 200
    assert answer.main.rule.cited in words


def test_no_difference_asks_for_nothing():
    found = assess_change([], "fda", ON, Situation())
    assert (found.outcome, found.answers) == ("document", ())


def test_the_strictest_difference_decides():
    small = read_difference({"kind": "security", "only_security": True})
    large = read_difference({"kind": "population", "purpose": "wider"})
    assert assess_change([small, large], "fda", ON, Situation()).outcome == "new-submission"


def test_small_changes_since_clearance_count_together():
    # 215 V: compared with the most recently cleared device, all changes together
    minor = [
        read_difference({"kind": "weights", "performance": "minor", "what": f"retrained {i}"})
        for i in range(3)
    ]
    found = assess_change(minor[:1], "fda", ON, Situation(), since_cleared=minor)
    assert found.outcome == "document"
    assert "3 of them" in found.cumulative
    wide = read_difference({"kind": "wording", "purpose": "wider"})
    found = assess_change(minor[:1], "fda", ON, Situation(), since_cleared=[*minor, wide])
    assert found.outcome == "new-submission"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"kind": "weight"}, "weights"),
        ({"kind": "weights", "perfomance": "minor"}, "performance"),
        ({"kind": "weights", "performance": "big"}, "significant"),
        ({"kind": "weights", "in_plan": ["pmda"]}, "mfds"),
        ({}, "weights"),
    ],
)
def test_an_unknown_change_is_an_error(given, words):
    with pytest.raises(UnknownChange, match=words):
        read_difference(given)


def test_dates_and_regimes_hold_for_changes_too():
    change = read_difference({"kind": "weights", "in_plan": ["fda"]})
    with pytest.raises(RuleNotInForce, match="2022-12-29"):
        assess_change([change], "fda", date(2020, 1, 1), Situation())
    with pytest.raises(UnknownRegime):
        assess_change([change], "tga", ON, Situation())


@pytest.mark.parametrize(("after", "outcome"), [(1, "notify"), (3, "new-submission")])
def test_a_new_grade_in_korea_goes_its_own_route(after, outcome):
    # Rule Art 6: grade 1 is notified, 2 certified, 3 and 4 approved
    output = read_difference({"kind": "output", "added": True, "what": "marks lesions"})
    changed = frozenset({"mfds"})
    situation = Situation(kr_grade=1, kr_grade_after=after, class_changes=changed)
    assert assess_change([output], "mfds", ON, situation).outcome == outcome


def test_the_cleared_release_has_a_situation_of_its_own():
    # nothing changes the class since the last release, much since the cleared one
    output = read_difference({"kind": "output", "added": True, "purpose": "same"})
    then = Situation(class_changes=frozenset({"mdr"}))
    given = {"since_cleared": [output], "cleared_situation": then}
    assert assess_change([], "mdr", ON, Situation(), **given).outcome == "new-submission"
