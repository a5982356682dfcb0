"""Net benefit against its closed form, the published definition's limits, and resampling."""

from __future__ import annotations

import numpy as np
import pytest

from limen.measures import BadScores, CannotSay, NotProbabilities, bootstrap_mean, decision_curve


def drawn(seed=0, n=300):
    rng = np.random.default_rng(seed)
    p = rng.beta(1, 2, n)
    return p, rng.random(n) < p


def test_net_benefit_is_hits_less_weighed_false_alarms():
    p, truth = drawn()
    (made,) = decision_curve(p, truth, range(300), thresholds=[0.2])
    acted = p >= 0.2
    expected = ((acted & truth).sum() - 0.25 * (acted & ~truth).sum()) / 300
    assert made.model.value == pytest.approx(expected)
    assert made.treat_all == pytest.approx(truth.mean() - 0.25 * (1 - truth.mean()))
    assert made.gain.value == pytest.approx(expected - max(0, made.treat_all))


def test_the_interval_is_that_of_the_mean_of_each_cases_benefit():
    p, truth = drawn(1)
    patients = np.arange(300) // 3
    (made,) = decision_curve(p, truth, patients, thresholds=[0.4], seed=5)
    acted = p >= 0.4
    each = acted * (truth - (0.4 / 0.6) * ~truth)
    expected = bootstrap_mean(each, patients, seed=5)
    assert (made.model.low, made.model.high) == pytest.approx((expected.low, expected.high))


def test_the_datas_own_prevalence_stated_changes_no_value():
    p, truth = drawn(2)
    thresholds = [0.1, 0.3, 0.6]
    plain = decision_curve(p, truth, range(300), thresholds=thresholds)
    stated = decision_curve(p, truth, range(300), thresholds=thresholds, prevalence=truth.mean())
    for a, b in zip(plain, stated, strict=True):
        assert a.model.value == pytest.approx(b.model.value)
        assert a.treat_all == pytest.approx(b.treat_all)
        # the share of positives no longer varies, so the interval is narrower
        assert b.model.high - b.model.low < a.model.high - a.model.low


def test_a_perfect_model_gains_the_prevalence_at_any_threshold():
    truth = np.arange(100) < 30
    for point in decision_curve(truth.astype(float), truth, range(100), thresholds=[0.1, 0.9]):
        assert point.model.value == pytest.approx(0.3)


def test_a_useless_model_gains_nothing_over_the_defaults():
    rng = np.random.default_rng(3)
    truth = rng.random(400) < 0.3
    for point in decision_curve(np.full(400, 0.3), truth, range(400), thresholds=[0.1, 0.2]):
        assert point.gain.value == pytest.approx(0)
        assert point.gain.low is None
        assert "same value" in point.gain.cannot_say
    (late,) = decision_curve(np.full(400, 0.3), truth, range(400), thresholds=[0.6])
    assert late.model.value == 0


def test_few_patients_have_values_and_no_intervals():
    p, truth = drawn(4, n=9)
    (made,) = decision_curve(p, [*truth[:-2], 1, 0], range(9), thresholds=[0.3])
    assert made.model.value is not None
    assert "n = 9 patients" in made.model.cannot_say


def test_bad_input_is_refused():
    p, truth = drawn(5)
    with pytest.raises(BadScores, match="threshold probability"):
        decision_curve(p, truth, range(300), thresholds=[0.2, 1.0])
    with pytest.raises(NotProbabilities):
        decision_curve(p * 2, truth, range(300), thresholds=[0.2])
    with pytest.raises(CannotSay, match="no positive case"):
        decision_curve(p, truth & False, range(300), thresholds=[0.2])
    with pytest.raises(BadScores, match="prevalence"):
        decision_curve(p, truth, range(300), thresholds=[0.2], prevalence=0)
