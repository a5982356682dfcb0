"""Identity in real and in made DICOM files is found, and never printed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from limen.data import Geometry, Volume
from limen.data.burned_in import lines_of_text
from limen.data.deidentification import Finding, _profile, check_deidentified
from limen.data.faces import face_stands_out

REAL = ("CT_small.dcm", "MR_small.dcm", "rtplan.dcm", "examples_overlay.dcm", "US1_UNCR.dcm")


def real(name: str) -> Path:
    found = get_testdata_file(name, download=False)
    if found is None:
        pytest.skip(f"pydicom does not carry {name}")
    return Path(str(found))


def cleaned(path: Path, into: Path, **changes: object) -> Path:
    """The file as a careful de-identifier leaves it: the whole profile taken out, a code put in."""
    data = dcmread(path)
    data.remove_private_tags()
    for element in list(data.iterall()):
        action = _profile().get(int(element.tag))
        if action is not None and element.VR == "UI":
            element.value = generate_uid()
    for tag, action in _profile().items():
        if tag in data and data[tag].VR != "UI":
            if "X" in action:
                del data[tag]
            else:
                data[tag].value = None
    data.PatientName, data.PatientID = "case_0012", "case_0012"
    data.PatientIdentityRemoved = "YES"
    method = Dataset()
    method.CodeValue, method.CodingSchemeDesignator = "113100", "DCM"
    method.CodeMeaning = "Basic Application Confidentiality Profile"
    data.DeidentificationMethodCodeSequence = [method]
    data.BodyPartExamined = "CHEST"
    for keyword, value in changes.items():
        setattr(data, keyword, value)
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.save_as(into / "image-1.dcm")
    return into / "image-1.dcm"


def where(found: list[Finding], weight: str = "identifies") -> set[str]:
    return {f.where for f in found if f.weight == weight}


def values_of(path: Path) -> set[str]:
    """Every text of a header that could tell somebody something."""
    data = dcmread(path, stop_before_pixels=True)
    found = set()
    for element in data.iterall():
        if element.VR in ("PN", "LO", "SH", "DA", "TM", "UI", "LT", "ST", "UT"):
            found |= {t for t in str(element.value).replace("^", " ").split() if len(t) > 4}
    return found


@pytest.mark.parametrize("name", REAL)
def test_a_real_file_is_full_of_identity_and_none_of_it_is_printed(name: str):
    path = real(name)
    found = check_deidentified([path])
    assert not found.clean
    assert "PatientIdentityRemoved" in where(found.findings)
    told = json.dumps([f.why for f in found.findings]) + json.dumps(found.not_looked_at)
    words = set(told.replace('"', " ").replace(",", " ").split())
    assert not {v for v in values_of(path) if v in words}


def test_what_a_scanner_wrote_is_named_by_its_attribute():
    found = check_deidentified([real("CT_small.dcm")]).findings
    assert where(found) | where(found, "look") >= {
        "PatientName", "PatientID", "StudyDate", "InstitutionName", "StudyInstanceUID",
        "StudyDescription", "the header",
    }  # fmt: skip
    assert next(f for f in found if f.where == "StudyDate").why.startswith("a date;")


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm"])
def test_a_file_that_was_cleaned_by_the_profile_is_clean(name: str, tmp_path: Path):
    found = check_deidentified([cleaned(real(name), tmp_path)])
    assert found.findings == []
    assert found.clean


@pytest.mark.parametrize(
    ("left", "keyword"),
    [
        ({"PatientBirthDate": "19610412"}, "PatientBirthDate"),
        ({"PatientName": "Kim^Cheolsu"}, "PatientName"),
        ({"AccessionNumber": "A-99812"}, "AccessionNumber"),
        ({"OperatorsName": "Park"}, "OperatorsName"),
        ({"StudyDescription": "Follow-up of Mr Kim"}, "StudyDescription"),
        ({"StationName": "CT-3"}, "StationName"),
        ({"SeriesInstanceUID": "1.2.840.113619.2.5.1"}, "SeriesInstanceUID"),
        ({"PatientAge": "093Y"}, "PatientAge"),
        ({"BurnedInAnnotation": "YES"}, "pixels"),
    ],
)
def test_one_thing_left_behind_is_found(left: dict, keyword: str, tmp_path: Path):
    found = check_deidentified([cleaned(real("CT_small.dcm"), tmp_path, **left)])
    assert {f.where for f in found.findings} == {keyword}, found.findings
    assert not any(str(v) in f.why for f in found.findings for v in left.values())


def test_identity_within_a_sequence_and_private_values_are_found(tmp_path: Path):
    path = cleaned(real("CT_small.dcm"), tmp_path)
    data = dcmread(path)
    item = Dataset()
    item.CodeMeaning, item.RequestingPhysician = "x", "Park^Jin"
    item.ScheduledProcedureStepDescription = "Follow-up"
    data.ProcedureCodeSequence = [item]
    block = data.private_block(0x0029, "MAKER", create=True)
    block.add_new(0x10, "LO", "Kim Cheolsu")
    data.save_as(path)
    found = check_deidentified([path]).findings
    assert where(found) == {"the header", "ProcedureCodeSequence/RequestingPhysician",
                            "ProcedureCodeSequence/ScheduledProcedureStepDescription"}  # fmt: skip


def test_options_that_the_header_states_are_honoured(tmp_path: Path):
    path = cleaned(real("CT_small.dcm"), tmp_path, StudyDate="20260101", StationName="CT-3")
    assert where(check_deidentified([path]).findings) | where(
        check_deidentified([path]).findings, "look"
    ) == {"StudyDate", "StationName"}
    data = dcmread(path)
    for code in ("113107", "113109"):
        option = Dataset()
        option.CodeValue, option.CodingSchemeDesignator, option.CodeMeaning = code, "DCM", "option"
        data.DeidentificationMethodCodeSequence.append(option)
    data.save_as(path)
    assert check_deidentified([path]).clean


def test_a_file_named_after_a_patient_is_told_without_its_name(tmp_path: Path):
    path = cleaned(real("CT_small.dcm"), tmp_path)
    shutil.move(path, tmp_path / "Kim_Cheolsu.dcm")
    found = check_deidentified([tmp_path])
    assert [(f.rule, f.example) for f in found.findings] == [("file name", "file 1")]


def test_damaged_files_are_told_and_others_looked_at(tmp_path: Path):
    cleaned(real("CT_small.dcm"), tmp_path)
    whole = real("MR_small.dcm").read_bytes()
    (tmp_path / "image-2.dcm").write_bytes(whole[:200])
    (tmp_path / "notes.txt").write_text("no DICOM")
    found = check_deidentified([tmp_path])
    assert found.files == 2
    assert not found.clean


def test_the_profile_has_what_the_standard_lists():
    table = _profile()
    # PS3.15 2026c Table E.1-1, a sample by hand
    for tag, action in (
        (0x00100010, "Z"), (0x00100020, "Z/D"), (0x00080050, "Z"), (0x00080080, "X/Z/D"),
        (0x00081010, "X/Z/D"), (0x0020000D, "U"), (0x00101010, "X"), (0x00081030, "X"),
        (0x00080020, "Z"), (0x00400275, "X"), (0x00080090, "Z"),
    ):  # fmt: skip
        assert table[tag] == action, f"{tag:08x}"
    assert len(table) > 600


# --- text in pixels -------------------------------------------------------------------------------


def written(ground: np.ndarray, words: str, height: int, at: tuple[int, int]) -> np.ndarray:
    picture = Image.fromarray(ground)
    font = ImageFont.load_default(size=height)
    ImageDraw.Draw(picture).text(at, words, fill=255, font=font)
    return np.asarray(picture)


def grounds(seed: int) -> dict[str, np.ndarray]:
    """Images without text: speckle, a smooth gradient, black with shapes."""
    rng = np.random.default_rng(seed)
    speckle = np.minimum(rng.rayleigh(45, (300, 400)), 254).astype(np.uint8)
    i, j = np.mgrid[:300, :400]
    smooth = (100 + 60 * np.sin(i / 40) * np.cos(j / 55) + rng.normal(0, 3, i.shape)).astype(
        np.uint8
    )
    shapes = np.zeros((300, 400), np.uint8)
    for _ in range(4):
        y, x, r = rng.integers(30, 270), rng.integers(30, 370), rng.integers(10, 30)
        shapes[(i - y) ** 2 + (j - x) ** 2 < r * r] = 200
    return {"speckle": speckle, "smooth": smooth, "shapes": shapes}


@pytest.mark.parametrize("ground", ["speckle", "smooth", "shapes"])
def test_images_without_text_have_none(ground: str):
    assert [lines_of_text(grounds(seed)[ground]) for seed in range(5)] == [0] * 5


@pytest.mark.parametrize("ground", ["smooth", "shapes"])
@pytest.mark.parametrize("height", [14, 20, 32])
def test_text_in_pixels_is_found(ground: str, height: int):
    picture = written(grounds(1)[ground], "KIM CHEOLSU 1961", height, (10, 10))
    assert lines_of_text(picture) >= 1
    assert lines_of_text(np.stack([picture] * 3, axis=-1)) >= 1
    assert lines_of_text(np.stack([grounds(2)[ground], picture])) >= 1


def test_text_beside_speckle_in_a_scan_with_a_dark_border():
    frame = np.zeros((300, 400), np.uint8)
    frame[60:, 50:350] = np.minimum(grounds(3)["speckle"][60:, 50:350], 250)
    assert lines_of_text(frame) == 0
    assert lines_of_text(written(frame, "LEE YOUNG 12/04", 16, (8, 8))) >= 1


# --- faces ----------------------------------------------------------------------------------------


def head(nose: bool, thickness_mm: float = 1.5, turned: bool = False) -> Volume:
    """An ellipsoid in HU with a nose on its front (patient's anterior is -y in LPS)."""
    spacing = np.array([1.5, 1.5, thickness_mm])
    shape = tuple(int(v) for v in np.ceil(np.array([190.0, 240.0, 240.0]) / spacing))
    x, y, z = ((np.arange(n) - n / 2) * s for n, s in zip(shape, spacing, strict=True))
    grid = (x[:, None, None] / 75) ** 2 + (y[None, :, None] / 95) ** 2 + (z / 110) ** 2
    inside = grid < 1
    if nose:
        away = (
            (x[:, None, None] / 14) ** 2
            + ((y[None, :, None] + 95) / 22) ** 2
            + ((z[None, None, :] + 10) / 18) ** 2
        )
        inside |= away < 1
    values = np.where(inside, 40.0, -1000.0).astype(np.float32)
    affine = np.diag([*spacing, 1.0])
    if turned:  # axes in another order, one of them mirrored
        values = np.flip(values.transpose(2, 0, 1), 0)
        affine = np.array([[0, spacing[0], 0, 0], [0, 0, spacing[1], 0], [-spacing[2], 0, 0, 0],
                           [0, 0, 0, 1.0]])  # fmt: skip
    return Volume(values, Geometry(affine, values.shape))


@pytest.mark.parametrize("turned", [False, True])
def test_a_nose_stands_out_and_a_head_without_one_does_not(turned: bool):
    out = face_stands_out(head(True, turned=turned))
    assert out is not None and 10 < out < 40
    assert face_stands_out(head(False, turned=turned)) == 0


def test_a_head_whose_face_was_cut_off():
    given = head(True)
    values = given.values.copy()
    y = (np.arange(values.shape[1]) - values.shape[1] / 2) * 1.5
    z = (np.arange(values.shape[2]) - values.shape[2] / 2) * 1.5
    front = (y[:, None] < -55) & (z[None, :] < 25)  # a box, as such tools take off
    values[:, front] = -1000
    assert face_stands_out(Volume(values, given.geometry)) == 0


def test_mr_without_hounsfield_units():
    given = head(True)
    scaled = Volume(np.where(given.values > 0, 500, 4).astype(np.float32), given.geometry)
    assert (face_stands_out(scaled) or 0) > 10


def test_thick_slices_show_no_face_and_say_so():
    assert face_stands_out(head(True, thickness_mm=6)) is None


def test_values_that_nobody_has_identify_nobody(tmp_path: Path):
    left = {"PatientBirthDate": "19000101", "StudyTime": "000000.00", "AccessionNumber": "ANON",
            "InstitutionName": "ANONYMIZED", "OperatorsName": "anonymous"}  # fmt: skip
    assert check_deidentified([cleaned(real("CT_small.dcm"), tmp_path, **left)]).clean


def test_colour_is_looked_at_too_and_a_sequence_counts_its_file_once():
    """Ultrasound in colour from a scanner; a DICOMDIR whose records name the same thing again."""
    found = check_deidentified([Path(get_testdata_file("examples_ybr_color.dcm"))])
    assert found.not_looked_at == []
    found = check_deidentified([Path(get_testdata_file("DICOMDIR"))])
    assert {f.files for f in found.findings} == {1}
