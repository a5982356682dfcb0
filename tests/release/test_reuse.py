"""Fifty adaptive releases on one set: a harmful one is ever accepted in 5 % at most."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest

from limen.release.reuse import BadCount, decide, level


def test_the_levels_of_all_questions_that_could_be_asked_add_up_to_alpha_at_most() -> None:
    total = sum(
        math.comb(use - 1, b) * level(use, b, 0.05) for use in range(1, 400) for b in range(use)
    )
    assert 0.9 * 0.05 * 0.5 < total <= 0.05


def test_the_first_use_of_a_set_is_a_plain_test() -> None:
    # exact: P(X <= k) = sum C(n, i) p^i q^(n-i)
    made = decide(2, 60, 0.10, use=1, accepted_before=0)
    p = sum(math.comb(60, i) * 0.1**i * 0.9 ** (60 - i) for i in range(3))
    assert made.p_value == pytest.approx(p, rel=1e-12)
    assert made.level == pytest.approx(0.05 * 6 / math.pi**2 / 2)
    assert not made.is_accepted
    assert decide(made.most_failures, 60, 0.10, use=1, accepted_before=0).is_accepted
    assert not decide(made.most_failures + 1, 60, 0.10, use=1, accepted_before=0).is_accepted


def test_each_use_and_each_yes_makes_it_stricter() -> None:
    levels = [level(use, 0) for use in range(1, 50)]
    assert levels == sorted(levels, reverse=True)
    yeses = [level(50, b) for b in range(20)]
    assert yeses == sorted(yeses, reverse=True)
    assert level(5000, 2500) == 0
    assert level(5000, 4999) == 0
    assert level(900, 899) > 0


decided = cache(decide)  # the same counts come again and again


def ever_accepted(rng: np.random.Generator, guarded: bool) -> bool:
    """An analyst who keeps what was accepted and mixes it on; all releases are over the limit.

    Failures are a property of model and case: a release is a random pattern over a population, and
    the next one takes over most of the best pattern so far, which the set's answers picked out.
    """
    n, limit, truth = 400, 0.10, 0.102
    best = rng.random(n) < truth
    accepted = 0
    for use in range(1, 51):
        fresh = rng.random(n) < truth
        pattern = np.where(rng.random(n) < 0.5, best, fresh) if accepted else fresh
        failed = int(pattern.sum())
        if guarded:
            yes = decided(failed, n, limit, use=use, accepted_before=accepted).is_accepted
        else:
            yes = decided(failed, n, limit, use=1, accepted_before=0, alpha=0.16).is_accepted
        if yes:
            accepted, best = accepted + 1, pattern
    return accepted > 0


def test_fifty_adaptive_releases_two_hundred_times() -> None:
    rng = np.random.default_rng(11)
    guarded = sum(ever_accepted(rng, True) for _ in range(200))
    # 0.16 is the alpha whose first level is 0.05: what one test each, uncorrected, would do
    careless = sum(ever_accepted(rng, False) for _ in range(40))
    assert guarded <= 10
    assert careless > 20


def test_a_release_that_is_plainly_good_is_still_accepted_at_its_fiftieth_use() -> None:
    assert decide(4, 400, 0.10, use=50, accepted_before=5).is_accepted
    assert decide(15, 400, 0.10, use=50, accepted_before=0).is_accepted


@pytest.mark.parametrize(
    "wrong",
    [
        {"use": 0, "accepted_before": 0},
        {"use": 2, "accepted_before": 2},
        {"use": 1, "accepted_before": 0, "alpha": 0.0},
    ],
)
def test_counts_that_cannot_be(wrong: dict[str, float]) -> None:
    with pytest.raises(BadCount):
        decide(1, 10, 0.1, **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("failures", "cases", "limit"), [(11, 10, 0.1), (-1, 10, 0.1), (0, 0, 0.1), (1, 10, 1.0)]
)
def test_cases_that_cannot_be(failures: int, cases: int, limit: float) -> None:
    with pytest.raises(BadCount):
        decide(failures, cases, limit, use=1, accepted_before=0)
