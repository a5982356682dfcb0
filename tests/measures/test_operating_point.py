"""Sensitivity, specificity and predictive values against closed forms, scikit-learn, coverage."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limen.measures import BadScores, CannotSay, bootstrap_mean, classification, clopper_pearson


def counts(tp, fn, tn, fp, **options):
    """A data set with these counts, a case a patient."""
    called = [1] * tp + [0] * fn + [0] * tn + [1] * fp
    truth = [1] * (tp + fn) + [0] * (tn + fp)
    options = {"threshold": 0.5, "prevalence": 0.1, **options}
    return classification(called, truth, range(len(truth)), **options)


def test_counts_shares_and_exact_intervals():
    made = counts(45, 5, 80, 20)
    assert (made.true_positives, made.false_negatives) == (45, 5)
    assert (made.true_negatives, made.false_positives) == (80, 20)
    assert (made.sensitivity.value, made.specificity.value) == (0.9, 0.8)
    exact = clopper_pearson(45, 50)
    assert (made.sensitivity.low, made.sensitivity.high) == (exact.low, exact.high)
    assert made.sensitivity.method == "Clopper-Pearson, exact"


def test_predictive_values_follow_bayes_at_the_stated_prevalence():
    made = counts(45, 5, 80, 20, prevalence=0.02)
    assert made.positive_predictive_value.value == pytest.approx(
        0.9 * 0.02 / (0.9 * 0.02 + 0.2 * 0.98)
    )
    assert made.negative_predictive_value.value == pytest.approx(
        0.8 * 0.98 / (0.8 * 0.98 + 0.1 * 0.02)
    )
    # at the prevalence of the data they are the plain shares of right calls
    here = counts(45, 5, 80, 20, prevalence=50 / 150)
    assert here.positive_predictive_value.value == pytest.approx(45 / 65)
    assert here.negative_predictive_value.value == pytest.approx(80 / 85)


def test_it_is_that_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    scores, truth = rng.random(200), rng.random(200) < 0.4
    made = classification(scores, truth, range(200), threshold=0.3, prevalence=truth.mean())
    called = scores >= 0.3
    assert made.sensitivity.value == pytest.approx(metrics.recall_score(truth, called))
    assert made.specificity.value == pytest.approx(metrics.recall_score(~truth, ~called))
    assert made.positive_predictive_value.value == pytest.approx(
        metrics.precision_score(truth, called)
    )


def test_patients_with_several_cases_get_the_bootstrap_over_patients():
    rng = np.random.default_rng(1)
    patients = np.repeat(range(30), 4)
    truth = np.repeat(rng.random(30) < 0.5, 4)
    scores = rng.random(120)
    made = classification(scores, truth, patients, threshold=0.4, prevalence=0.1)
    expected = bootstrap_mean((scores >= 0.4)[truth], patients[truth], seed=0)
    assert (made.sensitivity.low, made.sensitivity.high) == (expected.low, expected.high)
    assert made.sensitivity.n_patients < 30
    assert "bootstrap over patients" in made.positive_predictive_value.method


shares = st.integers(1, 40).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(shares, shares, st.floats(0.01, 0.99))
def test_values_lie_within_their_limits(positive, negative, prevalence):
    (tp, n1), (tn, n0) = positive, negative
    made = counts(tp, n1 - tp, tn, n0 - tn, prevalence=prevalence)
    for value in (made.positive_predictive_value, made.negative_predictive_value):
        if value.value is None:
            assert "no case is called" in value.cannot_say
        else:
            assert 0 <= value.low <= value.value + 1e-12
            assert value.value - 1e-12 <= value.high <= 1


def test_limits_of_predictive_values_hold_at_least_as_often_as_stated():
    rng = np.random.default_rng(3)
    se, sp, prevalence = 0.85, 0.9, 0.05
    truth = se * prevalence / (se * prevalence + (1 - sp) * (1 - prevalence))
    hits = 0
    for _ in range(400):
        tp, tn = rng.binomial(40, se), rng.binomial(60, sp)
        made = counts(tp, 40 - tp, tn, 60 - tn, prevalence=prevalence).positive_predictive_value
        hits += made.low <= truth <= made.high
    assert hits / 400 >= 0.94


def test_no_positive_case_leaves_a_reason_and_no_number():
    made = counts(0, 0, 8, 2)
    assert made.sensitivity.value is None
    assert made.sensitivity.cannot_say == "there is no positive case"
    assert made.positive_predictive_value.cannot_say == "there is no positive case"
    assert made.specificity.value == 0.8
    json.dumps(made.as_dict(), allow_nan=False)


def test_no_call_leaves_a_reason():
    made = counts(0, 5, 10, 0)
    assert made.positive_predictive_value.cannot_say == "no case is called positive"
    assert made.negative_predictive_value.value is not None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"prevalence": 0}, "prevalence"),
        ({"prevalence": 1.2}, "prevalence"),
        ({"prevalence": float("nan")}, "prevalence"),
        ({"threshold": float("nan")}, "threshold"),
    ],
)
def test_wrong_options_are_refused(change, words):
    with pytest.raises(BadScores, match=words):
        counts(4, 1, 4, 1, **change)


def test_no_case_cannot_be_said():
    with pytest.raises(CannotSay, match="no cases"):
        classification([], [], [], threshold=0.5, prevalence=0.5)
