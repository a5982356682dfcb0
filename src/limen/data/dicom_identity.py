"""What in a DICOM header identifies a patient, and what does not.

The tags follow the Basic Application Level Confidentiality Profile (DICOM PS3.15 Annex E) as
far as their values are short enough to appear in a file name or an error.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from limen.data.dicom_file import items, number, open_dicom, quiet, text
from limen.data.identity import contains_identity, looks_like_code

_NAMES = (
    "PatientName",
    "OtherPatientNames",
    "PatientBirthName",
    "PatientMotherBirthName",
    "ReferringPhysicianName",
    "PerformingPhysicianName",
    "OperatorsName",
    "NameOfPhysiciansReadingStudy",
    "ResponsiblePerson",
)
_NUMBERS = (
    "PatientID",
    "OtherPatientIDs",
    "AccessionNumber",
    "StudyID",
    "AdmissionID",
    "PatientTelephoneNumbers",
    "PatientAddress",
    "MilitaryRank",
    "MedicalRecordLocator",
)
_DATES = (
    "PatientBirthDate",
    "StudyDate",
    "SeriesDate",
    "AcquisitionDate",
    "ContentDate",
    "InstanceCreationDate",
)
_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID")

IDENTITY_KEYWORDS = (
    *_NAMES,
    *_NUMBERS,
    *_DATES,
    *_UIDS,
    "OtherPatientIDsSequence",
    "PatientIdentityRemoved",
)


@quiet()
def identity_tokens(header: Dataset) -> frozenset[str]:
    """Everything in a header that must not appear in a name, a message or a table.

    Names as a whole and in their parts (all component groups), identifiers, dates in the usual
    orders of year, month and day, and unique identifiers. Where the header states that the
    identity was removed (Patient Identity Removed = YES) and Patient ID or Patient's Name look
    like a code (``LIDC-IDRI-0001``), that code is the public name of the case and no token.
    """
    found: set[str] = set()
    removed = text(header, "PatientIdentityRemoved").upper() == "YES"
    for keyword in _NAMES:
        name = text(header, keyword, as_is=True)
        if removed and looks_like_code(name):
            continue
        found.add(name)
        found.update(re.split(r"[\W_]+", name))
    patient_ids = [
        text(item, "PatientID", as_is=True) for item in items(header, "OtherPatientIDsSequence")
    ]
    for value in [*(text(header, keyword, as_is=True) for keyword in _NUMBERS), *patient_ids]:
        if removed and looks_like_code(value):
            continue
        found.add(value)
        # Parts of an identifier are common words and short numbers; only long ones tell.
        found.update(part for part in re.split(r"[\W_]+", value) if len(part) >= 5)
    for keyword in _DATES:
        date = re.sub(r"\D", "", text(header, keyword, as_is=True))
        if len(date) == 8:
            year, month, day = date[:4], date[4:6], date[6:]
            found.update((date, date[2:], day + month + year, month + day + year))
    found.update(text(header, keyword, as_is=True) for keyword in _UIDS)
    return frozenset(token for token in found if len(token) >= 2)


_TEXTS = {
    "modality": "Modality",
    "manufacturer": "Manufacturer",
    "scanner": "ManufacturerModelName",
    "kernel": "ConvolutionKernel",
    "body_part": "BodyPartExamined",
    "patient_position": "PatientPosition",
    "scanning_sequence": "ScanningSequence",
    "sequence_variant": "SequenceVariant",
    "filter": "FilterType",
}
_NUMERIC = {
    "kvp": "KVP",
    "slice_thickness_mm": "SliceThickness",
    "field_of_view_mm": "ReconstructionDiameter",
    "gantry_tilt_deg": "GantryDetectorTilt",
    "spiral_pitch": "SpiralPitchFactor",
    "field_strength_t": "MagneticFieldStrength",
    "repetition_time_ms": "RepetitionTime",
    "echo_time_ms": "EchoTime",
    "inversion_time_ms": "InversionTime",
    "flip_angle_deg": "FlipAngle",
    "echo_train_length": "EchoTrainLength",
}
_MEANS = {
    "tube_current_ma": "XRayTubeCurrent",
    "exposure_mas": "Exposure",
    "exposure_time_ms": "ExposureTime",
    "ctdi_vol_mgy": "CTDIvol",
}
_GROUPS_OF_FACTS = (
    "CTExposureSequence",
    "CTReconstructionSequence",
    "CTXRayDetailsSequence",
    "CTAcquisitionDetailsSequence",
    "CTTableDynamicsSequence",
    "PixelMeasuresSequence",
    "MRTimingAndRelatedParametersSequence",
    "MREchoSequence",
)
_ENHANCED_NAMES = {
    "XRayTubeCurrent": "XRayTubeCurrentInmA",
    "Exposure": "ExposureInmAs",
    "ExposureTime": "ExposureTimeInms",
    "EchoTime": "EffectiveEchoTime",
}
_SEX = {"F": "female", "M": "male", "O": "other"}
_SAMPLED_FILES = 16


@quiet()
def series_attributes(
    files: Sequence[Path], where: str = "series"
) -> dict[str, str | float | int | bool]:
    """Facts about an examination that are not identity.

    Taken from the first file; dose figures, which change along a patient, are means over up to
    16 files spread over the series. Absent facts are left out. A text in which an identity
    token occurs is left out too. Free texts (descriptions, protocol names) and institution,
    station and serial number are never read.

    Returns
    -------
    dict
        ``modality``, ``manufacturer``, ``scanner``, ``kernel``, ``kvp``, ``slice_thickness_mm``,
        ``age_years`` (whole years; 90 stands for 90 and older), ``sex`` (``female``, ``male``,
        ``other``), ``tube_current_ma``, ``exposure_mas``, ``exposure_time_ms``,
        ``field_strength_t``, ``echo_time_ms``, ``contrast`` (bool), ``lossy_compressed`` (only
        when true) and others of the same kind.

    Raises
    ------
    UnreadableFile
    """
    if not files:
        return {}
    first = open_dicom(files[0], where, which="the first file of the series", header_only=True)
    tokens = identity_tokens(first)
    layers = _layers(first)
    facts: dict[str, str | float | int | bool] = {}
    for key, keyword in _TEXTS.items():
        value = next(filter(None, (text(layer, keyword) for layer in layers)), "")
        coded = key == "modality"
        if value and (coded or (len(value) <= 64 and not contains_identity(value, tokens))):
            facts[key] = value
    for key, keyword in _NUMERIC.items():
        measured = _first_number(layers, keyword)
        if measured is not None:
            facts[key] = measured
    step = max(1, len(files) // _SAMPLED_FILES)
    sampled = [layers]
    for file in files[step::step]:
        header = open_dicom(file, where, which="a file of the series", header_only=True)
        sampled.append(_layers(header))
    for key, keyword in _MEANS.items():
        values = [v for v in (_first_number(each, keyword) for each in sampled) if v is not None]
        if values:
            facts[key] = round(float(np.mean(values)), 3)
    age = _age_years(first)
    if age is not None:
        facts["age_years"] = age
    sex = _SEX.get(text(first, "PatientSex").upper())
    if sex is not None:
        facts["sex"] = sex
    if text(first, "ContrastBolusAgent") or items(first, "ContrastBolusAgentSequence"):
        agent = text(first, "ContrastBolusAgent").upper()
        facts["contrast"] = agent not in ("NONE", "NO", "WITHOUT", "N")
    if text(first, "LossyImageCompression") == "01":
        facts["lossy_compressed"] = True
    return facts


def _layers(header: Dataset) -> list[Dataset]:
    """The header and, in enhanced objects, the functional groups that hold the same facts."""
    layers = [header]
    for outer in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for group in items(header, outer)[:1]:
            for name in _GROUPS_OF_FACTS:
                layers += items(group, name)[:1]
    return layers


def _first_number(layers: Sequence[Dataset], keyword: str) -> float | None:
    for layer in layers:
        found = number(layer, keyword)
        if found is None and keyword in _ENHANCED_NAMES:
            found = number(layer, _ENHANCED_NAMES[keyword])
        if found is not None:
            return found
    return None


def _age_years(header: Dataset) -> int | None:
    """Whole years; from Patient's Age, else from the dates; 90 stands for 90 and older."""
    stated = re.fullmatch(r"(\d{1,3})([DWMY])", text(header, "PatientAge").upper())
    if stated:
        per_year = {"D": 365.25, "W": 365.25 / 7, "M": 12.0, "Y": 1.0}[stated.group(2)]
        years = int(int(stated.group(1)) / per_year)
    else:
        birth = re.sub(r"\D", "", text(header, "PatientBirthDate"))
        study = re.sub(r"\D", "", text(header, "StudyDate"))
        if len(birth) != 8 or len(study) != 8:
            return None
        years = int(study[:4]) - int(birth[:4]) - (study[4:] < birth[4:])
    return min(years, 90) if 0 <= years <= 130 else None


@quiet()
def frame_of_reference(files: Sequence[Path], where: str = "series") -> str | None:
    """Frame of Reference UID of an image series, for ``read_seg`` and ``read_rtstruct``.

    An identifier: it is for comparing inside the readers, never for showing.
    """
    if not files:
        return None
    header = open_dicom(files[0], where, which="the first file of the series", header_only=True)
    return text(header, "FrameOfReferenceUID") or None
