"""Each degradation against a law of physics, and what all of them promise."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oct_phantoms import tissue

from limen.physics.degradation import ConditionError, Drawn
from limen.physics.oct import (
    Acquisition,
    AcquisitionError,
    AxialMotion,
    Defocus,
    Detector,
    DispersionMismatch,
    ExcessNoise,
    FringeError,
    KClockError,
    Optics,
    Recipe,
    Sampling,
    Saturation,
    Source,
    SourcePower,
    SpectralResolution,
    add_noise,
    confocal_gate_db,
    dispersion_broadening,
    doppler_shift_um,
    electrons_of_floor,
    forward,
    fringes_of_reflectors,
    mean_counts,
    noise_floor_db,
    reconstruct,
    reconstruct_field,
    relative_noise,
    roll_off_db,
    sensitivity_db,
)
from limen.physics.oct.calibration import point_spread_width_px
from limen.physics.oct.interpolation import interpolate
from limen.physics.oct.motion import WRAPPED
from limen.physics.oct.reconstruction import SATURATED

EVERY = [SourcePower, ExcessNoise, DispersionMismatch, KClockError, Saturation, AxialMotion,
         Defocus, SpectralResolution]  # fmt: skip
MILD = {"oct.power": 0.1, "oct.rin": 0.05, "oct.dispersion": 2000.0, "oct.k_clock": 2.0,
        "oct.saturation": 0.6, "oct.motion": 50.0, "oct.defocus": 500.0,
        "oct.spectrometer": 200.0}  # fmt: skip


def mirrors(acquisition, depths_um, amplitude=0.05, n_scans=8):
    """(A-scans, samples) counts on the reference's light, without noise."""
    depths = np.atleast_1d(depths_um)
    fringe = fringes_of_reflectors(depths, np.full(depths.size, amplitude), acquisition)
    return np.tile(fringe + acquisition.reference_counts, (n_scans, 1))


def known(acquisition, **fields):
    """With its background stated, because mirrors are the same in all A-scans."""
    return acquisition.replaced(background_counts=acquisition.reference_counts, **fields)


def peak_db(fringes, acquisition):
    recipe = Recipe.of_acquisition(acquisition, "flat")
    return reconstruct(fringes, recipe, acquisition.reference_counts).data.max(-1).astype(float)


def width_px(fringe, acquisition):
    """Width at half amplitude without a window, of one A-scan that is even in k."""
    clean = fringe - acquisition.reference_counts
    spectrum = np.fft.fft(interpolate(clean, acquisition.sampling.positions))
    spectrum[512:] = 0
    return point_spread_width_px(np.fft.ifft(spectrum))


# what all promise


@pytest.mark.parametrize("kind", EVERY)
def test_nominal_changes_no_bit(kind, spectral):
    degradation = kind(spectral)
    drawn = degradation.draw(degradation.axis.nominal, 5)
    rng = np.random.default_rng(0)
    for raw in (rng.integers(0, 4096, (2, 9, 1024)).astype(np.uint16),
                rng.standard_normal((9, 1024)).astype(np.float32)):  # fmt: skip
        applied = degradation.apply(raw, drawn)
        assert applied.data is not raw
        assert applied.data.dtype == raw.dtype
        np.testing.assert_array_equal(applied.data, raw)
    image = rng.standard_normal((2, 9, 512)).astype(np.float32) * 10
    image[0, 0, 0] = -np.inf
    np.testing.assert_array_equal(degradation.insert(image, drawn).data, image)


