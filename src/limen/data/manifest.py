"""A table of cases, as CSV or Parquet: the layout that leaves nothing to be guessed.

Columns: ``case``, ``image``; also ``patient``, ``reference``, ``prediction``, ``site``, ``sex``,
``age_years``. Any further column becomes an attribute of the case. Paths start at the manifest.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from pathlib import Path
from typing import Any

from limen.data.case import Case, CaseProblem, CaseSet, Source
from limen.data.errors import DataError, ManifestError, UnreadableFile
from limen.data.identity import (
    Pseudonyms,
    contains_identity,
    looks_like_code,
    names_a_patient,
    safe_name,
)
from limen.data.naming import assumption_notes, volume_kind

MANIFEST_SUFFIXES = (".csv", ".parquet")

_PATHS = ("image", "reference", "prediction")
_KNOWN = ("case", "patient", *_PATHS)
# Columns that would carry an identity into tables and reports.
_IDENTITY = re.compile(
    r"(patient|family|given|first|last|sur|full)?_?name|.*birth.*|dob|mrn|.*address.*|.*phone.*|"
    r"e?_?mail|.*accession.*|(patient|hospital|national|medical_record)_?(id|number)|ssn|rrn|"
    r".*physician.*",
    re.IGNORECASE,
)
_CASE_ID = re.compile(r"[^\W_][\w.+-]{0,99}")
_SEX = {
    "f": "female",
    "female": "female",
    "m": "male",
    "male": "male",
    "o": "other",
    "other": "other",
}


def cases_of_manifest(path: Path, dataset: str, pseudonyms: Pseudonyms) -> CaseSet:
    """The cases a manifest lists.

    A row with a wrong value or a missing file is a problem of its case. Patients are always
    replaced by pseudonyms, the same as for a DICOM Patient ID of that text, so that a patient
    is recognised across data sets of different layouts.

    Raises
    ------
    ManifestError
        The table cannot be read, a column is missing or unknown twice, a case is listed twice.
    """
    rows = _rows(path)
    if not rows:
        raise ManifestError(
            "the manifest lists no case", where=path.name, mend="add one row for each case"
        )
    columns = [name for name in rows[0][1] if name is not None]  # None: more values than columns
    _require_no_slip(columns, path)
    for needed in ("case", "image"):
        if needed not in columns:
            raise ManifestError(
                f"the manifest has no column `{needed}`",
                where=path.name,
                found=", ".join(columns),
                mend="name its columns case, patient, image, reference",
            )
    _require_unique(rows, path)
    hidden = [c for c in columns if c not in _KNOWN and _IDENTITY.fullmatch(c)]
    found = CaseSet(layout=f"a manifest ({path.name})")
    if hidden:
        found.notes.append(
            f"columns left out because they may identify patients: {', '.join(hidden)}"
        )
    if "reference" not in columns:
        found.notes.append("no references: these cases cannot be evaluated")
    files = _Files(path.parent)
    assumed = []
    withheld = 0
    for line, row in rows:
        where = f"{path.name}:{line}"
        ident = str(row["case"]).strip()
        if not _CASE_ID.fullmatch(ident):
            error = ManifestError(
                "a case needs an id of letters, digits, `-`, `_` and `.`",
                where=where,
                found="nothing" if not ident else "other characters",
                mend="give it an id that does not identify the patient",
            )
            found.problems.append(CaseProblem(f"row-{line}", error))
            continue
        name, ident = ident, _shown_id(ident, row, files, pseudonyms)
        withheld += ident != name
        try:
            case, stated = _case(ident, name, row, hidden, where, files, dataset, pseudonyms)
        except DataError as error:
            found.problems.append(CaseProblem(ident, error))
            continue
        found.cases.append(case)
        found.names[ident] = name
        if case.image in files.series:
            found.series[ident] = files.series[case.image]
        if not stated:
            assumed.append(case)
    found.notes += assumption_notes(assumed, 0)
    if withheld:
        found.notes.append(
            f"{withheld} case ids are not shown because they hold the patient's identifier; "
            "pseudonyms stand for them"
        )
    return found


def _shown_id(ident: str, row: dict[str, Any], files: _Files, pseudonyms: Pseudonyms) -> str:
    """The case's id, or a pseudonym where it holds the patient's identifier."""
    patient = "" if _blank(row.get("patient")) else str(row["patient"]).strip()
    # P001_scan1 of patient P001 is a code, 19610412_scan1 of patient 19610412 is not.
    told = not looks_like_code(ident) and contains_identity(ident, [patient])
    if told or contains_identity(ident, files.tokens(row.get("image"))):
        return pseudonyms.series(ident)
    return ident


def _case(
    ident: str,
    name: str,
    row: dict[str, Any],
    hidden: list[str],
    where: str,
    files: _Files,
    dataset: str,
    pseudonyms: Pseudonyms,
) -> tuple[Case, bool]:
    if None in row:
        raise ManifestError(
            "the row has more values than the table has columns",
            where=where,
            mend="put a value that holds the separator into double quotes",
        )
    sources = {
        name: files.source(str(row[name]), f"{where}, {name}", name)
        for name in _PATHS
        if not _blank(row.get(name))
    }
    if "image" not in sources:
        raise ManifestError("the row names no image", where=where, mend="fill in its path")
    attributes = _attributes(row, hidden, where)
    raw_patient = "" if _blank(row.get("patient")) else str(row["patient"]).strip()
    stated = names_a_patient(raw_patient) or raw_patient.isdigit()
    patient = pseudonyms.patient(raw_patient if stated else f"{dataset}\0{name}")
    series = files.series.get(sources["image"])
    if series is not None:
        from limen.data.dicom_series import series_attributes

        attributes = {**series_attributes(series.files, ident), **attributes}
        if not stated:
            patient, stated = series.patient(pseudonyms)
    case = Case(
        id=ident,
        patient=patient,
        image=sources["image"],
        reference=sources.get("reference"),
        prediction=sources.get("prediction"),
        attributes=attributes,
    )
    return case, stated


def _attributes(
    row: dict[str, Any], hidden: list[str], where: str
) -> dict[str, str | float | int | bool]:
    found: dict[str, str | float | int | bool] = {}
    for name, value in row.items():
        if name in _KNOWN or name in hidden or name is None or _blank(value):
            continue
        found[name] = _typed(value)
    if "sex" in found:
        sex = _SEX.get(str(found["sex"]).lower())
        if sex is None:
            raise ManifestError(
                "the sex is not one that Limen knows",
                where=f"{where}, sex",
                found=str(found["sex"]),
                mend="female, male, other, or leave it empty",
            )
        found["sex"] = sex
    if "age_years" in found:
        age = found["age_years"]
        if isinstance(age, str | bool) or not 0 <= age <= 150:
            raise ManifestError(
                "the age is not a number of years",
                where=f"{where}, age_years",
                found=str(age),
                mend="a number from 0 to 150, or leave it empty",
            )
    return found


class _Files:
    """Paths of a manifest to sources; a DICOM folder is scanned once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._scans: dict[Path, Any] = {}
        self.series: dict[Source, Any] = {}

    def tokens(self, text: Any) -> frozenset[str]:
        """What would identify the patient in the headers an image's path leads to."""
        path = self._root / str(text or "").strip()
        if _blank(text) or not _exists(path) or volume_kind(path) is not None:
            return frozenset()
        try:
            scan = self._scan(path if path.is_dir() else path.parent, "")
        except DataError:
            return frozenset()
        series = [s for s in scan.series if path.is_dir() or path in s.files]
        return frozenset[str]().union(*(s.tokens for s in series))

    def source(self, text: str, where: str, column: str) -> Source:
        path = self._root / text.strip()
        if not _exists(path):
            raise UnreadableFile(
                "the file is not there",
                where=where,
                found=safe_name(path.name, ()),
                mend="correct the path; it starts at the manifest",
            )
        kind = volume_kind(path)
        if path.is_file() and kind is not None:
            return Source(kind, (path,))
        scan = self._scan(path if path.is_dir() else path.parent, where)
        if path.is_dir():
            if column != "image":
                return self._only([r.source for r in scan.drawn], where, column)
            if scan.problems and len(scan.series) < 2:
                raise scan.problems[0][1]  # it may well be a slice of that series
            for series in scan.series:
                self.series[Source("dicom-series", series.files)] = series
            return self._only([Source("dicom-series", s.files) for s in scan.series], where, column)
        for problem, error in scan.problems:
            if problem == path:
                raise error
        marks = [r.source for r in scan.drawn if r.path == path]
        if column != "image":
            return self._only(marks, where, column)
        for series in scan.series:
            if path in series.files:
                alone = Source("dicom-series", (path,))
                self.series[alone] = series
                return alone
        return self._only([], where, column)

    def _scan(self, folder: Path, where: str) -> Any:
        from limen.data.dicom_series import scan_folder

        if folder not in self._scans:
            self._scans[folder] = scan_folder(folder, where)
        return self._scans[folder]

    def _only(self, sources: list[Source], where: str, column: str) -> Source:
        if len(sources) == 1:
            return sources[0]
        raise ManifestError(
            f"the path does not lead to one {column}",
            where=where,
            found=f"{len(sources)} found",
            mend="name a .nii, .nii.gz or .nrrd file, a folder with one DICOM series, or the "
            "DICOM SEG or RTSTRUCT file",
        )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name too long for the disk, or with a NUL in it
        return False


