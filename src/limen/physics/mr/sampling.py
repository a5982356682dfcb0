"""Where k-space is sampled: Cartesian lines, radial spokes, spiral arms.

One convention for all operators of MR:

- an image is ``(..., y, x)``; k-space is ``(..., ky, kx)``, or ``(..., samples)`` where it is not
  Cartesian. y and ky are the phase encoding, x and kx the readout. Coils are the axis before.
- the centre of an axis of n is its element ``n // 2``, in the image and in k-space.
- the signal is ``s(k) = sum_r x(r) exp(-2 pi i k . r) / sqrt(number of pixels)``. On the full
  Cartesian grid this is unitary, so noise has the same standard deviation on both sides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.errors import LimenError

Array = NDArray[Any]


class AcquisitionError(LimenError):
    """An acquisition that cannot be, or an array that does not belong to it."""


@dataclass(frozen=True, eq=False)
class Cartesian:
    """Phase-encoding lines of samples, all on the grid.

    Attributes
    ----------
    shape : (int, int)
        Lines (ky) and samples of each (kx); also the pixels of the image.
    pixel_mm : (float, float)
        Along y and x.
    mask : (ky, kx) bool array, or None
        What is measured; None: everything.
    """

    shape: tuple[int, int]
    pixel_mm: tuple[float, float] = (1.0, 1.0)
    mask: Array | None = None

    def __post_init__(self) -> None:
        check_grid(self.shape, self.pixel_mm)
        if self.mask is None:
            return
        mask = np.asarray(self.mask)
        if mask.shape != tuple(self.shape) or not mask.any():
            raise AcquisitionError(
                "A mask says of each point of the grid whether it is measured, and some are",
                found=f"shape {mask.shape} with {int(mask.astype(bool).sum())} points",
                mend=f"give {tuple(self.shape)}",
            )
        object.__setattr__(self, "mask", np.array(mask, dtype=bool))

    @property
    def kspace_shape(self) -> tuple[int, ...]:
        return tuple(self.shape)

    @property
    def measured(self) -> Array:
        """(ky, kx) bool: the mask, also where it is None."""
        return np.ones(self.shape, bool) if self.mask is None else self.mask

    @property
    def lines_only(self) -> bool:
        """Whether each line is measured whole or not at all."""
        return self.mask is None or bool((self.mask == self.mask[:, :1]).all())

    @property
    def acceleration(self) -> float:
        """Points of the grid for each measured one."""
        return 1.0 if self.mask is None else float(self.mask.size / self.mask.sum())


@dataclass(frozen=True, eq=False)
class NonCartesian:
    """Samples anywhere in k-space, through the non-uniform FFT (finufft).

    Attributes
    ----------
    trajectory_per_mm : (samples, 2) float array
        (ky, kx) of each sample in cycles/mm, within half a cycle per pixel.
    shape : (int, int)
        Pixels of the image along y and x.
    pixel_mm : (float, float)
    density : (samples,) float array or None
        Area of k-space that each sample stands for, as a share of the grid's cell; needed by
        gridding, not by CG-SENSE.
    tolerance : float
        Relative error of the non-uniform FFT.
    """

    trajectory_per_mm: Array
    shape: tuple[int, int]
    pixel_mm: tuple[float, float] = (1.0, 1.0)
    density: Array | None = None
    tolerance: float = 1e-6
    _plans: dict[Any, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        check_grid(self.shape, self.pixel_mm)
        k = np.asarray(self.trajectory_per_mm, dtype=np.float64)
        if k.ndim != 2 or k.shape[1] != 2 or not len(k) or not np.isfinite(k).all():
            raise AcquisitionError(
                "A trajectory is a list of finite (ky, kx)", found=f"shape {k.shape}"
            )
        reach = np.abs(k) * np.asarray(self.pixel_mm)
        if reach.max() > 0.5 + 1e-9:
            raise AcquisitionError(
                "The trajectory leaves the k-space of the pixels",
                found=f"{reach.max():.4g} cycles per pixel",
                mend="give k in cycles/mm, at most 0.5 / pixel_mm; or smaller pixels",
            )
        if not 1e-14 <= self.tolerance <= 1e-1:
            raise AcquisitionError(
                "No such tolerance of a non-uniform FFT",
                found=str(self.tolerance),
                mend="give 1e-6 for float32; 1e-12 for float64",
            )
        object.__setattr__(self, "trajectory_per_mm", k)
        if self.density is not None:
            density = np.asarray(self.density, dtype=np.float64)
            if density.shape != (len(k),) or not (np.isfinite(density) & (density >= 0)).all():
                raise AcquisitionError(
                    "A density has one weight, not negative, for each sample",
                    found=f"shape {density.shape}",
                    mend=f"give ({len(k)},)",
                )
            object.__setattr__(self, "density", density)

    def __getstate__(self) -> dict[str, Any]:
        # plans of finufft live in one process
        return {**self.__dict__, "_plans": {}}

    @property
    def kspace_shape(self) -> tuple[int, ...]:
        return (len(self.trajectory_per_mm),)

    @property
    def acceleration(self) -> float:
        """Pixels for each sample."""
        return float(np.prod(self.shape) / len(self.trajectory_per_mm))


Sampling = Cartesian | NonCartesian


def radial(
    n_spokes: int,
    shape: tuple[int, int],
    pixel_mm: tuple[float, float] = (1.0, 1.0),
    n_samples: int | None = None,
    golden: bool = False,
    tolerance: float = 1e-6,
) -> NonCartesian:
    """Spokes through the centre, over half a turn, with the density of their rings.

    Parameters
    ----------
    n_spokes : int
    shape, pixel_mm
        Of the image.
    n_samples : int, optional
        Of a spoke from edge to edge; twice the larger side (readout oversampling) if not given.
    golden : bool
        Turn each spoke by 111.246 degrees from the one before (Winkelmann et al., IEEE TMI 26,
        2007) rather than evenly.
    tolerance : float
    """
    check_grid(shape, pixel_mm)
    n_samples = 2 * max(shape) if n_samples is None else n_samples
    if n_spokes < 1 or n_samples < 2:
        raise AcquisitionError(
            "Radial sampling needs a spoke of two samples",
            found=f"{n_spokes} spokes of {n_samples} samples",
        )
    step = np.pi * (np.sqrt(5) - 1) / 2 if golden else np.pi / n_spokes
    angle = np.arange(n_spokes) * step
    radius = (np.arange(n_samples) - n_samples // 2) / n_samples  # cycles per pixel
    ky = radius[None] * np.sin(angle)[:, None] / pixel_mm[0]
    kx = radius[None] * np.cos(angle)[:, None] / pixel_mm[1]
    # a ring of radius r and width dr is shared by 2 n_spokes samples; the centre by n_spokes
    width = 1 / n_samples
    area = np.pi * np.abs(radius) * width / n_spokes
    area[n_samples // 2] = np.pi * (width / 2) ** 2 / n_spokes
    cells = area * shape[0] * shape[1]
    density = np.broadcast_to(cells, (n_spokes, n_samples)).ravel()
    k = np.stack([ky.ravel(), kx.ravel()], axis=1)
    return NonCartesian(k, shape, pixel_mm, density, tolerance)


def spiral(
    n_arms: int,
    shape: tuple[int, int],
    pixel_mm: tuple[float, float] = (1.0, 1.0),
    n_samples: int | None = None,
    undersampling: float = 1.0,
    tolerance: float = 1e-6,
) -> NonCartesian:
    """Archimedean spiral arms, even along their length, with the density of their turns.

    Radial distance of neighbouring turns is ``undersampling`` cells of the grid.

    Parameters
    ----------
    n_arms : int
        Interleaved arms.
    shape, pixel_mm
        Of the image.
    n_samples : int, optional
        Of each arm; if not given, as dense along the arm as across.
    undersampling : float
        1: neighbouring turns meet the field of view.
    tolerance : float
    """
    check_grid(shape, pixel_mm)
    if n_arms < 1 or not 0 < undersampling < np.inf:
        raise AcquisitionError(
            "A spiral needs an arm, and an undersampling above 0",
            found=f"{n_arms} arms, undersampling {undersampling}",
        )
    size = max(shape)
    turns = size / 2 / (n_arms * undersampling)
    # along r = 0.5 t the angle is 2 pi turns t; sample evenly in length, which is t^2 outside
    fine = np.linspace(0, 1, 20_001)
    speed = np.hypot(0.5, np.pi * turns * (fine[1:] + fine[:-1]) / 2)
    length = np.concatenate([[0], np.cumsum(speed * np.diff(fine))])
    if n_samples is None:
        n_samples = int(np.ceil(length[-1] * size * 1.25)) + 1
    if n_samples < 2:
        raise AcquisitionError("An arm needs two samples", found=str(n_samples))
    t = np.interp(np.linspace(0, length[-1], n_samples), length, fine)
    radius = 0.5 * t * (1 - 1e-12)
    # the samples of all arms share the disc: d(pi r^2) with r = t / 2
    area = 2 * np.pi * (0.25 * t) * np.gradient(t)
    area[0] = np.pi * (radius[1] / 2) ** 2
    angle = 2 * np.pi * turns * t[None] + 2 * np.pi * np.arange(n_arms)[:, None] / n_arms
    ky = radius * np.sin(angle) / pixel_mm[0]
    kx = radius * np.cos(angle) / pixel_mm[1]
    cells = area / n_arms * shape[0] * shape[1]
    density = np.broadcast_to(cells, (n_arms, n_samples)).ravel()
    k = np.stack([ky.ravel(), kx.ravel()], axis=1)
    return NonCartesian(k, shape, pixel_mm, density, tolerance)


def check_grid(shape: tuple[int, ...], pixel_mm: tuple[float, ...]) -> None:
    """Raise AcquisitionError unless this is a grid of two axes with real pixels."""
    if len(shape) != 2 or any(n != int(n) or n < 1 for n in shape):
        raise AcquisitionError("A grid has lines and samples, at least one", found=str(shape))
    if len(pixel_mm) != 2 or not all(0 < p < np.inf for p in pixel_mm):
        raise AcquisitionError("A pixel has two sides, in mm, above 0", found=str(pixel_mm))


def check_kspace(kspace: Array, sampling: Sampling) -> Array:
    """``kspace`` as a complex array of the sampling's shape; raises AcquisitionError."""
    data = np.asarray(kspace)
    shape = sampling.kspace_shape
    if data.ndim < len(shape) or data.shape[data.ndim - len(shape) :] != shape:
        raise AcquisitionError(
            "K-space does not belong to this sampling",
            found=f"shape {data.shape}",
            mend=f"give (..., {', '.join(map(str, shape))})",
        )
    return as_complex(data)


