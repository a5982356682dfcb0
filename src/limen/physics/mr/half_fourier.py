"""Partial Fourier reconstruction: the half that is missing from the half that is there."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.physics.mr.fourier import to_image
from limen.physics.mr.sampling import AcquisitionError, Cartesian, check_kspace

Array = NDArray[Any]


def homodyne(kspace: Array, sampling: Cartesian) -> Array:
    """Images of k-space measured on one side (Noll, Nishimura and Macovski, IEEE TMI 10, 1991).

    A real image has conjugate-symmetric k-space. The phase of the image is taken from the
    symmetric band in the middle; lines without a partner count twice, with a ramp across the
    band; the real part, after the phase is taken off, is the image. Where the phase changes
    faster than the band can show, signal is lost.

    Parameters
    ----------
    kspace : (..., ky, kx) array
    sampling : Cartesian
        Whose mask is one block of whole lines that holds the centre line.

    Returns
    -------
    (..., y, x) complex array, with its phase put back. Full k-space gives the plain image.

    Raises
    ------
    AcquisitionError
        When the mask is not such a block.
    """
    kspace = check_kspace(kspace, sampling)
    n = sampling.shape[0]
    measured = sampling.measured[:, 0]
    where = np.flatnonzero(measured)
    begin, end, centre = int(where[0]), int(where[-1]) + 1, n // 2
    if not sampling.lines_only or end - begin != len(where) or not begin < centre < end - 1:
        raise AcquisitionError(
            "Homodyne needs one block of lines on both sides of the centre",
            found=f"{len(where)} lines from {begin} to {end - 1}, centre {centre}",
        )
    if len(where) == n:
        return to_image(kspace)
    offsets = np.arange(n) - centre
    half = min(centre - begin, end - 1 - centre)
    late = end - 1 - centre >= centre - begin  # which side is whole
    ramp = np.clip(1 + (offsets if late else -offsets) / (half + 1), 0, 2)
    # the line that has no partner on an even grid counts once
    if n % 2 == 0:
        ramp[0] = min(ramp[0], 1) if late else ramp[0]
        if not late:
            ramp[0] = 1
    weight = np.where(measured, ramp, 0).astype(kspace.real.dtype)[:, None]
    inner = np.abs(offsets) <= half
    taper = np.where(inner, np.cos(np.pi / 2 * offsets / (half + 1)) ** 2, 0)
    low = to_image(np.where(measured[:, None], kspace, 0) * taper.astype(weight.dtype)[:, None])
    size = np.abs(low)
    phase = np.where(size > 0, low / np.where(size > 0, size, 1), 1)
    image = to_image(kspace * weight) * phase.conj()
    return np.asarray(image.real * phase, dtype=kspace.dtype)
