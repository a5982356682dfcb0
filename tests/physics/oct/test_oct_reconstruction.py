"""The pipeline against a plain one in double precision, and against physics."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.fft
from oct_phantoms import tissue

from limen.physics.oct import (
    Acquisition,
    AcquisitionError,
    FringeError,
    Recipe,
    Sampling,
    Source,
    forward,
    fringes_of_reflectors,
    reconstruct,
    reconstruct_field,
    roll_off_db,
)
from limen.physics.oct.reconstruction import FOLDED, SATURATED


def plain(fringes, recipe):
    """numpy in double precision; straight-line interpolation as np.interp does it."""
    f = fringes.astype(np.float64)
    f = f - f.mean(axis=-2, keepdims=True)
    lower = np.clip(np.floor(recipe.positions).astype(int), 0, f.shape[-1] - 2)
    share = recipe.positions - lower
    f = f[..., lower] * (1 - share) + f[..., lower + 1] * share
    f = f * recipe.window * np.exp(-1j * recipe.phase_rad)
    return 20 * np.log10(np.abs(scipy.fft.fft(f, axis=-1)[..., : recipe.n_depths]))


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.float64, np.int32, ">u2"])
@pytest.mark.parametrize("shape", [(70, 1024), (2, 9, 1024), (1, 1, 8, 1024)])
def test_same_as_the_plain_pipeline(dtype, shape, spectral):
    rng = np.random.default_rng(3)
    fringes = (30_000 + 2_000 * rng.standard_normal(shape)).astype(dtype)
    recipe = Recipe.of_acquisition(spectral.replaced(dispersion_fs2=900), taps=2)
    got = reconstruct(fringes, recipe)
    expected = plain(fringes, recipe)
    assert got.data.dtype == np.float32
    power, other = 10 ** (got.data / 10), 10 ** (expected / 10)
    assert np.abs(power - other).max() < 1e-5 * other.max()
    strong = expected > expected.max() - 40
    assert np.abs(got.data - expected)[strong].max() < 2e-3


def test_logarithm_is_exact_to_a_ten_thousandth_of_a_decibel():
    from limen.physics.oct.lanes import decibels

    rng = np.random.default_rng(0)
    n = 100_000
    signal = (10 ** rng.uniform(-12, 12, (1, 2 * n))).astype(np.float32)
    power, out = np.empty(n, np.float32), np.empty((1, n), np.float32)
    assert decibels(signal, power.view(np.int32), power, np.float32(1e-30), out)
    exact = 10 * np.log10((signal[0].astype(np.float64).reshape(-1, 2) ** 2).sum(1))
    assert np.abs(out[0] - exact).max() < 1e-4
    signal[0, 7] = np.nan
    assert not decibels(signal, power.view(np.int32), power, np.float32(1e-30), out)


@pytest.mark.parametrize("first,last", [(800, 900), (900, 800)])
def test_mirrors_appear_at_their_depth_and_height(first, last):
    acquisition = Acquisition(Sampling.even_in_wavelength(1024, first, last), Source(850, 40),
                              dispersion_fs2=700)  # fmt: skip
    spacing = acquisition.sampling.depth_spacing_um
    recipe = Recipe.of_acquisition(acquisition)
    k, step = acquisition.sampling.wavenumber_rad_per_um, acquisition.sampling.step_rad_per_um
    assert spacing == pytest.approx(np.pi / (1024 * (k.max() - k.min()) / 1023))
    light = np.interp(recipe.positions, np.arange(1024), acquisition.spectrum)
    for depth_px in (20.0, 100.0, 250.0, 380.0):
        z = depth_px * spacing
        fringe = fringes_of_reflectors(np.array([z]), np.array([0.1]), acquisition)
        image = reconstruct(fringe[None], recipe, background=None)
        assert image.data[0].argmax() == depth_px
        assert image.depth_spacing_um == spacing
        expected = (20 * np.log10(0.1 * (light * recipe.window).sum() / 2)
                    + roll_off_db(z, step, 0))  # fmt: skip
        # the interpolation loses contrast towards the deepest depths
        assert image.data[0].max() == pytest.approx(expected, abs=0.05 if depth_px < 300 else 1)


def test_depths_fold_back_and_are_warned_of(spectral):
    deepest = spectral.sampling.depth_um[-1]
    rng = np.random.default_rng(1)
    depth = rng.uniform(0.9, 1.15, 300) * deepest
    scans = [
        fringes_of_reflectors(depth, rng.standard_normal(300), spectral) for _ in range(16)
    ]  # fmt: skip
    noisy = np.array(scans) + rng.standard_normal((16, 1024)) * 100
    recipe = Recipe.of_acquisition(spectral)
    assert FOLDED in reconstruct(noisy, recipe).warnings
    near = forward(tissue(spectral, 16), spectral) + rng.standard_normal((16, 1024))
    assert reconstruct(near, recipe).warnings == ()


def test_field_and_image_agree(spectral):
    fringes = forward(tissue(spectral, 12), spectral)
    recipe = Recipe.of_acquisition(spectral)
    field = reconstruct_field(fringes, recipe).data
    image = reconstruct(fringes, recipe, workers=1).data
    assert field.dtype == np.complex64
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(image, 20 * np.log10(np.abs(field)), atol=1e-3)


def test_volume_is_its_b_scans(spectral):
    fringes = np.stack([forward(tissue(spectral, 40, s), spectral) + 1000 * s for s in range(3)])
    recipe = Recipe.of_acquisition(spectral)
    whole = reconstruct(fringes, recipe).data
    for one, scan in zip(whole, fringes, strict=True):
        np.testing.assert_array_equal(one, reconstruct(scan, recipe).data)


def test_input_is_not_changed_and_may_be_read_only(spectral):
    fringes = forward(tissue(spectral, 40), spectral)
    kept = fringes.copy()
    fringes.setflags(write=False)
    recipe = Recipe.of_acquisition(spectral)
    first = reconstruct(fringes, recipe).data
    np.testing.assert_array_equal(fringes, kept)
    np.testing.assert_array_equal(first, reconstruct(np.asfortranarray(kept), recipe).data)


def test_zero_fringes_are_finite(spectral):
    image = reconstruct(np.full((4, 1024), 7.0), Recipe.of_acquisition(spectral)).data
    assert np.isfinite(image).all()
    assert image.max() < -290


def test_bad_fringes(spectral):
    recipe = Recipe.of_acquisition(spectral)
    good = np.random.default_rng(0).standard_normal((40, 1024))
    with pytest.raises(FringeError, match="samples"):
        reconstruct(good[:, :1000], recipe)
    with pytest.raises(FringeError, match="samples"):
        reconstruct(good[0], recipe)
    with pytest.raises(FringeError, match="real"):
        reconstruct(good.astype(complex), recipe)
    for bad in (np.nan, np.inf, -np.inf, 1e300):
        broken = good.copy()
        broken[33, 5] = bad
        with np.errstate(over="ignore"), pytest.raises(FringeError, match="finite"):
            reconstruct(broken, recipe)
        with np.errstate(over="ignore"), pytest.raises(FringeError, match="finite"):
            reconstruct(broken, recipe, background=np.zeros(1024))
    with pytest.raises(FringeError, match="background"):
        reconstruct(good, recipe, background=np.zeros(5))
    with pytest.raises(AcquisitionError, match="background"):
        reconstruct(good, recipe, background="median")
    with pytest.raises(AcquisitionError, match="window"):
        Recipe.of_acquisition(spectral, "triangle")


def test_saturation_warns_and_then_is_refused(spectral):
    fringes = np.random.default_rng(0).integers(0, 1000, (20, 1024)).astype(np.uint16)
    recipe = Recipe.of_acquisition(spectral)
    image = reconstruct(fringes, recipe, full_scale_counts=999)
    assert SATURATED in image.warnings
    assert 0 < image.measured["share_of_samples_saturated"] < 0.01
    with pytest.raises(FringeError, match="saturated"):
        reconstruct(fringes, recipe, full_scale_counts=500)
