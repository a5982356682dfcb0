"""Overlap and volume against closed forms, scikit-style counting and laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from limen.measures import (
    BadAffine,
    ShapeMismatch,
    Undefined,
    dice,
    relative_volume_error,
    volume_error_ml,
    volume_ml,
)

masks = arrays(bool, (4, 3, 2))


def box(shape, *ranges):
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(slice(*r) for r in ranges)] = True
    return mask


def test_dice_of_shifted_cubes_is_the_closed_form():
    a = box((30, 30, 30), (5, 15), (5, 15), (5, 15))
    for shift in range(11):
        b = np.roll(a, shift, axis=0)
        assert dice(a, b) == pytest.approx((10 - shift) / 10)


def test_dice_both_empty_is_one_and_one_empty_is_zero():
    empty, full = np.zeros((3, 3, 3)), np.ones((3, 3, 3))
    assert dice(empty, empty) == 1.0
    assert dice(empty, full) == 0.0
    assert dice(full, empty) == 0.0


@given(masks, masks)
def test_dice_is_symmetric_and_agrees_with_scipy(a, b):
    from scipy.spatial.distance import dice as dissimilarity

    assert dice(a, b) == dice(b, a)
    if (a | b).any():
        assert dice(a, b) == pytest.approx(1 - dissimilarity(a.ravel(), b.ravel()))


def test_volume_of_a_sheared_grid_is_the_parallelepiped():
    affine = np.diag([0.5, 0.5, 3.0, 1.0])
    affine[1, 2] = 1.7  # gantry tilt: shear keeps the volume
    assert volume_ml(np.ones((10, 10, 10)), affine) == pytest.approx(1000 * 0.75 / 1000)


def test_volume_error_is_signed():
    large, small = np.ones((10, 10, 10)), box((10, 10, 10), (0, 5), (0, 10), (0, 10))
    assert volume_error_ml(large, small, np.eye(4)) == pytest.approx(0.5)
    assert volume_error_ml(small, large, np.eye(4)) == pytest.approx(-0.5)
    assert relative_volume_error(large, small) == pytest.approx(1.0)
    assert relative_volume_error(small, large) == pytest.approx(-0.5)


def test_relative_volume_error_of_empty_masks():
    empty, full = np.zeros((3, 3, 3)), np.ones((3, 3, 3))
    assert relative_volume_error(empty, empty) == 0.0
    assert relative_volume_error(empty, full) == -1.0
    with pytest.raises(Undefined, match="reference is empty"):
        relative_volume_error(full, empty)


def test_masks_of_two_shapes_are_refused():
    with pytest.raises(ShapeMismatch, match=r"\(2, 2, 2\) against \(2, 2, 3\)"):
        dice(np.ones((2, 2, 2)), np.ones((2, 2, 3)))


@pytest.mark.parametrize(
    "affine", [np.eye(3), np.diag([1, 0, 1, 1]), np.full((4, 4), np.nan)], ids=str
)
def test_an_affine_without_a_volume_is_refused(affine):
    with pytest.raises(BadAffine):
        volume_ml(np.ones((2, 2, 2)), affine)


@given(masks, masks, st.floats(0.1, 10))
def test_volume_error_scales_with_the_cube_of_the_spacing(a, b, scale):
    one = volume_error_ml(a, b, np.eye(4))
    scaled = volume_error_ml(a, b, np.diag([scale, scale, scale, 1]))
    assert scaled == pytest.approx(one * scale**3)
