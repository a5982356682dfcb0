"""K-space to image, by a named method."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from limen.physics.mr.coils import combine
from limen.physics.mr.compressed import l1_wavelet
from limen.physics.mr.fourier import to_image
from limen.physics.mr.grappa_kernels import grappa
from limen.physics.mr.half_fourier import homodyne
from limen.physics.mr.operators import adjoint
from limen.physics.mr.sampling import (
    AcquisitionError,
    Cartesian,
    Sampling,
    check_kspace,
    check_maps,
)
from limen.physics.mr.sense_iterative import cg_sense
from limen.physics.mr.sense_unfolding import sense

Array = NDArray[Any]

Method = Literal["zero-filled", "sense", "cg-sense", "grappa", "homodyne", "l1-wavelet"]
METHODS: tuple[str, ...] = get_args(Method)
NEED_MAPS = ("sense", "cg-sense")
NOT_LINEAR = ("l1-wavelet", "homodyne")
"""Methods through which a difference is not the image of a difference."""


def reconstruct(
    kspace: Array,
    sampling: Sampling,
    maps: Array | None = None,
    method: Method = "zero-filled",
    **options: Any,
) -> Array:
    """Images of k-space.

    Parameters
    ----------
    kspace : (..., [coils,] ky, kx) or (..., [coils,] samples) array
        Prewhitened where there are coils.
    sampling : Cartesian or NonCartesian
    maps : (coils, y, x) array, optional
        With them coils become one image; without, each coil gives its image (see
        `root_sum_of_squares` for one of them).
    method : str
        "zero-filled" (not Cartesian: gridding with the sampling's density), "sense", "cg-sense",
        "grappa", "homodyne" or "l1-wavelet". The last two are not linear.
    options
        Of the method: ``iterations``, ``regularisation`` ...

    Returns
    -------
    (..., y, x) complex array; without maps (..., coils, y, x)

    Raises
    ------
    AcquisitionError
        When shapes contradict each other, k-space holds NaN, or the method cannot work on this.
    """
    if method not in METHODS:
        raise AcquisitionError("No such reconstruction", found=str(method), mend=", ".join(METHODS))
    kspace = check_kspace(kspace, sampling)
    if not np.isfinite(kspace).all():
        raise AcquisitionError(
            "K-space holds what is not a finite number",
            found=f"{int((~np.isfinite(kspace)).sum())} samples",
            mend="read the file again, or leave those lines out by a mask",
        )
    if method in NEED_MAPS and maps is None:
        raise AcquisitionError(f"{method} needs coil maps", mend="estimate them with espirit")
    if method == "l1-wavelet":
        return l1_wavelet(kspace, sampling, maps, **options)
    if method == "cg-sense":
        assert maps is not None
        return cg_sense(kspace, sampling, maps, **options)
    if not isinstance(sampling, Cartesian):
        if method != "zero-filled":
            raise AcquisitionError(f"{method} needs lines on the grid", mend="use cg-sense")
        if sampling.density is None:
            raise AcquisitionError(
                "Gridding needs the density of the samples", mend="give it, or use cg-sense"
            )
        weighted = kspace * sampling.density.astype(kspace.real.dtype)
        return _over_power(adjoint(weighted, sampling, maps), maps)
    if method == "sense":
        assert maps is not None
        return sense(kspace, sampling, maps)[0]
    if method == "zero-filled":
        return _over_power(adjoint(kspace, sampling, maps), maps)
    if method == "homodyne":
        images = homodyne(kspace, sampling)
    else:
        stacks = kspace.reshape(-1, *kspace.shape[-3:])
        images = to_image(np.stack([grappa(s, sampling, **options) for s in stacks]))
        images = images.reshape(kspace.shape)
    return images if maps is None else combine(images, maps)


def _over_power(image: Array, maps: Array | None) -> Array:
    if maps is None:
        return image
    power = (np.abs(check_maps(maps, image.shape[-2:])) ** 2).sum(axis=0).astype(image.real.dtype)
    return np.asarray(image / np.where(power > 0, power, 1))
