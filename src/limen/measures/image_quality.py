"""How close a reconstructed image is to its reference: PSNR, SSIM, NRMSE."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from limen.measures.errors import BadValue, ShapeMismatch
from limen.measures.grid import Array

_SIGMA, _WINDOW = 1.5, 11
_K1, _K2 = 0.01, 0.03


@dataclass(frozen=True)
class ReconstructionMeasures:
    """Closeness of an image to its reference, with the data range it was measured by.

    Attributes
    ----------
    psnr_db : float or None
        10 log10(data_range^2 / MSE); None for identical images, for which it has no end.
    ssim : float
        Mean structural similarity, at most 1 (identical).
    rmse : float
        In the unit of the image.
    nrmse : float or None
        ||image - reference|| / ||reference||, as fastMRI has it (its square is their NMSE); None
        for a reference of zeros.
    nrmse_of_range : float
        RMSE over the data range.
    data_range : float
        As stated, in the unit of the image.
    slice_axis : int or None
        As stated: SSIM is the mean over slices along it, or of the whole image where None.
    undefined : mapping of str to str
    """

    psnr_db: float | None
    ssim: float
    rmse: float
    nrmse: float | None
    nrmse_of_range: float
    data_range: float
    slice_axis: int | None
    undefined: dict[str, str] = field(default_factory=dict)


def reconstruction(
    image: ArrayLike,
    reference: ArrayLike,
    *,
    data_range: float,
    slice_axis: int | None = None,
) -> ReconstructionMeasures:
    """Measure a reconstructed image against its reference.

    None of these says whether a lesion can be seen in it; where the task is to find one, judge
    the detection, or measure :func:`limen.measures.detectability`.

    Parameters
    ----------
    image, reference : (I, J) or (I, J, K) array
        Real and finite, in one unit, of one scale (nothing is rescaled here).
    data_range : float
        Distance between the least and the largest value that an image of this kind can have, in
        its unit, as 1400 for a CT window of -1000 to 400 HU. It changes PSNR and SSIM, so it is
        stated and never taken from the images.
    slice_axis : int, optional
        SSIM slice by slice along this axis, and the mean of it; the window is then of two axes.
        The two ways give different numbers (fastMRI#129).

    Raises
    ------
    ShapeMismatch, BadValue

    Notes
    -----
    SSIM: Wang, Bovik, Sheikh and Simoncelli, IEEE Trans Image Process 2004: Gaussian window of
    11 voxels with sigma 1.5, K1 0.01, K2 0.03, the mean over where the window fits wholly.
    scikit-image gives the same with ``gaussian_weights=True, use_sample_covariance=False``; its
    default is a flat window of 7.
    """
    x, y = _image(image, "image"), _image(reference, "reference")
    if x.shape != y.shape:
        raise ShapeMismatch(
            "image and reference are not on one grid", found=f"shape {x.shape} against {y.shape}"
        )
    if not (math.isfinite(data_range) and data_range > 0):
        raise BadValue(
            "the data range is not above zero",
            found=str(data_range),
            mend="state the range of values an image of this kind can have",
        )
    if slice_axis is not None and not (y.ndim == 3 and -3 <= slice_axis < 3):
        raise BadValue("there is no such axis to slice along", found=str(slice_axis))
    slices = [(x, y)]
    if slice_axis is not None:
        slices = list(
            zip(np.moveaxis(x, slice_axis, 0), np.moveaxis(y, slice_axis, 0), strict=True)
        )
    if min(slices[0][1].shape) < _WINDOW:
        raise ShapeMismatch(
            f"the image is smaller than the window of SSIM, {_WINDOW} voxels along each axis",
            found=f"shape {slices[0][1].shape}",
            mend="say slice_axis= for a thin volume",
        )
    error = float(np.mean((x - y) ** 2))
    power = float(np.mean(y**2))
    undefined = {}
    if error == 0:
        undefined["psnr_db"] = "the images are identical"
    if power == 0:
        undefined["nrmse"] = "the reference is zero everywhere"
    return ReconstructionMeasures(
        psnr_db=None if error == 0 else 10.0 * math.log10(data_range**2 / error),
        ssim=float(np.mean([_ssim(a, b, data_range) for a, b in slices])),
        rmse=math.sqrt(error),
        nrmse=None if power == 0 else math.sqrt(error / power),
        nrmse_of_range=math.sqrt(error) / data_range,
        data_range=float(data_range),
        slice_axis=slice_axis,
        undefined=undefined,
    )


def _ssim(x: Array, y: Array, data_range: float) -> float:
    from scipy.ndimage import gaussian_filter

    half = _WINDOW // 2

    def smooth(a: Array) -> Array:
        blurred: Array = gaussian_filter(a, _SIGMA, radius=half, mode="reflect")
        return blurred

    mean_x, mean_y = smooth(x), smooth(y)
    var_x, var_y = smooth(x * x) - mean_x**2, smooth(y * y) - mean_y**2
    both = smooth(x * y) - mean_x * mean_y
    c1, c2 = (_K1 * data_range) ** 2, (_K2 * data_range) ** 2
    similar = ((2 * mean_x * mean_y + c1) * (2 * both + c2)) / (
        (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    )
    inner = tuple(slice(half, n - half) for n in x.shape)
    return float(similar[inner].mean())


def _image(values: ArrayLike, what: str) -> Array:
    a = np.asarray(values)
    if a.dtype.kind not in "biuf":
        raise BadValue(
            f"the {what} does not hold real numbers",
            found=str(a.dtype),
            mend="give magnitudes, or the real part",
        )
    a = a.astype(np.float64)
    if a.ndim not in (2, 3):
        raise ShapeMismatch(
            f"the {what} is not an image of two or three axes", found=f"shape {a.shape}"
        )
    if not np.isfinite(a).all():
        raise BadValue(f"the {what} holds values that are not finite", found="NaN or infinity")
    return a
