"""Iterative reconstruction: SIRT, OS-SART and total variation, on any geometry of slices.

They are not linear in the data (they are clipped at 0, or total variation acts), so they are a
second reconstruction to compare with, not one for difference insertion.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.physics.ct.geometry import (
    FanGeometry,
    GeometryError,
    ParallelGeometry,
    as_sinogram_stack,
)
from limen.physics.ct.project import adjoint, forward

Array = NDArray[Any]
Plane = ParallelGeometry | FanGeometry


def sirt(
    sinogram: Array,
    geometry: Plane,
    iterations: int,
    *,
    start: Array | None = None,
    relaxation: float = 1.0,
    non_negative: bool = True,
    progress: Callable[[int, float], None] | None = None,
) -> Array:
    """Simultaneous iterative reconstruction, ``x += w C A* R (b - A x)``.

    R and C are the inverse sums of A over rows and columns (Gregor and Benson, IEEE Trans. Med.
    Imaging 27(7), 2008); with ``relaxation`` in (0, 2) and without clipping it converges to the
    least squares weighted by R.

    Parameters
    ----------
    sinogram : (views, detectors) or (views, detectors, slices) array
    geometry : ParallelGeometry or FanGeometry
    iterations : int
        Passes over all views.
    start : array of the image's shape, optional
        0 if not given.
    relaxation : float
    non_negative : bool
        Clip at 0 after each pass.
    progress : callable, optional
        Called after each pass with its number from 1 and the weighted norm of what is left.

    Returns
    -------
    (x, y) or (x, y, slices), 1/mm

    Raises
    ------
    GeometryError
        For a sinogram of another shape, or iterations or relaxation that cannot be.
    """
    return os_sart(
        sinogram, geometry, iterations, subsets=1, start=start, relaxation=relaxation,
        non_negative=non_negative, progress=progress,
    )  # fmt: skip


def os_sart(
    sinogram: Array,
    geometry: Plane,
    iterations: int,
    *,
    subsets: int = 8,
    start: Array | None = None,
    relaxation: float = 1.0,
    non_negative: bool = True,
    progress: Callable[[int, float], None] | None = None,
) -> Array:
    """Ordered-subsets SART (Andersen and Kak, 1984; Wang and Jiang, J. X-Ray Sci. Tech. 12, 2004).

    As `sirt`, with an update after each subset of evenly spaced views; about ``subsets`` times
    fewer passes are needed.

    Parameters
    ----------
    subsets : int
        Must divide the views.

    Others as for `sirt`.
    """
    stack = as_sinogram_stack(sinogram, geometry)
    if iterations < 1 or subsets < 1 or not 0 < relaxation < 2:
        raise GeometryError(
            "At least one iteration and subset, and a relaxation between 0 and 2, are needed",
            found=f"{iterations} iterations, {subsets} subsets, relaxation {relaxation}",
        )
    parts = [_subset(geometry, subsets, j) for j in _spread_order(subsets)]
    kind = stack.dtype
    shape = (*geometry.image_shape, stack.shape[2])
    x = np.zeros(shape, kind) if start is None else np.array(start, kind).reshape(shape)
    ones = np.ones(geometry.image_shape, kind)
    rows, columns = [], []
    for part, _ in parts:
        rows.append(_inverse(forward(ones, part)))
        columns.append(_inverse(adjoint(np.ones(part.sinogram_shape, kind), part)))
    for n in range(1, iterations + 1):
        left = 0.0
        for (part, views), row, column in zip(parts, rows, columns, strict=True):
            residual = stack[views] - forward(x, part)
            weighted = residual * row[..., None]
            left += float(np.vdot(residual, weighted).real)
            x += kind.type(relaxation) * column[..., None] * adjoint(weighted, part)
            if non_negative:
                np.maximum(x, 0, out=x)
        if progress is not None:
            progress(n, float(np.sqrt(max(left, 0.0))))
    return x if sinogram.ndim == 3 else x[:, :, 0]


def total_variation(
    sinogram: Array,
    geometry: Plane,
    iterations: int,
    *,
    weight: float,
    start: Array | None = None,
    progress: Callable[[int, float], None] | None = None,
) -> Array:
    """``min_x>=0  1/2 |A x - b|^2 + weight TV(x)`` by Chambolle and Pock's primal-dual method.

    As Sidky, Jorgensen and Pan give it for CT (Phys. Med. Biol. 57, 2012, algorithm 4); the
    in-slice isotropic total variation, of slices one by one.

    Parameters
    ----------
    sinogram : (views, detectors) or (views, detectors, slices) array
    geometry : ParallelGeometry or FanGeometry
    iterations : int
    weight : float
        In mm: line integrals are dimensionless and TV sums attenuation in 1/mm.
    start : array of the image's shape, optional
        A few passes of `os_sart` save most of the iterations; 0 if not given.
    progress : callable, optional
        Called after each iteration with its number from 1 and the objective.

    Returns
    -------
    (x, y) or (x, y, slices), 1/mm

    Raises
    ------
    GeometryError
        For a sinogram of another shape, or a weight or iterations that cannot be.
    """
    b = as_sinogram_stack(sinogram, geometry)
    if iterations < 1 or not 0 <= weight < np.inf:
        raise GeometryError(
            "At least one iteration, and a weight that is not negative, are needed",
            found=f"{iterations} iterations, weight {weight}",
        )
    kind = b.dtype
    shape = (*geometry.image_shape, b.shape[2])
    x = np.zeros(shape, kind) if start is None else np.array(start, kind).reshape(shape)
    # the gradient is scaled so that both halves of the operator weigh alike
    scale = kind.type(_norm(geometry, kind) / np.sqrt(8))
    step = kind.type(1 / (np.sqrt(2) * _norm(geometry, kind)))
    over, dual = x.copy(), np.zeros_like(b)
    gradient = np.zeros((2, *x.shape), kind)
    limit = kind.type(weight / float(scale)) if scale else kind.type(0)
    for n in range(1, iterations + 1):
        dual = (dual + step * (forward(over, geometry) - b)) / (1 + step)
        gradient += step * scale * _gradient(over)
        size = np.sqrt((gradient**2).sum(axis=0))
        gradient *= limit / np.maximum(size, limit) if weight else 0
        back = adjoint(dual, geometry) - scale * _divergence(gradient)
        before, x = x, np.maximum(x - step * back, 0)
        over = 2 * x - before
        if progress is not None:
            rest = forward(x, geometry) - b
            tv = np.sqrt((_gradient(x) ** 2).sum(axis=0)).sum()
            progress(n, float(0.5 * np.vdot(rest, rest).real + weight * tv))
    return x if sinogram.ndim == 3 else x[:, :, 0]


def _subset(geometry: Plane, subsets: int, j: int) -> tuple[Plane, slice]:
    if geometry.n_views % subsets:
        raise GeometryError(
            "The subsets must divide the views", found=f"{geometry.n_views} views in {subsets}"
        )
    step = geometry.angles_rad[1] - geometry.angles_rad[0] if geometry.n_views > 1 else 0.0
    part = replace(
        geometry, n_views=geometry.n_views // subsets, start_rad=geometry.start_rad + j * step
    )
    return part, slice(j, None, subsets)


def _spread_order(n: int) -> list[int]:
    """0 to n - 1, each far from those before it: bits reversed."""
    bits = max(1, (n - 1).bit_length())
    return sorted(range(n), key=lambda j: int(f"{j:0{bits}b}"[::-1], 2))


def _inverse(sums: Array) -> Array:
    return np.asarray(np.where(sums > 1e-6 * sums.max(), 1 / np.maximum(sums, 1e-30), 0))


def _norm(geometry: Plane, kind: np.dtype[Any]) -> float:
    """Largest singular value of A, by power iteration, a little raised."""
    x = np.ones(geometry.image_shape, kind)
    size = 1.0
    for _ in range(12):
        x = adjoint(forward(x, geometry), geometry)
        size = float(np.linalg.norm(x))
        if size == 0:
            return 1.0
        x /= size
    return 1.01 * float(np.sqrt(size))


def _gradient(x: Array) -> Array:
    g = np.zeros((2, *x.shape), x.dtype)
    g[0, :-1] = x[1:] - x[:-1]
    g[1, :, :-1] = x[:, 1:] - x[:, :-1]
    return g


def _divergence(g: Array) -> Array:
    """Minus the adjoint of `_gradient`."""
    d = np.zeros(g.shape[1:], g.dtype)
    d[:-1] += g[0, :-1]
    d[1:] -= g[0, :-1]
    d[:, :-1] += g[1, :, :-1]
    d[:, 1:] -= g[1, :, :-1]
    return d