@pytest.mark.parametrize("kind", EVERY)
def test_applied_again_from_json_is_the_same(kind, spectral):
    degradation = kind(spectral)
    raw = add_noise(mean_counts(tissue(spectral, 16), spectral), spectral.detector,
                    np.random.default_rng(1))  # fmt: skip
    kept = raw.copy()
    drawn = degradation.draw(MILD[degradation.axis.name], 7)
    first = degradation.apply(raw, drawn)
    again = degradation.apply(raw, Drawn.from_dict(json.loads(json.dumps(drawn.as_dict()))))
    np.testing.assert_array_equal(first.data, again.data)
    np.testing.assert_array_equal(raw, kept)
    assert not np.array_equal(first.data, raw)
    assert np.isfinite(first.data).all()
    record = json.loads(json.dumps(first.record.as_dict()))
    assert record["drawn"]["value"] == MILD[degradation.axis.name]
    assert record["origin"] == "measured"
    image = reconstruct(raw, Recipe.of_acquisition(spectral), spectral.reference_counts).data
    inserted = degradation.insert(image, drawn)
    assert inserted.record.origin == "resimulated"
    assert np.isfinite(inserted.data).all()
    np.testing.assert_array_equal(inserted.data, degradation.insert(image, drawn).data)


@pytest.mark.parametrize("kind", EVERY)
def test_b_scans_do_not_depend_on_what_is_beside_them(kind, spectral):
    degradation = kind(spectral, brightest_counts=4e4) if kind is Saturation else kind(spectral)
    mean = np.stack([mean_counts(tissue(spectral, 16, s), spectral) for s in range(3)])
    raw = add_noise(mean, spectral.detector, np.random.default_rng(1))
    drawn = degradation.draw(MILD[degradation.axis.name], 7)
    whole = degradation.apply(raw, drawn).data
    np.testing.assert_array_equal(whole[:2], degradation.apply(raw[:2], drawn).data)
    assert whole.shape == raw.shape


@pytest.mark.parametrize("kind", EVERY)
def test_values_off_the_axis_and_foreign_data(kind, spectral):
    degradation = kind(spectral)
    axis = degradation.axis
    assert axis.severity(MILD[axis.name]) > 0
    for bad in (np.nan, np.inf, -1.0, axis.highest * 2 + 1):
        with pytest.raises(ConditionError):
            degradation.draw(bad, 0)
    drawn = degradation.draw(MILD[axis.name], 0)
    with pytest.raises(FringeError, match="1024 samples"):
        degradation.apply(np.zeros((4, 100)), drawn)
    with pytest.raises(FringeError, match="512 depths"):
        degradation.insert(np.zeros((4, 100)), drawn)
    with pytest.raises(ConditionError, match="another axis"):
        degradation.apply(np.zeros((4, 1024)), Drawn("ct.dose", 0.5, "", 0))
    broken = np.random.default_rng(0).standard_normal((9, 1024))
    broken[3, 3] = np.nan
    with pytest.raises(FringeError, match="finite"):
        degradation.apply(broken, drawn)
    with pytest.raises(FringeError, match="finite"):
        degradation.insert(np.full((9, 512), np.nan), drawn)


@pytest.mark.parametrize("kind", [SourcePower, ExcessNoise])
def test_light_must_be_known_where_noise_depends_on_it(kind, spectral):
    dim = spectral.replaced(detector=Detector())
    degradation = kind(dim)
    with pytest.raises(AcquisitionError, match="how much light"):
        degradation.apply(np.ones((9, 1024)), degradation.draw(0.5, 0))


def test_alike_a_scans_have_no_mean_background(spectral):
    degradation = DispersionMismatch(spectral)
    with pytest.raises(FringeError, match="background_counts"):
        degradation.apply(mirrors(spectral, 200.0), degradation.draw(100, 0))


