"""Which lines or points of k-space are measured: named masks and their point spread."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.physics.mr.fourier import to_image
from limen.physics.mr.sampling import AcquisitionError, check_grid

Array = NDArray[Any]


def equispaced_mask(
    shape: tuple[int, int], acceleration: int, centre_lines: int = 0, offset: int | None = None
) -> Array:
    """Every ``acceleration``-th line, and ``centre_lines`` in the middle.

    Parameters
    ----------
    shape : (ky, kx)
    acceleration : int
        Of the outer lines; with centre lines the mask has more.
    centre_lines : int
    offset : int, optional
        First line; if not given, such that the centre line is measured.

    Returns
    -------
    (ky, kx) bool array
    """
    n = _check(shape, acceleration, centre_lines)
    if acceleration != int(acceleration):
        raise AcquisitionError(
            "Equispaced lines need a whole acceleration",
            found=str(acceleration),
            mend="give a whole number, or take a random mask",
        )
    step = int(acceleration)
    first = (n // 2) % step if offset is None else offset
    if not 0 <= first < step:
        raise AcquisitionError(
            "No such first line", found=str(offset), mend=f"give 0 to {step - 1}"
        )
    lines = _centre(n, centre_lines)
    lines[first::step] = True
    return _lines(lines, shape)


def random_mask(
    shape: tuple[int, int],
    acceleration: float,
    centre_lines: int = 0,
    seed: int = 0,
    density_width: float = 0.0,
) -> Array:
    """Lines drawn at random, exactly ``round(lines / acceleration)`` with the centre lines.

    Parameters
    ----------
    shape : (ky, kx)
    acceleration : float
    centre_lines : int
    seed : int
    density_width : float
        0: all lines are as likely (as in fastMRI's masks). Else the standard deviation of a
        normal density around the centre, as a share of k-space: variable density.

    Returns
    -------
    (ky, kx) bool array
    """
    n = _check(shape, acceleration, centre_lines)
    wanted = max(round(n / acceleration), 1)
    lines = _centre(n, centre_lines)
    more = wanted - int(lines.sum())
    if more < 0:
        raise AcquisitionError(
            "The centre alone has more lines than the acceleration leaves",
            found=f"{centre_lines} centre lines, {wanted} lines at R = {acceleration:g}",
            mend=f"take at most {wanted} centre lines",
        )
    if not 0 <= density_width < np.inf:
        raise AcquisitionError("A density has a width of 0 or more", found=str(density_width))
    free = np.flatnonzero(~lines)
    weights = np.ones(len(free))
    if density_width > 0:
        weights = np.exp(-0.5 * ((free - n // 2) / (density_width * n)) ** 2) + 1e-12
    rng = np.random.default_rng(seed)
    lines[rng.choice(free, more, replace=False, p=weights / weights.sum())] = True
    return _lines(lines, shape)


def poisson_disc_mask(
    shape: tuple[int, int], acceleration: float, centre: int = 0, seed: int = 0, slope: float = 0.0
) -> Array:
    """Points of two phase encodings, none closer to another than a distance.

        Random as noise, but without clusters and holes (Bridson, SIGGRAPH 2007; Lustig and Pauly,
        Magn. Reson. Med. 64, 2010). Points are offered in a drawn order and taken where the disc
    the distance is found by bisection so that the number of points is
        within 1 % of ``points / acceleration``, as near as discs of whole points allow.

        Parameters
        ----------
        shape : (ky, kx)
            Both are phase encodings of a 3-D acquisition.
        acceleration : float
        centre : int
            Side of the fully sampled square in the middle.
        seed : int
        slope : float
            The distance at the edge is ``1 + slope`` times the one in the middle.

        Returns
        -------
        (ky, kx) bool array
    """
    _check(shape, acceleration, min(centre, shape[0]))
    ny, nx = shape
    full = np.zeros(shape, bool)
    top, left = ny // 2 - min(centre, ny) // 2, nx // 2 - min(centre, nx) // 2
    full[top : top + min(centre, ny), left : left + min(centre, nx)] = True
    wanted = round(ny * nx / acceleration)
    if full.sum() > wanted:
        raise AcquisitionError(
            "The centre alone has more points than the acceleration leaves",
            found=f"{int(full.sum())} of {wanted}",
            mend="take a smaller centre",
        )
    if acceleration == 1:
        return np.ones(shape, bool)
    rng = np.random.default_rng(seed)
    order = rng.permutation(ny * nx)
    y, x = np.meshgrid(np.arange(ny) - ny // 2, np.arange(nx) - nx // 2, indexing="ij")
    far = np.hypot(y / max(ny / 2, 1), x / max(nx / 2, 1))
    spread = rng.uniform(0.75, 1.25, shape) * (1 + slope * far)
    low, high = 0.0, 4 * float(np.sqrt(acceleration)) + 2
    best = None
    for _ in range(24):
        middle = (low + high) / 2
        mask = _throw(order, middle * spread, full)
        if best is None or abs(int(mask.sum()) - wanted) < abs(int(best.sum()) - wanted):
            best = mask
        if abs(int(mask.sum()) - wanted) <= 0.01 * wanted:
            break
        low, high = (middle, high) if mask.sum() > wanted else (low, middle)
    assert best is not None
    return np.asarray(best)


def _throw(order: Array, distance: Array, full: Array) -> Array:
    from limen.physics.mr._discs import throw

    return np.asarray(throw(order, distance, full))


def partial_fourier_mask(shape: tuple[int, int], fraction: float) -> Array:
    """The last ``fraction`` of the lines: the first ones are not measured.

    Parameters
    ----------
    shape : (ky, kx)
    fraction : float
        More than half, so that the centre line is measured; up to 1.

    Returns
    -------
    (ky, kx) bool array
    """
    check_grid(shape, (1.0, 1.0))
    n = shape[0]
    kept = round(n * fraction) if 0 < fraction <= 1 else 0
    if kept <= n - n // 2:
        if fraction == 1:
            return np.ones(shape, bool)
        raise AcquisitionError(
            "A partial acquisition measures more than half of the lines",
            found=str(fraction),
            mend=f"give a fraction above {(n - n // 2) / n:.4g}, up to 1",
        )
    lines = np.zeros(n, bool)
    lines[n - kept :] = True
    return _lines(lines, shape)


def point_spread(mask: Array) -> Array:
    """(y, x) complex128: the image of a point in the centre, 1 there when all is measured.

    The zero-filled image is the convolution (circular) of the true one with this.
    """
    mask = np.asarray(mask)
    return np.asarray(to_image(mask.astype(np.complex128)) / np.sqrt(mask.size))


def _centre(n: int, centre_lines: int) -> Array:
    lines = np.zeros(n, bool)
    first = n // 2 - centre_lines // 2
    lines[first : first + centre_lines] = True
    return lines


def _lines(lines: Array, shape: tuple[int, int]) -> Array:
    return np.repeat(lines[:, None], shape[1], axis=1)


def _check(shape: tuple[int, int], acceleration: float, centre_lines: int) -> int:
    check_grid(shape, (1.0, 1.0))
    n = int(shape[0])
    if not 1 <= acceleration <= n:
        raise AcquisitionError(
            "Acceleration is at least 1 and leaves a line",
            found=str(acceleration),
            mend=f"give 1 to {n}",
        )
    if centre_lines != int(centre_lines) or not 0 <= centre_lines <= n:
        raise AcquisitionError("No such number of centre lines", found=str(centre_lines))
    return n
