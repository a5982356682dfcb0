"""A condition read off an image: a value with its unit, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.errors import LimenError

Array = NDArray[Any]


class ReadingError(LimenError):
    """An image or a calibration from which nothing can be read."""


@dataclass(frozen=True)
class Reading:
    """What an estimator says about one image.

    Attributes
    ----------
    name : str
        "noise", "resolution" ...
    value : float or None
        None where it cannot be said.
    unit : str
    because : str
        Why it cannot be said; "" where there is a value.
    samples : int
        Independent places of the image that the value rests on, as far as they were counted.
    """

    name: str
    value: float | None
    unit: str
    because: str = ""
    samples: int = 0


def unreadable(name: str, unit: str, because: str) -> Reading:
    return Reading(name, None, unit, because)


@dataclass(frozen=True)
class Calibration:
    """From a statistic of an image to a value on a physical axis, monotone.

    Attributes
    ----------
    statistic, value : tuple of float
        Knots, both in rising order of the statistic.
    error : float
        Mean absolute error on images that were left out in turn, in the unit of the axis.
    """

    statistic: tuple[float, ...]
    value: tuple[float, ...]
    error: float

    def __call__(self, statistic: float) -> float:
        """The axis value; beyond the knots the nearest knot's."""
        return float(np.interp(statistic, self.statistic, self.value))


def calibrate(
    statistics: Array, values: Array, images: Sequence[int] | Array | None = None
) -> Calibration:
    """Fit a monotone calibration, and its error on images left out.

    Parameters
    ----------
    statistics, values : (n,) arrays
        Read off an image, and the condition that it was made with.
    images : (n,) ints, optional
        Which image each comes from; each in turn is left out for the error. Without them every
        single pair is.

    Returns
    -------
    Calibration

    Raises
    ------
    ReadingError
        For fewer than three images, or values that do not vary.
    """
    s, v = np.asarray(statistics, float), np.asarray(values, float)
    groups = np.arange(s.size) if images is None else np.asarray(images)
    kinds = np.unique(groups)
    if s.shape != v.shape or s.ndim != 1 or kinds.size < 3 or np.ptp(v) == 0:
        raise ReadingError(
            "A calibration needs at least three images and values that vary",
            found=f"{kinds.size} images, shapes {s.shape} and {v.shape}",
        )
    if not (np.isfinite(s).all() and np.isfinite(v).all()):
        raise ReadingError("Statistics and values must be finite", found="NaN or infinity")
    errors = []
    for image in kinds:
        out = groups == image
        knots = _monotone(s[~out], v[~out])
        errors.append(np.abs(np.interp(s[out], *knots) - v[out]))
    knots = _monotone(s, v)
    return Calibration(
        tuple(float(x) for x in knots[0]), tuple(float(x) for x in knots[1]),
        float(np.concatenate(errors).mean()),
    )  # fmt: skip


def _monotone(s: Array, v: Array) -> tuple[Array, Array]:
    from scipy.optimize import isotonic_regression

    order = np.argsort(s, kind="stable")
    rising = bool(np.corrcoef(s, v)[0, 1] >= 0) if np.ptp(s) > 0 else True
    fitted = isotonic_regression(v[order], increasing=rising).x
    # one knot for each flat piece, at the mean of its statistics
    starts = np.flatnonzero(np.r_[True, np.diff(fitted) != 0])
    ends = np.r_[starts[1:], fitted.size]
    middles = np.array([s[order][a:b].mean() for a, b in zip(starts, ends, strict=True)])
    return middles, fitted[starts]
