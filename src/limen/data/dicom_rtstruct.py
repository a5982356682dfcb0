"""Contours of a DICOM RT Structure Set into a label map on their image's grid."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from limen.data.dicom_file import items, number, numbers, open_dicom, quiet, text
from limen.data.dicom_identity import identity_tokens
from limen.data.dicom_labels import (
    DeclaredLabels,
    label_type,
    require_frame_of_reference,
    require_no_overlap,
)
from limen.data.dicom_stack import place_tolerance_mm
from limen.data.errors import BadValues, GeometryMismatch, UnreadableFile
from limen.data.volume import Array, Geometry, Volume

_AREAS = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")


@quiet()
def read_rtstruct(
    path: Path,
    geometry: Geometry,
    labels: Mapping[str, int],
    ignore: Collection[str | int],
    where: str,
    *,
    frame_of_reference_uid: str | None = None,
) -> Volume:
    """Read the contours of an RT Structure Set onto their image's grid.

    A voxel belongs to a region if its centre lies inside an odd number of the region's
    contours in its slice (even-odd rule), so an inner contour is a hole. A centre exactly on
    an outline belongs to the region on one side only (lower i, lower j), so that touching
    regions share no voxel. Vertices are rounded to 1e-4 voxel first, which makes contours
    drawn through voxel centres independent of rounding in the affine.

    Parameters
    ----------
    path : Path
    geometry : Geometry
        Of the image; oblique and tilted grids are meant to work.
    labels : mapping of str to int
        Declared names and values, matched with ROI Name without regard to case.
    ignore : collection of str or int
        ROI names or numbers to leave out.
    where : str
        The case, for errors.
    frame_of_reference_uid : str, optional
        Of the image, from ``frame_of_reference(files)``; checked when given.

    Returns
    -------
    Volume
        (I, J, K) uint8 (uint16 if a value needs it) on the image's own geometry.

    Raises
    ------
    UnreadableFile
        Not a structure set, damaged, or with contour data that is no list of points.
    GeometryMismatch
        Contours between or across slices, or outside the image.
    UndeclaredLabel
        A region that is neither declared nor ignored.
    OverlappingLabels
        Two labels claim one voxel.
    BadValues
        A region made of points or open lines, or too small to hold a voxel's centre.
    """
    data = open_dicom(path, where, which="the structure set")
    if text(data, "Modality") != "RTSTRUCT" and "StructureSetROISequence" not in data:
        raise UnreadableFile(
            "the reference is not a DICOM RT Structure Set",
            where=where,
            found=text(data, "Modality") or "no modality",
            mend="give the RTSTRUCT object of the image series",
        )
    described = {
        int(number(item, "ROINumber") or 0): item for item in items(data, "StructureSetROISequence")
    }
    names = {n: text(item, "ROIName") for n, item in described.items()}
    declared = DeclaredLabels(labels, ignore, identity_tokens(data), where)
    matched = declared.of_regions(names)
    values = np.zeros(geometry.shape, dtype=label_type(labels.values()))
    for region in items(data, "ROIContourSequence"):
        n = int(number(region, "ReferencedROINumber") or 0)
        if n not in matched:
            raise UnreadableFile(
                "the structure set holds contours of a region it does not name",
                where=where,
                found=f"region {n}",
                mend="export it again",
            )
        value = matched[n]
        contours = items(region, "ContourSequence")
        if value is None or not contours:
            continue
        frame_uid = text(described[n], "ReferencedFrameOfReferenceUID")
        require_frame_of_reference(frame_uid, frame_of_reference_uid, where)
        word = f"region {n}" + (f" ({shown!r})" if (shown := declared.shown(names[n])) else "")
        mask = _region_mask(contours, geometry, word, where)
        require_no_overlap(values, mask, value, labels, where)
        values[mask] = value
    return Volume(values=values, geometry=geometry)


def regions_of(path: Path, where: str = "structure set") -> dict[int, str]:
    """Number and name of every region, for proposing a declaration.

    A name in which an identity token of the header occurs is given as an empty string.
    """
    with quiet():
        data = open_dicom(path, where, which="the structure set")
        shown = DeclaredLabels({}, (), identity_tokens(data), where).shown
        return {
            int(number(item, "ROINumber") or 0): shown(text(item, "ROIName"))
            for item in items(data, "StructureSetROISequence")
        }


def _region_mask(contours: list[Dataset], geometry: Geometry, word: str, where: str) -> Array:
    """(I, J, K) bool, even-odd over all contours of one region."""
    to_voxel = np.linalg.inv(geometry.affine_lps_mm)
    by_slice: dict[int, list[Array]] = {}
    for c, contour in enumerate(contours):
        which = f"contour {c + 1} of {word}"
        points = _points(contour, which, where)
        voxels = points @ to_voxel[:3, :3].T + to_voxel[:3, 3]
        k = _slice_of(voxels, geometry, which, where)
        by_slice.setdefault(k, []).append(np.round(voxels[:, :2], 4))
    mask = np.zeros(geometry.shape, dtype=bool)
    for k, polygons in by_slice.items():
        mask[:, :, k] = even_odd_mask(polygons, geometry.shape[:2])
    if not mask.any():
        raise BadValues(
            f"{word} has contours but holds no voxel's centre, so it would vanish",
            where=where,
            found=f"{len(contours)} contours",
            mend="ignore the region (task.ignore_labels), or draw it on a finer image",
        )
    return mask


def _points(contour: Dataset, which: str, where: str) -> Array:
    kind = text(contour, "ContourGeometricType").upper()
    if kind not in _AREAS:
        raise BadValues(
            f"{which} encloses no area",
            where=where,
            found=kind or "no geometric type",
            mend="ignore the region (task.ignore_labels), or draw it as closed contours",
        )
    flat = numbers(contour, "ContourData")
    if flat is None or len(flat) % 3 or not np.isfinite(flat).all():
        raise UnreadableFile(
            f"the points of {which} cannot be read",
            where=where,
            found=f"{len(flat or ())} finite or other numbers",
            mend="export the structure set again",
        )
    return np.array(flat).reshape(-1, 3)


def _slice_of(voxels: Array, geometry: Geometry, which: str, where: str) -> int:
    """Index of the image slice a contour lies in; its points given as voxel indices."""
    mend = "give the structure set drawn on this very series; Limen does not resample references"
    height = voxels[:, 2]
    k = int(np.round(np.median(height)))
    # Writers round points to a tenth of a millimetre at worst; slices may lie off their places.
    step_mm = geometry.spacing_mm[2]
    allowed = max(0.1, min(0.25, (0.05 + place_tolerance_mm(step_mm)) / step_mm))
    if np.ptp(height) > 2 * allowed:
        raise GeometryMismatch(
            f"{which} does not lie in one slice of the image",
            where=where,
            found=f"it runs from slice {height.min():.2f} to {height.max():.2f} (counted from 0)",
            mend=mend,
        )
    if np.abs(height - k).max() > allowed:
        raise GeometryMismatch(
            f"{which} lies between two slices of the image",
            where=where,
            found=f"slice {float(np.median(height)):.2f} (counted from 0)",
            mend=mend,
        )
    bounds = [(float(voxels[:, a].min()), float(voxels[:, a].max())) for a in (0, 1)]
    for axis, (low, high) in enumerate([*bounds, (float(k), float(k))]):
        # The image ends half a voxel beyond the outermost centres.
        if (
            low < -0.6
            or high > geometry.shape[axis] - 0.4
            or (axis == 2 and k != min(max(k, 0), geometry.shape[2] - 1))
        ):
            raise GeometryMismatch(
                f"{which} reaches beyond the image",
                where=where,
                found=f"{'ijk'[axis]} from {low:.2f} to {high:.2f}, the image from 0 to "
                f"{geometry.shape[axis] - 1}",
                mend=mend,
            )
    return k


def even_odd_mask(polygons: list[Array], shape: tuple[int, int]) -> Array:
    """Grid points inside an odd number of polygons.

    Parameters
    ----------
    polygons : list of (N, 2) float
        Closed polygons (the last point joins the first) in index coordinates (i, j).
    shape : (int, int)
        Of the grid; point (i, j) is the centre of voxel (i, j).

    Returns
    -------
    (I, J) bool

    Notes
    -----
    For every row j, each edge that crosses it (one end at or below, the other above) toggles
    all points left of the crossing. Half-open on both axes: a point on a left or lower edge is
    inside, on a right or upper edge outside.
    """
    width, height = shape
    # toggles[x, j]: number of crossings at which the points i < x change sides.
    toggles = np.zeros((width + 1, height), dtype=np.int64)
    for polygon in polygons:
        u1, v1 = polygon.T
        u2, v2 = np.roll(polygon, -1, axis=0).T
        rows = np.arange(
            max(0, int(np.floor(v1.min()))), min(height, int(np.ceil(v1.max())) + 1), dtype=float
        )
        crosses = (v1[:, None] <= rows) != (v2[:, None] <= rows)
        edge, row = np.nonzero(crosses)
        at = u1[edge] + (rows[row] - v1[edge]) * (u2 - u1)[edge] / (v2 - v1)[edge]
        before = np.clip(np.ceil(at), 0, width).astype(int)
        np.add.at(toggles, (before, rows[row].astype(int)), 1)
    # A point i is toggled by every crossing with x > i.
    crossings = np.cumsum(toggles[::-1], axis=0)[::-1][1:]
    inside: Array = crossings % 2 == 1
    return inside
