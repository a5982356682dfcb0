"""Centrelines, and the Dice of them: for vessels, airways, nerves, whatever is a tube."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import ArrayLike

from limen.measures.errors import ShapeMismatch
from limen.measures.grid import Array, Mask, checked_pair
from limen.measures.runs import Runs, runs_of


def cldice(prediction: ArrayLike, reference: ArrayLike) -> float:
    """Centreline Dice (clDice), without unit, from 0 to 1.

    The harmonic mean of the share of the prediction's centreline that lies in the reference,
    and of the reference's that lies in the prediction. Both empty is 1, one empty is 0.

    Parameters
    ----------
    prediction, reference : (I, J, K) array
        Masks of one shape; any value other than zero is inside.

    Raises
    ------
    ShapeMismatch

    Notes
    -----
    Shit et al., CVPR 2021, with the exact skeleton (:func:`centreline`) and not the soft one of
    training. Thinning works on voxels: on strongly anisotropic grids the line may lie half a
    long voxel off the middle.
    """
    p, r = checked_pair(prediction, reference)
    if p.ndim != 3:
        raise ShapeMismatch(
            "centrelines are of volumes of three axes",
            found=f"shape {p.shape}",
            mend="give a single slice the shape (I, J, 1)",
        )
    return cldice_of_runs(*(runs_of(np.ascontiguousarray(m).view(np.uint8)) for m in (p, r)))


def cldice_of_runs(prediction: Runs, reference: Runs) -> float:
    """See :func:`cldice`."""
    if not len(prediction) or not len(reference):
        return 1.0 if len(prediction) == len(reference) else 0.0
    boxes = prediction.box(), reference.box()
    low = np.minimum(boxes[0][0], boxes[1][0])
    high = np.maximum(boxes[0][1], boxes[1][1])
    p, r = prediction.mask(low, high), reference.mask(low, high)
    flat = (prediction.shape[0] == 1, prediction.shape[1] == 1, prediction.shape[2] == 1)
    line_p, line_r = centreline(p, flat), centreline(r, flat)
    precise = np.count_nonzero(line_p & r) / np.count_nonzero(line_p)
    complete = np.count_nonzero(line_r & p) / np.count_nonzero(line_r)
    if precise + complete == 0:
        return 0.0
    return float(2.0 * precise * complete / (precise + complete))


def centreline(mask: Mask, flat_axes: tuple[bool, bool, bool] | None = None) -> Mask:
    """Medial line of a mask, one voxel thin, with the mask's pieces, tunnels and cavities kept.

    Parameters
    ----------
    mask : (I, J, K) bool
    flat_axes : (bool, bool, bool), optional
        Axes of a single voxel; default: from the shape.

    Notes
    -----
    Thinning of Lee, Kashyap and Chu (CVGIP 1994): six directions in turn, ends of lines kept,
    and no voxel taken that holds the object together. A voxel may be taken when its object
    neighbours are one piece (26 neighbours) and the background that touches its faces is one
    piece (6 of 18 neighbours; Bertrand and Malandain 1994).
    """
    flat = flat_axes or (mask.shape[0] == 1, mask.shape[1] == 1, mask.shape[2] == 1)
    padded = np.pad(mask, 1).astype(np.uint8)
    along = np.array([padded.shape[1] * padded.shape[2], padded.shape[2], 1])
    jump = _PLACES @ along
    # the order of directions that others use too (-b, +b, +c, -c, +a, -a)
    faces = [(0, -1, 0), (0, 1, 0), (0, 0, 1), (0, 0, -1), (1, 0, 0), (-1, 0, 0)]
    directions = np.array(
        [np.dot(face, along) for face in faces if not flat[int(np.flatnonzero(face)[0])]], np.int64
    )
    _thin(padded.reshape(-1), np.flatnonzero(padded), jump, directions, _NEAR_26, _NEAR_6, _FACES)
    line: Mask = padded[1:-1, 1:-1, 1:-1].astype(bool)
    return line


_PLACES = np.array(
    [
        (a, b, c)
        for a in (-1, 0, 1)
        for b in (-1, 0, 1)
        for c in (-1, 0, 1)
        if (a, b, c) != (0, 0, 0)
    ]
)
"""The 26 neighbours."""


def _adjacency(reach: int, most: int) -> Array:
    """(26,) uint32: for each neighbour the bits of those it touches.

    Neighbours count that differ from the middle along at most ``most`` axes; two touch when
    they are one step apart along at most ``reach`` axes.
    """
    bits = np.zeros(26, np.uint32)
    counted = np.abs(_PLACES).sum(axis=1) <= most
    for n in range(26):
        for m in range(26):
            step = np.abs(_PLACES[n] - _PLACES[m])
            if n != m and counted[n] and counted[m] and step.max() == 1 and step.sum() <= reach:
                bits[n] |= np.uint32(1 << m)
    return bits


_NEAR_26 = _adjacency(3, 3)
_NEAR_6 = _adjacency(1, 2)
_FACES = np.uint32(sum(1 << n for n in range(26) if np.abs(_PLACES[n]).sum() == 1))


@numba.njit(cache=True, nogil=True)
def _grown(seed, members, near):  # type: ignore[no-untyped-def]
    """All of ``members`` that hang together with the seed."""
    piece = seed
    while True:
        before = piece
        for n in range(26):
            bit = np.uint32(1) << np.uint32(n)
            if members & bit and not piece & bit and piece & near[n]:
                piece |= bit
        if piece == before:
            return piece


@numba.njit(cache=True, nogil=True)
def _may_go(voxels, at, jump, near_26, near_6, faces, within_18):  # type: ignore[no-untyped-def]
    """Whether the voxel can be taken and nothing comes apart, opens or closes."""
    inside = np.uint32(0)
    for n in range(26):
        if voxels[at + jump[n]]:
            inside |= np.uint32(1) << np.uint32(n)
    if inside == 0:
        return False
    if _grown(inside & (~inside + np.uint32(1)), inside, near_26) != inside:
        return False
    outside = ~inside & within_18
    touching = outside & faces
    if touching == 0:
        return False
    return _grown(touching & (~touching + np.uint32(1)), outside, near_6) & faces == touching


@numba.njit(cache=True, nogil=True)
def _thin(voxels, alive, jump, directions, near_26, near_6, faces):  # type: ignore[no-untyped-def]
    within_18 = np.uint32(0)
    for n in range(26):
        if near_6[n]:
            within_18 |= np.uint32(1) << np.uint32(n)
    going = np.empty(alive.size, np.int64)
    unchanged = 0
    while unchanged < directions.size:
        unchanged = 0
        for direction in directions:
            found = 0
            for at in alive:
                if voxels[at + direction]:
                    continue
                neighbours = 0
                for n in range(26):
                    neighbours += voxels[at + jump[n]]
                if neighbours == 1:
                    continue  # the end of a line
                if _may_go(voxels, at, jump, near_26, near_6, faces, within_18):
                    going[found] = at
                    found += 1
            taken = 0
            for n in range(found):
                # those before it may have gone, so it is asked again
                if _may_go(voxels, going[n], jump, near_26, near_6, faces, within_18):
                    voxels[going[n]] = 0
                    taken += 1
            if taken == 0:
                unchanged += 1
                continue
            left = 0
            for at in alive:
                if voxels[at]:
                    alive[left] = at
                    left += 1
            alive = alive[:left]
