"""Looking at folders whose content is known."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from dicom_builders import SECRETS, Series, write_rtstruct

from limen.data import DataError, EmptyFolder, inspect_folders

AFFINE = np.diag([-0.8, -0.8, 2.5, 1.0])  # RAS: the array grows to L, P, S


def put(path: Path, values: np.ndarray, affine: np.ndarray = AFFINE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(values, affine), path)


def ct(shape=(24, 24, 10), seed=0) -> np.ndarray:
    values = np.random.default_rng(seed).normal(-1000, 5, shape)
    values[4:20, 4:20] += 1040
    return values.astype(np.int16)


def boxes(*places, values=None, shape=(24, 24, 10)) -> np.ndarray:
    """A mask with a box of 3 x 3 x 2 voxels at each place."""
    mask = np.zeros(shape, np.uint8)
    for n, (i, j, k) in enumerate(places):
        mask[i : i + 3, j : j + 3, k : k + 2] = 1 if values is None else values[n]
    return mask


A, B, C = (5, 5, 1), (12, 12, 1), (5, 12, 6)


def test_nifti_with_lesions(tmp_path):
    for n, mask in enumerate([boxes(), boxes(A), boxes(A, B, C)]):
        put(tmp_path / "a" / f"case{n}.nii.gz", ct(seed=n))
        put(tmp_path / "b" / f"case{n}.nii.gz", mask)
    found = inspect_folders(tmp_path / "a", tmp_path / "b")
    assert (found.cases, found.patients, found.read, found.references) == (3, 3, 3, 3)
    assert (found.modality, found.modality_is_guess) == ("CT", True)
    assert found.spacing_mm == ((0.8, 0.8, 0.8), (0.8, 0.8, 0.8), (2.5, 2.5, 2.5))
    assert found.shape == ((24, 24, 24), (24, 24, 24), (10, 10, 10))
    assert found.orientations == ("LPS",)
    (label,) = found.labels
    assert (label.name, label.value, label.cases) == ("label_1", 1, 2)
    assert label.voxels == 4 * 18
    assert label.components == 2  # the median of 1 and 3
    volume_mm3 = 18 * 0.8 * 0.8 * 2.5
    assert label.diameter_mm == pytest.approx((6 * volume_mm3 / np.pi) ** (1 / 3), abs=0.01)
    assert found.empty_references == 1
    assert (found.reference, found.task) == ("mask", "lesion-detection")
    assert any("patient of its own" in note for note in found.notes)
    json.dumps(found.as_dict(), allow_nan=False)


def test_values_that_number_the_lesions_are_instances(tmp_path):
    masks = [boxes(A, values=[1]), boxes(A, B, C, values=[1, 2, 3]), boxes(A, B, values=[1, 2])]
    for n, mask in enumerate(masks):
        put(tmp_path / "a" / f"case{n}.nii.gz", ct(seed=n))
        put(tmp_path / "b" / f"case{n}.nii.gz", mask)
    found = inspect_folders(tmp_path / "a", tmp_path / "b")
    assert (found.reference, found.task) == ("instances", "lesion-detection")


def test_structures_that_every_case_has_once_are_segmentation_of_a_mask(tmp_path):
    for n in range(3):
        put(tmp_path / "a" / f"case{n}.nii.gz", np.abs(ct(seed=n)) + 5)
        put(tmp_path / "b" / f"case{n}.nii.gz", boxes(A, B, values=[1, 4]))
    found = inspect_folders(tmp_path / "a", tmp_path / "b")
    assert (found.reference, found.task) == ("mask", "segmentation")
    assert [(label.name, label.value) for label in found.labels] == [("label_1", 1), ("label_4", 4)]
    assert (found.modality, found.modality_is_guess) == ("MR", True)


def test_one_value_in_several_pieces_is_no_instance(tmp_path):
    for n, mask in enumerate([boxes(A, B, values=[1, 1]), boxes(A, B, C, values=[1, 2, 2])]):
        put(tmp_path / "a" / f"case{n}.nii.gz", ct(seed=n))
        put(tmp_path / "b" / f"case{n}.nii.gz", mask)
    found = inspect_folders(tmp_path / "a", tmp_path / "b")
    assert (found.reference, found.task) == ("mask", "lesion-detection")


def test_what_cannot_be_read_is_a_problem_of_its_case_alone(tmp_path):
    for n in range(3):
        put(tmp_path / "a" / f"case{n}.nii.gz", ct(seed=n))
        put(tmp_path / "b" / f"case{n}.nii.gz", boxes(A))
    whole = (tmp_path / "a" / "case1.nii.gz").read_bytes()
    (tmp_path / "a" / "case1.nii.gz").write_bytes(whole[: len(whole) // 2])
    put(tmp_path / "b" / "case2.nii.gz", boxes(A, shape=(24, 24, 9)))
    found = inspect_folders(tmp_path / "a", tmp_path / "b")
    assert (found.cases, found.read) == (3, 1)
    assert [p.case for p in found.problems] == ["case1", "case2"]
    assert "grid" in found.problems[1].error.what


def test_of_many_cases_some_are_read_and_it_says_so(tmp_path):
    for n in range(9):
        put(tmp_path / "a" / f"case{n}.nii.gz", ct(seed=n))
        put(tmp_path / "b" / f"case{n}.nii.gz", boxes(A))
    steps = []
    found = inspect_folders(
        tmp_path / "a", tmp_path / "b", most=4, told=lambda n, of: steps.append((n, of))
    )
    assert (found.cases, found.read) == (9, 4)
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert any(note.startswith("4 of 9 cases were read whole") for note in found.notes)


def test_predictions_are_matched_and_their_values_told(tmp_path):
    for n in range(2):
        put(tmp_path / "a" / f"case{n}.nii.gz", ct(seed=n))
        put(tmp_path / "b" / f"case{n}.nii.gz", boxes(A))
    put(tmp_path / "p" / "case0.nii.gz", boxes(A, B, values=[1, 7]))
    found = inspect_folders(tmp_path / "a", tmp_path / "b", predictions=tmp_path / "p")
    assert found.predicted == (1, 7)
    assert [p.case for p in found.problems] == ["case1"]


def square(series: Series, k: int) -> np.ndarray:
    corners = np.array([[1, 1], [4, 1], [4, 3], [1, 3]], dtype=float) + 0.5
    at = np.column_stack([corners, np.full(4, k), np.ones(4)])
    return (at @ series.affine.T)[:, :3]


def test_dicom_with_contours_names_labels_and_hides_identity(tmp_path):
    for n in range(2):
        series = Series(seed=n)
        series.write(tmp_path / f"study{n}")
        regions = {"Liver": [square(series, 2)], "Zyxwvut tumour": [square(series, 4)]}
        write_rtstruct(series, tmp_path / f"study{n}" / "rs.dcm", regions)
    found = inspect_folders(tmp_path)
    assert (found.modality, found.modality_is_guess) == ("CT", False)
    assert found.reference_kinds == ("dicom-rtstruct",)
    assert "Liver" in [label.name for label in found.labels]
    told = json.dumps(found.as_dict(), ensure_ascii=False)
    assert not any(re.search(secret, told, re.IGNORECASE) for secret in SECRETS)


def test_an_empty_or_missing_folder_is_an_error(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(EmptyFolder):
        inspect_folders(tmp_path / "a", tmp_path / "b")
    with pytest.raises(EmptyFolder):
        inspect_folders(tmp_path / "missing")


def test_volumes_side_by_side_ask_for_the_folder_of_references(tmp_path):
    put(tmp_path / "case0.nii.gz", ct())
    with pytest.raises(DataError, match="nothing says which are images"):
        inspect_folders(tmp_path)