@pytest.mark.parametrize("kind", EVERY)
def test_insertion_agrees_with_the_degraded_raw_data(kind, spectral):
    # the image of degraded fringes against the degraded image of the fringes: mean power by depth
    acquisition = spectral.replaced(optics=Optics(waist_um=6, focus_um=200, scan_step_um=4))
    degradation = kind(acquisition)
    mean = mean_counts(20 * tissue(acquisition, 192), acquisition)
    raw = add_noise(mean, acquisition.detector, np.random.default_rng(1))
    recipe = Recipe.of_acquisition(acquisition)
    under = acquisition.reference_counts
    drawn = degradation.draw(MILD[degradation.axis.name], 3)
    if kind is Saturation:
        drawn = degradation.draw(0.8, 3)
    image = reconstruct(raw, recipe, under).data
    done = degradation.apply(raw, drawn).data
    through_raw = reconstruct(done, recipe).data
    inserted = degradation.insert(image, drawn)
    bands = [slice(70, 100), slice(110, 150), slice(350, 450)]
    for band in bands:
        expected, got, before = (
            float(10 * np.log10(np.mean(10 ** (x[:, band] / 10))))
            for x in (through_raw, inserted.data, image)
        )
        assert got == pytest.approx(expected, abs=1.0 + 0.15 * abs(expected - before)), band
    # over single pixels; dark ones between speckles count as much as bright ones
    assert inserted.record.measured["round_trip_rms_db"] < 1.5
    assert abs(inserted.record.measured["round_trip_mean_db"]) < 0.2


# the law of each


def thin_spread(acquisition, power, seed=0):
    raw = add_noise(np.tile(acquisition.reference_counts, (400, 1)), acquisition.detector,
                    np.random.default_rng(seed))  # fmt: skip
    degradation = SourcePower(acquisition)
    return degradation.apply(raw, degradation.draw(power, seed + 1)).data


@pytest.mark.parametrize("power", [0.5, 0.1, 0.01])
def test_less_power_has_the_noise_of_an_acquisition_with_less_power(power, spectral):
    bright = spectral.replaced(
        detector=Detector(2e5, 2e5, read_noise_electrons=40, excess_noise=3e-3,
                          electrons_per_count=2.5, dark_counts=100)
    )  # fmt: skip
    thinned = thin_spread(bright, power)
    light = power * 2e5 * bright.spectrum
    expected = (light + (3e-3 * light) ** 2 + 40**2) / 2.5**2
    np.testing.assert_allclose(
        thinned.mean(0), 100 + light / 2.5, atol=5 * np.sqrt(expected.max() / 400)
    )
    assert (thinned.var(0) / expected).mean() == pytest.approx(1, abs=0.01)
    assert np.abs(thinned.var(0) / expected - 1).max() < 0.4


def measured_sensitivity_db(acquisition, seed, amplitude):
    """Peak of a weak mirror over the noise floor, by Monte Carlo, scaled to a perfect mirror."""
    depth_um = acquisition.sampling.depth_um[80]
    raw = add_noise(mirrors(acquisition, depth_um, amplitude, 300), acquisition.detector,
                    np.random.default_rng(seed))  # fmt: skip
    field = reconstruct_field(raw, Recipe.of_acquisition(acquisition),
                              acquisition.reference_counts).data  # fmt: skip
    peak = int(np.abs(field.mean(0))[20:].argmax()) + 20
    signal = np.abs(field[:, peak].mean()) ** 2 / amplitude**2
    noise = np.mean(np.abs(field[:, 300:400]) ** 2)
    loss = roll_off_db(depth_um, acquisition.sampling.step_rad_per_um, 0)
    return float(10 * np.log10(signal / noise) - loss)


