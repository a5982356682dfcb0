"""Agreement, repeatability, linearity against Bland and Altman, statsmodels and coverage."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from limen.measures import BadScores, CannotSay, agreement, linearity, repeatability

# Bland and Altman, Lancet 1986, table (the same as in R's blandr and qwraps2): peak expiratory
# flow in L/min of 17 people, by the Wright
# meter and the mini meter, first and second readings
WRIGHT = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
WRIGHT_2 = [490, 397, 512, 401, 470, 611, 415, 431, 638, 429, 420, 633, 275, 492, 165, 372, 421]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]
MINI_2 = [525, 415, 508, 444, 500, 625, 460, 390, 642, 432, 420, 605, 227, 467, 268, 370, 443]
PEOPLE = range(17)


def test_the_peak_flow_meters_of_bland_and_altman():
    made = agreement(WRIGHT, MINI, PEOPLE, unit="L/min")
    assert made.bias.value == pytest.approx(-2.1, abs=0.05)
    assert made.sd == pytest.approx(38.8, abs=0.05)
    # the paper rounds; the same from the readings themselves
    gap = np.subtract(WRIGHT, MINI)
    assert made.bias.value == pytest.approx(gap.mean())
    assert made.sd == pytest.approx(gap.std(ddof=1))
    interval = stats.t.interval(0.95, 16, gap.mean(), stats.sem(gap))
    assert (made.bias.low, made.bias.high) == pytest.approx(interval)
    # -2.1 -+ 1.96 x 38.8
    assert made.lower_limit.value == pytest.approx(-78.1, abs=0.1)
    assert made.upper_limit.value == pytest.approx(73.9, abs=0.1)
    # 95 % interval of the bias -22.0 to 17.8
    assert (made.bias.low, made.bias.high) == pytest.approx((-22.0, 17.8), abs=0.1)
    # their approximation is symmetric, -114.3 to -45.1 around limits of two deviations; the
    # exact interval reaches further outwards than inwards
    assert made.lower_limit.low == pytest.approx(-114.3, abs=12)
    assert made.lower_limit.high == pytest.approx(-45.1, abs=8)
    outward = made.lower_limit.value - made.lower_limit.low
    assert outward > made.lower_limit.high - made.lower_limit.value
    assert made.upper_limit.unit == "L/min"


@pytest.mark.parametrize(
    ("first", "second", "coefficient"), [(WRIGHT, WRIGHT_2, 43.2), (MINI, MINI_2, 56.4)]
)
def test_the_repeatability_of_the_peak_flow_meters(first, second, coefficient):
    made = repeatability([*first, *second], [*PEOPLE, *PEOPLE], unit="L/min")
    difference = np.subtract(first, second)
    # within-patient variance is half the mean squared difference
    assert made.within_sd.value == pytest.approx(np.sqrt((difference**2).mean() / 2))
    # the paper takes two standard deviations of the differences, not 1.96
    assert made.coefficient.value * 2 / 1.96 == pytest.approx(coefficient, abs=0.1)
    assert made.coefficient.value == pytest.approx(2.7718 * made.within_sd.value, rel=1e-4)


def test_limits_are_exact_for_normal_differences():
    rng = np.random.default_rng(0)
    hits = np.zeros(2)
    runs = 1500
    for _ in range(runs):
        values = rng.normal(size=12)
        made = agreement(values, np.zeros(12), range(12), unit="mm")
        hits += [
            made.lower_limit.low <= -1.959964 <= made.lower_limit.high,
            made.upper_limit.low <= 1.959964 <= made.upper_limit.high,
        ]
    assert hits / runs == pytest.approx([0.95, 0.95], abs=0.02)


def test_limits_of_repeated_differences_hold():
    rng = np.random.default_rng(1)
    sizes = [2, 3, 4] * 7
    patients = np.repeat(range(21), sizes)
    wide = 1.959964 * np.sqrt(1.0 + 0.5)
    hits, runs = 0, 600
    for _ in range(runs):
        values = rng.normal(size=21)[patients] + rng.normal(scale=np.sqrt(0.5), size=len(patients))
        made = agreement(values, np.zeros(len(patients)), patients, unit="mm")
        hits += made.upper_limit.low <= wide <= made.upper_limit.high
    assert hits / runs == pytest.approx(0.95, abs=0.03)
    assert made.upper_limit.method == "recovery of variances (Zou 2013)"


def test_the_spread_of_repeated_differences_is_that_of_the_analysis_of_variance():
    rng = np.random.default_rng(2)
    patients = np.repeat(range(15), 3)
    values = rng.normal(size=15)[patients] + rng.normal(size=45)
    table = values.reshape(15, 3)
    between = 3 * table.mean(axis=1).var(ddof=1)
    within = table.var(axis=1, ddof=1).mean()
    made = agreement(values, np.zeros(45), patients, unit="mm")
    # Bland and Altman 2007: variance between, (MSB - MSW) / m, plus within
    assert made.sd**2 == pytest.approx((between - within) / 3 + within)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 9999), st.floats(0.1, 20), st.floats(-50, 50))
def test_limits_move_and_scale_with_the_unit(seed, scale, shift):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(10, 2, 14), rng.normal(10, 2, 14)
    plain = agreement(a, b, range(14), unit="mm")
    moved = agreement(scale * a + shift, scale * b, range(14), unit="mm")
    for one, other in (
        (plain.lower_limit, moved.lower_limit),
        (plain.upper_limit, moved.upper_limit),
        (plain.bias, moved.bias),
    ):
        expected = [scale * v + shift for v in (one.low, one.value, one.high)]
        assert [other.low, other.value, other.high] == pytest.approx(expected, abs=1e-6)


def test_swapping_the_two_mirrors_the_limits():
    made = agreement(WRIGHT, MINI, PEOPLE, unit="")
    turned = agreement(MINI, WRIGHT, PEOPLE, unit="")
    assert turned.upper_limit.high == pytest.approx(-made.lower_limit.low)
    assert turned.lower_limit.high == pytest.approx(-made.upper_limit.low)


def test_the_interval_of_the_repeatability_is_exact():
    rng = np.random.default_rng(3)
    patients = np.repeat(range(12), 2)
    hits, runs = 0, 1200
    for _ in range(runs):
        values = rng.normal(50, 10, 12)[patients] + rng.normal(scale=2, size=24)
        made = repeatability(values, patients, unit="mL")
        hits += made.within_sd.low <= 2 <= made.within_sd.high
    assert hits / runs == pytest.approx(0.95, abs=0.02)
    factor = np.sqrt(12 / stats.chi2.ppf([0.975, 0.025], 12))
    assert [made.within_sd.low, made.within_sd.high] == pytest.approx(made.within_sd.value * factor)


def test_the_coefficient_of_variation_is_the_root_mean_square():
    values = [[10, 12], [100, 110], [40, 44], *[[20, 22]] * 8]
    made = repeatability(np.ravel(values), np.repeat(range(11), 2), unit="mm")
    each = [np.std(v, ddof=1) / np.mean(v) for v in values]
    assert made.within_cv.value == pytest.approx(np.sqrt(np.mean(np.square(each))))
    assert made.relative_coefficient.value == pytest.approx(2.7718 * made.within_cv.value, rel=1e-4)


@pytest.mark.parametrize("patients", [range(60), np.arange(60) // 4])
def test_the_line_is_that_of_statsmodels(patients):
    sm = pytest.importorskip("statsmodels.api")
    rng = np.random.default_rng(4)
    true = rng.uniform(5, 60, 60)
    found = 1 + 0.95 * true + 0.002 * true**2 + rng.normal(scale=2, size=60)
    made = linearity(found, true, patients, unit="mm")
    options = {"cov_type": "cluster", "cov_kwds": {"groups": np.asarray(patients)}, "use_t": True}
    line = sm.OLS(found, sm.add_constant(true)).fit(**options)
    bend = sm.OLS(found, np.column_stack([np.ones(60), true, true**2])).fit(**options)
    for ours, fit, k in (
        (made.intercept, line, 0),
        (made.slope, line, 1),
        (made.curvature, bend, 2),
    ):
        assert ours.value == pytest.approx(fit.params[k], rel=1e-6)
        assert (ours.low, ours.high) == pytest.approx(tuple(fit.conf_int()[k]), rel=1e-5)
    assert made.r_squared == pytest.approx(line.rsquared)
    assert made.curvature.unit == "1/mm"
    assert made.reference_range == (true.min(), true.max())
    json.dumps(made.as_dict(), allow_nan=False)


def test_few_patients_have_values_and_no_intervals():
    made = agreement([1.0, 2.0, 4.0], [1.0, 1.0, 1.0], range(3), unit="mm")
    assert made.bias.value == pytest.approx(4 / 3)
    assert "n = 3 patients" in made.upper_limit.cannot_say
    assert made.upper_limit.low is None


def test_what_has_no_relative_size_says_so():
    made = agreement(np.arange(12.0), np.zeros(12), range(12), unit="mm")
    assert made.relative_bias.value is None
    assert "zero or below" in made.relative_bias.cannot_say
    again = repeatability([-1.0, 1.0] * 10, np.repeat(range(10), 2), unit="HU")
    assert "zero or below" in again.within_cv.cannot_say
    assert again.within_sd.value == pytest.approx(np.sqrt(2))


def test_what_cannot_be_said_is_refused():
    with pytest.raises(CannotSay, match="n = 1 patient"):
        agreement([1.0, 2.0], [1.0, 1.0], [7, 7], unit="mm")
    with pytest.raises(CannotSay, match="measured twice"):
        repeatability([1.0, 2.0], [1, 2], unit="mm")
    with pytest.raises(CannotSay, match="n = 2 different references"):
        linearity([1.0, 2.0, 3.0], [1.0, 2.0, 2.0], range(3), unit="mm")
    with pytest.raises(BadScores, match="one length"):
        agreement([1.0, 2.0], [1.0], [1, 2], unit="mm")
    with pytest.raises(BadScores, match="not finite"):
        repeatability([1.0, np.nan], [1, 1], unit="mm")
