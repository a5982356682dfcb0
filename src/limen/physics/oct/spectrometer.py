"""A coarser spectral resolution (``oct.spectrometer``): more roll-off."""

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
    noise_of,
)
from limen.physics.oct.spectral_response import roll_off_db

Array = NDArray[Any]

SIGMAS_PER_FWHM = float(1 / np.sqrt(8 * np.log(2)))


@dataclass(frozen=True)
class SpectralResolution(ThroughFringes):
    """A wider Gaussian spectral response: the spectrometer's optics, or the source's line.

    Fringes are blurred over the samples by what is missing to the wider response (widths add as
    squares), which dims the image with depth by the Gaussian part of `roll_off`. Light blurs and
    noise does not: where the detector's electrons are known, the blurred noise is filled up to a
    white one.

    Attributes
    ----------
    acquisition : Acquisition
        Its resolution is nominal.
    window : str
        Of the image's reconstruction.
    """

    acquisition: Acquisition
    window: str = "hann"
    method: ClassVar[str] = "oct.spectrometer/1"

    @property
    def axis(self) -> Axis:
        nominal = self._pm_per_rad_per_um * self.acquisition.resolution_rad_per_um
        return Axis(
            "oct.spectrometer", "pm", nominal=nominal, worse="higher", lowest=nominal,
            highest=max(5000.0, nominal),
        )  # fmt: skip

    @property
    def _pm_per_rad_per_um(self) -> float:
        # d(lambda) = lambda^2 / (2 pi) dk; um^2 rad/um -> um -> pm
        return float((self.acquisition.source.centre_nm / 1e3) ** 2 / (2 * np.pi) * 1e6)

    def draw(self, value: float, seed: int) -> Drawn:
        return self.axis.draw(value, seed)

    def _change(self, drawn: Drawn) -> Any:
        expect_drawn_for(self.axis, drawn)
        sampling = self.acquisition.sampling
        more_pm = np.sqrt(max(drawn.value**2 - self.axis.nominal**2, 0.0))
        more = float(more_pm / self._pm_per_rad_per_um)
        sigma_samples = more / sampling.step_rad_per_um * SIGMAS_PER_FWHM
        loss = float(-roll_off_db(sampling.depth_um[-1], 0.0, more))

        def change(fringes: Array, background: Array, rng: np.random.Generator, b: int) -> Changed:
            blurred = _gaussian(fringes, sigma_samples)
            noise = noise_of(fringes, self.acquisition)
            warnings: tuple[str, ...] = ()
            if noise is not None:
                white = rng.standard_normal(fringes.shape, dtype=np.float32)
                blurred += noise * _gaussian(white, sigma_samples, complement=True)
            elif loss > 0.1:
                warnings = (FADED,)
            return Changed(
                blurred, _gaussian(background, sigma_samples), warnings,
                {"loss_at_deepest_depth_db": loss},
            )  # fmt: skip

        return change


def _gaussian(rows: Array, sigma: float, complement: bool = False) -> Array:
    """Rows under a Gaussian of ``sigma`` samples, or white rows under sqrt(1 - its transfer^2).

    In the frequency domain, because a sampled kernel is wrong for less than a sample; rows are
    continued by their mirror image.
    """
    import scipy.fft as fft

    n = rows.shape[-1]
    wide = np.concatenate([rows, rows[..., ::-1]], -1).astype(np.float32)
    f = fft.rfftfreq(2 * n)
    transfer = np.exp(-2 * (np.pi * sigma * f) ** 2)
    if complement:
        transfer = np.sqrt(np.maximum(1 - transfer**2, 0))
    out = fft.irfft(fft.rfft(wide, axis=-1) * transfer.astype(np.float32), 2 * n, axis=-1)
    return np.asarray(out[..., :n])
