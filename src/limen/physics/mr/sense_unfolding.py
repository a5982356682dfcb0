"""SENSE: unfolding the aliases of equispaced lines, pixel by pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.physics.mr.fourier import to_image
from limen.physics.mr.sampling import AcquisitionError, Cartesian, check_kspace, check_maps

Array = NDArray[Any]


def sense(kspace: Array, sampling: Cartesian, maps: Array) -> tuple[Array, Array]:
    """Image and g-factor of every R-th line (Pruessmann et al., Magn. Reson. Med. 42, 1999).

    R pixels that fold onto each other are separated by their coils' maps: least squares with an
    R x R system for each.

    Parameters
    ----------
    kspace : (..., coils, ky, kx) array
        Prewhitened. Other lines than every R-th are ignored.
    sampling : Cartesian
        Whose mask has every R-th line, R dividing the lines; centre lines besides are allowed.
    maps : (coils, y, x) array

    Returns
    -------
    image : (..., y, x) array
        0 where all maps are 0.
    g_factor : (y, x) float array
        1 or more: the noise of the image is ``g sqrt(R)`` times that of full sampling; 0 where
        all maps are 0. Infinite where coils cannot tell the pixels apart.
    """
    kspace = check_kspace(kspace, sampling)
    maps = check_maps(maps, sampling.shape).astype(kspace.dtype, copy=False)
    if kspace.ndim < 3 or kspace.shape[-3] != len(maps):
        raise AcquisitionError(
            "K-space and maps have different coils",
            found=f"k-space {kspace.shape} and {len(maps)} maps",
        )
    step, first, _ = line_pattern(sampling)
    n = sampling.shape[0]
    if n % step:
        raise AcquisitionError(
            "Unfolding needs lines that the acceleration divides",
            found=f"{n} lines, R = {step}",
            mend="use cg_sense",
        )
    if step > len(maps):
        raise AcquisitionError(
            "So few coils cannot tell so many folded pixels apart",
            found=f"R = {step}, {len(maps)} coils",
            mend="accelerate less, or use cg_sense with regularisation",
        )
    kept = np.zeros_like(kspace)
    kept[..., first::step, :] = kspace[..., first::step, :]
    folded = to_image(kept)[..., : n // step, :]  # (..., coils, n / R, x)
    turns = np.exp(2j * np.pi * np.arange(step) * (n // 2 - first) / step)
    # pixels r + l n / R fold onto r, with the phase of the first line's place
    parts = maps.reshape(len(maps), step, n // step, -1).astype(np.complex128)
    encoding = np.moveaxis(parts * turns[None, :, None, None], (0, 1), (-2, -1))  # (r, x, coils, R)
    gram = encoding.conj().swapaxes(-1, -2) @ encoding
    own = np.einsum("...ll->...l", gram).real
    empty = own <= 0
    regular = gram + np.where(empty, 1, 0)[..., None] * np.eye(step)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        apart = np.linalg.cond(regular) < 1e12
    regular[~apart] = np.eye(step)
    inverse = np.linalg.inv(regular)
    right = np.einsum("rxcl,...crx->...rxl", encoding.conj(), folded.astype(np.complex128)) * step
    found = np.einsum("rxlm,...rxm->...rxl", inverse, right)
    found = np.where(empty | ~apart[..., None], 0, found)
    spread = np.where(empty, 0, np.einsum("...ll->...l", inverse).real * own)
    g = np.sqrt(np.where(apart[..., None], spread, np.where(empty, 0, np.inf)))
    image = np.moveaxis(found, -1, -3).reshape(*kspace.shape[:-3], n, -1)
    return image.astype(kspace.dtype), np.moveaxis(g, -1, 0).reshape(n, -1)


def line_pattern(sampling: Cartesian) -> tuple[int, int, tuple[int, int]]:
    """(R, first line, (begin, end) of the block of centre lines) of a mask of whole lines.

    Raises AcquisitionError where lines outside the centre block are not every R-th.
    """
    n = sampling.shape[0]
    if not sampling.lines_only:
        raise AcquisitionError(
            "Whole lines are needed", found="a mask of single points", mend="use cg_sense"
        )
    measured = sampling.measured[:, 0]
    begin = end = n // 2
    while begin > 0 and measured[begin - 1]:
        begin -= 1
    while end < n and measured[end]:
        end += 1
    for step in range(1, n + 1):
        for first in range(step):
            every = np.zeros(n, bool)
            every[first::step] = True
            if not (every & ~measured).any():
                every[begin:end] = True
                if (every == measured).all():
                    return step, first, (begin, end)
    raise AcquisitionError(
        "The mask is not every R-th line with a block of centre lines",
        found=f"{int(measured.sum())} of {n} lines",
        mend="use cg_sense or compressed sensing",
    )
