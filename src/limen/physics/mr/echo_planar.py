"""Echo-planar readouts: samples taken on the gradient's ramps, and lines read in turn to and fro.

Two things part an echo-planar readout from a line of the grid. Samples taken while the gradient
rises and falls lie closer in k than those on its flat top; and whatever delays the gradient gives
lines of one direction a phase that those of the other have not, which the image shows as a ghost
half a field of view away (Bruder et al., Magn. Reson. Med. 23, 1992). Both are mended before the
lines are put on the grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from limen.physics.mr.sampling import AcquisitionError

Array = NDArray[Any]

NOT_CORRECTED = (
    "echo-planar: the phase between lines of either direction is not corrected, because the file "
    "has no readouts to measure it"
)


@dataclass(frozen=True)
class Trapezoid:
    """The readout gradient of an echo-planar line, and when it is sampled.

    Attributes
    ----------
    ramp_up_us, flat_top_us, ramp_down_us : float
    delay_us : float
        From the beginning of the gradient to that of the sampling.
    sampling_us : float
        How long all samples of a line take.
    """

    ramp_up_us: float
    flat_top_us: float
    ramp_down_us: float
    delay_us: float
    sampling_us: float

    def __post_init__(self) -> None:
        times = (self.ramp_up_us, self.flat_top_us, self.ramp_down_us, self.delay_us)
        ends = self.delay_us + self.sampling_us
        if not (min(times) >= 0 and self.sampling_us > 0 and np.isfinite(ends)) or (
            ends > sum(times[:3]) * (1 + 1e-6)
        ):
            raise AcquisitionError(
                "Samples are taken while the readout gradient is on",
                found=f"from {self.delay_us:g} to {ends:g} us of {sum(times[:3]):g} us",
            )

    def positions(self, n: int) -> Array:
        """(n,) float64: place in k of each sample, in mean distances of samples from the middle."""
        times = self.delay_us + (np.arange(n) + 0.5) / n * self.sampling_us
        ends = self.delay_us + np.array([0.0, 0.5, 1.0]) * self.sampling_us
        first, middle, last = self._area(ends)
        return np.asarray((self._area(times) - middle) / ((last - first) / n))

    @property
    def turned_round(self) -> Trapezoid:
        """The gradient as a line read backwards has it, once its samples are turned round."""
        whole = self.ramp_up_us + self.flat_top_us + self.ramp_down_us
        return Trapezoid(
            self.ramp_down_us, self.flat_top_us, self.ramp_up_us,
            max(whole - self.delay_us - self.sampling_us, 0.0), self.sampling_us,
        )  # fmt: skip

    def _area(self, t: Array) -> Array:
        """Area of the gradient from its beginning to t, its height being 1."""
        up, flat, down = self.ramp_up_us, self.flat_top_us, self.ramp_down_us
        rise = np.minimum(t, up)
        fall = np.maximum(t - up - flat, 0)
        area = np.clip(t - up, 0, flat) + fall
        if up > 0:
            area = area + rise**2 / (2 * up)
        if down > 0:
            area = area - fall**2 / (2 * down)
        return np.asarray(area)


def regrid(lines: Array, gradient: Trapezoid) -> Array:
    """Lines (..., samples) sampled on a trapezoid, at places even in k, centred at n // 2.

    The image of a line is fitted to its samples by least squares, over the middle part of the
    field of view, in which even the samples that lie farthest apart are dense enough. What lies
    outside of it is lost; with the usual oversampling that is beyond the image.
    """
    n = lines.shape[-1]
    at = gradient.positions(n)
    spacing = float(np.diff(at).max())
    if spacing <= 1 + 1e-9:
        return lines
    pixels = np.arange(n) - n // 2
    seen = pixels[np.abs(pixels) < n / 2 / spacing]
    model = np.exp(-2j * np.pi * at[:, None] * seen[None] / n)
    even = np.exp(-2j * np.pi * pixels[:, None] * seen[None] / n)
    matrix = (even @ np.linalg.pinv(model, rcond=1e-3)).astype(np.complex64)
    return np.asarray(lines @ matrix.T)


def phase_between(forth: Array, back: Array) -> tuple[float, float]:
    """Constant and slope of the phase of lines read backwards over those read forwards.

    Parameters
    ----------
    forth, back : (coils, samples) arrays
        The same line of k-space (usually its middle) read in either direction, the second turned
        round in time, both even in k.

    Returns
    -------
    constant_rad : float
        In the middle of the image.
    slope_rad_per_pixel : float
        Along the readout, by the phase between neighbours (Ahn and Cho, IEEE Trans. Med. Imaging
        6, 1987), each weighted with its signal.
    """
    n = forth.shape[-1]
    difference = (_profile(back) * np.conj(_profile(forth))).sum(0)
    slope = float(np.angle(np.vdot(difference[:-1], difference[1:])))
    x = np.arange(n) - n // 2
    constant = float(np.angle((difference * np.exp(-1j * slope * x)).sum()))
    return constant, slope


def without_phase(lines: Array, is_back: bool, phase: tuple[float, float]) -> Array:
    """Lines (..., samples) less half of the phase of `phase_between`, or plus half for forward."""
    x = np.arange(lines.shape[-1]) - lines.shape[-1] // 2
    turn = np.exp((-0.5j if is_back else 0.5j) * (phase[0] + phase[1] * x))
    turned = scipy.fft.ifftshift(_profile(lines) * turn.astype(np.complex64), axes=-1)
    return np.asarray(scipy.fft.fftshift(scipy.fft.fft(turned, axis=-1, norm="ortho"), axes=-1))


def _profile(lines: Array) -> Array:
    """Lines of k-space along the readout as a profile of the image, centred and unitary."""
    turned = scipy.fft.ifft(scipy.fft.ifftshift(lines, axes=-1), axis=-1, norm="ortho")
    return np.asarray(scipy.fft.fftshift(turned, axes=-1))
