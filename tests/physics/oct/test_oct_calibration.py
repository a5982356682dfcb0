"""Two mirrors and darks: against a made instrument, and on a real one."""

from __future__ import annotations

import numpy as np
import pytest

from limen.physics.oct import (
    Acquisition,
    CalibrationError,
    CalibrationSet,
    Detector,
    Recipe,
    Sampling,
    Source,
    calibrate,
    dispersion_phase,
    even_fringes,
    fringes_of_reflectors,
    read_calibration_set,
    reconstruct,
    search_dispersion,
    write_calibration_set,
)


def made_set(first, last, fs2=1500.0, z1=300.0, z2=420.0, noise=5.0, n=1024):
    acquisition = Acquisition(
        Sampling.even_in_wavelength(n, first, last), Source(850, 60), dispersion_fs2=fs2,
        pixel_share=0, detector=Detector(2e4, 2e4),
    )  # fmt: skip
    rng = np.random.default_rng(0)
    light = 2e4 * acquisition.spectrum

    def row(*parts):
        return 100 + sum(parts) + noise * rng.standard_normal(n)

    one = fringes_of_reflectors(np.array([z1]), np.array([0.5]), acquisition)
    # on the other side of zero delay the depth is negative
    two = fringes_of_reflectors(np.array([-z2]), np.array([0.5]), acquisition)
    sample = 0.25 * light
    return acquisition, CalibrationSet(
        row(light, sample, one), row(light, sample, two), row(light), row(sample), row(sample),
        row(),
    )  # fmt: skip


@pytest.mark.parametrize("first,last", [(800, 900), (900, 800)])
@pytest.mark.parametrize("fs2", [0.0, 1500.0, -2500.0])
def test_finds_the_wavenumbers_and_dispersion_of_a_made_instrument(first, last, fs2):
    acquisition, measured = made_set(first, last, fs2)
    found = calibrate(measured, (first, last))
    k = np.interp(found.positions, np.arange(1024), acquisition.sampling.wavenumber_rad_per_um)
    even = np.linspace(k[0], k[-1], 1024)
    assert np.abs(k - even).max() < 3e-4 * np.ptp(k)
    # sign: the phase of mirror 1's fringe, which rises when k does
    sign = 1 if k[-1] > k[0] else -1
    light = acquisition.source.at(k)
    lit = light > 0.1
    left = found.dispersion_phase_rad - sign * dispersion_phase(
        k, acquisition.source.centre_rad_per_um, fs2
    )
    line = np.polynomial.Polynomial.fit(k[lit], left[lit], 1, w=light[lit])
    assert np.abs(left - line(k))[lit].max() < 0.1
    assert found.depth_spacing_um == pytest.approx(acquisition.sampling.depth_spacing_um, rel=1e-6)
    assert found.warnings == ()
    for i in (1, 2):
        least = found.measured[f"mirror{i}_width_least_px"]
        assert found.measured[f"mirror{i}_width_after_px"] < 1.03 * least + 1 / 16


def test_a_mirror_elsewhere_is_sharp_with_it():
    acquisition, measured = made_set(800, 900)
    recipe = Recipe.of_calibration(calibrate(measured, (800, 900)), side=1)
    wrong = Recipe.of_calibration(calibrate(measured, (800, 900)), side=2)
    for z in (100.0, 700.0, 1000.0):
        fringe = fringes_of_reflectors(np.array([z]), np.array([0.1]), acquisition)[None]
        image = reconstruct(fringe, recipe, None)
        other = reconstruct(fringe, Recipe.of_acquisition(acquisition), None)
        assert image.data.max() == pytest.approx(other.data.max(), abs=0.4)
        assert image.data.max() > reconstruct(fringe, wrong, None).data.max() + 1
        assert image.data[0].argmax() * image.depth_spacing_um == pytest.approx(z, abs=8)


def test_depth_in_um_cannot_be_said_without_wavelengths():
    from limen.physics.oct import AcquisitionError

    _, measured = made_set(800, 900)
    recipe = Recipe.of_calibration(calibrate(measured))
    assert recipe.depth_spacing_um is None
    with pytest.raises(AcquisitionError, match="wavelengths"):
        recipe.depth_um  # noqa: B018


def test_refusals():
    _, good = made_set(800, 900)
    parts = {name: getattr(good, name) for name in good.__dataclass_fields__}
    with pytest.raises(CalibrationError, match="finite"):
        CalibrationSet(**{**parts, "mirror1": np.full(1024, np.nan)})
    with pytest.raises(CalibrationError, match="one row"):
        CalibrationSet(**{**parts, "dark_both": np.zeros(512)})
    with pytest.raises(CalibrationError, match=r"No fringe|zero delay"):
        calibrate(CalibrationSet(**{**parts, "mirror2": parts["dark_reference"]}))
    _, near = made_set(800, 900, z1=2.0)
    with pytest.raises(CalibrationError, match=r"zero delay|No fringe"):
        calibrate(near)
    _, far = made_set(800, 900, z1=1790.0)
    with pytest.raises(CalibrationError, match=r"followed|zero delay|do not rise"):
        calibrate(far)
    with pytest.raises(CalibrationError, match="wavelengths"):
        calibrate(good, (800, 800))


