"""Where the rays of a CT acquisition run.

One convention for all: a ray in a slice is the line ``x cos(theta) + y sin(theta) = s``, x along
the first axis of the image and y along its second, in mm from the centre of rotation, which is
the centre of the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from limen.errors import LimenError

Array = NDArray[Any]


class GeometryError(LimenError):
    """A geometry that cannot be, or an array that does not belong to it."""


@dataclass(frozen=True)
class ParallelGeometry:
    """Parallel beams around a stack of axial slices.

    View v is taken at the angle theta = start + arc * v / n_views. Detector element d of it
    measures the integral along ``x cos(theta) + y sin(theta) = s``.

    Attributes
    ----------
    n_views : int
        Views over the arc, evenly spaced; its end is not a view.
    n_detectors : int
        Detector elements per view.
    detector_spacing_mm : float
    image_shape : (int, int)
        Pixels along x and y.
    pixel_mm : float
        Side of the (square) pixel.
    arc_rad : float
        pi measures each line once, 2 pi twice; less is a limited-angle acquisition.
    start_rad : float
        Angle of the first view.
    """

    n_views: int
    n_detectors: int
    detector_spacing_mm: float
    image_shape: tuple[int, int]
    pixel_mm: float
    arc_rad: float = np.pi
    start_rad: float = 0.0

    def __post_init__(self) -> None:
        _require_counts(self, "n_views", "n_detectors", shape=2)
        _require_lengths(self, "detector_spacing_mm", "pixel_mm")
        if not 0 < self.arc_rad <= 2 * np.pi or not np.isfinite(self.start_rad):
            raise GeometryError(
                "The arc must be an angle in rad above 0, up to 2 pi, from a finite start",
                found=f"arc {self.arc_rad}, start {self.start_rad}",
            )

    @property
    def angles_rad(self) -> Array:
        """(n_views,) float64."""
        angles = self.arc_rad * np.arange(self.n_views) / self.n_views
        return angles + self.start_rad if self.start_rad else angles

    @property
    def offsets_mm(self) -> Array:
        """(n_detectors,) float64: signed distance of each ray from the centre of rotation."""
        return (np.arange(self.n_detectors) - (self.n_detectors - 1) / 2) * self.detector_spacing_mm

    @property
    def field_of_view_mm(self) -> float:
        """Diameter of the disc that every view sees whole."""
        return self.n_detectors * self.detector_spacing_mm

    @property
    def sinogram_shape(self) -> tuple[int, int]:
        return self.n_views, self.n_detectors


@dataclass(frozen=True)
class FanGeometry:
    """A source that turns once around a stack of slices, each seen in its own plane.

    In view v the source is at ``R (-sin(beta), cos(beta))``, beta = start + 2 pi v / n_views. The
    ray at the fan angle gamma is the line with theta = beta + gamma and s = R sin(gamma)
    (Kak and Slaney, 1988, section 3.4).

    Attributes
    ----------
    n_views : int
        Views over 360 degrees.
    n_detectors : int
    detector_spacing_mm : float
        At the detector: along its plane if flat, along its arc if curved.
    source_to_centre_mm, source_to_detector_mm : float
        From the source to the centre of rotation and along the central ray to the detector.
    image_shape : (int, int)
    pixel_mm : float
    detector : "curved" or "flat"
        Curved is an arc around the source, as clinical scanners have it.
    detector_offset_mm : float
        Of the array's middle from the central ray; a quarter of the spacing is usual.
    start_rad : float
        beta of the first view.
    """

    n_views: int
    n_detectors: int
    detector_spacing_mm: float
    source_to_centre_mm: float
    source_to_detector_mm: float
    image_shape: tuple[int, int]
    pixel_mm: float
    detector: Literal["curved", "flat"] = "curved"
    detector_offset_mm: float = 0.0
    start_rad: float = 0.0

    def __post_init__(self) -> None:
        _require_counts(self, "n_views", "n_detectors", shape=2)
        _require_source(self, "detector_spacing_mm", self.n_detectors)

    @property
    def angles_rad(self) -> Array:
        """(n_views,) float64: beta."""
        return self.start_rad + 2 * np.pi * np.arange(self.n_views) / self.n_views

    @property
    def detector_positions_mm(self) -> Array:
        """(n_detectors,) float64: along the detector from the central ray."""
        return _detector_positions(self)

    @property
    def fan_angles_rad(self) -> Array:
        """(n_detectors,) float64: gamma."""
        return _fan_angles(self.detector_positions_mm, self)

    @property
    def field_of_view_mm(self) -> float:
        """Diameter of the disc that every view sees whole."""
        return _field_of_view(self.fan_angles_rad, self.source_to_centre_mm)

    @property
    def sinogram_shape(self) -> tuple[int, int]:
        return self.n_views, self.n_detectors


@dataclass(frozen=True)
class ConeGeometry:
    """A source on a circle in the plane z = 0, or on a helix, and a detector of several rows.

    In the plane it is `FanGeometry`. A flat detector is a plane across the central ray; a curved
    one is a cylinder around the source, parallel to z. Row r is at
    ``(r - (n_rows - 1) / 2) * row_spacing_mm`` along z from the source.

    Attributes
    ----------
    n_views : int
        All views. On a circle, one turn.
    n_detectors, n_rows : int
        Detector elements in a row, and rows.
    detector_spacing_mm, row_spacing_mm : float
        At the detector.
    source_to_centre_mm, source_to_detector_mm : float
    image_shape : (int, int, int)
        Voxels along x, y, z; the middle of the volume is at z = 0.
    pixel_mm, slice_mm : float
    detector : "curved" or "flat"
    detector_offset_mm : float
    views_per_turn : int
        0 stands for ``n_views``.
    feed_mm : float
        Travel of the source along z in one turn; 0 is the circle. The helix passes z = 0 in the
        middle of the scan.
    start_rad : float
        beta of the first view.
    """

    n_views: int
    n_detectors: int
    n_rows: int
    detector_spacing_mm: float
    row_spacing_mm: float
    source_to_centre_mm: float
    source_to_detector_mm: float
    image_shape: tuple[int, int, int]
    pixel_mm: float
    slice_mm: float
    detector: Literal["curved", "flat"] = "curved"
    detector_offset_mm: float = 0.0
    views_per_turn: int = 0
    feed_mm: float = 0.0
    start_rad: float = 0.0

    def __post_init__(self) -> None:
        _require_counts(self, "n_views", "n_detectors", "n_rows", shape=3)
        _require_lengths(self, "row_spacing_mm", "slice_mm")
        _require_source(self, "detector_spacing_mm", self.n_detectors)
        turn = self.views_per_turn
        if not isinstance(turn, Integral) or turn < 0 or (self.feed_mm and turn == 0):
            raise GeometryError(
                "A helix needs its views per turn, a positive whole number", found=str(turn)
            )
        if not np.isfinite(self.feed_mm):
            raise GeometryError("feed_mm must be finite", found=str(self.feed_mm))

    @property
    def turn_views(self) -> int:
        return self.views_per_turn or self.n_views

    @property
    def helical(self) -> bool:
        return self.feed_mm != 0

    @property
    def angles_rad(self) -> Array:
        """(n_views,) float64: beta, growing beyond 2 pi on a helix."""
        return self.start_rad + 2 * np.pi * np.arange(self.n_views) / self.turn_views

    @property
    def source_z_mm(self) -> Array:
        """(n_views,) float64."""
        return (np.arange(self.n_views) - (self.n_views - 1) / 2) * (self.feed_mm / self.turn_views)

    @property
    def detector_positions_mm(self) -> Array:
        """(n_detectors,) float64."""
        return _detector_positions(self)

    @property
    def fan_angles_rad(self) -> Array:
        """(n_detectors,) float64: gamma."""
        return _fan_angles(self.detector_positions_mm, self)

    @property
    def row_positions_mm(self) -> Array:
        """(n_rows,) float64: along z from the source, at the detector."""
        return (np.arange(self.n_rows) - (self.n_rows - 1) / 2) * self.row_spacing_mm

    @property
    def slice_positions_mm(self) -> Array:
        """(slices,) float64: z of each slice's middle."""
        n = self.image_shape[2]
        return (np.arange(n) - (n - 1) / 2) * self.slice_mm

    @property
    def field_of_view_mm(self) -> float:
        """Diameter of the disc that every view sees whole in the plane of the source."""
        return _field_of_view(self.fan_angles_rad, self.source_to_centre_mm)

    @property
    def sinogram_shape(self) -> tuple[int, int, int]:
        return self.n_views, self.n_detectors, self.n_rows

    def fan(self) -> FanGeometry:
        """The in-plane geometry of one turn."""
        return FanGeometry(
            self.turn_views, self.n_detectors, self.detector_spacing_mm, self.source_to_centre_mm,
            self.source_to_detector_mm, self.image_shape[:2], self.pixel_mm, self.detector,
            self.detector_offset_mm,
        )  # fmt: skip


