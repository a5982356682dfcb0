"""Less dose: fewer photons per ray (``ct.dose``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.physics.ct.acquisition import STARVED, Acquisition, slice_generators, truncation
from limen.physics.ct.geometry import as_sinogram_stack
from limen.physics.ct.noise import LOWEST_COUNT
from limen.physics.degradation import Applied, Axis, Drawn, Record, expect_drawn_for

Array = NDArray[Any]

FEW_PHOTONS = 10.0
"""A ray with fewer expected counts is called starved; one in a thousand of them is warned of."""


@dataclass(frozen=True)
class Dose:
    """A fraction of the tube current-time product; the noise that the data hold is kept.

    Data made with N photons a ray have counts of variance N exp(-l). Keeping each photon with
    probability f gives exactly the counts of a scan with f N (a thinned Poisson process is
    Poisson), so only the missing noise is added: in counts the variance
    ``f (1 - f) N exp(-l) + (1 - f^2) sigma_e^2``, normal, the second term because the detector's
    own noise sigma_e does not fall with dose. The logarithm is taken after that, as on a scanner.
    (Compare Yu et al., J. Comput. Assist. Tomogr. 36, 2012; Zabic et al., Med. Phys. 40, 2013.)

    Attributes
    ----------
    acquisition : Acquisition
        With the photons that made the data.
    """

    acquisition: Acquisition

    @property
    def axis(self) -> Axis:
        return Axis("ct.dose", "", nominal=1.0, worse="lower", lowest=1e-6, highest=1.0)

    def draw(self, value: float, seed: int) -> Drawn:
        return self.axis.draw(value, seed)

    def apply(self, raw: Array, drawn: Drawn) -> Applied:
        """Line integrals (views, detectors[, slices]) at the fraction of dose."""
        expect_drawn_for(self.axis, drawn)
        stack = as_sinogram_stack(raw, self.acquisition.geometry)
        if self.axis.is_nominal(drawn.value):
            return Applied(np.array(raw), self._record(drawn, "measured", truncation(stack), 0.0))
        lines, starved = self._thin(stack, drawn, 0)
        warnings = (*truncation(stack), *((STARVED,) if starved > 1e-3 else ()))
        return Applied(lines.reshape(raw.shape), self._record(drawn, "measured", warnings, starved))

    def insert(self, image: Array, drawn: Drawn) -> Applied:
        """An image in HU, (x, y[, slices]), at the fraction of dose."""
        expect_drawn_for(self.axis, drawn)
        starved: list[float] = []

        def change(lines: Array, first: int) -> Array:
            thinned, share = self._thin(lines, drawn, first)
            starved.append(share)
            return thinned

        data, warnings = self.acquisition.insert(image, drawn, self.axis, change)
        share = max(starved, default=0.0)
        warnings = (*warnings, *((STARVED,) if share > 1e-3 else ()))
        return Applied(data, self._record(drawn, "resimulated", warnings, share))

    def _thin(self, lines: Array, drawn: Drawn, first: int) -> tuple[Array, float]:
        f, own = drawn.value, self.acquisition.electronic_noise_photons
        photons = self.acquisition.photons[..., 0]
        out = np.empty_like(lines)
        starved = 0
        for k, rng in enumerate(slice_generators(drawn.seed, first, lines.shape[2])):
            counts = photons * np.exp(-lines[:, :, k])
            variance = f * (1 - f) * counts + (1 - f * f) * own**2
            noise = rng.standard_normal(counts.shape, dtype=np.float32)
            low = f * counts + np.sqrt(variance) * noise
            starved += int(np.count_nonzero(f * counts < FEW_PHOTONS))
            out[:, :, k] = -np.log(np.maximum(low, LOWEST_COUNT) / (f * photons))
        return out, starved / max(lines.size, 1)

    def _record(
        self, drawn: Drawn, origin: Any, warnings: tuple[str, ...], starved: float
    ) -> Record:
        return Record(
            drawn, self.axis.nominal, "ct.dose/1", origin, warnings,
            {"share_of_rays_starved": starved},
        )  # fmt: skip
