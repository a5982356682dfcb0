"""Verdicts: what passes, what fails, and the words."""

from __future__ import annotations

import json

import numpy as np
import pytest

from limen.measures import BadCriterion, Verdict, Wanted, judge, measure_case
from limen.measures.verdict import UNITS
from limen.product.criteria import MEASURES
from limen.product.declaration import Criterion, Task

SHAPE = (40, 40, 20)
AFFINE = np.eye(4)
EMPTY = np.zeros(SHAPE, dtype=np.uint8)
# equal-volume diameters of cubes of side 3, 4, 6: 3.72, 4.96, 7.44 mm
SMALL, LARGE = ((20, 20, 10), 3), ((2, 2, 2), 6)


def cubes(*corners_and_sides, value=1):
    """A label map with cubes, each given by its first voxel and its side."""
    labels = np.zeros(SHAPE, dtype=np.uint8)
    for (i, j, k), side in corners_and_sides:
        labels[i : i + side, j : j + side, k : k + side] = value
    return labels


def verdict(prediction, reference, task, **criterion):
    criteria = [Criterion(**criterion)]
    measured = measure_case(prediction, reference, AFFINE, task, Wanted.by(criteria))
    return judge(measured, criteria, task)


def test_a_missed_nodule_fails_with_its_size_and_place(nodules):
    v = verdict(
        EMPTY, cubes(LARGE, SMALL), nodules, measure="missed_lesions", min_diameter_mm=6, at_most=0
    )
    assert not v.passed
    assert v.reasons == ["1 nodule of 6 mm or more missed: 7.4 mm at (4, 4, 4) mm LPS"]
    assert (v.criteria[0].value, v.criteria[0].limit, v.criteria[0].unit) == (1, 0, "lesions")


def test_a_missed_nodule_under_the_limit_passes(nodules):
    v = verdict(
        EMPTY, cubes(SMALL), nodules, measure="missed_lesions", min_diameter_mm=6, at_most=0
    )
    assert v.passed
    assert v.reasons == []
    assert v.criteria[0].value == 0


def test_the_size_limit_is_inclusive(nodules):
    reference = cubes(LARGE)
    size = measure_case(EMPTY, reference, AFFINE, nodules).reference[0].diameter_mm
    common = {"measure": "missed_lesions", "at_most": 0}
    assert not verdict(EMPTY, reference, nodules, min_diameter_mm=size, **common).passed
    above = np.nextafter(size, 99)
    assert verdict(EMPTY, reference, nodules, min_diameter_mm=above, **common).passed


def test_a_mark_on_a_small_nodule_is_neither_find_nor_false(nodules):
    m = measure_case(cubes(SMALL), cubes(SMALL), AFFINE, nodules)
    criteria = [
        Criterion(measure="missed_lesions", min_diameter_mm=6, at_most=0),
        Criterion(measure="false_marks", at_most=0),
    ]
    v = judge(m, criteria, nodules)
    assert [c.value for c in v.criteria] == [0, 0]
    assert v.passed


def test_false_marks_over_the_limit(nodules):
    p = cubes(((2, 2, 2), 3), ((10, 10, 2), 3), ((30, 30, 10), 3))
    v = verdict(p, EMPTY, nodules, measure="false_marks", at_most=1)
    assert v.reasons[0].startswith("3 false marks, limit 1: 3.7 mm at (")
    assert verdict(p, EMPTY, nodules, measure="false_marks", at_most=3).passed
    assert verdict(p, EMPTY, nodules, measure="false_marks", at_most=0, min_diameter_mm=4).passed


def test_a_further_mark_on_one_nodule_is_false_and_says_so(nodules):
    p = cubes(((2, 2, 2), 2), ((6, 6, 6), 2))
    v = verdict(p, cubes(LARGE), nodules, measure="false_marks", at_most=0)
    assert "further mark on a lesion already matched" in v.reasons[0]


def test_many_lesions_are_not_all_listed(nodules):
    p = cubes(*[((4 * i, 2, 2), 2) for i in range(9)])
    v = verdict(p, EMPTY, nodules, measure="false_marks", at_most=0)
    assert v.reasons[0].endswith("and 4 more")
    assert v.reasons[0].count("LPS") == 5


def test_dice_at_least(organs):
    r = cubes(((2, 2, 2), 10))
    p = cubes(((4, 2, 2), 10))
    v = verdict(p, r, organs, measure="dice", label="liver", at_least=0.9)
    assert v.reasons == ["Dice of liver is 0.8, at least 0.9 required"]
    assert verdict(p, r, organs, measure="dice", label="liver", at_least=0.8).passed


def test_without_a_label_every_label_must_pass(organs):
    r = cubes(((2, 2, 2), 10)) + cubes(((20, 20, 2), 6), value=2)
    p = cubes(((2, 2, 2), 10))
    v = verdict(p, r, organs, measure="dice", at_least=0.5)
    assert [(c.label, c.passed) for c in v.criteria] == [("liver", True), ("spleen", False)]
    assert not v.passed


