"""Laws that the parts of a guard keep, whatever they were fitted on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limen.boundary.guard_features import GRID, SLICES_SEEN, look
from limen.boundary.guard_likeness import fit_likeness
from limen.boundary.guard_limits import calibration_levels, guarded_certificate, limits_of
from limen.boundary.guard_parts import TURNS, Header, Turn
from limen.boundary.result import Boundary, Certificate, Margin, Path, SearchAxis, Step

DOSE = SearchAxis("ct.dose", "", 1.0, 0.05, 0.03, "log")
VIEWS = SearchAxis("ct.views", "views", 984, 60, 0.03, "log", True)
MOTION = SearchAxis("ct.motion", "mm", 0, 5, 0.03)


@pytest.mark.parametrize("name", TURNS)
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_a_turned_volume_has_the_negative_score(name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    blocks = rng.standard_normal((GRID, GRID, SLICES_SEEN))
    turn = Turn(name, tuple(rng.standard_normal(blocks.size)), 0.0, 1.0)
    # its own inverse, and the weights of a difference keep only what changes sign
    weights = np.array(turn.weights).reshape(blocks.shape)
    odd = (weights - TURNS[name](weights)) / 2
    turn = replace(turn, weights=tuple(odd.ravel()))
    assert turn.score(TURNS[name](blocks)) == pytest.approx(-turn.score(blocks), abs=1e-9)
    assert np.array_equal(TURNS[name](TURNS[name](blocks)), blocks)


def test_p_values_refuse_patients_like_the_calibrated_as_often_as_they_say() -> None:
    refused = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        mixing = rng.standard_normal((8, 8))
        patients = [f"p{i}" for i in range(40) for _ in range(2)]
        x = rng.standard_normal((80, 8)) @ mixing
        likeness = fit_likeness(x, patients, {f"p{i}": i % 10 for i in range(40)})
        new = rng.standard_normal((400, 8)) @ mixing
        refused += [likeness.p_value(row) <= 0.1 for row in new]
    # each calibration patient counts by the worse of two images: single new ones are refused less
    assert 0.02 < np.mean(refused) <= 0.12


def test_a_feature_that_cannot_be_read_lies_far_out() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 5))
    likeness = fit_likeness(x, [f"p{i}" for i in range(40)], {f"p{i}": i % 10 for i in range(40)})
    unread = np.full(5, np.nan)
    assert likeness.p_value(unread) <= likeness.refused_at
    assert likeness.p_value(np.zeros(5)) > 0.5


@given(gain=st.floats(0.1, 50), offset=st.floats(-1000, 1000))
@settings(max_examples=15, deadline=None)
def test_grey_levels_without_a_unit_may_have_any_scale(gain: float, offset: float) -> None:
    rng = np.random.default_rng(1)
    x, y = np.ogrid[-1:1:64j, -1:1:64j]
    slices = np.repeat(np.where(x**2 + y**2 < 0.5, 300.0, 5.0)[:, :, None], SLICES_SEEN, axis=2)
    slices = (slices + rng.standard_normal(slices.shape)).astype(np.float32)
    before = look(slices, 1.0, "MR")
    after = look((gain * slices + offset).astype(np.float32), 1.0, "MR")
    known = np.isfinite(before.condition)
    assert np.array_equal(known, np.isfinite(after.condition))
    assert np.allclose(before.condition[known], after.condition[known], atol=0.15)
    assert np.allclose(before.blocks, after.blocks, atol=0.02)


def test_a_header_that_is_not_known_gives_no_code() -> None:
    header = Header(("photons_per_ray",), {"kernel": ("hann", "sharp")})
    code = header.code({"photons_per_ray": 1e5, "kernel": "sharp"})
    assert code is not None and code.tolist() == [np.log(1e5), 1.0]
    for photons, kernel in ((None, "hann"), (0, "hann"), (True, "hann"), ("many", "hann"),
                            (1e5, "new"), (1e5, None)):  # fmt: skip
        assert header.code({"photons_per_ray": photons, "kernel": kernel}) is None


# --- limits ---------------------------------------------------------------------------------------


def certificate(origin: str, answer: str, patients: int, **reached: float) -> Certificate:
    step = Step({}, patients, 0, 0.01, 0.05, answer == "certified")
    paths = tuple(
        Path(n, (Step({n: v}, patients, 0, 0.01, 0.05, True),)) for n, v in reached.items()
    )
    return Certificate(origin, ("v",), {}, answer, 0.1, 0.95, patients, patients, step, paths)  # type: ignore[arg-type]


def test_enforces_the_certified_limit_of_each_axis() -> None:
    found = certificate("phantom", "certified", 40, **{"ct.dose": 0.3, "ct.views": 60.0})
    boundary = Boundary((DOSE, VIEWS, MOTION), {}, {}, certificates=(found,))
    limits, notes = limits_of(boundary, found)
    assert {n.axis.name: n.value for n in limits} == {"ct.dose": 0.3, "ct.motion": 0}
    assert all(n.certified for n in limits)
    assert any("ct.views is not guarded" in n for n in notes)
    assert any("two limits at once" in n for n in notes)


def test_suggests_what_exploration_found_where_nothing_is_certified() -> None:
    found = certificate("phantom", "not certified", 40)
    margins = tuple(
        Margin(f"v/{i}", f"p{i}", "phantom", "ct.motion", "flips", v, v + 0.2, 5)
        for i, v in enumerate((1.0, 2.0, 3.0, 4.0))
    )
    boundary = Boundary((MOTION,), {}, {}, margins, certificates=(found,))
    limits, _ = limits_of(boundary, found)
    assert [n.certified for n in limits] == [False]
    assert 0 < limits[0].value <= 1.0


def test_guards_the_certified_origin_before_a_larger_one() -> None:
    small = certificate("measured", "certified", 20)
    large = certificate("phantom", "not certified", 90)
    assert guarded_certificate(Boundary((DOSE,), {}, {}, certificates=(large, small))) == small
    assert guarded_certificate(Boundary((DOSE,), {}, {})) is None


@given(position=st.floats(0, 0.95))
@settings(max_examples=40, deadline=None)
def test_calibrates_on_both_sides_of_the_limit_and_tries_other_levels(position: float) -> None:
    from limen.boundary.guard_calibration import Limit

    for axis in (DOSE, VIEWS, MOTION):
        limit = Limit(axis, axis.value(position), True)
        fitted, tried = calibration_levels(limit)
        assert not set(fitted) & set(tried) and axis.nominal not in [*fitted, *tried]
        assert any(not axis.is_milder(v, limit.value) for v in fitted)
        assert any(not axis.is_milder(v, limit.value) for v in tried)
        assert axis.worst in fitted
