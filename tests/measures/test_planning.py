"""Plans against exact tests, published tables and simulated studies."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reader_studies import van_dyke
from scipy import stats

from limen.measures import (
    BadPlan,
    auc_difference,
    clopper_pearson_upper,
    mcnemar,
    mrmc_anova,
    plan_auc,
    plan_failure_rate,
    plan_gain_in_mean,
    plan_gain_in_rate,
    plan_reader_study,
)
from limen.measures.planning_auc import VAN_DYKE, power_of_reader_study, variance_of_auc
from limen.measures.planning_gain import power_of_mcnemar, power_of_t


@pytest.mark.parametrize(
    ("rate", "confidence", "failures", "patients"),
    [
        (0.05, 0.95, 0, 59),
        (0.01, 0.95, 0, 299),
        (0.10, 0.95, 0, 29),
        # Wilks and its tables of tolerance limits
        (0.05, 0.95, 1, 93),
        (0.05, 0.95, 2, 124),
        (0.05, 0.95, 3, 153),
        (0.01, 0.95, 1, 473),
        (0.05, 0.99, 0, 90),
    ],
)
def test_patients_without_and_with_failures(rate, confidence, failures, patients):
    made = plan_failure_rate(rate, confidence, allowed_failures=failures)
    assert (made.patients, made.cases) == (patients, patients)
    assert clopper_pearson_upper(failures, patients, confidence) <= rate
    assert clopper_pearson_upper(failures, patients - 1, confidence) > rate


@settings(deadline=None, max_examples=40)
@given(st.floats(0.02, 0.3), st.floats(0.05, 0.7), st.sampled_from([0.5, 0.8, 0.9]))
def test_a_plan_for_an_expected_rate_succeeds_as_often_as_it_says(rate, share, power):
    expected = rate * share
    made = plan_failure_rate(rate, expected_rate=expected, power=power)
    n, k = made.patients, made.allowed_failures
    assert clopper_pearson_upper(k, n, 0.95) <= rate
    assert made.chance_to_meet == pytest.approx(stats.binom.cdf(k, n, expected))
    assert made.chance_to_meet >= power
    if k:
        fewer = plan_failure_rate(rate, allowed_failures=k - 1).patients
        assert stats.binom.cdf(k - 1, fewer, expected) < power


def test_cases_of_one_patient_tell_less():
    made = plan_failure_rate(0.05, cases_per_patient=3, correlation=0.4)
    assert made.design_effect == pytest.approx(1.8)
    assert (made.cases, made.patients) == (107, 36)  # 59 x 1.8, in threes
    alike = plan_failure_rate(0.05, cases_per_patient=3, correlation=1)
    assert alike.patients == 59
    assert "36 patients" in made.in_words


def test_words_teach_what_one_failure_costs():
    words = plan_failure_rate(0.05).in_words
    assert words.startswith("59 patients without a failure show with 95 % confidence")
    assert "With one failure allowed it takes 93." in words
    assert "80.9 % chance" in plan_failure_rate(0.05, expected_rate=0.02).in_words


@pytest.mark.parametrize(("old", "new"), [(0.75, 0.85), (0.75, 0.80), (0.80, 0.85), (0.9, 0.95)])
def test_cases_for_two_independent_aucs_are_near_hanley_and_mcneils(old, new):
    """Radiology 143 (1982) 29: their formula takes the old method's variance under the null."""
    made = plan_auc(new, old, paired=False)
    assert made.positives == made.negatives

    def v(a):
        return a / (2 - a) + 2 * a**2 / (1 + a) - 2 * a**2

    alpha, beta = stats.norm.ppf([0.975, 0.8])
    theirs = (alpha * np.sqrt(2 * v(old)) + beta * np.sqrt(v(old) + v(new))) ** 2
    theirs /= (new - old) ** 2
    assert 0.75 * theirs < made.positives < theirs