@pytest.mark.parametrize(
    "detector,slope,amplitude",
    [
        (Detector(1e6, 1e6), 10.0, 0.01),
        (Detector(2e4, 2e4, read_noise_electrons=3000), 20.0, 0.4),
        (Detector(1e9, 1e9, excess_noise=5e-3), 0.0, 0.01),
    ],
)
def test_sensitivity_per_decade_of_power(detector, slope, amplitude, linear):
    """10 dB under shot noise, 20 under read noise, 0 under excess noise."""
    acquisition = linear.replaced(detector=detector)
    degradation = SourcePower(acquisition)
    found = {}
    for power in (1.0, 0.1):
        dim = acquisition.replaced(
            detector=Detector(detector.reference_electrons * power,
                              detector.sample_electrons * power,
                              detector.read_noise_electrons, detector.excess_noise)
        )  # fmt: skip
        assert measured_sensitivity_db(dim, 3, amplitude) == pytest.approx(
            sensitivity_db(dim, Recipe.of_acquisition(dim)), abs=0.4
        )
        raw = add_noise(mirrors(acquisition, acquisition.sampling.depth_um[80], amplitude, 300),
                        detector, np.random.default_rng(5))  # fmt: skip
        done = degradation.apply(raw, degradation.draw(power, 6)).data
        field = reconstruct_field(done, Recipe.of_acquisition(acquisition),
                                  dim.reference_counts).data  # fmt: skip
        peak = int(np.abs(field.mean(0))[20:].argmax()) + 20
        found[power] = 10 * np.log10(
            np.abs(field[:, peak].mean()) ** 2 / np.mean(np.abs(field[:, 300:400]) ** 2)
        )
        assert sensitivity_db(dim, Recipe.of_acquisition(dim)) == pytest.approx(
            sensitivity_db(acquisition, Recipe.of_acquisition(acquisition))
            + slope * np.log10(power), abs=0.6,
        )  # fmt: skip
    assert found[1.0] - found[0.1] == pytest.approx(slope, abs=0.6)


def test_floor_of_an_image_under_less_power(spectral):
    detector = Detector(2e5, 2e5)
    acquisition = spectral.replaced(detector=detector)
    raw = add_noise(mean_counts(tissue(acquisition), acquisition), detector,
                    np.random.default_rng(0))  # fmt: skip
    image = reconstruct(raw, Recipe.of_acquisition(acquisition), acquisition.reference_counts).data
    floor = noise_floor_db(image)
    assert electrons_of_floor(acquisition, floor) == pytest.approx(2e5, rel=0.05)
    degradation = SourcePower(acquisition)
    done = degradation.insert(image, degradation.draw(0.1, 0)).data
    assert noise_floor_db(done) - floor == pytest.approx(-10, abs=0.5)
    # the surface, far over the noise, dims as the square
    assert np.median(done[:, 60]) - np.median(image[:, 60]) == pytest.approx(-20, abs=0.5)


def test_excess_noise_adds_its_variance(spectral):
    acquisition = spectral.replaced(detector=Detector(2e6, 2e6, excess_noise=1e-3))
    raw = add_noise(np.tile(acquisition.reference_counts, (400, 1)), acquisition.detector,
                    np.random.default_rng(0))  # fmt: skip
    degradation = ExcessNoise(acquisition)
    assert degradation.axis.nominal == 1e-3
    done = degradation.apply(raw, degradation.draw(5e-3, 1)).data
    light = 2e6 * acquisition.spectrum
    ratio = done.var(0) / (light + (5e-3 * light) ** 2)
    assert ratio.mean() == pytest.approx(1, abs=0.01)
    # -120 dB/Hz over 50 us passes 10 kHz: 1e-12 * 1e4
    assert relative_noise(-120, 50) == pytest.approx(1e-4)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("fs2", [300.0, 1000.0, 3000.0])
def test_dispersion_broadens_as_the_formula_says(fs2, sign, linear):
    acquisition = known(linear)
    degradation = DispersionMismatch(acquisition, sign)
    raw = mirrors(acquisition, 500.0)
    done = degradation.apply(raw, degradation.draw(fs2, 0))
    before, after = width_px(raw[0], acquisition), width_px(done.data[0], acquisition)
    expected = dispersion_broadening(fs2, acquisition.source.fwhm_rad_per_um)
    assert expected > 1.05
    assert after / before == pytest.approx(expected, rel=0.03)
    assert before * acquisition.sampling.depth_spacing_um == pytest.approx(
        acquisition.source.axial_resolution_um, rel=0.03
    )
    # and as glass in one arm does in the forward model
    other = mirrors(acquisition.replaced(dispersion_fs2=sign * fs2), 500.0)
    assert np.abs(done.data - other).max() < 0.01 * np.ptp(other - acquisition.reference_counts)
    # the peak's power falls by the same factor
    loss = peak_db(raw, linear)[0] - peak_db(done.data, linear)[0]
    assert loss == pytest.approx(10 * np.log10(expected), abs=0.5)


