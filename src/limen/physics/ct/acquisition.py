"""How an image was, or would be, acquired: what the degradations of CT have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.physics.ct.backproject import fbp
from limen.physics.ct.geometry import FanGeometry, GeometryError, ParallelGeometry
from limen.physics.ct.project import forward
from limen.physics.ct.units import MU_WATER_PER_MM, hu_to_attenuation
from limen.physics.degradation import Axis, Drawn, insert_difference

Array = NDArray[Any]

TRUNCATED = "truncated field of view: the body reaches the edge of the detector"
STARVED = "photon starvation: rays on which few or no photons are counted"
EDGE_LINE_INTEGRAL = 0.2
"""Line integral at the detector's edge, about 10 mm of water, above which a view is truncated."""


@dataclass(frozen=True)
class Acquisition:
    """Geometry, photons and kernel of slices that are acquired one by one.

    Attributes
    ----------
    geometry : ParallelGeometry or FanGeometry
    kernel : str
        Of the reconstruction, one of `limen.physics.ct.KERNELS`.
    photons_per_ray : float or None
        Without a patient, in the middle of the detector, at the dose of the data; None where it
        is not known, and then nothing that depends on dose can be simulated.
    electronic_noise_photons : float
        Standard deviation of the detector's own noise, in photons.
    bowtie : tuple of float or None
        Photons of each detector element as a share of ``photons_per_ray``; None: no bowtie.
    mu_water_per_mm : float
    """

    geometry: ParallelGeometry | FanGeometry
    kernel: str = "hann"
    photons_per_ray: float | None = None
    electronic_noise_photons: float = 0.0
    bowtie: tuple[float, ...] | None = None
    mu_water_per_mm: float = MU_WATER_PER_MM

    def __post_init__(self) -> None:
        shares = self.bowtie
        if shares is not None and (
            len(shares) != self.geometry.n_detectors or not all(0 < s <= 1 for s in shares)
        ):
            raise GeometryError(
                "A bowtie gives each detector element its share of photons, above 0 up to 1",
                found=f"{len(shares)} shares from {min(shares)} to {max(shares)} for "
                f"{self.geometry.n_detectors} elements",
            )
        if self.photons_per_ray is not None and not 0 < self.photons_per_ray < 1e18:
            raise GeometryError("Photons per ray must be positive", found=str(self.photons_per_ray))
        if not 0 <= self.electronic_noise_photons < np.inf:
            raise GeometryError(
                "Electronic noise must be finite and not negative",
                found=str(self.electronic_noise_photons),
            )

    @classmethod
    def of_image(cls, shape: tuple[int, ...], pixel_mm: float, n_views: int = 984,
                 **fields: Any) -> Acquisition:  # fmt: skip
        """Parallel beams as fine as the pixels, over the whole diagonal of an image."""
        n = int(np.ceil(np.hypot(shape[0], shape[1]))) + 2
        geometry = ParallelGeometry(n_views, n + n % 2, pixel_mm, (shape[0], shape[1]), pixel_mm)
        return cls(geometry, **fields)

    @property
    def photons(self) -> Array:
        """(1, detectors, 1) float64: photons per ray without a patient."""
        if self.photons_per_ray is None:
            raise GeometryError(
                "It is not known how many photons made these data",
                mend="give photons_per_ray, or estimate it with photons_of_image",
            )
        shares = np.ones(self.geometry.n_detectors) if self.bowtie is None else self.bowtie
        return np.asarray(self.photons_per_ray * np.asarray(shares))[None, :, None]

    def with_geometry(self, **fields: Any) -> Acquisition:
        """The same with some fields of the geometry replaced."""
        return replace(self, geometry=replace(self.geometry, **fields))

    def project(self, image_hu: Array) -> Array:
        """(views, detectors, slices) line integrals of (x, y, slices) HU; air and below are 0."""
        mu = np.maximum(hu_to_attenuation(image_hu, self.mu_water_per_mm), 0)
        return forward(mu, self.geometry)

    def hu_of(self, lines: Array) -> Array:
        """HU + 1000 of line integrals: differences of it are differences in HU."""
        return np.asarray(fbp(lines, self.geometry, self.kernel) * (1000 / self.mu_water_per_mm))

    def insert(
        self,
        image_hu: Array,
        drawn: Drawn,
        axis: Axis,
        change: Callable[[Array, int], Array],
        reconstructed_by: Acquisition | None = None,
        projected_by: Acquisition | None = None,
    ) -> tuple[Array, tuple[str, ...]]:
        """Difference insertion, slice by slice in blocks of eight.

        Parameters
        ----------
        image_hu : (x, y) or (x, y, slices) array
        drawn, axis
        change : callable
            Line integrals (views, detectors, slices) and the number of the first slice, to
            degraded line integrals.
        reconstructed_by, projected_by : Acquisition, optional
            For the degraded route, where it differs.

        Returns
        -------
        (array of the image's shape, warnings)
        """
        by, of = reconstructed_by or self, projected_by or self
        stack = image_hu if image_hu.ndim == 3 else image_hu[:, :, None]
        if image_hu.ndim not in (2, 3) or stack.shape[:2] != self.geometry.image_shape:
            raise GeometryError(
                "The image does not belong to this acquisition",
                found=f"shape {image_hu.shape}",
                mend=f"give {self.geometry.image_shape}, with slices last",
            )
        out = None
        warnings: set[str] = set()
        for k in range(0, max(stack.shape[2], 1), 8):
            some = stack[:, :, k : k + 8]

            def nominal(x: Array) -> Array:
                lines = self.project(x)
                warnings.update(truncation(lines))
                return self.hu_of(lines)

            def degraded(x: Array, first: int = k) -> Array:
                return by.hu_of(change(of.project(x), first))

            part = insert_difference(some, drawn, axis, nominal, degraded)
            if out is None:
                out = np.empty(stack.shape, part.dtype)
            out[:, :, k : k + 8] = part
        assert out is not None
        return (out if image_hu.ndim == 3 else out[:, :, 0]), tuple(sorted(warnings))


def truncation(lines: Array) -> tuple[str, ...]:
    """A warning where the body is seen by the first or last element of a view."""
    if lines.size == 0:
        return ()
    edge = max(float(lines[:, 0].max()), float(lines[:, -1].max()))
    return (TRUNCATED,) if edge > EDGE_LINE_INTEGRAL else ()


def bowtie_shares(
    geometry: ParallelGeometry | FanGeometry,
    cylinder_mm: float,
    lowest: float = 0.05,
    mu_water_per_mm: float = MU_WATER_PER_MM,
) -> tuple[float, ...]:
    """Shares of a bowtie that evens out a cylinder of water in the middle of the field.

    The filter takes from each ray what the cylinder lacks there: ``exp(-mu (L(0) - L(s)))``, at
    least ``lowest``.
    """
    if isinstance(geometry, FanGeometry):
        s = geometry.source_to_centre_mm * np.sin(geometry.fan_angles_rad)
    else:
        s = geometry.offsets_mm
    lacking = cylinder_mm - 2 * np.sqrt(np.maximum((cylinder_mm / 2) ** 2 - s**2, 0))
    return tuple(float(t) for t in np.maximum(np.exp(-mu_water_per_mm * lacking), lowest))


def slice_generators(seed: int, first: int, n: int) -> list[np.random.Generator]:
    """One generator per slice, whatever the blocks in which slices are worked on."""
    return [
        np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=(k,))))
        for k in range(first, first + n)
    ]
