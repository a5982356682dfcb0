"""Shot, excess and read noise of fringes, digitising, and the sensitivity they allow."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.physics.oct.acquisition import Acquisition, Detector
from limen.physics.oct.errors import AcquisitionError, FringeError
from limen.physics.oct.interferogram import forward
from limen.physics.oct.reconstruction import Recipe

Array = NDArray[Any]


def mean_counts(reflectivity: Array, acquisition: Acquisition) -> Array:
    """Noiseless raw values: reference, light of the sample arm, and interference.

    Parameters
    ----------
    reflectivity : (..., depths) array
    acquisition : Acquisition
        With a detector whose electrons are known.

    Returns
    -------
    (..., samples) array in counts
    """
    interference = forward(reflectivity, acquisition)
    detector = acquisition.detector
    back = np.sum(np.abs(reflectivity) ** 2, axis=-1, keepdims=True)
    sample = detector.sample_electrons / detector.electrons_per_count * back * acquisition.spectrum
    return np.asarray(
        interference + (acquisition.reference_counts + sample), dtype=interference.dtype
    )


def noise_variance(electrons: Array, detector: Detector) -> Array:
    """Variance in electrons^2 of a sample that holds on average ``electrons``.

    ``N + (e N)^2 + sigma^2``: shot, excess and read noise (Leitgeb, Hitzenberger and Fercher, Opt.
    Express 11, 2003, eq. 13).
    """
    light = np.maximum(electrons, 0)
    return np.asarray(
        light + (detector.excess_noise * light) ** 2 + detector.read_noise_electrons**2
    )


def add_noise(counts: Array, detector: Detector, rng: np.random.Generator) -> Array:
    """Raw values with noise: Poisson counts of a light that fluctuates, plus read noise.

    Means above 1e4 electrons are drawn from the normal distribution of the same variance.
    """
    detector.electrons  # noqa: B018 - raises where the amount of light is not known
    mean = (np.asarray(counts) - detector.dark_counts) * detector.electrons_per_count
    mean = np.maximum(mean, 0)
    if mean.max(initial=0) > 1e4:
        spread = np.sqrt(noise_variance(mean, detector)).astype(np.float32)
        noisy = mean + spread * rng.standard_normal(mean.shape, dtype=np.float32)
    else:
        light = mean * (1 + detector.excess_noise * rng.standard_normal(mean.shape))
        noisy = rng.poisson(np.maximum(light, 0)) + (
            detector.read_noise_electrons * rng.standard_normal(mean.shape)
        )
    return np.asarray(
        detector.dark_counts + noisy / detector.electrons_per_count, dtype=counts.dtype
    )


def digitise(counts: Array, detector: Detector) -> Array:
    """Whole numbers from 0 to full scale, as uint16."""
    top = detector.full_scale_counts or 65535.0
    if top > 65535:
        raise AcquisitionError("More than 16 bits cannot be kept", found=f"full scale {top:g}")
    return np.clip(np.rint(counts), 0, top).astype(np.uint16)


def acquire(reflectivity: Array, acquisition: Acquisition, seed: int) -> Array:
    """Raw 16-bit fringes of a profile, with noise: (..., samples) uint16."""
    rng = np.random.Generator(np.random.SFC64(seed))
    noisy = add_noise(mean_counts(reflectivity, acquisition), acquisition.detector, rng)
    return digitise(noisy, acquisition.detector)


def sensitivity_db(acquisition: Acquisition, recipe: Recipe) -> float:
    """Signal-to-noise of a perfect mirror at zero delay, in dB of power.

    ``|sum w F s / 2|^2 / sum w^2 (N + (e N)^2 + sigma^2)`` with the window w: it grows by 10 dB
    per decade of light when shot noise prevails, by 20 under read noise, and not at all under
    excess noise (Leitgeb et al. 2003; Yun et al., Opt. Express 11, 2003). Noise is of the
    reference alone: the mirror is dimmed until its light does not count.
    """
    detector, spectrum = acquisition.detector, acquisition.spectrum
    at = np.arange(recipe.n_samples)
    amplitude = detector.fringe_counts * np.interp(recipe.positions, at, spectrum)
    signal = (np.sum(recipe.window * amplitude) / 2) ** 2
    variance = noise_variance(detector.electrons * spectrum, detector)
    floor = recipe.noise_db(variance / detector.electrons_per_count**2)
    return float(10 * np.log10(signal) - floor)


def relative_noise(rin_db_per_hz: float, exposure_us: float) -> float:
    """`Detector.excess_noise` of a source: ``sqrt(10^(RIN/10) / (2 T))``.

    An exposure T passes a noise bandwidth of 1 / (2 T) (boxcar).
    """
    return float(np.sqrt(10 ** (rin_db_per_hz / 10) / (2 * exposure_us * 1e-6)))


def photon_transfer(fringes: Array, dark_counts: float = 0.0) -> tuple[float, float]:
    """Electrons per count, from the noise of raw fringes: the slope of variance over mean.

    The noise of a sample is told from the fringe by a second difference over A-scans and samples,
    which leaves only what changes from one to the next; structure near the deepest depths, or
    A-scans that are correlated by less than their light, make the result too low. Excess noise
    bends the line; it is fitted as a second power.

    Parameters
    ----------
    fringes : (A-scans, samples) array
        50 A-scans or more.
    dark_counts : float

    Returns
    -------
    (float, float)
        Electrons per count and its standard error.
    """
    f = np.asarray(fringes, np.float64)
    if f.ndim != 2 or f.shape[0] < 50 or f.shape[1] < 64 or not np.isfinite(f).all():
        raise FringeError(
            "Photon transfer needs 50 finite A-scans of 64 samples",
            found=f"shape {f.shape}",
        )
    mean = f.mean(0) - dark_counts
    change = f - (np.roll(f, 1, -1) + np.roll(f, -1, -1)) / 2
    change = (change - change.mean(0))[:, 1:-1]
    variance, level = change.var(0, ddof=1) / 1.5, mean[1:-1]
    x = np.stack([level, level**2, np.ones_like(level)], 1)
    coefficients, *_ = np.linalg.lstsq(x, variance, rcond=None)
    left = variance - x @ coefficients
    spread = np.linalg.inv(x.T @ x)[0, 0] * left.var() * left.size / (left.size - 3)
    slope, error = float(coefficients[0]), float(np.sqrt(spread))
    if not slope > 2 * error:
        raise FringeError(
            "Electrons per count cannot be said, because variance does not grow with light",
            found=f"slope {slope:.3g} +/- {error:.3g} counts",
        )
    return 1 / slope, error / slope**2
