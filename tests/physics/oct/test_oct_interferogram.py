"""The forward model against a plain sum, its adjoint, and its refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limen.physics.oct import (
    Acquisition,
    AcquisitionError,
    Detector,
    FringeError,
    Sampling,
    Source,
    adjoint,
    forward,
    fringes_of_reflectors,
    roll_off,
)

SAMPLINGS = {
    "even in wavelength": Sampling.even_in_wavelength(256, 800, 900),
    "falling wavelength": Sampling.even_in_wavelength(256, 900, 800),
    "even in wavenumber": Sampling.even_in_wavenumber(255, 800, 900),
    "odd": Sampling(7 + np.sort(np.random.default_rng(0).uniform(0, 1, 251))),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", SAMPLINGS)
@settings(max_examples=8)
@given(
    seed=st.integers(0, 2**32 - 1),
    fs2=st.floats(-5e3, 5e3),
    shape=st.sampled_from([(), (3,), (2, 5)]),
)
def test_adjoint(name, dtype, seed, fs2, shape):
    sampling = SAMPLINGS[name]
    acquisition = Acquisition(
        sampling, Source(850, 40), dispersion_fs2=fs2, resolution_rad_per_um=1e-3,
        detector=Detector(2e4, 1e4),
    )  # fmt: skip
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((2, *shape, sampling.n_depths))
    x = (x[0] + 1j * x[1]).astype(np.result_type(dtype, np.complex64))
    y = rng.standard_normal((*shape, sampling.n_samples)).astype(dtype)
    ax, back = forward(x, acquisition), adjoint(y, acquisition)
    assert ax.dtype == dtype
    assert ax.shape == y.shape
    assert back.shape == x.shape
    left = np.vdot(ax.astype(np.float64), y.astype(np.float64))
    right = np.vdot(x.astype(np.complex128), back.astype(np.complex128)).real
    scale = float(np.linalg.norm(ax) * np.linalg.norm(y))
    assert abs(left - right) < (1e-7 if dtype == np.float32 else 1e-13) * scale
    assert left == pytest.approx(right, rel=1e-5, abs=1e-7 * scale)


@pytest.mark.parametrize("name", SAMPLINGS)
def test_forward_is_the_sum_of_its_reflectors(name):
    acquisition = Acquisition(SAMPLINGS[name], Source(850, 40), dispersion_fs2=800,
                              dispersion_fs3=500)  # fmt: skip
    depths = acquisition.sampling.depth_um
    profile = np.zeros(depths.size, np.complex128)
    profile[[3, 40, 120]] = [1, 0.5j, -0.2]
    plain = fringes_of_reflectors(depths[[3, 40, 120]], profile[[3, 40, 120]], acquisition)
    np.testing.assert_allclose(forward(profile, acquisition), plain, atol=1e-7)
    np.testing.assert_allclose(forward(profile.astype(np.complex64), acquisition), plain, atol=3e-6)


def test_one_mirror_is_a_cosine():
    # written out by hand: S(k) cos(2 k z + D2 / 2 (c (k - k0))^2) times the pixel's sinc
    acquisition = Acquisition(Sampling.even_in_wavenumber(512, 800, 900), Source(850, 40),
                              dispersion_fs2=1000)  # fmt: skip
    k = np.linspace(2 * np.pi / 0.8, 2 * np.pi / 0.9, 512)
    k0, width = 2 * np.pi / 0.85, 2 * np.pi * 0.040 / 0.85**2
    z, step = 300.0, k[0] - k[1]
    pixel = np.sin(step * z) / (step * z)
    expected = (
        np.exp(-4 * np.log(2) * ((k - k0) / width) ** 2)
        * pixel * np.cos(2 * k * z + 500 * (0.299792458 * (k - k0)) ** 2)
    )  # fmt: skip
    got = fringes_of_reflectors(np.array([z]), np.array([1.0]), acquisition)
    np.testing.assert_allclose(got, expected, atol=1e-9)


def test_roll_off_is_what_pixels_of_finite_width_measure():
    # brute force: the mean of a fine fringe over each pixel and its Gaussian response
    sampling = Sampling.even_in_wavenumber(512, 800, 900)
    k, step = sampling.wavenumber_rad_per_um, sampling.step_rad_per_um
    response = 1.2 * step
    fine = ((np.arange(400) + 0.5) / 400 - 0.5) * step
    spread = np.linspace(-3, 3, 121) * response
    weight = np.exp(-4 * np.log(2) * (spread / response) ** 2)
    for z in (100.0, 500.0, 0.9 * sampling.depth_um[-1]):
        waves = np.exp(2j * (fine[:, None] + spread) * z)
        measured = abs((waves.mean(0) * weight).sum() / weight.sum())
        assert roll_off(z, step, response) == pytest.approx(measured, rel=2e-3)
    assert k.size == 512


def test_wrong_shapes_and_numbers(spectral):
    with pytest.raises(FringeError, match="512 depths"):
        forward(np.zeros(500), spectral)
    with pytest.raises(FringeError, match="finite"):
        forward(np.full(512, np.nan), spectral)
    with pytest.raises(FringeError, match="1024 samples"):
        adjoint(np.zeros(1000), spectral)
    with pytest.raises(FringeError, match="real"):
        adjoint(np.zeros(1024, complex), spectral)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Sampling.even_in_wavelength(8, 800, 900),
        lambda: Sampling.even_in_wavelength(100, 800, 800),
        lambda: Sampling.even_in_wavelength(100, -800, 900),
        lambda: Sampling.even_in_wavenumber(100, np.nan, 900),
        lambda: Sampling(np.r_[7.0:8.0:0.01, 7.9]),
        lambda: Source(850, 0),
        lambda: Source(850, 900),
        lambda: Source(850, 40, shape=(1.0, -1.0)),
        lambda: Detector(reference_electrons=-1),
        lambda: Detector(read_noise_electrons=np.inf),
        lambda: Acquisition(Sampling.even_in_wavelength(100, 800, 900), Source(1300, 40)),
        lambda: Acquisition(Sampling.even_in_wavelength(100, 800, 900), Source(850, 40), "time"),
        lambda: Acquisition(
            Sampling.even_in_wavelength(100, 800, 900), Source(850, 40), exposure_us=20
        ),
        lambda: Acquisition(
            Sampling.even_in_wavelength(100, 800, 900), Source(850, 40),
            background_counts=np.zeros(99),
        ),
    ],
)  # fmt: skip
def test_impossible_acquisitions(make):
    with pytest.raises(AcquisitionError) as e:
        make()
    assert str(e.value)
