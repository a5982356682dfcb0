"""Grids in the patient: spacing, volume, sameness; and values that cannot be used."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limen.data.errors import BadValues
from limen.data.volume import Geometry, require_finite

SHAPE = (40, 30, 20)
STRAIGHT = np.array([[0.7, 0, 0, 10], [0, 0.8, 0, -20], [0, 0, 2.5, 30], [0, 0, 0, 1.0]])


def moved(affine: np.ndarray, *shift_mm: float) -> np.ndarray:
    affine = affine.copy()
    affine[:3, 3] += shift_mm
    return affine


def test_spacing_and_volume_of_a_tilted_oblique_grid() -> None:
    c, s = np.cos(0.3), np.sin(0.3)
    turn = np.array([[c, -s, 0, 0], [s, c, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    tilt = np.eye(4)
    tilt[1, 2] = 0.4
    geometry = Geometry(turn @ tilt @ STRAIGHT, SHAPE)
    np.testing.assert_allclose(geometry.spacing_mm, (0.7, 0.8, 2.5 * np.hypot(1, 0.4)))
    # a shear keeps the volume
    assert geometry.voxel_volume_mm3 == pytest.approx(0.7 * 0.8 * 2.5)
    assert not geometry.is_orthogonal
    assert Geometry(turn @ STRAIGHT, SHAPE).is_orthogonal


def test_a_mirrored_grid_has_a_positive_volume() -> None:
    assert Geometry(STRAIGHT @ np.diag([-1.0, 1, 1, 1]), SHAPE).voxel_volume_mm3 > 0


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(-3, 3))
def test_corners_of_a_shifted_grid_are_the_shift_apart(x: float, y: float, z: float) -> None:
    one, two = Geometry(STRAIGHT, SHAPE), Geometry(moved(STRAIGHT, x, y, z), SHAPE)
    assert one.corner_offset_mm(two) == pytest.approx(np.sqrt(x * x + y * y + z * z), abs=1e-9)


def test_corners_of_a_wider_grid_are_apart_at_the_far_end() -> None:
    wider = STRAIGHT.copy()
    wider[0, 0] += 0.01
    assert Geometry(STRAIGHT, SHAPE).corner_offset_mm(Geometry(wider, SHAPE)) == pytest.approx(0.39)


def test_same_grid() -> None:
    grid = Geometry(STRAIGHT, SHAPE)
    assert grid.same_grid(Geometry(STRAIGHT.astype(np.float32).astype(float), SHAPE))
    assert grid.same_grid(Geometry(moved(STRAIGHT, 0.03, 0, 0), SHAPE))
    assert not grid.same_grid(Geometry(moved(STRAIGHT, 0.35, 0, 0), SHAPE))  # half a voxel
    assert not grid.same_grid(Geometry(moved(STRAIGHT, 0, 0, 0.1), SHAPE))
    assert not grid.same_grid(Geometry(STRAIGHT, (40, 30, 21)))
    assert not grid.same_grid(Geometry(STRAIGHT @ np.diag([-1.0, 1, 1, 1]), SHAPE))


def test_a_place_that_is_not_a_number_is_no_same_grid() -> None:
    grid = Geometry(STRAIGHT, SHAPE)
    assert not grid.same_grid(Geometry(moved(STRAIGHT, np.nan, 0, 0), SHAPE))


def test_require_finite_counts_and_names_the_first() -> None:
    values = np.zeros((3, 4, 5), dtype=np.float32)
    require_finite(values, "P1")
    values[1, 2, 3], values[2, 0, 0] = np.inf, np.nan
    with pytest.raises(BadValues, match=r"P1: 2 of 60 voxels.*found: inf at voxel \(1, 2, 3\)"):
        require_finite(values, "P1")
    require_finite(np.zeros((2, 2, 2), dtype=np.int16), "P1")
    require_finite(np.zeros((0, 2, 2), dtype=np.float32), "P1")