def test_dispersion_is_taken_out_again(linear):
    acquisition = known(linear)
    degradation = DispersionMismatch(acquisition)
    done = degradation.apply(mirrors(acquisition, 500.0), degradation.draw(3000, 0)).data
    knows = acquisition.replaced(dispersion_fs2=3000)
    recipe = Recipe.of_acquisition(knows, "flat")
    sharp = reconstruct(done, recipe, linear.reference_counts).data.max()
    assert sharp == pytest.approx(peak_db(mirrors(acquisition, 500.0), linear)[0], abs=0.05)


def test_k_clock_error_broadens_with_depth(linear):
    acquisition = known(linear)
    degradation = KClockError(acquisition, orders=(2,))
    drawn = degradation.draw(3.0, 1)
    assert abs(drawn.parameters["shares"][0]) == 1
    depths = np.array([50.0, 400.0, 800.0, 1200.0])
    broadening = []
    for z in depths:
        raw = mirrors(acquisition, z)
        done = degradation.apply(raw, drawn).data
        broadening.append(width_px(done[0], acquisition) / width_px(raw[0], acquisition))
    # a quadratic error is dispersion in proportion to depth: e = value sqrt(5) P2(x), so
    # d2(phase)/dk2 = 2 z dk/dm d2e/dm2 (dm/dk)^2
    k = acquisition.sampling
    span = 1023 * k.step_rad_per_um
    bend = 3 * 3.0 * np.sqrt(5) * 4 / span**2 * k.step_rad_per_um * 2 * depths
    fs2 = bend / 0.299792458**2
    expected = [dispersion_broadening(d, acquisition.source.fwhm_rad_per_um) for d in fs2]
    assert broadening[0] == pytest.approx(1, abs=0.05)
    assert expected[-1] > 1.5
    np.testing.assert_allclose(broadening, expected, rtol=0.06)
    assert np.all(np.diff(broadening) > 0)


@given(seed=st.integers(0, 2**32 - 1), value=st.floats(0.01, 50))
@settings(max_examples=20)
def test_k_clock_error_has_the_stated_size(seed, value):
    from limen.physics.oct.clock import clock_error

    acquisition = Acquisition(Sampling.even_in_wavenumber(4096, 800, 900), Source(850, 40))
    error = clock_error(KClockError(acquisition).draw(value, seed), 4096)
    assert np.sqrt(np.mean(error**2)) == pytest.approx(value, rel=0.01)
    line = np.polynomial.Polynomial.fit(np.linspace(-1, 1, 4096), error, 1).convert().coef
    assert np.abs(line).max() < 0.01 * value


def test_saturation_makes_harmonics(linear):
    acquisition = known(linear.replaced(
        sampling=Sampling.even_in_wavenumber(1024, 820, 880),
        source=Source(850, 800, shape=(1.0,) * 1024),
    ))  # fmt: skip
    acquisition = acquisition.replaced(background_counts=acquisition.reference_counts)
    spacing = acquisition.sampling.depth_spacing_um
    raw = mirrors(acquisition, 60 * spacing, 0.2)
    degradation = Saturation(acquisition)
    done = degradation.apply(raw, degradation.draw(0.85, 0))
    assert SATURATED in done.record.warnings
    # a cosine of amplitude b cut at c: its Fourier series
    top = raw.max()
    b, c = top - acquisition.reference_counts[0], 0.85 * top - acquisition.reference_counts[0]
    angle = np.arccos(c / b)
    assert done.record.measured["share_of_samples_saturated"] == pytest.approx(
        angle / np.pi, rel=0.05
    )
    theta = np.linspace(-np.pi, np.pi, 200_001)
    cut = np.minimum(b * np.cos(theta), c)
    image = reconstruct(done.data, Recipe.of_acquisition(acquisition, "hann"),
                        acquisition.reference_counts).data[0]  # fmt: skip
    for harmonic in (1, 2, 3):
        expected = 20 * np.log10(abs(np.mean(cut * np.cos(harmonic * theta)) * 2))
        near = image[60 * harmonic - 2 : 60 * harmonic + 3].max()
        loss = float(roll_off_db(60 * spacing, acquisition.sampling.step_rad_per_um, 0))
        assert near == pytest.approx(expected, abs=0.3), (harmonic, loss)
    clean = reconstruct(raw, Recipe.of_acquisition(acquisition, "hann"),
                        acquisition.reference_counts).data[0]  # fmt: skip
    assert clean[118:123].max() < image[118:123].max() - 20


