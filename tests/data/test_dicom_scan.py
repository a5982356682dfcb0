"""Finding series in folders as people keep them, and what may be told of them."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_builders import SECRETS, Series, blank, identity, write_rtstruct
from pydicom.data import get_testdata_file

from limen.data.dicom_series import (
    identity_tokens,
    read_series,
    scan_folder,
    scan_series,
    series_attributes,
)
from limen.data.errors import EmptyFolder
from limen.data.identity import Pseudonyms, contains_identity

BOX = np.array([[-18.0, 32, -100.25], [-17, 32, -100.25], [-17, 34, -100.25], [-18, 34, -100.25]])


def test_nested_folders_of_two_patients(tmp_path: Path) -> None:
    first, second = Series(seed=1), Series(seed=2, shape=(3, 3, 4))
    for data in second.slices:
        data.PatientID = "other"
    first.write(tmp_path / "Zyxwvut" / "study" / "a")
    second.write(tmp_path / "B" / "x")
    write_rtstruct(first, tmp_path / "B" / "contours", {"lesion": [BOX]})
    (tmp_path / "notes.txt").write_text("not DICOM")
    (tmp_path / "short").write_bytes(b"x")
    (tmp_path / ".DS_Store").write_bytes(b"x")
    (tmp_path / "broken.dcm").write_bytes(b"")
    scan = scan_folder(tmp_path)
    assert [(s.modality, s.images, s.role) for s in scan.series] == [
        ("CT", 4, "volume"),
        ("CT", 6, "volume"),
    ]
    assert scan.ignored == 2
    assert [path.name for path, _ in scan.problems] == ["broken.dcm"]
    (reference,) = scan.references
    assert reference.kind == "dicom-rtstruct"
    assert [reference.belongs_to(s) for s in scan.series] == [False, True]
    pseudonyms = Pseudonyms(b"s" * 32)
    assert scan.series[1].patient(pseudonyms) == reference.patient(pseudonyms)
    assert scan.series[0].patient(pseudonyms) != scan.series[1].patient(pseudonyms)
    for shown in (repr(scan), str(scan.problems[0][1])):
        assert not any(s in shown for s in (*SECRETS, first.uid, first.study, first.frame))
    assert scan.series[1].folder == tmp_path / "Zyxwvut" / "study" / "a"
    assert scan.series[1].shown("Zyxwvut") is None
    assert scan.series[1].shown("case_3") == "case_3"


def test_screen_captures_and_scouts_are_no_volumes(tmp_path: Path) -> None:
    scout = Series(shape=(3, 3, 2))
    for data in scout.slices:
        data.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    scout.write(tmp_path / "a")
    capture = Series(shape=(3, 3, 1))
    del capture.slices[0].ImagePositionPatient
    capture.write(tmp_path / "b")
    assert [s.role for s in scan_series(tmp_path)] == ["localizer", "picture"]


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    Series().write(tmp_path / "a")
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    assert [s.images for s in scan_series(tmp_path)] == [6]


def test_dicomdir_and_files_without_extension_from_the_wheel() -> None:
    root = Path(str(get_testdata_file("DICOMDIR", download=False))).parent
    scan = scan_folder(root)
    by_size = {s.images: s for s in scan.series}
    volume = read_series(by_size[5].files, "case-1")
    assert volume.geometry.shape == (16, 16, 5)
    assert volume.geometry.spacing_mm == pytest.approx((0.488281, 0.488281, 2.5), abs=1e-3)
    assert not scan.problems


def test_empty_and_missing_folder(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "gone"):
        with pytest.raises(EmptyFolder):
            scan_folder(folder)


def test_reports_are_found_with_what_they_refer_to() -> None:
    root = Path(str(get_testdata_file("test-SR.dcm", download=False))).parent
    kinds = [reference.kind for reference in scan_folder(root).references]
    assert "dicom-sr" in kinds
    assert "dicom-seg" in kinds


# --- attributes -------------------------------------------------------------------------------


def test_attributes_are_facts_and_no_identity(tmp_path: Path) -> None:
    series = Series()
    for k, data in enumerate(series.slices):
        data.KVP = "120"
        data.ConvolutionKernel = ["B70f", "3"]
        data.ManufacturerModelName = "Scanner of Drhouse"
        data.SeriesDescription = "Zyxwvut Qponmlk"
        data.InstitutionName = "Somewhere"
        data.XRayTubeCurrent = 100 + 10 * k
        data.SliceThickness = "2.5"
    facts = series_attributes(series.write(tmp_path))
    assert facts["modality"] == "CT"
    assert facts["kernel"] == "B70f\\3"
    assert facts["kvp"] == 120
    assert facts["slice_thickness_mm"] == 2.5
    assert facts["tube_current_ma"] == 125
    assert facts["sex"] == "female"
    assert facts["age_years"] == 82  # one day before the birthday
    assert "scanner" not in facts
    assert not any(secret in repr(facts) for secret in (*SECRETS, "Somewhere"))


@pytest.mark.parametrize(
    ("age", "years"),
    [("060Y", 60), ("018M", 1), ("100W", 1), ("012D", 0), ("095Y", 90), ("089Y", 89)],
)
def test_ages(tmp_path: Path, age: str, years: int) -> None:
    series = Series(shape=(2, 2, 1))
    series.slices[0].PatientAge = age
    assert series_attributes(series.write(tmp_path))["age_years"] == years


def test_age_from_dates_is_capped_and_absent_without_them(tmp_path: Path) -> None:
    series = Series(shape=(2, 2, 1))
    series.slices[0].StudyDate = "20370520"
    assert series_attributes(series.write(tmp_path))["age_years"] == 90
    series.slices[0].PatientBirthDate = ""
    assert "age_years" not in series_attributes(series.write(tmp_path))


def test_tokens_cover_names_numbers_dates_and_uids() -> None:
    data = blank("1.2.840.10008.5.1.4.1.1.2", "CT")
    identity(data, "1.2.3.4444444", "1.2.3.5555555")
    tokens = identity_tokens(data)
    for name in (
        "zyxwvut_ct",
        "QPONMLK-2",
        "id_88300-17245",
        "scan_19.05.1937",
        "370519",
        "ACC 774411",
        "김철수_ct",
        "1.2.3.4444444",
        "dr_drhouse",
    ):
        assert contains_identity(name, tokens), name
    for name in ("case_3", "image", "slice_0012"):
        assert not contains_identity(name, tokens), name


def test_codes_of_de_identified_data_may_be_shown() -> None:
    data = blank("1.2.840.10008.5.1.4.1.1.2", "CT")
    data.PatientName = data.PatientID = "LIDC-IDRI-0001"
    assert contains_identity("LIDC-IDRI-0001", identity_tokens(data))
    data.PatientIdentityRemoved = "YES"
    assert not contains_identity("LIDC-IDRI-0001", identity_tokens(data))
    data.PatientName = "Zyxwvut^A"
    assert contains_identity("zyxwvut", identity_tokens(data))


def test_nothing_is_warned_or_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """pydicom quotes invalid values in warnings and in its log; neither may get out."""
    series = Series()
    with pydicom.config.disable_value_validation():
        for data in series.slices:
            data.add_new(0x00200052, "UI", "8830017245.Zyxwvut")
    paths = series.write(tmp_path)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        str(pydicom.dcmread(paths[0]))
    assert any("Zyxwvut" in str(warning.message) for warning in told)  # pydicom alone does tell
    caplog.clear()
    with warnings.catch_warnings(record=True) as told, caplog.at_level(logging.DEBUG):
        warnings.simplefilter("always")
        scan_folder(tmp_path)
        read_series(paths, "case-1")
        series_attributes(paths)
    assert not told
    assert not any(secret in caplog.text for secret in SECRETS)