def check_image(image: Array, sampling: Sampling) -> Array:
    """``image`` as a complex array of the sampling's grid; raises AcquisitionError."""
    data = np.asarray(image)
    if data.ndim < 2 or data.shape[-2:] != tuple(sampling.shape):
        raise AcquisitionError(
            "The image does not belong to this sampling",
            found=f"shape {data.shape}",
            mend=f"give (..., {sampling.shape[0]}, {sampling.shape[1]})",
        )
    return as_complex(data)


def check_maps(maps: Array, shape: tuple[int, int]) -> Array:
    """Coil maps as a complex (coils, y, x) array; raises AcquisitionError."""
    data = np.asarray(maps)
    if data.ndim != 3 or data.shape[1:] != tuple(shape) or data.shape[0] < 1:
        raise AcquisitionError(
            "Coil maps do not belong to this grid",
            found=f"shape {data.shape}",
            mend=f"give (coils, {shape[0]}, {shape[1]})",
        )
    return as_complex(data)


def as_complex(data: Array) -> Array:
    if data.dtype in (np.complex64, np.complex128):
        return data
    if data.dtype == np.float64:
        return data.astype(np.complex128)
    if np.issubdtype(data.dtype, np.number) and data.dtype != np.clongdouble:
        return data.astype(np.complex64)
    raise AcquisitionError("MR data are numbers, single or double", found=str(data.dtype))
