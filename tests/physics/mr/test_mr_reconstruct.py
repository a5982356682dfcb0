"""Reconstructions against the image that was sampled, against sigpy, and against theory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from limen.physics.mr import (
    AcquisitionError,
    Cartesian,
    adaptive_maps,
    adjoint,
    cg_sense,
    combine,
    equispaced_mask,
    espirit,
    forward,
    grappa,
    homodyne,
    l1_wavelet,
    noise_covariance,
    partial_fourier_mask,
    phantom_kspace,
    poisson_disc_mask,
    prewhiten,
    radial,
    random_mask,
    reconstruct,
    ring_maps,
    root_sum_of_squares,
    sense,
    to_image,
    to_kspace,
)

SHAPE, PIXEL_MM = (96, 80), (2.2, 2.2)
FULL = Cartesian(SHAPE, PIXEL_MM)


@pytest.fixture(scope="module")
def truth() -> Any:
    """(y, x) complex64 image of the closed-form phantom."""
    return to_image(phantom_kspace(FULL)).astype(np.complex64)


@pytest.fixture(scope="module")
def maps() -> Any:
    return ring_maps(8, SHAPE, PIXEL_MM).astype(np.complex64)


def _error(image: Any, truth: Any) -> float:
    return float(np.linalg.norm(np.abs(image) - np.abs(truth)) / np.linalg.norm(truth))


def _complex(rng: np.random.Generator, shape: tuple[int, ...], sd: float = 1.0) -> Any:
    return sd * (rng.standard_normal(shape) + 1j * rng.standard_normal(shape))


def test_coil_combination_recovers_the_image(truth: Any, maps: Any) -> None:
    coils = to_image(to_kspace(truth * maps))
    np.testing.assert_allclose(combine(coils, maps), truth, atol=1e-5)
    np.testing.assert_allclose(root_sum_of_squares(coils), np.abs(truth), atol=1e-5)
    np.testing.assert_allclose(reconstruct(to_kspace(truth * maps), FULL, maps), truth, atol=1e-5)


def test_combination_has_the_least_noise_there_can_be(maps: Any) -> None:
    """Roemer: variance 1 / (S^H psi^-1 S) at each pixel."""
    rng = np.random.default_rng(0)
    small = maps[:4, 40:42, 40:42]
    mixing = _complex(rng, (4, 4)) * 0.3 + np.eye(4)
    psi = mixing @ mixing.conj().T
    noise = np.einsum("ab,nbyx->nayx", mixing, _complex(rng, (20_000, 4, 2, 2), np.sqrt(0.5)))
    s = small.reshape(4, -1)
    least = 1 / np.einsum("cp,cp->p", s.conj(), np.linalg.solve(psi, s)).real
    found = combine(noise, small, psi).reshape(len(noise), -1)
    np.testing.assert_allclose((np.abs(found) ** 2).mean(axis=0), least, rtol=0.04)


def test_prewhitened_noise_is_white() -> None:
    rng = np.random.default_rng(1)
    mixing = _complex(rng, (6, 6)) + 2 * np.eye(6)
    noise = mixing @ _complex(rng, (6, 50_000))
    white = prewhiten(noise, noise_covariance(noise), coil_axis=0)
    np.testing.assert_allclose(noise_covariance(white), np.eye(6), atol=1e-8)
    assert white.real.var() == pytest.approx(0.5, rel=0.02)
    with pytest.raises(AcquisitionError, match="positive definite"):
        prewhiten(noise, np.zeros((6, 6)), 0)
    with pytest.raises(AcquisitionError, match="Too few"):
        noise_covariance(noise[:, :6])


@pytest.mark.parametrize("acceleration", [2, 3, 4])
@pytest.mark.parametrize("centre_lines", [0, 20])
def test_sense_unfolds(acceleration: int, centre_lines: int, truth: Any, maps: Any) -> None:
    mask = equispaced_mask(SHAPE, acceleration, centre_lines)
    sampling = Cartesian(SHAPE, PIXEL_MM, mask)
    image, g = sense(forward(truth, sampling, maps), sampling, maps)
    assert _error(image, truth) < 1e-5
    assert np.abs(image - truth).max() < 1e-4
    assert g.min() > 1 - 1e-9


def test_more_pixels_than_coils_cannot_be_unfolded(truth: Any, maps: Any) -> None:
    sampling = Cartesian(SHAPE, PIXEL_MM, equispaced_mask(SHAPE, 3))
    with pytest.raises(AcquisitionError, match="cannot tell"):
        sense(forward(truth, sampling, maps[:2]), sampling, maps[:2])


def test_noise_of_sense_is_that_of_the_g_factor(maps: Any) -> None:
    """Monte Carlo: noise sd = g sqrt(R) times that of full sampling."""
    rng = np.random.default_rng(2)
    sampling = Cartesian(SHAPE, PIXEL_MM, equispaced_mask(SHAPE, 3))
    noise = _complex(rng, (150, 8, *SHAPE)).astype(np.complex64)
    image, g = sense(noise, sampling, maps)
    measured = image.real.std(axis=0) / np.sqrt(3)
    assert np.median(measured / g) == pytest.approx(1, abs=0.01)
    np.testing.assert_allclose(measured, g, rtol=0.3)


@pytest.mark.parametrize("kind", ["lines", "points", "radial"])
def test_cg_sense_solves_the_normal_equations(kind: str, truth: Any, maps: Any) -> None:
    """Against a dense least-squares solution of a small problem."""
    shape = (12, 10)
    rng = np.random.default_rng(3)
    sampling: Any = {
        "lines": lambda: Cartesian(shape, mask=equispaced_mask(shape, 2, 4)),
        "points": lambda: Cartesian(shape, mask=random_mask(shape[::-1], 1.5, 3, 0).T
                                    & random_mask(shape, 1.5, 4, 0)),
        "radial": lambda: radial(9, shape, tolerance=1e-12),
    }[kind]()  # fmt: skip
    coils = _complex(rng, (4, *shape))
    pixels = np.eye(120).reshape(120, *shape)
    matrix = forward(pixels, sampling, coils).reshape(120, -1).T
    y = forward(_complex(rng, shape), sampling, coils)
    y = y + _complex(rng, y.shape, 0.1)
    regularisation = 0.05
    dense = np.linalg.solve(
        matrix.conj().T @ matrix + regularisation * np.eye(120), matrix.conj().T @ y.ravel()
    )
    if kind == "points":
        y = np.where(sampling.mask, y, 7)  # what is not measured must not matter
    found = cg_sense(y, sampling, coils, 300, regularisation)
    np.testing.assert_allclose(found.ravel(), dense, atol=1e-8)


def test_cg_sense_equals_sigpy(truth: Any, maps: Any) -> None:
    app = pytest.importorskip("sigpy.mri.app", reason="sigpy is a peer")
    sampling = Cartesian(SHAPE, PIXEL_MM, random_mask(SHAPE, 2.5, 16, 4))
    y = forward(truth, sampling, maps)
    weights = sampling.measured.astype(np.float32)
    theirs = app.SenseRecon(
        y, maps, lamda=0.01, weights=weights, max_iter=15, show_pbar=False
    ).run()
    ours = cg_sense(y, sampling, maps, 15, 0.01)
    assert np.linalg.norm(ours - theirs) / np.linalg.norm(theirs) < 1e-4


def test_batches_are_slices(truth: Any, maps: Any) -> None:
    sampling = Cartesian(SHAPE, PIXEL_MM, random_mask(SHAPE, 2, 16, 4))
    y = forward(np.stack([truth, 2 * truth[::-1]]), sampling, maps)
    for method in ("zero-filled", "cg-sense"):
        both = reconstruct(y, sampling, maps, method)  # type: ignore[arg-type]
        for n in range(2):
            np.testing.assert_array_equal(
                both[n],
                reconstruct(y[n], sampling, maps, method),  # type: ignore[arg-type]
            )


@pytest.mark.parametrize("acceleration", [2, 3])
def test_grappa_fills_the_missing_lines(acceleration: int, truth: Any, maps: Any) -> None:
    sampling = Cartesian(SHAPE, PIXEL_MM, equispaced_mask(SHAPE, acceleration, 24))
    y = forward(truth, sampling, maps)
    filled = grappa(y, sampling)
    error, folded = (_error(combine(to_image(k), maps), truth) for k in (filled, y))
    assert error < 0.02
    assert error < 0.25 * folded
    np.testing.assert_array_equal(filled[:, sampling.measured], y[:, sampling.measured])


def test_grappa_refuses_what_it_cannot_do(truth: Any, maps: Any) -> None:
    few = Cartesian(SHAPE, PIXEL_MM, equispaced_mask(SHAPE, 4, 8))
    with pytest.raises(AcquisitionError, match="Too few centre lines"):
        grappa(forward(truth, few, maps), few)
    uneven = Cartesian(SHAPE, PIXEL_MM, random_mask(SHAPE, 3, 20, 0))
    with pytest.raises(AcquisitionError, match="every R-th"):
        grappa(forward(truth, uneven, maps), uneven)
    with pytest.raises(AcquisitionError, match="every R-th"):
        sense(forward(truth, uneven, maps), uneven, maps)


def test_espirit_finds_the_maps(truth: Any, maps: Any) -> None:
    y = to_kspace(truth * maps)
    found, value = espirit(y)
    there = np.abs(truth) > 0.1
    inside = np.abs((found.conj() * maps).sum(axis=0))[there]
    assert (inside > 0.995).mean() > 0.98
    assert (value[there] > 0.95).mean() > 0.98
    assert value.max() < 1.01
    norm = np.abs(root_sum_of_squares(found))
    np.testing.assert_allclose(norm[norm > 0], 1, atol=1e-4)
    assert abs(found[0].imag).max() < 1e-4


def test_espirit_equals_the_eigenvectors_of_transformed_kernels(truth: Any, maps: Any) -> None:
    """As the paper writes it: kernels transformed one by one, then an eigenproblem per pixel."""
    rng = np.random.default_rng(5)
    y = to_kspace(truth * maps)[:5] + _complex(rng, (5, *SHAPE), 0.02).astype(np.complex64)
    n, w, width = 5, 6, 24
    top, left = SHAPE[0] // 2 - width // 2, SHAPE[1] // 2 - width // 2
    region = y[:, top : top + width, left : left + width].astype(np.complex128)
    rows = [
        region[:, a : a + w, b : b + w].ravel()
        for a in range(width - w + 1)
        for b in range(width - w + 1)
    ]
    _, values, vh = np.linalg.svd(np.array(rows), full_matrices=False)
    kernels = vh[values > 0.02 * values[0]].reshape(-1, n, w, w)
    padded = np.zeros((len(kernels), n, *SHAPE), complex)
    padded[:, :, SHAPE[0] // 2 - w // 2 :, SHAPE[1] // 2 - w // 2 :][:, :, :w, :w] = kernels
    images = to_image(padded) * np.sqrt(SHAPE[0] * SHAPE[1]) / w
    at_pixel = np.einsum("kayx,kbyx->yxab", images, images.conj())
    values, vectors = np.linalg.eigh(at_pixel)
    found, value = espirit(y, crop=0.9)
    there = values[..., -1] > 0.5  # elsewhere there is no signal, and it is not iterated to the end
    np.testing.assert_allclose(value[there], values[..., -1][there], atol=3e-3)
    apart = (values[..., -1] > 0.92) & (values[..., -1] - values[..., -2] > 0.1)
    assert apart.mean() > 0.3
    overlap = np.abs(np.einsum("ayx,yxa->yx", found.conj(), vectors[..., -1]))
    np.testing.assert_allclose(overlap[apart], 1, atol=1e-4)


def test_espirit_equals_sigpy(truth: Any, maps: Any) -> None:
    app = pytest.importorskip("sigpy.mri.app", reason="sigpy is a peer")
    rng = np.random.default_rng(6)
    y = to_kspace(truth * maps) + _complex(rng, maps.shape, 0.02).astype(np.complex64)
    theirs, their_value = app.EspiritCalib(y, show_pbar=False, output_eigenvalue=True).run()
    ours, value = espirit(y)
    there, here = (np.abs(m).sum(axis=0) > 0 for m in (theirs, ours))
    assert (there == here).mean() > 0.995
    both = there & here
    assert np.median(np.abs(ours - theirs)[:, both]) < 1e-4
    assert np.percentile(np.abs(ours - theirs)[:, both], 99) < 0.02
    assert np.abs(value - their_value.squeeze())[both].max() < 0.02


def test_espirit_says_what_it_needs(truth: Any, maps: Any) -> None:
    y = to_kspace(truth * maps)
    with pytest.raises(AcquisitionError, match="not fully sampled"):
        espirit(np.where(equispaced_mask(SHAPE, 2), y, 0))
    with pytest.raises(AcquisitionError, match="not a finite number"):
        espirit(np.where(equispaced_mask(SHAPE, 2), y, np.nan))
    with pytest.raises(AcquisitionError, match="one slice"):
        espirit(y[None])
    with pytest.raises(AcquisitionError, match="smaller than the calibration"):
        espirit(y, calibration_width=6)
    one, value = espirit(y[:1])
    np.testing.assert_array_equal(one, 1)
    np.testing.assert_array_equal(value, 1)


def test_adaptive_maps(truth: Any, maps: Any) -> None:
    found = adaptive_maps(to_image(to_kspace(truth * maps)))
    there = np.abs(truth) > 0.1
    assert np.abs((found.conj() * maps).sum(axis=0))[there].min() > 0.998


@pytest.mark.parametrize("late", [True, False])
def test_homodyne(late: bool, truth: Any) -> None:
    phase = np.exp(1j * np.linspace(-2, 2, SHAPE[0])[:, None] * np.linspace(0, 1, SHAPE[1]))
    mask = partial_fourier_mask(SHAPE, 0.625)
    sampling = Cartesian(SHAPE, PIXEL_MM, mask if late else mask[::-1])
    y = forward(np.abs(truth) * phase, sampling)
    image = homodyne(y, sampling)
    assert _error(image, truth) < 0.5 * _error(adjoint(y, sampling), truth)
    there = np.abs(truth) > 0.4
    turned = np.angle(image * phase.conj())[there]
    assert np.abs(turned).max() < 0.5
    assert np.abs(np.median(turned)) < 0.02
    everything = Cartesian(SHAPE, PIXEL_MM)
    np.testing.assert_allclose(homodyne(to_kspace(truth), everything), truth, atol=1e-5)
    with pytest.raises(AcquisitionError, match="one block"):
        homodyne(y, Cartesian(SHAPE, PIXEL_MM, equispaced_mask(SHAPE, 2)))


def test_homodyne_of_a_real_image_is_exact() -> None:
    rng = np.random.default_rng(8)
    image = rng.uniform(1, 2, (31, 16))  # odd: each line has its partner
    sampling = Cartesian((31, 16), mask=partial_fourier_mask((31, 16), 0.8))
    found = homodyne(to_kspace(image), sampling)
    np.testing.assert_allclose(np.abs(found), image, atol=0.35)
    assert _error(found, image) < 0.06


def test_compressed_sensing_beats_what_it_starts_from(truth: Any, maps: Any) -> None:
    rng = np.random.default_rng(9)
    mask = poisson_disc_mask(SHAPE, 4, 16, 2)
    sampling = Cartesian(SHAPE, PIXEL_MM, mask)
    noise = _complex(rng, (8, *SHAPE), 0.02).astype(np.complex64)
    y = np.where(mask, forward(truth, sampling, maps) + noise, 0)
    error = _error(l1_wavelet(y, sampling, maps, 0.003, 40), truth)
    assert error < 0.7 * _error(cg_sense(y, sampling, maps, 30), truth)
    assert error < 0.7 * _error(adjoint(y, sampling, maps), truth)


def test_compressed_sensing_without_penalty_is_least_squares(truth: Any) -> None:
    found = l1_wavelet(to_kspace(truth), FULL, regularisation=0, iterations=3)
    np.testing.assert_allclose(found, truth, atol=1e-5)
    odd = np.random.default_rng(0).standard_normal((21, 13))
    np.testing.assert_allclose(
        l1_wavelet(to_kspace(odd), Cartesian((21, 13)), regularisation=0, iterations=3), odd,
        atol=1e-10,
    )  # fmt: skip
