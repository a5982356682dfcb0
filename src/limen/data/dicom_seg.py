"""A DICOM Segmentation into a label map on its image's grid."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from limen.data.dicom_file import (
    decode_pixels,
    items,
    number,
    numbers,
    open_dicom,
    quiet,
    text,
)
from limen.data.dicom_identity import identity_tokens
from limen.data.dicom_labels import (
    DeclaredLabels,
    label_type,
    require_frame_of_reference,
    require_no_overlap,
)
from limen.data.dicom_stack import place_tolerance_mm
from limen.data.errors import GeometryMismatch, UndeclaredLabel, UnreadableFile
from limen.data.volume import Array, Geometry, Volume

FRACTIONAL_THRESHOLD = 0.5
"""A voxel of a FRACTIONAL segmentation belongs to the segment from this fraction on."""


@quiet()
def read_seg(
    path: Path,
    geometry: Geometry,
    labels: Mapping[str, int],
    ignore: Collection[str | int],
    where: str,
    *,
    frame_of_reference_uid: str | None = None,
) -> Volume:
    """Read a DICOM Segmentation (BINARY, FRACTIONAL or LABELMAP) onto its image's grid.

    Every frame is placed by its own position and orientation, so the order of frames, reversed
    or flipped planes and omitted empty frames do not matter. Nothing is resampled: the pixels
    of a frame must be voxels of the image (within a tenth of a voxel,
    or what ``read_series`` allows slices to lie off their places).

    Parameters
    ----------
    path : Path
    geometry : Geometry
        Of the image.
    labels : mapping of str to int
        Declared names and values. Segments are matched by Segment Label, without regard to
        case. If no segment matches by name, by Segment Number equal to a declared value.
    ignore : collection of str or int
        Segment labels or numbers to leave out.
    where : str
        The case, for errors.
    frame_of_reference_uid : str, optional
        Of the image, from ``frame_of_reference(files)``; checked when given.

    Returns
    -------
    Volume
        (I, J, K) uint8 (uint16 if a value needs it), 0 where there is no segment, and the
        image's own geometry.

    Raises
    ------
    UnreadableFile
        Not a segmentation, damaged or truncated.
    GeometryMismatch
        Another frame of reference, pixel spacing, orientation, planes, or extent.
    UndeclaredLabel
        A segment that is neither declared nor ignored.
    OverlappingLabels
        Two labels claim one voxel.
    """
    data = open_dicom(path, where, which="the segmentation")
    if text(data, "Modality") != "SEG" or "SegmentSequence" not in data:
        raise UnreadableFile(
            "the reference is not a DICOM Segmentation",
            where=where,
            found=text(data, "Modality") or "no modality",
            mend="give the SEG object of the image series",
        )
    require_frame_of_reference(text(data, "FrameOfReferenceUID"), frame_of_reference_uid, where)
    matched = DeclaredLabels(labels, ignore, identity_tokens(data), where).of_segments(
        _segments(data)
    )
    kind = text(data, "SegmentationType").upper() or "BINARY"
    frames = decode_pixels(data, where, which="the segmentation")
    values = np.zeros(geometry.shape, dtype=label_type(labels.values()))
    to_voxel = np.linalg.inv(geometry.affine_lps_mm)
    per_frame = items(data, "PerFrameFunctionalGroupsSequence")
    if len(per_frame) != len(frames):
        raise UnreadableFile(
            "the segmentation does not say what each of its frames is",
            where=where,
            found=f"{len(frames)} frames, {len(per_frame)} descriptions",
            mend="export it again",
        )
    shared = (items(data, "SharedFunctionalGroupsSequence") or [Dataset()])[0]
    for n, (own, frame) in enumerate(zip(per_frame, frames, strict=True)):
        placed = _pixel_to_voxel(own, shared, data, geometry, to_voxel, where, n)
        for number_, mask in _masks(frame, own, shared, kind, data, where, n):
            value = matched.get(number_)
            if value is None and number_ not in matched:
                raise UndeclaredLabel(
                    "a frame of the segmentation belongs to a segment that is not described",
                    where=where,
                    found=f"segment number {number_} in frame {n + 1}",
                    mend="export it again",
                )
            if value is None or not mask.any():
                continue
            voxels = _voxels(mask, placed, geometry, where, n)
            require_no_overlap(values, voxels, value, labels, where)
            values[voxels] = value
    return Volume(values=values, geometry=geometry)


def segments_of(path: Path, where: str = "segmentation") -> dict[int, str]:
    """Number and label of every segment, for proposing a declaration.

    A label in which an identity token of the header occurs is given as an empty string.
    """
    with quiet():
        data = open_dicom(path, where, which="the segmentation", header_only=True)
        shown = DeclaredLabels({}, (), identity_tokens(data), where).shown
        return {n: shown(label) and label for n, label in _segments(data).items()}


def _segments(data: Dataset) -> dict[int, str]:
    described = {
        int(number(item, "SegmentNumber") or 0): text(item, "SegmentLabel")
        for item in items(data, "SegmentSequence")
    }
    described.pop(0, None)  # In a LABELMAP, 0 may be described as background.
    return described


def _masks(
    frame: Array, own: Dataset, shared: Dataset, kind: str, data: Dataset, where: str, n: int
) -> list[tuple[int, Array]]:
    """Segment numbers and (rows, columns) bool masks in one frame."""
    if kind == "LABELMAP":
        padding = number(data, "PixelPaddingValue")
        background = {0} if padding is None else {0, int(padding)}
        present = [int(v) for v in np.unique(frame) if int(v) not in background]
        return [(v, frame == v) for v in present]
    found = None
    for group in (own, shared):
        for item in items(group, "SegmentIdentificationSequence")[:1]:
            found = found if found is not None else number(item, "ReferencedSegmentNumber")
    if found is None:
        raise UnreadableFile(
            "a frame of the segmentation does not say which segment it belongs to",
            where=where,
            found=f"frame {n + 1}",
            mend="export it again",
        )
    if kind == "FRACTIONAL":
        top = number(data, "MaximumFractionalValue") or 255.0
        return [(int(found), frame >= FRACTIONAL_THRESHOLD * top)]
    return [(int(found), frame != 0)]


def _pixel_to_voxel(
    own: Dataset,
    shared: Dataset,
    data: Dataset,
    geometry: Geometry,
    to_voxel: Array,
    where: str,
    n: int,
) -> Array:
    """(3, 3) integers: image voxel (i, j, k) = result @ (column, row, 1) of the frame.

    Raises GeometryMismatch where frame pixels are not voxels of the image.
    """
    position = _functional(own, shared, "PlanePositionSequence", "ImagePositionPatient")
    cosines = _functional(own, shared, "PlaneOrientationSequence", "ImageOrientationPatient")
    spacing = _functional(own, shared, "PixelMeasuresSequence", "PixelSpacing")
    for name, found, count in (
        ("position", position, 3),
        ("orientation", cosines, 6),
        ("pixel spacing", spacing, 2),
    ):
        if found is None or len(found) != count or not np.isfinite(found).all():
            raise GeometryMismatch(
                f"a frame of the segmentation has no {name} in the patient",
                where=where,
                found=f"frame {n + 1}",
                mend="export it again with its planes",
            )
    plane = np.zeros((4, 3))
    plane[:3, 0] = np.array(cosines)[:3] * np.array(spacing)[1]
    plane[:3, 1] = np.array(cosines)[3:] * np.array(spacing)[0]
    plane[:3, 2] = position
    plane[3, 2] = 1.0
    exact = (to_voxel @ plane)[:3]
    nearest = np.round(exact)
    rows, columns = int(data.Rows), int(data.Columns)
    corners = np.array(
        [[c, r, 1.0] for c in (0, columns - 1) for r in (0, rows - 1)], dtype=float
    ).T
    off = np.abs((exact - nearest) @ corners).max(axis=1)
    # Slices may lie a little off the equally spaced grid, see read_series.
    allowed = [max(0.1, place_tolerance_mm(mm) / mm + 0.01) for mm in geometry.spacing_mm]
    steps = np.abs(nearest[:, :2]).sum(axis=0)
    if (off > allowed).any() or not (steps == 1).all():
        raise GeometryMismatch(
            "the segmentation does not lie on the voxels of its image",
            where=where,
            found=_difference(exact, np.array(spacing), geometry, off, n),
            mend="give the segmentation drawn on this very series; Limen does not resample "
            "references",
        )
    return nearest.astype(int)


def _difference(exact: Array, spacing: Array, geometry: Geometry, off: Array, n: int) -> str:
    own = np.linalg.norm(geometry.affine_lps_mm[:3, :3] @ exact[:, :2], axis=0)
    # The image axes the frame's columns and rows run along.
    along = [int(np.abs(exact[:, c]).argmax()) for c in (0, 1)]
    image = [geometry.spacing_mm[a] for a in along]
    if np.abs(own / image - 1).max() > 1e-3:
        return (
            f"frame {n + 1} has pixels of {spacing[1]:g} x {spacing[0]:g} mm, the image of "
            f"{image[0]:g} x {image[1]:g} mm"
        )
    if off[2] == off.max():
        return (
            f"frame {n + 1} lies at slice {exact[2, 2]:.2f} of the image (counted from 0 to "
            f"{geometry.shape[2] - 1})"
        )
    return f"frame {n + 1} is shifted or turned by up to {off.max():.2f} voxels against the image"


def _functional(
    own: Dataset, shared: Dataset, sequence: str, keyword: str
) -> tuple[float, ...] | None:
    for group in (own, shared):
        for item in items(group, sequence)[:1]:
            found = numbers(item, keyword)
            if found is not None:
                return found
    return None


def _voxels(
    mask: Array, placed: Array, geometry: Geometry, where: str, n: int
) -> tuple[Array, Array, Array]:
    rows, columns = np.nonzero(mask)
    i, j, k = (placed[a, 0] * columns + placed[a, 1] * rows + placed[a, 2] for a in range(3))
    for axis, index in enumerate((i, j, k)):
        low, high = int(index.min()), int(index.max())
        if low < 0 or high >= geometry.shape[axis]:
            raise GeometryMismatch(
                "the segmentation reaches beyond its image",
                where=where,
                found=f"frame {n + 1} covers {'ijk'[axis]} = {low} to {high}, the image "
                f"0 to {geometry.shape[axis] - 1}",
                mend="give the segmentation drawn on this very series, and the whole series",
            )
    return i, j, k
