"""Margins and frontiers against sets that are known in closed form."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from analytic_sets import MODELS, answering, f1, unit_axes
from hypothesis import given
from hypothesis import strategies as st

from limen.boundary import Condition, Frontier, Margin, SearchAxis, Trial
from limen.boundary.frontier import BUDGET, FoundSet, condition_at
from limen.boundary.search import Explored, search

CASE = Explored("set/case", "patient", "phantom")
DOSE = SearchAxis("ct.dose", "", 1.0, 0.05, 1 / 32, "log")
VIEWS = SearchAxis("ct.views", "views", 240, 20, 1 / 32, "log", whole=True)


def margin_of(axis: SearchAxis, passes) -> tuple[Margin, list[float]]:
    asked: list[float] = []

    def verdict(case: str, condition: Condition) -> Trial:
        value = condition.get(axis.name, axis.nominal)
        asked.append(value)
        return Trial(condition, passes(value))

    return search([CASE], [axis], verdict)[0].margins[0], asked


@given(st.floats(0.06, 0.99))
def test_the_margin_brackets_the_level_at_which_the_verdict_flips(level):
    found, asked = margin_of(DOSE, lambda dose: dose >= level)
    assert found.kind == "flips"
    assert found.first_fail < level <= found.last_pass
    assert DOSE.position(found.first_fail) - DOSE.position(found.last_pass) <= 1 / 32 + 1e-4
    assert len(asked) == len(set(asked)) == found.evaluations <= 10


@given(st.integers(22, 239))
def test_whole_numbers_are_asked_for_as_such(level):
    found, asked = margin_of(VIEWS, lambda views: views >= level)
    assert all(v == round(v) for v in asked)
    assert found.first_fail < level <= found.last_pass


def test_who_never_fails_has_a_censored_margin():
    found, _ = margin_of(DOSE, lambda dose: True)
    assert (found.kind, found.last_pass, found.first_fail) == ("beyond", 0.05, None)
    assert found.is_censored
    assert found.text(DOSE) == "0.05 and beyond"


def test_who_fails_as_acquired_is_asked_once():
    found, asked = margin_of(DOSE, lambda dose: False)
    assert (found.kind, found.position(DOSE), asked) == ("fails at nominal", 0.0, [1.0])


@pytest.mark.parametrize("relapse", [(0.2, 0.45), (0.55, 0.7)])
def test_a_pass_beyond_a_failure_is_found_and_the_margin_ends_before_the_failure(relapse):
    axis = SearchAxis("a", "mm", 0.0, 1.0, 1 / 32)
    low, high = relapse
    found, _ = margin_of(axis, lambda v: not low <= v <= high)
    assert found.kind == "non-monotone"
    assert found.last_pass < low <= found.first_fail
    assert found.first_fail - found.last_pass <= 1 / 32


def test_a_margin_on_the_other_side_of_nominal():
    axis = SearchAxis("m", "mm", 2.0, -3.0, 1 / 32)
    found, _ = margin_of(axis, lambda v: v >= -1.0)
    assert found.first_fail < -1.0 <= found.last_pass


@pytest.mark.parametrize("name", MODELS)
def test_four_axes_in_two_hundred_trials_agree_with_a_grid_of_ten_thousand(name):
    axes, asked = unit_axes(4), []
    verdict = answering(MODELS[name], axes, asked)
    frontier = search([CASE], axes, verdict, frontier_trials=BUDGET[4])[0].frontier
    grid = np.array(list(itertools.product(np.linspace(0, 1, 10), repeat=4)))
    found = FoundSet(axes, frontier.trials).passes_at(grid)
    assert f1(found, MODELS[name](grid)) >= 0.97
    assert len(asked) <= 200
    keys = [tuple(sorted(c.items())) for c in asked]
    assert len(set(keys)) == len(keys)
    assert frontier.is_monotone


def test_two_axes_in_forty_trials_agree_with_a_grid_of_four_hundred():
    axes, asked = (DOSE, VIEWS), []
    passes = lambda x: x[:, 0] ** 2 + x[:, 1] ** 1.5 <= 0.8  # noqa: E731
    frontier = search([CASE], axes, answering(passes, axes, asked), frontier_trials=40)[0].frontier
    grid = np.array(list(itertools.product(np.linspace(0, 1, 20), repeat=2)))
    assert f1(FoundSet(axes, frontier.trials).passes_at(grid), passes(grid)) >= 0.97
    assert len(asked) <= 40


def test_a_kill_in_the_middle_asks_for_nothing_again():
    axes, first, second = unit_axes(3), [], []
    kept: dict[tuple, Trial] = {}
    passes = MODELS["ellipsoid"]

    class Killed(Exception):
        pass

    def remembering(asked, most):
        made = answering(passes, axes, asked)

        def verdict(case: str, condition: Condition) -> Trial:
            key = tuple(sorted(condition.items()))
            if key not in kept:
                if len(asked) == most:
                    raise Killed
                kept[key] = made(case, condition)
            return kept[key]

        return verdict

    with pytest.raises(Killed):
        search([CASE], axes, remembering(first, 25), frontier_trials=60)
    resumed = search([CASE], axes, remembering(second, 99), frontier_trials=60)[0]
    whole = search([CASE], axes, answering(passes, axes, []), frontier_trials=60)[0]
    assert not {tuple(sorted(c.items())) for c in first} & {
        tuple(sorted(c.items())) for c in second
    }
    assert len(first) + len(second) == len(whole.trials)
    assert resumed.frontier == whole.frontier


def test_contradictions_are_counted_and_not_reasoned_from():
    axes = unit_axes(2)
    at = [((0, 0), True), ((1, 0), False), ((0, 1), False), ((1, 1), False),
          ((0.2, 0.2), False), ((0.5, 0.5), True)]  # fmt: skip
    trials = [Trial(condition_at(np.array(p, float), axes), ok) for p, ok in at]
    found = FoundSet(axes, trials)
    assert found.contradictions == 1
    passing, failing = found.certain(np.array([[0.3, 0.3], [0.9, 1.0]]))
    assert not passing.any()
    assert not failing[0]


def test_search_results_survive_json():
    axes = unit_axes(2)
    found = search([CASE], axes, answering(MODELS["ellipsoid"], axes, []), frontier_trials=20)[0]
    assert Frontier.from_dict(found.frontier.as_dict()) == found.frontier
    assert [Margin.from_dict(m.as_dict()) for m in found.margins] == list(found.margins)
