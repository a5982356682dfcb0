"""The images of a DICOM series as headers: one plane for each, classic or enhanced."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from limen.data.dicom_file import items, number, numbers, text
from limen.data.errors import BadValues, BrokenSeries, SpacingMissing, UnreadableFile
from limen.data.volume import Array

# What may tell apart several images at one position, with the words for it.
TELLING = {
    "EchoTime": "Echo Time",
    "EffectiveEchoTime": "Effective Echo Time",
    "EchoNumbers": "Echo Numbers",
    "TemporalPositionIdentifier": "Temporal Position Identifier",
    "TemporalPositionIndex": "Temporal Position Index",
    "TriggerTime": "Trigger Time",
    "DiffusionBValue": "Diffusion b-value",
    "DiffusionGradientOrientation": "Diffusion Gradient Orientation",
    "InversionTime": "Inversion Time",
    "FlipAngle": "Flip Angle",
    "KVP": "KVP",
    "NominalPercentageOfCardiacPhase": "Cardiac Phase",
    "ConvolutionKernel": "Convolution Kernel",
    "StackID": "Stack ID",
    "ComplexImageComponent": "Complex Image Component",
    "FrameType": "Frame Type",
    "ImageType": "Image Type",
    "AcquisitionNumber": "Acquisition Number",
}


@dataclass(frozen=True)
class Plane:
    """One image: a classic file, or a frame of an enhanced one."""

    file: int
    frame: int
    which: str
    series: str
    patient: str
    frame_of_reference: str
    modality: str
    localizer: bool
    size: tuple[int, int]
    """Rows, columns."""
    position: Array
    row_cosine: Array
    column_cosine: Array
    spacing: tuple[float, float]
    """Between rows, between columns, in mm."""
    step_hint: float | None
    """Slice Thickness, else Spacing Between Slices, in mm; used for a single slice only."""
    slope: float
    intercept: float
    telling: dict[str, str]
    instance: str


def planes_of(header: Dataset, file: int, which: str, where: str) -> list[Plane]:
    per_frame = items(header, "PerFrameFunctionalGroupsSequence")
    frames = int(number(header, "NumberOfFrames") or 1)
    if frames > 1 and len(per_frame) != frames:
        raise BrokenSeries(
            f"{which} holds several frames but does not say where each of them lies",
            where=where,
            found=f"{frames} frames, {len(per_frame)} positions",
            mend="export the series as single slices or as an enhanced multi-frame object",
        )
    if not per_frame:
        return [_plane(header, [header], file, 0, which, where)]
    shared = items(header, "SharedFunctionalGroupsSequence")[:1]
    planes = []
    for n, own in enumerate(per_frame):
        try:
            layers = [item for group in (own, *shared) for item in _group_items(group)]
        except Exception as error:
            raise UnreadableFile(
                f"the description of frame {n + 1} of {which} is damaged",
                where=where,
                found=type(error).__name__,
                mend="export it again from the archive",
            ) from None
        planes.append(
            _plane(header, [*layers, header], file, n, f"frame {n + 1} of {which}", where)
        )
    return planes


def _group_items(group: Dataset) -> list[Dataset]:
    """The functional groups (one item each) inside a per-frame or shared item."""
    found: list[Dataset] = []
    for element in group:
        if element.VR == "SQ" and element.value:
            found.append(element.value[0])
            # b-value and direction lie one level deeper.
            found += items(element.value[0], "DiffusionGradientDirectionSequence")[:1]
    return found


def _plane(
    header: Dataset, layers: list[Dataset], file: int, frame: int, which: str, where: str
) -> Plane:
    position = _find(layers, "ImagePositionPatient")
    cosines = _find(layers, "ImageOrientationPatient")
    for name, found, count in (
        ("Image Position (Patient)", position, 3),
        ("Image Orientation (Patient)", cosines, 6),
    ):
        if found is None or len(found) != count or not all(map(math.isfinite, found)):
            raise BrokenSeries(
                f"{name} of {which} is absent or not {count} numbers",
                where=where,
                found=numbers_text(found),
                mend="export the original axial, coronal or sagittal series, not a derived image",
            )
    assert position is not None
    assert cosines is not None
    row, column = np.array(cosines[:3]), np.array(cosines[3:])
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if max(abs(length - 1) for length in lengths) > 1e-2 or abs(row @ column) > 1e-2:
        raise BrokenSeries(
            f"Image Orientation (Patient) of {which} is not two perpendicular unit vectors",
            where=where,
            found=numbers_text(cosines),
            mend="export the original series",
        )
    image_type = text(header, "ImageType").upper().split("\\")
    modality = text(header, "Modality").upper()
    slope, intercept = _rescale(layers, modality, "LOCALIZER" in image_type, which, where)
    hints = (_find(layers, "SliceThickness"), _find(layers, "SpacingBetweenSlices"))
    return Plane(
        file=file,
        frame=frame,
        which=which,
        series=text(header, "SeriesInstanceUID"),
        patient=text(header, "PatientID"),
        frame_of_reference=text(header, "FrameOfReferenceUID"),
        modality=modality,
        localizer="LOCALIZER" in image_type,
        size=(int(number(header, "Rows") or 0), int(number(header, "Columns") or 0)),
        position=np.array(position),
        row_cosine=row / lengths[0],
        column_cosine=column / lengths[1],
        spacing=_pixel_spacing(layers, which, where),
        step_hint=next((h[0] for h in hints if h and math.isfinite(h[0]) and h[0] > 0), None),
        slope=slope,
        intercept=intercept,
        telling={keyword: _first_text(layers, keyword) for keyword in TELLING},
        instance=text(header, "SOPInstanceUID"),
    )


def _find(layers: list[Dataset], keyword: str) -> tuple[float, ...] | None:
    return next((f for f in (numbers(each, keyword) for each in layers) if f is not None), None)


def _first_text(layers: list[Dataset], keyword: str) -> str:
    return next(filter(None, (text(each, keyword) for each in layers)), "")


def _pixel_spacing(layers: list[Dataset], which: str, where: str) -> tuple[float, float]:
    found = _find(layers, "PixelSpacing")
    if found is None or len(found) != 2 or not all(math.isfinite(v) and v > 0 for v in found):
        detector = _find(layers, "ImagerPixelSpacing")
        raise SpacingMissing(
            f"Pixel Spacing of {which} is absent, or not two positive numbers",
            where=where,
            found=numbers_text(found)
            + (" (Imager Pixel Spacing is not in the patient)" if detector else ""),
            mend="export the series with its Pixel Spacing; Limen never guesses it",
        )
    return (found[0], found[1])


def _rescale(
    layers: list[Dataset], modality: str, localizer: bool, which: str, where: str
) -> tuple[float, float]:
    slope, intercept = _find(layers, "RescaleSlope"), _find(layers, "RescaleIntercept")
    unit = _first_text(layers, "RescaleType").upper()
    mend = "export the original series; if the values are HU, give it as NIfTI"
    if slope is None and intercept is None and any("ModalityLUTSequence" in d for d in layers):
        raise BadValues(
            f"{which} uses a Modality LUT, which Limen does not read", where=where, mend=mend
        )
    if modality == "CT" and not localizer:
        if slope is None or intercept is None:
            raise BadValues(
                f"Rescale Slope or Intercept of {which} is absent, so its values are not in HU",
                where=where,
                mend=mend,
            )
        if unit not in ("", "HU"):
            raise BadValues(
                f"the values of {which} are not in HU", where=where, found=unit, mend=mend
            )
    pair = (slope[0] if slope else 1.0, intercept[0] if intercept else 0.0)
    if not all(map(math.isfinite, pair)) or pair[0] == 0:
        raise BadValues(
            f"Rescale Slope or Intercept of {which} cannot be used",
            where=where,
            found=f"slope {pair[0]:g}, intercept {pair[1]:g}",
            mend=mend,
        )
    return pair


def numbers_text(found: Sequence[float] | Array | None) -> str:
    if found is None or len(found) == 0:
        return "nothing"
    return ", ".join(f"{value:g}" for value in found)