Geometry = ParallelGeometry | FanGeometry | ConeGeometry


def views_needed(geometry: Geometry, field_of_view_mm: float | None = None) -> int:
    """Views per turn (per 180 degrees if parallel) that sample the rim as finely as the rays.

    ``pi / 2 * N`` for N parallel rays across the field of view, twice that for a full turn
    (Kak and Slaney, 1988, section 5.1). Fewer give streaks from the rim inwards, not an error.
    """
    if isinstance(geometry, ParallelGeometry):
        spacing, turn = geometry.detector_spacing_mm, geometry.arc_rad / np.pi
    else:
        magnification = geometry.source_to_detector_mm / geometry.source_to_centre_mm
        spacing, turn = geometry.detector_spacing_mm / magnification, 2.0
    diameter = field_of_view_mm or geometry.field_of_view_mm
    return int(np.ceil(np.pi / 2 * diameter / spacing * turn))


def require_views(geometry: Geometry, field_of_view_mm: float, share: float = 0.5) -> None:
    """Raise GeometryError where there are fewer than ``share`` of `views_needed`."""
    needed = int(np.ceil(share * views_needed(geometry, field_of_view_mm)))
    have = geometry.turn_views if isinstance(geometry, ConeGeometry) else geometry.n_views
    if have < needed:
        raise GeometryError(
            f"Too few views for a field of view of {field_of_view_mm:g} mm",
            found=f"{have} views",
            mend=f"acquire at least {needed}, or state a smaller field of view",
        )


