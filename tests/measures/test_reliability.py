"""Calibration against scikit-learn, statsmodels, exact identities and simulated calibration."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limen.measures import (
    BadScores,
    CannotSay,
    NotProbabilities,
    calibration,
    reliability_png,
    reliability_svg,
)
from limen.measures.reliability import equal_mass_bins


def drawn(seed, n=400, patients=None, bend=1.0, shift=0.0):
    """Truth drawn from log odds bend * x + shift, while x itself is stated."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(-0.5, 1.3, n)
    truth = rng.random(n) < 1 / (1 + np.exp(-(bend * odds + shift)))
    who = np.arange(n) if patients is None else rng.integers(0, patients, n)
    return 1 / (1 + np.exp(-odds)), truth, who


@cache
def of_calibrated(seed):
    """What is said of 150 patients of a calibrated model."""
    return calibration(*drawn(seed, n=150))


def test_the_brier_score_is_that_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    p, truth, who = drawn(0)
    assert calibration(p, truth, who).brier.value == pytest.approx(
        metrics.brier_score_loss(truth, p)
    )


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 15), st.integers(1, 3))
def test_the_parts_add_up_to_the_brier_score(seed, bins, digits):
    p, truth, who = drawn(seed, n=80)
    made = calibration(np.round(p, digits), truth, who, bins=bins)
    parts = made.brier_parts
    total = parts.reliability - parts.resolution + parts.uncertainty + parts.within_bins
    assert total == pytest.approx(made.brier.value, abs=1e-12)
    assert parts.reliability >= 0
    assert 0 <= parts.resolution <= parts.uncertainty + 1e-12
    assert made.ece**2 <= parts.reliability + 1e-12  # Jensen


@pytest.mark.parametrize("patients", [None, 60])
def test_slope_and_intercept_are_those_of_statsmodels(patients):
    sm = pytest.importorskip("statsmodels.api")
    p, truth, who = drawn(1, patients=patients, bend=0.6, shift=0.3)
    made = calibration(p, truth, who)
    odds = np.log(p / (1 - p))
    clustered = {"cov_type": "cluster", "cov_kwds": {"groups": who}}
    slope = sm.GLM(truth.astype(float), sm.add_constant(odds), sm.families.Binomial()).fit(
        **clustered
    )
    shift = sm.GLM(truth.astype(float), np.ones(len(p)), sm.families.Binomial(), offset=odds).fit(
        **clustered
    )
    for ours, theirs in ((made.slope, slope), (made.intercept, shift)):
        low, high = theirs.conf_int()[-1]
        assert ours.value == pytest.approx(theirs.params[-1], abs=1e-7)
        assert (ours.low, ours.high) == pytest.approx((low, high), abs=1e-6)


def test_bins_hold_equal_mass_and_never_part_equal_values():
    p = np.repeat([0.1, 0.2, 0.9], [50, 1, 49])
    assert np.bincount(equal_mass_bins(p, 2)).tolist() == [50, 50]
    assert np.bincount(equal_mass_bins(p, 3)).tolist() == [50, 1, 49]
    even = equal_mass_bins(np.linspace(0.01, 0.99, 103), 10)
    assert set(np.bincount(even)) <= {10, 11}
    assert (np.diff(even) >= 0).all()
    assert (equal_mass_bins(np.full(9, 0.5), 10) == 0).all()


def test_the_error_is_that_of_scikit_learns_quantile_bins():
    curve = pytest.importorskip("sklearn.calibration").calibration_curve
    p, truth, who = drawn(2, n=500)
    made = calibration(p, truth, who)
    observed, stated = curve(truth, p, n_bins=10, strategy="quantile")
    assert [b.mean_probability for b in made.bins] == pytest.approx(stated, abs=0.002)
    assert [b.observed.value for b in made.bins] == pytest.approx(observed, abs=0.021)
    assert made.ece == pytest.approx(np.abs(observed - stated).mean(), abs=0.005)


def test_a_perfect_forecast_has_no_error():
    truth = np.arange(40) % 2
    made = calibration(truth, truth, range(40))
    assert (made.ece, made.brier.value, made.brier_parts.reliability) == (0, 0, 0)
    assert "exactly 0 or 1" in made.slope.cannot_say


def test_a_calibrated_model_is_not_accused_and_a_bent_one_is():
    accused = 0
    for seed in range(80):
        accused += of_calibrated(seed).ece_p_value <= 0.05
    assert accused <= 11  # 5 % of 80 is 4
    bent = calibration(*drawn(1, n=600, bend=0.4))
    assert bent.ece_p_value < 0.01
    assert bent.ece > 1.9 * bent.ece_when_calibrated
    assert bent.slope.high < 1


def test_the_interval_of_the_slope_holds():
    slopes = [of_calibrated(seed).slope for seed in range(120)]
    hits = [slope.low <= 1 <= slope.high for slope in slopes]
    assert np.mean(hits) == pytest.approx(0.95, abs=0.06)


