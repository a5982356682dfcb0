"""Lesions without a product: the same as a product's, in files and arrays, and what they count."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from limen.measures import BadValue, detection, measure_case
from limen.measures.errors import UnknownFile
from limen.measures.folders import Work, measured, pairs_of
from limen.product.declaration import Task

maps = arrays(np.uint8, (7, 6, 5), elements=st.integers(0, 2))


@given(maps, maps)
def test_each_label_has_the_lesions_a_product_finds(p, r):
    task = Task(kind="lesion-detection", labels={"a": 1, "b": 2})
    affine = np.diag([0.7, 0.9, 2.5, 1])
    m = measure_case(p, r, affine, task)
    found = detection(p, r, affine_mm=affine, labels={"a": 1, "b": 2}, min_diameter_mm=1.5)
    for name, d in found.items():
        own = [x for x in m.reference if x.label == name]
        assert [x.centroid_lps_mm for x in d.reference] == [x.centroid_lps_mm for x in own]
        large = [x for x in own if x.diameter_mm >= 1.5]
        assert len(d.present) == len(large)
        assert len(d.missed) == sum(x.matched is None for x in large)
        marks = [x for x in m.prediction if x.label == name and x.diameter_mm >= 1.5]
        assert len(d.false_marks) == sum(x.matched is None for x in marks)
        assert len(d.split) == sum(len(x.overlaps) > 1 for x in large)


@given(maps, maps)
def test_a_union_is_the_mask_of_its_values(p, r):
    united = detection(p, r, spacing_mm=(1, 1, 2), labels={"both": (1, 2)})["both"]
    alone = detection(p > 0, r > 0, spacing_mm=(1, 1, 2))[1]
    for side in ("reference", "prediction"):
        one, other = getattr(united, side), getattr(alone, side)
        assert [(x.voxels, x.matched, x.overlaps) for x in one] == [
            (x.voxels, x.matched, x.overlaps) for x in other
        ]


def test_instances_of_the_reference_stay_apart():
    r, p = np.zeros((9, 9, 3), np.uint8), np.zeros((9, 9, 3), np.uint8)
    r[1:3], r[3:5] = 4, 7
    p[1:5] = 1
    found = detection(p, r, spacing_mm=(1, 1, 1), labels={"x": (1, 4, 7)},
                      reference_kind="instances")["x"]  # fmt: skip
    assert (len(found.reference), len(found.prediction)) == (2, 1)
    assert (len(found.missed), len(found.merged)) == (1, 2)


def test_centres_or_a_least_overlap_decide_where_they_are_asked_to():
    r, p = np.zeros((20, 9, 9), bool), np.zeros((20, 9, 9), bool)
    r[2:5, 2:5, 2:5] = p[7:10, 2:5, 2:5] = True
    assert not detection(p, r, spacing_mm=(1, 1, 1))[1].found
    assert detection(p, r, spacing_mm=(1, 1, 1), max_centroid_mm=5)[1].found
    assert not detection(p, r, spacing_mm=(1, 1, 1), max_centroid_mm=4.9)[1].found
    q = np.zeros_like(r)
    q[4:7, 2:5, 2:5] = True
    assert detection(q, r, spacing_mm=(1, 1, 1))[1].found
    assert not detection(q, r, spacing_mm=(1, 1, 1), min_iou=0.5)[1].found


def test_nothing_on_either_side_has_no_sensitivity():
    nothing = np.zeros((4, 4, 4), bool)
    found = detection(nothing, nothing, spacing_mm=(1, 1, 1))[1]
    assert (found.sensitivity, found.present, found.false_marks) == (None, (), ())


def test_a_least_diameter_below_zero_is_refused():
    with pytest.raises(BadValue, match="least diameter"):
        detection(np.ones((2, 2, 2)), np.ones((2, 2, 2)), spacing_mm=(1, 1, 1), min_diameter_mm=-1)


def _save(path, values):
    nib.save(nib.Nifti1Image(values.astype(np.uint8), np.diag([1, 1.5, 2, 1])), path)


def test_folders_pair_by_name_and_tell_what_has_no_other(tmp_path):
    p, r = tmp_path / "p", tmp_path / "r"
    for folder in (p, r):
        folder.mkdir()
    mask = np.zeros((6, 6, 4))
    mask[1:4, 1:4, 1:3] = 1
    _save(p / "a.nii.gz", mask)
    _save(r / "a.nii", mask)
    _save(p / "only-p.nii", mask)
    _save(r / "only-r.nii.gz", mask)
    pairs = pairs_of(p, r)
    assert list(pairs.both) == ["a"]
    assert (pairs.without_prediction, pairs.without_reference) == (("only-r",), ("only-p",))
    found = measured(Work("a", *pairs.both["a"], lesions={}))
    assert found.labels[0].dice == 1.0
    assert found.lesions[0].sensitivity == 1.0
    _save(p / "a.nii", mask)
    with pytest.raises(UnknownFile, match="two files for one case"):
        pairs_of(p, r)


def test_a_case_that_cannot_be_measured_says_so_and_an_empty_one_is_no_error(tmp_path):
    _save(tmp_path / "empty.nii", np.zeros((4, 4, 4)))
    _save(tmp_path / "other.nii", np.ones((5, 4, 4)))
    (tmp_path / "broken.nii").write_bytes(b"no image")
    empty = tmp_path / "empty.nii"
    assert measured(Work("e", empty, empty)).labels == ()
    assert measured(Work("e", empty, empty)).error is None
    for other in ("other.nii", "broken.nii"):
        assert measured(Work("x", empty, tmp_path / other)).error is not None
