"""A focus at another depth (``oct.defocus``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from limen.physics.degradation import Axis, Drawn, expect_drawn_for
from limen.physics.oct.acquisition import Acquisition
from limen.physics.oct.insertion import (
    FADED,
    Changed,
    ThroughFringes,
    field_of_fringes,
    fringes_of_field,
    noise_of,
)
from limen.physics.oct.interpolation import smooth

Array = NDArray[Any]

BRIGHTENED = "tissue that the focus moved to became brighter, and the noise in it with it"


@dataclass(frozen=True)
class Defocus(ThroughFringes):
    """The focus moved deeper by an optical distance, for a Gaussian beam and a single-mode fibre.

    Light goes out and comes back through the same mode, so that the lateral transfer at the
    distance d from the focus is ``exp(-(1 + i d/zR) w^2 q^2 / 8) / (1 + i d/zR)``: the spectrum of
    the squared mode. Its ratio between the two distances is applied in depth and lateral frequency
    q. Power of scatterers falls as ``1 / (1 + (d/zR)^2)`` (confocal gate), and a point spreads
    along the scan to ``sqrt(1 + (d/zR)^2)`` times its size. d is geometric: optical depth over the
    refractive index. What lies beside the scanned plane is blurred in phase only.

    Where the focus moves to, tissue becomes brighter. Noise must not: there the gain acts on the
    share of power that is over the noise floor (Wiener's weight), depth by depth.

    Attributes
    ----------
    acquisition : Acquisition
        With its optics: waist, focus, distance between A-scans, which lie evenly along a line.
    window : str
        Of the image's reconstruction.
    """

    acquisition: Acquisition
    window: str = "hann"
    method: ClassVar[str] = "oct.defocus/1"

    @property
    def axis(self) -> Axis:
        return Axis("oct.defocus", "um", nominal=0.0, worse="higher", lowest=0.0, highest=5000.0)

    def draw(self, value: float, seed: int) -> Drawn:
        return self.axis.draw(value, seed)

    def _change(self, drawn: Drawn) -> Any:
        expect_drawn_for(self.axis, drawn)
        acquisition, optics = self.acquisition, self.acquisition.optics
        z_um = acquisition.sampling.depth_um
        rayleigh = optics.rayleigh_um(acquisition.source.centre_nm)
        before = (z_um - optics.focus_um) / optics.refractive_index / rayleigh
        after = before - drawn.value / optics.refractive_index / rayleigh
        gate = (1 + 1j * before) / (1 + 1j * after)

        def change(fringes: Array, background: Array, rng: np.random.Generator, b: int) -> Changed:
            import scipy.fft as fft

            field = field_of_fringes(fringes - background, acquisition)
            n = field.shape[0]
            # beyond its ends the scan is continued by its mirror image
            room = min(n - 1, 128)
            wide = np.pad(field, ((room, room), (0, 0)), mode="reflect")
            q = 2 * np.pi * np.fft.fftfreq(wide.shape[0], optics.scan_step_um)
            curve = np.outer(q**2, after - before) * (optics.waist_um**2 / 8)
            noise = noise_of(fringes, acquisition)
            power = np.mean(np.abs(field) ** 2, axis=0)
            # without a window each depth holds the noise of all samples
            floor = _floor(power) if noise is None else float(np.mean(np.sum(noise**2, -1)))
            over = np.maximum(1 - 1.2 * floor / np.maximum(power, 1e-30), 0)
            gain = np.abs(gate)
            gain = np.where(gain > 1, 1 + (gain - 1) * smooth(over, 8), gain)
            acting = gain * np.exp(1j * np.angle(gate))
            transfer = (acting * np.exp(-1j * curve)).astype(np.complex64)
            blurred = fft.ifft(fft.fft(wide, axis=0, workers=-1) * transfer, axis=0, workers=-1)
            change_of = blurred[room : room + n] - field
            warnings: tuple[str, ...] = ()
            if noise is not None:
                # as strong from sample to sample as the noise that is there
                white = rng.standard_normal(fringes.shape, dtype=np.float32)
                missing = np.sqrt(np.maximum(1 - gain**2, 0)).astype(np.float32)
                change_of = change_of + missing * field_of_fringes(noise * white, acquisition)
            elif gain.min() < 0.99:
                warnings = (FADED,)
            if gain.max() > 1.01:
                warnings = (*warnings, BRIGHTENED)
            return Changed(
                (fringes + fringes_of_field(change_of, acquisition)).astype(np.float32), None,
                warnings,
                {"largest_loss_db": float(-20 * np.log10(gain.min())),
                 "largest_gain_db": float(20 * np.log10(gain.max()))},
            )  # fmt: skip

        return change


def _floor(power: Array) -> float:
    """Of the quietest tenth of the depths, the first few and the deepest third left out."""
    middle = power[8 : power.size - power.size // 3]
    return min(float(part.mean()) for part in np.array_split(middle, 10))


def confocal_gate_db(
    depth_um: Array | float, acquisition: Acquisition, defocus_um: float = 0.0
) -> Array:
    """Power of scatterers at an optical depth, 0 dB in the focus: ``-10 log10(1 + (d/zR)^2)``."""
    optics = acquisition.optics
    rayleigh = optics.rayleigh_um(acquisition.source.centre_nm)
    d = (np.asarray(depth_um) - optics.focus_um - defocus_um) / optics.refractive_index / rayleigh
    return np.asarray(-10 * np.log10(1 + d**2))
