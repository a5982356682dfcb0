"""Dose noise against its closed form, and HU against attenuation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from limen.physics.ct import (
    MU_WATER_PER_MM,
    GeometryError,
    add_dose_noise,
    attenuation_to_hu,
    hu_to_attenuation,
)

N = 40_000


@pytest.mark.parametrize("photons", [2e3, 2e4, 2e5, 2e6])
@pytest.mark.parametrize("line_integral", [0.0, 1.0, 3.0])
def test_variance_goes_as_one_over_dose(photons: float, line_integral: float) -> None:
    noisy = add_dose_noise(np.full(N, line_integral), photons, 0, 1)
    expected = np.exp(line_integral) / photons
    # the logarithm adds a share of about 3 / 2 of the variance; 4 standard errors of a variance
    assert noisy.var() == pytest.approx(expected, rel=4 * np.sqrt(2 / N) + 3 * expected)
    bias = expected / 2
    assert noisy.mean() - line_integral == pytest.approx(bias, abs=4 * np.sqrt(expected / N) + 1e-6)


def test_halving_the_dose_doubles_the_variance() -> None:
    line = np.full(N, 2.0)
    full, half = (add_dose_noise(line, photons, 0, 5).var() for photons in (1e5, 5e4))
    assert half / full == pytest.approx(2, rel=0.06)


def test_electronic_noise_adds_its_variance() -> None:
    noisy = add_dose_noise(np.full(N, 1.0), 1e5, 300, 2)
    count = 1e5 * np.exp(-1)
    assert noisy.var() == pytest.approx((count + 300**2) / count**2, rel=0.05)


def test_bowtie() -> None:
    photons = np.array([1e3, 1e4, 1e5])
    noisy = add_dose_noise(np.zeros((N, 3)), photons, 0, 3)
    np.testing.assert_allclose(noisy.var(axis=0) * photons, 1, rtol=0.05)


def test_starved_rays_are_finite_and_biased_low() -> None:
    noisy = add_dose_noise(np.full(N, 30.0), 100, 5, 4)
    assert np.isfinite(noisy).all()
    assert noisy.max() == pytest.approx(np.log(100 / 0.5), rel=1e-5)
    assert noisy.mean() < 30


@given(st.integers(0, 2**32), st.sampled_from([(5,), (3, 4), (2, 3, 4), ()]))
def test_seed_decides_everything(seed: int, shape: tuple[int, ...]) -> None:
    line = np.full(shape, 1.0)
    one, two = (add_dose_noise(line, 1e4, 3, seed) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert one.shape == shape
    assert one.dtype == np.float32
    assert (line == 1).all()


def test_another_seed_is_other_noise() -> None:
    line = np.full(100, 1.0)
    assert (add_dose_noise(line, 1e4, 0, 1) != add_dose_noise(line, 1e4, 0, 2)).any()


@pytest.mark.parametrize(
    ("line", "photons", "electronic"),
    [
        (1.0, 0, 0),
        (1.0, -5, 0),
        (1.0, np.nan, 0),
        (1.0, np.inf, 0),
        (1.0, np.array([1e4, 0]), 0),
        (1.0, 1e4, -1),
        (1.0, 1e4, np.nan),
        (1.0, 1e4, np.inf),
        (np.nan, 1e4, 0),
        (np.inf, 1e4, 0),
        (-500.0, 1e4, 0),
    ],
)
def test_bad_input(line: float, photons: Any, electronic: float) -> None:
    with pytest.raises(GeometryError):
        add_dose_noise(np.full(2, line), photons, electronic, 0)


# --- units ------------------------------------------------------------------------------------


def test_water_and_air() -> None:
    assert hu_to_attenuation(np.array(0.0)) == np.float32(MU_WATER_PER_MM)
    assert hu_to_attenuation(np.array(-1000.0)) == 0
    assert attenuation_to_hu(np.array(0.0)) == -1000
    assert hu_to_attenuation(np.array(1000.0), 0.02) == np.float32(0.04)


@given(arrays(np.float32, (3, 4), elements=st.floats(-1100, 4000, width=32)), st.floats(0.01, 0.05))
def test_there_and_back(hu: np.ndarray, mu_water: float) -> None:
    attenuation = hu_to_attenuation(hu, mu_water)
    assert attenuation.dtype == np.float32
    # one rounding to float32 on the way, of up to 5 times water
    np.testing.assert_allclose(attenuation_to_hu(attenuation, mu_water), hu, atol=5e-4)


def test_integers_are_not_truncated() -> None:
    hu = np.array([-1024, -3, 0, 57, 3071], dtype=np.int16)
    np.testing.assert_allclose(attenuation_to_hu(hu_to_attenuation(hu)), hu, atol=5e-4)