def test_volume_errors_are_judged_without_their_sign(organs):
    large, small = cubes(((2, 2, 2), 10)), cubes(((2, 2, 2), 8))
    for p, r, side in ((large, small, "large"), (small, large, "small")):
        v = verdict(p, r, organs, measure="volume_error", label="liver", at_most=0.4)
        assert v.criteria[0].value == pytest.approx(0.488)
        assert f"0.488 mL too {side}" in v.reasons[0]
        v = verdict(p, r, organs, measure="relative_volume_error", label="liver", at_most=0.1)
        assert f"% too {side}" in v.reasons[0]
        assert "limit 10 %" in v.reasons[0]


def test_volumes_of_an_eye_are_told_in_cubic_millimetres(organs):
    from limen.reports.words import criterion_words

    large, small = cubes(((2, 2, 2), 2)), cubes(((2, 2, 2), 1))  # 8 voxels against 1, of 1 mm³
    limit = {"measure": "volume_error", "label": "liver", "at_most": 0.00005}
    v = verdict(large, small, organs, **limit)
    assert "7 mm³ too large (8 mm³ against 1 mm³), limit 0.05 mm³" in v.reasons[0]
    assert criterion_words(Criterion(**limit), organs) == "volume error of liver at most 0.05 mm³"


def test_an_undefined_value_fails_with_its_reason(organs):
    v = verdict(EMPTY, cubes(((2, 2, 2), 10)), organs, measure="hd95", label="liver", at_most=1e9)
    assert v.criteria[0].value is None
    assert v.reasons == ["HD95 of liver cannot be measured: prediction is empty"]
    v = verdict(
        cubes(((2, 2, 2), 10)),
        EMPTY,
        organs,
        measure="relative_volume_error",
        label="liver",
        at_most=9,
    )
    assert v.reasons == ["relative volume error of liver cannot be measured: reference is empty"]


@pytest.mark.parametrize("measure", sorted(UNITS))
def test_a_correct_rejection_passes_everything(nodules, measure):
    limit = {"at_least": 1.0} if MEASURES[measure].direction == "at_least" else {"at_most": 0.0}
    if MEASURES[measure].tolerance == "must":
        limit["tolerance_mm"] = 1.0
    assert verdict(EMPTY, EMPTY, nodules, measure=measure, **limit).passed


@pytest.mark.parametrize("measure", sorted(UNITS))
def test_a_case_missed_altogether_fails_everything(nodules, measure):
    # nothing is falsely marked, split, merged
    if measure in ("false_marks", "split_lesions", "merged_lesions"):
        return
    limit = {"at_least": 1e-6} if MEASURES[measure].direction == "at_least" else {"at_most": 0.0}
    if MEASURES[measure].tolerance == "must":
        limit["tolerance_mm"] = 1.0
    failed = verdict(EMPTY, cubes(LARGE), nodules, measure=measure, **limit)
    assert not failed.passed
    assert len(failed.reasons) == 1


def test_surface_and_overlap_measures_say_their_name_value_and_limit(organs):
    r, p = cubes(((2, 2, 2), 10)), cubes(((2, 2, 4), 10))
    told = {
        ("iou", "at_least"): (0.9, "IoU of liver is 0.667, at least 0.9 required"),
        ("hd", "at_most"): (1, "HD of liver is 2 mm, limit 1 mm"),
        ("nsd", "at_least"): (0.99, "NSD at 1 mm of liver is "),
        ("boundary_iou", "at_least"): (0.99, "boundary IoU of liver is "),
        ("assd", "at_most"): (0.01, "ASSD of liver is "),
    }
    for (measure, side), (limit, words) in told.items():
        tolerance = {"tolerance_mm": 1} if measure == "nsd" else {}
        v = verdict(p, r, organs, measure=measure, label="liver", **{side: limit}, **tolerance)
        assert v.reasons[0].startswith(words), v.reasons


def test_a_tolerance_matches_by_centres_instead_of_overlap(nodules):
    r, p = cubes(((2, 2, 2), 3)), cubes(((8, 2, 2), 3))
    assert not verdict(p, r, nodules, measure="missed_lesions", at_most=0).passed
    for tolerance, found in ((5.9, False), (6.0, True)):
        for measure in ("missed_lesions", "false_marks"):
            v = verdict(p, r, nodules, measure=measure, tolerance_mm=tolerance, at_most=0)
            assert v.passed is found
    v = verdict(p, r, nodules, measure="missed_lesions", tolerance_mm=5, at_most=0)
    assert v.reasons == ["1 nodule missed (none within 5 mm): 3.7 mm at (3, 3, 3) mm LPS"]


