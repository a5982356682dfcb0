"""NIfTI files: voxels and their place in the patient, read without guessing, written whole.

NIfTI states positions in RAS+ millimetres (https://nifti.nimh.nih.gov/nifti-1); they become LPS
here, at the door, and nowhere else.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from limen.data.errors import DataError, SpacingMissing, UnreadableFile
from limen.data.volume import Array, Geometry, Volume, require_finite
from limen.evidence import write_atomically

_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
# xyzt_units, lowest three bits; 0 (unknown) is read as mm, as every tool does.
_UNIT_MM = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
_HOW_TO_SET = "write it anew with a stated orientation, e.g. convert it again from its DICOM series"


class OrientationMissing(DataError):
    """The place of the voxels in the patient is not stated, or stated in two ways that differ."""


def read_nifti(path: Path, where: str) -> Volume:
    """Read ``.nii`` or ``.nii.gz`` (NIfTI-1 and NIfTI-2).

    Parameters
    ----------
    path : Path
    where : str
        How to name the file in errors, e.g. ``P007, image``; file names may identify a patient.

    Returns
    -------
    Volume
        ``values`` (I, J, K) in the file's order and, when the file states no scaling, in its
        integer type; float32 otherwise. A two-dimensional image is one slice, as thick as its
        header says. Further axes are dropped when they are one voxel long.

    Raises
    ------
    UnreadableFile
        Missing, truncated, damaged, not NIfTI, colour or complex values, more than one frame.
    SpacingMissing
        A voxel spacing that is zero or not a number.
    OrientationMissing
        Neither sform nor qform is set; or both are, and place a corner of the image more than
        half a voxel apart.
    BadValues
        NaN or infinity among the values.

    Notes
    -----
    The affine is the sform where ``sform_code > 0``, else the qform, as in nibabel. A qform
    cannot hold a sheared grid (tilted gantry), so it is not compared with a sheared sform.
    """
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise UnreadableFile(
            "the file is not there", where=where, mend="put it back, or correct its path"
        ) from None
    except OSError as error:
        raise UnreadableFile(
            "the file cannot be read", where=where, found=error.strerror, mend="check its rights"
        ) from None
    return decode_nifti(data, where)


def decode_nifti(data: bytes, where: str = "NIfTI data") -> Volume:
    """The volume in the bytes of a NIfTI file, compressed or not; errors as :func:`read_nifti`."""
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise UnreadableFile(
                "the compressed file is truncated or damaged",
                where=where,
                found=str(error),
                mend="copy or export it again",
            ) from None
    header = _parse_header(data, where)
    shape = _three_axes(header, where)
    affine = _affine_lps_mm(header, shape, where)
    values = _values(data, header, where).reshape(shape, order="F")
    return Volume(values, Geometry(affine, shape))


def encode_nifti(volume: Volume, *, level: int = 4) -> bytes:
    """The bytes of a ``.nii.gz`` file; equal volumes give equal bytes.

    ``sform`` and ``qform`` are both set (code 1, scanner); a sheared grid has an sform only.
    Booleans become uint8 and 64-bit integers int32.

    Parameters
    ----------
    volume : Volume
        (I, J, K), any real type.
    level : int
        zlib's level; 4 is near the smallest size for label maps at a fraction of the time of 9.
    """
    packed = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    plain = _plain_bytes(volume)
    # gzip.compress would write an operating-system byte that differs between Python versions.
    head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
    tail = struct.pack("<II", zlib.crc32(plain), len(plain) & 0xFFFFFFFF)
    return head + packed.compress(plain) + packed.flush() + tail


def write_nifti(volume: Volume, path: Path) -> None:
    """Write ``.nii.gz`` (or plain ``.nii``): the whole file appears, or nothing does."""
    path = Path(path)
    data = encode_nifti(volume) if path.name.endswith(".gz") else _plain_bytes(volume)
    write_atomically(path, data)


# --- header -----------------------------------------------------------------------------------


def _parse_header(data: bytes, where: str) -> Any:
    import nibabel as nib
    from nibabel.spatialimages import HeaderDataError

    kinds = {348: nib.Nifti1Header, 540: nib.Nifti2Header}
    sizes = {int.from_bytes(data[:4], "little"), int.from_bytes(data[:4], "big")} & set(kinds)
    if not sizes:
        raise UnreadableFile(
            "this is not a NIfTI file",
            where=where,
            found=None if data else "an empty file",
            mend="export it as .nii or .nii.gz",
        )
    size = sizes.pop()
    if len(data) < size:
        raise UnreadableFile(
            "the file is truncated",
            where=where,
            found=f"{len(data)} of the header's {size} bytes",
            mend="copy or export it again",
        )
    try:
        # The header alone: extensions (AFNI's, MRtrix's) may be long, and nothing in them counts.
        header = kinds[size](data[:size], check=False)
        magic = bytes(header["magic"])
        if magic[:3] not in (b"n+1", b"n+2"):
            raise HeaderDataError("voxels in a separate .img file, or no magic string")
        if not np.isfinite(header["vox_offset"]):
            raise HeaderDataError("the place of the voxels in the file is not a number")
        header.get_data_dtype()
        header.get_data_shape()
    except (HeaderDataError, ValueError, KeyError) as error:
        raise UnreadableFile(
            "the NIfTI header cannot be read",
            where=where,
            found=str(error),
            mend="export it again as one .nii or .nii.gz file",
        ) from None
    return header


def _three_axes(header: Any, where: str) -> tuple[int, int, int]:
    shape = tuple(int(n) for n in header.get_data_shape())
    if any(n < 1 for n in shape) or len(shape) < 2:
        raise UnreadableFile(
            "the image has no voxels", where=where, found=f"shape {shape}", mend="export it again"
        )
    if any(n > 1 for n in shape[3:]):
        raise UnreadableFile(
            "the file holds more than one frame, and Limen reads one volume a file",
            where=where,
            found=f"shape {shape}",
            mend="write the frame to be evaluated to a file of its own",
        )
    spatial = (*shape[:3], 1)[:3]
    return (spatial[0], spatial[1], spatial[2])


def _affine_lps_mm(header: Any, shape: tuple[int, int, int], where: str) -> Array:
    unit_mm = _UNIT_MM.get(int(header["xyzt_units"]) & 7)
    if unit_mm is None:
        raise SpacingMissing(
            "the unit of the voxel spacing is not one of NIfTI's",
            where=where,
            found=f"xyzt_units {int(header['xyzt_units'])}",
            mend=_HOW_TO_SET,
        )
    sform = header.get_sform() if int(header["sform_code"]) > 0 else None
    qform = _qform(header, where) if int(header["qform_code"]) > 0 else None
    chosen = sform if sform is not None else qform
    pixdim = np.abs(header["pixdim"][1:4].astype(np.float64))
    if chosen is None:
        _require_spacing(pixdim, where)
        raise OrientationMissing(
            "orientation is not stated: sform and qform are both unset",
            where=where,
            found=f"sform_code 0, qform_code 0, spacing {_mm(pixdim * unit_mm)}",
            mend=_HOW_TO_SET + ", or set the sform if the orientation is known for sure",
        )
    spacing = np.linalg.norm(chosen[:3, :3], axis=0)
    _require_spacing(spacing, where)
    geometry = Geometry(chosen, shape)
    if not np.isfinite(chosen).all() or geometry.voxel_volume_mm3 < 1e-6 * float(spacing.prod()):
        raise OrientationMissing(
            "the axes of the image do not span space", where=where, mend=_HOW_TO_SET
        )
    if sform is not None and qform is not None and geometry.is_orthogonal:
        # A shear too small to count still moves the last slices, and no qform can follow it.
        given = geometry.corner_offset_mm(Geometry(_nearest_qform(sform), shape))
        apart = geometry.corner_offset_mm(Geometry(qform, shape))
        if not apart <= 0.5 * min(geometry.spacing_mm) + given:
            raise OrientationMissing(
                "sform and qform place the image differently",
                where=where,
                found=f"corners up to {apart * unit_mm:.3g} mm apart",
                mend="decide which is right and write both the same",
            )
    stated = pixdim > 0
    if (np.abs(pixdim - spacing) > 0.01 * spacing)[stated].any():
        raise OrientationMissing(
            "the header states two voxel spacings",
            where=where,
            found=f"pixdim {_mm(pixdim * unit_mm)}, sform {_mm(spacing * unit_mm)}",
            mend="decide which is right and write both the same",
        )
    scale = np.diag([unit_mm, unit_mm, unit_mm, 1.0])
    affine: Array = _RAS_TO_LPS @ scale @ chosen
    return affine


def _qform(header: Any, where: str) -> Array:
    _require_spacing(np.abs(header["pixdim"][1:4].astype(np.float64)), where)
    fixed = header.copy()
    # some tools write a negative spacing; its sign means nothing, the quaternion has the direction
    fixed["pixdim"][1:4] = np.abs(fixed["pixdim"][1:4])
    # pixdim[0] is the handedness; 0 means 1 by the standard.
    if abs(float(fixed["pixdim"][0])) != 1:
        fixed["pixdim"][0] = 1
    try:
        affine: Array = fixed.get_qform()
    except ValueError as error:
        raise OrientationMissing(
            "the qform is not a rotation", where=where, found=str(error), mend=_HOW_TO_SET
        ) from None
    return affine


def _nearest_qform(affine: Array) -> Array:
    import nibabel as nib

    header = nib.Nifti1Header()
    header.set_qform(affine, code=1)
    nearest: Array = header.get_qform()
    return nearest


def _require_spacing(spacing: Array, where: str) -> None:
    if not (np.isfinite(spacing).all() and (spacing > 0).all()):
        raise SpacingMissing(
            "the voxel spacing is absent or not a positive number",
            where=where,
            found=_mm(spacing),
            mend="export the image again with its spacing in mm along all three axes",
        )


def _mm(spacing: Array) -> str:
    return " x ".join(f"{s:.4g}" for s in spacing) + " mm"


# --- values -----------------------------------------------------------------------------------


def _values(data: bytes, header: Any, where: str) -> Array:
    dtype = header.get_data_dtype()
    if dtype.kind not in "iuf":
        raise UnreadableFile(
            "the voxels are not single numbers",
            where=where,
            found=f"data type {dtype}",
            mend="export the image as one grey value a voxel",
        )
    offset = max(int(header["vox_offset"]), int(header["sizeof_hdr"]))
    count = math.prod(int(n) for n in header.get_data_shape())
    there = (len(data) - offset) // dtype.itemsize
    if there < count:
        raise UnreadableFile(
            "the file is truncated",
            where=where,
            found=f"{max(there, 0)} of {count} voxels",
            mend="copy or export it again",
        )
    raw = np.frombuffer(data, dtype=dtype, count=count, offset=offset)
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    scaled = np.isfinite(slope) and slope != 0 and (slope, intercept) != (1.0, 0.0)
    if not scaled and raw.dtype.kind in "iu":
        return raw.astype(raw.dtype.newbyteorder("="), copy=False)
    # float32 holds 16-bit integers exactly; wider numbers would lose digits before the intercept.
    wide = scaled and raw.dtype.itemsize > 2 and raw.dtype != np.float32
    with np.errstate(over="ignore", invalid="ignore"):
        kind = np.float64 if wide else np.float32
        values: Array = raw.astype(kind)
        if scaled:
            np.multiply(values, kind(slope), out=values)
            np.add(values, kind(intercept if np.isfinite(intercept) else 0.0), out=values)
        values = values.astype(np.float32, copy=False)
    shape = tuple(int(n) for n in header.get_data_shape())
    require_finite(values.reshape(shape, order="F"), where)
    return values


def _plain_bytes(volume: Volume) -> bytes:
    import nibabel as nib

    values = volume.values
    if values.ndim != 3:
        raise ValueError(f"values must be (I, J, K), got shape {values.shape}")
    if values.dtype == bool:
        values = values.astype(np.uint8)
    elif values.dtype in (np.dtype(np.int64), np.dtype(np.uint64)):
        if values.size and (values.min() < -(2**31) or values.max() >= 2**31):
            raise ValueError("integers beyond 32 bits cannot be written to NIfTI")
        values = values.astype(np.int32)
    elif values.dtype == np.float16:
        values = values.astype(np.float32)
    header = nib.Nifti1Header(endianness="<")
    header.set_data_dtype(values.dtype)
    header.set_data_shape(values.shape)
    ras = _RAS_TO_LPS @ volume.geometry.affine_lps_mm
    header.set_sform(ras, code=1)
    header["pixdim"][1:4] = volume.geometry.spacing_mm
    header.set_qform(ras, code=1)
    if not volume.geometry.same_grid(Geometry(_RAS_TO_LPS @ header.get_qform(), values.shape)):
        header["qform_code"] = 0  # the grid is sheared, and no qform can say so
    header.set_xyzt_units("mm", "sec")
    header["vox_offset"] = 352
    header["scl_slope"], header["scl_inter"] = 1, 0
    order = values.dtype.newbyteorder("<")
    return bytes(header.binaryblock) + b"\0\0\0\0" + values.astype(order).tobytes(order="F")
