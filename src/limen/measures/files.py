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
from limen.measures.grid import Array, as_floats, checked_affine

if TYPE_CHECKING:
    from limen.data import Geometry, Volume

Opened = tuple[Array, Array, Array, bool, dict[str, int] | None]


def opened(
    prediction: ArrayLike | str | Path,
    reference: ArrayLike | str | Path,
    spacing_mm: Sequence[float] | None,
    affine_mm: ArrayLike | None,
    labels: Any = None,
    image: str | Path | None = None,
) -> Opened:
    """Both label maps as (I, J, K), the affine of their grid, whether they are 2-D, and the names
    of the labels where a file has them; see :func:`limen.measures.segmentation`.

    Of arrays with a spacing alone the affine's origin is the centre of the first voxel.
    """
    from_files = [isinstance(x, (str, os.PathLike)) for x in (prediction, reference)]
    if all(from_files):
        if spacing_mm is not None or affine_mm is not None:
            raise MeasureError(
                "files have a geometry of their own",
                found="spacing_mm or affine_mm beside two paths",
                mend="leave it out, or give arrays",
            )
        grid = None if image is None else Path(image)
        return _read(Path(str(prediction)), Path(str(reference)), grid, labels)
    if any(from_files):
        raise MeasureError(
            "one of prediction and reference is a file and the other is an array",
            mend="give two files, or two arrays with their spacing",
        )
    if image is not None:
        raise MeasureError("an image gives the grid of files, and these are arrays")
    p, r = np.asarray(prediction), np.asarray(reference)
    if p.shape != r.shape or p.ndim not in (2, 3):
        raise ShapeMismatch(
            "prediction and reference are not on one grid of two or three axes",
            found=f"shape {p.shape} against {r.shape}",
            mend="bring the prediction onto the grid of the reference",
        )
    affine = _affine(spacing_mm, affine_mm, p.ndim)
    if p.ndim == 2:
        return p[:, :, None], r[:, :, None], affine, True, None
    return p, r, affine, False, None


def _affine(
    spacing_mm: Sequence[float] | None, affine_mm: ArrayLike | None, dimensions: int
) -> Array:
    if affine_mm is not None:
        if spacing_mm is not None:
            raise BadAffine("both a spacing and an affine are given", mend="give one of them")
        return checked_affine(affine_mm)
    if spacing_mm is None:
        raise SpacingMissing(
            "the spacing of the voxels is missing",
            mend="say spacing_mm=(...), in mm along each axis, or affine_mm=",
        )
    spacing = as_floats(spacing_mm, "spacing")
    if spacing.shape != (dimensions,) or not (np.isfinite(spacing) & (spacing > 0)).all():
        raise BadAffine(
            f"the spacing is not {dimensions} numbers above zero",
            found=str(tuple(np.ravel(spacing).tolist())),
            mend="give the distance of voxel centres in mm along each axis of the arrays",
        )
    return np.diag([*np.append(spacing, 1.0)[:3], 1.0])


def _read(prediction: Path, reference: Path, image: Path | None, labels: Any) -> Opened:
    """Both files on one grid: the image's, or else the reference's, or the prediction's."""
    names = _named(labels)
    paths = {"reference": reference, "prediction": prediction}
    segs = {what: path for what, path in paths.items() if _is_dicom(path)}
    read = {what: _volume(path, what) for what, path in paths.items() if what not in segs}
    if image is not None:
        geometry = (_series(image) if image.is_dir() else _volume(image, "image")).geometry
    elif read:
        geometry = next(iter(read.values())).geometry
    else:
        raise UnknownFile(
            "two DICOM segmentations do not say on which grid to compare them",
            mend="name the image they were drawn on: image=, or --image",
        )
    if segs and names is None:
        names = _segments(segs)
    maps = {what: _on_grid(volume, geometry, what) for what, volume in read.items()}
    for what, path in segs.items():
        from limen.data.dicom_seg import read_seg

        others = _not_asked_for(path, what, names or {})
        maps[what] = read_seg(path, geometry, names or {}, others, what).values
    return maps["prediction"], maps["reference"], geometry.affine_lps_mm, False, names


def _on_grid(volume: Volume, geometry: Geometry, what: str) -> Array:
    from limen.data.read import same_places

    if geometry.same_grid(volume.geometry):
        return volume.values
    turned: Volume | None = same_places(volume, geometry)
    if turned is None:
        raise ShapeMismatch(
            f"the {what} is not on the grid of the other",
            found=f"{_words(volume.geometry)} against {_words(geometry)}",
            mend="bring the prediction onto the grid of the reference",
        )
    values: Array = turned.values
    return values


def _not_asked_for(seg: Path, what: str, names: Mapping[str, int]) -> list[int]:
    """Numbers of the segments that are measured under no name, to be left out."""
    from limen.data.dicom_seg import segments_of

    segments = segments_of(seg, what)
    asked = {" ".join(name.casefold().split()) for name in names}
    by_name = [n for n, name in segments.items() if " ".join(name.casefold().split()) in asked]
    kept = by_name or [n for n in segments if n in names.values()]
    return [n for n in segments if n not in kept]


def _segments(segs: Mapping[str, Path]) -> dict[str, int]:
    """Name and number of each segment; numbers alone where names do not tell them apart."""
    from limen.data.dicom_seg import segments_of

    found: dict[str, int] = {}
    for what, path in segs.items():
        segments = segments_of(path, what)
        named = {name: n for n, name in segments.items() if name}
        if len(named) != len(segments):
            named = {str(n): n for n in segments}
        for name, n in named.items():
            if found.setdefault(name, n) != n:
                raise UnknownFile(
                    "the two segmentations number their segments differently",
                    found=f"{name}: {found[name]} and {n}",
                    mend="name each label with one value for both: labels={name: value}",
                )
    return found


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
        "this is no volume that can be read",
        where=what,
        found=f"a file ending in {path.suffix or 'nothing'}",
        mend="give NIfTI (.nii, .nii.gz), NRRD (.nrrd, .nhdr) or a DICOM SEG",
    )


def _series(folder: Path) -> Volume:
    from limen.data.dicom_series import read_series

    return read_series(sorted(p for p in folder.iterdir() if p.is_file()), "image")


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
