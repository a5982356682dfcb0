"""McNemar, score intervals and margins against statsmodels, scipy, likelihoods, coverage."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from limen.measures import BadScores, CannotSay, Figure, against_margin, mcnemar
from limen.measures.paired import mcnemar_p, tango_interval, tango_z


def table(both, first, second, neither):
    a = [1] * (both + first) + [0] * (second + neither)
    b = [1] * both + [0] * first + [1] * second + [0] * neither
    return mcnemar(a, b, range(len(a)))


small = st.integers(0, 40)


@settings(deadline=None, max_examples=60)
@given(small, small)
def test_the_exact_value_is_the_binomial_one(first, second):
    exact, mid = mcnemar_p(first, second)
    n = first + second
    expected = stats.binomtest(first, n).pvalue if n else 1.0
    assert exact == pytest.approx(expected, abs=1e-12)
    if not n:
        assert mid == 1.0  # no patient tells the methods apart
        return
    # mid-p: the chance of less likely outcomes and half that of the observed ones
    chance = stats.binom.pmf(np.arange(n + 1), n, 0.5)
    far = np.abs(2 * np.arange(n + 1) - n)
    mine = abs(first - second)
    assert mid == pytest.approx(chance[far > mine].sum() + chance[far == mine].sum() / 2)


def test_the_exact_value_is_that_of_statsmodels():
    tables = pytest.importorskip("statsmodels.stats.contingency_tables")
    for first, second in ((3, 11), (0, 5), (7, 7), (20, 41)):
        theirs = tables.mcnemar([[5, first], [second, 9]], exact=True).pvalue
        assert mcnemar_p(first, second)[0] == pytest.approx(theirs)


def test_the_airways_of_bentur():
    """The counts of Fagerland, Lydersen and Laake, BMC Med. Res. Methodol. 13 (2013) 91, table 1,
    and their formulas worked out by hand: of 8 fair coins none or one falls on one side."""
    made = table(1, 1, 7, 12)
    assert made.p_exact == pytest.approx(2 * (1 + 8) / 2**8)
    assert made.p_mid == pytest.approx((2 * (1 + 8) - 8) / 2**8)
    assert made.difference.value == pytest.approx(-6 / 21)


@settings(deadline=None, max_examples=60)
@given(small, small, st.integers(1, 60), st.sampled_from([0.8, 0.95, 0.99]))
def test_the_limits_are_where_the_score_test_just_rejects(first, second, concordant, confidence):
    n = first + second + concordant
    low, high = tango_interval(first, second, n, confidence)
    z = stats.norm.ppf((1 + confidence) / 2)
    assert -1 <= low <= (first - second) / n <= high <= 1
    assert tango_z(first, second, n, low) == pytest.approx(z, abs=1e-4)
    assert tango_z(first, second, n, high) == pytest.approx(-z, abs=1e-4)
    turned = tango_interval(second, first, n, confidence)
    assert turned == pytest.approx((-high, -low), abs=1e-8)


def test_at_no_difference_the_score_is_mcnemars():
    assert tango_z(12, 5, 60, 0.0) == pytest.approx((12 - 5) / np.sqrt(17))


def test_the_score_maximises_the_likelihood_under_its_difference():
    """The nuisance share against a search over the multinomial likelihood."""
    first, second, n, delta = 9, 4, 50, -0.1
    q = np.linspace(max(0, -delta) + 1e-9, (1 - delta) / 2 - 1e-9, 400_001)
    likelihood = (
        first * np.log(q + delta) + second * np.log(q) + (n - 13) * np.log(1 - 2 * q - delta)
    )
    best = q[likelihood.argmax()]
    variance = n * (2 * best + delta - delta**2)
    assert tango_z(first, second, n, delta) == pytest.approx(
        (first - second - n * delta) / np.sqrt(variance), rel=1e-4
    )


def test_all_right_and_all_wrong_have_limits():
    made = table(0, 20, 0, 0)
    assert (made.difference.value, made.difference.high) == (1.0, 1.0)
    assert 0.6 < made.difference.low < 1
    none = table(20, 0, 0, 0)
    assert none.difference.value == 0
    assert none.difference.low < 0 < none.difference.high
    assert none.p_exact == 1.0
    json.dumps(none.as_dict(), allow_nan=False)


def test_the_interval_holds_at_small_n():
    rng = np.random.default_rng(0)
    hits, runs = 0, 2000
    for counts in rng.multinomial(30, [0.6, 0.2, 0.05, 0.15], size=runs):
        low, high = tango_interval(int(counts[1]), int(counts[2]), 30)
        hits += low <= 0.15 <= high
    assert hits / runs == pytest.approx(0.95, abs=0.02)


def test_several_cases_of_a_patient_are_refused():
    with pytest.raises(CannotSay, match="several cases of a patient"):
        mcnemar([1, 0, 1], [0, 0, 1], ["a", "a", "b"])
    with pytest.raises(CannotSay, match="n = 0"):
        mcnemar([], [], [])
    with pytest.raises(BadScores, match="not 0 or 1"):
        mcnemar([1, 2], [0, 1], [1, 2])
    with pytest.raises(BadScores, match="one length"):
        mcnemar([1, 0], [0], [1, 2])


def gain(low, high, **options):
    figure = Figure((low + high) / 2, "mm", low, high, 0.95, 50, 50, "any", None)
    return against_margin(figure, margin=0.05, **options)


@pytest.mark.parametrize(
    ("low", "high", "answer"),
    [
        (0.01, 0.09, "superior"),
        (-0.04, 0.08, "non-inferior"),
        (-0.04, -0.01, "non-inferior"),
        (-0.05, 0.08, "cannot tell"),
        (-0.12, 0.08, "cannot tell"),
        (-0.12, -0.05, "inferior"),
    ],
)
def test_answers_against_a_margin(low, high, answer):
    made = gain(low, high)
    assert made.answer == answer
    assert made.one_sided_level == pytest.approx(0.025)
    # of an error, lower is better
    assert gain(-high, -low, higher_is_better=False).answer == answer


def test_words_say_the_limits_the_margin_and_a_loss():
    assert gain(-0.04, -0.01).in_words == (
        "Non-inferior: the gain lies between -0.04 and -0.01 mm with 95 % confidence, "
        "so no loss of 0.05 mm or more, though it is a loss."
    )
    assert gain(0.01, 0.09, superiority_margin=0.02).answer == "non-inferior"


def test_a_difference_without_an_interval_gives_no_answer():
    none = Figure(0.3, "", None, None, 0.95, 4, 4, None, "n = 4 is too few")
    made = against_margin(none, margin=0.1)
    assert (made.answer, made.in_words) == ("cannot tell", "Cannot tell: n = 4 is too few.")


@pytest.mark.parametrize("margin", [0, -0.1, float("nan")])
def test_a_margin_is_above_zero(margin):
    with pytest.raises(BadScores, match="above zero"):
        against_margin(Figure(0, "", -1, 1, 0.95, 9, 9, "", None), margin=margin)


def test_the_exact_test_never_exceeds_its_level_and_mid_p_is_near_it():
    # all outcomes of n discordant patients under no difference
    for n in (8, 15, 30):
        chance = stats.binom.pmf(np.arange(n + 1), n, 0.5)
        exact, mid = np.array([mcnemar_p(k, n - k) for k in range(n + 1)]).T
        assert chance[exact <= 0.05].sum() <= 0.05
        assert chance[exact <= 0.05].sum() <= chance[mid <= 0.05].sum() <= 0.08
