"""Where the rays of a CT acquisition run."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.errors import LimenError

Array = NDArray[Any]


class GeometryError(LimenError):
    """A geometry that cannot be, or an array that does not belong to it."""


@dataclass(frozen=True)
class ParallelGeometry:
    """Parallel beams around a stack of axial slices.

    View v is taken at the angle theta = pi * v / n_views. Detector element d of it measures the
    integral along the line ``x cos(theta) + y sin(theta) = s``, where s is the signed distance
    in mm from the centre of rotation, which is the centre of the image.

    Attributes
    ----------
    n_views : int
        Views over 180 degrees, evenly spaced.
    n_detectors : int
        Detector elements per view.
    detector_spacing_mm : float
    image_shape : (int, int)
        Pixels along x and y.
    pixel_mm : float
        Side of the (square) pixel.
    """

    n_views: int
    n_detectors: int
    detector_spacing_mm: float
    image_shape: tuple[int, int]
    pixel_mm: float

    def __post_init__(self) -> None:
        counts = (self.n_views, self.n_detectors, *self.image_shape)
        if len(self.image_shape) != 2 or not all(
            isinstance(n, Integral) and n >= 1 for n in counts
        ):
            raise GeometryError(
                "Views, detectors and pixels must be counted in positive whole numbers",
                found=f"views {self.n_views}, detectors {self.n_detectors}, "
                f"image {self.image_shape}",
            )
        for name in ("detector_spacing_mm", "pixel_mm"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise GeometryError(f"{name} must be a positive length in mm", found=str(value))

    @property
    def angles_rad(self) -> Array:
        """(n_views,) float64."""
        return np.pi * np.arange(self.n_views) / self.n_views

    @property
    def offsets_mm(self) -> Array:
        """(n_detectors,) float64: signed distance of each ray from the centre of rotation."""
        return (np.arange(self.n_detectors) - (self.n_detectors - 1) / 2) * self.detector_spacing_mm

    @property
    def field_of_view_mm(self) -> float:
        """Diameter of the disc that every view sees whole."""
        return self.n_detectors * self.detector_spacing_mm


def as_image_stack(image: Array, geometry: ParallelGeometry) -> Array:
    """``image`` as a contiguous (x, y, slices) float32 array; raises GeometryError."""
    if image.ndim not in (2, 3) or image.shape[:2] != geometry.image_shape:
        raise GeometryError(
            "The image does not belong to this geometry",
            found=f"shape {image.shape}",
            mend=f"give ({geometry.image_shape[0]}, {geometry.image_shape[1]}) "
            "or the same with slices last",
        )
    stack = np.ascontiguousarray(_stacked(image), dtype=np.float32)
    _require_finite(stack, "image")
    return stack


def as_sinogram_stack(sinogram: Array, geometry: ParallelGeometry) -> Array:
    """``sinogram`` as a contiguous (views, detectors, slices) float32 array."""
    expected = (geometry.n_views, geometry.n_detectors)
    if sinogram.ndim not in (2, 3) or sinogram.shape[:2] != expected:
        raise GeometryError(
            "The sinogram does not belong to this geometry",
            found=f"shape {sinogram.shape}",
            mend=f"give ({expected[0]}, {expected[1]}) or the same with slices last",
        )
    stack = np.ascontiguousarray(_stacked(sinogram), dtype=np.float32)
    _require_finite(stack, "sinogram")
    return stack


def _stacked(array: Array) -> Array:
    return array if array.ndim == 3 else array[:, :, None]


def _require_finite(stack: Array, name: str) -> None:
    # The kernels are compiled for finite numbers; one NaN would spread along its rays.
    wrong = stack.size - int(np.count_nonzero(np.isfinite(stack)))
    if wrong:
        raise GeometryError(
            f"The {name} holds values that are NaN or infinite",
            found=f"{wrong} of {stack.size}",
            mend="correct them before; nothing is filled in here",
        )
