"""Can the lesion be seen in the reconstructed image: detectability by a model observer.

Estimand: d', the signal-to-noise ratio of an observer's decision variable between images with a
known signal and images without it, for images made like these; a task with two answers is then
solved with an area under the ROC curve of Phi(d' / sqrt 2). Unit of independence: the image, each
an own realisation of the noise (several slices of one scan are not). Guarantee: intervals are
exact when the channels' outputs are normal with one covariance, which noise of reconstructed
images mostly is; an iterative reconstruction may break it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from limen.measures.errors import BadValue, CannotSay, ShapeMismatch
from limen.measures.figure import Figure, figure
from limen.measures.grid import Array
from limen.measures.intervals import Interval

Observer = Literal["cho", "npw"]


@dataclass(frozen=True)
class Detectability:
    """How well an observer tells images with a signal from images without.

    Attributes
    ----------
    observer : "cho" or "npw"
    d_prime : Figure
        Without unit; 0 is chance.
    auc : Figure
        Phi(d' / sqrt 2).
    n_present, n_absent : int
    """

    observer: Observer
    d_prime: Figure
    auc: Figure
    n_present: int
    n_absent: int

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def detectability(
    present: ArrayLike,
    absent: ArrayLike,
    *,
    observer: Observer,
    channels: ArrayLike | None = None,
    signal: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Detectability:
    """d' of a model observer from images with and without a signal.

    Parameters
    ----------
    present, absent : (N, ...) and (M, ...) array
        Images of one shape with and without the signal, each an own noise realisation.
    observer : "cho" or "npw"
        cho: channelised Hotelling observer (Myers and Barrett, JOSA A 4 (1987) 2447), which
        estimates signal and covariance from these images. npw: non-prewhitening matched filter,
        whose template is the signal.
    channels : (C, ...) array
        For cho: as ``limen.physics.observers.laguerre_gauss_channels`` or ``gabor_channels``.
    signal : (...) array
        For npw: the signal as it looks in the image without noise. It is not taken from the
        same images, for a template that knows their noise sees too much.
    confidence : float

    Returns
    -------
    Detectability
        For cho d'^2 has the two biases of its estimate taken off, that of the inverse
        covariance and that of the signal's noise, and is 0 where nothing is left.

    Raises
    ------
    ShapeMismatch, BadValue
    CannotSay
        With too few images for the channels, or noise of no spread.

    Notes
    -----
    Intervals invert the noncentral F of Hotelling's T^2 (cho; Wunderlich, Noo, Gallas and Heilbrun,
    IEEE Trans Med Imaging 34 (2015) 453) and the noncentral t (npw).
    """
    with_it, without = _images(present, "present"), _images(absent, "absent")
    if with_it.shape[1:] != without.shape[1:]:
        raise ShapeMismatch(
            "images with and without the signal are not of one shape",
            found=f"{with_it.shape[1:]} and {without.shape[1:]}",
        )
    if not 0 < confidence < 1:
        raise BadValue("the confidence is not between 0 and 1", found=str(confidence))
    shape = with_it.shape[1:]
    if observer == "cho":
        seen = _through(channels, shape, "channels", (len(shape) + 1,))
    elif observer == "npw":
        seen = _through(signal, shape, "signal", (len(shape),))
    else:
        raise BadValue("no such observer", found=str(observer), mend="use cho or npw")
    a, b = (x.reshape(len(x), -1) @ seen.T for x in (with_it, without))
    n, m, c = len(a), len(b), seen.shape[0]
    free = n + m - 2
    if min(n, m) < 2 or free - c - 1 < 1:
        raise CannotSay(
            f"detectability cannot be said with n = {n + m} images",
            found=f"{n} with the signal, {m} without, {c} channels",
            mend="give several times more images than channels",
        )
    gap = a.mean(axis=0) - b.mean(axis=0)
    scatter = sum(np.atleast_2d(np.cov(x, rowvar=False)) * (len(x) - 1) for x in (a, b))
    spread = np.asarray(scatter) / free
    if not np.linalg.cond(spread) < 1e14:
        raise CannotSay(
            "detectability cannot be said: the channels see no noise, or the same noise twice",
            mend="give images with noise, and channels that differ",
        )
    squared = float(gap @ np.linalg.solve(spread, gap))
    balance = n * m / (n + m)
    if observer == "npw":
        value = float(gap[0] / math.sqrt(spread[0, 0]))
        limits: Callable[[], Interval] = lambda: _by_t(value, balance, free, confidence)  # noqa: E731
    else:
        value = math.sqrt(max((free - c - 1) / free * squared - c / balance, 0.0))
        limits = lambda: _by_f(squared, balance, free, c, confidence)  # noqa: E731

    def shown(of: float, interval: Callable[[], Interval]) -> Figure:
        return figure(of, interval, n=n + m, n_patients=n + m, confidence=confidence)

    return Detectability(
        observer, shown(value, limits), shown(_auc(value), lambda: _as_auc(limits())), n, m
    )


def _by_f(squared: float, balance: float, free: int, c: int, confidence: float) -> Interval:
    """Limits of d' from Hotelling's T^2."""
    from scipy.optimize import brentq
    from scipy.special import ncfdtr

    below = free - c + 1
    f = below / (free * c) * balance * squared

    def limit(level: float) -> float:
        def beyond(noncentrality: float) -> float:
            return float(ncfdtr(c, below, noncentrality, f)) - level

        if beyond(0.0) <= 0:
            return 0.0
        high = 1.0 + f * c
        while beyond(high) > 0:
            high *= 2
        return math.sqrt(float(brentq(beyond, 0.0, high)) / balance)

    return Interval(
        limit((1 + confidence) / 2),
        limit((1 - confidence) / 2),
        confidence,
        "noncentral F, exact for normal channel outputs",
    )


def _by_t(value: float, balance: float, free: int, confidence: float) -> Interval:
    """Limits of d' from the two-sample t of the template's responses."""
    from scipy.special import nctdtrinc

    t = value * math.sqrt(balance)
    low, high = (
        float(nctdtrinc(free, level, t)) / math.sqrt(balance)
        for level in ((1 + confidence) / 2, (1 - confidence) / 2)
    )
    return Interval(low, high, confidence, "noncentral t, exact for normal responses")


def _auc(d_prime: float) -> float:
    from scipy.special import ndtr

    return float(ndtr(d_prime / math.sqrt(2)))


def _as_auc(made: Interval) -> Interval:
    return Interval(_auc(made.low), _auc(made.high), made.confidence, made.method)


def _images(images: ArrayLike, what: str) -> Array:
    found = np.asarray(images, dtype=float)
    if found.ndim < 2 or not found.shape[0]:
        raise ShapeMismatch(
            f"{what} is not a stack of images", found=f"shape {found.shape}",
            mend="give (images, ...)",
        )  # fmt: skip
    if not np.isfinite(found).all():
        raise BadValue(f"{what} holds values that are not finite", found="NaN or infinity")
    return found


def _through(
    given: ArrayLike | None, shape: tuple[int, ...], what: str, axes: tuple[int, ...]
) -> Array:
    """Channels or template as rows."""
    if given is None:
        raise BadValue(f"the observer needs its {what}", mend=f"say {what}=")
    found = np.asarray(given, dtype=float)
    if found.ndim not in axes or found.shape[-len(shape) :] != shape:
        raise ShapeMismatch(
            f"the {what} is not of the images' shape" if what == "signal"
            else f"the {what} are not of the images' shape",
            found=f"{found.shape} for images of {shape}",
        )  # fmt: skip
    rows = found.reshape(-1, math.prod(shape))
    if not np.isfinite(rows).all() or not (np.abs(rows).max(axis=1) > 0).all():
        raise BadValue(f"the {what} must be finite and not zero", found="NaN, infinity or zeros")
    return rows
