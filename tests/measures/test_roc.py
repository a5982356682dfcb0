"""AUC and its variance against published examples, a brute-force pair count and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from limen.measures import (
    BadScores,
    CannotSay,
    auc,
    auc_covariance,
    auc_difference,
    auc_difference_unpaired,
    bootstrap_auc,
)
from limen.measures.roc import aucs_without_each_patient

# DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988) 837: albumin, total protein and K-G score
# (10 minus it) of 49 patients with ovarian cancer, and whether surgery helped; the data as
# printed in the SAS/STAT User's Guide, "Comparing Receiver Operating Characteristic Curves"
# (support.sas.com/documentation/cdl/en/statug/68162/HTML/default/statug_logistic_examples08.htm)
OVARIAN = """
3.0 5.8 10 0 3.2 6.3 5 1 3.9 6.8 3 1 2.8 4.8 6 0 3.2 5.8 3 1 0.9 4.0 5 0 2.5 5.7 8 0 1.6 5.6 5 1
3.8 5.7 5 1 3.7 6.7 6 1 3.2 5.4 4 1 3.8 6.6 6 1 4.1 6.6 5 1 3.6 5.7 5 1 4.3 7.0 4 1 3.6 6.7 4 0
2.3 4.4 6 1 4.2 7.6 4 0 4.0 6.6 6 0 3.5 5.8 6 1 3.8 6.8 7 1 3.0 4.7 8 0 4.5 7.4 5 1 3.7 7.4 5 1
3.1 6.6 6 1 4.1 8.2 6 1 4.3 7.0 5 1 4.3 6.5 4 1 3.2 5.1 5 1 2.6 4.7 6 1 3.3 6.8 6 0 1.7 4.0 7 0
3.7 6.1 5 1 3.3 6.3 7 1 4.2 7.7 6 1 3.5 6.2 5 1 2.9 5.7 9 0 2.1 4.8 7 1 2.8 6.2 8 0 4.0 7.0 7 1
3.3 5.7 6 1 3.7 6.9 5 1 3.6 6.6 5 1
"""


def ovarian():
    albumin, protein, score, helped = np.array(OVARIAN.split(), float).reshape(-1, 4).T
    return np.stack([albumin, protein, 10 - score]), helped == 1


def test_the_example_of_delong():
    scores, helped = ovarian()
    areas, covariance = auc_covariance(scores, helped, range(len(helped)))
    # ROC association statistics of the same example: area, standard error
    assert areas == pytest.approx([0.7366, 0.6478, 0.7258], abs=5e-5)
    assert np.sqrt(np.diag(covariance)) == pytest.approx([0.0927, 0.1000, 0.1028], abs=5e-5)
    # contrasts with the K-G score: estimate, error, limits, p
    for row, expected in (
        (0, (0.0108, 0.0953, -0.1761, 0.1976, 0.9102)),
        (1, (-0.0780, 0.1046, -0.2830, 0.1271, 0.4561)),
    ):
        made = auc_difference(scores[row], scores[2], helped, range(len(helped)))
        gap = made.difference
        found = (gap.value, made.standard_error, gap.low, gap.high, made.p_value)
        assert found == pytest.approx(expected, abs=1.01e-4)
        # and by the definition of DeLong: variances of the placements of either kind
        won = pairs(scores[row], helped) - pairs(scores[2], helped)
        by_definition = won.mean(axis=1).var(ddof=1) / len(won) + won.mean(axis=0).var(
            ddof=1
        ) / len(won[0])
        assert made.standard_error == pytest.approx(np.sqrt(by_definition))
        assert gap.value == pytest.approx(won.mean())
    assert gap.method == "DeLong, paired"


def pairs(scores, positive):
    gap = scores[positive][:, None] - scores[~positive][None]
    return (gap > 0) + 0.5 * (gap == 0)


def drawn(seed, n=60, digits=1):
    rng = np.random.default_rng(seed)
    positive = np.arange(n) < n // 3
    return np.round(rng.normal(size=n) + positive, digits), positive


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(0, 3))
def test_area_and_variance_are_those_of_counting_pairs(seed, digits):
    scores, positive = drawn(seed, digits=digits)
    won = pairs(scores, positive)
    areas, covariance = auc_covariance(scores, positive, range(60))
    assert areas[0] == pytest.approx(won.mean(), abs=1e-12)
    by_hand = won.mean(axis=1).var(ddof=1) / 20 + won.mean(axis=0).var(ddof=1) / 40
    assert covariance[0, 0] == pytest.approx(by_hand, rel=1e-9, abs=1e-15)


def test_area_is_that_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    for seed in range(20):
        scores, positive = drawn(seed)
        assert auc(scores, positive, range(60)).value == pytest.approx(
            metrics.roc_auc_score(positive, scores), abs=1e-12
        )


def by_hand_clustered(scores, positive, patients):
    """Obuchowski 1997, written as sums over clusters."""
    won = pairs(scores, positive)
    area, m, n = won.mean(), positive.sum(), (~positive).sum()
    ids = np.unique(patients)
    up, down = [], []
    for p in ids:
        mine_up = patients[positive] == p
        mine_down = patients[~positive] == p
        up.append(won.mean(axis=1)[mine_up].sum() - mine_up.sum() * area)
        down.append(won.mean(axis=0)[mine_down].sum() - mine_down.sum() * area)
    up, down, i = np.array(up), np.array(down), len(ids)
    i10 = len(np.unique(patients[positive]))
    i01 = len(np.unique(patients[~positive]))
    s10 = i10 / ((i10 - 1) * m) * (up**2).sum()
    s01 = i01 / ((i01 - 1) * n) * (down**2).sum()
    s11 = i / (i - 1) * (up * down).sum()
    return s10 / m + s01 / n + 2 * s11 / (m * n)


def clustered(seed, patients=40):
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(patients), rng.integers(1, 5, patients))
    positive = rng.random(len(patient)) < 0.4
    shared = rng.normal(size=patients)[patient]
    return np.round(positive + shared + rng.normal(size=len(patient)), 1), positive, patient


@pytest.mark.parametrize("seed", range(5))
def test_the_clustered_variance_of_obuchowski(seed):
    scores, positive, patient = clustered(seed)
    _, covariance = auc_covariance(scores, positive, patient)
    expected = by_hand_clustered(scores, positive, patient)
    assert covariance[0, 0] == pytest.approx(expected, rel=1e-10)


def test_the_clustered_variance_is_that_of_the_bootstrap_over_patients():
    scores, positive, patient = clustered(3, patients=150)
    made = auc(scores, positive, patient)
    resampled = bootstrap_auc(scores, positive, patient, seed=1)
    assert (made.low, made.high) == pytest.approx((resampled.low, resampled.high), abs=0.01)
    assert made.method == ("DeLong on the logit scale, clustered by patient (Obuchowski 1997)")
    assert (made.n, made.n_patients) == (len(scores), 150)


def test_repeating_each_patients_cases_narrows_nothing():
    scores, positive = drawn(4)
    once = auc(scores, positive, range(60))
    often = auc(np.repeat(scores, 4), np.repeat(positive, 4), np.repeat(range(60), 4))
    assert (often.low, often.high) == pytest.approx((once.low, once.high))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000))
def test_one_patient_left_out_is_the_area_of_the_others(seed):
    scores, positive, patient = clustered(seed, patients=12)
    _, codes = np.unique(patient, return_inverse=True)
    found = aucs_without_each_patient(scores[None], positive, codes, 12)[0]
    for p in range(12):
        rest = codes != p
        if positive[rest].all() or not positive[rest].any():
            assert np.isnan(found[p])
        else:
            expected = pairs(scores[rest], positive[rest]).mean()
            assert found[p] == pytest.approx(expected, abs=1e-12)


def test_unpaired_variances_add():
    (a, pa), (b, pb) = drawn(1), drawn(2, n=90)
    made = auc_difference_unpaired(a, pa, range(60), b, pb, range(100, 190))
    variance = sum(auc_covariance(s, p, range(len(s)))[1][0, 0] for s, p in ((a, pa), (b, pb)))
    assert made.standard_error == pytest.approx(np.sqrt(variance))
    assert made.p_value == pytest.approx(2 * stats.norm.sf(abs(made.z)))
    assert (made.difference.n, made.difference.n_patients) == (150, 150)


def test_a_patient_in_both_sets_is_refused():
    (a, pa), (b, pb) = drawn(1), drawn(2)
    with pytest.raises(CannotSay, match="in both sets"):
        auc_difference_unpaired(a, pa, range(60), b, pb, range(59, 119))


def test_turning_a_score_round_mirrors_its_interval():
    scores, positive = drawn(9)
    plain, turned = auc(scores, positive, range(60)), auc(-scores, positive, range(60))
    expected = (1 - plain.high, 1 - plain.value, 1 - plain.low)
    assert (turned.low, turned.value, turned.high) == pytest.approx(expected)
    assert 0 < plain.low < plain.value < plain.high < 1


def test_too_few_patients_have_an_area_and_no_interval():
    scores, positive = drawn(5, n=27)
    made = auc(scores, positive, range(27))
    assert made.value is not None
    assert (made.low, made.high) == (None, None)
    assert "n = 9 patients with a positive case" in made.cannot_say
    compared = auc_difference(scores, -scores, positive, range(27))
    assert compared.p_value is None
    assert "n = 9 patients" in compared.difference.cannot_say


def test_separated_cases_have_an_area_of_one_and_no_interval():
    made = auc(np.arange(60.0), np.arange(60) > 29, range(60))
    assert made.value == 1.0
    assert "without overlap" in made.cannot_say


def test_two_scores_of_one_order_have_no_interval_of_their_difference():
    scores, positive = drawn(6)
    made = auc_difference(scores, np.exp(scores), positive, range(60))
    assert (made.difference.value, made.p_value) == (0.0, None)
    assert "alike" in made.difference.cannot_say


@pytest.mark.parametrize(("kind", "words"), [(False, "no positive case"), (True, "no negative")])
def test_one_class_only_cannot_be_said(kind, words):
    with pytest.raises(CannotSay, match=words):
        auc(np.arange(20.0), np.full(20, kind), range(20))


def test_bad_scores_are_refused():
    with pytest.raises(BadScores, match="not finite"):
        auc([1.0, np.nan] * 20, [0, 1] * 20, range(40))
    with pytest.raises(BadScores, match="no patient"):
        auc([1.0, 2.0] * 20, [0, 1] * 20, [None] * 40)


def test_the_interval_holds_its_truth_near_one_and_with_few_patients():
    rng = np.random.default_rng(17)
    truth = stats.norm.cdf(2 / np.sqrt(2))
    hits = said = 0
    for _ in range(1500):
        positive = np.arange(50) < 15
        made = auc(rng.normal(size=50) + 2 * positive, positive, range(50))
        if made.low is not None:
            said += 1
            hits += made.low <= truth <= made.high
    assert said > 1400
    assert hits / said == pytest.approx(0.95, abs=0.025)
