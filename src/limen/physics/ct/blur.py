"""A softer kernel (``ct.kernel``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from limen.physics.ct.geometry import GeometryError
from limen.physics.degradation import Applied, Axis, Drawn, Record, expect_drawn_for

Array = NDArray[Any]

FWHM_PER_SIGMA = 2 * np.sqrt(2 * np.log(2))


@dataclass(frozen=True)
class Softening:
    """The kernel's MTF is multiplied with a Gaussian: blur of a full width at half maximum, in mm.

    By the projection-slice theorem the same factor acts along the detector on line integrals and
    in all directions in the slice on the image. Exact in frequency; edges are mirrored.

    Attributes
    ----------
    pixel_mm : float
        Of the image.
    detector_spacing_mm : float
        Of raw data, at the centre of rotation.
    """

    pixel_mm: float
    detector_spacing_mm: float

    def __post_init__(self) -> None:
        for name in ("pixel_mm", "detector_spacing_mm"):
            if not 0 < getattr(self, name) < np.inf:
                raise GeometryError(
                    f"{name} must be a positive length in mm", found=str(getattr(self, name))
                )

    @property
    def axis(self) -> Axis:
        return Axis("ct.kernel", "mm", nominal=0.0, worse="higher", lowest=0.0, highest=20.0)

    def draw(self, value: float, seed: int) -> Drawn:
        """Nothing is random."""
        return self.axis.draw(value, seed)

    def apply(self, raw: Array, drawn: Drawn) -> Applied:
        """Line integrals (views, detectors[, slices])."""
        return self._soften(raw, drawn, self.detector_spacing_mm, (1,), "measured")

    def insert(self, image: Array, drawn: Drawn) -> Applied:
        """An image (x, y[, slices])."""
        return self._soften(image, drawn, self.pixel_mm, (0, 1), "resimulated")

    def _soften(self, data: Array, drawn: Drawn, spacing_mm: float, axes: tuple[int, ...],
                origin: Any) -> Applied:  # fmt: skip
        expect_drawn_for(self.axis, drawn)
        record = Record(drawn, 0.0, "ct.kernel/1", origin)
        if self.axis.is_nominal(drawn.value):
            return Applied(np.array(data), record)
        out = np.asarray(data, np.float64 if data.dtype == np.float64 else np.float32)
        sigma = drawn.value / FWHM_PER_SIGMA
        for axis in axes:
            out = _gaussian(out, axis, sigma / spacing_mm)
        return Applied(out, record)


def _gaussian(data: Array, axis: int, sigma: float) -> Array:
    """Along one axis, mirrored at both ends: a cosine transform has just that symmetry."""
    n = data.shape[axis]
    f = np.arange(n) / (2 * n)
    response = np.exp(-2 * (np.pi * sigma * f) ** 2).astype(data.dtype)
    shape = [1] * data.ndim
    shape[axis] = n
    spectrum = scipy.fft.dct(data, type=2, axis=axis, workers=-1)
    spectrum *= response.reshape(shape)
    return np.asarray(scipy.fft.idct(spectrum, type=2, axis=axis, workers=-1))
