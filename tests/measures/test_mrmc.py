"""Reader studies against the printed results of OR-DBM MRMC, MRMCaov and iMRMC."""

from __future__ import annotations

import json

import numpy as np
import pytest
from reader_studies import pilot_of_imrmc, van_dyke

from limen.measures import (
    BadScores,
    CannotSay,
    auc_covariance,
    auc_difference,
    mrmc_anova,
    mrmc_u_statistic,
)
from limen.measures.mrmc import variance_components
from limen.measures.mrmc_moments import _success, moments


def anova(**options):
    scores, positive = van_dyke()
    names = ("spin-echo", "cine")
    return mrmc_anova(scores, positive, range(114), modalities=names, **options)


def test_van_dyke_of_readers_and_cases_is_that_of_or_dbm_mrmc():
    """OR-DBM MRMC 2.51 (University of Iowa), trapezoidal area, jackknife."""
    made = anova()
    assert made.aucs["spin-echo"] == pytest.approx(
        (0.91964573, 0.85877617, 0.90386473, 0.97310789, 0.82979066), abs=5e-9
    )
    assert made.aucs["cine"] == pytest.approx(
        (0.94782609, 0.90531401, 0.92173913, 0.99935588, 0.92995169), abs=5e-9
    )
    c = made.components
    assert (c.reader, c.reader_by_modality) == pytest.approx((0.00153500, 0.00020040), abs=5e-9)
    assert (c.cov1, c.cov2, c.cov3, c.error) == pytest.approx(
        (0.00034661, 0.00034407, 0.00023903, 0.00080229), abs=5e-9
    )
    assert made.f == pytest.approx(4.46, abs=5e-3)
    assert made.df_denominator == pytest.approx(15.26, abs=5e-3)
    assert made.p_value == pytest.approx(0.0517, abs=5e-5)
    (gap,) = made.differences
    assert (gap.first, gap.second) == ("spin-echo", "cine")
    found = (gap.difference.value, gap.standard_error, gap.difference.low, gap.difference.high)
    assert found == pytest.approx((-0.04380, 0.02075, -0.08796, 0.00036), abs=5e-6)
    assert (gap.t, gap.p_value) == pytest.approx((-2.11, 0.0517), abs=5e-3)
    for name, expected in (
        ("spin-echo", (0.89703704, 0.82522360, 0.96885048)),
        ("cine", (0.94083736, 0.89413783, 0.98753689)),
    ):
        mean = made.means[name]
        assert (mean.value, mean.low, mean.high) == pytest.approx(expected, abs=5e-9)


def test_van_dyke_of_these_readers_is_that_of_or_dbm_mrmc():
    made = anova(generalise_to="cases")
    assert (made.f, made.p_value) == pytest.approx((5.47595, 0.0193), abs=5e-5)
    (gap,) = made.differences
    found = (gap.standard_error, gap.t, gap.difference.low, gap.difference.high)
    assert found == pytest.approx((0.01872, -2.34, -0.08049, -0.00711), abs=5e-3)
    assert gap.df is None
    for name, expected in (
        ("spin-echo", (0.84943008, 0.94464399)),
        ("cine", (0.90795637, 0.97371835)),
    ):
        mean = made.means[name]
        assert (mean.low, mean.high) == pytest.approx(expected, abs=5e-9)


def test_van_dyke_with_covariances_of_delong_is_that_of_mrmcaov():
    scores, positive = van_dyke()
    areas, covariance = auc_covariance(scores.reshape(10, -1), positive, range(114))
    found = variance_components(areas.reshape(2, 5), covariance.reshape(2, 5, 2, 5))
    assert (found.reader, found.reader_by_modality, found.error) == pytest.approx(
        (0.0015364254, 0.0002045840, 0.0007921325), abs=5e-11
    )
    assert (found.cov1, found.cov2, found.cov3) == pytest.approx(
        (0.0003420090, 0.0003395265, 0.0002358497), abs=5e-11
    )


def test_van_dyke_by_u_statistics_is_that_of_mrmcaovs_unbiased_method():
    scores, positive = van_dyke()
    made = mrmc_u_statistic(scores, positive, range(114))
    assert made.differences[0].standard_error == pytest.approx(0.02067154, abs=5e-9)
    assert made.differences[0].difference.value == pytest.approx(-0.04380032, abs=5e-9)
    # covariances of single readers' areas, averaged
    won = [_success(s, positive) for s in scores]
    parts = {"error": [], "cov1": [], "cov2": [], "cov3": []}
    for a in range(2):
        for b in range(2):
            for r in range(5):
                for q in range(5):
                    name = {
                        (True, True): "error",
                        (False, True): "cov1",
                        (True, False): "cov2",
                        (False, False): "cov3",
                    }[a == b, r == q]
                    one, other = (
                        tuple(part[who : who + 1] for part in won[m]) for m, who in ((a, r), (b, q))
                    )
                    # of one reader each, the first four kinds are all there are
                    found = moments(one, other)
                    parts[name].append(found.coefficients[:4] @ found.unbiased[:4])
                    parts[name][-1] -= found.unbiased[3]
    assert [np.mean(parts[k]) for k in ("error", "cov1", "cov2", "cov3")] == pytest.approx(
        [0.0007883925, 0.0003416706, 0.0003390650, 0.0002356148], abs=5e-11
    )


