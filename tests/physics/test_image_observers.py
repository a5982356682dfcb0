"""Observers of images against closed forms, and against the ideal observer of raw MR data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from limen.physics import mr
from limen.physics.observers import (
    ObserverError,
    cho_detectability,
    gabor_channels,
    laguerre_gauss_channels,
    npw_detectability,
)


def blob(n: int = 33, width: float = 3.0) -> np.ndarray:
    x = np.arange(n) - (n - 1) / 2
    return np.exp(-(x[:, None] ** 2 + x[None] ** 2) / (2 * width**2))


def test_white_noise_has_the_closed_form() -> None:
    noise = np.random.default_rng(2).normal(0, 2.0, (4000, 33, 33))
    ideal = np.sqrt((blob() ** 2).sum()) / 2
    assert npw_detectability(blob(), noise) == pytest.approx(ideal, rel=0.03)
    # Laguerre-Gauss channels hold a Gaussian of their own width whole: a^2 = 4 pi width^2
    channels = laguerre_gauss_channels((33, 33), 1.0, 3.0 * np.sqrt(4 * np.pi), 6)
    assert cho_detectability(blob(), noise, channels) == pytest.approx(ideal, rel=0.03)
    assert cho_detectability(blob(), noise, gabor_channels((33, 33), 1.0)) < 1.03 * ideal


def test_prewhitening_pays_in_coloured_noise() -> None:
    rng = np.random.default_rng(3)
    f = np.hypot(np.fft.fftfreq(33)[:, None], np.fft.fftfreq(33)[None])
    power = 0.02 + np.exp(-((f / 0.06) ** 2))
    noise = np.fft.ifft2(np.fft.fft2(rng.normal(size=(3000, 33, 33))) * np.sqrt(power)).real
    ideal = np.sqrt((np.abs(np.fft.fft2(blob(width=2.0))) ** 2 / power).sum() / 33**2)
    channels = laguerre_gauss_channels((33, 33), 1.0, 8.0, 8)
    cho = cho_detectability(blob(width=2.0), noise, channels)
    npw = npw_detectability(blob(width=2.0), noise)
    assert npw < cho < 1.03 * ideal
    assert cho > 0.9 * ideal


def test_channels_are_unit_and_laguerre_gauss_are_orthogonal() -> None:
    for channels in (
        laguerre_gauss_channels((65, 65), 1.0, 20.0, 5),
        gabor_channels((65, 65), 1.0),
    ):
        np.testing.assert_allclose((channels**2).sum(axis=(1, 2)), 1)
    lg = laguerre_gauss_channels((65, 65), 1.0, 14.0, 5).reshape(5, -1)
    np.testing.assert_allclose(lg @ lg.T, np.eye(5), atol=1e-3)


def test_of_mr_images_no_observer_sees_more_than_their_kspace_holds() -> None:
    """Zero-filled reconstruction of every other line: noise stays white, the signal aliases."""
    rng = np.random.default_rng(4)
    signal = blob(32, 2.0)
    mask = np.zeros(32, bool)
    mask[::2] = True
    mask[14:18] = True
    sampling = mr.Cartesian((32, 32), (1.0, 1.0), mask=np.broadcast_to(mask[:, None], (32, 32)))
    noise = rng.normal(0, 2, (8000, 32, 32)) + 1j * rng.normal(0, 2, (8000, 32, 32))
    images = mr.to_image(noise * mask[:, None]).real
    seen = mr.to_image(mr.forward(signal, sampling)).real
    ideal = mr.detectability(signal, sampling, 2 * 2.0**2)
    npw = npw_detectability(seen, images)
    channels = laguerre_gauss_channels((32, 32), 1.0, 2.0 * np.sqrt(4 * np.pi), 6)
    assert npw == pytest.approx(ideal, rel=0.03)  # the image still holds all that was measured
    assert cho_detectability(seen, images, channels) < 1.03 * ideal


ONE = np.ones((4, 4))


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (lambda: npw_detectability(ONE, np.ones((5, 3, 3))), "signal's shape"),
        (lambda: npw_detectability(ONE, np.ones((5, 4, 4))), "without signal and noise"),
        (lambda: cho_detectability(ONE, np.ones((5, 4, 4)), np.ones((6, 4, 4))), "Too few"),
        (lambda: cho_detectability(ONE, np.ones((9, 4, 4)), np.ones((2, 4, 4))), "no noise"),
        (lambda: cho_detectability(ONE, np.ones((9, 4, 4)), np.ones((2, 3, 4))), "belong"),
    ],
)
def test_nothing_to_say_of_images(work: Any, words: str) -> None:
    with pytest.raises(ObserverError, match=words):
        work()
