"""How well image observers find a known signal: non-prewhitening and channelised Hotelling.

For images of any modality; what the raw data themselves allow is each modality's own ideal
observer (``ct.raw_detectability``, ``mr.detectability``, ``oct.ideal_observer_snr``). Detectability
d' is the signal-to-noise ratio of an observer's decision variable; a task with two answers of
equal prior is solved with an area under the curve of ``Phi(d' / sqrt(2))`` (Barrett and Myers,
Foundations of Image Science, 2004, chapter 13).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.errors import LimenError

Array = NDArray[Any]


class ObserverError(LimenError):
    """A signal, background or ensemble from which no detectability can be said."""


def npw_detectability(signal: Array, covariance_or_images: Array) -> float:
    """d' of the non-prewhitening matched filter on images.

    The template is the signal itself: ``d' = s.s / sqrt(s' K s)``.

    Parameters
    ----------
    signal : array
        Mean difference of the images with and without it.
    covariance_or_images : (images, *signal.shape) array
        Noise images; their mean is taken away. The variance of the template's response is
        estimated from them, with n - 1.

    Returns
    -------
    float
    """
    s, images = _flat(signal, covariance_or_images)
    variance = float(np.var(images @ s, ddof=1))
    if not (variance > 0 and (s != 0).any()):
        raise ObserverError(
            "No detectability without signal and noise", found=f"variance {variance:g}"
        )
    return float(s @ s / np.sqrt(variance))


def cho_detectability(signal: Array, images: Array, channels: Array) -> float:
    """d' of the channelised Hotelling observer.

    ``d'^2 = v' K^-1 v`` with v the signal and K the covariance of the noise as seen through the
    channels. The inverse of an estimated covariance is too large by a known factor (Kaufman and
    Rosenthal), which is taken off: ``(n - 1 - c - 1) / (n - 1)`` for n images and c channels.

    Parameters
    ----------
    signal : array
    images : (images, *signal.shape) array
        Noise images.
    channels : (channels, *signal.shape) array
        `laguerre_gauss_channels` or `gabor_channels`.

    Returns
    -------
    float
    """
    s, noise = _flat(signal, images)
    u = np.asarray(channels, dtype=np.float64).reshape(channels.shape[0], -1)
    if u.shape[1] != s.size:
        raise ObserverError(
            "The channels do not belong to this signal",
            found=f"{channels.shape[1:]} and {signal.shape}",
        )
    n, c = noise.shape[0], u.shape[0]
    if n < 2 * c + 2:
        raise ObserverError(
            "Too few noise images for these channels",
            found=f"{n} images, {c} channels",
            mend=f"give at least {2 * c + 2}",
        )
    seen, v = noise @ u.T, u @ s
    covariance = np.atleast_2d(np.cov(seen, rowvar=False))
    shrink = (n - c - 2) / (n - 1)
    try:
        squared = shrink * float(v @ np.linalg.solve(covariance, v))
    except np.linalg.LinAlgError:
        squared = float("nan")
    if not squared >= 0:
        raise ObserverError("The channels see no noise, or the same noise twice")
    return float(np.sqrt(squared))


def laguerre_gauss_channels(
    shape: tuple[int, int], pixel_mm: float, width_mm: float, n: int = 6
) -> Array:
    """(n, x, y) rotationally symmetric channels, unit norm (Gallas and Barrett, JOSA A 20, 2003).

    ``exp(-pi r^2 / a^2) L_j(2 pi r^2 / a^2)`` around the middle of the image, a = ``width_mm``.
    """
    from scipy.special import eval_laguerre

    r2 = _radius_squared(shape, pixel_mm)
    g = 2 * np.pi * r2 / width_mm**2
    channels = np.array([np.exp(-g / 2) * eval_laguerre(j, g) for j in range(n)])
    return np.asarray(channels / np.sqrt((channels**2).sum(axis=(1, 2), keepdims=True)))


def gabor_channels(
    shape: tuple[int, int],
    pixel_mm: float,
    frequencies_per_mm: tuple[float, ...] = (0.0625, 0.125, 0.25, 0.5),
    orientations: int = 5,
) -> Array:
    """(channels, x, y) Gabor channels of one octave, unit norm, cosine phase.

    As used for CT by Yu et al. (Med. Phys. 40, 2013).
    """
    x, y = _axes(shape, pixel_mm)
    channels = []
    for f in frequencies_per_mm:
        width = f * 2 / 3  # an octave around f
        envelope = np.exp(-4 * np.log(2) * _radius_squared(shape, pixel_mm) * (width * 0.56) ** 2)
        for k in range(orientations):
            angle = np.pi * k / orientations
            wave = np.cos(2 * np.pi * f * (x * np.cos(angle) + y * np.sin(angle)))
            channels.append(envelope * wave)
    stack = np.array(channels)
    return np.asarray(stack / np.sqrt((stack**2).sum(axis=(1, 2), keepdims=True)))


def _axes(shape: tuple[int, int], pixel_mm: float) -> tuple[Array, Array]:
    x, y = ((np.arange(n) - (n - 1) / 2) * pixel_mm for n in shape)
    return x[:, None], y[None]


def _radius_squared(shape: tuple[int, int], pixel_mm: float) -> Array:
    x, y = _axes(shape, pixel_mm)
    return np.asarray(x**2 + y**2)


def _flat(signal: Array, images: Array) -> tuple[Array, Array]:
    if images.ndim != signal.ndim + 1 or images.shape[1:] != signal.shape or len(images) < 2:
        raise ObserverError(
            "Noise images must have the signal's shape, several first",
            found=f"{images.shape} for a signal of {signal.shape}",
        )
    s = np.asarray(signal, dtype=np.float64).ravel()
    noise = np.asarray(images, dtype=np.float64).reshape(len(images), -1)
    if not (np.isfinite(s).all() and np.isfinite(noise).all()):
        raise ObserverError("Signal and images must be finite", found="NaN or infinity")
    return s, noise - noise.mean(axis=0)
