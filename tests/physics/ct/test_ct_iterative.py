"""Iterative reconstruction: convergence, fixed points, and what total variation does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ct_phantoms import FAN, PARALLEL, disc

from limen.physics.ct import GeometryError, add_dose_noise, adjoint, fbp, forward
from limen.physics.ct.iterative import os_sart, sirt, total_variation

GEOMETRIES = {"parallel": replace(PARALLEL, n_views=60), "fan": replace(FAN, n_views=60)}


def phantom(geometry: Any) -> np.ndarray:
    body = 0.02 * disc(geometry, 16.0, (2.0, 1.0)) + 0.01 * disc(geometry, 5.0, (-4.0, 3.0))
    return body.astype(np.float32)


@pytest.mark.parametrize("name", GEOMETRIES)
def test_residuals_fall_and_the_image_is_found(name: str) -> None:
    geometry = GEOMETRIES[name]
    truth = phantom(geometry)
    data = forward(truth, geometry)
    left: list[float] = []
    image = sirt(data, geometry, 60, non_negative=False, progress=lambda _, v: left.append(v))
    assert (np.diff(left) < 0).all()
    assert np.sqrt(((image - truth) ** 2).mean()) < 0.05 * 0.02
    fast = os_sart(data, geometry, 8, subsets=10)
    assert np.sqrt(((fast - truth) ** 2).mean()) < 0.05 * 0.02


@pytest.mark.parametrize("name", GEOMETRIES)
def test_the_truth_is_a_fixed_point(name: str) -> None:
    geometry = GEOMETRIES[name]
    truth = phantom(geometry)
    data = forward(truth, geometry)
    for image in (
        sirt(data, geometry, 3, start=truth),
        os_sart(data, geometry, 2, subsets=6, start=truth),
        total_variation(data, geometry, 3, weight=0.0, start=truth),
    ):
        np.testing.assert_allclose(image, truth, atol=2e-6)


def test_total_variation_finds_the_minimum_of_its_objective() -> None:
    geometry = GEOMETRIES["parallel"]
    data = add_dose_noise(forward(phantom(geometry), geometry), 2e3, 0, 1).astype(np.float64)
    values: list[float] = []
    weight = 0.3
    start = os_sart(data, geometry, 4, subsets=10)
    image = total_variation(
        data, geometry, 150, weight=weight, start=start, progress=lambda _, v: values.append(v)
    )
    assert values[-1] < values[0]
    assert abs(values[-1] - values[-30]) < 2e-3 * values[-1]

    def objective(x: np.ndarray) -> float:
        gx = np.diff(x, axis=0, append=x[-1:])
        gy = np.diff(x, axis=1, append=x[:, -1:])
        rest = forward(x, geometry) - data
        return float(0.5 * (rest**2).sum() + weight * np.sqrt(gx**2 + gy**2).sum())

    assert objective(image) == pytest.approx(values[-1], rel=1e-6)
    rng = np.random.default_rng(0)
    for size in (1e-4, 1e-3):
        for _ in range(5):
            other = np.maximum(image + size * rng.standard_normal(image.shape), 0)
            assert objective(other) > objective(image) - 1e-6 * values[-1]


def test_total_variation_is_quieter_at_equal_edges() -> None:
    geometry = GEOMETRIES["parallel"]
    truth = phantom(geometry)
    data = add_dose_noise(forward(truth, geometry), 2e3, 0, 1)
    start = os_sart(data, geometry, 4, subsets=10)
    image = total_variation(data, geometry, 60, weight=0.3, start=start)
    plain = fbp(data, geometry, "ramp")
    assert ((image - truth) ** 2).mean() < 0.2 * ((plain - truth) ** 2).mean()


def test_slices_are_reconstructed_apart() -> None:
    geometry = GEOMETRIES["fan"]
    truth = phantom(geometry)
    data = forward(np.stack([truth, 2 * truth], axis=2), geometry)
    both = os_sart(data, geometry, 2, subsets=6)
    np.testing.assert_allclose(
        both[:, :, 0], os_sart(data[:, :, 0], geometry, 2, subsets=6), atol=1e-6
    )
    np.testing.assert_allclose(both[:, :, 1], 2 * both[:, :, 0], atol=1e-5)


def test_least_squares_is_where_the_gradient_vanishes() -> None:
    geometry = replace(PARALLEL, image_shape=(12, 12), n_views=40)
    data = np.random.default_rng(1).random(geometry.sinogram_shape)
    image = total_variation(data, geometry, 500, weight=0.0)
    gradient = adjoint(forward(image, geometry) - data, geometry)
    scale = np.abs(adjoint(data, geometry)).max()
    assert np.abs(gradient[image > 1e-6]).max() < 2e-2 * scale
    assert (gradient[image <= 1e-6] > -2e-2 * scale).all()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda g, b: sirt(b, g, 0),
        lambda g, b: sirt(b, g, 1, relaxation=2.0),
        lambda g, b: os_sart(b, g, 1, subsets=7),
        lambda g, b: os_sart(b, g, 1, subsets=0),
        lambda g, b: total_variation(b, g, 0, weight=1.0),
        lambda g, b: total_variation(b, g, 1, weight=-1.0),
        lambda g, b: total_variation(b, g, 1, weight=float("nan")),
        lambda g, b: sirt(b[:-1], g, 1),
    ],
)
def test_what_cannot_be(wrong: Any) -> None:
    geometry = GEOMETRIES["parallel"]
    with pytest.raises(GeometryError, match="found: "):
        wrong(geometry, np.zeros(geometry.sinogram_shape, np.float32))
