"""Dispersion that the reconstruction does not know of (``oct.dispersion``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from limen.physics.degradation import Axis, Drawn, expect_drawn_for
from limen.physics.oct.acquisition import Acquisition
from limen.physics.oct.dispersion import dispersion_broadening, dispersion_phase
from limen.physics.oct.insertion import (
    Changed,
    ThroughFringes,
    positive_depths,
)

Array = NDArray[Any]


@dataclass(frozen=True)
class DispersionMismatch(ThroughFringes):
    """Glass or water in one arm only: a phase ``D2 / 2 (w - w0)^2`` on every fringe.

    The axial point-spread of a Gaussian spectrum broadens by `dispersion_broadening`. Speckle of
    evenly spread scatterers keeps its size, because the phase changes no power in the spectrum:
    only edges and single reflectors show it.

    Attributes
    ----------
    acquisition : Acquisition
    sign : 1 or -1
        Of the mismatch.
    window : str
        Of the image's reconstruction.
    """

    acquisition: Acquisition
    sign: Literal[1, -1] = 1
    window: str = "hann"
    method: ClassVar[str] = "oct.dispersion/1"

    @property
    def axis(self) -> Axis:
        return Axis("oct.dispersion", "fs^2", nominal=0.0, worse="higher", lowest=0.0, highest=5e4)

    def draw(self, value: float, seed: int) -> Drawn:
        return self.axis.draw(value, seed, {"sign": int(self.sign)})

    def _change(self, drawn: Drawn) -> Any:
        expect_drawn_for(self.axis, drawn)
        source = self.acquisition.source
        fs2 = drawn.value * float(drawn.parameters["sign"])  # type: ignore[arg-type]
        phase = dispersion_phase(
            self.acquisition.sampling.wavenumber_rad_per_um, source.centre_rad_per_um, fs2
        )
        turn = np.exp(1j * phase).astype(np.complex64)
        broadening = dispersion_broadening(drawn.value, source.fwhm_rad_per_um)

        def change(fringes: Array, background: Array, rng: np.random.Generator, b: int) -> Changed:
            signal = positive_depths(fringes - background, self.acquisition)
            return Changed(
                np.real(signal * turn) + background.astype(np.float32),
                measured={"broadening_without_window": broadening},
            )

        return change
