"""Conditions read off images: each with its error on levels and heads it has not seen."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import scipy.ndimage as ndi

from limen.physics.mr import (
    Acceleration,
    Acquisition,
    Cartesian,
    Ghosting,
    Motion,
    background_noise,
    ghost_level,
    local_noise,
    noise_level,
    phantom_kspace,
    resolution,
    smear,
    to_image,
)
from limen.physics.mr.phantom import HEAD, Ellipse
from limen.physics.reading import ReadingError, calibrate

SHAPE, PIXEL_MM = (192, 192), (1.2, 1.2)


@cache
def _head(seed: int, share: float = 1.0) -> Any:
    """(y, x) complex image of another head, from a share of k-space along each axis."""
    rng = np.random.default_rng(seed)
    size = rng.uniform(0.85, 1.05)
    ellipses = tuple(
        Ellipse(
            e.signal * (rng.uniform(0.8, 1.2) if abs(e.signal) < 0.6 else 1),
            (e.half_axes_mm[0] * size, e.half_axes_mm[1] * size * rng.uniform(0.97, 1.03)),
            (e.centre_mm[0] * size + rng.uniform(-1, 1), e.centre_mm[1] * size),
            e.turn_rad + rng.uniform(-0.1, 0.1),
        )
        for e in HEAD
    )
    k = phantom_kspace(Cartesian(SHAPE, PIXEL_MM), ellipses)
    half = int(SHAPE[0] * share) // 2
    mask = np.zeros(SHAPE)
    mask[96 - half : 96 + half, 96 - half : 96 + half] = 1
    return to_image(k * mask)


def _noisy(image: Any, sd: float, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    return np.abs(image + sd * (rng.standard_normal((*image.shape, 2)) @ [1, 1j]))


@pytest.mark.parametrize("sd", [0.005, 0.01, 0.02, 0.05, 0.1, 0.2])
def test_noise_within_a_tenth(sd: float) -> None:
    errors = [noise_level(_noisy(_head(s), sd, s)).value / sd - 1 for s in range(4)]  # type: ignore[operator]
    assert np.abs(errors).max() < 0.15
    assert abs(np.mean(errors)) < 0.1
    corners = [background_noise(_noisy(_head(s), sd, s)).value / sd - 1 for s in range(4)]  # type: ignore[operator]
    assert np.abs(corners).max() < 0.08


@pytest.mark.parametrize("signal_to_noise", [0.0, 1.0, 3.0, 20.0])
def test_local_noise_is_corrected_for_rice(signal_to_noise: float) -> None:
    """Without Koay's correction pure noise would be read at 0.655 of what it is."""
    magnitude = _noisy(np.full((150, 150), signal_to_noise + 0j), 1.0, 3)
    assert np.median(local_noise(magnitude)) == pytest.approx(1, abs=0.11)
    if signal_to_noise == 0:
        assert magnitude.std() == pytest.approx(0.655, abs=0.01)


def test_local_noise_follows_noise_that_is_uneven() -> None:
    sd = np.linspace(0.01, 0.05, 160)[:, None] * np.ones(160)
    rng = np.random.default_rng(1)
    image = np.abs(1 + sd * (rng.standard_normal((160, 160, 2)) @ [1, 1j]))
    rows = np.median(local_noise(image), axis=1)[8:-8]
    assert np.abs(rows / sd[8:-8, 0] - 1).max() < 0.12


def test_resolution_on_shares_of_kspace() -> None:
    """Known line spread: 1.207 x the spacing of the samples that were taken."""
    truth, found, heads = [], [], []
    for seed in range(3):
        for share in (1.0, 0.8, 0.6, 0.5, 0.4):
            reading = resolution(_noisy(_head(seed, share), 0.005, seed), PIXEL_MM)
            assert reading.value is not None
            half = int(SHAPE[0] * share) // 2
            truth.append(1.207 * PIXEL_MM[0] * SHAPE[0] / (2 * half))
            found.append(reading.value)
            heads.append(seed)
    error = np.array(found) / np.array(truth) - 1
    assert np.abs(error).max() < 0.25  # neighbouring edges sharpen each other
    assert calibrate(np.array(found), np.array(truth), heads).error < 0.2


def test_resolution_along_an_axis() -> None:
    discs = [Ellipse(0.5, (105, 105))]
    discs += [Ellipse(0.5, (14, 14), (y, x)) for y in (-50, 0, 50) for x in (-50, 0, 50)]
    k = phantom_kspace(Cartesian(SHAPE, PIXEL_MM), tuple(discs))
    k[:44] = k[-44:] = 0  # 104 of 192 lines
    image = np.abs(to_image(k))
    along_y = resolution(image, PIXEL_MM, along=0).value
    along_x = resolution(image, PIXEL_MM, along=1).value
    assert along_y == pytest.approx(1.207 * 1.2 * 192 / 104, rel=0.12)
    assert along_x == pytest.approx(1.207 * 1.2, rel=0.12)