# --- the table --------------------------------------------------------------------------------


def _rows(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """(line, values) of every row; the header is line 1."""
    try:
        if path.suffix.lower() == ".parquet":
            import polars as pl

            frame = pl.read_parquet(path)
            return [(line, row) for line, row in enumerate(frame.to_dicts(), start=2)]
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ManifestError(
            "the manifest is not UTF-8 text", where=path.name, mend="save it as CSV UTF-8"
        ) from None
    # polars reports a damaged file through several types of its own
    except Exception as error:
        raise ManifestError(
            "the manifest cannot be read",
            where=path.name,
            found=type(error).__name__,
            mend="write it anew",
        ) from None
    header = text.split("\n", 1)[0]
    separator = max(",;\t", key=header.count)
    # strict, because a quote that is never closed would swallow the rows after it in silence
    reader = csv.DictReader(
        io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True
    )
    try:
        return _csv_rows(reader, path)
    except csv.Error as error:
        raise ManifestError(
            "the manifest is not well-formed CSV",
            where=f"{path.name}:{reader.line_num}",
            found=str(error),
            mend="close every double quote, and double those inside a value",
        ) from None


def _csv_rows(reader: csv.DictReader[str], path: Path) -> list[tuple[int, dict[str, Any]]]:
    names = [name.strip() for name in reader.fieldnames or []]
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice:
        raise ManifestError(
            "a column is there twice", where=path.name, found=", ".join(twice), mend="remove one"
        )
    reader.fieldnames = names
    rows = [(reader.line_num, row) for row in reader if any(not _blank(v) for v in row.values())]
    if any(not _blank(row.pop("", None)) for _, row in rows):
        raise ManifestError("a column with values has no name", where=path.name, mend="name it")
    return rows


def _require_no_slip(columns: list[str], path: Path) -> None:
    """Refuse ``refrence`` where there is no ``reference``: it would become an attribute."""
    from rapidfuzz.fuzz import ratio
    from rapidfuzz.process import extractOne

    absent = [name for name in _KNOWN if name not in columns]
    for column in columns:
        near = extractOne(column.lower(), absent, scorer=ratio, score_cutoff=85)
        if column not in _KNOWN and near is not None:
            raise ManifestError(
                "a column is almost one that Limen knows",
                where=path.name,
                found=column,
                mend=f"name it {near[0]}, or something else if it is not that",
            )


def _require_unique(rows: list[tuple[int, dict[str, Any]]], path: Path) -> None:
    lines: dict[str, list[int]] = {}
    for line, row in rows:
        lines.setdefault(str(row["case"]).strip(), []).append(line)
    twice = [(ident, at) for ident, at in lines.items() if ident and len(at) > 1]
    if twice:
        ident, at = twice[0]
        which = f"{ident} in rows" if looks_like_code(ident) else "rows"
        raise ManifestError(
            "a case is listed more than once",
            where=path.name,
            found=f"{which} {', '.join(map(str, at))}",
            mend="give every case an id of its own",
        )


def _blank(value: Any) -> bool:
    if value is None:
        return True
    if isinstance(value, float):
        return not math.isfinite(value)
    return isinstance(value, str) and not value.strip()


def _typed(value: Any) -> str | float | int | bool:
    if isinstance(value, bool | int | float):
        return value
    text = str(value).strip()
    if re.fullmatch(r"[-+]?(0|[1-9]\d{0,14})", text):
        return int(text)
    if re.fullmatch(r"[-+]?(\d+\.\d*|\.?\d+)(e[-+]?\d+)?", text, re.IGNORECASE) and (
        not re.fullmatch(r"0\d+", text)
    ):
        number = float(text)
        return number if math.isfinite(number) else text
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    return text
