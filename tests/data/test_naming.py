"""What file names tell, and what they must not tell."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limen.data.identity import Pseudonyms
from limen.data.naming import (
    bare,
    case_id,
    channel,
    patient_of_name,
    role,
    stated_patient,
    stem,
    volume_kind,
)

PSEUDONYMS = Pseudonyms(b"s" * 32)


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("case.nii.gz", "nifti", "case"),
        ("CASE.NII.GZ", "nifti", "CASE"),
        ("case.nii", "nifti", "case"),
        ("case.nrrd", "nrrd", "case"),
        ("case.seg.nrrd", "nrrd", "case"),
        ("case.1.nii.gz", "nifti", "case.1"),
        ("a b 한글.nii.gz", "nifti", "a b 한글"),
        ("case.dcm", None, "case"),
        ("case.nhdr", None, "case.nhdr"),
        ("case.gz", None, "case.gz"),
        ("nii", None, "nii"),
        (".nii", "nifti", ".nii"),
    ],
)
def test_kind_and_stem(name: str, kind: str | None, expected: str) -> None:
    assert volume_kind(Path("folder") / name) == kind
    assert stem(Path("folder") / name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("case_0000", ("case", 0)),
        ("case_12_0003", ("case_12", 3)),
        ("case_000", ("case_000", None)),
        ("case0000", ("case0000", None)),
        ("case_0000_ct", ("case_0000_ct", None)),
        ("case_00000", ("case_00000", None)),
    ],
)
def test_channel(name: str, expected: tuple[str, int | None]) -> None:
    assert channel(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("case1_ct", "case1"),
        ("case1_seg", "case1"),
        ("Seg-case1", "case1"),
        ("case1.gt", "case1"),
        ("case 1 mask", "case_1"),
        ("case1_ct_seg", "case1"),
        ("ct", "ct"),
        ("ct_scan", "ct"),
        ("image_7", "7"),
        ("case1_segmented", "case1_segmented"),
    ],
)
def test_bare(name: str, expected: str) -> None:
    assert bare(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("image", "image"),
        ("ct_2", "image"),
        ("mask", "reference"),
        ("lesion_mask1", "reference"),
        ("image_mask", "reference"),
        ("pred", "prediction"),
        ("pred_mask", "prediction"),
        ("series", None),
        ("maskierung", None),
    ],
)
def test_role(name: str, expected: str | None) -> None:
    assert role(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sub-01_ses-2", "sub-01"),
        ("patient12_ct", "patient12"),
        ("Patient_003", "Patient_003"),
        ("subject 7", "subject 7"),
        ("pat_ct", None),
        ("path_01", None),
        ("case_001", None),
        ("substance-1", None),
    ],
)
def test_stated_patient(name: str, expected: str | None) -> None:
    assert stated_patient(name) == expected


def test_patient_of_a_name() -> None:
    one, known = patient_of_name("sub-01_ses-1", "a", PSEUDONYMS)
    two, _ = patient_of_name("SUB-01_ses-2", "b", PSEUDONYMS)
    assert known
    assert one == two
    assert patient_of_name("case_001", "a", PSEUDONYMS)[1] is False
    # case_001 of two data sets are two people, as far as anyone can tell
    assert patient_of_name("case_001", "a", PSEUDONYMS) != patient_of_name(
        "case_001", "b", PSEUDONYMS
    )


@pytest.mark.parametrize(
    "name",
    [
        "Kim_Cheolsu",
        "19610412",
        "hong-gildong_ct",
        "김철수",
        "case_Müller",
        "A123456",
        "   ",
        "\udcb1\udce8",
    ],
)
def test_a_name_that_may_be_a_persons_is_replaced(name: str) -> None:
    shown = case_id(name, PSEUDONYMS)
    assert shown.startswith("C-")
    assert shown == case_id(name, PSEUDONYMS)


@pytest.mark.parametrize("name", ["case_001", "LIDC-IDRI-0001", "patient12_ct", "sub-01/ses-2"])
def test_a_code_stays(name: str) -> None:
    assert case_id(name, PSEUDONYMS) == name.replace("/", "_")


def test_a_code_that_is_in_the_header_is_replaced() -> None:
    assert case_id("case_123", PSEUDONYMS, ["123"]).startswith("C-")
    assert case_id("case_123", PSEUDONYMS, ["124"]) == "case_123"


@given(st.text(min_size=1, max_size=30))
def test_an_id_is_printable_and_no_path(name: str) -> None:
    shown = case_id(name, PSEUDONYMS)
    assert shown.isprintable()
    assert "/" not in shown
    assert "\\" not in shown
    assert shown not in (".", "..")
