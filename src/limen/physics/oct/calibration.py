"""k-linearisation and dispersion from two mirrors and darks (Attendu et al. 2019).

A mirror at a distance on either side of zero delay makes fringes with the phases
``2 k z1 + phi(k)`` and ``2 k z2 - phi(k)``. Half their sum is linear in k: it says at which
fractional samples k is even. Half their difference is the dispersion phase, but for a line in k,
which only moves the image (Attendu, Ruis, Boudoux, van Leeuwen and Faber, "Simple and robust
calibration procedure for k-linearization and dispersion compensation in optical coherence
tomography", J. Biomed. Opt. 24(5) 056001, 2019, section 2).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.physics.oct.errors import CalibrationError

Array = NDArray[Any]

ORDER = 5
"""Of the polynomials in the sample; more would follow the noise at the spectrum's ends."""


@dataclass(frozen=True, eq=False)
class CalibrationSet:
    """What is measured for a calibration; each (samples,) float array in raw units.

    Attributes
    ----------
    mirror1, mirror2 : array
        A mirror in the sample arm on either side of zero delay.
    dark_reference : array
        Sample arm blocked: the reference's light alone.
    dark_sample1, dark_sample2 : array
        Reference blocked, at either mirror position.
    dark_both : array
        Both blocked.
    """

    mirror1: Array
    mirror2: Array
    dark_reference: Array
    dark_sample1: Array
    dark_sample2: Array
    dark_both: Array

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            row = np.asarray(getattr(self, name), np.float64)
            if row.ndim != 1 or row.shape != np.shape(self.mirror1) or row.size < 64:
                raise CalibrationError(
                    "A calibration set has one row of samples for each measurement",
                    where=name,
                    found=f"shape {row.shape} beside {np.shape(self.mirror1)}",
                )
            if not np.isfinite(row).all():
                raise CalibrationError("Calibration must be finite", where=name, found="NaN")
            object.__setattr__(self, name, row)

    @property
    def fringes(self) -> tuple[Array, Array]:
        """Both mirrors' interference alone: less the light of either arm, the dark counted once."""
        one = self.mirror1 - self.dark_reference - self.dark_sample1 + self.dark_both
        two = self.mirror2 - self.dark_reference - self.dark_sample2 + self.dark_both
        return one, two


@dataclass(frozen=True, eq=False)
class Calibration:
    """Where k is even, and the dispersion phase there.

    Attributes
    ----------
    positions : (points,) float64
        Fractional samples, even in k.
    dispersion_phase_rad : (points,) float64
        For a sample on mirror 1's side; the other side has the opposite sign.
    n_samples : int
    depth_spacing_um : float or None
        None where no wavelengths were given.
    warnings : tuple of str
    measured : mapping
        How well it went: the width of each mirror's point-spread in pixels at half amplitude before
        and after, and the least width that its spectrum allows.
    """

    positions: Array
    dispersion_phase_rad: Array
    n_samples: int
    depth_spacing_um: float | None = None
    warnings: tuple[str, ...] = ()
    measured: dict[str, float] = field(default_factory=dict)


def calibrate(
    measured: CalibrationSet,
    wavelength_nm: tuple[float, float] | None = None,
    order: int = ORDER,
) -> Calibration:
    """Calibrate from two mirrors and darks.

    Parameters
    ----------
    measured : CalibrationSet
    wavelength_nm : (float, float), optional
        Of the first and last sample; only the depth scale comes from it.
    order : int
        Of the polynomials.

    Returns
    -------
    Calibration

    Raises
    ------
    CalibrationError
        No fringe, both mirrors on the same depth and side, a phase that does not rise over the
        spectrum, or a phase that wraps between samples.
    """
    fringes = measured.fringes
    n = measured.mirror1.size
    at = np.arange(n, dtype=np.float64)
    phases, weights = zip(*(_phase(f, f"mirror{i}") for i, f in enumerate(fringes, 1)), strict=True)
    weight = np.minimum(*weights)
    total = _fit(at, (phases[0] + phases[1]) / 2, weight, order)
    linear = total(at)
    rising = np.diff(linear)
    if not (rising > 0).all():
        raise CalibrationError(
            "The mirrors' phases do not rise over the whole spectrum",
            found=f"they fall at {int((rising <= 0).sum())} of {n} samples",
            mend="cut samples without light, or lower the order of the fit",
        )
    even = np.linspace(linear[0], linear[-1], n)
    positions = np.clip(_inverse(total, linear, even), 0, n - 1.0)

    half = _fit(at, (phases[0] - phases[1]) / 2, weight, order)(at)
    straight = np.polynomial.Polynomial.fit(linear, half, 1, w=np.sqrt(weight))
    phase = np.interp(positions, at, half - straight(linear))

    spacing = None
    if wavelength_nm is not None:
        ends = np.asarray(wavelength_nm, np.float64)
        if not (np.isfinite(ends).all() and ends.min() > 0 and ends[0] != ends[1]):
            raise CalibrationError(
                "Two different wavelengths in nm are needed", found=f"{wavelength_nm}"
            )
        span = abs(2e3 * np.pi / ends[0] - 2e3 * np.pi / ends[1])
        spacing = float(np.pi * (n - 1) / (n * span))
    quality = _quality(fringes, positions, phase)
    warnings = [
        f"mirror {i}: the point-spread is {w:.1f} pixels wide where its spectrum allows {best:.1f}"
        for i in (1, 2)
        if (w := quality[f"mirror{i}_width_after_px"])
        > 1.5 * (best := quality[f"mirror{i}_width_least_px"])
    ]
    return Calibration(positions, phase, n, spacing, tuple(warnings), quality)


