"""Summaries: failing cases first, patients as the unit, and nothing better for a miss."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limen.measures import CaseRow, judge, measure_case, summarise
from limen.product.declaration import Criterion, Risk, Task

SHAPE = (24, 24, 12)
TASK = Task(kind="lesion-detection", labels={"nodule": 1})
CRITERIA = [
    Criterion(measure="missed_lesions", min_diameter_mm=4, at_most=0),
    Criterion(measure="false_marks", at_most=1),
]
RISK = Risk(failure_rate=0.10, confidence=0.95)
# equal-volume diameters 2.48 and 6.2 mm
SMALL, LARGE = ((15, 15, 8), 2), ((2, 2, 2), 5)
FALSE = [((20, 2, 2), 2), ((20, 6, 2), 2)]


def cubes(*corners_and_sides):
    labels = np.zeros(SHAPE, dtype=np.uint8)
    for (i, j, k), side in corners_and_sides:
        labels[i : i + side, j : j + side, k : k + side] = 1
    return labels


def row(case, patient, prediction=(LARGE,), reference=(LARGE,)):
    m = measure_case(cubes(*prediction), cubes(*reference), np.eye(4), TASK)
    return CaseRow(case, patient, judge(m, CRITERIA, TASK), m)


def good(n, start=0):
    return [row(f"case-{i}", f"patient-{i}") for i in range(start, start + n)]


def test_failing_cases_are_listed_worst_first_and_before_any_average():
    rows = [*good(2), row("b", "p1", ()), row("a", "p2", FALSE, (LARGE,))]
    made = summarise(rows, [], RISK, TASK).as_dict()
    assert [c["case"] for c in made["failing_cases"]] == ["a", "b"]
    assert len(made["failing_cases"][0]["reasons"]) == 2
    order = list(made)
    assert order.index("failing_cases") < order.index("not_evaluated") < order.index("failure_rate")
    assert order.index("failure_rate") < order.index("sensitivity") < order.index("labels")


def test_a_patient_fails_when_any_of_its_cases_fails():
    rows = [
        row(f"{p}-{i}", f"p{p}", () if (p, i) == (0, 1) else (LARGE,))
        for p in range(4)
        for i in range(3)
    ]
    made = summarise(rows, [], RISK, TASK)
    assert (made.n_cases, made.n_patients) == (12, 4)
    assert made.failure_rate.value == 0.25
    assert (made.failure_rate.n, made.failure_rate.n_patients) == (4, 4)
    # the exact interval of 1 of 4
    assert made.failure_rate.low == pytest.approx(1 - 0.975 ** (1 / 4))
    assert made.failure_rate.high == pytest.approx(0.8059, abs=1e-4)


def test_cases_not_evaluated_count_as_failing_at_worst():
    lost = [("z", "patient-0", "unreadable"), ("y", "new", "no reference")]
    made = summarise(good(8), lost, RISK, TASK)
    assert not made.complete
    assert made.n_not_evaluated == 2
    assert [x["case"] for x in made.not_evaluated] == ["y", "z"]
    assert (made.failure_rate.value, made.failure_rate.n) == (0.0, 8)
    # patient-0 has a case that passed and one that was lost
    assert (made.failure_rate_at_worst.value, made.failure_rate_at_worst.n) == (2 / 9, 9)
    assert made.labels[0].dice_at_worst.value == pytest.approx(0.8)
    assert summarise(good(8), [], RISK, TASK).labels[0].dice_at_worst is None


def test_the_risk_is_met_from_exactly_the_number_of_patients_it_takes():
    # 1 - 0.05^(1/n) <= 0.1 from n = 29
    needed = math.ceil(math.log(0.05) / math.log(0.9))
    assert needed == 29
    assert summarise(good(29), [], RISK, TASK).risk.met == "yes"
    short = summarise(good(28), [], RISK, TASK).risk
    assert (short.met, short.more_patients) == ("cannot tell", 1)
    assert "1 more patient without" in short.in_words


def test_a_lost_case_takes_the_answer_away():
    made = summarise(good(29), [("z", "new", "unreadable")], RISK, TASK).risk
    assert made.met == "cannot tell"
    assert "not evaluated, counted as failing" in made.in_words
    # 46 patients are needed with one failure: 30 are there
    assert made.more_patients == 16


def test_the_risk_is_shown_not_to_be_met():
    rows = [row(f"case-{i}", f"p{i}", ()) for i in range(10)]
    assert summarise(rows, [], RISK, TASK).risk.met == "no"
    lost = [(f"z{i}", f"p{i}", "unreadable") for i in range(10)]
    # nothing evaluated at all shows neither
    assert summarise([], lost, RISK, TASK).risk.met == "cannot tell"


def test_no_cases_at_all_give_no_numbers():
    made = summarise([], [], RISK, TASK)
    assert made.failure_rate.value is None
    assert made.failure_rate.cannot_say == "there are no such patients"
    assert made.risk.met == "cannot tell"
    assert made.risk.more_patients == 29
    assert made.sensitivity[0].sensitivity.value is None


def test_sensitivity_by_size_limit():
    rows = [row(f"case-{i}", f"p{i}", (LARGE,) if i % 3 else (), (LARGE, SMALL)) for i in range(12)]
    everything, large = summarise(rows, [], RISK, TASK).sensitivity
    assert (everything.min_diameter_mm, large.min_diameter_mm) == (0.0, 4.0)
    assert (everything.found, everything.present) == (8, 24)
    assert (large.found, large.present) == (8, 12)
    assert large.sensitivity.value == pytest.approx(8 / 12)
    assert large.sensitivity.low < 8 / 12 < large.sensitivity.high
    assert "bootstrap over patients" in large.sensitivity.method
    assert (large.patients_all_found.value, large.patients_all_found.n) == (8 / 12, 12)
    assert everything.patients_all_found.value == 0.0


def test_false_marks_per_case():
    rows = [row(f"case-{i}", f"p{i}", (LARGE, *FALSE[: i % 3])) for i in range(12)]
    (marks,) = summarise(rows, [], RISK, TASK).false_marks
    assert marks.marks == 12
    assert marks.per_case.value == 1.0
    assert marks.per_case.low < 1 < marks.per_case.high
    assert marks.patients_without.value == pytest.approx(1 / 3)


def test_few_patients_have_a_value_but_no_interval():
    figure = summarise(good(5), [], RISK, TASK).labels[0].dice
    assert (figure.value, figure.low, figure.high) == (1.0, None, None)
    assert "n = 5 patients" in figure.cannot_say


def test_patients_all_alike_get_no_interval_of_no_width():
    made = summarise(good(40), [], RISK, TASK)
    assert made.sensitivity[0].sensitivity.low is None
    assert "same value" in made.sensitivity[0].sensitivity.cannot_say
    assert made.sensitivity[0].patients_all_found.low == pytest.approx(0.025 ** (1 / 40))


def test_a_mean_distance_is_not_said_when_a_lesion_was_missed():
    made = summarise([*good(12), row("x", "px", ())], [], RISK, TASK).labels[0]
    assert made.hd95.value is None
    assert "undefined in 1 of 13 cases (prediction is empty)" in made.hd95.cannot_say
    assert made.dice.value == pytest.approx(12 / 13)


def test_correct_rejections_do_not_flatter_the_mean():
    rows = [row("a", "p0", (SMALL, LARGE)), *[row(f"e{i}", f"e{i}", (), ()) for i in range(20)]]
    rows.append(row("false", "f", (LARGE,), ()))
    made = summarise(rows, [], RISK, TASK).labels[0]
    assert (made.n_cases, made.n_cases_empty_reference) == (1, 21)
    assert made.dice.value == pytest.approx(2 * 125 / (125 + 133))
    assert made.correct_rejections.value == pytest.approx(20 / 21)


def test_it_is_deterministic_and_json():
    rows = [row(f"case-{i}", f"p{i}", FALSE[: i % 3]) for i in range(12)]
    lost = [("z", "new", "unreadable")]
    texts = {
        json.dumps(summarise(rows, lost, RISK, TASK).as_dict(), allow_nan=False) for _ in range(2)
    }
    assert len(texts) == 1
    assert '"unit_of_independence": "The patient.' in texts.pop()


predictions = st.lists(st.sampled_from([SMALL, LARGE, *FALSE]), unique=True, max_size=4)


@settings(deadline=None, max_examples=40)
@given(st.lists(predictions, min_size=1, max_size=12), st.data())
def test_a_miss_never_makes_an_aggregate_better(drawn, data):
    """A case whose lesions the model misses altogether, or that is lost, improves no figure."""
    rows = [row(f"c{i}", f"p{i}", p, (LARGE, SMALL)) for i, p in enumerate(drawn)]
    before = summarise(rows, [], RISK, TASK)
    at = data.draw(st.integers(0, len(rows) - 1))
    missed = [*rows]
    missed[at] = row(f"c{at}", f"p{at}", (), (LARGE, SMALL))
    after = summarise(missed, [], RISK, TASK)
    assert after.failure_rate.value >= before.failure_rate.value
    assert after.risk.upper_limit >= before.risk.upper_limit
    for old, new in zip(before.sensitivity, after.sensitivity, strict=True):
        assert new.sensitivity.value <= old.sensitivity.value
        assert new.patients_all_found.value <= old.patients_all_found.value
    assert after.labels[0].dice.value <= before.labels[0].dice.value + 1e-12
    assert after.labels[0].hd95.value is None

    lost = [x for i, x in enumerate(rows) if i != at]
    without = summarise(lost, [(f"c{at}", f"p{at}", "the model failed")], RISK, TASK)
    assert without.failure_rate_at_worst.value >= before.failure_rate.value
    assert without.risk.upper_limit >= before.risk.upper_limit
    assert without.labels[0].dice_at_worst.value <= before.labels[0].dice.value + 1e-12


@settings(deadline=None)
@given(st.integers(0, 5), st.integers(0, 60), st.floats(0.02, 0.5), st.sampled_from([0.9, 0.95]))
def test_the_number_of_further_patients_is_the_smallest(failed, more, rate, confidence):
    from scipy.stats import binom

    from limen.measures.risk import answer_risk

    n = failed + more
    answer = answer_risk(Risk(failure_rate=rate, confidence=confidence), failed, failed, n)
    if answer.met != "cannot tell":
        return

    def shown(total):
        # exact test: so few failures are unlikely enough at the declared rate
        return binom.cdf(failed, total, rate) <= 1 - confidence + 1e-12

    assert shown(n + answer.more_patients)
    assert not shown(n + answer.more_patients - 1)
