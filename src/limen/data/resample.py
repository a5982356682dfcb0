"""From an image's own grid to the grid a model expects, and labels back again.

Only images and a model's scores are ever resampled; a reference never is. Interpolation is
linear, as in nnU-Net and MONAI's defaults for speed and for want of overshoot. Positions outside
the grid (at most half a voxel, between the outermost centres and the edge of the field of view;
for a sheared grid also the wedges that straightening adds) take the nearest voxel's value.

Memory: besides input and output, one float32 array between two axes (never larger than the
larger of the two grids, because axes that shrink go first), or, for a sheared grid, 32 slices.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from limen.data.volume import Array, Geometry, Volume

_FWHM_PER_SIGMA = float(np.sqrt(8 * np.log(2)))
_AXES_LPS = {
    "L": (1, 0, 0), "R": (-1, 0, 0),
    "P": (0, 1, 0), "A": (0, -1, 0),
    "S": (0, 0, 1), "I": (0, 0, -1),
}  # fmt: skip


def to_model_space(
    volume: Volume,
    spacing_mm: tuple[float, float, float] | None = None,
    orientation: str = "LPS",
) -> Volume:
    """Bring an image to a model's axes and voxel spacing.

    The axes are permuted and reversed to the nearest ones of ``orientation``; an oblique grid
    stays oblique (no rotation blurs it). A sheared grid (tilted gantry) is straightened: its x and
    y axes stay, its slices become perpendicular. Where the spacing grows, the image is first
    smoothed by the Gaussian that widens a voxel's profile to the new one (Cardoso et al., Scale
    factor point spread function matching, MICCAI 2015), so noise and edges do not alias.

    Parameters
    ----------
    volume : Volume
        (I, J, K) numbers.
    spacing_mm : (x, y, z), optional
        Spacing along the model's axes; none: as acquired (for a sheared grid: the distance
        between slices, perpendicular).
    orientation : str
        Patient direction towards which x, y, z grow, e.g. ``LPS``.

    Returns
    -------
    Volume
        float32. The field of view has the same centre and, up to half a new voxel on either
        side, the same extent. If nothing has to be interpolated, values are exact.
    """
    turned = _turned(volume, orientation)
    if spacing_mm is not None and not all(np.isfinite(s) and s > 0 for s in spacing_mm):
        raise ValueError(f"spacing_mm must be positive, got {spacing_mm}")
    target = _resampled_grid(turned.geometry, spacing_mm)
    values = turned.values.astype(np.float32, copy=False)
    return Volume(_sampled(values, turned.geometry, target), target)


def to_image_space(values: Array, model: Geometry, image: Geometry) -> Array:
    """One channel of scores, from the model's grid back to the image's own.

    Parameters
    ----------
    values : (X, Y, Z) array
        On ``model``.
    model, image : Geometry
        Of :func:`to_model_space`'s output and input.

    Returns
    -------
    (I, J, K) float32
    """
    if values.shape != model.shape:
        raise ValueError(f"values of shape {values.shape} do not lie on a grid of {model.shape}")
    return _sampled(values.astype(np.float32, copy=False), model, image)


def scores_to_image_space(
    scores: Iterable[Array],
    model: Geometry,
    image: Geometry,
    values: Sequence[int],
    *,
    threshold: float | None = None,
) -> Volume:
    """Scores of a model to a label map on the image's own grid.

    Scores are interpolated first and decided afterwards; the other order would give labels the
    steps of the model's grid. One channel at a time is held on the image's grid.

    Parameters
    ----------
    scores : iterable of (X, Y, Z) arrays
        One for each channel, on ``model``: probabilities.
    values : sequence of int
        Label value of each channel.
    threshold : float, optional
        None: the channel with the highest score wins (argmax; the first one when equal).
        Otherwise channels are foreground only: the highest score wins where it reaches the
        threshold, background (0) elsewhere.

    Returns
    -------
    Volume
        uint8 or uint16 label map on ``image``.
    """
    dtype = np.uint8 if max(values) <= 255 else np.uint16
    labels = np.zeros(image.shape, dtype=dtype)
    best: Array | None = None
    for channel, value in zip(scores, values, strict=True):
        here = to_image_space(channel, model, image)
        if best is None:
            wins = np.ones(image.shape, dtype=bool) if threshold is None else here >= threshold
            # where nothing was interpolated, it is still the caller's own array
            best = here.copy() if np.may_share_memory(here, channel) else here
        else:
            wins = here > best if threshold is None else (here > best) & (here >= threshold)
            np.maximum(best, here, out=best)
        labels[wins] = value
    return Volume(labels, image)


def labels_to_image_space(labels: Volume, geometry: Geometry) -> Volume:
    """A label map from the model's grid to the image's own.

    Each label's indicator is interpolated linearly and the largest wins (the smaller value when
    equal), which keeps volumes better than the nearest voxel does.

    Returns
    -------
    Volume
        Of the labels' type, on ``geometry``.
    """
    if labels.geometry.same_grid(geometry):
        return Volume(labels.values, geometry)
    present = np.unique(labels.values)
    indicators = (labels.values == value for value in present)
    found = scores_to_image_space(indicators, labels.geometry, geometry, [int(v) for v in present])
    return Volume(found.values.astype(labels.values.dtype, copy=False), geometry)


# --- grids ------------------------------------------------------------------------------------


def model_grid(
    geometry: Geometry, spacing_mm: tuple[float, float, float] | None, orientation: str
) -> Geometry:
    """The grid that :func:`to_model_space` gives an image of this geometry; same arguments."""
    _, turned = _turned_axes(geometry, orientation)
    return _resampled_grid(turned, spacing_mm)


def _turned(volume: Volume, orientation: str) -> Volume:
    """Axes permuted and reversed to the nearest ones of ``orientation``; a view, no copy."""
    axes, geometry = _turned_axes(volume.geometry, orientation)
    values = np.transpose(volume.values, [axis for axis, _ in axes])
    values = np.flip(values, tuple(n for n, (_, reversed_) in enumerate(axes) if reversed_))
    return Volume(values, geometry)


def _turned_axes(geometry: Geometry, orientation: str) -> tuple[list[tuple[int, bool]], Geometry]:
    """For each axis of ``orientation`` the image's axis and whether it is reversed; the grid."""
    from itertools import permutations

    if sorted(_positive(c) for c in orientation) != ["L", "P", "S"]:
        raise ValueError(f"orientation must name three different axes, got {orientation!r}")
    wanted = np.array([_AXES_LPS[c] for c in orientation], dtype=float)
    affine = geometry.affine_lps_mm
    cosines = wanted @ (affine[:3, :3] / np.array(geometry.spacing_mm))
    order = max(permutations(range(3)), key=lambda p: sum(abs(cosines[a, p[a]]) for a in range(3)))
    shape = (geometry.shape[order[0]], geometry.shape[order[1]], geometry.shape[order[2]])
    affine = affine[:, [*order, 3]].copy()
    axes = []
    for axis in range(3):
        reversed_ = bool(cosines[axis, order[axis]] < 0)
        axes.append((order[axis], reversed_))
        if reversed_:
            affine[:, 3] += affine[:, axis] * (shape[axis] - 1)
            affine[:, axis] *= -1
    return axes, Geometry(affine, shape)


