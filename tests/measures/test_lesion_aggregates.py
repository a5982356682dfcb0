"""Aggregates count as the criteria count: by distance, in a region, by volume of the structure."""

from __future__ import annotations

import numpy as np
import pytest

from limen.measures import CaseRow, judge, measure_case, summarise
from limen.measures.subgroups import flat_rows
from limen.product.declaration import Criterion, Risk, Task

RISK = Risk(failure_rate=0.10, confidence=0.95)
CORE_AND_RIM = Task(
    kind="lesion-detection", labels={"core": 1, "rim": 2}, regions={"whole": ["core", "rim"]}
)
ONE = Task(kind="lesion-detection", labels={"nodule": 1})


def row(case, prediction, reference, task, criteria):
    m = measure_case(prediction, reference, np.eye(4), task)
    return CaseRow(case, f"patient of {case}", judge(m, criteria, task), m)


def cube(at, side=3, value=1):
    labels = np.zeros((24, 24, 12), np.uint8)
    i, j, k = at
    labels[i : i + side, j : j + side, k : k + side] = value
    return labels


def test_sensitivity_counts_by_distance_where_the_criterion_does():
    criteria = [
        Criterion(measure="missed_lesions", tolerance_mm=5, at_most=0),
        Criterion(measure="false_marks", tolerance_mm=5, at_most=0),
    ]
    # 4 mm aside: beside the lesion, near enough; every third case 10 mm away
    rows = [
        row(f"c{n}", cube((12 if n % 3 == 0 else 6, 2, 2)), cube((2, 2, 2)), ONE, criteria)
        for n in range(12)
    ]
    by_overlap, by_distance = summarise(rows, [], RISK, ONE).sensitivity
    assert (by_overlap.tolerance_mm, by_overlap.sensitivity.value) == (None, 0.0)
    assert (by_distance.tolerance_mm, by_distance.sensitivity.value) == (5.0, 8 / 12)
    assert by_distance.patients_all_found.value == 8 / 12
    marks = summarise(rows, [], RISK, ONE).false_marks
    assert [m.per_case.value for m in marks] == [1.0, 4 / 12]


def test_a_region_has_its_own_lesions_and_averages():
    criteria = [Criterion(measure="missed_lesions", region="whole", at_most=0)]
    # the core is called rim: each label is missed, the whole is found
    truth = cube((2, 2, 2), value=1)
    rows = [row(f"c{n}", 2 * truth, truth, CORE_AND_RIM, criteria) for n in range(12)]
    made = summarise(rows, [], RISK, CORE_AND_RIM)
    labels, whole = made.sensitivity
    assert (labels.region, labels.found, labels.present) == (None, 0, 12)
    assert (whole.region, whole.found, whole.present) == ("whole", 12, 12)
    (region,) = made.regions
    assert (region.label, region.dice.value, region.n_cases) == ("whole", 1.0, 12)
    assert {x.label: x.dice.value for x in made.labels} == {"core": 0.0, "rim": None}
    named = {
        (r["label"], r["region"], r["measure"]): r.get("value") for r in flat_rows(made.as_dict())
    }
    assert named[None, "whole", "dice"] == 1.0
    assert named["core", None, "dice"] == 0.0


def test_measures_of_lesions_have_a_mean_that_no_miss_improves():
    criteria = [
        Criterion(measure="split_lesions", at_most=0),
        Criterion(measure="lesion_dice", at_least=0.5),
        Criterion(measure="centroid_error", at_most=3),
    ]
    truth = cube((2, 2, 2), 5) | cube((14, 14, 4), 5)
    split = truth.copy()
    split[4] = 0
    rows = [row(f"c{n}", split if n % 2 else truth, truth, ONE, criteria) for n in range(12)]
    means = {c.measure: c.mean for c in summarise(rows, [], RISK, ONE).criteria}
    assert means["split_lesions"].value == 0.5
    assert means["split_lesions"].unit == "lesions per case"
    halves = 2 * 50 / (50 + 125)
    assert means["lesion_dice"].value == pytest.approx((1 + halves) / 2)
    assert means["centroid_error"].value == pytest.approx(1.5 / 2)
    missed = row("missed", cube((2, 2, 2), 5), truth, ONE, criteria)
    means = {c.measure: c.mean for c in summarise([*rows, missed], [], RISK, ONE).criteria}
    assert means["centroid_error"].value is None
    assert "undefined in 1 of 13 cases (a lesion was missed)" in means["centroid_error"].cannot_say
    assert means["lesion_dice"].value == pytest.approx((6 + 6 * halves + 0) / 13)


def test_a_structure_is_averaged_by_its_volume():
    task = Task(kind="segmentation", labels={"fluid": 1})
    criteria = [Criterion(measure="dice", at_least=0.5)]
    small, large = cube((2, 2, 2), 3), cube((2, 2, 2), 10)  # 0.027 and 1 mL
    rows = [
        row(f"c{n}", (small if n % 2 else large) * (n % 4 > 1), small if n % 2 else large, task,
            criteria)
        for n in range(40)
    ]  # fmt: skip
    found = summarise(rows, [], RISK, task).subgroups
    by_volume = {(b["from_ml"], b["below_ml"]): b for b in found["structure_sizes"]}
    assert set(by_volume) == {(0.0, 0.1), (1.0, 10.0)}
    for band in by_volume.values():
        assert band["n_patients"] == 20
        assert band["figures"]["dice"]["value"] == 0.5
    few = summarise(rows[:30:2] + rows[1:10:2], [], RISK, task).subgroups["structure_sizes"]
    assert few[0]["cannot_say"] == "nothing can be said with n = 5 patients; it takes 10"
    assert "figures" not in few[0]
    assert few[1]["figures"]["dice"]["n"] == 15


def test_one_band_of_volume_is_no_comparison():
    task = Task(kind="segmentation", labels={"fluid": 1})
    truth = cube((2, 2, 2), 4)
    criteria = [Criterion(measure="dice", at_least=0.5)]
    rows = [row(f"c{n}", truth, truth, task, criteria) for n in range(12)]
    assert summarise(rows, [], RISK, task).subgroups["structure_sizes"] == []
