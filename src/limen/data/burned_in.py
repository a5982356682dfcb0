"""Text burned into pixels: a heuristic for images that often carry some.

Letters that a device writes are flat: one grey level, brighter or darker than all around, alike in
height and side by side. Anatomy and speckle are not flat. Handwriting, text on a busy ground and
single marker letters (L, R) are not found.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_TEXT_LIST = "US IVUS SC OT CR DX RG RF XA XC ES GM MG PX IO OP OPT DOC SM"
TEXT_MODALITIES = frozenset(_TEXT_LIST.split())
"""Modalities whose images often have text in them: ultrasound, secondary capture, radiography and
whatever photographs or films a screen."""
MIN_LETTERS = 5
HEIGHT_PX = (5, 60)
FLAT = 0.35
"""Share of a letter's pixels that have its own level; its edges may be smoothed."""


def lines_of_text(pixels: NDArray[Any]) -> int:
    """How many lines of text there seem to be.

    Parameters
    ----------
    pixels : array
        One image (R, C), frames (N, R, C), or colour with a last axis of 3.

    Returns
    -------
    int
        Of the first and the last frame the greater number; 0 where none was found, which does not
        prove that there is none.
    """
    if pixels.ndim >= 3 and pixels.shape[-1] in (3, 4):
        pixels = pixels[..., :3].astype(np.float32).mean(axis=-1)
    frames = [pixels] if pixels.ndim == 2 else [pixels[0], pixels[-1]]
    return max((_in_frame(np.asarray(f)) for f in frames), default=0)


def _in_frame(frame: NDArray[Any]) -> int:
    """Lines of bright and of dark letters, each held against the middle of the image."""
    grey = frame.astype(np.float32)
    low, middle, high = float(grey.min()), float(np.median(grey)), float(grey.max())
    if high == low:
        return 0
    bright = _lines(grey, grey > (middle + high) / 2)
    return max(bright, _lines(low + high - grey, grey < (middle + low) / 2))


def _lines(grey: NDArray[np.float32], mask: NDArray[np.bool_]) -> int:
    from scipy.ndimage import find_objects, label

    if not mask.any() or mask.mean() > 0.5:
        return 0
    span = float(grey.max() - grey.min())
    marked, _ = label(mask, np.ones((3, 3), bool))
    letters = []
    for number, box in enumerate(find_objects(marked), 1):
        rows, columns = box
        height, width = rows.stop - rows.start, columns.stop - columns.start
        if not (HEIGHT_PX[0] <= height <= HEIGHT_PX[1] and 1 <= width <= 2 * height):
            continue
        ink = marked[box] == number
        levels = grey[box][ink]
        # a letter is one level but for its edges; speckle and anatomy are not
        is_flat = np.mean(levels >= levels.max() - 0.1 * span) >= FLAT
        if is_flat and ink.mean() >= 0.12 and (width > 1 or ink.mean() > 0.9):
            letters.append((rows.stop, columns.start, columns.stop, height))
    return sum(len(line) >= MIN_LETTERS for line in _grouped(letters))


def _grouped(letters: list[tuple[int, int, int, int]]) -> list[list[tuple[int, int, int, int]]]:
    """Letters that stand on one line, are alike in height and follow each other closely."""
    lines: list[list[tuple[int, int, int, int]]] = []
    for letter in sorted(letters, key=lambda m: m[1]):
        bottom, left, _, height = letter
        for line in lines:
            last = line[-1]
            near = 0 <= left - last[2] <= 1.2 * max(height, last[3])
            if near and abs(bottom - last[0]) <= 0.3 * height and _alike(height, last[3]):
                line.append(letter)
                break
        else:
            lines.append([letter])
    return lines


def _alike(a: int, b: int) -> bool:
    return min(a, b) >= 0.55 * max(a, b)
