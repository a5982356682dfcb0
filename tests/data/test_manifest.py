"""Manifests: CSV as spreadsheets write it, Parquet, and everything that can be wrong in one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from dicom_builders import SECRETS, Series, write_rtstruct
from hypothesis import given, settings
from hypothesis import strategies as st
from layout_builders import PSEUDONYMS, dataset, put
from test_layout import BOX

from limen.data.case import CaseSet
from limen.data.errors import DataError, ManifestError
from limen.data.layout import find_cases
from limen.data.manifest import cases_of_manifest


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in ("a", "b", "a_ref", "b_ref"):
        put(tmp_path / "data" / "vol" / f"{name}.nii.gz")
    return tmp_path / "data"


HEAD = "case,patient,image,reference\n"
ROWS = "case_1,P1,vol/a.nii.gz,vol/a_ref.nii.gz\ncase_2,P2,vol/b.nii.gz,vol/b_ref.nii.gz\n"


def find(data: Path, text: str | bytes, name: str = "cases.csv") -> CaseSet:
    (data / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return find_cases(dataset(), data.parent, PSEUDONYMS)


def ids(found: CaseSet) -> list[str]:
    return [case.id for case in found.cases]


def refused(data: Path, text: str | bytes, name: str = "cases.csv") -> str:
    with pytest.raises(ManifestError) as caught:
        find(data, text, name)
    assert str(data.parent) not in str(caught.value)
    return str(caught.value)


def problem(found: CaseSet) -> str:
    (one,) = found.problems
    return f"{one.case}: {one.error}"


# --- what is well -----------------------------------------------------------------------------


def test_csv(data: Path) -> None:
    found = find(data, HEAD + ROWS)
    assert ids(found) == ["case_1", "case_2"]
    first = found.cases[0]
    assert first.image.files == (data / "vol" / "a.nii.gz",)
    assert first.reference is not None
    assert first.reference.files == (data / "vol" / "a_ref.nii.gz",)
    assert first.patient == PSEUDONYMS.patient("P1")
    assert first.attributes == {}
    assert not found.problems
    assert not found.notes
    assert found.layout == "a manifest (cases.csv)"


def test_parquet(data: Path) -> None:
    pl.DataFrame(
        {
            "case": ["case_1", "case_2"],
            "image": ["vol/a.nii.gz", "vol/b.nii.gz"],
            "reference": ["vol/a_ref.nii.gz", None],
            "age_years": [61, None],
            "kvp": [120.0, float("nan")],
            "contrast": [True, False],
        }
    ).write_parquet(data / "cases.parquet")
    found = find_cases(dataset(), data.parent, PSEUDONYMS)
    assert [c.attributes for c in found.cases] == [
        {"age_years": 61, "kvp": 120.0, "contrast": True},
        {"contrast": False},
    ]
    assert found.cases[1].reference is None
    assert any("patient not stated" in note for note in found.notes)


def test_manifest_named_as_the_path(data: Path) -> None:
    (data / "list.csv").write_text(HEAD + ROWS)
    found = find_cases(dataset(path="data/list.csv"), data.parent, PSEUDONYMS)
    assert ids(found) == ["case_1", "case_2"]


def test_manifest_comes_before_any_other_layout(data: Path) -> None:
    put(data / "images" / "z.nii.gz")
    assert ids(find(data, HEAD + ROWS)) == ["case_1", "case_2"]


@pytest.mark.parametrize(
    "change",
    [
        lambda t: "\ufeff" + t,  # Excel's CSV UTF-8
        lambda t: t.replace("\n", "\r\n"),
        lambda t: t.replace("\n", "\r"),
        lambda t: t.replace(",", ";"),
        lambda t: t.replace(",", "\t"),
        lambda t: t.replace(",", ", "),
        lambda t: t + "\n\n,,,\n",
        lambda t: t.rstrip("\n"),
        lambda t: re.sub(r"([\w./]+)", r'"\1"', t),
        lambda t: t.replace("case,", " case ,"),
        lambda t: t.replace("\n", ",\n"),  # a comma at every end
    ],
)
def test_csv_as_spreadsheets_write_it(data: Path, change: Any) -> None:
    plain, other = find(data, HEAD + ROWS), find(data, change(HEAD + ROWS))
    assert other.cases == plain.cases
    assert not other.problems


def test_quoted_commas_and_quotes(data: Path) -> None:
    put(data / "vol" / 'a, b "c" 폐.nii.gz')
    found = find(
        data,
        'case,image,site,note\nc1,"vol/a, b ""c"" 폐.nii.gz","Seoul, Korea","two\nlines"\n'
        "c2,vol/a.nii.gz,B,x\n",
    )
    assert found.cases[0].attributes == {"site": "Seoul, Korea", "note": "two\nlines"}
    assert ids(found) == ["c1", "c2"]


def test_paths_start_at_the_manifest_or_are_absolute(data: Path) -> None:
    put(data.parent / "beside" / "x.nii.gz")
    (data / "lists").mkdir()
    (data / "lists" / "m.csv").write_text(
        f"case,image\nc1,../vol/a.nii.gz\nc2,../../beside/x.nii.gz\nc3,{data}/vol/b.nii.gz\n"
    )
    found = find_cases(dataset(path="data/lists/m.csv"), data.parent, PSEUDONYMS)
    assert [c.image.files[0].resolve().name for c in found.cases] == [
        "a.nii.gz",
        "x.nii.gz",
        "b.nii.gz",
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-3", -3),
        ("2.5", 2.5),
        ("1e3", 1000.0),
        ("007", "007"),  # a code, not a number
        ("true", True),
        ("FALSE", False),
        ("nan", "nan"),
        ("inf", "inf"),
        ("1e999", "1e999"),
        ("1,5", "1,5"),
        ("12345678901234567890", 12345678901234567890.0),
        ("B30f", "B30f"),
        ("2020-01-01", "2020-01-01"),
    ],
)
def test_attributes_are_typed(data: Path, text: str, value: Any) -> None:
    found = find(data, f'case,image,x\nc1,vol/a.nii.gz,"{text}"\n')
    assert found.cases[0].attributes == {"x": value}
    assert type(found.cases[0].attributes["x"]) is type(value)


def test_infinity_in_parquet_is_left_out(data: Path) -> None:
    pl.DataFrame({"case": ["c1"], "image": ["vol/a.nii.gz"], "x": [float("inf")]}).write_parquet(
        data / "cases.parquet"
    )
    (case,) = find_cases(dataset(), data.parent, PSEUDONYMS).cases
    assert case.attributes == {}


def test_sex_and_age(data: Path) -> None:
    head = "case,image,sex,age_years\n"
    found = find(data, head + "c1,vol/a.nii.gz,F,61\nc2,vol/b.nii.gz,Male,\n")
    assert [c.attributes for c in found.cases] == [
        {"sex": "female", "age_years": 61},
        {"sex": "male"},
    ]
    assert "c1: cases.csv:2, sex" in problem(find(data, head + "c1,vol/a.nii.gz,W,61\n"))
    for age in ("old", "-1", "151", "true"):
        assert "age_years" in problem(find(data, head + f"c1,vol/a.nii.gz,F,{age}\n"))


# --- patients ---------------------------------------------------------------------------------


def test_one_patient_in_two_manifests_and_in_dicom(data: Path) -> None:
    series = Series()
    series.write(data / "dicom")
    text = (
        "case,patient,image\nc1,8830017245,vol/a.nii.gz\nc2,,dicom\nc3, 8830017245 ,vol/b.nii.gz\n"
    )
    found = find(data, text)
    assert len({c.patient for c in found.cases}) == 1
    assert not any("patient not stated" in note for note in found.notes)
    other = cases_of_manifest(data / "cases.csv", "development", PSEUDONYMS)
    assert other.cases[0].patient == found.cases[0].patient


@pytest.mark.parametrize("nobody", ["", "ANONYMOUS", "unknown", "  "])
def test_patients_that_are_nobody_are_not_one_person(data: Path, nobody: str) -> None:
    found = find(data, f"case,patient,image\nc1,{nobody},vol/a.nii.gz\nc2,{nobody},vol/b.nii.gz\n")
    assert found.cases[0].patient != found.cases[1].patient
    assert any("patient not stated" in note for note in found.notes)


def test_patient_zero_is_a_patient(data: Path) -> None:
    found = find(data, "case,patient,image\nc1,0,vol/a.nii.gz\nc2,0,vol/b.nii.gz\n")
    assert found.cases[0].patient == found.cases[1].patient


@pytest.mark.parametrize(
    "column",
    ["patient_name", "Name", "birth_date", "DOB", "mrn", "patient_id", "address", "phone", "email",
     "accession_number", "ssn", "referring_physician"],
)  # fmt: skip
def test_columns_of_identity_are_left_out(data: Path, column: str) -> None:
    found = find(data, f"case,patient,image,{column}\nc1,P1,vol/a.nii.gz,Zyxwvut\n")
    assert found.cases[0].attributes == {}
    assert f"left out because they may identify patients: {column}" in " ".join(found.notes)
    assert "Zyxwvut" not in repr(found)


@pytest.mark.parametrize(
    ("case", "patient", "hidden"),
    [
        ("19610412_a", "19610412", True),
        ("Kim_Cheolsu", "kim cheolsu", True),
        ("KimCheolsu-1", "Kim, Cheolsu", True),
        ("P001_scan1", "P001", False),
        ("case_1", "1", False),
        ("my_first_case", "P1", False),
    ],
)
def test_case_id_that_holds_the_patients_identifier(
    data: Path, case: str, patient: str, hidden: bool
) -> None:
    found = find(
        data,
        f'case,patient,image\n{case},"{patient}",vol/a.nii.gz\n{case}2,"{patient}",vol/none.nii\n',
    )
    shown = [*ids(found), problem(found), *found.notes]
    if hidden:
        assert re.fullmatch(r"C-[A-Z2-7]{10}", ids(found)[0])
        assert not any(case[:5] in text for text in shown)
        assert any("2 case ids are not shown" in note for note in found.notes)
    else:
        assert ids(found) == [case]
        assert not any("not shown" in note for note in found.notes)


def test_case_id_that_holds_what_the_dicom_header_knows(data: Path) -> None:
    series = Series()
    paths = series.write(data / "dicom")
    write_rtstruct(series, data / "rs.dcm", {"lesion": [BOX]})
    found = find(data, "case,image,reference\nQponmlk_1,dicom,rs.dcm\nc2,dicom,rs.dcm\n")
    assert not found.problems
    assert sorted(i[:2] for i in ids(found)) == ["C-", "c2"]
    for case in found.cases:
        assert len(case.image.files) == len(paths)
        shown = f"{case.id} {case.patient} {case.attributes} {found.notes}"
        assert not any(secret in shown for secret in SECRETS)


# --- what is wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "missing"), [("image,reference", "case"), ("case,reference", "image"), ("x", "case")]
)
def test_missing_column(data: Path, head: str, missing: str) -> None:
    text = refused(data, head + "\na,b\n")
    assert f"cases.csv: the manifest has no column `{missing}`" in text
    assert f"found: {head.replace(',', ', ')}" in text


@pytest.mark.parametrize(
    ("typo", "meant"),
    [("refrence", "reference"), ("references", "reference"), ("Patient", "patient"),
     ("predictions", "prediction")],
)  # fmt: skip
def test_column_that_is_almost_a_known_one(data: Path, typo: str, meant: str) -> None:
    text = refused(data, f"case,image,{typo}\nc1,vol/a.nii.gz,x\n")
    assert f"found: {typo}" in text
    assert f"name it {meant}" in text


def test_column_near_a_known_one_that_is_there_is_an_attribute(data: Path) -> None:
    found = find(data, "case,image,image2\nc1,vol/a.nii.gz,x\n")
    assert found.cases[0].attributes == {"image2": "x"}


def test_case_listed_twice(data: Path) -> None:
    text = refused(data, HEAD + ROWS + "case_1,P3,vol/a.nii.gz,\n")
    assert "more than once; found: case_1 in rows 2, 4" in text
    text = refused(data, HEAD + "Kim,P1,vol/a.nii.gz,\nKim,P1,vol/b.nii.gz,\n")
    assert "rows 2, 3" in text
    assert "Kim" not in text


def test_path_that_is_not_there(data: Path) -> None:
    found = find(data, HEAD + ROWS + "case_3,P3,vol/c.nii.gz,vol/a_ref.nii.gz\n")
    assert ids(found) == ["case_1", "case_2"]
    text = problem(found)
    assert text.startswith("case_3: cases.csv:4, image: the file is not there")
    assert "starts at the manifest" in text
    hidden = problem(find(data, HEAD + "c1,P3,Kim_Cheolsu/Kim_Cheolsu.nii.gz,\n"))
    assert "Kim" not in hidden


@pytest.mark.parametrize("path", ["x" * 300, "a\0b.nii.gz", "vol", "vol/a.nii.gz/b"])
def test_paths_that_cannot_be(data: Path, path: str) -> None:
    assert problem(find(data, f"case,image\nc1,{path}\n")).startswith("c1: cases.csv:2, image")


def test_image_and_reference_in_the_wrong_columns(data: Path) -> None:
    series = Series()
    series.write(data / "dicom")
    write_rtstruct(series, data / "rs.dcm", {"lesion": [BOX]})
    assert "lead to one image" in problem(find(data, "case,image\nc1,rs.dcm\n"))
    wrong = problem(find(data, "case,image,reference\nc1,vol/a.nii.gz,dicom\n"))
    assert "lead to one reference" in wrong


def test_row_without_image_or_case(data: Path) -> None:
    assert "names no image" in problem(find(data, HEAD + "c1,P1,,vol/a_ref.nii.gz\n"))
    assert "row-2: " in problem(find(data, HEAD + ",P1,vol/a.nii.gz,\n"))


@pytest.mark.parametrize("ident", ["a/b", "../a", ".a", "a b", "a" * 101, "a\nb", "-a"])
def test_ids_that_cannot_be_file_names(data: Path, ident: str) -> None:
    text = problem(find(data, f'case,image\n"{ident}",vol/a.nii.gz\n'))
    assert text.startswith("row-")
    assert ident not in text


def test_row_with_too_many_values(data: Path) -> None:
    text = problem(find(data, "case,image\nc1,vol/a.nii.gz,x,y\n"))
    assert "more values than the table has columns" in text


def test_short_row_lacks_what_is_not_there(data: Path) -> None:
    assert find(data, "case,image,reference,site\nc1,vol/a.nii.gz\n").cases[0].reference is None


@pytest.mark.parametrize("text", ["", "\n", HEAD, "\ufeff", HEAD + ",,,\n"])
def test_no_case(data: Path, text: str) -> None:
    assert "the manifest lists no case" in refused(data, text)


def test_quote_that_is_never_closed(data: Path) -> None:
    # it would swallow the second case in silence
    text = refused(data, HEAD + 'case_1,P1,vol/a.nii.gz,"vol/a_ref.nii.gz\n' + ROWS)
    assert "not well-formed CSV" in text
    assert "double quote" in text
    assert "well-formed" in refused(data, HEAD + 'case_1,P1,"' + "x" * 200_000 + "\n")


def test_column_twice_and_without_a_name(data: Path) -> None:
    assert "found: image" in refused(data, "case,image,image\nc1,vol/a.nii.gz,x\n")
    assert "no name" in refused(data, "case,image,\nc1,vol/a.nii.gz,x\n")


def test_encodings_that_are_not_utf8(data: Path) -> None:
    text = "case,image,site\nc1,vol/a.nii.gz,서울\n"
    for encoding in ("cp949", "utf-16"):
        assert "not UTF-8" in refused(data, text.encode(encoding))


def test_damaged_parquet(data: Path) -> None:
    assert "cannot be read" in refused(data, b"PAR1garbage", "cases.parquet")
    assert "cannot be read" in refused(data, b"", "cases.parquet")


def test_two_manifests(data: Path) -> None:
    (data / "cases.parquet").write_bytes(b"")
    with pytest.raises(DataError, match=r"cases\.csv and cases\.parquet"):
        find(data, HEAD + ROWS)


@settings(max_examples=100)
@given(st.text(alphabet='case,image\n\r;\t" 1\0é', max_size=60), st.booleans())
def test_any_text_gives_cases_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, text: str, headed: bool
) -> None:
    # neither `/` nor `.` in the alphabet: a path of them would scan folders outside the test's own
    folder = tmp_path_factory.getbasetemp() / "manifests"
    folder.mkdir(exist_ok=True)
    path = folder / "cases.csv"
    path.write_text(("case,image\n" if headed else "") + text, encoding="utf-8", newline="")
    try:
        found = cases_of_manifest(path, "validation", PSEUDONYMS)
    except ManifestError as error:
        assert str(error).startswith("cases.csv")
        return
    assert found.problems or found.cases
