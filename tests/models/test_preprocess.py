"""What a model is given: grid and grey values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from onnx_builders import volume

from limen.models import ModelMismatch, padding_value, prepare
from limen.product.declaration import ModelInput

HU = npst.arrays(np.float32, (3, 4, 2), elements=st.floats(-2000, 3000, width=32))


@given(HU, st.floats(-1000, 0), st.floats(1, 2000))
def test_window_is_the_closed_form_and_stays_in_scale_to(values, low, high):
    spec = ModelInput(window_hu=(low, high), scale_to=(-1.0, 1.0))
    got = prepare(volume(values), spec).values
    truth = -1 + 2 * (np.clip(values.astype(float), low, high) - low) / (high - low)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, truth, atol=1e-5)
    assert got.min() >= -1 and got.max() <= 1


@given(HU)
def test_zscore_has_mean_0_and_deviation_1_or_is_0_everywhere(values):
    got = prepare(volume(values), ModelInput(normalise="zscore")).values.astype(float)
    assert np.isfinite(got).all()
    if np.ptp(values) > 1:
        assert abs(got.mean()) < 1e-3
        assert abs(got.std() - 1) < 1e-3


@pytest.mark.parametrize("constant", [0.0, -1000.0, 1e30, 1e-30, 0.1])
def test_zscore_of_an_image_of_one_value_is_0(constant):
    image = volume(np.full((4, 4, 4), constant))
    assert (prepare(image, ModelInput(normalise="zscore")).values == 0).all()


def test_zscore_comes_after_clipping_and_after_resampling(rng):
    values = rng.normal(0, 100, (8, 8, 8))
    spec = ModelInput(normalise="zscore", window=(-50.0, 50.0), spacing_mm=(2.0, 2.0, 2.0))
    got = prepare(volume(values), spec)
    assert got.values.shape == (4, 4, 4)
    assert abs(got.values.mean()) < 1e-5
    assert abs(got.values.std() - 1) < 1e-5


def test_none_keeps_values_and_never_shares_memory(rng):
    image = volume(rng.normal(size=(3, 4, 5)))
    got = prepare(image, ModelInput(normalise="none"))
    np.testing.assert_array_equal(got.values, image.values)
    assert not np.shares_memory(got.values, image.values)


@pytest.mark.parametrize("normalise", ["window", "zscore", "none"])
def test_the_image_is_never_changed(rng, normalise):
    image = volume(rng.normal(size=(3, 4, 5)))
    before = image.values.copy()
    prepare(image, ModelInput(normalise=normalise, window=(-1.0, 1.0)))
    np.testing.assert_array_equal(image.values, before)


def test_orientation_turns_the_grid():
    values = np.arange(24).reshape(2, 3, 4)
    got = prepare(volume(values), ModelInput(normalise="none", orientation="RPS"))
    np.testing.assert_array_equal(got.values, values[::-1])
    np.testing.assert_allclose(got.geometry.affine_lps_mm[:3, 3], [1, 0, 0])


def test_no_window_where_one_is_needed_is_an_error():
    with pytest.raises(ModelMismatch, match="needs a window"):
        prepare(volume(np.zeros((2, 2, 2))), ModelInput())


def test_padding_is_the_lowest_the_model_can_be_given():
    values = np.array([[[0.25, 0.5]]], dtype=np.float32)
    assert padding_value(values, ModelInput(window_hu=(0, 1), scale_to=(-1, 1))) == -1
    assert padding_value(values, ModelInput(normalise="zscore")) == 0.25
