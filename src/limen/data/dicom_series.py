"""One DICOM image series into one volume.

The place of every voxel comes from Image Position and Image Orientation (Patient), PS3.3
C.7.6.2.1.1; never from Slice Thickness, Instance Number, file names or the order of files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from limen.data.dicom_file import (
    decode_pixels,
    number,
    open_dicom,
    quiet,
    require_image,
    unused_bits_cleared,
)
from limen.data.dicom_identity import frame_of_reference, identity_tokens, series_attributes
from limen.data.dicom_planes import Plane, planes_of
from limen.data.dicom_scan import DicomScan, ReferenceFile, SeriesFiles, scan_folder, scan_series
from limen.data.dicom_stack import require_one_series, stacked
from limen.data.errors import EmptyFolder
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
    distance (or 0.1 mm, which allows positions rounded to a tenth of a millimetre, if that is
    under 20 % of the slice distance). Slices missing at the ends of a series, or every second
    one throughout, cannot be seen.

    Padding (Pixel Padding Value, up to Pixel Padding Range Limit) is what the scanner did not
    measure. It becomes air, -1024 HU, in CT, and elsewhere the smallest value that is not
    padding in the series.
    """
    if not files:
        raise EmptyFolder("the case has no image files", where=where)
    planes: list[Plane] = []
    for n, file in enumerate(files):
        which = f"file {n + 1} of {len(files)}" if len(files) > 1 else "the file"
        header = open_dicom(file, where, which=which, header_only=True)
        require_image(header, where, which=which)
        planes += planes_of(header, n, which, where)
    require_one_series(planes, where)
    planes, affine = stacked(planes, where)
    first = planes[0]
    rows, columns = first.size
    geometry = Geometry(affine_lps_mm=affine, shape=(columns, rows, len(planes)))
    values = _values(planes, files, geometry.shape, where)
    return Volume(values=values, geometry=geometry)


def _values(
    planes: list[Plane], files: Sequence[Path], shape: tuple[int, int, int], where: str
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
