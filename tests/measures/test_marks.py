"""FROC and AFROC against counts by brute force, LUNA16's rule, and the laws of a curve."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from limen.measures import (
    BadValue,
    ShapeMismatch,
    Undefined,
    afroc,
    find_lesions,
    froc,
    hits_by_box,
    hits_by_distance,
    marked_case,
    marked_masks,
)

scores = st.sampled_from([0.1, 0.2, 0.3, 0.5, 0.8, 0.9])


@st.composite
def drawn_case(draw, min_lesions=0):
    n = draw(st.integers(min_lesions, 3))
    m = draw(st.integers(0, 4))
    pairs = list(itertools.product(range(n), range(m)))
    hits = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    return n, draw(st.lists(scores, min_size=m, max_size=m)), hits


def best_matching(n, marks, hits):
    """Most lesions that can be found one to one, by trying every choice."""
    for size in range(min(n, len(marks)), 0, -1):
        for lesions in itertools.combinations(range(n), size):
            for chosen in itertools.permutations(marks, size):
                if all(pair in hits for pair in zip(lesions, chosen, strict=True)):
                    return size
    return 0


@given(st.lists(drawn_case(), min_size=1, max_size=3))
def test_each_threshold_finds_as_many_as_a_matching_can(drawn):
    assume(any(n for n, _, _ in drawn))
    curve = froc([marked_case(n, s, h) for n, s, h in drawn])
    for t, sensitivity, false in zip(
        curve.thresholds, curve.sensitivity, curve.false_per_case, strict=True
    ):
        found = [
            best_matching(n, [m for m, x in enumerate(s) if x >= t], set(h)) for n, s, h in drawn
        ]
        marks = [sum(x >= t for x in s) for _, s, _ in drawn]
        assert sensitivity == pytest.approx(sum(found) / curve.n_lesions)
        assert false == pytest.approx((sum(marks) - sum(found)) / len(drawn))


@given(st.lists(drawn_case(), min_size=1, max_size=4))
def test_a_lower_threshold_never_finds_less(drawn):
    assume(any(n for n, _, _ in drawn))
    curve = froc([marked_case(n, s, h) for n, s, h in drawn])
    assert (np.diff(curve.thresholds) < 0).all()
    assert (np.diff(curve.sensitivity) >= 0).all()
    assert (np.diff(curve.false_per_case) >= 0).all()


@given(drawn_case())
def test_ignoring_further_marks_is_the_rule_of_luna16(drawn):
    n, s, h = drawn
    made = marked_case(n, s, h, further_marks="ignored")
    touching = {m for _, m in h}
    assert sorted(made.false_scores) == sorted(x for m, x in enumerate(s) if m not in touching)
    strict = marked_case(n, s, h)
    assert np.array_equal(made.lesion_scores, strict.lesion_scores)
    assert len(strict.false_scores) + np.isfinite(strict.lesion_scores).sum() == len(s)


def area_by_pairs(cases, weighted):
    """The figure of merit from its definition: every lesion against every normal case."""
    diseased = [c for c in cases if len(c.lesion_scores)]
    normal = [max(c.false_scores, default=-math.inf) for c in cases if not len(c.lesion_scores)]
    n_lesions = sum(len(c.lesion_scores) for c in diseased)
    total = 0.0
    for c in diseased:
        for score, weight in zip(c.lesion_scores, c.lesion_weights, strict=True):
            share = weight / len(diseased) if weighted else 1 / n_lesions
            for false in normal:
                total += share * (1.0 if score > false else 0.5 if score == false else 0.0)
    return total / len(normal)


@given(
    st.lists(drawn_case(1), min_size=1, max_size=3),
    st.lists(st.lists(scores, max_size=3), min_size=1, max_size=3),
    st.booleans(),
)
def test_the_area_is_the_chance_over_all_pairs(diseased, normal, weighted):
    cases = [marked_case(n, s, h, lesion_weights=np.arange(1, n + 1)) for n, s, h in diseased]
    cases += [marked_case(0, s, []) for s in normal]
    curve = afroc(cases, weighted=weighted)
    assert curve.area == pytest.approx(area_by_pairs(cases, weighted))
    assert 0 <= curve.area <= 1
    # trapezoids under the curve, with the straight end to (1, 1), are the same area
    x = np.concatenate([[0], curve.false_case_fraction, [1]])
    y = np.concatenate([[0], curve.lesion_fraction, [1]])
    assert np.trapezoid(y, x) == pytest.approx(curve.area)


def test_weights_make_every_diseased_case_count_the_same():
    many = marked_case(4, [], [])
    one = marked_case(1, [0.9], [(0, 0)])
    normal = marked_case(0, [0.1], [])
    assert afroc([many, one, normal]).area == pytest.approx(1 / 5)
    assert afroc([many, one, normal], weighted=True).area == pytest.approx(1 / 2)


def test_sensitivity_at_a_rate_is_that_of_a_threshold_that_can_be_set():
    case = marked_case(2, [0.9, 0.8, 0.7, 0.6], [(0, 0), (1, 2)])
    curve = froc([case])
    assert curve.sensitivity_at(0) == 0.5
    assert curve.sensitivity_at(0.99) == 0.5
    assert curve.sensitivity_at(1) == 1.0
    assert curve.score([0.5, 1]) == pytest.approx(0.75)
    silent = froc([marked_case(2, [], [])])
    assert (silent.sensitivity_at(8), silent.thresholds.size) == (0.0, 0)


def test_points_and_boxes_hit_what_they_lie_on():
    lesions, marks = [[0, 0, 0], [10, 0, 0]], [[3, 0, 0], [10, 4, 0], [50, 50, 50]]
    assert hits_by_distance(lesions, marks, 4) == [(0, 0), (1, 1)]
    assert hits_by_distance(lesions, marks, [3, 3.9]) == [(0, 0)]
    assert hits_by_distance(lesions, [], 4) == []
    boxes = [[0, 0, 4, 4]]
    assert hits_by_box(boxes, [[2, 0, 6, 4], [4, 0, 8, 4]]) == [(0, 0)]
    assert hits_by_box(boxes, [[2, 0, 6, 4]], min_iou=0.34) == []


def test_masks_give_marks_with_their_largest_probability():
    reference, probability = np.zeros((12, 8, 4)), np.zeros((12, 8, 4))
    reference[1:4, 1:4, 1:3] = 1
    probability[2:5, 2:5, 1:3] = 0.6
    probability[2, 2, 1] = 0.9
    probability[8:10, 5:7, 1] = 0.7
    true, found = (find_lesions(m, np.eye(4)) for m in (reference, probability > 0.5))
    for order in "CF":
        case = marked_masks(true, found, np.array(probability, order=order))
        assert case.lesion_scores.tolist() == [0.9]
        assert case.false_scores.tolist() == [0.7]
    strict = marked_masks(true, found, probability, min_iou=0.5)
    assert strict.lesion_scores.tolist() == [-math.inf]
    with pytest.raises(BadValue, match="0 to 1"):
        marked_masks(true, found, probability * 2)
    with pytest.raises(BadValue, match="0 to 1"):
        marked_masks(true, found, np.where(probability > 0, probability, np.nan))
    with pytest.raises(ShapeMismatch):
        marked_masks(true, found, probability[:-1])


@pytest.mark.parametrize(
    "make",
    [
        lambda: marked_case(1, [np.nan], []),
        lambda: marked_case(1, [0.5], [(1, 0)]),
        lambda: marked_case(2, [], [], lesion_weights=[1, 0]),
        lambda: marked_case(1, [], [], lesion_weights=[np.nan]),
        lambda: hits_by_distance([[0, 0]], [[np.inf, 0]], 1),
        lambda: hits_by_distance([[0, 0]], [[0, 0]], 0),
        lambda: hits_by_box([[0, 0, 0, 4]], [[0, 0, 4, 4]]),
    ],
)
def test_what_cannot_be_counted_is_refused(make):
    with pytest.raises(BadValue):
        make()


def test_a_curve_needs_lesions_and_an_area_needs_cases_without():
    with pytest.raises(Undefined, match="no case has a lesion"):
        froc([marked_case(0, [0.5], [])])
    with pytest.raises(Undefined, match="every case has a lesion"):
        afroc([marked_case(1, [], [])])


def test_a_long_chain_of_marks_makes_way_for_one_more():
    n = 3000  # each mark hits its lesion and the next; the last one moves all others on
    hits = [(m + side, m) for m in range(n) for side in (1, 0) if m + side < n]
    found = marked_case(n, np.arange(n)[::-1] + 1.0, hits)
    assert np.isfinite(found.lesion_scores).all()
    assert found.false_scores.size == 0
