"""Model observers against closed forms, the physics' own observers, and coverage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from limen.measures import BadValue, CannotSay, ShapeMismatch, auc, detectability
from limen.physics.observers import cho_detectability, laguerre_gauss_channels, npw_detectability

SHAPE = (16, 16)
CHANNELS = laguerre_gauss_channels(SHAPE, 1.0, 8.0, 3)
X, Y = np.indices(SHAPE) - 7.5
SIGNAL = 1.2 * np.exp(-(X**2 + Y**2) / 12)


def images(rng, n, signal=0.0):
    return rng.normal(0, 2.0, (n, *SHAPE)) + signal


def true_d_prime(channels):
    """White noise of standard deviation 2: closed form of an observer behind channels."""
    u = channels.reshape(len(channels), -1)
    v = u @ SIGNAL.ravel()
    return float(np.sqrt(v @ np.linalg.solve(4 * u @ u.T, v)))


def test_many_images_give_the_closed_form_and_the_observers_of_the_physics():
    rng = np.random.default_rng(0)
    with_it, without = images(rng, 4000, SIGNAL), images(rng, 4000)
    cho = detectability(with_it, without, observer="cho", channels=CHANNELS)
    assert cho.d_prime.value == pytest.approx(true_d_prime(CHANNELS), rel=0.04)
    assert cho.d_prime.value == pytest.approx(
        cho_detectability(SIGNAL, without, CHANNELS), rel=0.05
    )
    npw = detectability(with_it, without, observer="npw", signal=SIGNAL)
    assert npw.d_prime.value == pytest.approx(np.linalg.norm(SIGNAL) / 2, rel=0.05)
    assert npw.d_prime.value == pytest.approx(npw_detectability(SIGNAL, without), rel=0.05)
    assert npw.auc.value == pytest.approx(ndtr(npw.d_prime.value / np.sqrt(2)))


def test_the_area_is_that_of_the_responses():
    rng = np.random.default_rng(1)
    with_it, without = images(rng, 3000, SIGNAL), images(rng, 3000)
    made = detectability(with_it, without, observer="npw", signal=SIGNAL)
    responses = (np.concatenate([with_it, without]) * SIGNAL).sum(axis=(1, 2))
    measured = auc(responses, np.arange(6000) < 3000, range(6000))
    assert made.auc.value == pytest.approx(measured.value, abs=0.01)
    assert made.auc.low == pytest.approx(measured.low, abs=0.01)


@pytest.mark.parametrize("scale", [0.0, 0.4, 1.0])
def test_the_limits_hold_the_truth_as_often_as_they_say(scale):
    rng = np.random.default_rng(7)
    truth = {"cho": scale * true_d_prime(CHANNELS), "npw": scale * np.linalg.norm(SIGNAL) / 2}
    held, squares, rounds = dict.fromkeys(truth, 0), [], 400
    for _ in range(rounds):
        with_it, without = images(rng, 18, scale * SIGNAL), images(rng, 14)
        for name, true in truth.items():
            made = detectability(
                with_it, without, observer=name, channels=CHANNELS, signal=SIGNAL, confidence=0.9
            ).d_prime
            held[name] += made.low - 1e-9 <= true <= made.high
            if name == "cho":
                squares.append(made.value**2)
    for name in truth:
        # 90 %, and the one-sided 95 % where the lower limit ends at 0; 1.5 % standard error
        assert held[name] / rounds == pytest.approx(0.95 if scale == 0 == name.find("cho") else 0.9,
                                                    abs=0.05), name  # fmt: skip
    if scale == 1:
        # d'^2 has no bias left, though 3 channels are estimated from 32 images
        spread = np.std(squares) / np.sqrt(rounds)
        assert np.mean(squares) == pytest.approx(truth["cho"] ** 2, abs=4 * spread)


def test_bad_input_is_refused():
    rng = np.random.default_rng(0)
    a, b = images(rng, 6), images(rng, 6)
    with pytest.raises(BadValue, match="needs its channels"):
        detectability(a, b, observer="cho")
    with pytest.raises(BadValue, match="needs its signal"):
        detectability(a, b, observer="npw")
    with pytest.raises(BadValue, match="no such observer"):
        detectability(a, b, observer="human")
    with pytest.raises(BadValue, match="finite"):
        detectability(a * np.nan, b, observer="npw", signal=SIGNAL)
    with pytest.raises(ShapeMismatch, match="one shape"):
        detectability(a[:, 1:], b, observer="npw", signal=SIGNAL)
    with pytest.raises(ShapeMismatch, match="channels"):
        detectability(a, b, observer="cho", channels=CHANNELS[:, 1:])
    with pytest.raises(CannotSay, match="n = 4 images"):
        detectability(a[:2], b[:2], observer="cho", channels=CHANNELS)
    with pytest.raises(CannotSay, match="see no noise"):
        detectability(0 * a, 0 * b, observer="npw", signal=SIGNAL)