def _positive(letter: str) -> str:
    return {"R": "L", "A": "P", "I": "S"}.get(letter, letter)


def _resampled_grid(geometry: Geometry, spacing_mm: tuple[float, float, float] | None) -> Geometry:
    """An orthogonal grid of the wanted spacing around the same field of view."""
    affine, shape = geometry.affine_lps_mm, geometry.shape
    if spacing_mm is None and geometry.is_orthogonal:
        return geometry
    axes = affine[:3, :3] / np.array(geometry.spacing_mm)
    extent = np.array(geometry.spacing_mm) * shape
    have = np.array(geometry.spacing_mm)
    if not geometry.is_orthogonal:
        axes, have, extent = _straightened(geometry)
    want = have if spacing_mm is None else np.array(spacing_mm, dtype=float)
    count = np.maximum(1, np.round(extent / want)).astype(int)
    centre = affine[:3, :3] @ ((np.array(shape) - 1) / 2) + affine[:3, 3]
    target = np.eye(4)
    target[:3, :3] = axes * want
    target[:3, 3] = centre - target[:3, :3] @ ((count - 1) / 2)
    return Geometry(target, (int(count[0]), int(count[1]), int(count[2])))


def _straightened(geometry: Geometry) -> tuple[Array, Array, Array]:
    """Perpendicular axes for a sheared grid, the spacing along them and the extent to cover.

    The two axes that are most nearly perpendicular to each other span the slices and stay.
    """
    affine, spacing = geometry.affine_lps_mm, np.array(geometry.spacing_mm)
    axes = affine[:3, :3] / spacing
    angles = np.abs(axes.T @ axes)
    pairs = {(0, 1): 2, (0, 2): 1, (1, 2): 0}
    (a, b), c = min(pairs.items(), key=lambda item: float(angles[item[0]]))
    first = axes[:, a]
    second = axes[:, b] - (axes[:, b] @ first) * first
    second /= np.linalg.norm(second)
    third = np.cross(first, second)
    third *= np.sign(third @ axes[:, c])
    straight = np.empty((3, 3))
    straight[:, a], straight[:, b], straight[:, c] = first, second, third
    have = spacing.copy()
    have[c] = spacing[c] * float(third @ axes[:, c])
    span = np.abs(straight.T @ affine[:3, :3]) @ (np.array(geometry.shape) - 1)
    return straight, have, span + have


