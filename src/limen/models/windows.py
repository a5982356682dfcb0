"""Sliding windows: a model that takes a piece at a time, applied to a whole image.

Positions, padding and Gaussian weights are those of MONAI's ``sliding_window_inference`` with
``mode="gaussian"``, so a model trained with it meets here what it met there. Scores are blended as
the model gives them, before any activation, as MONAI and nnU-Net do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from limen.data.volume import Array

Window = tuple[int, int, int]
Run = Callable[[Array], Array]
"""(N, x, y, z) float32 windows to (N, C, x, y, z) answers."""

_SIGMA_PER_WINDOW = 0.125
_LEAST_WEIGHT = 1e-3


def blended_scores(
    values: Array, window: Window, run: Run, *, overlap: float, batch: int, padding: float
) -> Array:
    """Scores of the whole image, each voxel the weighted mean over the windows that hold it.

    Parameters
    ----------
    values : (X, Y, Z) float32
        Smaller than the window or not: it is padded on both sides alike and cropped again.
    window : (x, y, z)
    run : callable
        The model on a batch of windows.
    overlap : float
        Share of a window that the next one covers again.
    batch : int
        Windows for one call; the last call may have fewer.
    padding : float
        What stands outside of the image.

    Returns
    -------
    (C, X, Y, Z) float32
        Not finite where an answer was not.

    Notes
    -----
    Memory: 4 x (C + 1) bytes for each voxel of the padded image, and one batch.
    """
    padded, inner = _padded(values, window, padding)
    places = window_places(padded.shape, window, overlap)
    if len(places) == 1:
        only: Array = np.asarray(run(padded[None]), dtype=np.float32)[0]
        return only[:, *inner]
    weight = gaussian_weight(window)
    total: Array | None = None
    covered = np.zeros(padded.shape, dtype=np.float32)
    # Infinity and overflow are found in the result, all at once.
    with np.errstate(invalid="ignore", over="ignore"):
        for place, answer in _answers(padded, places, run, batch):
            if total is None:
                total = np.zeros((len(answer), *padded.shape), dtype=np.float32)
            total[:, *place] += answer * weight
            covered[place] += weight
        assert total is not None
        total /= covered
    return total[:, *inner]


def central_labels(
    values: Array, window: Window, run: Run, *, overlap: float, batch: int, padding: float
) -> Array:
    """Labels of the whole image, each voxel from the window in which it lies most central.

    Labels cannot be averaged. Parameters as for :func:`blended_scores`; ``run`` gives one channel.

    Returns
    -------
    (X, Y, Z) array
        Of the type the model gives.
    """
    padded, inner = _padded(values, window, padding)
    places = window_places(padded.shape, window, overlap)
    weight = gaussian_weight(window)
    best = np.zeros(padded.shape, dtype=np.float32)
    labels: Array | None = None
    for place, answer in _answers(padded, places, run, batch):
        if labels is None:
            labels = np.zeros(padded.shape, dtype=answer.dtype)
        wins = weight > best[place]
        labels[place][wins] = answer[0][wins]
        np.maximum(best[place], weight, out=best[place])
    assert labels is not None
    return labels[inner]


def window_places(
    shape: tuple[int, ...], window: tuple[int, ...], overlap: float
) -> list[tuple[slice, ...]]:
    """Where the windows lie: evenly stepped, the last one pushed back to end with the image."""
    from itertools import product

    starts = []
    for size, length in zip(shape, window, strict=True):
        step = max(1, int(length * (1 - overlap)))
        count = -(-(size - length) // step) + 1
        starts.append([min(i * step, size - length) for i in range(count)])
    return [
        tuple(slice(s, s + n) for s, n in zip(start, window, strict=True))
        for start in product(*starts)
    ]


def gaussian_weight(window: Window) -> Array:
    """How much each voxel of a window counts: a Gaussian of 1/8 of the window, never zero.

    Returns
    -------
    (x, y, z) float32
        At most 1.
    """
    weight = np.ones((1, 1, 1))
    for axis, n in enumerate(window):
        offset = np.arange(n) - (n - 1) / 2
        profile = np.exp(-0.5 * (offset / (_SIGMA_PER_WINDOW * n)) ** 2)
        weight = weight * np.expand_dims(profile, [a for a in range(3) if a != axis])
    return np.maximum(weight, _LEAST_WEIGHT).astype(np.float32)


def _answers(
    padded: Array, places: list[tuple[slice, ...]], run: Run, batch: int
) -> Iterator[tuple[tuple[slice, ...], Array]]:
    for first in range(0, len(places), batch):
        here = places[first : first + batch]
        yield from zip(here, run(np.stack([padded[p] for p in here])), strict=True)


def _padded(values: Array, window: Window, padding: float) -> tuple[Array, tuple[slice, ...]]:
    """The image, at least as large as the window, and where it lies in it."""
    missing = [max(0, w - n) for w, n in zip(window, values.shape, strict=True)]
    inner = tuple(slice(m // 2, m // 2 + n) for m, n in zip(missing, values.shape, strict=True))
    if not any(missing):
        return values, inner
    widths = [(m // 2, m - m // 2) for m in missing]
    return np.pad(values, widths, constant_values=np.float32(padding)), inner
