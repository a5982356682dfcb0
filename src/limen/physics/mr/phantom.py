"""A head of ellipses whose k-space is known in closed form, and coils around it.

K-space from the formula, not from pixels, holds what pixels cannot: simulations with it do not
reconstruct what they were made from (the "inverse crime").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.special
from numpy.typing import NDArray

from limen.physics.mr.sampling import Cartesian, Sampling, check_grid

Array = NDArray[Any]


@dataclass(frozen=True)
class Ellipse:
    """A uniform ellipse in mm from the centre of the field of view.

    ``signal`` adds to what is there. ``turn_rad`` turns the first half axis from y towards x.
    """

    signal: float
    half_axes_mm: tuple[float, float]
    centre_mm: tuple[float, float] = (0.0, 0.0)
    turn_rad: float = 0.0


HEAD = (
    Ellipse(1.0, (88.0, 66.0)),
    Ellipse(-0.7, (82.0, 61.0)),
    Ellipse(0.5, (80.0, 59.0)),
    Ellipse(-0.35, (24.0, 9.0), (6.0, -14.0), 0.25),
    Ellipse(-0.35, (24.0, 9.0), (6.0, 14.0), -0.25),
    Ellipse(0.2, (13.0, 16.0), (-38.0, 0.0)),
    Ellipse(0.25, (6.0, 6.0), (-8.0, 34.0)),
    Ellipse(0.25, (3.0, 3.0), (14.0, 38.0)),
    Ellipse(-0.15, (9.0, 5.0), (40.0, -20.0), 0.5),
    Ellipse(0.2, (1.5, 1.5), (48.0, 14.0)),
    Ellipse(0.2, (1.5, 1.5), (48.0, 20.0)),
    Ellipse(0.2, (1.5, 1.5), (54.0, 17.0)),
)
"""Skull, brain, ventricles and small round things, about 180 mm high and 130 mm wide."""


def phantom_kspace(sampling: Sampling, ellipses: tuple[Ellipse, ...] = HEAD) -> Array:
    """K-space of ellipses from its closed form (Koay, Sarlls and Oezarslan, MRM 58, 2007).

    ``2 signal pi a b J1(q) / q * exp(-2 pi i k.c)`` with ``q = 2 pi |(a k_u, b k_v)|``, sampled
    with the convention of `forward`: an image of it has the signal as its value inside.

    Returns
    -------
    complex128 array of ``sampling.kspace_shape``; what a mask leaves out is zero
    """
    ny, nx = sampling.shape
    dy, dx = sampling.pixel_mm
    if isinstance(sampling, Cartesian):
        ky = ((np.arange(ny) - ny // 2) / (ny * dy))[:, None]
        kx = ((np.arange(nx) - nx // 2) / (nx * dx))[None, :]
    else:
        ky, kx = sampling.trajectory_per_mm.T
    total = np.zeros(np.broadcast_shapes(ky.shape, kx.shape), np.complex128)
    for e in ellipses:
        c, s = np.cos(e.turn_rad), np.sin(e.turn_rad)
        a, b = e.half_axes_mm
        q = 2 * np.pi * np.hypot(a * (c * ky + s * kx), b * (-s * ky + c * kx))
        shape = np.where(q > 1e-9, scipy.special.j1(q) / np.where(q > 1e-9, q, 1), 0.5)
        place = np.exp(-2j * np.pi * (ky * e.centre_mm[0] + kx * e.centre_mm[1]))
        total += e.signal * 2 * np.pi * a * b * shape * place
    total /= dy * dx * np.sqrt(ny * nx)
    if isinstance(sampling, Cartesian) and sampling.mask is not None:
        total[~sampling.mask] = 0
    return total


def phantom_image(
    shape: tuple[int, int], pixel_mm: tuple[float, float], ellipses: tuple[Ellipse, ...] = HEAD,
    finer: int = 4,
) -> Array:  # fmt: skip
    """(y, x) float64 image: the share of each pixel inside, from ``finer``^2 points of it."""
    check_grid(shape, pixel_mm)
    y, x = (
        ((np.arange(n * finer) + 0.5) / finer - 0.5 - n // 2) * p
        for n, p in zip(shape, pixel_mm, strict=True)
    )
    image = np.zeros((len(y), len(x)))
    for e in ellipses:
        c, s = np.cos(e.turn_rad), np.sin(e.turn_rad)
        v, u = (y - e.centre_mm[0])[:, None], (x - e.centre_mm[1])[None]
        a, b = e.half_axes_mm
        image[((c * v + s * u) / a) ** 2 + ((-s * v + c * u) / b) ** 2 <= 1] += e.signal
    return np.asarray(image.reshape(shape[0], finer, shape[1], finer).mean(axis=(1, 3)))


def ring_maps(
    n_coils: int, shape: tuple[int, int], pixel_mm: tuple[float, float] = (1.0, 1.0),
    distance: float = 0.75,
) -> Array:  # fmt: skip
    """Smooth maps of loops on a ring around the field of view, of unit norm at each pixel.

    The field of a loop of wire, taken as a dipole that looks at the centre: its magnitude falls
    with the third power of the distance and its phase turns around the loop.

    Parameters
    ----------
    n_coils : int
    shape, pixel_mm
        Of the image.
    distance : float
        Radius of the ring, as a share of the larger side of the field of view; above 0.5.

    Returns
    -------
    (coils, y, x) complex128 array; the first coil is real
    """
    check_grid(shape, pixel_mm)
    side = max(n * p for n, p in zip(shape, pixel_mm, strict=True))
    y, x = (
        (np.arange(n) - n // 2) * p / side for n, p in zip(shape, pixel_mm, strict=True)
    )  # fmt: skip
    angle = 2 * np.pi * np.arange(n_coils) / n_coils
    vy = y[None, :, None] - distance * np.sin(angle)[:, None, None]
    vx = x[None, None, :] - distance * np.cos(angle)[:, None, None]
    far = np.hypot(vy, vx)
    # in the frame of the coil: along its axis to the centre, and across
    along = -(vy * np.sin(angle)[:, None, None] + vx * np.cos(angle)[:, None, None])
    across = -vy * np.cos(angle)[:, None, None] + vx * np.sin(angle)[:, None, None]
    radius2 = far**2 + 0.15**2
    field = ((3 * along**2 - radius2) + 3j * along * across) / radius2**2.5
    field = field * np.exp(1j * angle)[:, None, None]
    maps = field / np.sqrt((np.abs(field) ** 2).sum(axis=0))
    return np.asarray(maps * np.exp(-1j * np.angle(maps[:1])))
