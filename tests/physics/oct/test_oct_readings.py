"""Speckle, detectability, and conditions read off images, each against what was simulated."""

from __future__ import annotations

import numpy as np
import pytest
from oct_phantoms import tissue

from limen.physics.oct import (
    Acquisition,
    AcquisitionError,
    AxialMotion,
    CannotSay,
    Detector,
    DispersionMismatch,
    FringeError,
    Recipe,
    Sampling,
    Source,
    add_noise,
    amplitude_contrast,
    axial_shifts_um,
    axial_velocity_mm_per_s,
    dispersion_of_fringes,
    dispersion_of_image,
    forward,
    fringes_of_reflectors,
    ideal_observer_snr,
    matched_filter,
    mean_counts,
    noise_floor_db,
    photon_transfer,
    rayleigh_distance,
    reconstruct,
    reconstruct_field,
    reflector_resolution_um,
    signal_to_noise_db,
    smallest_reflectivity_db,
    speckle_contrast,
    speckle_resolution_um,
)
from limen.physics.oct.speckle import RAYLEIGH_CONTRAST


def speckle_image(acquisition, seed=0, n_scans=256):
    rng = np.random.default_rng(seed)
    n = acquisition.sampling.n_depths
    field = rng.standard_normal((n_scans, n)) + 1j * rng.standard_normal((n_scans, n))
    fringes = forward(1e-2 * field, acquisition)
    return reconstruct(fringes, Recipe.of_acquisition(acquisition), None).data


def test_speckle_of_many_scatterers_is_fully_developed(spectral):
    power = 10 ** (speckle_image(spectral)[:, 60:300] / 10)
    assert speckle_contrast(power) == pytest.approx(1, abs=0.03)
    assert amplitude_contrast(power) == pytest.approx(RAYLEIGH_CONTRAST, abs=0.01)
    assert rayleigh_distance(power) < 0.02
    # the mean of four independent patterns
    four = np.mean([10 ** (speckle_image(spectral, s)[:, 60:300] / 10) for s in range(4)], 0)
    assert speckle_contrast(four) == pytest.approx(0.5, abs=0.03)
    assert rayleigh_distance(four) > 0.1
    with pytest.raises(CannotSay):
        speckle_contrast(np.zeros(100))
    with pytest.raises(CannotSay):
        speckle_contrast(np.full(100, np.nan))


@pytest.mark.parametrize("fwhm_nm", [15, 25, 40])
def test_speckle_size_is_the_resolution(fwhm_nm):
    acquisition = Acquisition(Sampling.even_in_wavenumber(1024, 780, 930), Source(850, fwhm_nm))
    found = speckle_resolution_um(speckle_image(acquisition)[:, 60:400],
                                  acquisition.sampling.depth_spacing_um)  # fmt: skip
    # source and Hann window together: the width of the point-spread's amplitude, made by FFT
    from limen.physics.oct.calibration import point_spread_width_px

    k = acquisition.sampling.even_wavenumber_rad_per_um
    band = acquisition.source.at(k) * np.hanning(1024)
    expected = point_spread_width_px(band) * acquisition.sampling.depth_spacing_um
    assert found == pytest.approx(expected, rel=0.06)
    with pytest.raises(CannotSay):
        speckle_resolution_um(np.zeros((3, 40)), 1.0)


def layered(acquisition, seed, n_scans=48):
    """Raw fringes of a surface that undulates, over scatterers, with noise."""
    rng = np.random.default_rng(seed)
    scans = []
    x = np.arange(n_scans) / n_scans
    surface = 300 + 60 * rng.uniform(0.3, 1) * np.sin(2 * np.pi * (x + rng.uniform()))
    for z in surface:
        depth = np.r_[z, z + 40 + rng.exponential(150, 60)]
        amplitude = np.r_[0.05, 5e-4 * rng.standard_normal(60)]
        scans.append(fringes_of_reflectors(depth, amplitude, acquisition))
    mean = np.array(scans) + acquisition.reference_counts
    return add_noise(mean, acquisition.detector, rng)