def test_clustered_cases_have_no_error_under_calibration():
    made = calibration(*drawn(4, patients=50))
    assert made.ece_when_calibrated is None
    assert made.ece_p_value is None
    assert made.n_patients == 50
    json.dumps(made.as_dict(), allow_nan=False)


@pytest.mark.parametrize(
    ("p", "truth", "words"),
    [
        (np.linspace(0.1, 0.9, 40), np.zeros(40), "n = 0 patients with a positive case"),
        (np.linspace(0.1, 0.9, 40), np.arange(40) < 6, "n = 6 patients with a positive case"),
        (np.linspace(0.1, 0.9, 40), np.arange(40) > 19, "separate"),
        (np.linspace(0, 0.9, 40), np.arange(40) % 2, "1 of 40 probabilities are exactly 0 or 1"),
    ],
)
def test_slopes_that_cannot_be_said_have_their_reason(p, truth, words):
    made = calibration(p, truth, range(40))
    assert made.slope.value is None
    assert words in made.slope.cannot_say


def test_probabilities_all_alike_have_a_shift_and_no_slope():
    made = calibration(np.full(40, 0.3), np.arange(40) % 2, range(40))
    assert made.intercept.value == pytest.approx(-np.log(0.3 / 0.7))
    assert "alike" in made.slope.cannot_say


@pytest.mark.parametrize("wrong", [[-0.1, 0.5], [0.5, 1.01], [50, 20]])
def test_probabilities_outside_their_range_are_refused(wrong):
    with pytest.raises(NotProbabilities, match="outside 0 to 1"):
        calibration(wrong, [0, 1], [1, 2])


def test_nan_and_nothing_are_refused():
    with pytest.raises(BadScores, match="not finite"):
        calibration([np.nan, 0.5], [0, 1], [1, 2])
    with pytest.raises(BadScores, match="one bin"):
        calibration([0.2, 0.5], [0, 1], [1, 2], bins=0)
    with pytest.raises(CannotSay, match="no cases"):
        calibration([], [], [])


def test_the_picture_is_sound_and_shows_each_bin():
    made = calibration(*drawn(3))
    picture = ET.fromstring(reliability_svg(made))
    circles = picture.findall(".//{http://www.w3.org/2000/svg}circle")
    assert len(circles) == len(made.bins) == 10
    assert float(circles[0].get("cx")) < float(circles[-1].get("cx"))
    assert "400 cases of 400 patients" in picture.find("{http://www.w3.org/2000/svg}title").text


def test_the_picture_as_png_has_the_same_dots():
    from io import BytesIO

    from PIL import Image

    made = calibration(*drawn(3))
    page = Image.open(BytesIO(reliability_png(made, scale=2)))
    svg = ET.fromstring(reliability_svg(made))
    assert page.size == (2 * float(svg.get("width")), 2 * float(svg.get("height")))
    for circle in svg.findall(".//{http://www.w3.org/2000/svg}circle"):
        at = tuple(round(2 * float(circle.get(k))) for k in ("cx", "cy"))
        filled = circle.get("fill") == "#222222"
        # open dots lie on their interval's line, which is drawn first
        assert (page.getpixel(at) == (0x22, 0x22, 0x22)) == filled


@pytest.mark.parametrize(
    ("bend", "shift", "patients"), [(1.0, 0.0, None), (0.6, 0.3, None), (1.0, 0.7, 80)]
)
def test_the_interval_of_the_error_holds_the_truth(bend, shift, patients):
    """Calibrated and not; and with two cases and more of a patient, alike or not."""
    p, *_ = drawn(99, n=100_000)
    odds = np.log(p / (1 - p))
    chance = 1 / (1 + np.exp(-(bend * odds + shift)))
    true_error = np.mean([abs((p - chance)[b].mean()) for b in np.array_split(np.argsort(p), 10)])
    held, rounds = 0, 60
    for seed in range(rounds):
        made = calibration(
            *drawn(seed, n=200, patients=patients, bend=bend, shift=shift)
        ).ece_figure
        held += made.low <= true_error + 1e-3 and true_error - 1e-3 <= made.high
        assert made.low <= made.value <= made.high
    assert held / rounds > 0.88  # 95 % less two and a half standard errors


def test_what_chance_adds_is_told_and_few_patients_get_no_interval():
    p, truth, who = drawn(3, n=2000)
    made = calibration(p, truth, who)
    # pure chance of a calibrated model is what ece_when_calibrated simulates
    assert made.ece_by_chance == pytest.approx(made.ece_when_calibrated, rel=0.15)
    assert made.ece_figure.value == made.ece
    few = calibration(p[:8], truth[:8], who[:8])
    assert (few.ece_figure.low, few.ece_by_chance) == (None, None)
    assert "n = 8 patients" in few.ece_figure.cannot_say
