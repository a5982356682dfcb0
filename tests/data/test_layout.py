"""Folders as people keep them: each layout, and everything that can be missing or doubled."""

from __future__ import annotations

import re
import shutil
import time
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_builders import SECRETS, Series, write_rtstruct
from layout_builders import PSEUDONYMS, dataset, put

from limen.data.case import AmbiguousCase, CaseSet, NoPrediction
from limen.data.errors import DataError, EmptyFolder
from limen.data.identity import load_or_make_salt
from limen.data.layout import attach_predictions, find_cases

BOX = np.array([[-18.0, 32, -100.25], [-17, 32, -100.25], [-17, 34, -100.25], [-18, 34, -100.25]])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def find(data: Path, **fields: Any) -> CaseSet:
    found = find_cases(dataset(**fields), data.parent, PSEUDONYMS)
    ids = [c.id for c in found.cases] + [p.case for p in found.problems]
    assert len(set(ids)) == len(ids)
    return found


def ids(found: CaseSet) -> list[str]:
    return [case.id for case in found.cases]


def problems(found: CaseSet) -> dict[str, str]:
    return {p.case: type(p.error).__name__ for p in found.problems}


def names(found: CaseSet) -> dict[str, tuple[str, str | None]]:
    return {
        c.id: (c.image.files[0].name, c.reference.files[0].name if c.reference else None)
        for c in found.cases
    }


# --- images/ and references/ ------------------------------------------------------------------


@pytest.mark.parametrize("references", ["references", "labels", "masks", "segmentations"])
def test_images_beside_references(data: Path, references: str) -> None:
    for n in (2, 1):
        put(data / "images" / f"case_{n}.nii.gz")
        put(data / references / f"case_{n}.nii")
    found = find(data)
    assert names(found) == {
        "case_1": ("case_1.nii.gz", "case_1.nii"),
        "case_2": ("case_2.nii.gz", "case_2.nii"),
    }
    assert ids(found) == ["case_1", "case_2"]
    assert not found.problems
    assert found.layout == "a folder of images and a folder of references"
    assert any("patient not stated" in note and "(2 cases)" in note for note in found.notes)


def test_words_for_roles_do_not_hinder_a_match(data: Path) -> None:
    put(data / "images" / "case_1_ct.nii.gz")
    put(data / "references" / "case_1_seg.nii.gz")
    assert names(find(data)) == {"case_1_ct": ("case_1_ct.nii.gz", "case_1_seg.nii.gz")}


def test_case_1_is_not_case_10(data: Path) -> None:
    for n in (1, 10):
        put(data / "images" / f"case_{n}.nii.gz")
    put(data / "references" / "case_10.nii.gz")
    found = find(data)
    assert ids(found) == ["case_10"]
    assert problems(found) == {"case_1": "NoReference"}


def test_declared_folders(data: Path) -> None:
    put(data / "x" / "case_1.nii.gz")
    put(data / "y" / "case_1.nii.gz")
    assert ids(find(data, images="data/x", references="data/y")) == ["case_1"]


def test_missing_and_extra_references(data: Path) -> None:
    for n in (1, 2):
        put(data / "images" / f"case_{n}.nii.gz")
    for n in (2, 3):
        put(data / "references" / f"case_{n}.nii.gz")
    found = find(data)
    assert ids(found) == ["case_2"]
    assert problems(found) == {"case_1": "NoReference", "case_3": "NoImage"}
    for problem in found.problems:
        assert str(problem.error).startswith(problem.case)
        assert problem.error.mend


def test_no_references_at_all_is_a_note(data: Path) -> None:
    put(data / "images" / "case_1.nii.gz")
    found = find(data)
    assert found.cases[0].reference is None
    assert "no references: these cases cannot be evaluated" in found.notes


def test_same_stem_twice(data: Path) -> None:
    put(data / "images" / "case_1.nii.gz")
    put(data / "images" / "case_1.nii")
    put(data / "images" / "case_2.nii")
    for n in (1, 2):
        put(data / "references" / f"case_{n}.nii")
    put(data / "references" / "case_2.nii.gz")
    found = find(data)
    assert not found.cases
    assert problems(found) == {"case_1": "AmbiguousCase", "case_2": "AmbiguousCase"}