def test_the_pilot_study_is_that_of_imrmc():
    """Moments, variances, degrees of freedom and tests printed by iMRMC 4.0."""
    scores, positive = pilot_of_imrmc()
    a, b = (_success(s, positive) for s in scores)
    for pair, expected in (
        ((a, a), "8.55000 8.25570 8.48826 8.19396 8.21667 8.14150 8.21667 8.14150"),
        ((b, b), "3.30000 3.06107 3.30000 3.06107 3.26667 3.05996 3.26667 3.05996"),
        ((a, b), "5.04200 5.00374 5.04200 5.00374 5.04333 4.99535 5.04333 4.99535"),
    ):
        found = moments(*pair)
        assert 10 * found.unbiased == pytest.approx(np.array(expected.split(), float), abs=5.1e-6)
    assert moments(a, a).biased[:5] == pytest.approx(
        [0.855, 0.825767, 0.848867, 0.819633, 0.832778], abs=5e-7
    )
    assert moments(a, a).coefficients == pytest.approx(
        [
            1.48148e-5,
            2.20741e-3,
            2.20741e-3,
            0.328904,
            2.96296e-5,
            4.41481e-3,
            4.41481e-3,
            -0.342193,
        ],
        rel=5e-6,
    )
    assert moments(a, a).covariance == pytest.approx(1.86122297e-3, rel=5e-9)
    assert moments(b, b).covariance == pytest.approx(1.82252051e-4, rel=5e-9)

    made = mrmc_u_statistic(scores, positive, range(300), modalities=["A", "B"])
    (gap,) = made.differences
    assert gap.standard_error**2 == pytest.approx(1.42393736e-3, rel=5e-9)
    assert gap.df == 2  # 2.3989 rounded down
    assert gap.p_value == pytest.approx(1.14251514e-2, rel=5e-9)
    assert (gap.difference.low, gap.difference.high) == pytest.approx(
        (0.187638992, 0.512361008), abs=5e-10
    )
    mean = made.means["B"]
    assert (mean.low, mean.high) == pytest.approx((0.525722578, 0.580944089), abs=5e-10)
    # iMRMC's upper limit is 1.089: an AUC of more than one
    assert made.means["A"].high == 1.0
    assert made.means["A"].low == pytest.approx(0.717708748, abs=5e-10)


def simulated(rng, readers=6, cases=80, gain=0.0, reader_sd=0.3, case_sd=0.6):
    """The model of Roe and Metz: readers, cases and their pairings, the same gain for all."""
    positive = np.arange(cases) < cases // 2
    scores = np.zeros((2, readers, cases))
    scores += rng.normal(scale=case_sd, size=cases)
    scores += rng.normal(scale=np.sqrt(1 - case_sd**2), size=scores.shape)
    scores += 1.5 * positive
    scores += positive * rng.normal(scale=reader_sd, size=(readers, 1))
    scores += positive * rng.normal(scale=reader_sd, size=(2, readers, 1))
    scores[1] += gain * positive
    return scores, positive


def test_the_tests_hold_their_level():
    rng = np.random.default_rng(5)
    runs, alarms = 120, {"anova": 0, "u": 0, "cases": 0}
    for _ in range(runs):
        scores, positive = simulated(rng)
        alarms["anova"] += mrmc_anova(scores, positive, range(80)).p_value < 0.05
        alarms["u"] += mrmc_u_statistic(scores, positive, range(80)).differences[0].p_value < 0.05
        alarms["cases"] += (
            mrmc_anova(scores, positive, range(80), generalise_to="cases").p_value < 0.05
        )
    assert alarms["anova"] / runs < 0.1
    assert alarms["u"] / runs < 0.1
    # readers that vary, taken as they are, are not the population's: too many alarms
    assert alarms["cases"] > alarms["anova"]


