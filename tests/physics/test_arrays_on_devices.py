"""The paths for arrays of other libraries give what the compiled paths give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from limen.physics import ct, mr
from limen.physics.ct import device as ct_device
from limen.physics.mr import device as mr_device
from limen.physics.oct import device as oct_device
from limen.physics.oct.errors import FringeError
from limen.physics.oct.reconstruction import Recipe, reconstruct, window_of

RNG = np.random.default_rng(5)


@pytest.fixture(params=["array_api_strict", "torch", "numpy"])
def xp(request: pytest.FixtureRequest) -> Any:
    return pytest.importorskip(request.param)


def given(xp: Any, values: np.ndarray) -> Any:
    return xp.asarray(np.ascontiguousarray(values))


def back(values: Any) -> np.ndarray:
    return np.asarray(np.from_dlpack(values))


def complex_noise(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape) + 1j * RNG.normal(size=shape)


@pytest.mark.parametrize("kind", [np.complex64, np.complex128])
@pytest.mark.parametrize("shape", [(16, 12), (15, 9)])
def test_mr_encodes_and_solves_alike(xp: Any, kind: Any, shape: tuple[int, int]) -> None:
    maps = complex_noise(4, *shape).astype(kind)
    maps /= np.sqrt((np.abs(maps) ** 2).sum(0))
    sampling = mr.Cartesian(shape, mask=RNG.random(shape) < 0.6)
    image = complex_noise(3, *shape).astype(kind)
    rough = 2e-5 if kind == np.complex64 else 1e-11
    k = mr.forward(image, sampling, maps)
    there = mr_device.forward(given(xp, image), sampling, given(xp, maps))
    np.testing.assert_allclose(back(there), k, atol=rough * np.abs(k).max())
    np.testing.assert_allclose(
        back(mr_device.adjoint(there, sampling, given(xp, maps))),
        mr.adjoint(k, sampling, maps), atol=rough * 10,
    )  # fmt: skip
    np.testing.assert_allclose(
        back(mr_device.cg_sense(there, sampling, given(xp, maps), 8, 0.01)),
        mr.cg_sense(k, sampling, maps, 8, 0.01), atol=50 * rough,
    )  # fmt: skip
    np.testing.assert_allclose(back(mr_device.to_image(mr_device.to_kspace(given(xp, image)))),
                               image, atol=rough * 10)  # fmt: skip


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("taps", [2, 8])
def test_oct_reconstructs_alike(xp: Any, kind: Any, taps: int) -> None:
    n = 128
    positions = np.linspace(0, np.sqrt(n - 1), n) ** 2
    recipe = Recipe(positions, 0.3 * np.linspace(-1, 1, n) ** 2, window_of("hann", n), n, 4.0, taps)
    fringes = (1000 + 50 * RNG.normal(size=(2, 6, n))).astype(kind)
    dark = np.full(n, 990.0)
    for background in (None, dark):
        there = oct_device.reconstruct(
            given(xp, fringes), recipe,
            None if background is None else given(xp, background.astype(kind)),
        )  # fmt: skip
        expected = reconstruct(fringes, recipe, "mean" if background is None else background).data
        np.testing.assert_allclose(back(there), expected, atol=0.02)  # dB; our log is to 0.005
    with pytest.raises(FringeError, match="finite"):
        oct_device.reconstruct(given(xp, np.full((2, n), np.nan, kind)), recipe)
    with pytest.raises(FringeError, match="belong"):
        oct_device.reconstruct(given(xp, fringes[..., :-1]), recipe)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("arc", [np.pi, 2 * np.pi, 2.0])
def test_ct_projects_and_reconstructs_alike(xp: Any, kind: Any, arc: float) -> None:
    geometry = ct.ParallelGeometry(30, 41, 0.8, (24, 31), 1.1, arc, 0.2)
    image = RNG.random((24, 31, 3)).astype(kind)
    lines = ct.forward(image, geometry)
    rough = 2e-5 if kind == np.float32 else 1e-11
    np.testing.assert_allclose(
        back(ct_device.forward(given(xp, image), geometry)), lines, atol=rough * lines.max()
    )
    for kernel in ("ramp", "hann"):
        np.testing.assert_allclose(
            back(ct_device.fbp(given(xp, lines), geometry, kernel)),
            ct.fbp(lines, geometry, kernel), atol=rough * 3,
        )  # fmt: skip


def test_what_contradicts_itself_is_said() -> None:
    sampling = mr.Cartesian((8, 8))
    maps = complex_noise(2, 8, 8)
    for image, coils in ((complex_noise(8, 7), maps), (complex_noise(8, 8), maps[0]),
                         (np.ones((8, 8)), maps)):  # fmt: skip
        with pytest.raises(mr.AcquisitionError):
            mr_device.forward(image, sampling, coils)
    with pytest.raises(mr.AcquisitionError, match="contradict"):
        mr_device.adjoint(complex_noise(3, 8, 8), sampling, maps)
    with pytest.raises(mr.AcquisitionError, match="finite"):
        mr_device.cg_sense(np.full((2, 8, 8), np.nan + 0j), sampling, maps)
    geometry = ct.ParallelGeometry(30, 41, 0.8, (24, 31), 1.1)
    for wrong in (np.ones((24, 31)), np.ones((24, 30, 2)), np.ones((24, 31, 2), int)):
        with pytest.raises(ct.GeometryError):
            ct_device.forward(wrong, geometry)
