"""Every projector against its adjoint, closed forms, the plain reference and peers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ct_phantoms import GEOMETRIES, chords, disc, grid
from hypothesis import given, settings
from hypothesis import strategies as st

from limen.physics.ct import (
    ConeGeometry,
    FanGeometry,
    GeometryError,
    ParallelGeometry,
    adjoint,
    fbp,
    forward,
    rebin_helix,
    reconstruct,
    reference,
    require_views,
    views_needed,
)

PLANES = {name: g for name, g in GEOMETRIES.items() if not isinstance(g, ConeGeometry)}


def shapes(geometry: Any, slices: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if isinstance(geometry, ConeGeometry):
        return geometry.image_shape, geometry.sinogram_shape
    return (*geometry.image_shape, slices), (*geometry.sinogram_shape, slices)


@pytest.mark.parametrize("slices", [1, 5, 11])
@pytest.mark.parametrize("name", GEOMETRIES)
def test_adjoint(name: str, slices: int) -> None:
    geometry = GEOMETRIES[name]
    if isinstance(geometry, ConeGeometry) and slices > 1:
        return
    rng = np.random.default_rng(slices)
    image, sinogram = shapes(geometry, slices)
    for kind, tolerance in ((np.float32, 1e-5), (np.float64, 1e-12)):
        x = rng.standard_normal(image).astype(kind)
        y = rng.standard_normal(sinogram).astype(kind)
        ax, aty = forward(x, geometry), adjoint(y, geometry)
        assert ax.dtype == aty.dtype == kind
        scale = np.linalg.norm(ax.ravel().astype(float)) * np.linalg.norm(y.ravel().astype(float))
        left, right = np.vdot(ax.astype(float), y), np.vdot(x, aty.astype(float))
        assert abs(left - right) < tolerance * scale


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 30), st.integers(1, 40), st.floats(0.5, 4), st.integers(1, 30),
    st.integers(1, 30), st.sampled_from(["curved", "flat"]), st.floats(-3, 3), st.floats(0, 6),
    st.integers(1, 3),
)  # fmt: skip
def test_adjoint_of_any_fan(
    views: int, detectors: int, spacing: float, nx: int, ny: int, kind: Any, offset: float,
    start: float, slices: int,
) -> None:  # fmt: skip
    geometry = FanGeometry(
        views, detectors, spacing, 60.0, 100.0, (nx, ny), 1.0, kind, offset, start
    )
    rng = np.random.default_rng(views)
    x = rng.random((nx, ny, slices), dtype=np.float32)
    y = rng.random((views, detectors, slices), dtype=np.float32)
    left = np.sum(forward(x, geometry).astype(float) * y)
    right = np.sum(x.astype(float) * adjoint(y, geometry))
    assert left == pytest.approx(right, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("name", PLANES)
def test_one_slice_is_as_many(name: str) -> None:
    """Symmetries of a square (few slices) and slices side by side are two ways of computing."""
    geometry = PLANES[name]
    rng = np.random.default_rng(1)
    x = rng.random(geometry.image_shape)
    y = rng.random(geometry.sinogram_shape)
    for one, work in ((x, forward), (y, adjoint), (y, fbp)):
        many = work(np.repeat(one[:, :, None], 9, axis=2), geometry)
        alone = work(one, geometry)
        np.testing.assert_allclose(many[:, :, 0], alone, atol=1e-7 * np.abs(alone).max())
        np.testing.assert_allclose(many[:, :, 8], alone, atol=1e-7 * np.abs(alone).max())


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 40), st.integers(1, 60), st.floats(0.3, 3), st.integers(1, 40),
    st.integers(1, 40), st.integers(1, 7),
)  # fmt: skip
def test_same_as_the_plain_projector(
    views: int, detectors: int, spacing: float, nx: int, ny: int, slices: int
) -> None:
    geometry = ParallelGeometry(views, detectors, spacing, (nx, ny), 1.1)
    rng = np.random.default_rng(nx)
    x = rng.random((nx, ny, slices), dtype=np.float32)
    y = rng.random((views, detectors, slices), dtype=np.float32)
    for one, fast, plain in ((x, forward, reference.forward), (y, adjoint, reference.adjoint)):
        expected = plain(one, geometry)
        # 1e-4 of a pixel in single precision
        tolerance = 2e-4 * max(np.abs(expected).max(), 1e-6)
        np.testing.assert_allclose(fast(one, geometry), expected, atol=tolerance)


@pytest.mark.parametrize("name", PLANES)
def test_line_integrals_are_chords(name: str) -> None:
    coarse = PLANES[name]
    centre, radius = (3.0, -4.0), 9.0
    errors = []
    for finer in (2, 4):
        nx, ny = (n * finer for n in coarse.image_shape)
        geometry = replace(coarse, image_shape=(nx, ny), pixel_mm=coarse.pixel_mm / finer)
        found = forward(disc(geometry, radius, centre), geometry)
        errors.append(np.abs(found - chords(geometry, radius, centre)).mean())
    assert errors[1] < 0.03
    assert errors[1] < 0.7 * errors[0]


def test_cone_sees_the_chords_of_a_ball() -> None:
    for kind, feed in (("flat", 0.0), ("curved", 0.0), ("curved", 6.0)):
        geometry = ConeGeometry(
            30, 61, 15, 2.0, 2.0, 120.0, 240.0, (96, 96, 64), 0.5, 0.5, kind,  # type: ignore[arg-type]
            views_per_turn=30 if feed == 0 else 20, feed_mm=feed,
        )  # fmt: skip
        centre, radius = np.array([4.0, -3.0, 1.5]), 10.0
        x, y = grid(geometry)
        z = geometry.slice_positions_mm
        away = np.sqrt(
            (x[..., None] - centre[0]) ** 2 + (y[..., None] - centre[1]) ** 2 + (z - centre[2]) ** 2
        )
        ball = np.clip((radius - away) / 0.5 + 0.5, 0, 1).astype(np.float32)
        # source and detector element as points in space
        beta, z0 = geometry.angles_rad, geometry.source_z_mm
        source = np.stack([-120 * np.sin(beta), 120 * np.cos(beta), z0], axis=-1)
        u = (np.arange(61) - 30) * 2.0
        w = (np.arange(15) - 7) * 2.0
        inward = np.stack([np.sin(beta), -np.cos(beta), 0 * beta], axis=-1)
        across = np.stack([np.cos(beta), np.sin(beta), 0 * beta], axis=-1)
        if kind == "flat":
            plane = 240 * inward[:, None] + u[None, :, None] * across[:, None]
        else:
            plane = 240 * (
                np.cos(u / 240)[None, :, None] * inward[:, None]
                + np.sin(u / 240)[None, :, None] * across[:, None]
            )
        ray = plane[:, :, None] + w[None, None, :, None] * np.array([0, 0, 1.0])
        ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
        to = centre - source
        foot = (ray * to[:, None, None]).sum(axis=-1)
        off2 = (to**2).sum(axis=-1)[:, None, None] - foot**2
        expected = 2 * np.sqrt(np.maximum(radius**2 - off2, 0))
        found = forward(ball, geometry)
        assert expected.max() > 15
        assert np.abs(found - expected).mean() < 0.05
        assert np.abs(found - expected)[expected > 8].max() < 0.6


@pytest.mark.parametrize("name", ["fan, curved", "fan, flat", "fan, quarter offset", "fan, turned"])
def test_fan_recovers_a_disc_from_its_chords(name: str) -> None:
    some = PLANES[name]
    for shape in ((72, 72), (71, 71), (72, 61)):
        geometry = replace(some, n_views=360, n_detectors=161, detector_spacing_mm=1.2,
                           image_shape=shape)  # fmt: skip
        image = fbp(0.02 * chords(geometry, 14.0, (6.0, -5.0)), geometry, "hann")
        x, y = grid(geometry)
        away = np.hypot(x - 6, y + 5)
        inside, outside = away < 12, (away > 17) & (np.hypot(x, y) < 34)
        assert image[inside].mean() == pytest.approx(0.02, rel=3e-3)
        assert np.abs(image[inside] - 0.02).max() < 0.02 * 0.03
        assert np.abs(image[outside]).max() < 0.02 * 0.03


@pytest.mark.parametrize("kind", ["curved", "flat"])
def test_fdk_recovers_a_ball(kind: Any) -> None:
    geometry = ConeGeometry(
        180, 101, 21, 1.8, 2.0, 250.0, 450.0, (72, 72, 16), 1.0, 1.0, kind
    )  # fmt: skip
    x, y = grid(geometry)
    away = np.sqrt(
        ((x - 6) ** 2 + (y + 5) ** 2)[..., None] + (geometry.slice_positions_mm - 1) ** 2
    )
    ball = np.clip(6 - away + 0.5, 0, 1).astype(np.float32)
    image = reconstruct(forward(ball, geometry), geometry, "shepp-logan")
    assert image[away < 4].mean() == pytest.approx(1, abs=0.01)
    assert np.abs(image[(away > 9) & (away < 25)]).mean() < 0.01


@pytest.mark.parametrize("kind", ["curved", "flat"])
def test_fdk_of_one_row_is_the_fan(kind: Any) -> None:
    geometry = ConeGeometry(120, 101, 1, 1.8, 1.0, 250.0, 450.0, (60, 60, 1), 1.0, 1e-3, kind)
    lines = 0.02 * chords(geometry.fan(), 14.0, (6.0, -5.0))
    cone = reconstruct(lines[:, :, None], geometry)
    np.testing.assert_allclose(cone[:, :, 0], fbp(lines, geometry.fan()), atol=2e-5)


@pytest.mark.parametrize(("kind", "feed"), [("curved", 12.0), ("flat", 12.0), ("curved", -15.0)])
def test_helix_recovers_a_ball(kind: Any, feed: float) -> None:
    geometry = ConeGeometry(
        500, 101, 13, 1.8, 2.0, 250.0, 450.0, (72, 72, 12), 1.0, 1.0, kind,
        views_per_turn=120, feed_mm=feed, start_rad=0.4,
    )  # fmt: skip
    x, y = grid(geometry)
    away = np.sqrt(
        ((x - 6) ** 2 + (y + 5) ** 2)[..., None] + (geometry.slice_positions_mm - 1) ** 2
    )
    ball = np.clip(6 - away + 0.5, 0, 1).astype(np.float32)
    image = reconstruct(forward(ball, geometry), geometry, "shepp-logan")
    assert image[away < 4].mean() == pytest.approx(1, abs=0.01)
    assert np.abs(image[(away > 9) & (away < 25)]).mean() < 0.01


def test_helix_says_what_it_does_not_cover() -> None:
    geometry = ConeGeometry(
        120, 61, 5, 2.6, 3.0, 120.0, 240.0, (32, 32, 40), 1.0, 1.5, views_per_turn=60, feed_mm=5.0
    )
    with pytest.raises(GeometryError, match=r"from all sides.*keep to z from -?\d"):
        rebin_helix(np.zeros(geometry.sinogram_shape), geometry)


def test_a_whole_turn_is_twice_the_half_turn() -> None:
    half = ParallelGeometry(60, 81, 0.9, (50, 50), 1.0)
    whole = replace(half, n_views=120, arc_rad=2 * np.pi)
    x = np.random.default_rng(3).random((50, 50), dtype=np.float32)
    turned = forward(x, whole)
    np.testing.assert_allclose(turned[:60], forward(x, half), atol=2e-4)
    np.testing.assert_allclose(turned[60:], turned[:60, ::-1], atol=2e-4)
    np.testing.assert_allclose(fbp(turned, whole), fbp(turned[:60], half), atol=2e-5)


def test_single_precision_is_enough() -> None:
    for geometry in PLANES.values():
        x = np.random.default_rng(4).random(geometry.image_shape)
        exact = forward(x, geometry)
        assert np.abs(forward(x.astype(np.float32), geometry) - exact).max() < 2e-5 * exact.max()


def test_same_as_scikit_image() -> None:
    transform = pytest.importorskip("skimage.transform")
    n = 101
    geometry = ParallelGeometry(90, n, 1.0, (n, n), 1.0)
    image = 0.02 * disc(geometry, 30.0, (9.0, -4.0)) + 0.01 * disc(geometry, 8.0, (-10.0, 5.0))
    # its rows grow against our y, its columns with our x
    theirs = transform.radon(image.T[::-1], np.degrees(geometry.angles_rad), circle=True).T
    ours = forward(image, geometry)
    assert np.abs(ours - theirs).mean() < 0.01 * ours.max()
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.9995


# --- what is wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"source_to_centre_mm": 20.0}, "source would pass through the image"),
        ({"source_to_detector_mm": 100.0}, "beyond the centre"),
        ({"source_to_detector_mm": float("nan")}, "positive length"),
        ({"detector": "round"}, "No such detector"),
        ({"detector_offset_mm": float("inf")}, "finite"),
        ({"detector_spacing_mm": 20.0}, "wider than 180"),
        ({"n_views": 0}, "whole numbers"),
        ({"image_shape": (4, 4, 4)}, "whole numbers"),
    ],
)
def test_fans_that_cannot_be(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(GeometryError, match=words):
        replace(GEOMETRIES["fan, curved"], **fields)


@pytest.mark.parametrize(
    "fields",
    [{"n_rows": 0}, {"row_spacing_mm": -1.0}, {"feed_mm": 5.0}, {"slice_mm": 0.0},
     {"views_per_turn": -1}, {"views_per_turn": 2.5}, {"feed_mm": float("nan")},
     {"image_shape": (32, 32)}],
)  # fmt: skip
def test_cones_that_cannot_be(fields: dict[str, Any]) -> None:
    with pytest.raises(GeometryError, match="found: "):
        replace(GEOMETRIES["cone, curved"], **fields)


@pytest.mark.parametrize("arc", [0, -1.0, 7.0, float("nan")])
def test_arcs_that_cannot_be(arc: float) -> None:
    with pytest.raises(GeometryError, match="arc"):
        replace(GEOMETRIES["parallel"], arc_rad=arc)


def test_an_arc_that_measures_some_lines_twice_is_not_reconstructed() -> None:
    geometry = replace(GEOMETRIES["parallel"], arc_rad=4.0)
    with pytest.raises(GeometryError, match="once and some twice"):
        fbp(np.zeros(geometry.sinogram_shape), geometry)


def test_a_part_of_a_circle_is_not_reconstructed() -> None:
    geometry = replace(GEOMETRIES["cone, curved"], views_per_turn=48)
    with pytest.raises(GeometryError, match="full circle"):
        reconstruct(np.zeros(geometry.sinogram_shape), geometry)


@pytest.mark.parametrize("name", GEOMETRIES)
def test_arrays_of_another_shape(name: str) -> None:
    geometry = GEOMETRIES[name]
    image, sinogram = shapes(geometry, 1)
    with pytest.raises(GeometryError, match="image does not belong"):
        forward(np.zeros((image[0] + 1, *image[1:])), geometry)
    for work in (adjoint, reconstruct):
        with pytest.raises(GeometryError, match="sinogram does not belong"):
            work(np.zeros((sinogram[0], sinogram[1] + 1, *sinogram[2:])), geometry)
    wrong = np.zeros(sinogram, np.float32)
    wrong.flat[3] = np.nan
    with pytest.raises(GeometryError, match="NaN or infinite"):
        adjoint(wrong, geometry)


def test_views_needed() -> None:
    geometry = ParallelGeometry(100, 400, 1.0, (256, 256), 1.0)
    assert views_needed(geometry, 300) == int(np.ceil(np.pi / 2 * 300))
    with pytest.raises(GeometryError, match=r"100 views.*at least 236"):
        require_views(geometry, 300)
    require_views(geometry, 100)


def test_values_too_great_for_a_sum_are_not_taken_for_infinite() -> None:
    geometry = GEOMETRIES["parallel"]
    image = np.full(geometry.image_shape, 1e306)
    assert np.isfinite(forward(image, geometry)).all()
