"""Intervals against scipy, published tables, closed forms and simulated coverage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from limen.measures import (
    CannotSay,
    bootstrap_mean,
    bootstrap_ratio,
    clopper_pearson,
    clopper_pearson_lower,
    clopper_pearson_upper,
    wilson,
)
from limen.measures.intervals import MIN_PATIENTS

proportions = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(proportions, st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_exact_and_score_intervals_are_those_of_scipy(counts, confidence):
    events, n = counts
    for ours, method in ((clopper_pearson, "exact"), (wilson, "wilson")):
        theirs = stats.binomtest(events, n).proportion_ci(confidence, method=method)
        made = ours(events, n, confidence)
        assert (made.low, made.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@pytest.mark.parametrize(
    ("events", "n", "score"),
    [
        # Newcombe, Statistics in Medicine 17 (1998) 857, table I
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0000, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
    ],
)
def test_score_intervals_of_newcombe(events, n, score):
    made = wilson(events, n)
    assert (round(made.low, 4), round(made.high, 4)) == score


@pytest.mark.parametrize(
    ("events", "n", "exact"),
    [
        # the same table
        (81, 263, (0.2527, 0.3676)),
        (15, 148, (0.0578, 0.1617)),
        (0, 20, (0.0000, 0.1684)),
        (1, 29, (0.0009, 0.1776)),
    ],
)
def test_exact_intervals_of_newcombe(events, n, exact):
    made = clopper_pearson(events, n)
    assert (round(made.low, 4), round(made.high, 4)) == exact


@given(st.integers(1, 1000), st.floats(0.55, 0.999))
def test_no_event_has_the_closed_form_upper_limit(n, confidence):
    expected = 1 - (1 - confidence) ** (1 / n)
    assert clopper_pearson_upper(0, n, confidence) == pytest.approx(expected)
    assert clopper_pearson_lower(0, n, confidence) == 0.0
    assert clopper_pearson_upper(n, n, confidence) == 1.0


def test_fifty_nine_patients_without_failure_show_five_percent():
    assert clopper_pearson_upper(0, 58, 0.95) > 0.05 >= clopper_pearson_upper(0, 59, 0.95)


@given(proportions)
def test_mirrored_counts_give_the_mirrored_interval(counts):
    events, n = counts
    for make in (clopper_pearson, wilson):
        a, b = make(events, n), make(n - events, n)
        assert a.low == pytest.approx(1 - b.high, abs=1e-9)
        assert 0 <= a.low <= events / n <= a.high <= 1


@pytest.mark.parametrize("make", [clopper_pearson, wilson, clopper_pearson_upper])
def test_nothing_of_nothing_cannot_be_said(make):
    with pytest.raises(CannotSay, match="n = 0"):
        make(0, 0)


@pytest.mark.parametrize(("events", "n", "confidence"), [(3, 2, 0.9), (-1, 2, 0.9), (1, 2, 1.0)])
def test_impossible_counts_are_refused(events, n, confidence):
    with pytest.raises(ValueError, match=r"out of|confidence"):
        clopper_pearson(events, n, confidence)


def test_bootstrap_of_single_cases_is_that_of_scipy():
    values = np.random.default_rng(5).gamma(2, 1, 60)
    ours = bootstrap_mean(values, range(60), seed=1, resamples=40_000)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=40_000, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    width = theirs.high - theirs.low
    assert ours.low == pytest.approx(theirs.low, abs=0.02 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.02 * width)


def test_repeating_each_patients_cases_narrows_nothing():
    values = np.random.default_rng(6).normal(size=30)
    once = bootstrap_mean(values, range(30), seed=1)
    often = bootstrap_mean(np.repeat(values, 5), np.repeat(range(30), 5), seed=1)
    assert (often.low, often.high) == pytest.approx((once.low, once.high))
    pretended = bootstrap_mean(np.repeat(values, 5), range(150), seed=1)
    assert pretended.high - pretended.low < 0.6 * (once.high - once.low)


def test_a_mean_of_cases_is_weighted_by_cases():
    # 9 patients of one case with 0, one of nine cases with 1: half of the cases
    values = [0.0] * 9 + [1.0] * 9
    patients = [*range(9), *[9] * 9]
    made = bootstrap_mean(values, patients, seed=0)
    assert made.low == 0.0
    assert made.high > 0.5


def test_a_ratio_leaves_out_patients_without_a_denominator():
    rng = np.random.default_rng(3)
    found, present = rng.integers(0, 3, 20), np.full(20, 3)
    alone = bootstrap_ratio(found, present, range(20), seed=4)
    joined = bootstrap_ratio([*found, 0, 0], [*present, 0, 0], range(22), seed=4)
    assert joined == alone


def test_the_seed_decides():
    values = np.random.default_rng(0).normal(size=25)
    assert bootstrap_mean(values, range(25), seed=1) == bootstrap_mean(values, range(25), seed=1)
    assert bootstrap_mean(values, range(25), seed=1) != bootstrap_mean(values, range(25), seed=2)


@pytest.mark.parametrize("n", [0, 1, 2, MIN_PATIENTS - 1])
def test_too_few_patients_cannot_be_said(n):
    with pytest.raises(CannotSay, match=f"cannot be said with n = {n} patient"):
        bootstrap_mean(np.arange(3 * n), np.repeat(range(n), 3), seed=0)


def test_patients_all_alike_cannot_be_said():
    # sums of 0.1 differ in the last digit; that is no spread
    values = [0.1] * 30
    patients = [*range(10), *range(10), *[0] * 10]
    with pytest.raises(CannotSay, match="all 10 patients have the same value"):
        bootstrap_mean(values, patients, seed=0)


def test_nan_is_refused():
    with pytest.raises(CannotSay, match="not finite"):
        bootstrap_mean([np.nan] * 12, range(12), seed=0)


def test_the_stated_coverage_at_the_minimum_of_patients():
    # what MIN_PATIENTS says: nominal 95 % holds about 90 % for normal values of ten patients
    rng = np.random.default_rng(8)
    hits = 0
    for draw in range(600):
        made = bootstrap_mean(rng.normal(size=MIN_PATIENTS), range(10), seed=draw, resamples=1000)
        hits += made.low <= 0 <= made.high
    assert hits / 600 == pytest.approx(0.90, abs=0.035)
