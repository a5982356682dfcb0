"""PSNR, SSIM and NRMSE against scikit-image and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage

from limen.measures import BadValue, ShapeMismatch, reconstruction

RANGE = 1400.0


def _images(shape, seed=0, noise=30.0):
    rng = np.random.default_rng(seed)
    clean = ndimage.gaussian_filter(rng.standard_normal(shape), 3) * 3000 - 200
    return clean + rng.normal(0, noise, shape), clean


@pytest.mark.parametrize("shape", [(40, 32), (24, 20, 15)])
def test_scikit_image_gives_the_same(shape):
    peer = pytest.importorskip("skimage.metrics")
    image, reference = _images(shape)
    found = reconstruction(image, reference, data_range=RANGE)
    assert found.psnr_db == pytest.approx(
        peer.peak_signal_noise_ratio(reference, image, data_range=RANGE)
    )
    assert found.ssim == pytest.approx(
        peer.structural_similarity(
            image, reference, data_range=RANGE, gaussian_weights=True, sigma=1.5,
            use_sample_covariance=False,
        )
    )  # fmt: skip
    assert found.nrmse == pytest.approx(peer.normalized_root_mse(reference, image))


def test_slices_are_measured_one_by_one():
    image, reference = _images((24, 6, 20))
    found = reconstruction(image, reference, data_range=RANGE, slice_axis=1)
    each = [reconstruction(image[:, n], reference[:, n], data_range=RANGE).ssim for n in range(6)]
    assert found.ssim == pytest.approx(np.mean(each))
    with pytest.raises(ShapeMismatch, match="slice_axis"):
        reconstruction(image, reference, data_range=RANGE)


def test_closed_forms():
    reference = np.full((16, 16), 100.0)
    found = reconstruction(reference + 5, reference, data_range=200)
    assert found.rmse == 5
    assert found.psnr_db == pytest.approx(20 * math.log10(200 / 5))
    assert (found.nrmse, found.nrmse_of_range) == pytest.approx((0.05, 0.025))
    c1 = (0.01 * 200) ** 2
    assert found.ssim == pytest.approx((2 * 100 * 105 + c1) / (100**2 + 105**2 + c1))


def test_identical_images_have_no_psnr_and_a_zero_reference_no_nrmse():
    image, _ = _images((20, 20))
    same = reconstruction(image, image, data_range=RANGE)
    assert (same.psnr_db, same.ssim, same.rmse) == (None, pytest.approx(1), 0)
    assert "identical" in same.undefined["psnr_db"]
    zero = reconstruction(image, image * 0, data_range=RANGE)
    assert zero.nrmse is None
    assert "zero everywhere" in zero.undefined["nrmse"]


def test_more_noise_is_never_closer():
    found = [reconstruction(*_images((30, 30), noise=n), data_range=RANGE) for n in (5, 20, 80)]
    for name in ("psnr_db", "ssim"):
        values = [getattr(f, name) for f in found]
        assert values == sorted(values, reverse=True)


@pytest.mark.parametrize(
    ("image", "given", "error"),
    [
        (np.ones((20, 21)), {"data_range": 1}, ShapeMismatch),
        (np.ones((20, 20)), {"data_range": 0}, BadValue),
        (np.ones((20, 20)), {"data_range": math.nan}, BadValue),
        (np.full((20, 20), np.nan), {"data_range": 1}, BadValue),
        (np.ones((20, 20), complex), {"data_range": 1}, BadValue),
        (np.ones((20, 20)), {"data_range": 1, "slice_axis": 0}, BadValue),
        (np.ones(20), {"data_range": 1}, ShapeMismatch),
    ],
)
def test_what_cannot_be_compared_is_refused(image, given, error):
    with pytest.raises(error):
        reconstruction(image, np.ones((20, 20)), **given)