def test_the_variance_is_unbiased_also_where_readings_are_missing():
    rng = np.random.default_rng(8)
    said, areas = [], []
    for _ in range(400):
        scores, positive = simulated(rng)
        scores[:, ::2, ::5] = np.nan
        won, read = pair = _success(scores[0], positive)
        said.append(moments(pair, pair).covariance)
        areas.append(won.sum() / read.sum())
    # the error of a variance from 400 draws is 7 %, that of the mean estimate as much
    assert np.mean(said) == pytest.approx(np.var(areas, ddof=1), rel=0.25)


def test_a_negative_variance_is_never_a_number():
    rng = np.random.default_rng(5)
    stood_in = 0
    for _ in range(40):
        scores, positive = simulated(rng, readers=2, cases=24, reader_sd=0)
        (gap,) = mrmc_u_statistic(scores, positive, range(24)).differences
        assert gap.standard_error > 0
        stood_in += "the biased one stands" in gap.difference.method
    assert stood_in > 0
    scores, positive = simulated(np.random.default_rng(1), gain=0.8)
    scores[:, ::2, ::5] = np.nan
    with pytest.raises(CannotSay, match="came out negative"):
        mrmc_u_statistic(scores, positive, range(80))


def test_readers_that_did_not_read_everything_are_taken_by_u_statistics():
    scores, positive = simulated(np.random.default_rng(3), gain=0.8, cases=120)
    full = mrmc_u_statistic(scores, positive, range(120))
    scores[:, ::3, ::10] = np.nan
    part = mrmc_u_statistic(scores, positive, range(120))
    value, error = part.differences[0].difference.value, part.differences[0].standard_error
    assert value == pytest.approx(full.differences[0].difference.value, abs=2 * error)
    with pytest.raises(CannotSay, match="not every reader read every case"):
        mrmc_anova(scores, positive, range(120))


def test_the_jackknife_leaves_out_whole_patients():
    scores, positive = simulated(np.random.default_rng(2))
    once = mrmc_anova(scores, positive, range(80))
    twice = mrmc_anova(
        np.repeat(scores, 2, axis=2), np.repeat(positive, 2), np.repeat(range(80), 2)
    )
    assert twice.p_value == pytest.approx(once.p_value)
    with pytest.raises(CannotSay, match="several cases of a patient"):
        mrmc_u_statistic(np.repeat(scores, 2, axis=2), np.repeat(positive, 2), [*range(80)] * 2)


def test_one_reader_speaks_of_cases_alone():
    scores, positive = simulated(np.random.default_rng(3), readers=1, gain=0.4)
    for analyse in (mrmc_anova, mrmc_u_statistic):
        with pytest.raises(CannotSay, match="population of readers"):
            analyse(scores, positive, range(80))
    made = mrmc_anova(scores, positive, range(80), generalise_to="cases").differences[0]
    paired = auc_difference(scores[0, 0], scores[1, 0], positive, range(80))
    assert made.difference.value == pytest.approx(paired.difference.value)
    # jackknife and DeLong differ in the third digit
    assert made.standard_error == pytest.approx(paired.standard_error, rel=0.03)


def test_three_modalities_have_three_differences():
    scores, positive = simulated(np.random.default_rng(4))
    scores = np.concatenate([scores, scores[:1] + np.random.default_rng(0).normal(size=(1, 6, 80))])
    made = mrmc_anova(scores, positive, range(80))
    assert [(d.first, d.second) for d in made.differences] == [("1", "2"), ("1", "3"), ("2", "3")]
    assert made.df_numerator == 2
    assert len(mrmc_u_statistic(scores, positive, range(80)).differences) == 3
    json.dumps(made.as_dict(), allow_nan=False)


@pytest.mark.parametrize("analyse", [mrmc_anova, mrmc_u_statistic])
def test_too_little_cannot_be_said(analyse):
    scores, positive = simulated(np.random.default_rng(6))
    with pytest.raises(CannotSay, match="no positive case"):
        analyse(scores, positive & False, range(80))
    with pytest.raises(CannotSay, match="n = 5 patients with a positive case"):
        analyse(scores, np.arange(80) < 5, range(80))
    with pytest.raises(BadScores, match="modality, reader and case"):
        analyse(scores[0], positive, range(80))
    with pytest.raises(BadScores, match="not finite"):
        analyse(np.where(scores > 0, np.inf, scores), positive, range(80))
    with pytest.raises(BadScores, match="one name each"):
        analyse(scores, positive, range(80), modalities=["a", "a"])


def test_modalities_that_are_the_same_cannot_be_told_apart():
    scores, positive = simulated(np.random.default_rng(7))
    scores[1] = scores[0]
    with pytest.raises(CannotSay, match="respond alike"):
        mrmc_anova(scores, positive, range(80))
    with pytest.raises(CannotSay, match="respond alike"):
        mrmc_u_statistic(scores, positive, range(80))