# --- interpolation ----------------------------------------------------------------------------


def _sampled(values: Array, source: Geometry, target: Geometry) -> Array:
    """Values at the voxels of ``target``, float32; smoothed first where it is coarser."""
    if source.same_grid(target):
        return values
    back = np.linalg.solve(source.affine_lps_mm, target.affine_lps_mm)
    order = _axis_order(back[:3, :3], target.shape)
    if order is None:
        return _sampled_sheared(values, source, target, back)
    # Work on source axes in the target's order; then every axis is a matrix of its own.
    values = np.transpose(values, order)
    steps = [float(back[order[axis], axis]) for axis in range(3)]
    starts = [float(back[order[axis], 3]) for axis in range(3)]
    by_growth = sorted(range(3), key=lambda axis: target.shape[axis] / values.shape[axis])
    for axis in by_growth:
        places = starts[axis] + steps[axis] * np.arange(target.shape[axis])
        values = _along(values, axis, places, abs(steps[axis]))
    return values


def _axis_order(step: Array, shape: tuple[int, int, int]) -> list[int] | None:
    """Source axis of each target axis if every one runs along one, else None."""
    order = [int(np.abs(step[:, axis]).argmax()) for axis in range(3)]
    if sorted(order) != [0, 1, 2]:
        return None
    rest = np.abs(step).copy()
    rest[order, range(3)] = 0
    # A drift under a hundredth of a voxel over the whole grid is rounding in the file's affine.
    return order if (rest * np.array(shape)).max() < 0.01 else None


def _along(values: Array, axis: int, places: Array, step: float) -> Array:
    """Interpolate one axis at ``places`` (in source voxels), by a sparse matrix."""
    n = values.shape[axis]
    if len(places) == n:
        if np.allclose(places, np.arange(n), atol=1e-4):
            return values
        if np.allclose(places, np.arange(n)[::-1], atol=1e-4):
            return np.flip(values, axis)
    matrix = _linear(places, n)
    if step > 1 + 1e-3 and n > 1:
        matrix = matrix @ _gaussian(n, float(np.sqrt(step**2 - 1)) / _FWHM_PER_SIGMA)
    moved = np.ascontiguousarray(np.moveaxis(values, axis, 0), dtype=np.float32)
    flat: Array = matrix @ moved.reshape(n, -1)
    return np.moveaxis(flat.reshape(len(places), *moved.shape[1:]), 0, axis)


def _linear(places: Array, n: int) -> Any:
    from scipy.sparse import csr_matrix

    inside = np.clip(places, 0, n - 1)
    low = np.minimum(np.floor(inside).astype(int), max(n - 2, 0))
    part = inside - low
    high = np.minimum(low + 1, n - 1)
    rows = np.arange(len(places))
    weights = np.concatenate([1 - part, part]).astype(np.float32)
    where = (np.concatenate([rows, rows]), np.concatenate([low, high]))
    return csr_matrix((weights, where), shape=(len(places), n))


def _gaussian(n: int, sigma: float) -> Any:
    """Smoothing as a banded matrix; the edge voxel stands for what lies beyond it."""
    from scipy.sparse import csr_matrix

    radius = max(1, int(np.ceil(4 * sigma)))
    offsets = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 * (offsets / sigma) ** 2)
    weights /= weights.sum()
    rows = np.repeat(np.arange(n), len(offsets))
    columns = np.clip(np.add.outer(np.arange(n), offsets), 0, n - 1).ravel()
    return csr_matrix((np.tile(weights, n).astype(np.float32), (rows, columns)), shape=(n, n))


def _sampled_sheared(values: Array, source: Geometry, target: Geometry, back: Array) -> Array:
    """Through the whole affine, 32 target slices at a time."""
    from scipy.ndimage import affine_transform

    # How many source voxels along each of its axes a target voxel spans, perpendicular to the rest.
    for axis, step in enumerate(np.abs(back[:3, :3]).max(axis=1)):
        if step > 1 + 1e-3 and values.shape[axis] > 1:
            values = _smoothed(values, axis, float(np.sqrt(step**2 - 1)) / _FWHM_PER_SIGMA)
    out = np.empty(target.shape, dtype=np.float32)
    for start in range(0, target.shape[2], 32):
        stop = min(start + 32, target.shape[2])
        affine_transform(
            values,
            back[:3, :3],
            offset=back[:3, 3] + back[:3, 2] * start,
            output=out[:, :, start:stop],
            output_shape=(target.shape[0], target.shape[1], stop - start),
            order=1,
            mode="nearest",
        )
    return out


def _smoothed(values: Array, axis: int, sigma: float) -> Array:
    from scipy.ndimage import gaussian_filter1d

    smooth: Array = gaussian_filter1d(values, sigma, axis=axis, mode="nearest")
    return smooth