@pytest.mark.parametrize("kind,first,last", [("swept", 1260, 1360), ("swept", 1360, 1260),
                                             ("spectrometer", 1260, 1360)])  # fmt: skip
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_axial_motion_shifts_by_the_doppler_formula(kind, first, last, seed, swept):
    acquisition = swept.replaced(sampling=Sampling.even_in_wavenumber(1024, first, last), kind=kind)
    acquisition = known(acquisition)
    degradation = AxialMotion(acquisition)
    drawn = degradation.draw(20.0, seed)
    signed = 20.0 * np.cos(drawn.parameters["phase_rad"])
    assert abs(signed) == pytest.approx(20)
    raw = mirrors(acquisition, 1500.0, 0.05, 64)
    done = degradation.apply(raw, drawn)
    recipe = Recipe.of_acquisition(acquisition)
    field = reconstruct_field(done.data, recipe, acquisition.reference_counts).data
    # between A-scans the phase turns by 2 k0 v T
    phase = np.angle(np.sum(field[1:] * np.conj(field[:-1])))
    expected = 2 * acquisition.source.centre_rad_per_um * signed * 1e-3 * 10.0
    turned = np.angle(np.exp(1j * expected))
    assert phase == pytest.approx(turned, abs=0.01)
    # a mean over the spectrum in which k0 is its centre
    moved = []
    fine = 16
    for a in (0, 63):
        clean = done.data[a] - acquisition.reference_counts
        even = interpolate(clean, acquisition.sampling.positions) * np.hanning(1024)
        moved.append(np.abs(np.fft.fft(even, fine * 1024))[: fine * 512].argmax() / fine)
    spacing = acquisition.sampling.depth_spacing_um
    shift = 0.0 if kind == "spectrometer" else doppler_shift_um(signed, acquisition)
    start = moved[0] * spacing - 1500
    assert start == pytest.approx(shift, abs=spacing / 12)
    if kind == "swept":
        k = acquisition.sampling.wavenumber_rad_per_um
        by_hand = signed * 1e-3 * k.mean() * 8 / (k[-1] - k[0])
        assert shift == pytest.approx(by_hand, rel=0.01)
        assert abs(shift) > spacing / 5
    assert (moved[1] - moved[0]) * spacing == pytest.approx(63 * signed * 1e-2, abs=spacing / 8)


def test_fast_motion_washes_a_spectrometers_fringe_out(spectral):
    acquisition = known(spectral)
    degradation = AxialMotion(acquisition)
    raw = mirrors(acquisition, 300.0)
    done = degradation.apply(raw, degradation.draw(15.0, 0))
    x = acquisition.source.centre_rad_per_um * 15e-3 * 10
    noiseless = known(spectral.replaced(detector=Detector(2e4, 2e4)))
    loss = peak_db(raw, spectral)[1] - peak_db(done.data, spectral)[1]
    assert loss == pytest.approx(-20 * np.log10(abs(np.sin(x) / x)), abs=0.4)
    assert WRAPPED not in done.record.warnings
    fast = AxialMotion(noiseless).apply(raw, degradation.draw(60.0, 0))
    assert WRAPPED in fast.record.warnings


