"""Specks by the tens of thousands and labels by the thousands: counted right, not only a few."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limen.measures import find_lesions, marked_masks, match_lesions, measure_case, segmentation
from limen.measures.lesions import Lesion, match_centroids
from limen.measures.matching import assign
from limen.product.declaration import Task


def specks():
    """68,921 lesions of one voxel, more than 16 bits can number."""
    mask = np.zeros((82, 82, 82), np.uint8)
    mask[::2, ::2, ::2] = 1
    return mask


@pytest.fixture(scope="module")
def lesions():
    return find_lesions(specks(), np.eye(4))


def test_ids_beyond_16_bits_match_in_any_memory_order(lesions):
    true = lesions
    found = find_lesions(np.asfortranarray(specks()), np.eye(4))
    pairs = match_lesions(true, found)
    assert len(true.lesions) == len(pairs) == 41**3
    assert all(p.iou == 1 for p in pairs)
    by_id = {x.id: x for x in found.lesions}
    for pair in pairs[::5000]:
        assert (
            true.lesions[pair.reference - 1].centroid_lps_mm
            == by_id[pair.prediction].centroid_lps_mm
        )


def test_each_speck_has_its_own_score(lesions):
    probabilities = np.random.default_rng(0).random(specks().shape)
    case = marked_masks(lesions, lesions, probabilities)
    places = np.array([x.bbox_start_ijk for x in lesions.lesions])
    assert np.array_equal(case.lesion_scores, probabilities[tuple(places.T)])


def test_specks_are_missed_and_found_one_by_one():
    true = specks()
    found = true.copy()
    found[:, :, 44:] = 0
    task = Task(kind="lesion-detection", labels={"speck": 1})
    m = measure_case(found, true, np.eye(4), task)
    assert sum(x.matched is None for x in m.reference) == 41 * 41 * 19
    assert all(x.matched is not None and x.overlap_dice == 1 for x in m.prediction)


def test_thousands_of_labels_are_each_label_alone():
    rng = np.random.default_rng(1)
    r = np.zeros((60, 60, 40), np.uint16)
    for value in range(1, 2001):
        i, j, k = rng.integers(0, (56, 56, 38))
        r[i : i + 4, j : j + 3, k : k + 2] = value
    p = np.roll(r, 1, axis=0)
    together = segmentation(p, r, spacing_mm=(0.7, 1, 2), nsd_tolerance_mm=1)
    for value in sorted(together)[::150]:
        alone = segmentation(
            p == value, r == value, spacing_mm=(0.7, 1, 2), nsd_tolerance_mm=1
        )[1].as_dict()  # fmt: skip
        assert together[value].as_dict() == alone | {"label": str(value)}


points = st.lists(st.tuples(*[st.integers(0, 6).map(float)] * 3), max_size=5)


def _lesion(at, n, label):
    return Lesion(n, label, 1, 0.001, 1.24, 1.0, at, (0, 0, 0), (1, 1, 1), False)


@given(points, points, st.sampled_from([1.0, 2.5, 4.0]))
def test_centres_are_matched_as_every_pair_of_them_would_be(true, found, within):
    sides = [
        [_lesion(at, n, "ab"[n % 2]) for n, at in enumerate(side, 1)] for side in (true, found)
    ]
    every = [
        (r.id, p.id, math.dist(r.centroid_lps_mm, p.centroid_lps_mm))
        for r in sides[0] for p in sides[1] if r.label == p.label
    ]  # fmt: skip
    near = [x for x in every if x[2] <= within]
    best = assign([x[:2] for x in near], [1 - x[2] / within for x in near])
    matched = match_centroids(*sides, within)
    distance = {x[:2]: x[2] for x in every}
    assert len(matched) == len(best)
    assert sum(distance[x] for x in matched) == pytest.approx(sum(near[n][2] for n in best))
