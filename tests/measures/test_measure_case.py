"""What is measured on one case: which lesion met which, each label, empty cases, JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from limen.measures import Measurement, ShapeMismatch, UndeclaredValue, hd95_mm, measure_case
from limen.product.declaration import Task

SHAPE = (40, 40, 20)
AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])
EMPTY = np.zeros(SHAPE, dtype=np.uint8)


def cubes(*corners_and_sides, value=1):
    """A label map with cubes, each given by its first voxel and its side."""
    labels = np.zeros(SHAPE, dtype=np.uint8)
    for (i, j, k), side in corners_and_sides:
        labels[i : i + side, j : j + side, k : k + side] = value
    return labels


def test_found_missed_and_false(nodules):
    reference = cubes(((2, 2, 2), 6), ((20, 20, 2), 4))
    prediction = cubes(((4, 2, 2), 6), ((30, 30, 12), 3))
    m = measure_case(prediction, reference, AFFINE, nodules)
    assert [(x.id, x.matched) for x in m.reference] == [(1, 1), (2, None)]
    assert [(x.id, x.matched) for x in m.prediction] == [(1, 1), (2, None)]
    assert m.reference[0].overlap_dice == pytest.approx(4 / 6)
    assert m.reference[1].overlap_dice is None
    assert m.reference[0].label == "nodule"
    (label,) = m.labels
    assert label.volume_reference_ml == pytest.approx((216 + 64) * 2 / 1000)
    assert label.volume_prediction_ml == pytest.approx((216 + 27) * 2 / 1000)
    assert label.volume_error_ml == pytest.approx(-37 * 2 / 1000)
    assert label.relative_volume_error == pytest.approx(-37 / 280)
    assert label.dice == pytest.approx(2 * 144 / (280 + 243))
    assert label.hd95_mm == hd95_mm(prediction, reference, AFFINE)


def test_a_second_mark_on_a_lesion_stays_unmatched_and_says_what_it_lies_on(nodules):
    reference = cubes(((2, 2, 2), 8))
    prediction = cubes(((2, 2, 2), 3), ((7, 7, 7), 3))
    m = measure_case(prediction, reference, AFFINE, nodules)
    assert sorted(str(x.matched) for x in m.prediction) == ["1", "None"]
    assert [x.overlaps for x in m.prediction] == [(1,), (1,)]
    assert m.reference[0].overlaps == (1, 2)


def test_two_lesions_under_one_mark_are_one_find(nodules):
    reference = cubes(((2, 2, 2), 3), ((8, 2, 2), 3))
    prediction = cubes(((2, 2, 2), 9))
    m = measure_case(prediction, reference, AFFINE, nodules)
    assert sum(x.matched is None for x in m.reference) == 1
    assert all(x.overlaps == (1,) for x in m.reference)


def test_a_mark_of_another_label_finds_nothing():
    task = Task(kind="lesion-detection", labels={"solid": 1, "subsolid": 2})
    m = measure_case(cubes(((2, 2, 2), 5), value=2), cubes(((2, 2, 2), 5), value=1), AFFINE, task)
    assert m.reference[0].matched is None
    assert m.prediction[0].matched is None
    assert [x.label for x in m.labels] == ["solid", "subsolid"]


def test_instances_are_one_lesion_each():
    task = Task(kind="lesion-detection", reference="instances", labels={"nodule": 1})
    reference = cubes(((2, 2, 2), 4)).astype(np.uint16)
    reference[6:10, 2:6, 2:6] = 400
    prediction = cubes(((2, 2, 2), 4))
    m = measure_case(prediction, reference, AFFINE, task)
    assert [x.matched for x in m.reference] == [1, None]
    assert {x.label for x in m.reference} == {"nodule"}
    assert m.labels[0].volume_reference_ml == pytest.approx(2 * 64 * 2 / 1000)


def test_ignored_values_are_background():
    task = Task(kind="lesion-detection", labels={"nodule": 1}, ignore_labels=[9, "noise"])
    both = cubes(((2, 2, 2), 4))
    ignored = cubes(((20, 20, 10), 4), value=9)
    m = measure_case(both + ignored, both + ignored, AFFINE, task)
    assert m == measure_case(both, both, AFFINE, task)


def test_segmentation_has_labels_and_no_lesions(organs):
    r = cubes(((2, 2, 2), 10)) + cubes(((20, 20, 2), 6), value=2)
    m = measure_case(r, r, AFFINE, organs)
    assert [(x.label, x.dice, x.hd95_mm) for x in m.labels] == [("liver", 1, 0), ("spleen", 1, 0)]
    assert m.reference is None
    assert "lesions" not in m.as_dict()
    assert not any(x.correct_rejection for x in m.labels)


def test_both_empty_is_a_correct_rejection(nodules):
    (label,) = measure_case(EMPTY, EMPTY, AFFINE, nodules).labels
    assert label.correct_rejection
    assert (label.dice, label.hd95_mm) == (1.0, 0.0)
    assert (label.volume_error_ml, label.relative_volume_error) == (0.0, 0.0)
    assert label.undefined == {"nsd": "no tolerance was stated"}


def test_empty_prediction_is_undefined_in_words(nodules):
    (label,) = measure_case(EMPTY, cubes(((2, 2, 2), 4)), AFFINE, nodules).labels
    assert (label.dice, label.hd95_mm, label.relative_volume_error) == (0.0, None, -1.0)
    assert (label.iou, label.boundary_iou) == (0.0, 0.0)
    distances = ("hd_mm", "hd95_mm", "assd_mm", "masd_mm")
    assert [getattr(label, name) for name in distances] == [None] * 4
    assert [label.undefined[name] for name in distances] == ["prediction is empty"] * 4
    assert not label.correct_rejection


def test_empty_reference_is_undefined_in_words(nodules):
    (label,) = measure_case(cubes(((2, 2, 2), 4)), EMPTY, AFFINE, nodules).labels
    assert (label.dice, label.hd95_mm, label.relative_volume_error) == (0.0, None, None)
    for name in ("hd_mm", "hd95_mm", "assd_mm", "masd_mm", "relative_volume_error"):
        assert label.undefined[name] == "reference is empty"


@pytest.mark.parametrize("which", ["prediction", "reference"])
def test_an_undeclared_value_is_refused_and_named(nodules, which):
    good, bad = cubes(((2, 2, 2), 4)), cubes(((2, 2, 2), 4), value=5)
    maps = {"prediction": good, "reference": good, which: bad}
    with pytest.raises(UndeclaredValue, match=f"{which} holds .*found: 5"):
        measure_case(maps["prediction"], maps["reference"], AFFINE, nodules)


def test_two_grids_are_refused(nodules):
    with pytest.raises(ShapeMismatch, match="one grid"):
        measure_case(EMPTY, EMPTY[:-1], AFFINE, nodules)


small = arrays(np.uint8, (5, 4, 3), elements=st.integers(0, 1))


@settings(deadline=None, max_examples=60)
@given(small, small, st.sampled_from(["lesion-detection", "segmentation"]))
def test_json_holds_everything_and_no_nan(p, r, kind):
    task = Task(kind=kind, labels={"nodule": 1})
    m = measure_case(p, r, AFFINE, task)
    text = json.dumps(m.as_dict(), allow_nan=False)
    assert Measurement.from_dict(json.loads(text)) == m


@settings(deadline=None, max_examples=60)
@given(small, small)
def test_matching_goes_both_ways(p, r):
    m = measure_case(p, r, AFFINE, Task(kind="lesion-detection", labels={"nodule": 1}))
    there = {(x.id, x.matched) for x in m.reference if x.matched is not None}
    back = {(x.matched, x.id) for x in m.prediction if x.matched is not None}
    assert there == back
    # any overlap at all leaves at least one pair
    assert bool(there) == bool((p & r).any())