def test_oscillation_comes_back(spectral):
    acquisition = known(spectral)
    degradation = AxialMotion(acquisition, frequency_hz=1e4)  # ten A-scans
    raw = mirrors(acquisition, 300.0, n_scans=31)
    done = degradation.apply(raw, degradation.draw(2.0, 3)).data
    moved = np.abs(done - raw).max(1)
    assert moved[0] < moved.max() / 2
    np.testing.assert_allclose(done[10], done[20], atol=0.05 * np.ptp(raw))


def test_coarser_spectrometer_rolls_off_as_the_formula_says(linear):
    acquisition = known(linear.replaced(detector=Detector(2e8, 2e8)))
    nominal = SpectralResolution(acquisition)
    assert nominal.axis.nominal == 0
    drawn = nominal.draw(150.0, 0)
    width = 2 * np.pi * 150e-6 / 0.847**2
    for z in (50.0, 300.0, 700.0, 1100.0):
        raw = mirrors(acquisition, z)
        done = nominal.apply(raw, drawn).data
        loss = peak_db(raw, acquisition)[0] - peak_db(done, acquisition)[0]
        assert loss == pytest.approx(float(-roll_off_db(z, 0, width)), abs=0.05 + 0.02 * loss)
    # on top of a resolution that is there already, widths add as squares
    wide = acquisition.replaced(resolution_rad_per_um=width)
    again = SpectralResolution(wide)
    assert again.axis.nominal == pytest.approx(150)
    raw = mirrors(wide, 700.0)
    done = again.apply(raw, again.draw(250.0, 0)).data
    total = float(-roll_off_db(700.0, 0, width * 250 / 150))
    first = float(-roll_off_db(700.0, 0, width))
    loss = peak_db(raw, acquisition)[0] - peak_db(done, acquisition)[0]
    assert loss == pytest.approx(total - first, abs=0.1)


def test_coarser_spectrometer_does_not_blur_the_noise(spectral):
    acquisition = spectral.replaced(detector=Detector(2e5, 2e5))
    raw = add_noise(np.tile(acquisition.reference_counts, (300, 1)), acquisition.detector,
                    np.random.default_rng(0))  # fmt: skip
    degradation = SpectralResolution(acquisition)
    done = degradation.apply(raw, degradation.draw(400.0, 1)).data
    recipe = Recipe.of_acquisition(acquisition)
    floors = [
        10 * np.log10(np.mean(10 ** (reconstruct(x, recipe).data / 10), axis=0))
        for x in (raw, done)
    ]
    for band in (slice(20, 100), slice(200, 300), slice(380, 450)):
        assert floors[1][band].mean() == pytest.approx(floors[0][band].mean(), abs=0.15)


def scattering(acquisition, n_scans=400):
    """Raw fringes of scatterers as dense at all depths, 30 dB over the noise."""
    rng = np.random.default_rng(0)
    field = rng.standard_normal((n_scans, 512)) + 1j * rng.standard_normal((n_scans, 512))
    return add_noise(
        forward(2e-3 * field, acquisition) + acquisition.reference_counts, acquisition.detector, rng
    )


def test_defocus_closes_the_confocal_gate(spectral):
    optics = Optics(waist_um=5, focus_um=300, scan_step_um=2, refractive_index=1.0)
    acquisition = known(spectral.replaced(optics=optics, detector=Detector(2e6, 2e6)))
    raw = scattering(acquisition)
    degradation = Defocus(acquisition)
    done = degradation.apply(raw, degradation.draw(150.0, 0))
    recipe = Recipe.of_acquisition(acquisition)
    before, after = (
        np.mean(10 ** (reconstruct(x, recipe, acquisition.reference_counts).data / 10), axis=0)
        for x in (raw, done.data)
    )
    z = acquisition.sampling.depth_um
    expected = confocal_gate_db(z, acquisition, 150) - confocal_gate_db(z, acquisition)
    change = 10 * np.log10(after / before)
    smooth = np.convolve(change, np.ones(16) / 16, "same")
    np.testing.assert_allclose(smooth[40:300], expected[40:300], atol=0.7)
    rayleigh = np.pi * 25 / 0.85
    assert confocal_gate_db(300 + rayleigh, acquisition) == pytest.approx(-3.01, abs=0.01)


