"""Each degradation of CT against the physical law that it must keep."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ct_phantoms import chords, disc, grid, normal_form
from hypothesis import given, settings
from hypothesis import strategies as st

from limen.physics.ct import (
    FanGeometry,
    GeometryError,
    ParallelGeometry,
    add_dose_noise,
    adjoint,
    fbp,
    forward,
)
from limen.physics.ct.acquisition import STARVED, TRUNCATED, Acquisition, bowtie_shares
from limen.physics.ct.blur import Softening
from limen.physics.ct.dose import Dose
from limen.physics.ct.hardening import BeamHardening
from limen.physics.ct.metal import Metal
from limen.physics.ct.motion import Motion
from limen.physics.ct.rings import Rings
from limen.physics.ct.sparse import Arc, Views
from limen.physics.ct.thickness import SliceThickness
from limen.physics.degradation import ConditionError, Drawn

MU = 0.0193
GEOMETRY = ParallelGeometry(180, 97, 2.0, (80, 80), 2.0)
ACQUISITION = Acquisition(GEOMETRY, photons_per_ray=2e5, electronic_noise_photons=10.0)
X, Y = grid(GEOMETRY)
WATER = (1000 * (disc(GEOMETRY, 60.0) - 1)).astype(np.float32)
BODY = (WATER + 300 * disc(GEOMETRY, 10.0, (20.0, 10.0))).astype(np.float32)
RAW = (MU * chords(GEOMETRY, 60.0)).astype(np.float32)

EVERY: dict[str, tuple[Any, float]] = {
    "dose": (Dose(ACQUISITION), 0.2),
    "views": (Views(ACQUISITION), 45),
    "arc": (Arc(ACQUISITION), 150.0),
    "shift": (Motion(ACQUISITION, "shift"), 3.0),
    "drift": (Motion(ACQUISITION, "drift"), 3.0),
    "breathing": (Motion(ACQUISITION, "breathing"), 3.0),
    "rings": (Rings(ACQUISITION), 0.01),
    "beam hardening": (BeamHardening(ACQUISITION), 0.5),
    "metal": (Metal(ACQUISITION), 6.0),
    "slice thickness": (SliceThickness(2.5, 2.5), 5.0),
    "kernel": (Softening(2.0, 2.0), 3.0),
}


def stack(array: np.ndarray) -> np.ndarray:
    """Three slices that differ."""
    return np.stack([array, 0.9 * array, array[::-1]], axis=2)


# --- what holds for all -------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY)
def test_nominal_changes_no_bit(name: str) -> None:
    degradation, _ = EVERY[name]
    nominal = degradation.draw(degradation.axis.nominal, 3)
    for data, work in ((stack(BODY), degradation.insert), (stack(RAW), degradation.apply)):
        before = data.copy()
        applied = work(data, nominal)
        np.testing.assert_array_equal(applied.data, data)
        assert applied.data is not data
        np.testing.assert_array_equal(data, before)


@pytest.mark.parametrize("name", EVERY)
def test_the_same_record_gives_the_same_data(name: str) -> None:
    degradation, value = EVERY[name]
    drawn = degradation.draw(value, 11)
    again = Drawn.from_dict(json.loads(json.dumps(degradation.draw(value, 11).as_dict())))
    assert again == drawn
    for data, work in ((stack(BODY), degradation.insert), (stack(RAW), degradation.apply)):
        before = data.copy()
        one, two = work(data, drawn), work(data, again)
        np.testing.assert_array_equal(one.data, two.data)
        np.testing.assert_array_equal(data, before)
        assert one.data.dtype == np.float32
        assert np.isfinite(one.data).all()
        assert one.record == two.record
        json.dumps(one.record.as_dict())
    assert one.record.origin == "measured"
    assert degradation.insert(stack(BODY), drawn).record.origin == "resimulated"


@pytest.mark.parametrize("name", ["dose", "shift", "breathing", "rings", "metal", "arc"])
def test_another_seed_is_another_draw(name: str) -> None:
    degradation, value = EVERY[name]
    one, two = (degradation.insert(BODY, degradation.draw(value, seed)).data for seed in (1, 2))
    assert (one != two).any()


@pytest.mark.parametrize("name", [n for n in EVERY if n != "slice thickness"])
def test_slices_are_degraded_apart(name: str) -> None:
    degradation, value = EVERY[name]
    drawn = degradation.draw(value, 5)
    many = np.repeat(BODY[:, :, None], 10, axis=2)
    whole = degradation.insert(many, drawn).data
    first = degradation.insert(many[:, :, :3], drawn).data
    np.testing.assert_allclose(whole[:, :, :3], first, atol=0.02)
    alone = degradation.insert(many[:, :, 0], drawn).data
    np.testing.assert_allclose(whole[:, :, 0], alone, atol=0.02)


@pytest.mark.parametrize("name", EVERY)
def test_values_off_the_axis(name: str) -> None:
    degradation, _ = EVERY[name]
    for value in (degradation.axis.lowest - 1, degradation.axis.highest + 1, float("nan")):
        with pytest.raises(ConditionError, match="No such condition"):
            degradation.draw(value, 0)
    with pytest.raises(ConditionError, match="another axis"):
        degradation.insert(stack(BODY), Drawn("mr.snr", 1.0, "", 0))


@pytest.mark.parametrize("name", [n for n in EVERY if n not in ("slice thickness", "kernel")])
def test_data_of_another_shape(name: str) -> None:
    degradation, value = EVERY[name]
    drawn = degradation.draw(value, 0)
    with pytest.raises(GeometryError, match="does not belong"):
        degradation.apply(RAW[:-1], drawn)
    with pytest.raises(GeometryError, match="does not belong"):
        degradation.insert(BODY[:-1], drawn)
    with pytest.raises(GeometryError, match="NaN or infinite"):
        degradation.apply(np.full_like(RAW, np.nan), drawn)


# --- dose ---------------------------------------------------------------------------------------


def noisy(photons: float, own: float, n: int) -> np.ndarray:
    return add_dose_noise(np.repeat(RAW[:, :, None], n, axis=2), photons, own, 1)


@pytest.mark.parametrize("own", [0.0, 60.0])
@pytest.mark.parametrize("fraction", [0.5, 0.1])
def test_lowered_dose_has_the_noise_of_a_scan_with_fewer_photons(
    fraction: float, own: float
) -> None:
    dose = Dose(replace(ACQUISITION, electronic_noise_photons=own))
    full = noisy(2e5, own, 12)
    lowered = dose.apply(full, dose.draw(fraction, 2)).data
    fewer = add_dose_noise(np.repeat(RAW[:, :, None], 12, axis=2), fraction * 2e5, own, 9)
    for part in (RAW > 2.0, (RAW > 0.5) & (RAW < 1.5), RAW == 0):
        expected, found = ((a - RAW[:, :, None])[part].var() for a in (fewer, lowered))
        assert found == pytest.approx(expected, rel=0.06)


def test_image_noise_variance_goes_as_one_over_dose() -> None:
    quiet = replace(ACQUISITION, electronic_noise_photons=0.0)
    dose = Dose(quiet)
    seen = np.hypot(X, Y) < 40
    image = np.repeat(WATER[:, :, None], 6, axis=2)
    variances = []
    for fraction in (0.5, 0.25, 0.1, 0.02):
        changed = dose.insert(image, dose.draw(fraction, 4)).data - image
        # the image itself holds no noise here: what was added is what is missing of 1 / dose
        variances.append(changed[seen].var() / (1 / fraction - 1))
    np.testing.assert_allclose(variances, np.mean(variances), rtol=0.08)


def test_noise_that_is_there_is_accounted_for() -> None:
    quiet = replace(ACQUISITION, electronic_noise_photons=0.0)
    dose = Dose(quiet)
    seen = np.hypot(X, Y) < 40
    scans = {
        n: quiet.hu_of(add_dose_noise(np.repeat(RAW[:, :, None], 8, axis=2), n, 0.0, int(n))) - 1000
        for n in (2e5, 5e4)
    }
    lowered = dose.insert(scans[2e5], dose.draw(0.25, 4)).data
    mean = scans[2e5].mean(axis=2, keepdims=True)
    found, expected = (
        (a - a.mean(axis=2, keepdims=True))[seen].var() for a in (lowered, scans[5e4])
    )
    assert found == pytest.approx(expected, rel=0.06)
    assert np.abs((lowered - mean)[seen].mean()) < 1


def test_bowtie_evens_out_a_cylinder() -> None:
    shares = np.array(bowtie_shares(GEOMETRY, 120.0, lowest=1e-3))
    counts = shares * np.exp(-RAW[0])
    inside = RAW[0] > 0
    np.testing.assert_allclose(counts[inside], counts[inside][counts[inside].size // 2], rtol=1e-5)
    fan = FanGeometry(90, 97, 4.0, 300.0, 600.0, (80, 80), 2.0)
    shares = np.array(bowtie_shares(fan, 120.0, lowest=1e-3))
    seen = (MU * chords(fan, 60.0))[0]
    assert np.ptp((shares * np.exp(-seen))[seen > 0]) < 1e-6


def test_a_bowtie_makes_the_rim_noisier() -> None:
    shaped = replace(ACQUISITION, bowtie=bowtie_shares(GEOMETRY, 120.0, 0.02))
    image = np.repeat(WATER[:, :, None], 8, axis=2)
    rim, middle = (np.hypot(X, Y) > 45) & (np.hypot(X, Y) < 58), np.hypot(X, Y) < 15
    ratio = []
    for acquisition in (ACQUISITION, shaped):
        dose = Dose(acquisition)
        change = dose.insert(image, dose.draw(0.1, 4)).data - image
        ratio.append(change[rim].std() / change[middle].std())
    assert ratio[1] > 1.15 * ratio[0]


def test_starved_rays_are_warned_of() -> None:
    dose = Dose(replace(ACQUISITION, photons_per_ray=500.0))
    applied = dose.apply(RAW, dose.draw(0.1, 0))
    assert STARVED in applied.record.warnings
    assert applied.record.measured["share_of_rays_starved"] > 0.1
    assert np.isfinite(applied.data).all()
    full = Dose(ACQUISITION)
    assert full.apply(RAW, full.draw(0.5, 0)).record.warnings == ()


def test_a_truncated_body_is_warned_of() -> None:
    narrow = ACQUISITION.with_geometry(n_detectors=41)
    for degradation in (Dose(narrow), Rings(narrow), Views(narrow), BeamHardening(narrow)):
        value = 90 if isinstance(degradation, Views) else 0.1
        applied = degradation.insert(BODY, degradation.draw(value, 0))
        assert TRUNCATED in applied.record.warnings


def test_dose_needs_photons() -> None:
    dose = Dose(replace(ACQUISITION, photons_per_ray=None))
    with pytest.raises(GeometryError, match="not known how many photons"):
        dose.insert(BODY, dose.draw(0.5, 0))


@pytest.mark.parametrize(
    "fields",
    [{"photons_per_ray": 0.0}, {"photons_per_ray": float("nan")}, {"bowtie": (1.0,)},
     {"electronic_noise_photons": -1.0}, {"bowtie": (0.0,) * 97}],
)  # fmt: skip
def test_acquisitions_that_cannot_be(fields: dict[str, Any]) -> None:
    with pytest.raises(GeometryError, match="found: "):
        replace(ACQUISITION, **fields)


# --- views --------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [90, 60, 45, 20])
def test_sparse_views_keep_the_mean(n: int) -> None:
    views = Views(ACQUISITION)
    drawn = views.draw(n, 0)
    inserted = views.insert(BODY, drawn).data
    field = np.hypot(X, Y) < 75
    assert inserted[field].mean() == pytest.approx(BODY[field].mean(), abs=1.5)
    kept = views.apply(RAW, drawn).data
    np.testing.assert_array_equal(kept, RAW[:: 180 // n])
    image = views.degraded_acquisition(drawn).hu_of(kept) - 1000
    assert image[field].mean() == pytest.approx(WATER[field].mean(), abs=3)


def test_streaks_grow_as_views_go() -> None:
    views = Views(ACQUISITION)
    spread = [
        (views.insert(BODY, views.draw(n, 0)).data - BODY).std() for n in (120, 90, 60, 30, 15)
    ]
    assert (np.diff(spread) > 0).all()


def test_views_that_were_not_measured() -> None:
    views = Views(ACQUISITION)
    with pytest.raises(ConditionError, match=r"100 of 180.*keep 45 or 60 or 90"):
        views.apply(RAW, views.draw(100, 0))
    assert views.insert(BODY, views.draw(100, 0)).data.shape == BODY.shape


def test_a_limited_arc_loses_the_edges_that_it_does_not_see() -> None:
    arc = Arc(ACQUISITION)
    drawn = Drawn("ct.arc", 120.0, "deg", 0, {"first_view": 0})
    spectrum = np.fft.fft2(arc.insert(BODY, drawn).data)
    before = np.fft.fft2(BODY)
    f = np.fft.fftfreq(80)
    angle = np.degrees(np.arctan2(f[None], f[:, None])) % 180
    radius = np.hypot(f[:, None], f[None])
    band = (radius > 0.06) & (radius < 0.15)
    missing, there = band & (angle > 130) & (angle < 170), band & (angle > 10) & (angle < 110)

    def power(where: np.ndarray) -> float:
        return float((np.abs(spectrum[where]) ** 2).sum() / (np.abs(before[where]) ** 2).sum())

    assert power(missing) < 0.1
    assert power(there) == pytest.approx(1, abs=0.15)
    with pytest.raises(GeometryError, match="rebin"):
        Arc(Acquisition(FanGeometry(90, 97, 4.0, 300.0, 600.0, (80, 80), 2.0)))


# --- motion -------------------------------------------------------------------------------------


def test_a_shift_in_mid_scan_is_the_average_of_two_scans() -> None:
    """A whole turn measures everything twice: half of it before, half after the shift."""
    whole = replace(GEOMETRY, n_views=360, arc_rad=2 * np.pi)
    motion = Motion(replace(ACQUISITION, geometry=whole), "shift")
    drawn = Drawn("ct.motion", 1.0, "mm", 0,
                  {"course": "shift", "direction_rad": 0.0, "moment": 0.5})  # fmt: skip
    moved = motion.apply(blob(whole, (5.0, -8.0)), drawn).data
    here, there = (blob(GEOMETRY, (x, -8.0)) for x in (5.0, 6.0))
    average = (fbp(here, GEOMETRY) + fbp(there, GEOMETRY)) / 2
    found = fbp(moved, whole)
    assert np.abs(found - average).max() < 2e-4 * MU
    assert np.abs(found - fbp(here, GEOMETRY)).max() > 0.02 * MU


def blob(geometry: ParallelGeometry, centre: tuple[float, float]) -> np.ndarray:
    """Line integrals of a round Gaussian of 8 mm, in closed form; nothing to alias."""
    theta, s = normal_form(geometry)
    away = s - (centre[0] * np.cos(theta) + centre[1] * np.sin(theta))
    return MU * 8 * np.sqrt(2 * np.pi) * np.exp(-(away**2) / 128)


@pytest.mark.parametrize("course", ["shift", "drift", "breathing"])
@settings(max_examples=20, deadline=None)
@given(st.floats(0.1, 20), st.integers(0, 2**31))
def test_the_course_starts_at_rest_and_reaches_its_value(
    course: Any, value: float, seed: int
) -> None:
    motion = Motion(ACQUISITION, course)
    away = np.hypot(*motion.course_mm(motion.draw(value, seed)).T)
    assert away[0] == pytest.approx(0, abs=1e-9)
    assert away.max() == pytest.approx(value, rel=1e-6)


def test_moved_views_are_those_of_the_moved_body() -> None:
    motion = Motion(ACQUISITION, "drift")
    drawn = motion.draw(8.0, 3)
    lines = MU * chords(GEOMETRY, 30.0, (5.0, -8.0))
    moved = motion.apply(lines, drawn).data
    for v, (dx, dy) in list(enumerate(motion.course_mm(drawn)))[::30]:
        expected = MU * chords(GEOMETRY, 30.0, (5.0 + dx, -8.0 + dy))[v]
        assert np.abs(moved[v] - expected).mean() < 0.01


def test_motion_is_of_parallel_beams() -> None:
    with pytest.raises(GeometryError, match="rebin"):
        Motion(Acquisition(FanGeometry(90, 97, 4.0, 300.0, 600.0, (80, 80), 2.0)))
    with pytest.raises(GeometryError, match="No such course"):
        Motion(ACQUISITION, "jump")  # type: ignore[arg-type]


# --- rings --------------------------------------------------------------------------------------


@pytest.mark.parametrize("element", [60, 75])
def test_a_ring_lies_at_the_radius_of_its_element(element: int) -> None:
    whole = ACQUISITION.with_geometry(n_views=360, arc_rad=2 * np.pi)
    gains = np.zeros((97, 1))
    gains[element] = 0.02
    lines = np.zeros((360, 97, 1), np.float32)
    lines -= np.log1p(gains)[None].astype(np.float32)
    image = whole.hu_of(lines)[:, :, 0]
    radius = np.hypot(X, Y)
    rings = [np.abs(image[np.abs(radius - r) < 1].mean()) for r in range(4, 70, 2)]
    expected = abs(element - 48) * 2.0
    assert 4 + 2 * int(np.argmax(rings)) == pytest.approx(expected, abs=2)


def test_gain_errors_are_what_is_added() -> None:
    rings = Rings(ACQUISITION)
    drawn = rings.draw(0.02, 8)
    gains = rings.gains(drawn, 0, 40)
    assert gains.std() == pytest.approx(0.02, rel=0.05)
    assert np.abs(gains).max() <= 0.08
    changed = rings.apply(np.repeat(RAW[:, :, None], 40, axis=2), drawn).data
    np.testing.assert_allclose(
        changed - RAW[:, :, None], np.broadcast_to(-np.log1p(gains), changed.shape), atol=1e-6
    )


# --- beam hardening -----------------------------------------------------------------------------


def test_uncorrected_water_cups_and_bone_darkens() -> None:
    hardening = BeamHardening(ACQUISITION)
    rim, middle = (np.hypot(X, Y) > 45) & (np.hypot(X, Y) < 54), np.hypot(X, Y) < 15
    cups = []
    for value in (0.25, 0.5, 1.0):
        image = hardening.insert(WATER, hardening.draw(value, 0)).data
        cups.append(image[rim].mean() - image[middle].mean())
    assert 10 < cups[2] < 120
    np.testing.assert_allclose(np.array(cups) / cups[2], [0.25, 0.5, 1.0], atol=0.02)
    two = WATER.copy()
    for x in (-30.0, 30.0):
        two += 900 * disc(GEOMETRY, 9.0, (x, 0.0))
    bones = hardening.insert(two, hardening.draw(1.0, 0)).data - two
    water = hardening.insert(WATER, hardening.draw(1.0, 0)).data - WATER
    between, beside = (
        (np.abs(X) < 8) & (np.abs(Y) < 4),
        (np.abs(X) < 4) & (np.abs(np.abs(Y) - 30) < 8),
    )
    extra = bones - water
    assert extra[between].mean() < extra[beside].mean() - 5


def test_raw_water_hardens_as_the_image_of_water_does() -> None:
    hardening = BeamHardening(ACQUISITION)
    drawn = hardening.draw(1.0, 0)
    by_raw = ACQUISITION.hu_of(hardening.apply(RAW, drawn).data - RAW)
    by_image = hardening.insert(WATER, drawn).data - WATER
    inside = np.hypot(X, Y) < 50
    assert np.abs(by_raw - by_image)[inside].max() < 8


# --- metal --------------------------------------------------------------------------------------


def test_a_rod_is_bright_where_it_is_and_darkens_along_its_longest_paths() -> None:
    quiet = replace(ACQUISITION, photons_per_ray=1e9, electronic_noise_photons=0.0)
    one = Metal(quiet, "titanium", centre_mm=(12.0, -8.0))
    image = one.insert(WATER, one.draw(8.0, 0)).data
    rod = np.hypot(X - 12, Y + 8) < 2
    assert image[rod].mean() > 2500
    bright = np.unravel_index(np.argmax(image), image.shape)
    assert np.hypot(X[bright] - 12, Y[bright] + 8) < 4
    # far from the rod the body keeps its value but for streaks
    far = (np.hypot(X - 12, Y + 8) > 25) & (np.hypot(X, Y) < 50)
    assert np.abs(image[far].mean()) < 15


def test_streaks_grow_with_the_rod_and_iron_is_worse() -> None:
    spread = {}
    for material in ("titanium", "iron"):
        metal = Metal(ACQUISITION, material, centre_mm=(0.0, 0.0))  # type: ignore[arg-type]
        far = (np.hypot(X, Y) > 20) & (np.hypot(X, Y) < 50)
        spread[material] = [
            (metal.insert(WATER, metal.draw(d, 0)).data - WATER)[far].std()
            for d in (2.0, 6.0, 12.0)
        ]
        assert (np.diff(spread[material]) > 0).all()
    assert spread["iron"][2] > spread["titanium"][2]


def test_a_thick_rod_starves_rays() -> None:
    metal = Metal(ACQUISITION, "iron", centre_mm=(0.0, 0.0))
    applied = metal.apply(RAW, metal.draw(30.0, 0))
    assert STARVED in applied.record.warnings
    assert applied.record.measured["share_of_metal_rays_starved"] > 0.3
    missed = metal.chords_mm(metal.draw(30.0, 0)) == 0
    np.testing.assert_array_equal(applied.data[missed], RAW[missed])


def test_metals_that_are_not_there() -> None:
    with pytest.raises(GeometryError, match="titanium or iron"):
        Metal(ACQUISITION, "gold")  # type: ignore[arg-type]


# --- slices and kernel --------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.floats(0.5, 4), st.floats(0.5, 4), st.floats(1.0, 8))
def test_profile_has_the_second_moment_of_its_thickness(
    spacing: float, thickness: float, times: float
) -> None:
    slices = SliceThickness(spacing, thickness)
    weights = slices.weights(times * thickness)
    k = np.arange(weights.size) - weights.size // 2
    moment = (weights * k**2).sum() * spacing**2 + thickness**2 / 12
    assert moment == pytest.approx((times * thickness) ** 2 / 12, rel=1e-9)
    assert weights.sum() == pytest.approx(1)
    assert (weights >= 0).all()


def test_odd_multiples_are_plain_means_and_quieter() -> None:
    noise = np.random.default_rng(0).normal(0, 10, (60, 60, 41)).astype(np.float32)
    slices = SliceThickness(2.5, 2.5)
    np.testing.assert_allclose(slices.weights(12.5), 0.2)
    thick = slices.insert(noise, slices.draw(12.5, 0)).data
    np.testing.assert_allclose(thick[:, :, 20], noise[:, :, 18:23].mean(axis=2), atol=1e-4)
    assert thick[:, :, 2:-2].std() == pytest.approx(10 / np.sqrt(5), rel=0.02)


def test_thickness_needs_slices() -> None:
    slices = SliceThickness(2.5, 2.5)
    with pytest.raises(ConditionError, match="stack"):
        slices.insert(BODY, slices.draw(5.0, 0))
    with pytest.raises(GeometryError, match="positive length"):
        SliceThickness(0.0, 1.0)
    with pytest.raises(GeometryError, match="positive length"):
        Softening(1.0, float("nan"))


@pytest.mark.parametrize("fwhm", [1.0, 3.0, 8.0])
def test_softening_multiplies_the_mtf_with_a_gaussian(fwhm: float) -> None:
    soft = Softening(2.0, 2.0)
    point = np.zeros((81, 81))
    point[40, 40] = 1.0
    spread = soft.insert(point, soft.draw(fwhm, 0)).data
    f = np.fft.fftfreq(81, 2.0)
    expected = np.exp(-2 * (np.pi * fwhm / 2.3548 * f) ** 2)
    np.testing.assert_allclose(np.abs(np.fft.fft(spread.sum(axis=1))), expected, atol=1e-3)
    assert spread.sum() == pytest.approx(1)


def test_softening_raw_data_softens_the_image_alike() -> None:
    soft = Softening(2.0, 2.0)
    drawn = soft.draw(6.0, 0)
    lines = forward(MU * (1 + BODY / 1000), GEOMETRY)
    by_raw = fbp(soft.apply(lines, drawn).data, GEOMETRY, "ramp")
    by_image = soft.insert(fbp(lines, GEOMETRY, "ramp"), drawn).data
    inside = np.hypot(X, Y) < 70
    assert np.abs(by_raw - by_image)[inside].max() < 0.02 * MU


def test_insertion_is_the_degradation_of_the_raw_data() -> None:
    """On an image that is itself a reconstruction, inserting and acquiring agree but for A R."""
    image = ACQUISITION.hu_of(RAW[:, :, None])[:, :, 0] - 1000
    rings = Rings(ACQUISITION)
    drawn = rings.draw(0.01, 3)
    acquired = ACQUISITION.hu_of(rings.apply(RAW, drawn).data) - 1000
    np.testing.assert_allclose(rings.insert(image, drawn).data, acquired, atol=0.05)


def test_adjoint_is_no_reconstruction() -> None:
    assert adjoint(RAW, GEOMETRY).max() > 1