def test_one_reference_for_two_images(data: Path) -> None:
    # a CT and an MR of one patient; the mask was drawn on one of them, and the names do not say
    put(data / "images" / "case_1_ct.nii.gz")
    put(data / "images" / "case_1_mr.nii.gz")
    put(data / "references" / "case_1_seg.nii.gz")
    found = find(data)
    assert problems(found) == {"case_1_ct": "AmbiguousCase", "case_1_mr": "AmbiguousCase"}
    put(data / "references" / "case_1_ct.nii.gz")
    found = find(data)
    assert names(found) == {
        "case_1_ct": ("case_1_ct.nii.gz", "case_1_ct.nii.gz"),
        "case_1_mr": ("case_1_mr.nii.gz", "case_1_seg.nii.gz"),
    }


def test_unicode_and_spaces(data: Path) -> None:
    for name in ("case 1", "폐 결절", "Ärzte ü"):
        put(data / "images" / f"{name}.nii.gz")
        put(data / "references" / f"{name}.nii.gz")
    found = find(data)
    assert len(found.cases) == 3
    assert "case 1" in ids(found)
    assert any("2 file names are not shown" in note for note in found.notes)


def test_accents_in_pieces_and_in_one(data: Path) -> None:
    for folder, form in (("images", "NFD"), ("references", "NFC")):
        put(data / folder / f"{unicodedata.normalize(form, '폐결절')}.nii.gz")  # type: ignore[arg-type]
    found = find(data)
    assert len(found.cases) == 1
    assert not found.problems


def test_a_name_in_an_old_encoding(data: Path) -> None:
    for folder in ("images", "references"):
        put(data / folder / "x.nii.gz").rename(data / folder / "\udcb1\udce8.nii.gz")
    assert re.fullmatch(r"C-[A-Z2-7]{10}", ids(find(data))[0])


def test_hidden_files_are_passed_over(data: Path) -> None:
    put(data / "images" / "case_1.nii.gz")
    put(data / "images" / "._case_1.nii.gz")
    put(data / "images" / ".cache" / "case_2.nii.gz")
    (data / "images" / ".DS_Store").write_bytes(b"x")
    (data / "images" / "notes.txt").write_text("x")
    put(data / "references" / "case_1.nii.gz")
    assert ids(find(data)) == ["case_1"]
    assert not find(data).problems


def test_one_file_in_a_folder_of_its_own_takes_the_folders_name(data: Path) -> None:
    for n in (1, 2):
        put(data / "images" / f"case_{n}" / "ct.nii.gz")
        put(data / "references" / f"case_{n}" / "mask.nii.gz")
    assert ids(find(data)) == ["case_1", "case_2"]


def test_a_declared_path_that_is_not_there(data: Path) -> None:
    with pytest.raises(EmptyFolder, match="data set validation, images"):
        find(data, images="data/none", references="data/none")
    put(data / "images" / "case_1.nii.gz")
    with pytest.raises(EmptyFolder, match="data set validation, references"):
        find(data, images="data/images", references="data/none")
    (data / "references").mkdir()
    with pytest.raises(EmptyFolder, match="data set validation, references"):
        find(data)


def test_two_folders_of_images(data: Path) -> None:
    put(data / "imagesTr" / "case_1_0000.nii.gz")
    put(data / "imagesTs" / "case_2_0000.nii.gz")
    with pytest.raises(AmbiguousCase, match=r"imagesTr, imagesTs.*images:"):
        find(data)


# --- nnU-Net ----------------------------------------------------------------------------------


def test_nnunet(data: Path) -> None:
    for n in ("001", "002"):
        put(data / "imagesTr" / f"lung_{n}_0000.nii.gz")
        put(data / "labelsTr" / f"lung_{n}.nii.gz")
    (data / "dataset.json").write_text("{}")
    found = find(data)
    assert names(found) == {
        "lung_001": ("lung_001_0000.nii.gz", "lung_001.nii.gz"),
        "lung_002": ("lung_002_0000.nii.gz", "lung_002.nii.gz"),
    }


def test_nnunet_with_a_four_digit_number_before_the_channel(data: Path) -> None:
    for n in ("0000", "0001"):
        put(data / "imagesTr" / f"lung_{n}_0000.nii.gz")
        put(data / "labelsTr" / f"lung_{n}.nii.gz")
    assert ids(find(data)) == ["lung_0000", "lung_0001"]