def test_split_and_merged_lesions_are_counted(nodules):
    one, two = cubes(((2, 2, 2), 9)), cubes(((2, 2, 2), 3), ((8, 2, 2), 3))
    split = verdict(two, one, nodules, measure="split_lesions", at_most=0)
    assert split.reasons[0].startswith("1 nodule under several marks: ")
    merged = verdict(one, two, nodules, measure="merged_lesions", at_most=0)
    assert merged.criteria[0].value == 2
    assert merged.reasons[0].startswith("2 nodules under a mark that covers another too: ")
    assert verdict(two, one, nodules, measure="merged_lesions", at_most=0).passed
    assert verdict(one, two, nodules, measure="split_lesions", at_most=0).passed


def test_measures_of_lesions_have_their_closed_forms(nodules):
    r, p = cubes(((2, 2, 2), 6), ((20, 20, 10), 3)), cubes(((4, 2, 2), 6))
    expected = {
        "lesion_sensitivity": 0.5,
        "largest_missed_lesion": (6 * 27 / np.pi) ** (1 / 3),
        "centroid_error": 2.0,
        "lesion_dice": 0.0,
    }
    for measure, value in expected.items():
        limit = {MEASURES[measure].direction: 1.0}
        (result,) = verdict(p, r, nodules, measure=measure, **limit).criteria
        assert result.value == pytest.approx(value), measure
    sized = verdict(p, r, nodules, measure="lesion_dice", min_diameter_mm=6, at_least=0.9)
    assert sized.criteria[0].value == pytest.approx(4 / 6)
    assert sized.reasons == [
        "Dice of the worst lesion is 0.667, at least 0.9 required: 7.4 mm at (4, 4, 4) mm LPS"
    ]


def test_a_region_is_judged_as_the_union_of_its_labels():
    task = Task(
        kind="lesion-detection",
        labels={"core": 1, "oedema": 2},
        regions={"whole": ["core", "oedema"]},
    )
    r = np.maximum(cubes(((2, 2, 2), 4)), cubes(((6, 2, 2), 4), value=2))
    p = cubes(((2, 2, 2), 4)) * 2 + cubes(((6, 2, 2), 4))
    assert verdict(p, r, task, measure="dice", label="core", at_least=0.1).criteria[0].value == 0
    v = verdict(p, r, task, measure="dice", region="whole", at_least=1)
    assert v.passed
    assert (v.criteria[0].region, v.criteria[0].label) == ("whole", None)
    missed = {"measure": "missed_lesions", "at_most": 0}
    assert not verdict(p, r, task, **missed).passed
    assert verdict(p, r, task, **missed, region="whole").passed
    v = verdict(EMPTY, r, task, **missed, region="whole")
    assert v.criteria[0].value == 1  # two labels, one lesion
    with pytest.raises(BadCriterion, match="region"):
        verdict(p, r, task, measure="dice", region="half", at_least=1)


def test_a_value_just_over_the_limit_is_not_shown_as_the_limit(organs):
    r = cubes(((2, 2, 2), 10))
    p = r.copy()
    p[2, 2, 2] = 0
    v = verdict(p, r, organs, measure="dice", label="liver", at_least=0.9999)
    value = v.criteria[0].value
    assert f"{value:.3g}" == "0.999"
    v = verdict(p, r, organs, measure="dice", label="liver", at_least=value + 1e-6)
    shown, limit = v.reasons[0].removeprefix("Dice of liver is ").split(", at least ")
    assert float(shown) < float(limit.removesuffix(" required"))


def test_lesions_cannot_be_counted_in_a_segmentation(organs):
    v = verdict(EMPTY, EMPTY, organs, measure="missed_lesions", at_most=0)
    assert not v.passed
    assert "not measured for the task segmentation" in v.reasons[0]


@pytest.mark.parametrize(
    ("criterion", "words"),
    [
        ({"measure": "dicee", "at_least": 0.5}, "no such measure"),
        ({"measure": "dice"}, "no limit"),
        ({"measure": "dice", "at_least": 0.5, "label": "kidney"}, "kidney"),
    ],
)
def test_a_criterion_that_cannot_be_judged_is_refused(organs, criterion, words):
    with pytest.raises(BadCriterion, match=words):
        verdict(EMPTY, EMPTY, organs, **criterion)


def test_no_criteria_is_no_pass(organs):
    with pytest.raises(BadCriterion, match="no criterion"):
        judge(measure_case(EMPTY, EMPTY, AFFINE, organs), [], organs)


def test_json_and_back(nodules):
    v = verdict(cubes(SMALL), cubes(LARGE), nodules, measure="false_marks", at_most=0)
    text = json.dumps(v.as_dict(), allow_nan=False)
    assert Verdict.from_dict(json.loads(text)) == v


def test_labels_that_make_no_plural_are_put_in_brackets():
    task = Task(kind="lesion-detection", labels={"MS-plaque": 1})
    v = verdict(EMPTY, cubes(LARGE), task, measure="missed_lesions", at_most=0)
    assert v.reasons[0].startswith("1 lesion (MS-plaque) missed: ")


def test_the_vocabulary_is_that_of_the_declaration():
    criteria = pytest.importorskip("limen.product.criteria")
    assert set(UNITS) == set(criteria.MEASURES)
