"""The parallel projector against closed forms, scikit-image and the law of an adjoint."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limen.physics.ct import GeometryError, ParallelGeometry, adjoint, fbp, forward

geometries = st.builds(
    ParallelGeometry,
    n_views=st.integers(1, 40),
    n_detectors=st.integers(1, 60),
    detector_spacing_mm=st.floats(0.2, 4),
    image_shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    pixel_mm=st.floats(0.2, 4),
)


def disc(geometry: ParallelGeometry, radius_mm: float, centre: tuple[float, float]) -> np.ndarray:
    """A disc of value 1, each pixel holding the share of its area that lies inside."""
    fine = 8
    axes = [
        (np.arange(n * fine) - (n * fine - 1) / 2) * geometry.pixel_mm / fine
        for n in geometry.image_shape
    ]
    x, y = np.meshgrid(*axes, indexing="ij")
    inside = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 <= radius_mm**2
    nx, ny = geometry.image_shape
    shares: np.ndarray = inside.reshape(nx, fine, ny, fine).mean(axis=(1, 3))
    return shares.astype(np.float32)


def chords(geometry: ParallelGeometry, radius_mm: float, centre: tuple[float, float]) -> np.ndarray:
    """Length in mm of each ray within the disc."""
    theta = geometry.angles_rad[:, None]
    away = geometry.offsets_mm[None] - (centre[0] * np.cos(theta) + centre[1] * np.sin(theta))
    return 2 * np.sqrt(np.maximum(radius_mm**2 - away**2, 0))


# --- the projector ----------------------------------------------------------------------------


@settings(max_examples=60)
@given(geometries, st.integers(0, 2**32), st.integers(1, 3))
def test_adjoint(geometry: ParallelGeometry, seed: int, slices: int) -> None:
    rng = np.random.default_rng(seed)
    # positive, so that the products cannot be near zero by cancelling
    x = rng.random((*geometry.image_shape, slices), dtype=np.float32)
    y = rng.random((geometry.n_views, geometry.n_detectors, slices), dtype=np.float32)
    ax, aty = forward(x, geometry), adjoint(y, geometry)
    left = np.sum(ax.astype(float) * y)
    right = np.sum(x.astype(float) * aty)
    assert left == pytest.approx(right, rel=1e-5)


@pytest.mark.parametrize("n_views", [4, 8, 12, 180, 360])
def test_adjoint_at_the_diagonals_and_along_the_axes(n_views: int) -> None:
    # at 45 degrees the rays change the axis they step along, at 0 and 90 they hit pixel centres
    geometry = ParallelGeometry(n_views, 33, 1.0, (33, 33), 1.0)
    rng = np.random.default_rng(n_views)
    x = rng.standard_normal((33, 33), dtype=np.float32)
    y = rng.standard_normal((n_views, 33), dtype=np.float32)
    ax, aty = forward(x, geometry), adjoint(y, geometry)
    scale = np.linalg.norm(ax) * np.linalg.norm(y)
    assert abs(np.sum(ax.astype(float) * y) - np.sum(x.astype(float) * aty)) < 1e-5 * scale


@pytest.mark.parametrize("centre", [(0.0, 0.0), (12.0, -9.0)])
@pytest.mark.parametrize("shape", [(128, 128), (129, 111)])
def test_disc_has_the_length_of_its_chords(shape: tuple[int, int], centre: Any) -> None:
    geometry = ParallelGeometry(60, 140, 0.7, shape, 0.7)
    sinogram = forward(disc(geometry, 22.0, centre), geometry)
    expected = chords(geometry, 22.0, centre)
    # away from the rim, where a chord changes faster than a pixel can follow
    outside = chords(geometry, 22.0 + 2 * 0.7, centre) == 0
    assert (sinogram[outside] == 0).all()
    assert np.abs(sinogram - expected)[expected > 12].max() < 1.5 * 0.7
    assert np.abs(sinogram - expected)[expected > 12].mean() < 0.01 * 44
    # every view sees the whole disc: its area
    np.testing.assert_allclose(sinogram.sum(axis=1) * 0.7, np.pi * 22.0**2, rtol=2e-3)


def test_finer_pixels_come_nearer_to_the_chords() -> None:
    errors = []
    for n in (32, 64, 128):
        geometry = ParallelGeometry(30, 50, 1.0, (n, n), 64 / n)
        sinogram = forward(disc(geometry, 20.0, (3.0, 2.0)), geometry)
        errors.append(np.abs(sinogram - chords(geometry, 20.0, (3.0, 2.0))).mean())
    assert errors[0] > 1.8 * errors[1] > 3.2 * errors[2]


def test_axes_and_signs() -> None:
    # one pixel at +x: in view 0 (theta 0) it lies at s = x, in the view at 90 degrees at s = 0
    geometry = ParallelGeometry(2, 21, 1.0, (21, 21), 1.0)
    image = np.zeros((21, 21), dtype=np.float32)
    image[10 + 6, 10 - 3] = 5.0
    sinogram = forward(image, geometry)
    assert sinogram[0].argmax() == 10 + 6
    assert sinogram[1].argmax() == 10 - 3
    # along an axis a ray meets the pixel over its whole side
    np.testing.assert_allclose(sinogram.max(axis=1), 5.0, rtol=1e-6)


def test_lengths_are_in_mm() -> None:
    image = np.full((20, 20), 0.02, dtype=np.float32)
    for pixel in (0.5, 2.0):
        geometry = ParallelGeometry(1, 5, pixel, (20, 20), pixel)
        np.testing.assert_allclose(forward(image, geometry), 0.02 * 20 * pixel, rtol=1e-5)


@settings(max_examples=30)
@given(geometries, st.integers(0, 2**32), st.floats(-3, 3))
def test_linear_and_slice_by_slice(geometry: ParallelGeometry, seed: int, a: float) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((2, *geometry.image_shape)).astype(np.float32)
    both = forward(np.stack([x, y, x + np.float32(a) * y], axis=2), geometry)
    scale = np.abs(both).max() + 1
    np.testing.assert_allclose(both[:, :, 0], forward(x, geometry), atol=1e-5 * scale)
    np.testing.assert_allclose(both[:, :, 2], both[:, :, 0] + a * both[:, :, 1], atol=1e-4 * scale)


def test_memory_order_type_and_the_input_itself_do_not_matter() -> None:
    geometry = ParallelGeometry(7, 30, 1.0, (20, 24), 1.0)
    image = np.random.default_rng(0).normal(size=(20, 24, 2))
    before = image.copy()
    plain = forward(image.astype(np.float32), geometry)
    np.testing.assert_array_equal(
        forward(np.asfortranarray(image.astype(np.float32)), geometry), plain
    )
    np.testing.assert_array_equal(image, before)
    assert plain.dtype == np.float32
    assert forward(image, geometry).dtype == np.float64


def test_no_slices() -> None:
    geometry = ParallelGeometry(7, 30, 1.0, (20, 24), 1.0)
    assert forward(np.zeros((20, 24, 0)), geometry).shape == (7, 30, 0)
    assert adjoint(np.zeros((7, 30, 0)), geometry).shape == (20, 24, 0)
    assert fbp(np.zeros((7, 30, 0)), geometry).shape == (20, 24, 0)


# --- what is wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"n_views": 0},
        {"n_views": -3},
        {"n_views": 1.5},
        {"n_views": float("nan")},
        {"n_detectors": 0},
        {"n_detectors": 2.0},
        {"image_shape": (0, 4)},
        {"image_shape": (4, 4, 4)},
        {"image_shape": (4, 4.5)},
        {"pixel_mm": 0},
        {"pixel_mm": -1.0},
        {"pixel_mm": float("nan")},
        {"detector_spacing_mm": float("inf")},
    ],
)
def test_geometry_that_cannot_be(fields: dict[str, Any]) -> None:
    good: dict[str, Any] = {
        "n_views": 4,
        "n_detectors": 5,
        "detector_spacing_mm": 1.0,
        "image_shape": (4, 4),
        "pixel_mm": 1.0,
    }
    with pytest.raises(GeometryError, match="found: "):
        ParallelGeometry(**{**good, **fields})


def test_numpy_integers_are_whole_numbers() -> None:
    n = np.int64(4)
    assert ParallelGeometry(n, n, 1.0, (n, n), 1.0).angles_rad.shape == (4,)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(5, 4), (4, 5, 4), (4,), (4, 5, 1, 1), ()])
def test_arrays_of_another_shape(shape: tuple[int, ...]) -> None:
    geometry = ParallelGeometry(3, 6, 1.0, (4, 5), 1.0)
    wrong = np.zeros(shape, dtype=np.float32)
    if shape[:2] != (4, 5) or len(shape) == 4:
        with pytest.raises(GeometryError, match="The image does not belong"):
            forward(wrong, geometry)
    for operator in (adjoint, fbp):
        with pytest.raises(GeometryError, match="The sinogram does not belong"):
            operator(wrong, geometry)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_numbers(bad: float) -> None:
    geometry = ParallelGeometry(3, 6, 1.0, (4, 5), 1.0)
    image, sinogram = np.zeros((4, 5)), np.zeros((3, 6))
    image[1, 2] = sinogram[1, 2] = bad
    with pytest.raises(GeometryError, match="NaN or infinite"):
        forward(image, geometry)
    for operator in (adjoint, fbp):
        with pytest.raises(GeometryError, match="NaN or infinite"):
            operator(sinogram, geometry)