def test_nnunet_with_two_channels(data: Path) -> None:
    for channel in ("0000", "0001"):
        put(data / "imagesTr" / f"lung_001_{channel}.nii.gz")
    put(data / "labelsTr" / "lung_001.nii.gz")
    found = find(data)
    assert problems(found) == {"lung_001": "AmbiguousCase"}
    assert "2 channels" in str(found.problems[0].error)


@pytest.mark.parametrize("end", ["", "_seg"])
def test_cases_numbered_from_zero_are_no_channels(data: Path, end: str) -> None:
    for n in ("0000", "0001", "0002"):
        put(data / "images" / f"case_{n}.nii.gz")
        put(data / "references" / f"case_{n}{end}.nii.gz")
    found = find(data)
    assert ids(found) == ["case_0000", "case_0001", "case_0002"]
    assert not found.problems


# --- a folder for each case -------------------------------------------------------------------


def test_folder_for_each_case(data: Path) -> None:
    for n in (1, 2):
        put(data / f"case_{n}" / "image.nii.gz")
        put(data / f"case_{n}" / "mask.nii.gz")
    put(data / "case_2" / "prediction.nii.gz")
    found = find(data)
    assert names(found) == {f"case_{n}": ("image.nii.gz", "mask.nii.gz") for n in (1, 2)}
    assert found.cases[0].prediction is None
    assert found.cases[1].prediction is not None
    assert found.cases[1].prediction.files[0].name == "prediction.nii.gz"
    assert found.layout == "a folder for each case"


def test_folder_for_each_case_with_something_wrong(data: Path) -> None:
    put(data / "case_1" / "image.nii.gz")
    put(data / "case_2" / "mask.nii.gz")
    for name in ("image1", "image2", "mask"):
        put(data / "case_3" / f"{name}.nii.gz")
    for name in ("image", "mask1", "mask2"):
        put(data / "case_4" / f"{name}.nii.gz")
    put(data / "case_5" / "a.nii.gz")
    put(data / "case_5" / "mask.nii.gz")
    (data / "case_6").mkdir()
    found = find(data)
    assert problems(found) == {
        "case_1": "NoReference",
        "case_2": "NoImage",
        "case_3": "AmbiguousCase",
        "case_4": "AmbiguousCase",
    }
    assert ids(found) == ["case_5"]
    assert any("was passed over" in note for note in found.notes)


def test_patient_of_a_folders_name(data: Path) -> None:
    for name in ("sub-01_ses-1", "sub-01_ses-2", "sub-02_ses-1"):
        put(data / name / "image.nii.gz")
        put(data / name / "mask.nii.gz")
    found = find(data)
    patients = [case.patient for case in found.cases]
    assert patients[0] == patients[1] != patients[2]
    assert not any("patient not stated" in note for note in found.notes)


def test_dicom_folder_with_a_nifti_mask(data: Path) -> None:
    Series(seed=1).write(data / "case_1" / "dicom")
    put(data / "case_1" / "mask.nii.gz")
    found = find(data)
    assert ids(found) == ["case_1"]
    assert found.cases[0].image.kind == "dicom-series"
    assert len(found.cases[0].image.files) == 6
    assert found.cases[0].attributes["modality"] == "CT"


# --- DICOM ------------------------------------------------------------------------------------


def silent(found: CaseSet) -> None:
    shown = [repr(found), *(str(p.error) for p in found.problems), *found.notes]
    shown += [f"{c.id} {c.patient} {c.attributes}" for c in found.cases]
    for secret in SECRETS:
        for text in shown:
            # the paths of files stay in Source, which no message or table shows
            assert secret not in re.sub(r"PosixPath\('[^']*'\)", "", text)


def test_dicom_dump(data: Path) -> None:
    first, second = Series(seed=1), Series(seed=2)
    for s in second.slices:
        s.PatientID = "other"
    first.write(data / "Zyxwvut" / "1")
    second.write(data / "B")
    write_rtstruct(first, data / "B" / "rs.dcm", {"lesion": [BOX]})
    found = find(data)
    assert found.layout == "a folder of DICOM series"
    assert len(found.cases) == 1
    (case,) = found.cases
    assert case.reference is not None
    assert case.reference.kind == "dicom-rtstruct"
    assert case.image.files[0].parent == data / "Zyxwvut" / "1"
    assert list(problems(found).values()) == ["NoReference"]
    silent(found)