@pytest.mark.parametrize("period", [2, 3, 4])
def test_ghosts_within_two_hundredths(period: int) -> None:
    degradation = Ghosting(Acquisition(SHAPE, PIXEL_MM), period)
    for seed in range(3):
        image = _noisy(_head(seed), 0.01, seed)
        for level in (0.0, 0.03, 0.1, 0.2):
            data = degradation.insert(image, degradation.draw(level, seed)).data
            reading = ghost_level(data, period)
            assert reading.value == pytest.approx(level, abs=0.03)


def test_motion_level_of_heads_left_out() -> None:
    degradation = Motion(Acquisition(SHAPE, PIXEL_MM))
    energies, levels, heads = [], [], []
    for seed in range(5):
        image = _noisy(_head(seed), 0.01, seed)
        for level in (0.0, 1.0, 2.0, 4.0, 8.0):
            reading = smear(degradation.insert(image, degradation.draw(level, seed)).data)
            assert reading.value is not None
            energies.append(np.log10(reading.value + 1e-5))
            levels.append(level)
            heads.append(seed)
    assert calibrate(np.array(energies), np.array(levels), heads).error < 1.0
    assert np.corrcoef(energies, np.log(np.array(levels) + 0.2))[0, 1] > 0.9


@pytest.mark.parametrize("acceleration", [2.0, 3.0, 4.0])
def test_energy_of_undersampling(acceleration: float) -> None:
    """Against the known difference to the full image, where there is no object."""
    from limen.physics.mr.reading_artefacts import object_mask

    degradation = Acceleration(Acquisition(SHAPE, PIXEL_MM), "random", 20)
    for seed in range(3):
        image = _noisy(_head(seed), 0.003, seed)
        data = degradation.insert(image, degradation.draw(acceleration, seed)).data
        mask = object_mask(data)
        wide = ndi.binary_dilation(mask, iterations=3)
        columns = wide.any(axis=0)
        beside = ~wide & columns
        added = ((data - image)[beside] ** 2).mean() * columns.sum() * SHAPE[0]
        reading = smear(data).value
        assert reading == pytest.approx(added / (data[mask] ** 2).sum(), rel=0.25)
        assert smear(image).value < 0.1 * reading  # type: ignore[operator]


@pytest.mark.parametrize("acceleration", [2, 3])
def test_aliases_are_ghosts(acceleration: int) -> None:
    """A small object, so that aliases lie beside it: as high as the object, without coils."""
    k = phantom_kspace(Cartesian(SHAPE, PIXEL_MM), (Ellipse(1.0, (28, 60)),))
    image = _noisy(to_image(k), 0.01, 1)
    degradation = Acceleration(Acquisition(SHAPE, PIXEL_MM), centre_lines=0)
    data = degradation.insert(image, degradation.draw(acceleration, 2)).data
    assert ghost_level(data, acceleration).value == pytest.approx(1, abs=0.03)


def test_what_cannot_be_said() -> None:
    image = _noisy(_head(0), 0.01, 0)
    masked = np.where(image > 0.1, image, 0)
    full = 1 + 0.01 * np.random.default_rng(0).standard_normal(SHAPE)
    for reading in (
        ghost_level(masked, 2), smear(masked), background_noise(masked), ghost_level(full, 2),
        smear(full), resolution(full, PIXEL_MM), noise_level(np.zeros(SHAPE)),
    ):  # fmt: skip
        assert reading.value is None
        assert reading.because
    assert noise_level(masked).value == pytest.approx(0.01, rel=0.35)
    for wrong in (
        lambda: noise_level(np.zeros((4, 4))),
        lambda: noise_level(np.full(SHAPE, np.nan)),
        lambda: local_noise(image, 4),
        lambda: ghost_level(image, 1),
        lambda: smear(image, 2),
        lambda: smear(np.zeros((32, 32, 2))),
    ):
        with pytest.raises(ReadingError):
            wrong()


def test_phase_axis() -> None:
    degradation = Ghosting(Acquisition(SHAPE, PIXEL_MM), 2)
    data = degradation.insert(_noisy(_head(1), 0.01, 0), degradation.draw(0.1, 0)).data
    upright, turned = ghost_level(data, 2, 0).value, ghost_level(data.T, 2, 1).value
    assert upright == pytest.approx(turned)
    assert smear(data, 0).value == pytest.approx(smear(data.T, 1).value)
    assert ghost_level(data, 2, 1).value < 0.2 * upright  # type: ignore[operator]