@pytest.mark.parametrize("shift", [100.0, 400.0, 2000.0])
def test_defocus_leaves_noise_as_it_is(shift, spectral):
    optics = Optics(waist_um=5, focus_um=200, scan_step_um=2, refractive_index=1.0)
    acquisition = known(spectral.replaced(optics=optics, detector=Detector(2e5, 2e5)))
    raw = add_noise(np.tile(acquisition.reference_counts, (200, 1)), acquisition.detector,
                    np.random.default_rng(0))  # fmt: skip
    degradation = Defocus(acquisition)
    done = degradation.apply(raw, degradation.draw(shift, 1)).data
    recipe = Recipe.of_acquisition(acquisition)
    floors = [
        np.mean(10 ** (reconstruct(x, recipe, acquisition.reference_counts).data / 10), axis=0)
        for x in (raw, done)
    ]
    for band in (slice(20, 80), slice(80, 140), slice(140, 220), slice(220, 300)):
        change = 10 * np.log10(floors[1][band].mean() / floors[0][band].mean())
        assert change == pytest.approx(0, abs=0.3), band


def test_motion_leaves_noise_as_it_is(spectral):
    acquisition = known(spectral.replaced(detector=Detector(2e5, 2e5)))
    raw = add_noise(np.tile(acquisition.reference_counts, (128, 1)), acquisition.detector,
                    np.random.default_rng(0))  # fmt: skip
    degradation = AxialMotion(acquisition)
    recipe = Recipe.of_acquisition(acquisition)
    for seed in range(4):
        drawn = degradation.draw(60.0, seed)
        up = np.cos(drawn.parameters["phase_rad"]) < 0
        done = degradation.apply(raw, drawn).data
        floors = [
            np.mean(10 ** (reconstruct(x, recipe, acquisition.reference_counts).data / 10), axis=0)
            for x in (raw, done)
        ]
        # moving up folds the first depths onto themselves
        for band in (slice(45 if up else 1, 60), slice(60, 200), slice(200, 330)):
            change = 10 * np.log10(floors[1][band].mean() / floors[0][band].mean())
            assert change == pytest.approx(0, abs=0.7), (seed, band)


def test_defocus_widens_a_point_along_the_scan(spectral):
    optics = Optics(waist_um=6, focus_um=250, scan_step_um=1, refractive_index=1.0)
    acquisition = spectral.replaced(optics=optics, detector=Detector(),
                                    background_counts=np.zeros(1024))  # fmt: skip
    depth = round(250 / acquisition.sampling.depth_spacing_um)
    x = (np.arange(200) - 100) * optics.scan_step_um
    # in focus the squared mode: amplitude exp(-2 x^2 / w^2)
    field = np.zeros((200, 512), np.complex64)
    field[:, depth] = np.exp(-2 * x**2 / optics.waist_um**2)
    raw = forward(field, acquisition)
    degradation = Defocus(acquisition)
    rayleigh = optics.rayleigh_um(850)
    for d in (0.5, 1.0, 2.0):
        done = degradation.apply(raw, degradation.draw(d * rayleigh, 0)).data
        line = np.abs(reconstruct_field(done, Recipe.of_acquisition(acquisition), None).data)
        power = line[:, depth] ** 2
        width = np.sqrt(np.sum(power * x**2) / np.sum(power))
        # power of the squared mode exp(-4 x^2 / w(z)^2): standard deviation w(z) / sqrt 8
        assert width == pytest.approx(6 * np.sqrt((1 + d**2) / 8), rel=0.05)
