"""Is data de-identified? Headers, burned-in text and faces, without a word of what identifies.

Headers are held against the Basic Application Level Confidentiality Profile (DICOM PS3.15 Annex E,
Table E.1-1, edition 2026c) with the options that a header states it was made under. Text in pixels
and faces are found by heuristics: what they find is to be looked at, and what they do not find may
still be there. No finding holds a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset

from limen.data.burned_in import TEXT_MODALITIES, lines_of_text
from limen.data.dicom_file import decode_pixels, has_dicom_content, items, open_dicom, quiet, text
from limen.data.errors import DataError, UnreadableFile
from limen.data.faces import face_stands_out, is_head
from limen.data.identity import looks_like_code, names_a_patient, safe_name

Weight = Literal["identifies", "look"]
"""identifies: the profile takes it out; look: a person has to look, as a dummy may stand there."""

_OPTIONS = {
    "113106": "full dates", "113107": "modified dates", "113108": "patient characteristics",
    "113109": "device identity", "113110": "UIDs", "113111": "safe private",
    "113112": "institution identity",
}  # fmt: skip
_DATES = ("DA", "TM", "DT")
_CHARACTERISTICS_LIST = """
PatientAge PatientSex PatientSize PatientWeight PatientBodyMassIndex EthnicGroup EthnicGroups
SmokingStatus PregnancyStatus Allergies PatientState PreMedication PatientSexNeutered
SpecialNeeds MedicalAlerts LastMenstrualDate MeasuredAPDimension
"""
_CHARACTERISTICS = frozenset(_CHARACTERISTICS_LIST.split())
_DEVICE_LIST = """
DeviceSerialNumber StationName GantryID DetectorID PlateID CassetteID DeviceDescription
DeviceUID GeneratorID PerformedStationName ScheduledStationName PerformedStationAETitle
ScheduledStationAETitle PerformedLocation XRaySourceID LensMake SourceManufacturer DeviceLabel
LongDeviceDescription ManufacturerDeviceIdentifier UDISequence
"""
_DEVICE = frozenset(_DEVICE_LIST.split())
_INSTITUTION_LIST = """
InstitutionName InstitutionAddress InstitutionCodeSequence InstitutionalDepartmentName
InstitutionalDepartmentTypeCodeSequence
"""
_INSTITUTION = frozenset(_INSTITUTION_LIST.split())
_MAKERS = (
    "1.2.840.113619.", "1.3.12.2.1107.", "1.3.46.670589.", "1.2.392.200036.", "1.2.840.113704.",
    "1.2.410.200013.", "1.2.156.112605.", "1.2.276.0.26.",
)  # fmt: skip
"""Roots of UIDs that scanners give: GE, Siemens, Philips, Japanese makers, Samsung, United Imaging,
Zeiss. A UID under one of them was not replaced."""
_NO_DAYS = ("00010101", "18000101", "19000101", "19700101")
_WORDS = ("PN", "LO", "SH", "LT", "ST", "UT", "CS", "AE")
_CODED = ("PatientName", "PatientID")
"""Where a code stands for the patient, so that a value that is one is a dummy."""
_OLDEST_YEARS = 89


@dataclass(frozen=True)
class Finding:
    """One thing that may tell who a patient is.

    Attributes
    ----------
    weight : str
    rule : str
        ``tag``, ``private tags``, ``UID``, ``statement``, ``age``, ``burned-in text``, ``face``,
        ``file name``.
    where : str
        Attribute by keyword, or part of the image.
    why : str
        What was found, in words, and never the value.
    files : int
        In how many files.
    example : str
        One of them: its name where that may be shown, else its place among all.
    """

    weight: Weight
    rule: str
    where: str
    why: str
    files: int
    example: str


@dataclass
class Deidentified:
    """What a check found."""

    files: int = 0
    not_read: list[str] = field(default_factory=list)
    """DICOM files that could not be read, each with the reason."""
    not_looked_at: list[str] = field(default_factory=list)
    """What no heuristic could judge, in words."""
    findings: list[Finding] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return self.files > 0 and not self.findings and not self.not_read

    def as_dict(self) -> dict[str, Any]:
        from dataclasses import asdict

        return {**asdict(self), "clean": self.clean}


@quiet()
def check_deidentified(paths: Iterable[Path]) -> Deidentified:
    """Look at DICOM files, and at all within folders.

    Parameters
    ----------
    paths : iterable of Path
        Files and folders; what is not DICOM is passed over.

    Returns
    -------
    Deidentified
        Alike findings of several files in one.
    """
    result = Deidentified()
    found: dict[tuple[Weight, str, str, str], list[str]] = {}
    heads: dict[str, list[Path]] = {}
    for number, path in enumerate(_dicom_files(paths), 1):
        result.files += 1
        shown = _shown(path, number)
        if shown.startswith("file "):
            words = "the name is not made of codes and imaging words alone: it may be a patient's"
            found.setdefault(("look", "file name", "the file's name", words), []).append(shown)
        try:
            header = open_dicom(path, shown, which="the file", header_only=True)
        except DataError as error:
            result.not_read.append(f"{shown}: {error.what}")
            continue
        # alike findings of one file (items of a sequence) are one
        for key in dict.fromkeys((*_header(header), *_pixels(header, path, shown, result))):
            found.setdefault(key, []).append(shown)
        if is_head(header):
            heads.setdefault(text(header, "SeriesInstanceUID"), []).append(path)
    for series in heads.values():
        for key in _face(series, result):
            found.setdefault(key, []).append(_shown(series[0], 1))
    result.findings = [Finding(*key, len(names), names[0]) for key, names in found.items()]
    result.findings.sort(key=lambda f: (f.weight != "identifies", f.rule, f.where))
    return result


Key = tuple[Weight, str, str, str]


def _header(header: Dataset) -> Iterator[Key]:
    removed = text(header, "PatientIdentityRemoved").upper() == "YES"
    if not removed:
        yield ("identifies", "statement", "PatientIdentityRemoved",
               "the header does not state that identity was removed")  # fmt: skip
    methods = items(header, "DeidentificationMethodCodeSequence")
    if removed and not methods and not text(header, "DeidentificationMethod"):
        yield (
            "look",
            "statement",
            "DeidentificationMethod",
            "how identity was removed is not stated",
        )
    options = {_OPTIONS.get(text(m, "CodeValue"), "") for m in methods}
    age = re.fullmatch(r"(\d{3})Y", text(header, "PatientAge"))
    if age is not None and int(age.group(1)) > _OLDEST_YEARS:
        yield ("identifies", "age", "PatientAge",
               f"over {_OLDEST_YEARS} years (45 CFR 164.514(b)(2)(i)(C))")  # fmt: skip
    yield from _elements(header, "", options, removed)


def _elements(dataset: Dataset, within: str, options: set[str], removed: bool) -> Iterator[Key]:
    private = 0
    for element in dataset:
        tag = element.tag
        if tag.is_private:
            private += not element.is_empty and not tag.is_private_creator
            continue
        where = within + (keyword_for_tag(tag) or f"({tag.group:04x},{tag.element:04x})")
        action = _profile().get(int(tag)) or _by_group(tag.group, tag.element)
        if action is not None and not element.is_empty:
            found = _judge(element, action, where, options, removed)
            if found is not None:
                yield found
                continue
        if element.VR == "SQ":
            for item in element.value:
                yield from _elements(item, f"{where}/", options, removed)
    if private and "safe private" not in options:
        yield "identifies", "private tags", within or "the header", "private attributes hold values"


def _judge(element: Any, action: str, where: str, options: set[str], removed: bool) -> Key | None:
    keyword, vr = where.rpartition("/")[2], element.VR
    if vr in _DATES and options & {"full dates", "modified dates"}:
        return None
    kept = ((_CHARACTERISTICS, "patient characteristics"), (_DEVICE, "device identity"),
            (_INSTITUTION, "institution identity"))  # fmt: skip
    if any(keyword in names and option in options for names, option in kept):
        return None
    if vr == "UI" or "U" in action:
        if "UIDs" in options or vr == "SQ":
            return None
        values = element.value if element.VM > 1 else [element.value]
        if any(str(v).startswith(_MAKERS) for v in values):
            return "identifies", "UID", where, "a scanner's own UID: it was not replaced"
        return None if removed else ("look", "UID", where, "may be the original")
    if _is_dummy(element):
        return None
    what = _what(element)
    if action == "Z" or "D" in action:
        # a dummy may stand there; whether it is one shows in how it is written, or to a person
        is_code = keyword in _CODED and looks_like_code(str(element.value))
        if removed and (is_code or keyword.startswith("ClinicalTrial")):
            return None
        if keyword == "PatientSex" and removed:
            return None
        weight: Weight = "look" if removed else "identifies"
        return weight, "tag", where, f"{what}; the profile asks for {_ASKS[action[-1]]}"
    return "identifies", "tag", where, f"{what}; the profile takes it out"


_ASKS = {"Z": "an empty value or a dummy", "D": "a dummy"}


def _is_dummy(element: Any) -> bool:
    """Whether a value is one that nobody has: ``ANONYMIZED``, 1900-01-01, midnight."""
    value = str(element.value).strip()
    if element.VR in ("DA", "DT"):
        return value[:8] in _NO_DAYS
    if element.VR == "TM":
        return not value.strip("0.:")
    return element.VR in _WORDS and not names_a_patient(value)


def _what(element: Any) -> str:
    """What stands there, without what it says."""
    kinds = {"PN": "a name", "DA": "a date", "TM": "a time", "DT": "a date and time", "UI": "a UID",
             "SQ": "a sequence", "AS": "an age"}  # fmt: skip
    if element.VR in kinds:
        return kinds[element.VR]
    if element.VR in ("OB", "OW", "OF", "OD", "UN"):
        return "binary data"
    return "a value"


def _by_group(group: int, element: int) -> str | None:
    if 0x5000 <= group <= 0x50FF or (0x6000 <= group <= 0x60FF and element in (0x3000, 0x4000)):
        return "X"
    return None


def _pixels(header: Dataset, path: Path, shown: str, result: Deidentified) -> Iterator[Key]:
    """What the header says of its pixels, and text in them where the modality often has some."""
    if text(header, "BurnedInAnnotation").upper() == "YES":
        yield "identifies", "burned-in text", "pixels", "the header says that text is burned in"
    if text(header, "RecognizableVisualFeatures").upper() == "YES":
        yield "identifies", "face", "pixels", "the header says that a face can be recognised"
    if text(header, "Modality").upper() not in TEXT_MODALITIES or "Rows" not in header:
        return
    try:
        whole = open_dicom(path, shown, which="the file")
        lines = lines_of_text(_stored_pixels(whole, shown))
    except DataError as error:
        result.not_looked_at.append(f"text in {shown}: {error.what}")
        return
    if lines:
        yield "look", "burned-in text", "pixels", "what looks like lines of text is in the pixels"


def _stored_pixels(whole: Dataset, shown: str) -> Any:
    """The pixels as stored; of colour too, which ultrasound and secondary captures often are."""
    if whole.get("SamplesPerPixel", 1) != 3:
        return decode_pixels(whole, shown, which="the file")
    from pydicom.pixels.utils import pixel_array

    try:
        return pixel_array(whole)
    except Exception as error:  # each decoder has errors of its own; their texts are not shown
        raise UnreadableFile(
            f"its colour pixels cannot be decoded ({type(error).__name__})", where=shown
        ) from None


def _face(series: Sequence[Path], result: Deidentified) -> Iterator[Key]:
    from limen.data.dicom_series import read_series

    try:
        standing_out_mm = face_stands_out(read_series(series, "a head"))
    except DataError as error:
        result.not_looked_at.append(f"a face, in a head of {len(series)} files: {error.what}")
        return
    if standing_out_mm is None:
        result.not_looked_at.append(
            f"a face, in a head of {len(series)} files: too few or too thick slices to show one"
        )
    elif standing_out_mm > 0:
        yield ("identifies", "face", "the series",
               "skin and nose are there: a face can be reconstructed from the slices")  # fmt: skip


def _dicom_files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        within = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        yield from (p for p in within if has_dicom_content(p))


def _shown(path: Path, number: int) -> str:
    return safe_name(path.name, ()) or f"file {number}"


@cache
def _profile() -> dict[int, str]:
    """Tag to what the basic profile does with it."""
    found = {}
    lines = files("limen.data").joinpath("ps315_basic_profile.txt").read_text(encoding="ascii")
    for line in lines.splitlines():
        if not line.startswith("#"):
            action, _, tags = line.partition(": ")
            found.update({int(tag, 16): action for tag in tags.split()})
    return found