def _detector_positions(geometry: FanGeometry | ConeGeometry) -> Array:
    middle = (geometry.n_detectors - 1) / 2
    along = (np.arange(geometry.n_detectors) - middle) * geometry.detector_spacing_mm
    return along + geometry.detector_offset_mm


def _fan_angles(positions_mm: Array, geometry: FanGeometry | ConeGeometry) -> Array:
    ratio = positions_mm / geometry.source_to_detector_mm
    return np.arctan(ratio) if geometry.detector == "flat" else np.asarray(ratio)


def _field_of_view(fan_angles: Array, radius_mm: float) -> float:
    # both ends of the fan must see the rim; elements have a width of their own
    half = min(-fan_angles[0], fan_angles[-1])
    return float(2 * radius_mm * np.sin(max(half, 0.0)))


def _require_counts(geometry: Any, *names: str, shape: int) -> None:
    pixels = geometry.image_shape
    counts = [getattr(geometry, name) for name in names]
    whole = all(isinstance(n, Integral) and int(n) >= 1 for n in (*counts, *pixels))
    if len(pixels) != shape or not whole:
        raise GeometryError(
            "Views, detectors and pixels must be counted in positive whole numbers",
            found=", ".join(f"{n} {c}" for n, c in zip(names, counts, strict=True))
            + f", image {pixels}",
            mend=f"give an image of {shape} axes",
        )


def _require_lengths(geometry: Any, *names: str) -> None:
    for name in names:
        value = getattr(geometry, name)
        if not (np.isfinite(value) and value > 0):
            raise GeometryError(f"{name} must be a positive length in mm", found=str(value))


