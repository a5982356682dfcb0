"""Images of MR and OCT at a condition: against what each axis is defined to do."""

from __future__ import annotations

import numpy as np
import pytest

from limen.data.insilico.retina_patient import acquisition_of, simulate_retina
from limen.data.volume import Geometry, Volume
from limen.pipeline.degrade import degrade, searched_axes
from limen.pipeline.degrade_oct import from_scans, to_scans
from limen.pipeline.errors import CannotDegrade
from limen.pipeline.examples import find_example
from limen.product import load_declaration

NOISE = 4.0


@pytest.fixture(scope="module")
def slab() -> Volume:
    """Two bright discs in Rician noise, on a grid that is not square."""
    rng = np.random.default_rng(1)
    x, y = np.meshgrid(np.arange(96) - 48, np.arange(72) - 36, indexing="ij")
    signal = 200.0 * (np.hypot(x / 40, y / 28) < 1)[..., None] * np.ones(3)
    noise = NOISE * rng.standard_normal((2, *signal.shape))
    magnitude = np.hypot(signal + noise[0], noise[1])
    affine = np.diag([1.25, 1.25, 5.0, 1.0])
    return Volume(np.rint(magnitude).astype(np.int16), Geometry(affine, magnitude.shape))


@pytest.fixture(scope="module")
def eye():
    patient = simulate_retina(7, 1)
    geometry = patient.image.geometry
    # two B-scans are enough, and quick
    few = Geometry(geometry.affine_lps_mm, (*geometry.shape[:2], 2))
    return Volume(patient.image.values[:, :, 5:7], few), patient.attributes


def at(image: Volume, attributes=None, **condition: float) -> np.ndarray:
    named = {name.replace("_", ".", 1): value for name, value in condition.items()}
    done = degrade(image, named, case="set/case", attributes=attributes or {}, nominal={})
    assert done.image.geometry is image.geometry
    assert len(done.applied) == len(named)
    return done.image.values


@pytest.mark.parametrize("name", ["mr-brain-lesion", "oct-retinal-fluid"])
def test_every_axis_that_an_example_declares_can_be_searched_and_applied(name, slab, eye):
    declared = load_declaration(find_example(name) / "limen.yaml")
    image, attributes = (slab, {}) if name.startswith("mr") else eye
    for axis in searched_axes(declared, 0.05):
        nominal = at(image, attributes, **{axis.name.replace(".", "_", 1): axis.nominal})
        np.testing.assert_array_equal(nominal, image.values)
        between = 0.5 * (axis.nominal + axis.worst) + 0.01 * (axis.worst - axis.nominal)
        assert at(image, attributes, **{axis.name.replace(".", "_", 1): between}).any()
        worst = at(image, attributes, **{axis.name.replace(".", "_", 1): axis.worst})
        assert worst.shape == image.values.shape
        assert np.isfinite(worst).all()
        assert np.abs(worst - image.values).mean() > 0.01 * np.abs(image.values).mean()


def test_half_the_signal_to_noise_is_twice_the_noise(slab):
    noisy = at(slab, mr_snr=0.5)
    # Rayleigh where there is no signal: the mean square is twice the variance
    corner = noisy[:10, :10].astype(float)
    assert np.sqrt((corner**2).mean() / 2) == pytest.approx(2 * NOISE, rel=0.12)
    stated = at(slab, {"noise_sd": 3 * NOISE}, mr_snr=0.5)
    assert (stated[:10, :10] ** 2).mean() > 3 * (corner**2).mean()


def test_accelerated_lines_are_missing_along_the_phase_encoding(slab):
    """Aliases of the disc appear along the first axis, and along the second where it is stated."""
    nominal = slab.values.astype(float)
    for axis, attributes in ((0, {}), (1, {"phase_axis": 1})):
        change = at(slab, attributes, mr_acceleration=4.0) - nominal
        beside = np.abs(change[:6, 30:42]).mean(), np.abs(change[42:54, :6]).mean()
        assert beside[axis] > 1.5 * beside[1 - axis]


def test_less_light_dims_an_oct_image_by_20_db_a_decade(eye):
    image, attributes = eye
    dimmed = at(image, attributes, oct_power=0.5)
    bright = image.values > np.percentile(image.values, 97)
    change = dimmed[bright] - image.values[bright]
    assert np.median(change) == pytest.approx(20 * np.log10(0.5), abs=0.7)


def test_scans_and_cases_are_the_same_voxels(eye):
    image, _ = eye
    scans = to_scans(image.values)
    assert scans.shape == (2, 192, acquisition_of_depths())
    np.testing.assert_array_equal(scans[1, 17, 40], image.values[17, 40, 1])
    np.testing.assert_array_equal(from_scans(scans), image.values)


def acquisition_of_depths() -> int:
    from limen.data.insilico.retina_patient import SITES

    return acquisition_of(SITES[0]).sampling.n_depths


def test_unknown_or_contradicting_wavelengths_are_refused(eye):
    image, attributes = eye
    without = {k: v for k, v in attributes.items() if k != "last_nm"}
    with pytest.raises(CannotDegrade, match="last_nm"):
        at(image, without, oct_dispersion=1000.0)
    with pytest.raises(CannotDegrade, match="depth scale"):
        at(image, {**attributes, "last_nm": 900.0}, oct_dispersion=1000.0)


def test_an_image_of_one_value_has_no_noise_to_read(slab):
    flat = Volume(np.zeros_like(slab.values), slab.geometry)
    with pytest.raises(CannotDegrade, match="noise_sd"):
        at(flat, mr_snr=0.5)
