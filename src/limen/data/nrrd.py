"""NRRD files (https://teem.sourceforge.net/nrrd/format.html), as 3D Slicer writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from limen.data.errors import SpacingMissing, UnreadableFile
from limen.data.nifti import OrientationMissing
from limen.data.volume import Array, Geometry, Volume, require_finite

# Sign of x, y, z on the way to LPS, by the names the format allows.
_TO_LPS = {
    "left-posterior-superior": (1, 1, 1),
    "lps": (1, 1, 1),
    "right-anterior-superior": (-1, -1, 1),
    "ras": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1),
    "las": (1, -1, 1),
}
_UNIT_MM = {"": 1.0, "mm": 1.0, "cm": 10.0, "m": 1000.0, "um": 0.001, "µm": 0.001}


def read_nrrd(path: Path, where: str) -> Volume:
    """Read an ``.nrrd`` file with its data inside.

    Parameters
    ----------
    path : Path
    where : str
        How to name the file in errors.

    Returns
    -------
    Volume
        ``values`` (I, J, K) in the file's integer type, or float32.

    Raises
    ------
    UnreadableFile
        Missing, truncated, damaged, its voxels in another file, more than one component a voxel
        (also a Slicer segmentation with several layers).
    SpacingMissing, OrientationMissing
        No ``space directions``, or no ``space`` with a stated orientation.
    BadValues
        NaN or infinity among the values.
    """
    import nrrd

    try:
        with Path(path).open("rb") as file:
            header = nrrd.read_header(file)
            elsewhere = any(key in header for key in ("data file", "datafile"))
            if not elsewhere:
                values = nrrd.read_data(header, file, str(path), index_order="F")
    except FileNotFoundError:
        raise UnreadableFile(
            "the file is not there", where=where, mend="put it back, or correct its path"
        ) from None
    # pynrrd lets a damaged file end in many of Python's own errors; all mean the same here.
    except Exception as error:
        raise UnreadableFile(
            "the NRRD file is truncated, damaged or not NRRD",
            where=where,
            found=type(error).__name__,
            mend="export it again as one .nrrd file",
        ) from None
    if elsewhere:
        # Two files could change apart, and evidence knows a case by the digest of its files.
        raise UnreadableFile(
            "the voxels lie in another file",
            where=where,
            mend="export it again as one .nrrd file, with its data inside",
        )
    values, directions = _three_axes(values, header, where)
    affine = _affine_lps_mm(header, directions, where)
    if values.dtype.kind not in "iuf":
        raise UnreadableFile(
            "the voxels are not single numbers", where=where, found=f"data type {values.dtype}"
        )
    if values.dtype.kind == "f":
        with np.errstate(over="ignore"):
            values = values.astype(np.float32)
        require_finite(values, where)
    else:
        values = values.astype(values.dtype.newbyteorder("="), copy=False)
    return Volume(values, Geometry(affine, values.shape))


def _three_axes(values: Array, header: Any, where: str) -> tuple[Array, Array]:
    """Values and ``space directions`` without the axes that are not of space."""
    directions = header.get("space directions")
    if directions is None:
        known = header.get("spacings")
        error = OrientationMissing if known is not None else SpacingMissing
        raise error(
            "orientation is not stated"
            if known is not None
            else "the distance between voxels is not stated",
            where=where,
            found="no `space directions` in the header",
            mend="export the image again with its space (3D Slicer does)",
        )
    rows = [np.full(3, np.nan) if d is None else np.asarray(d, float) for d in directions]
    spatial = [axis for axis, row in enumerate(rows) if not np.isnan(row).all()]
    other = [axis for axis in range(values.ndim) if axis not in spatial]
    of_space = len(spatial) == 3 and all(rows[axis].shape == (3,) for axis in spatial)
    if not of_space or any(values.shape[axis] != 1 for axis in other):
        raise UnreadableFile(
            "the file holds more than one value a voxel, or not three axes of space",
            where=where,
            found=f"shape {values.shape}",
            mend="export one volume a file (in Slicer: as a binary label map)",
        )
    return values.reshape([values.shape[axis] for axis in spatial], order="F"), np.stack(
        [rows[axis] for axis in spatial]
    )


def _affine_lps_mm(header: Any, directions: Array, where: str) -> Array:
    signs = _TO_LPS.get(str(header.get("space", "")).lower())
    origin = np.asarray(header.get("space origin", np.full(3, np.nan)), dtype=float)
    if signs is None or origin.shape != (3,) or not np.isfinite(origin).all():
        raise OrientationMissing(
            "the place of the image in the patient is not stated",
            where=where,
            found=f"space {header.get('space', 'absent')!r}",
            mend="export it with `space` (left-posterior-superior or right-anterior-superior) "
            "and `space origin`",
        )
    units = {str(u).strip().lower() for u in header.get("space units", [""])}
    scales = {_UNIT_MM.get(u) for u in units}
    scale = scales.pop()
    if scales or scale is None:
        raise SpacingMissing(
            "the unit of the voxel spacing is not known",
            where=where,
            found=", ".join(sorted(units)),
            mend="export the image again in mm",
        )
    affine = np.eye(4)
    affine[:3, :3] = directions.T * scale
    affine[:3, 3] = origin * scale
    affine = np.diag([*signs, 1.0]) @ affine
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise SpacingMissing(
            "the voxel spacing is not a positive number",
            where=where,
            found=" x ".join(f"{s:.4g}" for s in lengths) + " mm",
            mend="export the image again with its spacing",
        )
    if abs(np.linalg.det(affine[:3, :3])) < 1e-6 * lengths.prod():
        raise OrientationMissing("the axes of the image do not span space", where=where)
    return affine
