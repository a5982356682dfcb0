"""What is measured, from arrays or from files: two label maps on one grid."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from limen.measures.errors import (
    BadAffine,
    MeasureError,
    ShapeMismatch,
    SpacingMissing,
    UnknownFile,
)
from limen.measures.grid import Array, checked_affine

if TYPE_CHECKING:
    from limen.data import Geometry, Volume

Opened = tuple[Array, Array, Array, bool, dict[str, int] | None]


def opened(
    prediction: ArrayLike | str | Path,
    reference: ArrayLike | str | Path,
    spacing_mm: Sequence[float] | None,
    affine_mm: ArrayLike | None,
    labels: Any = None,
) -> Opened:
    """Both label maps as (I, J, K), the steps of their axes in mm (3, 3), whether they are 2-D,
    and the names of the labels where a file has them; see :func:`limen.measures.segmentation`.
    """
    from_files = [isinstance(x, (str, os.PathLike)) for x in (prediction, reference)]
    if all(from_files):
        if spacing_mm is not None or affine_mm is not None:
            raise MeasureError(
                "files have a geometry of their own",
                found="spacing_mm or affine_mm beside two paths",
                mend="leave it out, or give arrays",
            )
        return _read(Path(str(prediction)), Path(str(reference)), labels)
    if any(from_files):
        raise MeasureError(
            "one of prediction and reference is a file and the other is an array",
            mend="give two files, or two arrays with their spacing",
        )
    p, r = np.asarray(prediction), np.asarray(reference)
    if p.shape != r.shape or p.ndim not in (2, 3):
        raise ShapeMismatch(
            "prediction and reference are not on one grid of two or three axes",
            found=f"shape {p.shape} against {r.shape}",
            mend="bring the prediction onto the grid of the reference",
        )
    axes_mm = _axes_mm(spacing_mm, affine_mm, p.ndim)
    if p.ndim == 2:
        return p[:, :, None], r[:, :, None], axes_mm, True, None
    return p, r, axes_mm, False, None


def _axes_mm(
    spacing_mm: Sequence[float] | None, affine_mm: ArrayLike | None, dimensions: int
) -> Array:
    if affine_mm is not None:
        if spacing_mm is not None:
            raise BadAffine("both a spacing and an affine are given", mend="give one of them")
        return checked_affine(affine_mm)[:3, :3]
    if spacing_mm is None:
        raise SpacingMissing(
            "the spacing of the voxels is missing",
            mend="say spacing_mm=(...), in mm along each axis, or affine_mm=",
        )
    spacing = np.asarray(spacing_mm, dtype=float)
    if spacing.shape != (dimensions,) or not (np.isfinite(spacing) & (spacing > 0)).all():
        raise BadAffine(
            f"the spacing is not {dimensions} numbers above zero",
            found=str(tuple(np.ravel(spacing).tolist())),
            mend="give the distance of voxel centres in mm along each axis of the arrays",
        )
    return np.diag(np.append(spacing, 1.0)[:3])


def _read(prediction: Path, reference: Path, labels: Any) -> Opened:
    from limen.data import same_places

    names = _named(labels)
    if _is_dicom(prediction) and _is_dicom(reference):
        raise UnknownFile(
            "two DICOM segmentations do not say on which grid to compare them",
            mend="give one of the two as NIfTI or NRRD",
        )
    if _is_dicom(reference):
        return _with_seg(reference, _volume(prediction, "prediction"), names, swap=True)
    r = _volume(reference, "reference")
    if _is_dicom(prediction):
        return _with_seg(prediction, r, names, swap=False)
    p = _volume(prediction, "prediction")
    if not r.geometry.same_grid(p.geometry):
        turned = same_places(p, r.geometry)
        if turned is None:
            raise ShapeMismatch(
                "prediction and reference are not on one grid",
                found=f"{_words(p.geometry)} against {_words(r.geometry)}",
                mend="bring the prediction onto the grid of the reference",
            )
        p = turned
    return p.values, r.values, r.geometry.affine_lps_mm[:3, :3], False, names


def _with_seg(seg: Path, other: Volume, names: dict[str, int] | None, *, swap: bool) -> Opened:
    from limen.data.dicom_seg import read_seg

    names = names or _segments(seg)
    found = read_seg(seg, other.geometry, names, (), "segmentation")
    p, r = (other, found) if swap else (found, other)
    return p.values, r.values, other.geometry.affine_lps_mm[:3, :3], False, names


def _segments(seg: Path) -> dict[str, int]:
    """Label and number of each segment; numbers alone where two have one label."""
    from limen.data.dicom_file import items, open_dicom, text

    segments = items(open_dicom(seg, "segmentation"), "SegmentSequence")
    named = {text(s, "SegmentLabel"): int(s.SegmentNumber) for s in segments}
    if len(named) == len(segments) and "" not in named:
        return named
    return {str(int(s.SegmentNumber)): int(s.SegmentNumber) for s in segments}


def _named(labels: Any) -> dict[str, int] | None:
    """Names and values, where a mapping gives a value for each name."""
    if isinstance(labels, Mapping) and all(isinstance(v, int) for v in labels.values()):
        return {str(k): int(v) for k, v in labels.items()}
    return None


def _volume(path: Path, what: str) -> Volume:
    if path.name.endswith((".nii", ".nii.gz")):
        from limen.data import read_nifti

        return read_nifti(path, what)
    if path.name.endswith((".nrrd", ".nhdr")):
        from limen.data import read_nrrd

        return read_nrrd(path, what)
    raise UnknownFile(
        "the file is no label map that can be read",
        where=what,
        found=path.name,
        mend="give NIfTI (.nii, .nii.gz), NRRD (.nrrd, .nhdr) or a DICOM SEG",
    )


def _is_dicom(path: Path) -> bool:
    if path.suffix == ".dcm":
        return True
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _words(geometry: Geometry) -> str:
    shape = "x".join(str(n) for n in geometry.shape)
    return f"{shape} voxels of {'x'.join(f'{s:.4g}' for s in geometry.spacing_mm)} mm"