def scores(rng, positives, negatives, gap, shared=0.0):
    truth = np.arange(positives + negatives) < positives
    common = rng.normal(scale=np.sqrt(shared), size=len(truth))
    own = rng.normal(scale=np.sqrt(1 - shared), size=(2, len(truth)))
    return common + own + truth * np.array(gap)[:, None], truth


def test_planned_cases_show_the_difference_as_often_as_planned():
    rng = np.random.default_rng(0)
    old, new = 0.78, 0.88
    gap = [np.sqrt(2) * stats.norm.ppf(a) for a in (new, old)]
    plan = plan_auc(new, old, positive_share=0.3)
    seen = 0
    for _ in range(400):
        pair, truth = scores(rng, plan.positives, plan.negatives, gap)
        made = auc_difference(pair[0], pair[1], truth, range(len(truth)))
        seen += made.p_value < 0.05
    # Hanley and McNeil's variance is a little large for binormal scores
    assert 0.76 < seen / 400 < 0.92


def test_correlation_saves_cases_and_clusters_cost_them():
    plain = plan_auc(0.85, 0.8)
    half = plan_auc(0.85, 0.8, correlation=0.5)
    assert half.patients == pytest.approx(plain.patients / 2, rel=0.03)
    unpaired = plan_auc(0.85, 0.8, paired=False, correlation=0.5)
    assert unpaired.patients == plain.patients
    clustered = plan_auc(0.85, 0.8, cases_per_patient=2, case_correlation=0.5)
    assert clustered.positives == pytest.approx(1.5 * plain.positives, rel=0.01)
    assert clustered.patients == pytest.approx(0.75 * plain.patients, rel=0.01)


def test_no_loss_is_shown_by_methods_that_are_alike():
    made = plan_auc(0.85, 0.85, margin=0.05)
    assert "not worse" in made.in_words
    # the same distance as a difference of 0.05 between two AUCs of 0.85
    assert made.standard_error == pytest.approx(
        0.05 / (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)), rel=0.01
    )
    assert made.standard_error == pytest.approx(
        np.sqrt(2 * variance_of_auc(0.85, made.positives, made.negatives))
    )


def test_the_power_of_a_reader_study_is_that_of_rjafroc():
    """Van Dyke's pilot, tests of RJafroc 2.1 (after Hillis 2011 and 2018)."""
    ratings, positive = van_dyke()
    parts = mrmc_anova(ratings, positive, range(114)).components
    effect = -0.043800322
    for readers, cases, expected in ((10, 165, 0.80541995), (6, 111, 0.5526116)):
        power, _ = power_of_reader_study(effect, readers, cases, parts, 114)
        assert power == pytest.approx(expected, abs=5e-8)
    for readers, cases in ((6, 251), (10, 163)):
        assert plan_reader_study(effect, readers, components=parts).cases == cases


def test_the_stand_in_pilot_is_van_dykes():
    ratings, positive = van_dyke()
    parts = mrmc_anova(ratings, positive, range(114)).components
    for name in ("reader", "reader_by_modality", "error", "cov1", "cov2", "cov3"):
        assert getattr(VAN_DYKE, name) == pytest.approx(getattr(parts, name), abs=5e-9)
    assert "Van Dyke" in plan_reader_study(0.05, 6).in_words


def test_more_cases_do_not_replace_readers():
    with pytest.raises(BadPlan, match="cannot show this with any number") as refused:
        plan_reader_study(0.02, 3)
    needed = int(refused.value.mend.split()[2]) + 1
    assert power_of_reader_study(0.02, needed, 1e9, VAN_DYKE, 114)[0] >= 0.8
    assert power_of_reader_study(0.02, needed - 1, 1e9, VAN_DYKE, 114)[0] < 0.8


def test_the_power_of_mcnemar_is_that_of_simulation():
    rng = np.random.default_rng(1)
    seen = 0
    for _ in range(1500):
        kind = rng.choice(4, size=120, p=[0.7, 0.15, 0.05, 0.1])
        seen += mcnemar(kind <= 1, (kind == 0) | (kind == 2), range(120)).p_exact <= 0.05
    assert power_of_mcnemar(120, 0.1, 0.2, 0.05) == pytest.approx(seen / 1500, abs=0.035)


