"""Intervals of a proportion against scipy, published tables and closed forms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from limen.measures import (
    BadValue,
    CannotSay,
    clopper_pearson,
    clopper_pearson_lower,
    clopper_pearson_upper,
    wilson,
)

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
    with pytest.raises(BadValue, match=r"so many events|confidence"):
        clopper_pearson(events, n, confidence)
