"""Conditions read off images, against the level that each image was made with."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage as ndi
from ct_phantoms import disc, grid

from limen.physics.ct.acquisition import Acquisition
from limen.physics.ct.blur import Softening
from limen.physics.ct.dose import Dose
from limen.physics.ct.motion import Motion
from limen.physics.ct.photons import photons_of_image
from limen.physics.ct.reading_artefacts import air_unrest_hu, ring_level, views_seen
from limen.physics.ct.reading_edges import resolution
from limen.physics.ct.reading_noise import (
    local_noise_hu,
    noise_level,
    noise_power_spectrum,
    slice_thickness,
)
from limen.physics.ct.rings import Rings
from limen.physics.ct.sparse import Views
from limen.physics.ct.thickness import SliceThickness
from limen.physics.reading import ReadingError, calibrate

PIXEL = 1.0
ACQUISITION = Acquisition.of_image((192, 192), PIXEL, 480, photons_per_ray=2e5)
X, Y = grid(ACQUISITION.geometry)


def chest(seed: int) -> np.ndarray:
    """An oval of soft tissue with lungs, a spine, vessels and a little texture."""
    rng = np.random.default_rng(seed)
    a, b = rng.uniform(74, 84), rng.uniform(56, 66)
    oval = np.clip((1 - np.hypot(X / a, Y / b)) * b + 0.5, 0, 1)
    image = -1000 + 1040 * oval
    for side in (-1, 1):
        lung = np.clip((1 - np.hypot((X - side * 0.5 * a) / (0.3 * a), Y / (0.65 * b))) * 20, 0, 1)
        image += -880 * lung
    image += 500 * disc(ACQUISITION.geometry, 9.0, (0.0, 0.62 * b), 4)
    for _ in range(25):
        where = (rng.uniform(-0.7 * a, 0.7 * a), rng.uniform(-0.5 * b, 0.5 * b))
        image += rng.uniform(20, 120) * disc(ACQUISITION.geometry, rng.uniform(1, 4), where, 4)
    image += oval * ndi.gaussian_filter(rng.normal(0, 40, X.shape), 4)
    return image.astype(np.float32)


CHESTS = [chest(seed) for seed in (1, 2, 3)]


@pytest.mark.parametrize("fraction", [0.5, 0.1, 0.03])
def test_noise_level(fraction: float) -> None:
    for k, image in enumerate(CHESTS):
        dose = Dose(ACQUISITION)
        noisy = dose.insert(image, dose.draw(fraction, k)).data
        added = noisy - image
        tissue = (ndi.gaussian_filter(image, 2) > -50) & (np.hypot(X, Y) < 50)
        found = noise_level(noisy, PIXEL)
        assert found.value is not None
        assert found.value == pytest.approx(
            np.median(local_noise_hu(added, PIXEL)[tissue]), rel=0.3
        )
    levels = [
        noise_level(dose.insert(CHESTS[0], dose.draw(f, 9)).data, PIXEL).value
        for f in (0.5, 0.1, 0.02)
    ]
    assert levels == sorted(levels)  # type: ignore[type-var]


def test_local_noise_of_white_noise_on_a_slope() -> None:
    rng = np.random.default_rng(0)
    image = 3 * X - 2 * Y + rng.normal(0, 12, X.shape)
    found = local_noise_hu(image, PIXEL)[10:-10, 10:-10]
    assert np.sqrt((found**2).mean()) == pytest.approx(12, rel=0.03)
    with pytest.raises(ReadingError, match="positive length"):
        local_noise_hu(image, 0.0)


def test_photons_are_found_from_the_noise_that_they_left() -> None:
    image = np.repeat((-1000 + 1030 * disc(ACQUISITION.geometry, 80.0, fine=2))[:, :, None], 1, 2)
    lines = ACQUISITION.project(image)
    for photons in (3e4, 3e5):
        rng = np.random.default_rng(1)
        noise = np.sqrt(np.exp(lines) / photons) * rng.standard_normal(lines.shape)
        noisy = image + ACQUISITION.hu_of(noise.astype(np.float32))
        found = photons_of_image(noisy[:, :, 0], ACQUISITION, seed=7)
        assert found.value == pytest.approx(photons, rel=0.15)
    assert photons_of_image(image, ACQUISITION).because == "the image holds no noise"


@pytest.mark.parametrize("fwhm", [1.5, 2.5, 4.0])
def test_resolution_follows_the_blur(fwhm: float) -> None:
    soft = Softening(PIXEL, PIXEL)
    dose = Dose(ACQUISITION)
    for image in CHESTS:
        noisy = dose.insert(image, dose.draw(0.3, 1)).data
        base = resolution(noisy, PIXEL).value
        found = resolution(soft.insert(noisy, soft.draw(fwhm, 0)).data, PIXEL).value
        assert base is not None and found is not None
        assert found == pytest.approx(np.hypot(base, fwhm), rel=0.1)


def test_resolution_of_a_known_edge() -> None:
    for sigma in (0.8, 1.5):
        away = np.hypot(X / 80, Y / 60)
        edge = -1000 + 1040 * np.clip((1 - away) * 65 + 0.5, 0, 1)
        found = resolution(ndi.gaussian_filter(edge, sigma), PIXEL).value
        # a pixel's own width adds its second moment
        assert found == pytest.approx(2.3548 * np.hypot(sigma, 1 / np.sqrt(12)), rel=0.08)


@pytest.mark.parametrize("times", [3, 5])
def test_slice_thickness_from_shared_noise(times: int) -> None:
    rng = np.random.default_rng(2)
    noise = rng.normal(0, 40, (96, 96, 24)).astype(np.float32)
    slices = SliceThickness(2.0, 2.0)
    thick = slices.insert(noise + 40, slices.draw(2.0 * times, 0)).data
    assert slice_thickness(thick, PIXEL, 2.0).value == pytest.approx(2.0 * times, rel=0.12)
    thin = slice_thickness(noise + 40, PIXEL, 2.0)
    assert thin.value is None and "no thicker than their spacing of 2 mm" in thin.because


def test_ring_level_follows_the_gain_error() -> None:
    rings = Rings(ACQUISITION)
    for image in CHESTS:
        levels = [
            ring_level(rings.insert(image, rings.draw(g, 3)).data, PIXEL).value
            for g in (0.0, 0.01, 0.02, 0.04)
        ]
        assert levels == sorted(levels)  # type: ignore[type-var]
        assert levels[3] / levels[2] == pytest.approx(2, rel=0.3)  # type: ignore[operator]


@pytest.mark.parametrize("n", [40, 60, 96])
def test_views_are_counted(n: int) -> None:
    views, dose = Views(ACQUISITION), Dose(ACQUISITION)
    for image in CHESTS:
        noisy = dose.insert(image, dose.draw(0.5, 1)).data
        assert views_seen(views.insert(noisy, views.draw(n, 0)).data, PIXEL).value == n


def test_enough_views_are_not_counted() -> None:
    dose = Dose(ACQUISITION)
    for image in CHESTS:
        found = views_seen(dose.insert(image, dose.draw(0.2, 1)).data, PIXEL)
        assert found.value is None and found.because == "no sign of undersampling"


def test_motion_is_calibrated_from_the_air() -> None:
    motion, dose = Motion(ACQUISITION, "drift"), Dose(ACQUISITION)
    rows = []
    for k, image in enumerate(CHESTS):
        for value in (0.0, 2.0, 4.0, 8.0):
            drawn = motion.draw(value, 5)
            noisy = dose.insert(motion.insert(image, drawn).data, dose.draw(0.5, k)).data
            rows.append((air_unrest_hu(noisy, PIXEL).value, value, k))
    statistic, value, image_of = np.array(rows).T
    calibration = calibrate(statistic, value, image_of)
    assert calibration.error < 1.5  # mm, on chests left out; a constant would be off by 2.5
    assert calibration(statistic.max() + 100) == max(calibration.value)


@pytest.mark.parametrize("read", [noise_level, resolution, ring_level, air_unrest_hu])
def test_nothing_can_be_read_off_air_or_tissue_alone(read) -> None:  # type: ignore[no-untyped-def]
    empty = np.full((96, 96), -1000.0 if read is not air_unrest_hu else 40.0)
    found = read(empty, PIXEL)
    assert found.value is None and len(found.because) > 10


@pytest.mark.parametrize("shape", [(8, 8), (3, 8, 9), (3, 4, 4)])
def test_patches_that_are_none(shape: tuple[int, ...]) -> None:
    with pytest.raises(ReadingError, match="square"):
        noise_power_spectrum(np.zeros(shape), 1.0)
    with pytest.raises(ReadingError, match="finite"):
        noise_power_spectrum(np.full((2, 8, 8), np.nan), 1.0)


def test_calibrations_that_cannot_be() -> None:
    rng = np.random.default_rng(0)
    v = np.repeat(np.arange(5.0), 4)
    falling = calibrate(10 - v + rng.normal(0, 0.1, 20), v)
    assert falling.error < 0.3
    assert falling(10.0) < falling(6.0)
    for s, values, images in (
        (v, np.ones(20), None), (v, v, np.arange(20) % 2), (v[:3], v, None), (v * np.nan, v, None),
    ):  # fmt: skip
        with pytest.raises(ReadingError):
            calibrate(s, values, images)
