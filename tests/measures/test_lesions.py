"""Components, sizes and places against closed forms; matching against brute force."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from scipy.spatial.distance import pdist

from limen.measures import NotALabelMap, ShapeMismatch, UndeclaredValue, find_lesions, match_lesions
from limen.measures.lesions import Pair, match_pairs, overlaps

OBLIQUE = np.array(
    [[0.6, 0.1, 0.0, -90], [-0.1, 0.6, 0.4, 20], [0.0, 0.0, 2.0, 300], [0, 0, 0, 1]], dtype=float
)
label_maps = arrays(np.uint8, (5, 4, 3), elements=st.integers(0, 2))


def sphere(shape, centre, radius_mm, spacing_mm):
    grid = np.indices(shape).T * spacing_mm
    return (((grid - np.array(centre) * spacing_mm) ** 2).sum(axis=-1) <= radius_mm**2).T


def test_a_sphere_has_its_diameter_volume_and_place():
    spacing = np.array([0.5, 0.5, 1.0])
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = [-10, 20, 30]
    mask = sphere((80, 80, 40), (40, 38, 20), 8.0, spacing)
    (lesion,) = find_lesions(mask, affine).lesions
    assert lesion.diameter_mm == pytest.approx(16, rel=0.01)
    assert lesion.volume_ml == pytest.approx(4 / 3 * math.pi * 8**3 / 1000, rel=0.02)
    assert lesion.long_axis_mm == pytest.approx(16, abs=0.5)
    assert lesion.centroid_lps_mm == pytest.approx((10, 39, 50))
    assert not lesion.touches_edge


def test_a_box_has_its_closed_form_volume_box_and_diagonal():
    mask = np.zeros((20, 20, 10), dtype=np.uint8)
    mask[3:9, 5:7, 2:6] = 1
    (lesion,) = find_lesions(mask, np.diag([2, 1, 3, 1])).lesions
    assert lesion.voxels == 6 * 2 * 4
    assert lesion.volume_ml == pytest.approx(48 * 6 / 1000)
    assert lesion.diameter_mm == pytest.approx((6 * 288 / math.pi) ** (1 / 3))
    assert lesion.bbox_start_ijk == (3, 5, 2)
    assert lesion.bbox_stop_ijk == (9, 7, 6)
    # from the middle of one end's face to the other: 12 mm along, 1 mm across
    assert lesion.long_axis_mm == pytest.approx(math.hypot(12, 1))


def test_one_voxel():
    mask = np.zeros((5, 5, 5))
    mask[2, 3, 1] = 1
    (lesion,) = find_lesions(mask, np.diag([0.5, 0.8, 5, 1])).lesions
    assert lesion.long_axis_mm == pytest.approx(0.8)
    assert lesion.diameter_mm == pytest.approx((6 * 2.0 / math.pi) ** (1 / 3))
    assert lesion.centroid_lps_mm == pytest.approx((1.0, 2.4, 5.0))


def test_corners_hang_together_and_gaps_do_not():
    mask = np.zeros((8, 8, 8))
    mask[1, 1, 1] = mask[2, 2, 2] = 1
    mask[2, 2, 4] = 1
    assert [x.voxels for x in find_lesions(mask, np.eye(4)).lesions] == [2, 1]


def test_strong_anisotropy_counts_volume_not_voxels():
    mask = np.zeros((10, 10, 10))
    mask[4, 4, 4] = 1
    (lesion,) = find_lesions(mask, np.diag([0.1, 0.1, 10, 1])).lesions
    assert lesion.volume_ml == pytest.approx(0.1 / 1000)


def test_a_sheared_grid_keeps_volume_and_moves_the_centre():
    mask = np.zeros((10, 10, 10))
    mask[2:5, 2:5, 2:5] = 1
    (lesion,) = find_lesions(mask, OBLIQUE).lesions
    assert lesion.volume_ml == pytest.approx(27 * abs(np.linalg.det(OBLIQUE[:3, :3])) / 1000)
    expected = (OBLIQUE @ [3, 3, 3, 1])[:3]
    assert lesion.centroid_lps_mm == pytest.approx(tuple(expected))


@pytest.mark.parametrize("corner", [(0, 3, 3), (3, 9, 3), (3, 3, 9)])
def test_a_lesion_at_the_border_is_marked(corner):
    mask = np.zeros((10, 10, 10))
    mask[corner] = 1
    assert find_lesions(mask, np.eye(4)).lesions[0].touches_edge


def test_a_single_slice_is_not_at_the_border_for_its_thickness():
    mask = np.zeros((10, 10, 1))
    mask[4:6, 4:6] = 1
    assert not find_lesions(mask, np.eye(4)).lesions[0].touches_edge
    mask[0, 4] = 1
    assert [x.touches_edge for x in find_lesions(mask, np.eye(4)).lesions] == [False, True]


def test_nothing_is_no_lesion():
    found = find_lesions(np.zeros((3, 3, 3)), np.eye(4))
    assert found.lesions == ()
    assert match_lesions(found, found) == ()


def test_instances_keep_touching_lesions_apart_and_split_ones_together():
    values = np.zeros((9, 9, 3), dtype=np.uint16)
    values[1:3, 1, 1], values[3:6, 1, 1] = 7, 300
    values[8, 8, 2] = 7
    found = find_lesions(values, np.eye(4), kind="instances")
    assert [x.voxels for x in found.lesions] == [3, 3]
    assert [x.voxels for x in find_lesions(values > 0, np.eye(4)).lesions] == [5, 1]


def test_labels_that_touch_are_lesions_of_their_own():
    values = np.zeros((9, 9, 3), dtype=np.uint8)
    values[1:3], values[3:6] = 1, 2
    found = find_lesions(values, np.eye(4), {1: "solid", 2: "subsolid"})
    assert [(x.label, x.voxels) for x in found.lesions] == [("subsolid", 81), ("solid", 54)]


def test_a_value_without_a_name_is_refused():
    with pytest.raises(UndeclaredValue, match="found: 3"):
        find_lesions(np.full((2, 2, 2), 3), np.eye(4), {1: "lesion"})


@pytest.mark.parametrize("bad", [np.nan, 0.5, -1.0], ids=str)
def test_values_that_are_no_labels_are_refused(bad):
    with pytest.raises(NotALabelMap):
        find_lesions(np.full((2, 2, 2), bad), np.eye(4))


def test_two_axes_are_refused():
    with pytest.raises(ShapeMismatch, match=r"\(I, J, 1\)"):
        find_lesions(np.ones((4, 4)), np.eye(4))


@settings(deadline=None)
@given(arrays(bool, (6, 5, 4)))
def test_components_are_those_of_scipy_in_either_memory_order(mask):
    labelled, n = ndimage.label(mask, np.ones((3, 3, 3)))
    for order in "CF":
        found = find_lesions(np.array(mask, order=order), np.eye(4))
        assert sorted(x.voxels for x in found.lesions) == sorted(
            np.bincount(labelled.ravel())[1:].tolist()
        )
        assert len(found.lesions) == n
        assert [x.voxels for x in found.lesions] == sorted(
            (x.voxels for x in found.lesions), reverse=True
        )
        centres = sorted(x.centroid_lps_mm for x in found.lesions)
        expected = sorted(ndimage.center_of_mass(mask, labelled, range(1, n + 1)))
        assert np.allclose(centres, expected)


def test_the_long_axis_spans_the_contours_of_scikit_image():
    measure = pytest.importorskip("skimage.measure")
    rng = np.random.default_rng(3)
    for _ in range(20):
        blob = ndimage.gaussian_filter(rng.standard_normal((40, 40)), 3) > 0.1
        labelled, n = ndimage.label(blob, np.ones((3, 3)))
        spans = []
        for part in range(1, n + 1):
            points = np.concatenate(measure.find_contours(np.pad(labelled == part, 1), 0.5))
            spans.append(pdist(points).max())
        found = find_lesions(blob[:, :, None], np.diag([1, 1, 3, 1]))
        assert sorted(x.long_axis_mm for x in found.lesions) == pytest.approx(sorted(spans))


@settings(deadline=None)
@given(arrays(bool, (7, 6, 3)))
def test_the_long_axis_is_the_widest_pair_of_outline_points(mask):
    labelled, n = ndimage.label(mask, np.ones((3, 3, 3)))
    u, v = OBLIQUE[:3, 0], OBLIQUE[:3, 1]
    steps = np.array([[0.5, 0], [-0.5, 0], [0, 0.5], [0, -0.5]])
    widest = []
    for part in range(1, n + 1):
        best = 0.0
        for k in range(3):
            at = np.argwhere(labelled[:, :, k] == part)
            points = (at[:, None, :] + steps).reshape(-1, 2) @ np.stack([u, v])
            apart = np.linalg.norm(points[:, None] - points[None], axis=-1)
            best = max(best, apart.max(initial=0.0))
        widest.append(best)
    found = find_lesions(mask, OBLIQUE)
    assert sorted(x.long_axis_mm for x in found.lesions) == pytest.approx(sorted(widest))


@settings(deadline=None)
@given(label_maps, label_maps)
def test_overlaps_are_counted_as_by_hand(r, p):
    true, found = (find_lesions(m, np.eye(4), {1: "a", 2: "b"}) for m in (r, p))
    for pair in overlaps(true, found):
        a, b = true.lesions[pair.reference - 1], found.lesions[pair.prediction - 1]
        in_a, in_b = member(true, a.id), member(found, b.id)
        assert a.label == b.label
        assert pair.voxels == (in_a & in_b).sum() > 0
        assert pair.iou == pytest.approx((in_a & in_b).sum() / (in_a | in_b).sum())
        assert pair.dice == pytest.approx(2 * (in_a & in_b).sum() / (in_a.sum() + in_b.sum()))
    together = sum(pair.voxels for pair in overlaps(true, found))
    assert together == ((r == p) & (r > 0)).sum()


def member(side, lesion_id):
    runs = side.runs.take(side.runs.value == lesion_id)
    whole = runs.mask(np.zeros(3, int), np.array(runs.shape))
    return whole.transpose(np.argsort(side.order))


@settings(deadline=None)
@given(
    st.dictionaries(
        st.tuples(st.integers(1, 4), st.integers(1, 4)), st.floats(0.001, 1), max_size=10
    ),
    st.sampled_from([0.0, 0.3]),
)
def test_matching_is_the_best_of_all_matchings(iou_of, min_iou):
    pairs = [Pair(r, p, 1, iou, iou) for (r, p), iou in iou_of.items()]
    allowed = [x for x in pairs if x.iou >= min_iou]
    best = (0, 0.0)
    for size in range(1, 5):
        for chosen in itertools.combinations(allowed, size):
            if len({x.reference for x in chosen}) == len({x.prediction for x in chosen}) == size:
                best = max(best, (size, sum(x.iou for x in chosen)))
    matched = match_pairs(pairs, min_iou)
    assert len({x.reference for x in matched}) == len({x.prediction for x in matched})
    assert len(matched) == best[0]
    assert sum(x.iou for x in matched) == pytest.approx(best[1])


def test_more_pairs_are_worth_more_than_more_overlap():
    pairs = [Pair(1, 1, 90, 0.9, 0.9), Pair(1, 2, 1, 0.01, 0.01), Pair(2, 1, 1, 0.01, 0.01)]
    assert [(x.reference, x.prediction) for x in match_pairs(pairs)] == [(1, 2), (2, 1)]
