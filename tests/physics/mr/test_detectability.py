"""The ideal observer against the Monte-Carlo matched filter, and against closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from limen.physics.mr import (
    AcquisitionError,
    Cartesian,
    detectability,
    equispaced_mask,
    forward,
    matched_filter,
    prewhiten,
    radial,
    random_mask,
    ring_maps,
)

SHAPE = (14, 12)
N = 20_000


def _lesion() -> Any:
    y, x = np.meshgrid(np.arange(14) - 8, np.arange(12) - 5, indexing="ij")
    return 0.3 * np.exp(-(y**2 + x**2) / 5)


def _covariance(coils: int) -> Any:
    rng = np.random.default_rng(4)
    a = 0.4 * (rng.standard_normal((coils, coils, 2)) @ [1, 1j]) + np.eye(coils)
    return 0.5 * a @ a.conj().T


@pytest.mark.parametrize("kind", ["full", "equispaced", "random", "radial"])
@pytest.mark.parametrize("coils", [1, 3])
def test_ideal_observer_within_two_percent_of_monte_carlo(kind: str, coils: int) -> None:
    sampling: Any = {
        "full": lambda: Cartesian(SHAPE),
        "equispaced": lambda: Cartesian(SHAPE, mask=equispaced_mask(SHAPE, 3, 4)),
        "random": lambda: Cartesian(SHAPE, mask=random_mask(SHAPE, 2, 4, 1)),
        "radial": lambda: radial(6, SHAPE, n_samples=14, tolerance=1e-9),
    }[kind]()
    maps = None if coils == 1 else ring_maps(coils, SHAPE)
    psi = _covariance(coils)
    template, expected = matched_filter(_lesion(), sampling, psi, maps)
    signal = forward(_lesion(), sampling, maps).reshape(coils, -1)
    # noise of the covariance, by its Cholesky factor, at each sample; the observer works on it
    factor = np.linalg.cholesky(psi)
    rng = np.random.default_rng(5)
    flat = template.reshape(coils, -1)
    absent = np.empty(N)
    for begin in range(0, N, 2000):
        white = rng.standard_normal((2000, coils, flat.shape[1], 2)) @ [1, 1j] / np.sqrt(2)
        noise = np.einsum("ab,nbk->nak", factor, white)
        absent[begin : begin + 2000] = np.einsum("ck,nck->n", flat.conj(), noise).real
    shift = np.vdot(flat, signal).real
    assert shift / absent.std() == pytest.approx(expected, rel=0.02)


def test_full_sampling_in_closed_form() -> None:
    """Parseval: d' = |lesion| / sd, wherever the lesion is, and the same for unit-norm coils."""
    sd = 0.1
    closed = np.linalg.norm(_lesion()) / sd
    assert detectability(_lesion(), Cartesian(SHAPE), 2 * sd**2) == pytest.approx(closed)
    many = detectability(_lesion(), Cartesian(SHAPE), 2 * sd**2, ring_maps(6, SHAPE))
    assert many == pytest.approx(closed)


def test_prewhitening_changes_nothing() -> None:
    psi, maps = _covariance(4), ring_maps(4, SHAPE)
    sampling = Cartesian(SHAPE, mask=random_mask(SHAPE, 2, 4, 1))
    white = detectability(_lesion(), sampling, 1.0, prewhiten(maps, psi))
    assert white == pytest.approx(detectability(_lesion(), sampling, psi, maps))


def test_less_data_show_less() -> None:
    one = detectability(_lesion(), Cartesian(SHAPE), 1.0)
    half = detectability(_lesion(), Cartesian(SHAPE, mask=random_mask(SHAPE, 2, 4, 1)), 1.0)
    assert 0 < half < one
    assert detectability(_lesion(), Cartesian(SHAPE), 0.5) == pytest.approx(one * np.sqrt(2))
    assert detectability(np.zeros(SHAPE), Cartesian(SHAPE), 1.0) == 0


def test_a_covariance_that_cannot_be() -> None:
    for psi in (0.0, -1.0, np.nan, np.eye(3)):
        with pytest.raises(AcquisitionError, match="covariance"):
            detectability(_lesion(), Cartesian(SHAPE), psi)  # type: ignore[arg-type]
    with pytest.raises(AcquisitionError):
        detectability(np.full(SHAPE, np.nan), Cartesian(SHAPE), 1.0)