@pytest.fixture
def broad():
    acquisition = Acquisition(
        Sampling.even_in_wavelength(1024, 790, 910), Source(850, 60),
        detector=Detector(2e5, 2e5, read_noise_electrons=50),
    )  # fmt: skip
    return acquisition.replaced(background_counts=acquisition.reference_counts)


LEVELS = [700.0, 1700.0, 3300.0]


@pytest.mark.parametrize("seed", [11, 12])
@pytest.mark.parametrize("fs2", LEVELS)
def test_dispersion_read_off_fringes_and_image(fs2, seed, broad):
    degradation = DispersionMismatch(broad, sign=-1 if seed == 12 else 1)
    raw = degradation.apply(layered(broad, seed), degradation.draw(fs2, seed)).data
    sign = degradation.sign
    assert dispersion_of_fringes(raw, broad) == pytest.approx(sign * fs2, abs=40)
    image = reconstruct(raw, Recipe.of_acquisition(broad), broad.background_counts).data
    assert dispersion_of_image(image, broad) == pytest.approx(fs2, rel=0.15)


def test_resolution_of_a_sharp_surface(broad):
    image = reconstruct(layered(broad, 3), Recipe.of_acquisition(broad),
                        broad.background_counts).data  # fmt: skip
    from limen.physics.oct.calibration import point_spread_width_px

    k = broad.sampling.even_wavenumber_rad_per_um
    expected = point_spread_width_px(broad.source.at(k) * np.hanning(1024))
    found = reflector_resolution_um(image, 1.0)
    assert found == pytest.approx(expected, rel=0.08)
    with pytest.raises(CannotSay, match="too few"):
        reflector_resolution_um(image[:5], 1.0)
    noise = 10 * np.log10(np.random.default_rng(0).exponential(size=(64, 512)))
    with pytest.raises(CannotSay):
        reflector_resolution_um(noise, 1.0)


@pytest.mark.parametrize("power", [1.0, 0.2, 0.03])
def test_noise_floor_and_signal_to_noise(power, spectral):
    detector = Detector(2e5 * power, 2e5 * power)
    acquisition = spectral.replaced(detector=detector)
    raw = add_noise(mean_counts(tissue(acquisition, 200, 4), acquisition), detector,
                    np.random.default_rng(7))  # fmt: skip
    recipe = Recipe.of_acquisition(acquisition)
    image = reconstruct(raw, recipe, acquisition.reference_counts).data
    floor = recipe.noise_db(acquisition.detector.electrons * acquisition.spectrum)
    assert noise_floor_db(image) == pytest.approx(floor, abs=0.4)
    surface = 10 * np.log10(np.percentile(10 ** (image[:, 8:] / 10), 99.5))
    assert signal_to_noise_db(image) == pytest.approx(surface - floor, abs=0.5)


@pytest.mark.parametrize("speed,seed", [(0.7, 1), (4.0, 2), (11.0, 3)])
def test_velocity_from_doppler(speed, seed, broad):
    z = np.sort(np.random.default_rng(seed).uniform(100, 800, 40))
    fringe = fringes_of_reflectors(z, np.full(40, 2e-3), broad) + broad.reference_counts
    raw = add_noise(np.tile(fringe, (64, 1)), broad.detector, np.random.default_rng(seed))
    degradation = AxialMotion(broad)
    drawn = degradation.draw(speed, seed)
    field = reconstruct_field(degradation.apply(raw, drawn).data, Recipe.of_acquisition(broad),
                              broad.background_counts).data  # fmt: skip
    signed = speed * np.cos(drawn.parameters["phase_rad"])
    assert axial_velocity_mm_per_s(field[:, 20:], broad) == pytest.approx(
        signed, rel=0.03, abs=0.02
    )
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((32, 100)) + 1j * rng.standard_normal((32, 100))
    with pytest.raises(CannotSay, match="not alike"):
        axial_velocity_mm_per_s(noise, broad)
    with pytest.raises(FringeError):
        axial_velocity_mm_per_s(np.abs(field), broad)


