"""Learning curves whose course is known, and the sentence that follows."""

from __future__ import annotations

import numpy as np
import pytest

from limen.boundary.headroom import HeadroomError, LearningCurve, extrapolate, headroom


def curve(rates: list[float], sizes: list[int], patients: int = 400) -> LearningCurve:
    """The same patients fail first at every size, as with a model that only gets better."""
    rows = tuple(tuple(bool(i < round(r * patients)) for i in range(patients)) for r in rates)
    return LearningCurve(tuple(sizes), rows)


def power_law(sizes: list[int], floor: float = 0.05, slope: float = 2.0) -> list[float]:
    return [floor + slope * n**-0.6 for n in sizes]


def test_follows_a_power_law() -> None:
    sizes = [50, 100, 200, 400]
    found = extrapolate(curve(power_law(sizes), sizes, 4000), 800)
    assert found is not None
    truth = power_law([800])[0]
    assert found.rate == pytest.approx(truth, abs=0.005)
    assert found.low <= truth <= found.high
    assert found.rate < power_law([400])[0]


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    sizes = [50, 100, 200, 400]
    held = []
    for k in range(40):
        rng = np.random.default_rng(k)
        hard = rng.random(150)  # each patient fails below a size of its own
        rows = tuple(tuple(bool(h < r) for h in hard) for r in power_law(sizes))
        found = extrapolate(LearningCurve(tuple(sizes), rows), 800, seed=k)
        assert found is not None
        held.append(found.low <= power_law([800])[0] <= found.high)
    assert np.mean(held) >= 0.85


def test_refuses_to_look_far() -> None:
    sizes = [50, 100, 200]
    with pytest.raises(HeadroomError, match="so far"):
        extrapolate(curve([0.4, 0.3, 0.25], sizes), 401)
    assert extrapolate(curve([0.4, 0.3], [50, 100]), 150) is None


@pytest.mark.parametrize(
    ("sizes", "rows"),
    [((), ()), ((10, 10), ((True,), (True,))), ((10, 20), ((True,), (True, False))), ((5,), ((),))],
)
def test_refuses_curves_that_are_none(
    sizes: tuple[int, ...], rows: tuple[tuple[bool, ...], ...]
) -> None:
    with pytest.raises(HeadroomError):
        LearningCurve(sizes, rows)


def test_advises_what_the_lowest_ceiling_is() -> None:
    sizes = [50, 100, 200, 400]
    steep = curve([0.5, 0.38, 0.29, 0.22], sizes)
    flat = curve([0.22, 0.221, 0.219, 0.22], sizes)
    now = steep.failed[-1]
    assert headroom(now, steep).advice == "get other data"
    assert headroom(now, flat, 0.02, 0.02).advice == "go deeper"
    assert headroom(now, flat, readers_fail=0.21).advice == "fix labels"
    assert headroom(now, flat, physics_fail=0.21).advice == "stop here"
    assert headroom(now).advice == "cannot tell"
    assert headroom([True] * 1 + [False] * 59).advice == "stop here"
    assert headroom([False] * 60).advice == "stop here"
    # the exact bound of no failure in n: 1 - 0.05 ** (1 / n)
    assert f"at most {100 * (1 - 0.05 ** (1 / 60)):.3g} %" in headroom([False] * 60).because


def test_tells_the_gain_that_could_be_seen_and_what_is_missing() -> None:
    found = headroom([True] * 20 + [False] * 80)
    assert found.smallest_gain_seen is not None and 0.03 < found.smallest_gain_seen < 0.15
    assert len(found.missing) == 3
    with pytest.raises(HeadroomError):
        headroom([])
    with pytest.raises(HeadroomError, match="between 0 and 1"):
        headroom([True], readers_fail=20)


def test_a_model_that_fails_everywhere_has_a_headroom_too() -> None:
    assert headroom([True] * 60, None).smallest_gain_seen == pytest.approx(0.129, abs=1e-3)
    few = headroom([True] * 3, None).smallest_gain_seen
    assert few is None or few > 0.3


def test_two_sizes_tell_their_step_and_ask_for_a_third() -> None:
    failed = [True] * 80 + [False] * 320
    found = headroom(failed, curve([0.35, 0.2], [50, 100]))
    assert found.advice == "cannot tell" and found.with_twice_the_data is None
    assert "from 50 to 100 training patients the failure rate fell by 15 %" in found.because
    assert "a third size would tell" in found.because
    assert "without a learning curve" in headroom(failed).because


def test_the_last_steps_interval_holds_the_truth() -> None:
    held = []
    for k in range(300):
        rng = np.random.default_rng(k)
        first = rng.random(120) < 0.3
        second = np.where(rng.random(120) < 0.3, rng.random(120) < 0.2, first)
        c = LearningCurve((10, 20), (tuple(map(bool, first)), tuple(map(bool, second))))
        _, low, high = c.last_step(0.9)
        held.append(low <= 0.3 * (0.3 - 0.2) <= high)
    assert np.mean(held) >= 0.87
