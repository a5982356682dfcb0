"""A sample that moves along the beam (``oct.motion``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from limen.physics.degradation import Axis, Drawn, expect_drawn_for
from limen.physics.oct.acquisition import Acquisition
from limen.physics.oct.errors import AcquisitionError
from limen.physics.oct.insertion import (
    FADED,
    Changed,
    ThroughFringes,
    noise_of,
    positive_depths,
)

Array = NDArray[Any]

WRAPPED = "phase wrap: the sample moves more than a quarter wavelength from one A-scan to the next"


@dataclass(frozen=True)
class AxialMotion(ThroughFringes):
    """Bulk motion of the sample towards or away from the beam, by its largest speed.

    The fringe of A-scan a turns by ``2 k d``, d being the displacement: between A-scans it is the
    Doppler phase ``2 k v T``. Within an A-scan, a spectrometer sees the fringe washed out by
    ``sin(k v t) / (k v t)`` over its exposure t (Yun, Tearney, de Boer and Bouma, Opt. Express 12,
    2004); a swept source sees it moved in depth by ``v k0 t / dk``, dk being what it sweeps in t
    (ibid.), because the sample moves while k does. What passes zero delay is folded back as on an
    instrument, and so is the noise in it, which is then 3 dB stronger there than it should be.

    Attributes
    ----------
    acquisition : Acquisition
        With its exposure and period; A-scans and B-scans follow without a pause.
    frequency_hz : float
        0: steady motion, whose direction is drawn. Above: ``v cos(2 pi f t + p)``, p drawn.
    window : str
        Of the image's reconstruction.
    """

    acquisition: Acquisition
    frequency_hz: float = 0.0
    window: str = "hann"
    method: ClassVar[str] = "oct.motion/1"

    def __post_init__(self) -> None:
        if not 0 <= self.frequency_hz < np.inf:
            raise AcquisitionError("frequency_hz must be 0 or more", found=str(self.frequency_hz))

    @property
    def axis(self) -> Axis:
        return Axis("oct.motion", "mm/s", nominal=0.0, worse="higher", lowest=0.0, highest=500.0)

    def draw(self, value: float, seed: int) -> Drawn:
        rng = np.random.Generator(np.random.SFC64(seed))
        phase = rng.uniform(-np.pi, np.pi)
        if self.frequency_hz == 0:
            phase = 0.0 if phase > 0 else np.pi
        return self.axis.draw(
            value, seed,
            {"phase_rad": float(phase), "frequency_hz": float(self.frequency_hz)},
        )  # fmt: skip

    def _change(self, drawn: Drawn) -> Any:
        expect_drawn_for(self.axis, drawn)
        acquisition = self.acquisition
        k = acquisition.sampling.wavenumber_rad_per_um
        n, spacing = k.size, acquisition.sampling.depth_spacing_um

        def change(fringes: Array, background: Array, rng: np.random.Generator, b: int) -> Changed:
            n_scans = fringes.shape[0]
            at_us = (b * n_scans + np.arange(n_scans)) * acquisition.period_us
            moved_um, speed = displacement_um(drawn, at_us), velocity_um_per_us(drawn, at_us)
            signal = positive_depths(fringes - background, acquisition)
            out = np.empty(fringes.shape, np.float32)
            noise = noise_of(fringes, acquisition)
            left = 1.0
            for a in range(n_scans):
                path = moved_um[a]
                if acquisition.kind == "swept":
                    path = path + speed[a] * (np.arange(n) / n - 0.5) * acquisition.exposure_us
                    contrast = np.ones(n)
                else:
                    contrast = np.sinc(k * speed[a] * acquisition.exposure_us / np.pi)
                out[a] = np.real(signal[a] * np.exp(2j * k * path)) * contrast + background
                if noise is not None:
                    missing = np.sqrt(1 - contrast**2) * noise[a]
                    out[a] += missing * rng.standard_normal(n, dtype=np.float32)
                    out[a] += noise[a] * _left_empty(moved_um[a] / spacing, n, rng)
                left = min(left, float(np.abs(contrast).min()))
            between = 2 * acquisition.source.centre_rad_per_um * np.abs(np.diff(moved_um))
            warnings = (WRAPPED,) if between.max(initial=0) > np.pi else ()
            if noise is None and left < 0.99:
                warnings = (*warnings, FADED)
            return Changed(
                out, None, warnings,
                {"largest_displacement_um": float(np.abs(moved_um).max()),
                 "largest_doppler_phase_rad": float(between.max(initial=0)),
                 "largest_washout_db": float(-20 * np.log10(max(left, 1e-6)))},
            )  # fmt: skip

        return change


def _left_empty(moved_px: float, n: int, rng: np.random.Generator) -> Array:
    """Unit white noise, of the depths alone that moving an A-scan with its noise left empty."""
    import scipy.fft as fft

    depth = np.arange(n // 2 + 1)
    empty = depth < moved_px if moved_px > 0 else depth > n // 2 + moved_px
    white = fft.rfft(rng.standard_normal(n, dtype=np.float32))
    return np.asarray(fft.irfft(white * empty, n))


def velocity_um_per_us(drawn: Drawn, at_us: Array) -> Array:
    """Away from the source, at a time from the first A-scan; 1 mm/s is 1e-3 um/us."""
    omega = 2e-6 * np.pi * float(drawn.parameters["frequency_hz"])  # type: ignore[arg-type]
    phase = float(drawn.parameters["phase_rad"])  # type: ignore[arg-type]
    return np.asarray(1e-3 * drawn.value * np.cos(omega * at_us + phase))


def displacement_um(drawn: Drawn, at_us: Array) -> Array:
    """The integral of `velocity_um_per_us` from time 0."""
    omega = 2e-6 * np.pi * float(drawn.parameters["frequency_hz"])  # type: ignore[arg-type]
    phase = float(drawn.parameters["phase_rad"])  # type: ignore[arg-type]
    if omega == 0:
        return np.asarray(1e-3 * drawn.value * np.cos(phase) * at_us)
    return np.asarray(1e-3 * drawn.value * (np.sin(omega * at_us + phase) - np.sin(phase)) / omega)


def doppler_shift_um(velocity_mm_per_s: float, acquisition: Acquisition) -> float:
    """Depth by which a swept source sees a moving reflector too deep: ``v k0 t / dk``, signed.

    k0 is the wavenumber in the middle of the sweep, dk what is swept in its duration t.
    """
    k = acquisition.sampling.wavenumber_rad_per_um
    middle = (k[0] + k[-1]) / 2
    return float(1e-3 * velocity_mm_per_s * middle * acquisition.exposure_us / (k[-1] - k[0]))
