"""Model space and back, against closed forms, SimpleITK, and what must never change."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from limen.data.resample import (
    labels_to_image_space,
    scores_to_image_space,
    to_image_space,
    to_model_space,
)
from limen.data.volume import Geometry, Volume

SHAPE = (30, 26, 14)
STRAIGHT = np.eye(3)


def rotation(a: float, b: float, c: float) -> np.ndarray:
    about_x = [[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]]
    about_y = [[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]]
    about_z = [[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]]
    return np.array(about_x) @ about_y @ about_z


def affine(turn: Any = STRAIGHT, spacing: Any = (0.7, 0.8, 2.5), tilt: float = 0) -> np.ndarray:
    slant = np.eye(3)
    slant[1, 2] = np.tan(tilt)
    result = np.eye(4)
    result[:3, :3] = turn @ slant @ np.diag(spacing)
    result[:3, 3] = (-90, 40, -300)
    return result


GRIDS = {
    "straight": affine(),
    "isotropic": affine(spacing=(1.2, 1.2, 1.2)),
    "oblique": affine(rotation(0.2, -0.3, 0.5)),
    "sagittal": affine(np.array([[0, 0, 1.0], [1, 0, 0], [0, -1, 0]])),
    "mirrored": affine(np.diag([-1.0, 1, -1])),
    "tilted": affine(tilt=np.radians(20)),
    "tilted and oblique": affine(rotation(0.1, 0.2, -0.3), tilt=np.radians(-12)),
}
every_grid = pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS.keys())
SPACINGS = [None, (1.0, 1.0, 2.5), (0.5, 0.5, 1.0), (2.0, 2.0, 2.0), (1.5, 0.6, 4.0)]


def positions(geometry: Geometry) -> np.ndarray:
    """(..., 3) LPS mm of every voxel."""
    index = np.stack(np.meshgrid(*map(np.arange, geometry.shape), indexing="ij"), axis=-1)
    return index @ geometry.affine_lps_mm[:3, :3].T + geometry.affine_lps_mm[:3, 3]


def inside(geometry: Geometry, places: np.ndarray, margin: float) -> np.ndarray:
    """Whether places lie at least ``margin`` voxels inside the outermost voxel centres."""
    index = (places - geometry.affine_lps_mm[:3, 3]) @ np.linalg.inv(
        geometry.affine_lps_mm[:3, :3]
    ).T
    return ((index >= margin) & (index <= np.array(geometry.shape) - 1 - margin)).all(axis=-1)


def centre_of_mass(volume: Volume) -> np.ndarray:
    weights = volume.values.astype(float)[..., None]
    return (positions(volume.geometry) * weights).sum(axis=(0, 1, 2)) / weights.sum()


def mass(volume: Volume) -> float:
    return float(volume.values.sum(dtype=float)) * volume.geometry.voxel_volume_mm3


def blob(geometry: Geometry, sigma_mm: float = 3.5) -> Volume:
    at = positions(geometry)
    centre = at.reshape(-1, 3).mean(axis=0) + np.array([0.9, -0.7, 1.1])
    values = 100 * np.exp(-(((at - centre) / sigma_mm) ** 2).sum(axis=-1) / 2)
    return Volume(values.astype(np.float32), geometry)


# --- nothing to interpolate -------------------------------------------------------------------


@pytest.mark.parametrize("order", list(permutations(range(3))))
@given(st.tuples(*[st.booleans()] * 3), st.floats(-0.4, 0.4), st.floats(-0.4, 0.4))
@settings(max_examples=10)
def test_no_spacing_only_turns_the_axes(order: Any, flips: Any, a: float, b: float) -> None:
    # an axis permutation and reversal of a grid that is less than 45 degrees off the axes
    values = np.random.default_rng(0).integers(-1000, 1000, SHAPE).astype(np.int16)
    base = affine(rotation(a, b, 0.1))
    step = np.eye(4)[:, [*order, 3]]
    for axis, flip in enumerate(flips):
        if flip:
            step[:, 3] += step[:, axis] * (SHAPE[order[axis]] - 1)
            step[:, axis] *= -1
    stored = np.flip(np.transpose(values, order), [x for x in range(3) if flips[x]])
    model = to_model_space(Volume(stored, Geometry(base @ step, stored.shape)))
    np.testing.assert_array_equal(model.values, values)
    np.testing.assert_allclose(model.geometry.affine_lps_mm, base, atol=1e-9)
    assert model.values.dtype == np.float32
    back = to_image_space(model.values, model.geometry, Geometry(base @ step, stored.shape))
    np.testing.assert_array_equal(back, stored)


@pytest.mark.parametrize("orientation", ["LPS", "RAS", "LAS", "SPL", "AIR", "PSR"])
def test_axes_grow_towards_the_letters(orientation: str) -> None:
    model = to_model_space(
        Volume(np.zeros(SHAPE, np.float32), Geometry(GRIDS["oblique"], SHAPE)), None, orientation
    )
    unit = {"L": [1, 0, 0], "P": [0, 1, 0], "S": [0, 0, 1]}
    unit |= {"R": [-1, 0, 0], "A": [0, -1, 0], "I": [0, 0, -1]}
    for axis, letter in enumerate(orientation):
        column = model.geometry.affine_lps_mm[:3, axis]
        cosines = {name: column @ np.array(v) for name, v in unit.items()}
        assert max(cosines, key=lambda name: cosines[name]) == letter


@every_grid
def test_own_spacing_is_exact(grid: np.ndarray) -> None:
    volume = Volume(
        np.random.default_rng(1).normal(size=SHAPE).astype(np.float32), Geometry(grid, SHAPE)
    )
    if not volume.geometry.is_orthogonal:
        pytest.skip("a sheared grid is straightened")
    turned = to_model_space(volume)
    again = to_model_space(volume, turned.geometry.spacing_mm)
    np.testing.assert_array_equal(turned.values, again.values)


@pytest.mark.parametrize("orientation", ["LLP", "LP", "LPX", "lps", ""])
def test_no_orientation(orientation: str) -> None:
    volume = Volume(np.zeros(SHAPE, np.float32), Geometry(affine(), SHAPE))
    with pytest.raises(ValueError, match="orientation must name three different axes"):
        to_model_space(volume, None, orientation)


@pytest.mark.parametrize("spacing", [(0, 1, 1), (1, -1, 1), (1, 1, np.nan), (1, 1, np.inf)])
def test_no_spacing(spacing: Any) -> None:
    volume = Volume(np.zeros(SHAPE, np.float32), Geometry(affine(), SHAPE))
    with pytest.raises(ValueError, match="spacing_mm must be positive"):
        to_model_space(volume, spacing)


# --- laws of the interpolation ----------------------------------------------------------------


@every_grid
@pytest.mark.parametrize("spacing", SPACINGS)
def test_grid_keeps_its_centre_extent_and_direction(grid: np.ndarray, spacing: Any) -> None:
    volume = Volume(np.zeros(SHAPE, np.float32), Geometry(grid, SHAPE))
    model = to_model_space(volume, spacing).geometry
    assert model.is_orthogonal
    if spacing is not None:
        np.testing.assert_allclose(model.spacing_mm, spacing)
    np.testing.assert_allclose(
        positions(model).reshape(-1, 3).mean(axis=0),
        positions(volume.geometry).reshape(-1, 3).mean(axis=0),
        atol=1e-6,
    )
    # every voxel of the image lies in the field of view of the model
    index = (
        positions(volume.geometry).reshape(-1, 3) - model.affine_lps_mm[:3, 3]
    ) @ np.linalg.inv(model.affine_lps_mm[:3, :3]).T
    assert index.min() > -1.001
    assert (index.max(axis=0) < np.array(model.shape) + 0.001).all()


@every_grid
@pytest.mark.parametrize("spacing", SPACINGS)
def test_linear_ramp_is_reproduced_inside(grid: np.ndarray, spacing: Any) -> None:
    geometry = Geometry(grid, SHAPE)
    slope = np.array([3.0, -2.0, 1.5])
    ramp = Volume((positions(geometry) @ slope).astype(np.float32), geometry)
    model = to_model_space(ramp, spacing)
    at = positions(model.geometry)
    refined = spacing in (None, (0.5, 0.5, 1.0))
    # the edge is repeated beyond the image, and no ramp survives where a Gaussian reaches it
    margin = 0 if refined and geometry.is_orthogonal else 4 if refined else 7
    safe = inside(geometry, at, margin)
    assert safe.any() or not refined
    np.testing.assert_allclose(model.values[safe], (at @ slope)[safe], atol=0.02)
    if refined:
        back = to_image_space(model.values, model.geometry, geometry)
        deep = inside(geometry, positions(geometry), 5)
        np.testing.assert_allclose(back[deep], ramp.values[deep], atol=0.02)


def test_ramp_when_coarsened_has_no_shift() -> None:
    # long enough that the middle never feels the edges
    geometry = Geometry(np.diag([1.0, 1, 1, 1]), (60, 4, 4))
    ramp = Volume(positions(geometry)[..., 0].astype(np.float32), geometry)
    model = to_model_space(ramp, (3.0, 1.0, 1.0))
    at = positions(model.geometry)[..., 0]
    np.testing.assert_allclose(model.values[5:-5], at[5:-5], atol=1e-4)


@every_grid
@pytest.mark.parametrize("spacing", SPACINGS)
def test_a_blob_keeps_its_place_and_mass_in_the_patient(grid: np.ndarray, spacing: Any) -> None:
    volume = blob(Geometry(grid, (60, 52, 20)))
    model = to_model_space(volume, spacing)
    # a tenth of the finest spacing; truncation at the border of the field is less
    np.testing.assert_allclose(centre_of_mass(model), centre_of_mass(volume), atol=0.05)
    assert mass(model) == pytest.approx(mass(volume), rel=0.01)
    back = Volume(to_image_space(model.values, model.geometry, volume.geometry), volume.geometry)
    np.testing.assert_allclose(centre_of_mass(back), centre_of_mass(volume), atol=0.08)


@every_grid
@pytest.mark.parametrize("spacing", SPACINGS)
def test_constant_stays_constant_up_to_the_border(grid: np.ndarray, spacing: Any) -> None:
    volume = Volume(np.full(SHAPE, -1024.0, np.float32), Geometry(grid, SHAPE))
    model = to_model_space(volume, spacing)
    np.testing.assert_allclose(model.values, -1024, atol=2e-3)
    back = to_image_space(model.values, model.geometry, volume.geometry)
    np.testing.assert_allclose(back, -1024, atol=2e-3)
    assert back.shape == SHAPE


def test_coarsening_smooths_to_the_new_voxels_profile() -> None:
    # Cardoso et al.: a Gaussian profile of the old width becomes one of the new width (FWHM).
    geometry = Geometry(np.diag([0.25, 1, 1, 1]), (400, 3, 3))
    at = positions(geometry)[..., 0]
    old, new = 0.25, 2.0
    sigma = 1.5
    centre = at.mean()
    values = np.exp(-((at - centre) ** 2) / (2 * sigma**2)).astype(np.float32)
    model = to_model_space(Volume(values, geometry), (new, 1.0, 1.0))
    found = model.values[:, 1, 1].astype(float)
    x = positions(model.geometry)[:, 1, 1, 0]
    variance = (found * (x - centre) ** 2).sum() / found.sum()
    per_fwhm = 1 / (8 * np.log(2))
    # the linear interpolation itself adds the variance of its place within a voxel, under 1/4
    assert variance == pytest.approx(sigma**2 + (new**2 - old**2) * per_fwhm, rel=0.02)


def test_coarsening_noise_does_not_alias() -> None:
    noise = np.random.default_rng(3).normal(0, 100, (64, 64, 16)).astype(np.float32)
    fine = Geometry(np.diag([0.5, 0.5, 2, 1]), noise.shape)
    model = to_model_space(Volume(noise, fine), (2, 2, 2))
    # picking every fourth voxel would leave 100
    assert model.values.std() < 40


@pytest.mark.parametrize("shape", [(1, 8, 8), (8, 1, 8), (8, 8, 1), (1, 1, 1)])
def test_one_voxel_along_an_axis(shape: Any) -> None:
    values = np.random.default_rng(2).normal(size=shape).astype(np.float32)
    volume = Volume(values, Geometry(affine(), shape))
    for spacing in SPACINGS:
        model = to_model_space(volume, spacing)
        assert np.isfinite(model.values).all()
        back = to_image_space(model.values, model.geometry, volume.geometry)
        assert back.shape == shape


@pytest.mark.parametrize("name", ["straight", "oblique", "sagittal", "mirrored"])
@pytest.mark.parametrize("factors", [(0.7, 0.6, 0.4), (1.0, 0.5, 0.8), (0.43, 1.0, 1.0)])
def test_refining_is_simpleitks_linear_interpolation(name: str, factors: Any) -> None:
    itk = pytest.importorskip("SimpleITK")
    values = np.random.default_rng(4).normal(0, 100, SHAPE).astype(np.float32)
    source = Geometry(GRIDS[name], SHAPE)
    # only refined along every axis: where it is coarsened Limen smooths, and SimpleITK does not
    own = np.array(to_model_space(Volume(values, source)).geometry.spacing_mm)
    spacing = tuple(own * factors)
    model = to_model_space(Volume(values, source), spacing)
    image = itk.GetImageFromArray(values.transpose(2, 1, 0))
    axes = source.affine_lps_mm[:3, :3] / np.array(source.spacing_mm)
    image.SetSpacing(source.spacing_mm)
    image.SetOrigin(source.affine_lps_mm[:3, 3].tolist())
    image.SetDirection(axes.ravel().tolist())
    target = model.geometry
    expected = itk.GetArrayFromImage(
        itk.Resample(
            image,
            target.shape,
            itk.Transform(),
            itk.sitkLinear,
            target.affine_lps_mm[:3, 3].tolist(),
            target.spacing_mm,
            (target.affine_lps_mm[:3, :3] / np.array(target.spacing_mm)).ravel().tolist(),
            -9999.0,
        )
    ).transpose(2, 1, 0)
    both = inside(source, positions(target), 1e-4)
    assert both.mean() > 0.7
    np.testing.assert_allclose(model.values[both], expected[both], atol=0.02)


def test_a_tilted_gantry_is_straightened_by_scipys_linear_interpolation() -> None:
    values = np.random.default_rng(5).normal(0, 100, SHAPE).astype(np.float32)
    source = Geometry(GRIDS["tilted"], SHAPE)
    model = to_model_space(Volume(values, source), (0.7, 0.8, 2.0))
    back = np.linalg.inv(source.affine_lps_mm) @ model.geometry.affine_lps_mm
    index = np.stack(np.meshgrid(*map(np.arange, model.geometry.shape), indexing="ij"))
    places = np.tensordot(back[:3, :3], index, axes=1) + back[:3, 3][:, None, None, None]
    expected = ndimage.map_coordinates(values, places, order=1, mode="nearest")
    both = inside(source, positions(model.geometry), 0)
    np.testing.assert_allclose(model.values[both], expected[both], atol=0.05)


# --- labels -----------------------------------------------------------------------------------


def ball(geometry: Geometry, radius_mm: float) -> np.ndarray:
    at = positions(geometry)
    centre = at.reshape(-1, 3).mean(axis=0)
    return np.linalg.norm(at - centre, axis=-1) <= radius_mm


@every_grid
def test_scores_of_a_ball_come_back_as_the_ball(grid: np.ndarray) -> None:
    image = Geometry(grid, (48, 44, 20))
    model = to_model_space(Volume(np.zeros(image.shape, np.float32), image), (0.8, 0.8, 0.8))
    at = positions(model.geometry)
    distance = np.linalg.norm(at - positions(image).reshape(-1, 3).mean(axis=0), axis=-1)
    score = 1 / (1 + np.exp(distance - 9.0))
    truth = ball(image, 9.0)
    for labels in (
        scores_to_image_space([1 - score, score], model.geometry, image, [0, 3]),
        scores_to_image_space([score], model.geometry, image, [3], threshold=0.5),
    ):
        assert labels.geometry is image
        assert labels.values.dtype == np.uint8
        wrong = (labels.values == 3) ^ truth
        edge = np.abs(
            np.linalg.norm(positions(image) - positions(image).reshape(-1, 3).mean(axis=0), axis=-1)
            - 9.0
        )
        assert edge[wrong].max(initial=0) < 0.15


def test_highest_score_wins_and_the_first_when_equal() -> None:
    geometry = Geometry(np.eye(4), (3, 1, 1))
    scores = np.array([[0.5, 0.2, 0.3], [0.5, 0.7, 0.3], [0.1, 0.1, 0.4]])[:, :, None, None]
    argmax = scores_to_image_space(list(scores), geometry, geometry, [0, 1, 300])
    assert argmax.values.ravel().tolist() == [0, 1, 300]
    assert argmax.values.dtype == np.uint16
    over = scores_to_image_space(list(scores), geometry, geometry, [1, 2, 4], threshold=0.5)
    assert over.values.ravel().tolist() == [1, 2, 0]


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.floats(0.1, 0.9) | st.none())
def test_scores_on_one_grid_are_numpys_argmax(seed: int, threshold: float | None) -> None:
    scores = np.random.default_rng(seed).random((4, 3, 4, 5)).astype(np.float32)
    scores.setflags(write=False)  # they are the caller's
    geometry = Geometry(np.eye(4), (3, 4, 5))
    found = scores_to_image_space(
        iter(scores), geometry, geometry, [5, 1, 2, 9], threshold=threshold
    ).values
    expected = np.array([5, 1, 2, 9])[scores.argmax(axis=0)]
    if threshold is not None:
        expected[scores.max(axis=0) < np.float32(threshold)] = 0
    np.testing.assert_array_equal(found, expected)


def test_number_of_channels_and_shape_must_fit() -> None:
    geometry = Geometry(np.eye(4), (3, 4, 5))
    channel = np.zeros((3, 4, 5), np.float32)
    with pytest.raises(ValueError, match="zip"):
        scores_to_image_space([channel], geometry, geometry, [0, 1])
    with pytest.raises(ValueError, match="do not lie on a grid"):
        to_image_space(channel[:2], geometry, geometry)


@every_grid
def test_label_volumes_survive_the_way_back(grid: np.ndarray) -> None:
    image = Geometry(grid, (48, 44, 20))
    model = to_model_space(Volume(np.zeros(image.shape, np.float32), image), (1.0, 1.0, 1.0))
    inner, outer = ball(model.geometry, 6.0), ball(model.geometry, 10.0)
    labels = Volume(np.where(inner, 7, np.where(outer, 2, 0)).astype(np.uint8), model.geometry)
    found = labels_to_image_space(labels, image)
    assert set(np.unique(found.values)) == {0, 2, 7}
    assert found.values.dtype == np.uint8
    for value in (2, 7):
        before = (labels.values == value).sum() * model.geometry.voxel_volume_mm3
        after = (found.values == value).sum() * image.voxel_volume_mm3
        assert after == pytest.approx(before, rel=0.1)


def test_labels_on_the_same_grid_are_untouched() -> None:
    values = np.random.default_rng(0).integers(0, 500, SHAPE).astype(np.uint16)
    labels = Volume(values, Geometry(affine(), SHAPE))
    assert labels_to_image_space(labels, Geometry(affine(), SHAPE)).values is values
