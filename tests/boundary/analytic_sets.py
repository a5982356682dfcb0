"""Cases whose passing conditions are known in closed form, on axes from 0 (nominal) to 1."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from limen.boundary import Condition, SearchAxis, Trial
from limen.boundary.frontier import positions

Passes = Callable[[np.ndarray], np.ndarray]


def unit_axes(n: int, tolerance: float = 1 / 32) -> tuple[SearchAxis, ...]:
    return tuple(SearchAxis(f"a{i}", "", 0.0, 1.0, tolerance) for i in range(n))


def ellipsoid(x: np.ndarray) -> np.ndarray:
    """Losses that add in squares, some axes harmless alone."""
    return (x**2 / np.array([0.9, 0.7, 1.1, 1.2])[: x.shape[1]] ** 2).sum(axis=1) <= 1


def detectability(x: np.ndarray) -> np.ndarray:
    """Signal to noise of a lesion: dose and views lower it as roots, blur and motion as powers."""
    dose, views, blur, motion = (x[:, i] for i in range(4))
    d = 8 * np.sqrt((1 - 0.95 * dose) * (1 - 0.9 * views)) / ((1 + blur**2) * (1 + 2 * motion**2))
    return d >= 3.5


def thresholds(x: np.ndarray) -> np.ndarray:
    """Each axis has a limit of its own."""
    return (x <= np.array([0.62, 0.71, 0.83, 0.58])[: x.shape[1]]).all(axis=1)


MODELS: dict[str, Passes] = {
    "ellipsoid": ellipsoid,
    "detectability": detectability,
    "thresholds": thresholds,
}


def answering(
    passes: Passes, axes: tuple[SearchAxis, ...], asked: list[Condition]
) -> Callable[[str, Condition], Trial]:
    """A verdict that notes what it was asked."""

    def verdict(case: str, condition: Condition) -> Trial:
        asked.append(dict(condition))
        return Trial(dict(condition), bool(passes(positions([condition], axes))[0]))

    return verdict


def f1(found: np.ndarray, truth: np.ndarray) -> float:
    return 2 * float((found & truth).sum()) / float(found.sum() + truth.sum())
