"""Nodules put into a scan, against closed forms on a chest whose truth is known by construction."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.ndimage as nd

from limen.data.insilico.insert import APART_MM, Lungs, find_lungs, find_place, insert_nodule
from limen.data.insilico.nodules import Nodule, draw_nodule

LUNG_HU, WALL_HU, PSF_MM = -870, 40, 1.12
SPACINGS = [(0.7, 0.7, 2.5), (0.7, 0.8, 1.25), (1.0, 1.0, 1.0)]


def sphere(diameter_mm: float, at: tuple[float, float, float], **changes: Any) -> Nodule:
    values: dict[str, Any] = {
        "kind": "solid",
        "place": "parenchymal",
        "hu": 30.0,
        "core_hu": 30.0,
        "core_fraction": 0.0,
        "lobes": np.zeros((0, 4)),
        **changes,
    }
    return Nodule(centre_mm=at, diameter_mm=diameter_mm, **values)


def open_lung(
    spacing: tuple[float, float, float], noise: float = 0.0
) -> tuple[np.ndarray, Lungs, tuple[float, float, float]]:
    """Nothing but parenchyma, 45 mm wide; the third is its centre in mm, off the grid."""
    shape = tuple(int(np.ceil(45 / s)) for s in spacing)
    hu = np.full(shape, LUNG_HU, dtype=np.float64)
    hu += noise * np.random.default_rng(7).standard_normal(shape)
    deep = np.full(shape, 30.0, dtype=np.float32)
    lungs = Lungs(np.ones(shape, bool), deep, np.zeros(shape, bool), deep + 100)
    centre = (22.31, 22.87, 22.49)
    return np.rint(hu).astype(np.int16), lungs, centre


SPACING = (0.9, 0.9, 2.5)
SHAPE = (140, 100, 30)
VESSEL_RADIUS_MM = 2.0
VESSELS_XY_MM = [(24.0, 45.0), (38.0, 45.0), (88.0, 45.0), (101.0, 45.0)]


@pytest.fixture(scope="module")
def chest() -> tuple[np.ndarray, Lungs]:
    """Two lungs, elliptic cylinders in a wall, with straight vessels along z, and noise."""
    x, y = (SPACING[0] * np.arange(SHAPE[0]))[:, None], (SPACING[1] * np.arange(SHAPE[1]))[None]
    plane = np.full(SHAPE[:2], float(WALL_HU))
    sides = np.zeros(SHAPE[:2], dtype=np.uint8)
    for side, middle in ((1, 31.0), (2, 95.0)):
        lung = ((x - middle) / 28) ** 2 + ((y - 45) / 40) ** 2 < 1
        plane[lung] = LUNG_HU
        # the rough mask is a voxel too large, as those of models are
        sides[nd.binary_dilation(lung)] = side
    for at in VESSELS_XY_MM:
        plane[np.hypot(x - at[0], y - at[1]) < VESSEL_RADIUS_MM] = WALL_HU
    hu = np.repeat(nd.gaussian_filter(plane, 0.5)[:, :, None], SHAPE[2], axis=2)
    hu += 15 * np.random.default_rng(3).standard_normal(SHAPE)
    hu = np.rint(hu).astype(np.int16)
    return hu, find_lungs(hu, np.repeat(sides[:, :, None], SHAPE[2], axis=2), SPACING)


# --- putting in -------------------------------------------------------------------------------


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("diameter", [8.0, 16.0])
def test_mask_has_the_volume_of_the_sphere(
    spacing: tuple[float, float, float], diameter: float
) -> None:
    hu, lungs, centre = open_lung(spacing)
    done = insert_nodule(hu, sphere(diameter, centre), lungs, spacing, PSF_MM)
    volume = done.truth.sum() * np.prod(spacing)
    assert volume == pytest.approx(np.pi / 6 * diameter**3, rel=0.05)
    assert done.diameter_mm == pytest.approx(diameter, rel=0.01)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_added_hu_are_contrast_times_volume(spacing: tuple[float, float, float]) -> None:
    # The blur moves HU about and makes none: the integral is that of the sharp sphere.
    hu, lungs, centre = open_lung(spacing)
    done = insert_nodule(hu, sphere(11.0, centre, hu=-20.0), lungs, spacing, PSF_MM)
    added = (done.hu.astype(float) - hu).sum() * np.prod(spacing)
    assert added == pytest.approx((-20 - LUNG_HU) * np.pi / 6 * 11.0**3, rel=0.01)


def test_core_adds_its_own_contrast() -> None:
    spacing = (0.7, 0.7, 1.25)
    hu, lungs, centre = open_lung(spacing)
    nodule = sphere(14.0, centre, kind="part-solid", hu=-500.0, core_hu=20.0, core_fraction=0.5)
    done = insert_nodule(hu, nodule, lungs, spacing, PSF_MM)
    added = (done.hu.astype(float) - hu).sum() * np.prod(spacing)
    whole, core = np.pi / 6 * 14.0**3, np.pi / 6 * 7.0**3
    assert added == pytest.approx(whole * (-500 - LUNG_HU) + core * 520, rel=0.015)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_edge_is_as_wide_as_the_scanner_makes_it(spacing: tuple[float, float, float]) -> None:
    # Second moments add: sphere r^2/5, box of the voxel s^2/12, blur in plane sigma^2.
    hu, lungs, centre = open_lung(spacing)
    psf_mm, radius = 3.0, 5.0
    done = insert_nodule(hu, sphere(2 * radius, centre), lungs, spacing, psf_mm)
    added = (done.hu.astype(float) - hu).clip(0)
    for axis, blur in ((0, psf_mm), (1, psf_mm), (2, 0.0)):
        at = spacing[axis] * np.arange(hu.shape[axis])
        along = added.sum(axis=tuple(a for a in range(3) if a != axis))
        mean = (at * along).sum() / along.sum()
        moment = ((at - mean) ** 2 * along).sum() / along.sum()
        expected = radius**2 / 5 + spacing[axis] ** 2 / 12 + (blur / 2.3548) ** 2
        assert mean == pytest.approx(centre[axis], abs=0.05)
        assert moment == pytest.approx(expected, rel=0.02)


def test_everything_out_of_reach_is_bit_identical() -> None:
    spacing = (0.7, 0.7, 2.5)
    hu, lungs, centre = open_lung(spacing, noise=25)
    before = hu.copy()
    done = insert_nodule(hu, sphere(9.0, centre), lungs, spacing, PSF_MM)
    assert (hu == before).all(), "the input was written to"
    assert done.hu.dtype == hu.dtype
    grid = np.meshgrid(*(s * np.arange(n) for s, n in zip(spacing, hu.shape, strict=True)),
                       indexing="ij")  # fmt: skip
    in_plane = np.hypot(grid[0] - centre[0], grid[1] - centre[1])
    blur = 4 * PSF_MM / 2.3548 + 0.7 * np.sqrt(2)
    far = (in_plane > 4.5 + blur) | (np.abs(grid[2] - centre[2]) > 4.5 + 1.25)
    assert (done.hu[far] == hu[far]).all()
    assert (done.hu != hu).sum() > done.truth.sum()


def test_noise_of_the_image_stays_in_the_nodule() -> None:
    spacing = (0.7, 0.7, 1.25)
    hu, lungs, centre = open_lung(spacing, noise=25)
    done = insert_nodule(hu, sphere(20.0, centre), lungs, spacing, PSF_MM)
    core = nd.binary_erosion(done.truth, iterations=4)
    assert core.sum() > 500
    added = done.hu[core].astype(float) - hu[core]
    assert added.std() < 2
    assert done.hu[core].std() == pytest.approx(25, rel=0.1)
    assert done.hu[core].mean() == pytest.approx(30, abs=4)


@pytest.mark.parametrize("hu_of", [30.0, -500.0])
def test_nothing_is_darkened_and_no_vessel_outshines(
    chest: tuple[np.ndarray, Lungs], hu_of: float
) -> None:
    hu, lungs = chest
    vessel, pleura = (24.0 + 5, 45.0, 37.0), (4.0 + 2.5, 45.0, 37.0)
    for at in (vessel, pleura):
        done = insert_nodule(hu, sphere(12.0, at, hu=hu_of), lungs, SPACING, PSF_MM)
        change = done.hu.astype(float) - hu
        assert change.min() >= 0
        smooth = nd.uniform_filter(done.hu.astype(float), (3, 3, 3))
        assert smooth.max() < WALL_HU + 60


# --- where ------------------------------------------------------------------------------------


def test_lungs_are_found_where_they_are(chest: tuple[np.ndarray, Lungs]) -> None:
    hu, lungs = chest
    area = lungs.inside.sum() * SPACING[0] * SPACING[1] / SHAPE[2]
    assert area == pytest.approx(2 * np.pi * 28 * 40, rel=0.02)
    assert (hu[lungs.inside & ~lungs.vessel & (lungs.depth_mm > 3)] < -500).all()
    labels, n = nd.label(lungs.vessel)
    assert n == len(VESSELS_XY_MM)
    centres = nd.center_of_mass(lungs.vessel, labels, range(1, n + 1))
    found = sorted((c[0] * SPACING[0], c[1] * SPACING[1]) for c in centres)
    assert np.allclose(found, sorted(VESSELS_XY_MM), atol=0.5)


def test_no_lung_no_place() -> None:
    hu = np.full((40, 40, 20), WALL_HU, dtype=np.int16)
    lungs = find_lungs(hu, np.zeros(hu.shape, dtype=np.uint8), SPACING)
    assert not lungs.inside.any()
    assert find_place(np.random.default_rng(0), sphere(6, (0, 0, 0)), lungs, SPACING) is None


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("diameter", [5.0, 11.0])
def test_place_is_what_it_says(chest: tuple[np.ndarray, Lungs], seed: int, diameter: float) -> None:
    hu, lungs = chest
    rng = np.random.default_rng(seed)
    nodules = []
    for place in ("parenchymal", "juxta-pleural", "juxta-vascular"):
        drawn = draw_nodule(rng, diameter, "solid", place)
        found = find_place(rng, drawn, lungs, SPACING, nodules)
        assert found is not None
        nodules.append(found)
        at = np.array(found.centre_mm)
        middle = 31.0 if at[0] < 63 else 95.0
        in_lung = ((at[0] - middle) / 28) ** 2 + ((at[1] - 45) / 40) ** 2
        assert in_lung < 1
        # the truth of the cylinders, not the map of distances the search uses
        to_vessel = min(np.hypot(*(at[:2] - v)) for v in np.array(VESSELS_XY_MM))
        to_vessel -= VESSEL_RADIUS_MM
        r = diameter / 2
        if place == "juxta-vascular":
            assert 0.5 * r - 1 < to_vessel < r + 1
        else:
            assert to_vessel > r - 1
        done = insert_nodule(hu, found, lungs, SPACING, PSF_MM)
        assert done.truth.any()
        assert not done.truth[:, :, [0, -1]].any()
        assert (done.truth & ~lungs.inside).sum() == 0
        if place == "juxta-pleural":
            assert 0.75 * diameter < done.diameter_mm < 0.995 * diameter
        else:
            assert done.diameter_mm == pytest.approx(diameter, rel=0.03)
    for i, one in enumerate(nodules):
        for other in nodules[:i]:
            gap = np.linalg.norm(np.subtract(one.centre_mm, other.centre_mm))
            assert gap > diameter + APART_MM


def test_same_seed_same_place(chest: tuple[np.ndarray, Lungs]) -> None:
    _, lungs = chest
    nodule = sphere(7.0, (0, 0, 0))
    one, same, other = (
        find_place(np.random.default_rng(seed), nodule, lungs, SPACING) for seed in (5, 5, 6)
    )
    assert one is not None and same is not None and other is not None
    assert one.centre_mm == same.centre_mm != other.centre_mm


def test_full_lung_has_no_place_for_one_more(chest: tuple[np.ndarray, Lungs]) -> None:
    _, lungs = chest
    big = sphere(95.0, (31.0, 45.0, 37.0))
    placed = [big, replace(big, centre_mm=(95.0, 45.0, 37.0))]
    rng = np.random.default_rng(0)
    assert find_place(rng, sphere(6.0, (0, 0, 0)), lungs, SPACING, placed) is None