def test_the_power_of_t_is_that_of_statsmodels():
    power = pytest.importorskip("statsmodels.stats.power").TTestPower()
    for n, effect in ((10, 0.5), (34, 0.5), (200, 0.2), (3, 1.0)):
        assert power_of_t(n, effect, 0.05) == pytest.approx(
            power.power(effect, n, 0.05, alternative="two-sided"), abs=2e-3
        )
    # Cohen 1988: 33.4 pairs for half a standard deviation
    assert plan_gain_in_mean(0.5, 1.0, 34).patients_needed == 34


def test_a_gain_that_is_seen_hangs_on_who_is_gained():
    depends = plan_gain_in_rate(0.85, 0.05, 300)
    assert depends.seen == "depends"
    assert depends.worst_power < 0.8 < depends.power
    no = plan_gain_in_rate(0.85, 0.02, 300)
    assert no.seen == "no"
    assert no.patients_needed > 300
    assert power_of_mcnemar(300, no.smallest_gain, no.smallest_gain, 0.05) >= 0.8
    yes = plan_gain_in_rate(0.6, 0.2, 300)
    assert yes.seen == "yes"
    told = plan_gain_in_rate(0.85, 0.05, 300, discordant=0.07)
    assert told.power == told.worst_power
    json.dumps(told.as_dict(), allow_nan=False)


def test_with_few_patients_no_gain_is_seen():
    made = plan_gain_in_rate(0.9, 0.05, 5)
    assert (made.seen, made.power, made.smallest_gain) == ("no", 0.0, None)


@settings(deadline=None, max_examples=30)
@given(st.integers(5, 400), st.floats(0.01, 0.3))
def test_power_grows_with_the_gain(n, discordant):
    powers = [power_of_mcnemar(n, share * discordant, discordant, 0.05) for share in (0.2, 0.6, 1)]
    assert powers == sorted(powers)
    assert power_of_mcnemar(n, 1e-9, discordant, 0.05) <= 0.05 + 1e-9  # never above its level


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: plan_failure_rate(1.2), "failure rate"),
        (lambda: plan_failure_rate(0.05, 0.3), "confidence"),
        (lambda: plan_failure_rate(0.05, expected_rate=0.06), "not true"),
        (lambda: plan_failure_rate(0.05, allowed_failures=-1), "fewer than no"),
        (lambda: plan_failure_rate(0.05, cases_per_patient=0.5), "at least one case"),
        (lambda: plan_failure_rate(0.05, correlation=1.5), "correlation"),
        (lambda: plan_failure_rate(float("nan")), "failure rate"),
        (lambda: plan_auc(0.4, 0.8), "AUC"),
        (lambda: plan_auc(0.8, 0.8), "no number of cases"),
        (lambda: plan_auc(0.8, 0.9, margin=0.05), "no number of cases"),
        (lambda: plan_auc(0.8, 0.9, margin=-1), "margin"),
        (lambda: plan_auc(0.8000001, 0.8), "more than 10,000,000"),
        (lambda: plan_reader_study(0.0, 5), "effect"),
        (lambda: plan_reader_study(0.05, 1), "two readers"),
        (lambda: plan_gain_in_rate(0.99, 0.05, 100), "no room"),
        (lambda: plan_gain_in_rate(0.8, 0.05, 100, discordant=0.01), "cannot differ"),
        (lambda: plan_gain_in_rate(0.8, 0.05, 0), "needs patients"),
        (lambda: plan_gain_in_mean(0.0, 1.0, 10), "gain of nothing"),
        (lambda: plan_gain_in_mean(0.1, 0.0, 10), "spread"),
    ],
)
def test_plans_for_what_cannot_be_are_refused(make, words):
    with pytest.raises(BadPlan, match=words):
        make()
