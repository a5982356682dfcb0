"""Each operator against its adjoint, and against the sum that defines it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limen.physics.mr import (
    AcquisitionError,
    Cartesian,
    NonCartesian,
    adjoint,
    equispaced_mask,
    forward,
    partial_fourier_mask,
    phantom_image,
    phantom_kspace,
    poisson_disc_mask,
    radial,
    random_mask,
    reconstruct,
    ring_maps,
    spiral,
    to_image,
    to_kspace,
)

EVEN, ODD = (32, 48), (31, 20)


def _sampling(name: str, shape: tuple[int, int], tolerance: float) -> Any:
    pixel_mm = (1.5, 0.8)
    kinds: dict[str, Any] = {
        "full": lambda: Cartesian(shape, pixel_mm),
        "equispaced": lambda: Cartesian(shape, pixel_mm, equispaced_mask(shape, 3, 6)),
        "random": lambda: Cartesian(shape, pixel_mm, random_mask(shape, 2.5, 4, 1)),
        "poisson-disc": lambda: Cartesian(shape, pixel_mm, poisson_disc_mask(shape, 3, 4, 1)),
        "partial Fourier": lambda: Cartesian(shape, pixel_mm, partial_fourier_mask(shape, 0.7)),
        "radial": lambda: radial(24, shape, pixel_mm, tolerance=tolerance),
        "golden radial": lambda: radial(13, shape, pixel_mm, golden=True, tolerance=tolerance),
        "spiral": lambda: spiral(3, shape, pixel_mm, tolerance=tolerance),
    }
    return kinds[name]()


KINDS = (
    "full", "equispaced", "random", "poisson-disc", "partial Fourier", "radial", "golden radial",
    "spiral",
)  # fmt: skip


def _complex(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Any:
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("coils", [None, 1, 5])
@pytest.mark.parametrize("shape", [EVEN, ODD])
@pytest.mark.parametrize("kind", KINDS)
def test_adjoint(kind: str, shape: tuple[int, int], coils: int | None, dtype: Any) -> None:
    rng = np.random.default_rng(3)
    sampling = _sampling(kind, shape, 1e-6 if dtype == np.complex64 else 1e-13)
    maps = None if coils is None else _complex(rng, (coils, *shape), dtype)
    for lead in ((), (2,), (2, 3)):
        x = _complex(rng, (*lead, *shape), dtype)
        ax = forward(x, sampling, maps)
        y = _complex(rng, ax.shape, dtype)
        ay = adjoint(y, sampling, maps)
        assert ax.dtype == ay.dtype == dtype
        assert ay.shape == x.shape
        left, right = np.vdot(y, ax), np.vdot(ay, x)
        size = np.linalg.norm(ax) * np.linalg.norm(y) / np.sqrt(ax.size)
        assert abs(left - right) / size < (1e-5 if dtype == np.complex64 else 1e-12)


@pytest.mark.parametrize("shape", [(8, 6), (7, 9), (1, 5), (12, 1)])
def test_transform_is_the_sum_that_defines_it(shape: tuple[int, int]) -> None:
    x = _complex(np.random.default_rng(0), shape, np.complex128)
    ky, kx = (np.arange(n) - n // 2 for n in shape)
    of_y = np.exp(-2j * np.pi * np.outer(ky, ky) / shape[0]) / np.sqrt(shape[0])
    of_x = np.exp(-2j * np.pi * np.outer(kx, kx) / shape[1]) / np.sqrt(shape[1])
    np.testing.assert_allclose(to_kspace(x), of_y @ x @ of_x.T, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.booleans())
def test_transform_is_unitary(ny: int, nx: int, single: bool) -> None:
    x = _complex(np.random.default_rng(ny), (2, ny, nx), np.complex64 if single else np.complex128)
    k = to_kspace(x)
    assert k.dtype == x.dtype
    tolerance = 1e-5 if single else 1e-12
    assert np.linalg.norm(k) == pytest.approx(np.linalg.norm(x), rel=tolerance)
    np.testing.assert_allclose(to_image(k), x, atol=tolerance * 4)


def test_off_the_grid_equals_on_the_grid() -> None:
    """The non-uniform transform at the places of the grid is the uniform one."""
    shape, pixel_mm = (24, 18), (1.5, 0.8)
    each = [(np.arange(n) - n // 2) / (n * p) for n, p in zip(shape, pixel_mm, strict=True)]
    ky, kx = np.meshgrid(*each, indexing="ij")
    k = np.stack([ky.ravel(), kx.ravel()], axis=1)
    where = NonCartesian(k, shape, pixel_mm, tolerance=1e-12)
    rng = np.random.default_rng(1)
    x, maps = _complex(rng, shape, np.complex128), _complex(rng, (3, *shape), np.complex128)
    grid = forward(x, Cartesian(shape, pixel_mm), maps).reshape(3, -1)
    np.testing.assert_allclose(forward(x, where, maps), grid, atol=1e-9)


@pytest.mark.parametrize("kind", ["radial", "spiral"])
def test_gridding_recovers_the_phantom(kind: str) -> None:
    """From k-space in closed form, so that nothing is reconstructed from its own pixels."""
    shape, pixel_mm = (96, 80), (2.4, 2.4)
    sampling = radial(150, shape, pixel_mm) if kind == "radial" else spiral(8, shape, pixel_mm)
    image = np.abs(reconstruct(phantom_kspace(sampling), sampling))
    truth = np.abs(to_image(phantom_kspace(Cartesian(shape, pixel_mm))))
    assert np.linalg.norm(image - truth) / np.linalg.norm(truth) < 0.1
    brain = phantom_image(shape, pixel_mm) == 0.8
    assert image[brain].mean() == pytest.approx(0.8, rel=0.04)


def test_phantom_in_closed_form_is_where_its_pixels_are() -> None:
    shape, pixel_mm = (128, 100), (1.8, 1.9)
    image = to_image(phantom_kspace(Cartesian(shape, pixel_mm)))
    raster = phantom_image(shape, pixel_mm)
    assert np.linalg.norm(image - raster) / np.linalg.norm(raster) < 0.06
    assert abs(image.imag).max() < 0.02


def test_one_slice_more_does_not_change_another() -> None:
    rng = np.random.default_rng(5)
    sampling, maps = Cartesian(EVEN), _complex(rng, (4, *EVEN), np.complex64)
    x = _complex(rng, (3, *EVEN), np.complex64)
    together = forward(x, sampling, maps)
    for n in range(3):
        np.testing.assert_array_equal(together[n], forward(x[n], sampling, maps))


def test_input_is_not_changed() -> None:
    rng = np.random.default_rng(6)
    x, maps = _complex(rng, EVEN, np.complex64), ring_maps(3, EVEN).astype(np.complex64)
    kept, kept_maps = x.copy(), maps.copy()
    for sampling in (Cartesian(EVEN), radial(8, EVEN)):
        y = forward(x, sampling, maps)
        kept_y = y.copy()
        adjoint(y, sampling, maps)
        np.testing.assert_array_equal(y, kept_y)
    np.testing.assert_array_equal(x, kept)
    np.testing.assert_array_equal(maps, kept_maps)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Cartesian((0, 4)),
        lambda: Cartesian((4, 4), (1, -1)),
        lambda: Cartesian((4, 4), mask=np.zeros((4, 4))),
        lambda: Cartesian((4, 4), mask=np.ones((4, 5))),
        lambda: NonCartesian(np.full((3, 2), 0.6), (4, 4)),
        lambda: NonCartesian(np.full((3, 2), np.nan), (4, 4)),
        lambda: NonCartesian(np.zeros((3, 3)), (4, 4)),
        lambda: NonCartesian(np.zeros((3, 2)), (4, 4), density=np.ones(4)),
        lambda: radial(0, (4, 4)),
        lambda: spiral(2, (4, 4), undersampling=0),
        lambda: forward(np.zeros((5, 4)), Cartesian((4, 4))),
        lambda: forward(np.zeros((4, 4)), Cartesian((4, 4)), np.ones((2, 4, 5))),
        lambda: adjoint(np.zeros((3, 4, 4)), Cartesian((4, 4)), np.ones((2, 4, 4))),
        lambda: adjoint(np.zeros((4, 4), "U1"), Cartesian((4, 4))),
        lambda: adjoint(np.zeros(7), radial(3, (4, 4))),
        lambda: reconstruct(np.full((4, 4), np.nan), Cartesian((4, 4))),
        lambda: reconstruct(np.zeros((4, 4)), Cartesian((4, 4)), method="magic"),  # type: ignore[arg-type]
        lambda: reconstruct(np.zeros((4, 4)), Cartesian((4, 4)), method="sense"),
        lambda: equispaced_mask((8, 8), 2.5),  # type: ignore[arg-type]
        lambda: equispaced_mask((8, 8), 9),
        lambda: random_mask((8, 8), 4, centre_lines=4),
        lambda: poisson_disc_mask((8, 8), 4, centre=8),
        lambda: partial_fourier_mask((8, 8), 0.5),
    ],
)
def test_what_cannot_be_is_refused(wrong: Any) -> None:
    with pytest.raises(AcquisitionError):
        wrong()