def test_set_written_and_read(tmp_path):
    _, measured = made_set(800, 900)
    write_calibration_set(tmp_path / "set", measured)
    back = read_calibration_set(tmp_path / "set")
    np.testing.assert_array_equal(back.mirror2, measured.mirror2)
    # text files, one dark for both mirrors, several A-scans
    other = tmp_path / "other"
    other.mkdir()
    for name, row in (("mirror1", measured.mirror1), ("mirror2", measured.mirror2),
                      ("dark_ref", measured.dark_reference), ("dark_sample", measured.dark_sample1),
                      ("dark_not", np.stack([measured.dark_both] * 3))):  # fmt: skip
        np.savetxt(other / f"{name}.txt", row)
    again = read_calibration_set(other)
    np.testing.assert_allclose(again.dark_sample2, measured.dark_sample1)
    np.testing.assert_allclose(again.dark_both, measured.dark_both)
    (other / "mirror2.txt").write_text("1 2 three")
    with pytest.raises(CalibrationError, match="cannot be read"):
        read_calibration_set(other)
    (other / "mirror2.txt").unlink()
    with pytest.raises(CalibrationError, match="missing"):
        read_calibration_set(other)
    # a mirror that moved by half a wavelength from scan to scan
    moving = np.stack([measured.mirror2, 2 * measured.mirror2.mean() - measured.mirror2] * 4)
    np.save(other / "mirror2.npy", moving)
    with pytest.raises(CalibrationError, match="moved"):
        read_calibration_set(other)


@pytest.mark.parametrize("fs2,fs3", [(900.0, 0.0), (-4000.0, 0.0), (2500.0, 8000.0)])
def test_search_without_calibration(fs2, fs3):
    acquisition = Acquisition(
        Sampling.even_in_wavelength(1024, 800, 900), Source(850, 60), dispersion_fs2=fs2,
        dispersion_fs3=fs3,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    scans = []
    for _ in range(24):
        z = rng.uniform(200, 900, 6)
        scans.append(fringes_of_reflectors(z, rng.uniform(0.2, 1, 6), acquisition))
    fringes = np.array(scans) + 0.02 * rng.standard_normal((24, 1024))
    recipe = Recipe.of_acquisition(acquisition.replaced(dispersion_fs2=0, dispersion_fs3=0))
    found = search_dispersion(
        even_fringes(fringes, recipe), acquisition.sampling.even_wavenumber_rad_per_um,
        acquisition.source.centre_rad_per_um, recipe.window, cubic=fs3 != 0,
    )  # fmt: skip
    assert found[0] == pytest.approx(fs2, abs=40)
    assert found[1] == pytest.approx(fs3, abs=1200)


def test_search_in_noise_is_refused():
    from limen.physics.oct import FringeError

    acquisition = Acquisition(Sampling.even_in_wavenumber(512, 800, 900), Source(850, 60))
    noise = np.random.default_rng(0).standard_normal((16, 512))
    k = acquisition.sampling.even_wavenumber_rad_per_um
    with pytest.raises(FringeError, match="clearly sharper"):
        search_dispersion(noise, k, k.mean(), np.hanning(512))


# a real instrument


def test_real_mirrors_become_as_narrow_as_their_spectrum_allows(real_folder):
    found = calibrate(read_calibration_set(real_folder))
    before = {i: found.measured[f"mirror{i}_width_before_px"] for i in (1, 2)}
    assert before[1] > 6
    assert before[2] > 12
    for i in (1, 2):
        after, least = (found.measured[f"mirror{i}_width_{w}_px"] for w in ("after", "least"))
        assert after <= 1.05 * least + 1 / 16
    assert found.warnings == ()
    assert np.all(np.diff(found.positions) > 0)


def test_real_sample_is_sharper_with_the_calibration(real_folder):
    """Contrast of the surface: fourth moment over squared second, per A-scan."""
    found = calibrate(read_calibration_set(real_folder))
    plain = Recipe(
        np.arange(1024.0), np.zeros(1024), Recipe.of_calibration(found).window, 1024, None
    )

    def sharpness(fringes, recipe):
        power = 10 ** (reconstruct(fringes, recipe).data[:, 20:] / 10)
        return float(np.mean((power**2).sum(1) / power.sum(1) ** 2))

    files = sorted(real_folder.glob("bscan_*.npy"))
    assert len(files) >= 2
    for path in files:
        fringes = np.load(path)
        assert sharpness(fringes, Recipe.of_calibration(found)) > 1.1 * sharpness(fringes, plain)


def test_dispersion_added_to_real_fringes_is_found_again(real_folder):
    """The wavelengths are not known; with any assumed, what was added must come back."""
    from limen.physics.oct import DispersionMismatch

    found = calibrate(read_calibration_set(real_folder))
    acquisition = Acquisition(
        Sampling.of_positions(found.positions, 1024, 1260, 1360), Source(1310, 60)
    )
    k = acquisition.sampling.even_wavenumber_rad_per_um
    recipe = Recipe.of_acquisition(acquisition)

    def read(fringes):
        even = even_fringes(fringes, recipe)
        return search_dispersion(even, k, k.mean(), recipe.window, 6e4)[0]

    raw = np.load(real_folder / "bscan_060.npy")
    degradation = DispersionMismatch(acquisition)
    before = read(raw)
    for fs2 in (5000.0, 15000.0):
        after = read(degradation.apply(raw, degradation.draw(fs2, 0)).data)
        assert after - before == pytest.approx(fs2, abs=1500)
