"""Hits, centres and the pointing game, in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.distance import cdist

from limen.measures import (
    BadValue,
    ShapeMismatch,
    Undefined,
    centroid_mm,
    localisation,
    match_boxes,
    match_points,
    pointing_game,
)


def test_a_hit_is_at_most_the_radius_away():
    far = localisation([1, 2, 3], [4, 6, 3], within_mm=5)
    assert (far.error_mm, far.hit) == (5.0, True)
    assert localisation([1, 2], [4, 6], within_mm=4.99).hit is False
    assert localisation([1, 2], [4, 6]).hit is None


def test_the_centre_of_a_mask_lies_where_scipy_says():
    mask = np.random.default_rng(0).random((6, 7, 8)) > 0.7
    affine = np.array([[0, 2, 0, 5], [1, 0, 0, -3], [0, 0.5, 4, 0], [0, 0, 0, 1.0]])
    expected = affine @ [*ndimage.center_of_mass(mask), 1]
    assert centroid_mm(mask, affine) == pytest.approx(tuple(expected[:3]))
    with pytest.raises(Undefined, match="empty"):
        centroid_mm(np.zeros((3, 3, 3)), affine)


def test_the_hottest_place_has_to_lie_inside_or_within_the_tolerance():
    heat, inside = np.zeros((9, 9, 3)), np.zeros((9, 9, 3))
    inside[4, 4, 1] = 1
    heat[4, 4, 1] = 2
    assert pointing_game(heat, inside)
    heat[4, 6, 1] = 3
    assert not pointing_game(heat, inside)
    assert pointing_game(heat, inside, (1, 0.5, 9), tolerance_mm=1)
    assert not pointing_game(heat, inside, (1, 0.6, 9), tolerance_mm=1)
    # a flat map points nowhere
    assert not pointing_game(np.zeros((9, 9, 3)), inside)


points = st.lists(st.tuples(*[st.integers(0, 20)] * 3), max_size=5)


@given(points, points, st.floats(0.5, 15))
def test_points_are_matched_as_often_and_as_closely_as_can_be(r, p, within):
    import itertools

    r, p = np.array(r, float).reshape(-1, 3), np.array(p, float).reshape(-1, 3)
    matched = match_points(r, p, within)
    best = (0, 0.0)
    if len(r) and len(p):
        far = cdist(r, p)
        for size in range(1, min(len(r), len(p)) + 1):
            for rows in itertools.combinations(range(len(r)), size):
                for columns in itertools.permutations(range(len(p)), size):
                    d = far[list(rows), list(columns)]
                    if (d <= within).all():
                        best = max(best, (size, -d.sum()))
    assert len(matched) == best[0]
    assert sum(m.distance_mm for m in matched) == pytest.approx(-best[1])


def test_boxes_are_matched_by_their_overlap():
    a = [[0, 0, 0, 4, 4, 4], [4, 0, 0, 8, 4, 4]]
    b = [[3, 0, 0, 7, 4, 4], [20, 0, 0, 24, 4, 4]]
    (pair,) = match_boxes(a, b)
    assert (pair.reference, pair.prediction) == (1, 0)
    assert pair.iou == pytest.approx(3 / 5)
    assert match_boxes(a, b, min_iou=0.61) == ()
    assert match_boxes([], b) == ()


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: localisation([1, 2], [1, 2, 3]), ShapeMismatch),
        (lambda: localisation([1, np.nan], [1, 2]), BadValue),
        (lambda: localisation([1, 2], [1, 2], within_mm=0), BadValue),
        (lambda: pointing_game(np.ones((3, 3)), np.ones((3, 4))), ShapeMismatch),
        (lambda: pointing_game(np.full((3, 3), np.nan), np.ones((3, 3))), BadValue),
        (lambda: pointing_game(np.ones((3, 3)), np.zeros((3, 3))), Undefined),
        (lambda: pointing_game(np.ones((3, 3)), np.eye(3), tolerance_mm=1), BadValue),
        (lambda: pointing_game(np.ones((3, 3)), np.eye(3), (1, 0), tolerance_mm=1), BadValue),
        (lambda: match_points([[0, 0]], [[0, 0]], 0), BadValue),
        (lambda: match_points([[0, 0]], [[0, 0, 0]], 1), ShapeMismatch),
        (lambda: match_boxes([[0, 0, 1, 1]], [[0, 0, 1, 1]], min_iou=2), BadValue),
    ],
)
def test_what_cannot_be_located_is_refused(make, error):
    with pytest.raises(error):
        make()
