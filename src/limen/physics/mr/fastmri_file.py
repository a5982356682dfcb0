"""The HDF5 layout of the fastMRI data set (Zbontar et al., arXiv:1811.08839)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.physics.mr.ismrmrd_header import parse_header
from limen.physics.mr.raw import (
    HeaderMismatchError,
    RawData,
    TruncatedFileError,
    UnreadableFileError,
    check_file,
    check_samples,
    open_hdf5,
)
from limen.physics.mr.sampling import Cartesian

Array = NDArray[Any]


def read_fastmri(path: str | Path) -> RawData:
    """Read a volume.

    In these files ``kspace`` is (slices, [coils,] readout, phase encoding); here the phase
    encoding comes first, so images are those of the data set transposed. A ``mask`` (of the test
    sets) is over the phase encoding; else lines of zeros are those not measured. The patient's
    pseudonym in the attributes is not read.

    Raises
    ------
    RawDataError
        One of its subclasses.
    """
    path = check_file(path)
    where = path.name
    with open_hdf5(path) as file:
        if "kspace" not in file or "ismrmrd_header" not in file:
            raise UnreadableFileError(
                "This is not a file of fastMRI's layout",
                where=where,
                found=f"datasets {sorted(file.keys())}",
                mend="it must have kspace and ismrmrd_header",
            )
        try:
            header = parse_header(file["ismrmrd_header"][()], where)
            kspace = file["kspace"][:]
            given = np.asarray(file["mask"][:]).ravel() if "mask" in file else None
        except OSError:
            raise TruncatedFileError(
                "The file ends before its data do", where=where, mend="copy it again"
            ) from None
    if kspace.ndim == 3:
        kspace = kspace[:, None]
    nx, ny, _ = header.encoded_matrix
    if kspace.ndim != 4 or kspace.shape[2:] != (nx, ny) or not np.iscomplexobj(kspace):
        raise HeaderMismatchError(
            "K-space contradicts the encoded matrix of the header",
            where=where,
            found=f"shape {kspace.shape} of {kspace.dtype}, matrix {nx} x {ny}",
            mend="kspace must be complex (slices, [coils,] readout, phase encoding)",
        )
    check_samples(kspace, where)
    kspace = np.ascontiguousarray(kspace.swapaxes(2, 3).astype(np.complex64, copy=False))
    measured: Array = np.asarray(kspace.any(axis=(0, 1, 3)))
    if given is not None:
        if given.size != ny:
            raise HeaderMismatchError(
                "The mask contradicts k-space", where=where, found=f"{given.size} of {ny} lines"
            )
        measured &= given.astype(bool)
    mask = np.repeat(measured[:, None], nx, axis=1)
    fov_x, fov_y, fov_z = header.encoded_fov_mm
    return RawData(
        kspace, Cartesian((ny, nx), (fov_y / ny, fov_x / nx), None if mask.all() else mask),
        readout_pixels=header.recon_matrix[0], slice_thickness_mm=fov_z,
        field_tesla=header.field_tesla, echo_time_ms=header.echo_time_ms,
        repetition_time_ms=header.repetition_time_ms,
    )  # fmt: skip
