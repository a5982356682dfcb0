"""What all degradations of MR share, and the physical invariant of each."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import scipy.stats

from limen.physics.degradation import ConditionError, Drawn
from limen.physics.mr import (
    Acceleration,
    Acquisition,
    AcquisitionError,
    Averages,
    BiasField,
    Cartesian,
    CoilDropout,
    FieldStrength,
    Ghosting,
    Motion,
    OffResonance,
    PartialFourier,
    Rotation,
    SignalToNoise,
    Spikes,
    equispaced_mask,
    espirit,
    forward,
    partial_fourier_mask,
    phantom_image,
    point_spread,
    poisson_disc_mask,
    random_mask,
    reconstruct,
    ring_maps,
    sense,
    to_image,
    to_kspace,
)
from limen.physics.mr.acquisition import COIL_NOISE_UNKNOWN, RESIMULATED, noise, slice_generator
from limen.physics.mr.motion import rotated, translated

SHAPE, PIXEL_MM = (48, 40), (4.0, 4.0)
SD = 0.02


@pytest.fixture(scope="module")
def maps() -> Any:
    return ring_maps(6, SHAPE, PIXEL_MM).astype(np.complex64)


@pytest.fixture(scope="module")
def image() -> Any:
    """(i, j, slices) float32 magnitude."""
    page = phantom_image(SHAPE, PIXEL_MM).astype(np.float32)
    return np.stack([page, 0.7 * page[::-1]], axis=-1)


def _acquisition(maps: Any = None, **fields: Any) -> Acquisition:
    return Acquisition(SHAPE, PIXEL_MM, maps=maps, noise_sd=SD, averages=4, field_tesla=3.0,
                       bandwidth_hz_per_pixel=200.0, **fields)  # fmt: skip


def _every(maps: Any) -> list[tuple[Any, float]]:
    """Each degradation with a value that is worse than nominal."""
    one, many = _acquisition(), _acquisition(maps)
    return [
        (SignalToNoise(one), 0.5),
        (Averages(one), 1),
        (FieldStrength(many), 0.5),
        (Acceleration(one), 2),
        (Acceleration(many, method="cg-sense"), 3),
        (Acceleration(many, centre_lines=16, method="grappa"), 2),
        (Acceleration(many, method="sense"), 2),
        (Acceleration(one, "random", 8, "l1-wavelet"), 2.5),
        (Acceleration(many, "poisson-disc", 8, "cg-sense"), 4.5),
        (Motion(one), 6.0),
        (Motion(many, shots=4, course="step", order="interleaved"), 6.0),
        (Rotation(one, shots=4, course="breathing"), 5.0),
        (Rotation(many, shots=4), 5.0),
        (Ghosting(one), 0.2),
        (Ghosting(many, 5, "phase"), 0.2),
        (Spikes(one), 3),
        (Spikes(many), 3),
        (OffResonance(one), 400.0),
        (OffResonance(many, "phase", "uniform"), 300.0),
        (CoilDropout(many), 2),
        (PartialFourier(one), 0.6),
        (PartialFourier(many, "zero-filled"), 0.6),
        (BiasField(one), 0.5),
    ]


@pytest.fixture(scope="module")
def every(maps: Any) -> list[tuple[Any, float]]:
    return _every(maps)


N = len(_every(ring_maps(6, SHAPE)))


@pytest.mark.parametrize("n", range(N))
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
def test_nominal_leaves_an_image_bit_by_bit(n: int, dtype: Any, every: Any, image: Any) -> None:
    degradation, _ = every[n]
    picture = (image * 900).astype(dtype)
    nominal = degradation.draw(degradation.axis.nominal, 3)
    applied = degradation.insert(picture, nominal)
    assert applied.data.dtype == (np.float32 if dtype == np.int16 else dtype)
    np.testing.assert_array_equal(applied.data, picture)
    bias = applied.record.measured["round_trip_rms_share"]
    assert bias < (0.05 if getattr(degradation, "method", "") == "l1-wavelet" else 1e-5)


@pytest.mark.parametrize("n", range(N))
def test_degraded_image(n: int, every: Any, image: Any) -> None:
    """Finite, of the same shape, changed, repeatable, and recorded so that it can be repeated."""
    degradation, value = every[n]
    kept = image.copy()
    drawn = degradation.draw(value, 7)
    applied = degradation.insert(image, drawn)
    np.testing.assert_array_equal(image, kept)
    assert applied.data.shape == image.shape
    assert applied.data.dtype == np.float32
    assert np.isfinite(applied.data).all()
    assert applied.data.min() >= 0
    change = np.linalg.norm(applied.data - image) / np.linalg.norm(image)
    assert 0.002 < change < 1.2
    again = Drawn.from_dict(json.loads(json.dumps(drawn.as_dict())))
    assert again == drawn
    np.testing.assert_array_equal(degradation.insert(image, again).data, applied.data)
    assert applied.record.origin == "resimulated"
    assert RESIMULATED in applied.record.warnings
    json.dumps(applied.record.as_dict())
    one = degradation.insert(image[..., 0], drawn)
    np.testing.assert_array_equal(one.data, applied.data[..., 0])


@pytest.mark.parametrize("n", range(N))
def test_raw_data(n: int, every: Any, image: Any) -> None:
    """Nominal changes no bit, worse changes some, and what is not k-space is refused."""
    degradation, value = every[n]
    acquisition = degradation.acquisition
    pages = np.moveaxis(image, -1, 0)
    raw = to_kspace(pages)[:, None] if acquisition.maps is None else forward(
        pages, acquisition.sampling, acquisition.maps
    )  # fmt: skip
    nominal = degradation.apply(raw, degradation.draw(degradation.axis.nominal, 3))
    np.testing.assert_array_equal(nominal.data, raw)
    assert nominal.record.origin == "measured"
    worse = degradation.apply(raw, degradation.draw(value, 3))
    assert worse.data.shape == raw.shape
    assert np.isfinite(worse.data).all()
    assert np.linalg.norm(worse.data - raw) / np.linalg.norm(raw) > 0.002
    with pytest.raises(AcquisitionError):
        degradation.apply(raw[..., :-1], degradation.draw(value, 3))
    with pytest.raises(AcquisitionError):
        degradation.apply(np.full_like(raw, np.nan), degradation.draw(value, 3))
    with pytest.raises(AcquisitionError):
        degradation.insert(image[:-1], degradation.draw(value, 3))


@pytest.mark.parametrize("n", range(N))
def test_axis(n: int, every: Any) -> None:
    degradation, value = every[n]
    axis = degradation.axis
    assert axis.name.startswith("mr.")
    assert axis.severity(value) > 0
    assert axis.is_nominal(axis.nominal)
    outside = axis.lowest - 1 if axis.worse == "lower" else axis.highest * 2 + 1
    for bad in (outside, np.nan):
        with pytest.raises(ConditionError):
            degradation.draw(bad, 1)
    other = Drawn("ct.dose", 1.0, "", 0)
    with pytest.raises(ConditionError):
        degradation.insert(np.zeros(SHAPE), other)


def test_phase_encoding_along_the_second_axis(image: Any) -> None:
    """The same image turned, with the phase axis turned, gives the same result turned."""
    upright = Acquisition.of_image(SHAPE, PIXEL_MM, phase_axis=0)
    turned = Acquisition.of_image(SHAPE[::-1], PIXEL_MM, phase_axis=1)
    drawn = Ghosting(upright).draw(0.2, 1)
    np.testing.assert_array_equal(
        Ghosting(turned).insert(image.transpose(1, 0, 2), drawn).data,
        Ghosting(upright).insert(image, drawn).data.transpose(1, 0, 2),
    )


# --- signal-to-noise


@pytest.mark.parametrize("averages", [1, 2, 3])
def test_signal_to_noise_goes_with_the_root_of_averages(averages: int) -> None:
    """From data of 4 averages that hold their noise already."""
    shape = (128, 128)
    acquisition = Acquisition(shape, noise_sd=SD, averages=4)
    raw = to_kspace(np.ones(shape, np.complex64)) + noise(
        shape, SD, slice_generator(1, 0), np.complex64
    )
    degradation = Averages(acquisition)
    data = degradation.apply(raw, degradation.draw(averages, 2)).data
    parts = to_image(data) - 1
    for part in (parts.real, parts.imag):
        assert part.std() == pytest.approx(SD * np.sqrt(4 / averages), rel=0.02)
    field = FieldStrength(Acquisition(shape, noise_sd=SD, field_tesla=3.0))
    weak = to_image(field.apply(raw, field.draw(1.5, 3)).data)
    assert weak.real.std() == pytest.approx(2 * SD, rel=0.02)


@pytest.mark.parametrize("signal", [0.0, 0.03, 0.1, 1.0])
def test_noise_of_a_magnitude_image_is_rician(signal: float) -> None:
    """The noise already there and what is added are together Rician of the lower SNR."""
    shape = (192, 192)
    there = signal + noise(shape, SD, slice_generator(5, 0), np.complex128)
    magnitude = np.abs(there * np.exp(1.3j))  # its phase is lost
    degradation = SignalToNoise(Acquisition(shape, noise_sd=SD))
    data = degradation.insert(magnitude, degradation.draw(0.4, 6)).data
    sd = SD / 0.4
    rice = scipy.stats.rice(signal / sd, scale=sd)
    assert scipy.stats.kstest(data.ravel()[::5], rice.cdf).pvalue > 1e-3
    assert data.mean() == pytest.approx(rice.mean(), rel=0.01)
    assert data.std() == pytest.approx(rice.std(), rel=0.02)


def test_noise_must_be_known(image: Any) -> None:
    unknown = SignalToNoise(Acquisition(SHAPE, PIXEL_MM))
    with pytest.raises(AcquisitionError, match="not known"):
        unknown.insert(image, unknown.draw(0.5, 1))
    np.testing.assert_array_equal(unknown.insert(image, unknown.draw(1.0, 1)).data, image)


# --- acceleration


@pytest.mark.parametrize(
    "mask",
    [
        equispaced_mask(SHAPE, 4),
        equispaced_mask(SHAPE, 3, 8, 1),
        random_mask(SHAPE, 3, 6, 2),
        random_mask(SHAPE, 3, 6, 2, 0.2),
        poisson_disc_mask(SHAPE, 4, 6, 3),
        partial_fourier_mask(SHAPE, 0.7),
    ],
)
def test_point_spread_is_the_transform_of_the_mask(mask: Any) -> None:
    """The zero-filled image of a point anywhere is the inverse transform of the mask, there."""
    at = (30, 11)
    point = np.zeros(SHAPE)
    point[at] = 1
    sampling = Cartesian(SHAPE, PIXEL_MM, mask)
    image = reconstruct(forward(point, sampling), sampling)
    plain = np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(mask)))
    moved = np.roll(plain, (at[0] - SHAPE[0] // 2, at[1] - SHAPE[1] // 2), (0, 1))
    np.testing.assert_allclose(image, moved, atol=1e-12)
    np.testing.assert_allclose(point_spread(mask), plain, atol=1e-12)


@pytest.mark.parametrize("acceleration", [2, 4, 6])
def test_aliases_of_equispaced_lines(acceleration: int) -> None:
    """R copies of equal height, the field of view / R apart."""
    mask = equispaced_mask(SHAPE, acceleration)
    spread = np.abs(point_spread(mask))
    peaks = np.argwhere(spread > 1e-9)
    assert len(peaks) == acceleration
    np.testing.assert_array_equal(np.diff(peaks[:, 0]), SHAPE[0] // acceleration)
    np.testing.assert_allclose(spread[tuple(peaks.T)], 1 / acceleration)


@pytest.mark.parametrize("acceleration", [2.0, 3.3, 5.0])
def test_masks_have_as_many_points_as_they_say(acceleration: float) -> None:
    shape = (96, 80)
    lines = random_mask(shape, acceleration, 8, 1)
    assert lines[:, 0].sum() == round(96 / acceleration)
    assert (lines == lines[:, :1]).all()
    assert lines[44:52].all()
    points = poisson_disc_mask(shape, acceleration, 8, 1)
    assert points.sum() == pytest.approx(96 * 80 / acceleration, rel=0.02)
    assert points[44:52, 36:44].all()
    assert (random_mask(shape, acceleration, 8, 2) != lines).any()


def test_poisson_discs_keep_their_distance() -> None:
    from scipy.spatial import cKDTree

    points = np.argwhere(poisson_disc_mask((100, 100), 9, 0, 4))
    nearest = cKDTree(points).query(points, k=2)[0][:, 1]
    drawn = np.argwhere(np.random.default_rng(0).random((100, 100)) < 1 / 9)
    random = cKDTree(drawn).query(drawn, k=2)[0][:, 1]
    assert nearest.min() >= 2
    assert random.min() == 1
    assert nearest.mean() > 1.4 * random.mean()


def test_accelerated_image_has_the_noise_of_accelerated_coils(maps: Any) -> None:
    """Inserted into an image, noise grows by g sqrt(R) as in SENSE of noisy coil data."""
    acquisition = _acquisition(maps)
    degradation = Acceleration(acquisition, centre_lines=0, method="sense")
    rng = np.random.default_rng(4)
    n = 300
    pages = 1 + SD * (rng.standard_normal((*SHAPE, n)) + 1j * rng.standard_normal((*SHAPE, n)))
    drawn = degradation.draw(3, 5)
    data = degradation.insert(pages.astype(np.complex64), drawn).data
    _, g = sense(np.zeros((6, *SHAPE), np.complex64), degradation.sampled(drawn), maps)
    expected = SD * np.sqrt(3) * g
    measured = data.real.std(axis=-1)
    assert np.median(measured / expected) == pytest.approx(1, abs=0.01)
    np.testing.assert_allclose(measured, expected, rtol=0.25)


def test_unknown_noise_of_coils_is_said(maps: Any, image: Any) -> None:
    silent = Acceleration(Acquisition(SHAPE, PIXEL_MM, maps=maps), method="cg-sense")
    assert COIL_NOISE_UNKNOWN in silent.insert(image, silent.draw(2, 1)).record.warnings


def test_a_simulated_acceleration_is_the_measured_one(maps: Any, image: Any) -> None:
    """On coil data of an image of phase 0: inserting and acting on raw data give one image."""
    acquisition = Acquisition(SHAPE, PIXEL_MM, maps=maps)
    page = image[..., 0]
    raw = forward(page, acquisition.sampling, maps)
    for degradation, value in (
        (Acceleration(acquisition, "random", 8, "cg-sense"), 2.0),
        (Ghosting(acquisition, 4), 0.2),
        (Motion(acquisition), 5.0),
        (OffResonance(acquisition.with_fields(bandwidth_hz_per_pixel=200.0)), 300.0),
        (CoilDropout(acquisition), 2),
    ):
        drawn = degradation.draw(value, 3)
        data = degradation.apply(raw, drawn).data
        sampling = degradation.sampled(drawn) if hasattr(degradation, "sampled") else None
        method = getattr(degradation, "method", "zero-filled")
        image_of_raw = np.abs(acquisition.image_of(data, sampling, method))
        np.testing.assert_allclose(degradation.insert(page, drawn).data, image_of_raw, atol=2e-4)


# --- motion


def test_a_moved_object_is_the_object_moved() -> None:
    rng = np.random.default_rng(0)
    page = rng.standard_normal(SHAPE) + 1j * rng.standard_normal(SHAPE)
    moved = translated(page, (8.0, -12.0), PIXEL_MM)
    np.testing.assert_allclose(moved, np.roll(page, (2, -3), (0, 1)), atol=1e-12)


def test_a_turned_object_is_the_object_turned() -> None:
    """A quarter turn of an odd square is exact; small turns leave a disc what it is."""
    rng = np.random.default_rng(1)
    page = rng.standard_normal((31, 31)) + 0j
    # y towards x: what was at +y comes to +x
    np.testing.assert_allclose(rotated(page, np.pi / 2, (1, 1)), np.rot90(page), atol=1e-6)
    y, x = np.meshgrid(np.arange(64) - 32, np.arange(64) - 32, indexing="ij")
    blob = np.exp(-(y**2 + x**2) / 50).astype(complex)
    np.testing.assert_allclose(rotated(blob, 0.3, (1, 1)), blob, atol=1e-6)
    off = np.exp(-((y - 12) ** 2 + x**2) / 20).astype(complex)
    there = np.exp(-((y - 12 * np.cos(0.5)) ** 2 + (x - 12 * np.sin(0.5)) ** 2) / 20)
    np.testing.assert_allclose(rotated(off, 0.5, (1, 1)), there, atol=1e-6)


def test_a_shift_between_shots_is_two_half_scans(image: Any) -> None:
    """k-space of each half of the scan is that of the patient where it was then."""
    acquisition = Acquisition(SHAPE, PIXEL_MM)
    degradation = Motion(acquisition, shots=2, course="step")
    page = image[..., 0].astype(complex)
    drawn = degradation.draw(8.0, 11)
    places = degradation.places_mm(drawn)
    assert np.linalg.norm(places, axis=1).max() == pytest.approx(8.0)
    centre = degradation.shot_of_line[SHAPE[0] // 2]
    np.testing.assert_array_equal(places[centre], 0)
    data = degradation.apply(to_kspace(page), drawn).data
    for shot in range(2):
        lines = degradation.shot_of_line == shot
        there = to_kspace(translated(page, tuple(places[shot]), PIXEL_MM))
        np.testing.assert_allclose(data[lines], there[lines], atol=1e-10)


# --- ghosts, spikes


@pytest.mark.parametrize("period", [2, 3, 4, 8])
def test_ghosts_are_fov_over_n_apart(period: int, image: Any) -> None:
    """An amplitude a in every N-th line: a copy of height a, FOV / N to either side."""
    acquisition = Acquisition(SHAPE, PIXEL_MM)
    degradation = Ghosting(acquisition, period)
    step = SHAPE[0] // period
    assert degradation.spacing_mm == pytest.approx(step * PIXEL_MM[0])
    page = image[..., 0].astype(complex)
    drawn = degradation.draw(0.2, 3)
    ghosts = to_image(degradation.apply(to_kspace(page), drawn).data) - page
    phase = np.exp(1j * float(drawn.parameters["phase_rad"]))  # type: ignore[arg-type]
    if period == 2:
        expected = 0.2 * np.roll(page, step, axis=0)
    else:
        expected = 0.2 * (
            phase * np.roll(page, -step, axis=0) + phase.conj() * np.roll(page, step, axis=0)
        )
    np.testing.assert_allclose(ghosts, expected, atol=1e-12)


def test_a_phase_ghost_of_echo_planar_imaging() -> None:
    """Lines that turn to and fro by a: ghost sin(a), object cos(a)."""
    page = np.zeros(SHAPE, complex)
    page[24, 20] = 1
    degradation = Ghosting(Acquisition(SHAPE, PIXEL_MM), 2, "phase")
    found = np.abs(to_image(degradation.apply(to_kspace(page), degradation.draw(0.3, 1)).data))
    assert found[24, 20] == pytest.approx(np.cos(0.3))
    assert found[0, 20] == pytest.approx(np.sin(0.3))


def test_a_spike_makes_stripes() -> None:
    """One spike of height A: a plane wave of A / sqrt(pixels) with the wavelength 1 / |k|."""
    rng = np.random.default_rng(2)
    raw = to_kspace(rng.standard_normal(SHAPE) + 0j)
    degradation = Spikes(Acquisition(SHAPE, PIXEL_MM), magnitude=0.7)
    drawn = degradation.draw(1, 5)
    stripes = to_image(degradation.apply(raw, drawn).data) - to_image(raw)
    height = 0.7 * np.abs(raw).max() / np.sqrt(SHAPE[0] * SHAPE[1])
    np.testing.assert_allclose(np.abs(stripes), height, rtol=1e-9)
    ((line, sample),) = degradation.places(drawn, 0)
    turn = stripes[1, 0] / stripes[0, 0]
    assert np.angle(turn * np.exp(-2j * np.pi * (line - 24) / 48)) == pytest.approx(0, abs=1e-9)
    turn = stripes[0, 1] / stripes[0, 0]
    assert np.angle(turn * np.exp(-2j * np.pi * (sample - 20) / 40)) == pytest.approx(0, abs=1e-9)


# --- the field


@pytest.mark.parametrize("slow", ["readout", "phase"])
def test_off_resonance_displaces_by_hz_over_bandwidth(slow: Any, image: Any) -> None:
    """400 Hz at 200 Hz per pixel: two pixels along the slow axis."""
    degradation = OffResonance(_acquisition(), slow, "uniform")
    drawn = degradation.draw(400.0, 4)
    page = image[..., 0].astype(complex)
    found = to_image(degradation.apply(to_kspace(page), drawn).data)
    by = 2 * int(drawn.parameters["sign"])  # type: ignore[arg-type]
    np.testing.assert_allclose(
        np.abs(found), np.roll(np.abs(page), by, 1 if slow == "readout" else 0), atol=1e-9
    )


def test_local_off_resonance_keeps_the_signal_of_a_line() -> None:
    """Signal is displaced, not lost: the centre of k-space along the slow axis is unchanged."""
    rng = np.random.default_rng(3)
    raw = to_kspace(rng.uniform(0, 1, SHAPE) + 0j)
    degradation = OffResonance(_acquisition())
    drawn = degradation.draw(500.0, 6)
    assert np.abs(degradation.field_hz(drawn)).max() == pytest.approx(500, rel=0.02)
    data = degradation.apply(raw, drawn).data
    np.testing.assert_allclose(data[:, 20], raw[:, 20], atol=1e-10)


def test_lost_coils_leave_their_share_of_the_signal(maps: Any, image: Any) -> None:
    degradation = CoilDropout(Acquisition(SHAPE, PIXEL_MM, maps=maps))
    drawn = degradation.draw(2, 8)
    lost = list(drawn.parameters["lost"])  # type: ignore[arg-type]
    share = 1 - (np.abs(maps[lost]) ** 2).sum(axis=0)
    data = degradation.insert(image, drawn).data
    np.testing.assert_allclose(data, image * share[..., None], atol=1e-4)
    assert set(lost) <= set(degradation.draw(4, 8).parameters["lost"])  # type: ignore[arg-type]
    with pytest.raises(AcquisitionError, match="several coils"):
        CoilDropout(Acquisition(SHAPE, PIXEL_MM))


def test_bias_field_dims_signal_and_not_noise() -> None:
    shape = (160, 160)
    acquisition = Acquisition(shape, noise_sd=SD)
    degradation = BiasField(acquisition)
    drawn = degradation.draw(0.7, 2)
    b = degradation.field(drawn)
    assert (b.max(), b.min()) == (pytest.approx(1), pytest.approx(0.3))
    page = 1 + noise(shape, SD, slice_generator(9, 0), np.complex128)
    found = degradation.insert(page, drawn).data
    assert np.median(np.abs(found - b)) < 3 * SD
    dim = b < 0.5
    assert (found - b)[dim].real.std() == pytest.approx(SD, rel=0.05)
    assert (found - b)[~dim].real.std() == pytest.approx(SD, rel=0.05)


def test_partial_fourier_loses_what_the_phase_hides() -> None:
    """Without phase half of k-space is enough; with the phase of a scan it is not."""
    shape, pixel_mm = (128, 112), (1.5, 1.5)
    image = phantom_image(shape, pixel_mm)
    acquisition = Acquisition(shape, pixel_mm)
    errors = {}
    for method, phase_rad in (("homodyne", 0.0), ("homodyne", 1.5), ("zero-filled", 1.5)):
        degradation = PartialFourier(acquisition, method, phase_rad)  # type: ignore[arg-type]
        data = degradation.insert(image, degradation.draw(0.6, 1)).data
        errors[method, phase_rad] = np.linalg.norm(data - image) / np.linalg.norm(image)
    assert errors["homodyne", 0.0] < 0.01
    assert 3 * errors["homodyne", 0.0] < errors["homodyne", 1.5] < errors["zero-filled", 1.5]


def test_an_acquisition_that_cannot_be(maps: Any) -> None:
    for fields in (
        {"maps": 2 * maps}, {"noise_sd": -1.0}, {"averages": 0}, {"averages": 1.5},
        {"phase_axis": 2}, {"field_tesla": np.inf}, {"maps": maps[:, :-1]},
    ):  # fmt: skip
        with pytest.raises(AcquisitionError):
            Acquisition(SHAPE, PIXEL_MM, **fields)
    assert Acquisition(SHAPE, maps=espirit(to_kspace(maps), kernel_width=4)[0]).n_coils == 6
    for wrong in (
        lambda: Acceleration(Acquisition(SHAPE), method="cg-sense"),
        lambda: Acceleration(Acquisition(SHAPE), "spiral"),  # type: ignore[arg-type]
        lambda: Motion(Acquisition(SHAPE), shots=1),
        lambda: Ghosting(Acquisition(SHAPE), period_lines=1),
        lambda: Spikes(Acquisition(SHAPE), magnitude=0),
        lambda: OffResonance(Acquisition(SHAPE)).axis,
        lambda: FieldStrength(Acquisition(SHAPE)).axis,
    ):
        with pytest.raises(AcquisitionError):
            wrong()


def test_negative_values_are_taken_as_real(image: Any) -> None:
    signed = image - 0.3
    degradation = SignalToNoise(_acquisition())
    drawn = degradation.draw(0.5, 1)
    applied = degradation.insert(signed, drawn)
    assert any("negative" in w for w in applied.record.warnings)
    extra = applied.data - signed
    assert extra.std() == pytest.approx(SD * np.sqrt(3), rel=0.05)
    assert (applied.data < 0).any()