def point_spread_width_px(signal: Array) -> float:
    """Full width at half amplitude of the largest peak of a signal's spectrum, in pixels."""
    import scipy.fft as fft

    fine = 16
    n = signal.shape[-1]
    amplitude = np.abs(fft.fft(signal, fine * n))
    top = int(amplitude.argmax())
    amplitude = np.roll(amplitude, amplitude.size // 2 - top)
    middle = amplitude.size // 2
    low = amplitude < amplitude[middle] / 2
    left = np.flatnonzero(low[:middle])
    right = np.flatnonzero(low[middle:])
    if left.size == 0 or right.size == 0:
        return float(n)
    return float((right[0] + middle - left[-1] - 1) / fine)


def _phase(fringe: Array, name: str) -> tuple[Array, Array]:
    """Unwrapped phase of the one fringe of a mirror, and the weight of each sample."""
    import scipy.fft as fft

    n = fringe.size
    padded = fft.fft((fringe - fringe.mean()) * np.hanning(n))
    power = np.abs(padded[: n // 2]) ** 2
    power[:3] = 0
    peak = int(power.argmax())
    noise = float(np.median(power))
    if power[peak] < 1e3 * noise:
        raise CalibrationError(
            "No fringe of a mirror is seen",
            where=name,
            found=f"a peak {10 * np.log10(power[peak] / max(noise, 1e-300)):.0f} dB over noise",
            mend="measure the mirror with its delay clear of zero, and each arm alone",
        )
    # everything between the peak's feet: a chirp spreads it, and feet must clear zero delay
    shown = np.flatnonzero(power > power[peak] * 1e-3)
    low, high = _lump(shown, peak, gap=max(4, n // 100))
    room = max(high - low, 8)
    pass_low, pass_high = max(low - room / 2, 1.0), min(high + room / 2, n / 2 - 1)
    if low <= 3 or peak < 8:
        raise CalibrationError(
            "A mirror stands too close to zero delay",
            where=name,
            found=f"fringe of {peak} periods, spread from {low} to {high}",
            mend="move it away until its fringe is clear of zero",
        )
    at = np.arange(n)
    edge = np.clip(np.minimum(at - pass_low, pass_high - at) / (room / 4) + 1, 0, 1)
    analytic = fft.ifft(fft.fft(fringe - fringe.mean()) * 2 * edge**2 * (3 - 2 * edge))
    amplitude = np.abs(analytic)
    phase = np.unwrap(np.angle(analytic))
    lit = amplitude > 0.1 * np.percentile(amplitude, 95)
    steps = np.diff(phase)[lit[1:] & lit[:-1]]
    if steps.size < n // 4 or np.abs(steps).max() > 0.9 * np.pi:
        raise CalibrationError(
            "The phase of a mirror's fringe cannot be followed from sample to sample",
            where=name,
            found=f"{steps.size} of {n} lit, steps to {np.abs(steps).max(initial=0):.1f} rad",
            mend="move the mirror nearer to zero delay, or give it more light",
        )
    return phase, np.where(lit, amplitude**2, amplitude**2 * 1e-2)


def _lump(shown: Array, peak: int, gap: int) -> tuple[int, int]:
    """First and last of the run of ``shown`` around ``peak`` without a hole wider than ``gap``."""
    breaks = np.flatnonzero(np.diff(shown) > gap)
    starts = np.r_[0, breaks + 1]
    ends = np.r_[breaks, shown.size - 1]
    for a, b in zip(starts, ends, strict=True):
        if shown[a] <= peak <= shown[b]:
            return int(shown[a]), int(shown[b])
    return peak, peak


def _fit(x: Array, y: Array, weight: Array, order: int) -> np.polynomial.Polynomial:
    """Least squares, twice: the second time without samples whose phase slipped."""
    w = np.sqrt(weight / weight.max())
    fit = np.polynomial.Polynomial.fit(x, y, order, w=w)
    left = np.abs(y - fit(x))
    kept = left < max(5 * float(np.median(left[w > 0.1])), 0.3)
    return np.polynomial.Polynomial.fit(x[kept], y[kept], order, w=w[kept])


def _inverse(fit: np.polynomial.Polynomial, values: Array, wanted: Array) -> Array:
    """x with fit(x) = wanted, by Newton's steps from a straight interpolation."""
    slope = fit.deriv()
    x = np.interp(wanted, values, np.arange(values.size, dtype=np.float64))
    for _ in range(4):
        x = np.clip(x - (fit(x) - wanted) / slope(x), 0, values.size - 1.0)
    return np.asarray(x)


def _quality(fringes: tuple[Array, ...], positions: Array, phase: Array) -> dict[str, float]:
    from limen.physics.oct.interpolation import interpolate

    quality = {}
    window = np.hanning(positions.size)
    for i, (fringe, sign) in enumerate(zip(fringes, (1, -1), strict=True), 1):
        raw = _analytic(fringe)
        even = _analytic(interpolate(fringe, positions))
        removed = even * np.exp(-1j * sign * phase)
        quality[f"mirror{i}_width_before_px"] = point_spread_width_px(raw * window)
        quality[f"mirror{i}_width_linear_px"] = point_spread_width_px(even * window)
        quality[f"mirror{i}_width_after_px"] = point_spread_width_px(removed * window)
        quality[f"mirror{i}_width_least_px"] = point_spread_width_px(np.abs(even) * window)
    return quality


def _analytic(fringe: Array) -> Array:
    import scipy.fft as fft

    spectrum = fft.fft(fringe - fringe.mean())
    n = fringe.size
    spectrum[n // 2 :] = 0
    spectrum[:3] = 0
    return np.asarray(fft.ifft(2 * spectrum))
