"""Kernels by the MTF and the noise that they leave in images, against the formulas."""

from __future__ import annotations

import numpy as np
import pytest
from ct_phantoms import normal_form

from limen.physics.ct import KERNELS, GeometryError, ParallelGeometry, fbp, kernel_mtf
from limen.physics.ct.kernels import MTF50_MTF10_PER_MM
from limen.physics.ct.reading_noise import analytic_noise_power, noise_power_spectrum

FINE = ParallelGeometry(720, 401, 0.25, (96, 96), 0.2)


def image_mtf(kernel: str, width_mm: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """MTF of a reconstruction, from a round Gaussian whose own spectrum is known."""
    _, s = normal_form(FINE)
    lines = np.exp(-(s**2) / (2 * width_mm**2)) / (width_mm * np.sqrt(2 * np.pi))
    image = fbp(np.broadcast_to(lines, FINE.sinogram_shape), FINE, kernel)
    spectrum = np.abs(np.fft.fft(image.sum(axis=1))) * FINE.pixel_mm**2
    f = np.fft.fftfreq(96, FINE.pixel_mm)
    own = np.exp(-2 * (np.pi * width_mm * f) ** 2)
    use = (f >= 0) & (f < 1.0)
    return f[use], spectrum[use] / own[use]


@pytest.mark.parametrize("kernel", KERNELS)
def test_mtf_of_images(kernel: str) -> None:
    f, found = image_mtf(kernel)
    np.testing.assert_allclose(found, kernel_mtf(kernel, f, 0.25), atol=0.02)


@pytest.mark.parametrize("kernel", MTF50_MTF10_PER_MM)
def test_stated_mtf50_and_mtf10(kernel: str) -> None:
    f50, f10 = MTF50_MTF10_PER_MM[kernel]
    f = np.linspace(0, 2, 4001)
    mtf = kernel_mtf(kernel, f, 0.25)
    assert f[np.argmax(mtf < 0.5)] == pytest.approx(f50, abs=1e-3)
    assert f[np.argmax(mtf < 0.1)] == pytest.approx(f10, abs=1e-3)
    at, found = image_mtf(kernel, 0.25)
    assert np.interp(-0.5, -found, at) == pytest.approx(f50, abs=0.02)


def test_unknown_kernel() -> None:
    with pytest.raises(GeometryError, match="No such kernel"):
        kernel_mtf("brain", np.zeros(1), 1.0)


@pytest.mark.parametrize("kernel", KERNELS)
def test_noise_power_spectrum_is_the_analytic_one(kernel: str) -> None:
    geometry = ParallelGeometry(180, 181, 1.0, (64, 64), 0.7)
    noise = np.random.default_rng(2).normal(0, 0.01, (180, 181, 64)).astype(np.float32)
    image = fbp(noise, geometry, kernel)
    f, found = noise_power_spectrum(image.transpose(2, 0, 1), 0.7)
    expected = analytic_noise_power(f, kernel, 1.0, 180, 0.01**2)
    use = (f > 0.05) & (f < 0.45)
    np.testing.assert_allclose(found[use], expected[use], rtol=0.12, atol=0.05 * expected.max())
    assert found[use].sum() == pytest.approx(expected[use].sum(), rel=0.04)


def test_spectrum_integrates_to_the_variance() -> None:
    noise = np.random.default_rng(3).normal(0, 7, (50, 64, 64))
    f, power = noise_power_spectrum(noise, 0.5)
    # white: the same everywhere in a square of side 1 / pixel
    assert power[5:].mean() / 0.5**2 == pytest.approx(49, rel=0.03)
    assert f[1] == pytest.approx(1 / 32)
