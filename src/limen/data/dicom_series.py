"""One DICOM image series into one volume.

The place of every voxel comes from Image Position and Image Orientation (Patient), PS3.3
C.7.6.2.1.1; never from Slice Thickness, Instance Number, file names or the order of files.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from limen.data.dicom_file import (
    decode_pixels,
    items,
    number,
    numbers,
    open_dicom,
    quiet,
    require_image,
    text,
    unused_bits_cleared,
)
from limen.data.dicom_identity import frame_of_reference, identity_tokens, series_attributes
from limen.data.dicom_scan import DicomScan, ReferenceFile, SeriesFiles, scan_folder, scan_series
from limen.data.errors import BadValues, BrokenSeries, EmptyFolder, SpacingMissing
from limen.data.volume import Array, Geometry, Volume

__all__ = [
    "DicomScan",
    "ReferenceFile",
    "SeriesFiles",
    "frame_of_reference",
    "identity_tokens",
    "read_series",
    "scan_folder",
    "scan_series",
    "series_attributes",
]

AIR_HU = -1024.0

# What may tell apart several images at one position, with the words for it.
_TELLING = {
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
class _Plane:
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


@quiet()
def read_series(files: Sequence[Path], where: str) -> Volume:
    """Read the files of one image series, in any order, into one volume.

    Parameters
    ----------
    files : sequence of Path
        Classic single-frame files, or enhanced multi-frame files.
    where : str
        The case, for errors.

    Returns
    -------
    Volume
        ``values`` (I, J, K) float32: i along a row (column index), j down a column (row index),
        k along the normal (row direction x column direction). CT: HU, through each image's own
        Rescale Slope and Intercept. Other modalities: through Rescale Slope and Intercept where
        there are any, else stored values. ``affine_lps_mm`` is exact for oblique series; a
        tilted gantry gives a sheared affine (``Geometry.is_orthogonal`` is False).

    Raises
    ------
    EmptyFolder
        No files.
    UnreadableFile
        Missing, damaged, truncated or colour files; a compression without a decoder.
    BrokenSeries
        Missing or duplicate slices, mixed series, localizers, objects that are no images.
    SpacingMissing
        Pixel Spacing absent or not positive; a single slice without a thickness.
    BadValues
        CT without rescale, or in another unit than HU; values beyond the declared bits.

    Notes
    -----
    Slices must be equally spaced: none may lie further from its place than 5 % of the slice
    distance (at least 0.05 mm, which allows positions rounded to a tenth of a millimetre).
    Slices missing at the ends of a series, or every second one throughout, cannot be seen.

    Padding (Pixel Padding Value, up to Pixel Padding Range Limit) is what the scanner did not
    measure. It becomes air, -1024 HU, in CT, and elsewhere the smallest value that is not
    padding in the series.
    """
    if not files:
        raise EmptyFolder("the case has no image files", where=where)
    planes: list[_Plane] = []
    for n, file in enumerate(files):
        which = f"file {n + 1} of {len(files)}" if len(files) > 1 else "the file"
        header = open_dicom(file, where, which=which, header_only=True)
        require_image(header, where, which=which)
        planes += _planes_of(header, n, which, where)
    _require_one_series(planes, where)
    planes, affine = _stacked(planes, where)
    first = planes[0]
    rows, columns = first.size
    geometry = Geometry(affine_lps_mm=affine, shape=(columns, rows, len(planes)))
    values = _values(planes, files, geometry.shape, where)
    return Volume(values=values, geometry=geometry)


# --- headers ------------------------------------------------------------------------------------


def _planes_of(header: Dataset, file: int, which: str, where: str) -> list[_Plane]:
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
        layers = [_group_item for group in (own, *shared) for _group_item in _group_items(group)]
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
) -> _Plane:
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
                found=_numbers_text(found),
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
            found=_numbers_text(cosines),
            mend="export the original series",
        )
    image_type = text(header, "ImageType").upper().split("\\")
    modality = text(header, "Modality").upper()
    slope, intercept = _rescale(layers, modality, "LOCALIZER" in image_type, which, where)
    hints = (_find(layers, "SliceThickness"), _find(layers, "SpacingBetweenSlices"))
    return _Plane(
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
        telling={keyword: _first_text(layers, keyword) for keyword in _TELLING},
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
            found=_numbers_text(found)
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


# --- one series ---------------------------------------------------------------------------------


def _require_one_series(planes: list[_Plane], where: str) -> None:
    """All images must share what makes them one stack; otherwise say what differs and where."""
    scouts = [p for p in planes if p.localizer]
    if scouts:
        raise BrokenSeries(
            "the series is a localizer (scout), not a volume"
            if len(scouts) == len(planes)
            else "localizer (scout) images are mixed into the series",
            where=where,
            found=f"{len(scouts)} of {len(planes)} images, the first is {scouts[0].which}",
            mend="leave the localizer out",
        )
    mend = "give each series its own case"
    hidden = "more than one"
    differing: tuple[tuple[str, Callable[[_Plane], Any], str | None], ...] = (
        ("Series Instance UIDs", lambda p: p.series, hidden),
        ("patients", lambda p: p.patient, hidden),
        ("frames of reference", lambda p: p.frame_of_reference, hidden),
        ("modalities", lambda p: p.modality, None),
        ("image sizes (rows x columns)", lambda p: f"{p.size[0]} x {p.size[1]}", None),
    )
    for name, key, secret in differing:
        counts = Counter(map(key, planes))
        if len(counts) > 1:
            raise BrokenSeries(
                f"images with different {name} are mixed",
                where=where,
                found=_counts_text(counts)
                if secret is None
                else f"{len(counts)} different ones among {len(planes)} images",
                mend=mend,
            )
    if 0 in planes[0].size:
        raise BrokenSeries("the images have no rows or columns", where=where, mend=mend)
    first = planes[0]
    for plane in planes:
        turned = max(
            np.abs(plane.row_cosine - first.row_cosine).max(),
            np.abs(plane.column_cosine - first.column_cosine).max(),
        )
        if turned > 1e-3:
            raise BrokenSeries(
                "images with different orientations are mixed",
                where=where,
                found=f"{first.which}: {_cosines_text(first)}; "
                f"{plane.which}: {_cosines_text(plane)}",
                mend=mend,
            )
        if not np.allclose(plane.spacing, first.spacing, rtol=1e-3, atol=0):
            raise BrokenSeries(
                "images with different pixel spacings are mixed",
                where=where,
                found=f"{first.which}: {_numbers_text(first.spacing)} mm; "
                f"{plane.which}: {_numbers_text(plane.spacing)} mm",
                mend=mend,
            )


def _stacked(planes: list[_Plane], where: str) -> tuple[list[_Plane], Array]:
    """Images sorted along the normal, and the affine of the stack."""
    first = planes[0]
    normal = np.cross(first.row_cosine, first.column_cosine)
    normal /= np.linalg.norm(normal)
    planes = sorted(planes, key=lambda plane: float(plane.position @ normal))
    positions = np.array([plane.position for plane in planes])
    if len(planes) == 1:
        step = normal * _single_step(first, where)
    else:
        along = positions @ normal
        _require_distinct(planes, along, where)
        _require_equally_spaced(along, where)
        step = (positions[-1] - positions[0]) / (len(planes) - 1)
        _require_straight(positions, step, along, where)
    affine = np.eye(4)
    affine[:3, 0] = planes[0].row_cosine * planes[0].spacing[1]
    affine[:3, 1] = planes[0].column_cosine * planes[0].spacing[0]
    affine[:3, 2] = step
    affine[:3, 3] = positions[0]
    return planes, affine


def _single_step(plane: _Plane, where: str) -> float:
    if plane.step_hint is None:
        raise SpacingMissing(
            "the series is a single slice that does not say how thick it is",
            where=where,
            found="neither Slice Thickness nor Spacing Between Slices",
            mend="add Slice Thickness, or give the whole series",
        )
    return plane.step_hint


def _require_distinct(planes: list[_Plane], along: Array, where: str) -> None:
    """No two images at one place; if there are, say what tells them apart."""
    distances = np.diff(along)
    regular = float(np.median(distances[distances > 1e-2])) if (distances > 1e-2).any() else 0.0
    close = np.flatnonzero(distances <= max(1e-2, 0.02 * regular))
    if not len(close):
        return
    k = int(close[0])
    here = [p for p, at in zip(planes, along, strict=True) if abs(at - along[k]) <= 1e-2]
    a, b = planes[k], planes[k + 1]
    same_place = np.linalg.norm(a.position - b.position) <= 1e-2
    found = f"{max(2, len(here))} images at {along[k]:.3f} mm along the normal"
    if not same_place:
        raise BrokenSeries(
            "several images lie in one plane but not in one place",
            where=where,
            found=f"{found}: {a.which} at {_numbers_text(a.position)} mm, "
            f"{b.which} at {_numbers_text(b.position)} mm",
            mend="give each stack its own case",
        )
    if a.instance and a.instance == b.instance and a.frame == b.frame:
        raise BrokenSeries(
            "the same image is there twice",
            where=where,
            found=f"{a.which} and {b.which}",
            mend="remove the copy",
        )
    differs = [
        f"{words} ({a.telling[keyword] or 'absent'} and {b.telling[keyword] or 'absent'})"
        for keyword, words in _TELLING.items()
        if a.telling[keyword] != b.telling[keyword]
    ]
    raise BrokenSeries(
        "several images lie at one position",
        where=where,
        found=f"{found}; they differ in {', '.join(differs[:3])}"
        if differs
        else f"{found}; nothing in their headers tells {a.which} and {b.which} apart",
        mend="give each echo, phase, b-value or acquisition its own case"
        if differs
        else "remove the duplicates",
    )


def _require_equally_spaced(along: Array, where: str) -> None:
    distances = np.diff(along)
    regular = float(np.median(distances))
    # With few slices the median may itself be a gap; the smallest distance then tells more.
    smallest = float(distances.min())
    ratios = distances / smallest
    if np.all(np.abs(ratios - np.round(ratios)) < 0.1) and len(distances) < 4:
        regular = smallest
    tolerance = max(0.05, 0.05 * regular)
    places = along[0] + np.arange(len(along)) * (along[-1] - along[0]) / (len(along) - 1)
    # A rounded position disturbs two distances by twice its own error.
    wrong = np.flatnonzero(np.abs(distances - regular) > 2 * tolerance)
    if not len(wrong) and np.abs(along - places).max() <= tolerance:
        return
    if not len(wrong):
        worst = int(np.abs(along - places).argmax())
        raise BrokenSeries(
            "the slices are not equally spaced",
            where=where,
            found=f"the distances run from {distances.min():.3f} to {distances.max():.3f} mm; the "
            f"slice at {along[worst]:.3f} mm lies {abs(along - places)[worst]:.3f} mm off",
            mend="export the whole original series",
        )
    missing = np.round(distances / regular).astype(int) - 1
    whole = np.abs(distances / regular - (missing + 1)) < 0.1
    gaps = [k for k in wrong if whole[k] and missing[k] > 0]
    told = [
        f"{distances[k]:.3f} mm between the slices at {along[k]:.3f} and {along[k + 1]:.3f} mm"
        for k in (gaps or list(wrong))[:3]
    ]
    if len(gaps or wrong) > 3:
        told.append(f"and {len(gaps or wrong) - 3} more")
    if gaps and len(gaps) == len(wrong):
        count = int(missing[gaps].sum())
        raise BrokenSeries(
            f"{count} slice{'s are' if count > 1 else ' is'} missing",
            where=where,
            found=f"{', '.join(told)}; {regular:.3f} mm elsewhere (along the normal)",
            mend="export the whole series again",
        )
    raise BrokenSeries(
        "the slices are not equally spaced",
        where=where,
        found=f"{', '.join(told)}; {regular:.3f} mm elsewhere (along the normal)",
        mend="export the whole series again, or leave out the slices of another stack",
    )


def _require_straight(positions: Array, step: Array, along: Array, where: str) -> None:
    """The in-plane shift per slice (gantry tilt) must be the same throughout."""
    places = positions[0] + np.arange(len(positions))[:, None] * step
    off = np.linalg.norm(positions - places, axis=1)
    tolerance = max(0.05, 0.05 * float(np.linalg.norm(step)))
    if off.max() > tolerance:
        worst = int(off.argmax())
        raise BrokenSeries(
            "the slices are shifted against each other",
            where=where,
            found=f"the slice at {along[worst]:.3f} mm lies {off[worst]:.3f} mm off the line "
            "through the first and the last",
            mend="give each stack its own case",
        )


# --- voxels -------------------------------------------------------------------------------------


def _values(
    planes: list[_Plane], files: Sequence[Path], shape: tuple[int, int, int], where: str
) -> Array:
    values = np.empty(shape, dtype=np.float32, order="F")
    by_file: dict[int, list[int]] = {}
    for k, plane in enumerate(planes):
        by_file.setdefault(plane.file, []).append(k)
    padding: list[tuple[int, Array]] = []
    for file, slices in by_file.items():
        which = (
            planes[slices[0]].which.split(" of ", 1)[-1]
            if len(slices) > 1
            else (planes[slices[0]].which)
        )
        data = open_dicom(files[file], where, which=which)
        stored = decode_pixels(data, where, which=which)
        padded = _padding(stored, data)
        stored = unused_bits_cleared(
            np.where(padded, 0, stored) if padded is not None else stored,
            data,
            where,
            which=which,
        )
        for k in slices:
            plane = planes[k]
            scaled = stored[plane.frame].astype(np.float64) * plane.slope + plane.intercept
            values[:, :, k] = scaled.T
            if padded is not None and padded[plane.frame].any():
                padding.append((k, padded[plane.frame].T))
    _fill_padding(values, padding, planes[0].modality)
    return values


def _padding(stored: Array, data: Dataset) -> Array | None:
    """Where the scanner measured nothing; None if the header declares no padding."""
    low = number(data, "PixelPaddingValue")
    if low is None:
        return None
    high = number(data, "PixelPaddingRangeLimit")
    bounds = [_as_stored(v, stored.dtype) for v in (low, low if high is None else high)]
    mask: Array = (stored >= min(bounds)) & (stored <= max(bounds))
    return mask if mask.any() else None


def _as_stored(value: float, dtype: np.dtype[Any]) -> int:
    """A padding value in the type of the pixels: signed ones are often written as unsigned."""
    found = int(value)
    bits = dtype.itemsize * 8
    if dtype.kind == "i" and found >= 1 << (bits - 1):
        return found - (1 << bits)
    if dtype.kind == "u" and found < 0:
        return found + (1 << bits)
    return found


def _fill_padding(values: Array, padding: Iterable[tuple[int, Array]], modality: str) -> None:
    padding = list(padding)
    if not padding:
        return
    fill = AIR_HU
    if modality != "CT":
        measured = np.ones(values.shape, dtype=bool, order="F")
        for k, mask in padding:
            measured[:, :, k] &= ~mask
        if not measured.any():
            return
        fill = float(values[measured].min())
    for k, mask in padding:
        values[:, :, k][mask] = fill


# --- words --------------------------------------------------------------------------------------


def _numbers_text(found: Sequence[float] | Array | None) -> str:
    if found is None or len(found) == 0:
        return "nothing"
    return ", ".join(f"{value:g}" for value in found)


def _cosines_text(plane: _Plane) -> str:
    both = [*plane.row_cosine, *plane.column_cosine]
    return ", ".join(f"{value:.4f}" for value in both)


def _counts_text(counts: Counter[Any]) -> str:
    return ", ".join(f"{n} with {key or 'none'}" for key, n in counts.most_common(4))