def _require_source(geometry: Any, spacing: str, n_detectors: int) -> None:
    _require_lengths(
        geometry, spacing, "pixel_mm", "source_to_centre_mm", "source_to_detector_mm"
    )  # fmt: skip
    if geometry.detector not in ("curved", "flat"):
        raise GeometryError("No such detector", found=str(geometry.detector), mend="curved or flat")
    if not (np.isfinite(geometry.detector_offset_mm) and np.isfinite(geometry.start_rad)):
        raise GeometryError(
            "Offset and start must be finite",
            found=f"{geometry.detector_offset_mm} mm, {geometry.start_rad} rad",
        )
    if geometry.source_to_detector_mm <= geometry.source_to_centre_mm:
        raise GeometryError(
            "The detector must lie beyond the centre of rotation",
            found=f"source to detector {geometry.source_to_detector_mm} mm, "
            f"to centre {geometry.source_to_centre_mm} mm",
        )
    corner = float(np.hypot(*geometry.image_shape[:2]) * geometry.pixel_mm / 2)
    if geometry.source_to_centre_mm <= corner:
        raise GeometryError(
            "The source would pass through the image",
            found=f"source at {geometry.source_to_centre_mm} mm, corner at {corner:.1f} mm",
            mend="give a smaller image, or the distance in mm",
        )
    if np.abs(geometry.fan_angles_rad).max() >= np.pi / 2:
        raise GeometryError(
            "The fan is wider than 180 degrees",
            found=f"{n_detectors} elements of {getattr(geometry, spacing)} mm",
        )


def as_image_stack(image: Array, geometry: ParallelGeometry | FanGeometry) -> Array:
    """``image`` as a contiguous (x, y, slices) array of its floating type; raises GeometryError."""
    if image.ndim not in (2, 3) or image.shape[:2] != geometry.image_shape:
        raise GeometryError(
            "The image does not belong to this geometry",
            found=f"shape {image.shape}",
            mend=f"give ({geometry.image_shape[0]}, {geometry.image_shape[1]}) "
            "or the same with slices last",
        )
    return _finite(_stacked(image), "image")


def as_sinogram_stack(sinogram: Array, geometry: ParallelGeometry | FanGeometry) -> Array:
    """``sinogram`` as a contiguous (views, detectors, slices) array of its floating type."""
    expected = geometry.sinogram_shape
    if sinogram.ndim not in (2, 3) or sinogram.shape[:2] != expected:
        raise GeometryError(
            "The sinogram does not belong to this geometry",
            found=f"shape {sinogram.shape}",
            mend=f"give ({expected[0]}, {expected[1]}) or the same with slices last",
        )
    return _finite(_stacked(sinogram), "sinogram")


def as_volume(array: Array, expected: tuple[int, int, int], name: str) -> Array:
    """A contiguous array of exactly the shape expected, of its floating type."""
    if array.shape != expected:
        raise GeometryError(
            f"The {name} does not belong to this geometry",
            found=f"shape {array.shape}",
            mend=f"give {expected}",
        )
    return _finite(array, name)


def _stacked(array: Array) -> Array:
    return array if array.ndim == 3 else array[:, :, None]


def _finite(array: Array, name: str) -> Array:
    kind = np.float64 if array.dtype == np.float64 else np.float32
    stack = np.ascontiguousarray(array, dtype=kind)
    # The kernels are compiled for finite numbers; one NaN would spread along its rays.
    # The sum is finite exactly when all are, but for overflow: then they are counted.
    with np.errstate(all="ignore"):
        finite = np.isfinite(np.sum(stack, dtype=np.float64))
    if not finite:
        wrong = stack.size - int(np.count_nonzero(np.isfinite(stack)))
        if wrong:
            raise GeometryError(
                f"The {name} holds values that are NaN or infinite",
                found=f"{wrong} of {stack.size}",
                mend="correct them before; nothing is filled in here",
            )
    return stack