@pytest.mark.parametrize("speed", [80.0, 150.0])
def test_shifts_from_an_image(speed, swept):
    acquisition = swept.replaced(background_counts=swept.reference_counts)
    raw = add_noise(mean_counts(tissue(acquisition, 96, 2, 120), acquisition),
                    acquisition.detector, np.random.default_rng(5))  # fmt: skip
    degradation = AxialMotion(acquisition)
    drawn = degradation.draw(speed, 6)
    image = reconstruct(degradation.apply(raw, drawn).data, Recipe.of_acquisition(acquisition),
                        acquisition.background_counts).data  # fmt: skip
    spacing = acquisition.sampling.depth_spacing_um
    found = axial_shifts_um(image, spacing)
    expected = speed * 1e-3 * np.cos(drawn.parameters["phase_rad"]) * 10 * np.arange(96)
    assert np.abs(found - expected).max() < 0.75 * spacing
    with pytest.raises(CannotSay):
        axial_shifts_um(image[:, :50], spacing)


def test_images_that_are_none(spectral):
    for bad in (np.full((4, 64), np.nan), np.zeros((4, 5)), np.full((4, 64), np.inf)):
        with pytest.raises(FringeError):
            noise_floor_db(bad)


@pytest.mark.parametrize(
    "detector",
    [
        Detector(3e3, 3e3, read_noise_electrons=20),
        Detector(1e5, 1e5, read_noise_electrons=50, excess_noise=5e-3, electrons_per_count=3),
    ],
)
def test_ideal_observer_against_a_monte_carlo_matched_filter(detector, spectral):
    acquisition = spectral.replaced(detector=detector)
    background = tissue(acquisition, 1, 1, 120)[0] * 3
    signal = np.zeros(512, complex)
    signal[90:93] = 1e-4 * np.array([1, 1j, -0.5])
    unit = ideal_observer_snr(signal, acquisition, background)
    signal *= 2.5 / unit
    expected = ideal_observer_snr(signal, acquisition, background)
    assert expected == pytest.approx(2.5, rel=1e-6)
    template = matched_filter(signal, acquisition, background)
    rng = np.random.default_rng(9)
    ratings = []
    for profile in (background, background + signal):
        mean = mean_counts(profile.astype(complex), acquisition)
        ratings.append(np.concatenate([
            add_noise(np.tile(mean, (2000, 1)), detector, rng) @ template for _ in range(4)
        ]))  # fmt: skip
    found = (ratings[1].mean() - ratings[0].mean()) / np.sqrt(
        (ratings[0].var() + ratings[1].var()) / 2
    )
    # 8,000 of each: the standard error of d' is about 0.6 %
    assert found == pytest.approx(expected, rel=0.02)
    ratio = ratings[0].var() / expected**2
    assert ratio == pytest.approx(1, abs=0.05)


def test_smallest_reflectivity(spectral):
    z = spectral.sampling.depth_um[100]
    db = smallest_reflectivity_db(z, spectral)
    signal = np.zeros(512, complex)
    signal[100] = 10 ** (db / 20)
    assert ideal_observer_snr(signal, spectral) == pytest.approx(5, rel=1e-3)
    deep = smallest_reflectivity_db(spectral.sampling.depth_um[400], spectral)
    assert deep > db + 2
    with pytest.raises(AcquisitionError, match="depth"):
        smallest_reflectivity_db(1e6, spectral)
    with pytest.raises(AcquisitionError, match="how much light"):
        ideal_observer_snr(signal, spectral.replaced(detector=Detector()))


@pytest.mark.parametrize("gain", [1.0, 7.0])
def test_photon_transfer(gain, spectral):
    detector = Detector(5e4, 5e4, read_noise_electrons=30, electrons_per_count=gain, dark_counts=9)
    acquisition = spectral.replaced(detector=detector)
    raw = add_noise(np.tile(acquisition.reference_counts, (800, 1)), detector,
                    np.random.default_rng(0))  # fmt: skip
    found, error = photon_transfer(raw, 9)
    assert found == pytest.approx(gain, abs=4 * error)
    assert error < 0.05 * gain
    with pytest.raises(FringeError, match="50"):
        photon_transfer(raw[:10])
    with pytest.raises(FringeError, match="does not grow"):
        photon_transfer(np.random.default_rng(0).standard_normal((100, 1024)) + 5)
