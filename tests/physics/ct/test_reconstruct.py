"""Filtered back-projection against the truth, scikit-image, and the law that it keeps the mean."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_project import chords, disc

from limen.physics.ct import KERNELS, GeometryError, ParallelGeometry, fbp, forward
from limen.physics.ct.kernels import WINDOWED

FINE = ParallelGeometry(360, 181, 1.0, (161, 161), 1.0)


def radius(geometry: ParallelGeometry, centre: tuple[float, float] = (0, 0)) -> np.ndarray:
    axes = [(np.arange(n) - (n - 1) / 2) * geometry.pixel_mm for n in geometry.image_shape]
    x, y = np.meshgrid(*axes, indexing="ij")
    return np.hypot(x - centre[0], y - centre[1])


@pytest.mark.parametrize("kernel", [*WINDOWED, "soft"])  # "bone" rings on so coarse a detector
@pytest.mark.parametrize("centre", [(0.0, 0.0), (20.0, -15.0)])
def test_disc_recovers_its_value_from_exact_line_integrals(
    kernel: str, centre: tuple[float, float]
) -> None:
    image = fbp(0.02 * chords(FINE, 40.0, centre), FINE, kernel)
    away = radius(FINE, centre)
    inside, outside = away < 36, (away > 46) & (radius(FINE) < 78)
    # a sampled rim is off by a share of a detector element, the same in every view
    np.testing.assert_allclose(image[inside].mean(), 0.02, rtol=3e-3)
    assert np.abs(image[inside] - 0.02).max() < 0.02 * 0.1
    assert np.abs(image[outside]).max() < 0.02 * 0.1
    assert abs(image[outside].mean()) < 0.02 * 2e-3


@settings(max_examples=15)
@given(
    st.integers(150, 400),
    st.floats(0.5, 1.5),
    st.floats(0.5, 1.5),
    st.tuples(st.floats(-8, 8), st.floats(-8, 8)),
    st.sampled_from(KERNELS),
)
def test_disc_in_any_geometry(
    n_views: int, spacing: float, pixel: float, centre: tuple[float, float], kernel: str
) -> None:
    n_detectors, n = int(90 / spacing), int(80 / pixel)
    geometry = ParallelGeometry(n_views, n_detectors, spacing, (n, n - 3), pixel)
    image = fbp(chords(geometry, 18.0, centre), geometry, kernel)
    inside = radius(geometry, centre) < 14
    np.testing.assert_allclose(image[inside].mean(), 1, rtol=5e-3)


@pytest.mark.parametrize("kernel", KERNELS)
def test_projecting_and_reconstructing_keeps_the_mean(kernel: str) -> None:
    rng = np.random.default_rng(1)
    image = np.zeros(FINE.image_shape, dtype=np.float32)
    for _ in range(12):
        x, y = rng.uniform(-35, 35, 2)
        image += np.float32(rng.uniform(-0.5, 1)) * disc(FINE, rng.uniform(4, 18), (x, y))
    again = fbp(forward(image, FINE), FINE, kernel)
    field = radius(FINE) < 75
    assert again[field].mean() == pytest.approx(image[field].mean(), rel=5e-3)


def test_same_geometry_as_scikit_images_iradon() -> None:
    transform = pytest.importorskip("skimage.transform")
    n = 101  # odd, so that both have their centre on a pixel
    geometry = ParallelGeometry(120, n, 1.0, (n, n), 1.0)
    rng = np.random.default_rng(2)
    sinogram = chords(geometry, 30.0, (9.0, -4.0)) + rng.normal(0, 0.5, (120, n))
    names = {"ramp": "ramp", "shepp-logan": "shepp-logan", "hann": "hann"}
    for ours, theirs in names.items():
        expected = transform.iradon(
            sinogram.T, np.degrees(geometry.angles_rad), filter_name=theirs, circle=True
        )
        # its rows grow against our y, its columns with our x
        expected = expected[::-1].T
        found = fbp(sinogram, geometry, ours)
        inside = radius(geometry) < 49
        scale = np.abs(expected[inside]).max()
        assert np.abs(found - expected)[inside].max() < (2e-5 if ours == "ramp" else 2e-2) * scale
        assert np.corrcoef(found[inside], expected[inside])[0, 1] > 0.9999


def test_kernels_go_from_sharp_and_noisy_to_soft_and_quiet() -> None:
    noise = np.random.default_rng(3).standard_normal((FINE.n_views, FINE.n_detectors))
    inside = radius(FINE) < 60
    spread = [fbp(noise, FINE, kernel)[inside].std() for kernel in WINDOWED]
    assert spread[0] > spread[1] > spread[2] > spread[3] > spread[4]


def test_noise_of_the_ramp_is_the_closed_form() -> None:
    # Kak and Slaney, eq. 3.61 with white noise: variance = pi^2 / (n_views) * sum h^2 * spacing^2,
    # h the sampled ramp, at the detector elements themselves (the centre of the image, odd counts)
    geometry = ParallelGeometry(90, 151, 0.8, (1, 1), 0.8)
    noise = np.random.default_rng(4).standard_normal((90, 151, 2000))
    found = fbp(noise, geometry, "ramp").std()
    lag = np.arange(-75, 76)
    h = np.zeros(151)
    h[lag == 0] = 1 / (4 * 0.8**2)
    h[lag % 2 == 1] = -1 / (np.pi * lag[lag % 2 == 1] * 0.8) ** 2
    expected = np.sqrt(np.pi**2 / 90 * ((0.8 * h) ** 2).sum())
    assert found == pytest.approx(expected, rel=4 / np.sqrt(2 * 2000))


def test_slices_are_reconstructed_apart() -> None:
    sinogram = np.random.default_rng(5).normal(size=(30, 41, 3)).astype(np.float32)
    geometry = ParallelGeometry(30, 41, 1.0, (40, 37), 1.0)
    stack = fbp(sinogram, geometry)
    for k in range(3):
        np.testing.assert_allclose(stack[:, :, k], fbp(sinogram[:, :, k], geometry), atol=1e-5)


@pytest.mark.parametrize("kernel", ["Hann", "", "brain", None])
def test_unknown_kernel(kernel: str) -> None:
    with pytest.raises(GeometryError, match=r"(?i)no such kernel.*one of ramp, shepp-logan"):
        fbp(np.zeros((FINE.n_views, FINE.n_detectors)), FINE, kernel)
