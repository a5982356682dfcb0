"""Intervals of FROC and AFROC: each resample by hand, coverage, and what cannot be said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limen.measures import BadScores, BadValue, MarkedCase, Undefined, afroc, froc
from limen.measures.bootstrap import kernel_key
from limen.measures.bootstrap_kernels import times_drawn
from limen.measures.mark_intervals import (
    _areas,
    _froc_of_resamples,
    _Patients,
    afroc_difference,
    afroc_figure,
    froc_figures,
)

grades = st.sampled_from([0.1, 0.2, 0.3, 0.5, 0.8])


def drawn_cases(rng, n_patients, shift=1.0, normal=0.4, cases=2):
    """Patients with an ability and a noise of their own; some cases without lesions."""
    made = []
    for p in range(n_patients):
        own = rng.normal(0, 0.5)
        for c in range(cases):
            n = 0 if rng.random() < normal else int(rng.integers(1, 4))
            scores = np.round(rng.normal(shift + own, 1, n), 1)
            scores[rng.random(n) < 0.2] = -np.inf
            false = np.round(rng.normal(own / 2, 1, rng.poisson(1.0)), 1)
            weights = rng.random(n) + 0.1
            weights /= weights.sum() if n else 1
            made.append(MarkedCase(scores, false, weights, f"{p}.{c}", f"p{p}"))
    return made


@pytest.mark.parametrize("seed", range(3))
def test_each_resample_is_the_curve_of_the_patients_it_drew(seed):
    cases = drawn_cases(np.random.default_rng(seed), 25)
    patients = _Patients.of(cases)
    rates = (0.0, 0.3, 1.0, 2.0)
    at_rates = _froc_of_resamples(cases, patients, rates, seed, 40)
    areas = {w: _areas(cases, patients, w, seed, 40) for w in (False, True)}
    for r in range(40):
        times = times_drawn(kernel_key(seed), r, patients.n)
        again = [c for c, p in zip(cases, patients.codes, strict=True) for _ in range(times[p])]
        curve = froc(again)
        assert at_rates[r] == pytest.approx([curve.sensitivity_at(x) for x in rates])
        for weighted in (False, True):
            assert areas[weighted][r] == pytest.approx(afroc(again, weighted=weighted).area)


def test_the_figures_are_those_of_the_curves():
    cases = drawn_cases(np.random.default_rng(5), 40)
    found = froc_figures(cases, seed=1)
    curve = froc(cases)
    assert [f.value for f in found.sensitivity] == [curve.sensitivity_at(r) for r in found.rates]
    assert found.score.value == pytest.approx(curve.score(found.rates))
    for f in (*found.sensitivity, found.score):
        assert f.low <= f.value <= f.high
        assert f.n == curve.n_lesions
    for weighted in (False, True):
        made = afroc_figure(cases, weighted=weighted, seed=1)
        assert made.low < made.value == afroc(cases, weighted=weighted).area < made.high
        assert made.n_patients == 40
    assert froc_figures(cases, seed=1) == found


def test_the_intervals_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(11)
    truth = drawn_cases(rng, 6_000)
    true_area, true_sensitivity = afroc(truth).area, froc(truth).sensitivity_at(1.0)
    held = np.zeros(2)
    rounds = 100
    for _ in range(rounds):
        cases = drawn_cases(rng, 60)
        area = afroc_figure(cases, seed=3, resamples=600)
        (found,) = froc_figures(cases, rates=(1.0,), seed=3, resamples=600).sensitivity
        held += [
            area.low <= true_area <= area.high,
            found.low <= true_sensitivity <= found.high,
        ]
    # 95 % nominal; the percentile bootstrap of 60 patients holds a little less, and the
    # standard error of the count is 2.2 %
    assert (held / rounds > 0.87).all()


def test_lesions_of_one_patient_do_not_count_as_many_patients():
    cases = drawn_cases(np.random.default_rng(2), 30)
    twice = [*cases, *cases]
    one, other = (afroc_figure(x, seed=0) for x in (cases, twice))
    assert other.value == pytest.approx(one.value)
    assert other.high - other.low == pytest.approx(one.high - one.low, rel=0.05)


def test_a_difference_is_made_on_the_same_patients():
    rng = np.random.default_rng(8)
    cases = drawn_cases(rng, 50)
    better = [
        MarkedCase(c.lesion_scores + 0.3, c.false_scores, c.lesion_weights, c.case, c.patient)
        for c in cases
    ]
    gap = afroc_difference(better, cases, seed=0)
    assert gap.value == pytest.approx(afroc(better).area - afroc(cases).area)
    assert 0 < gap.low < gap.value < gap.high
    apart = afroc_figure(better, seed=0)
    assert gap.high - gap.low < (apart.high - apart.low) / 2
    assert afroc_difference(cases, cases, seed=0).cannot_say.startswith("an interval cannot")
    with pytest.raises(BadScores, match="not read on the same cases"):
        afroc_difference(cases[:-1], cases, seed=0)


def test_few_patients_have_a_value_and_no_interval():
    cases = drawn_cases(np.random.default_rng(1), 6)
    found = froc_figures(cases, seed=0)
    assert found.score.value is not None
    assert "patients with a lesion" in found.score.cannot_say
    assert "n = 6 patients with a lesion" in afroc_figure(cases, seed=0).cannot_say


def test_bad_input_is_refused():
    nameless = [MarkedCase(np.array([1.0]), np.zeros(0), np.ones(1))]
    with pytest.raises(BadScores, match="does not name its patient"):
        froc_figures(nameless, seed=0)
    with pytest.raises(Undefined, match="no case has a lesion"):
        froc_figures([MarkedCase(np.zeros(0), np.array([1.0]), patient="a")], seed=0)
    with pytest.raises(BadValue, match="rate"):
        froc_figures(nameless, rates=(-1.0,), seed=0)


@settings(max_examples=25)
@given(st.lists(st.tuples(st.lists(grades, max_size=3), st.lists(grades, max_size=3)), min_size=12,
                max_size=16))  # fmt: skip
def test_a_missed_lesion_never_raises_a_figure(drawn):
    cases = [
        MarkedCase(np.array([*lesions, 0.4]), np.array(false), np.ones(len(lesions) + 1),
                   str(n), f"p{n}")
        for n, (lesions, false) in enumerate(drawn)
    ]  # fmt: skip
    worse = [
        MarkedCase(np.array([*c.lesion_scores[:-1], -np.inf]), c.false_scores, c.lesion_weights,
                   c.case, c.patient)
        for c in cases
    ]  # fmt: skip
    before, after = (froc_figures(x, seed=0, resamples=50) for x in (cases, worse))
    for one, other in zip(before.sensitivity, after.sensitivity, strict=True):
        assert other.value <= one.value