def test_dicom_images_with_nifti_references(data: Path) -> None:
    for n in (1, 2):
        Series(seed=n).write(data / "images" / f"case_{n}")
        put(data / "references" / f"case_{n}.nii.gz")
    found = find(data)
    assert ids(found) == ["case_1", "case_2"]
    # two series of one person are one patient, by the header
    assert found.cases[0].patient == found.cases[1].patient
    silent(found)


def test_contours_of_no_series_and_a_broken_file(data: Path) -> None:
    first, gone = Series(seed=1), Series(seed=2)
    first.write(data / "images")
    (data / "references").mkdir()
    write_rtstruct(first, data / "references" / "a.dcm", {"lesion": [BOX]})
    write_rtstruct(gone, data / "references" / "b.dcm", {"lesion": [BOX]})
    (data / "images" / "Zyxwvut.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"x" * 40)
    found = find(data)
    # the broken file may be a slice of the series beside it
    assert found.cases == []
    assert sorted(problems(found).values()) == ["NoImage", "UnreadableFile"]
    silent(found)


def test_folder_named_by_the_patients_number_is_replaced(data: Path) -> None:
    for n, name in enumerate(["88300", "case_88"]):
        series = Series(seed=n)
        for s in series.slices:
            s.PatientID = "88300"
        series.write(data / "images" / name)
        put(data / "references" / f"{name}.nii.gz")
    found = find(data)
    assert len(found.cases) == 2
    assert sorted(i[:2] for i in ids(found)) == ["C-", "ca"]


# --- nothing to read --------------------------------------------------------------------------


def test_empty_and_missing_folders(data: Path) -> None:
    with pytest.raises(EmptyFolder, match=r"^data set validation: .*holds nothing.*mend"):
        find(data)
    (data / "notes.txt").write_text("x")
    (data / "picture.png").write_bytes(b"x")
    (data / "sub").mkdir()
    with pytest.raises(EmptyFolder):
        find(data)
    (data / "images").mkdir()
    with pytest.raises(EmptyFolder):
        find(data)
    with pytest.raises(EmptyFolder):
        find(data, path="elsewhere")


def test_files_that_are_nothing_that_limen_reads(data: Path) -> None:
    (data / "strange.bin").write_bytes(b"garbage" * 100)
    with pytest.raises(EmptyFolder):
        find(data)


def test_volumes_side_by_side(data: Path) -> None:
    put(data / "a.nii.gz")
    put(data / "b.nii.gz")
    with pytest.raises(DataError, match="nothing says which are images") as caught:
        find(data)
    assert "cases.csv" in str(caught.value)


@pytest.mark.parametrize(
    ("image", "reference"),
    [
        ("case{}_ct", "case{}_seg"),
        ("case{}", "case{}-mask"),
        ("case{}_0000", "case{}"),  # nnU-Net's names in one folder
        ("image_case{}", "label_case{}"),
        ("case_000{}", "case_000{}_seg"),  # numbered cases are no channels
    ],
)
def test_pairs_side_by_side(data: Path, image: str, reference: str) -> None:
    for n in (1, 2):
        put(data / f"{image.format(n)}.nii.gz")
        put(data / f"{reference.format(n)}.nii.gz")
    put(data / f"{image.format(3)}.nii.gz")
    if "0000" not in image:  # else nothing tells what a lone CASE is
        put(data / f"{reference.format(4)}.nii.gz")
    found = find(data)
    assert len(found.cases) == 2
    for n, (picture, mask) in enumerate(names(found).values(), start=1):
        assert picture == f"{image.format(n)}.nii.gz"
        assert mask == f"{reference.format(n)}.nii.gz"
    wrong = ["NoReference"] if "0000" in image else ["NoImage", "NoReference"]
    assert sorted(problems(found).values()) == wrong
    assert "side by side" in found.layout


def test_two_channels_side_by_side(data: Path) -> None:
    for name in ("case1_0000", "case1_0001", "case1"):
        put(data / f"{name}.nii.gz")
    assert list(problems(find(data)).values()) == ["AmbiguousCase"]


def test_a_link_that_cannot_be_followed_is_a_problem_of_the_series_beside_it(data: Path) -> None:
    series = Series(seed=1)
    series.write(data / "images")
    (data / "images" / "Zyxwvut").symlink_to("x" * 300)
    found = find(data)
    assert found.cases == []
    assert list(problems(found).values()) == ["UnreadableFile"]
    silent(found)


def test_a_broken_file_beside_several_series_is_a_problem_of_its_own(data: Path) -> None:
    for n in range(2):
        for s in Series(seed=n).write(data / f"dump{n}"):
            s.rename(data / f"{n}-{s.name}")
        (data / f"dump{n}").rmdir()
    (data / "x.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"x" * 40)
    found = find(data)
    assert len(found.cases) == 2
    assert list(problems(found).values()) == ["UnreadableFile"]
    silent(found)


@pytest.mark.parametrize("damage", ["empty", "head", "gone"])
def test_a_lost_slice_at_the_end_of_a_series_is_seen(data: Path, damage: str) -> None:
    whole, short = Series(seed=1), Series(seed=2)
    whole.write(data / "case_1", shuffle=False)
    last = short.write(data / "case_2", shuffle=False)[-1]
    if damage == "empty":
        last.write_bytes(b"")
    elif damage == "head":
        last.write_bytes(last.read_bytes()[:200])
    else:
        last.unlink()
        last.symlink_to("annex/gone")  # as of a clone whose content was never fetched
    found = find(data)
    assert ids(found) == ["case_1"]
    assert problems(found) == {"case_2": "UnreadableFile"}
    silent(found)


def test_links_that_lead_nowhere_are_cases_that_cannot_be_read(data: Path) -> None:
    for part in ("images", "references"):
        put(data / part / "case_1.nii.gz")
        (data / part / "case_2.nii.gz").symlink_to(data / "annex" / "gone.nii.gz")
    (data / "images" / "case_3.nii.gz").symlink_to("case_3.nii.gz")
    (data / "images" / "loop").symlink_to(data / "images")
    found = find(data)
    # none may vanish: the set would look complete without them
    assert ids(found) == ["case_1", "case_2"]
    assert problems(found) == {"case_3": "NoReference"}


def test_path_that_is_a_volume(data: Path) -> None:
    put(data / "a.nii.gz")
    with pytest.raises(DataError, match="a file that is no manifest"):
        find(data, path="data/a.nii.gz")


# --- identity ---------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["paired", "folders"])
@pytest.mark.parametrize("secret", ["Kim_Cheolsu", "19610412", "hong-gildong 0412", "김철수"])
def test_names_of_people_never_become_ids(data: Path, layout: str, secret: str) -> None:
    if layout == "paired":
        put(data / "images" / f"{secret}_ct.nii.gz")
        put(data / "references" / f"{secret}_seg.nii.gz")
        put(data / "images" / f"{secret}2.nii.gz")  # without a reference
        put(data / "references" / f"{secret}3.nii.gz")  # without an image
    else:
        put(data / secret / "image.nii.gz")
        put(data / secret / "mask.nii.gz")
        put(data / f"{secret}2" / "image.nii.gz")
        put(data / f"{secret}3" / "mask.nii.gz")
    found = find(data)
    assert len(found.cases) == 1
    assert len(found.problems) == 2
    shown = [*ids(found), found.cases[0].patient, *found.notes, found.layout]
    shown += [text for p in found.problems for text in (p.case, str(p.error))]
    assert not any(secret[:5] in text for text in shown)
    assert re.fullmatch(r"C-[A-Z2-7]{10}", ids(found)[0])
    with pytest.raises(EmptyFolder) as caught:
        attach_predictions(found, data / secret / "predictions" / secret)
    assert secret not in str(caught.value)


def test_ids_stay_when_cases_are_added(data: Path) -> None:
    for name in ("B_Kim", "case_1", "x/1", "x_1"):
        put(data / "images" / f"{name}.nii.gz")
        put(data / "images" / "x" / "2.nii.gz")
        put(data / "references" / f"{name}.nii.gz")
        put(data / "references" / "x" / "2.nii.gz")
    before = {c.image.files[0]: c.id for c in find(data).cases}
    for name in ("A_Kim", "case_0"):
        put(data / "images" / f"{name}.nii.gz")
        put(data / "references" / f"{name}.nii.gz")
    after = {c.image.files[0]: c.id for c in find(data).cases}
    assert len(before) == 5
    assert {path: after[path] for path in before} == before


def test_another_salt_gives_other_pseudonyms(data: Path, tmp_path: Path) -> None:
    from limen.data.identity import Pseudonyms

    put(data / "images" / "Kim.nii.gz")
    put(data / "references" / "Kim.nii.gz")
    other = Pseudonyms(load_or_make_salt(tmp_path / "salt"))
    one, two = find(data).cases[0], find_cases(dataset(), data.parent, other).cases[0]
    assert one.id != two.id
    assert one.patient != two.patient


# --- predictions ------------------------------------------------------------------------------


@pytest.fixture
def cases(data: Path) -> CaseSet:
    for name in ("case_1_ct", "case_2", "Kim_Cheolsu"):
        put(data / "images" / f"{name}.nii.gz")
        put(data / "references" / f"{name}.nii.gz")
    return find(data)


def predicted(found: CaseSet) -> list[str]:
    return sorted(c.prediction.files[0].name for c in found.cases if c.prediction is not None)


def test_predictions_by_name_role_words_and_pseudonym(cases: CaseSet, tmp_path: Path) -> None:
    folder = tmp_path / "predictions"
    hidden = next(c.id for c in cases.cases if c.id.startswith("C-"))
    for name in ("case_1_pred", "case_2", hidden, "case_9"):
        put(folder / f"{name}.nii.gz")
    found = attach_predictions(cases, folder)
    assert predicted(found) == sorted(f"{n}.nii.gz" for n in ("case_1_pred", "case_2", hidden))
    assert not found.problems
    assert "1 predictions belong to no case" in found.notes
    assert all(c.prediction is None for c in cases.cases)  # the set given is not changed
    (folder / f"{hidden}.nii.gz").rename(folder / "Kim_Cheolsu.nii.gz")
    assert len(predicted(attach_predictions(cases, folder))) == 3


def test_missing_and_doubled_predictions(cases: CaseSet, tmp_path: Path) -> None:
    folder = tmp_path / "predictions"
    put(folder / "case_1_ct.nii.gz")
    put(folder / "case_2.nii.gz")
    put(folder / "case_2.nii")
    found = attach_predictions(cases, folder)
    assert predicted(found) == ["case_1_ct.nii.gz"]
    assert {type(p.error) for p in found.problems} == {NoPrediction, AmbiguousCase}
    assert not any("Kim" in str(p.error) for p in found.problems)


def test_one_prediction_for_two_cases(data: Path, tmp_path: Path) -> None:
    for name in ("case_1_ct", "case_1_mr"):
        put(data / "images" / f"{name}.nii.gz")
        put(data / "references" / f"{name}.nii.gz")
    put(tmp_path / "p" / "case_1.nii.gz")
    found = attach_predictions(find(data), tmp_path / "p")
    assert problems(found) == {"case_1_ct": "AmbiguousCase", "case_1_mr": "AmbiguousCase"}


def test_contours_as_predictions_are_bound_by_what_they_refer_to(
    data: Path, tmp_path: Path
) -> None:
    series = Series(seed=1)
    series.write(data / "images" / "case_1")
    put(data / "references" / "case_1.nii.gz")
    (tmp_path / "p").mkdir()
    write_rtstruct(series, tmp_path / "p" / "x.dcm", {"lesion": [BOX]})
    found = attach_predictions(find(data), tmp_path / "p")
    assert found.cases[0].prediction is not None
    assert found.cases[0].prediction.kind == "dicom-rtstruct"


def test_no_predictions(cases: CaseSet, tmp_path: Path) -> None:
    for folder in (tmp_path / "none", tmp_path / "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(EmptyFolder, match="no prediction in the folder"):
            attach_predictions(cases, folder)


def test_a_folder_that_moves_gives_the_same_ids(data: Path, tmp_path: Path) -> None:
    put(data / "images" / "Kim.nii.gz")
    put(data / "references" / "Kim.nii.gz")
    shutil.copytree(data, tmp_path / "other" / "data")
    assert ids(find(data)) == ids(find(tmp_path / "other" / "data"))


def test_matching_grows_with_the_number_of_cases_not_with_its_square(data: Path) -> None:
    for folder in ("images", "references"):
        (data / folder).mkdir()
        for n in range(1000):
            (data / folder / f"case_{n:05d}_{'ct' if folder == 'images' else 'seg'}.nii").touch()
    start = time.process_time()
    assert len(find(data).cases) == 1000
    # a quarter of a second on an idle core; every pair compared would take twenty times that
    assert time.process_time() - start < 2
