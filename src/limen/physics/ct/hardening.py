"""Beam hardening that is not corrected (``ct.beam_hardening``)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.physics.ct.acquisition import Acquisition, truncation
from limen.physics.ct.geometry import as_sinogram_stack
from limen.physics.ct.project import forward
from limen.physics.ct.spectra import Beam, mass_attenuation_cm2_g
from limen.physics.ct.units import hu_to_attenuation
from limen.physics.degradation import (
    Applied,
    Axis,
    Drawn,
    Record,
    expect_drawn_for,
    insert_difference,
)

Array = NDArray[Any]

REFERENCE_KEV = 70.0
"""Energy whose attenuation the image is in; water has 0.0193 / mm there."""

BONE_FROM_HU, BONE_ALL_HU = 150.0, 600.0
"""A voxel's excess over water is bone from none at the first value to all at the second."""


@dataclass(frozen=True)
class BeamHardening:
    """A share of the polychromatic error of water and bone stays in the data.

    0 is a perfect correction (line integrals of one energy), 1 none at all. In an image, what is
    denser than water beyond `BONE_FROM_HU` is taken for bone (Joseph and Spital, J. Comput.
    Assist. Tomogr. 2, 1978). Raw data do not say which material a ray met: there all of it is
    water.

    Attributes
    ----------
    acquisition : Acquisition
    beam : Beam
    """

    acquisition: Acquisition
    beam: Beam = field(default_factory=Beam)

    @property
    def axis(self) -> Axis:
        return Axis("ct.beam_hardening", "", nominal=0.0, worse="higher", lowest=0.0, highest=1.0)

    def draw(self, value: float, seed: int) -> Drawn:
        """Nothing is random."""
        parameters = {"voltage_kv": self.beam.voltage_kv}
        return self.axis.draw(value, seed, parameters)

    def apply(self, raw: Array, drawn: Drawn) -> Applied:
        """Line integrals (views, detectors[, slices]) with the error of water."""
        expect_drawn_for(self.axis, drawn)
        stack = as_sinogram_stack(raw, self.acquisition.geometry)
        mu = self.acquisition.mu_water_per_mm
        if self.axis.is_nominal(drawn.value):
            changed = np.array(raw)
        else:
            error = self.beam.uncorrected(stack, mu) - stack
            changed = np.asarray(stack + drawn.value * error, stack.dtype).reshape(raw.shape)
        return Applied(changed, self._record(drawn, "measured", truncation(stack)))

    def insert(self, image: Array, drawn: Drawn) -> Applied:
        """An image in HU, (x, y[, slices]), with cupping and dark bands between bones."""
        expect_drawn_for(self.axis, drawn)
        warnings: set[str] = set()

        def error(x: Array) -> Array:
            stack = x if x.ndim == 3 else x[:, :, None]
            out = np.empty(stack.shape, np.float32)
            for k in range(0, stack.shape[2], 8):
                lines, change = self._error_of(stack[:, :, k : k + 8])
                warnings.update(truncation(lines))
                out[:, :, k : k + 8] = self.acquisition.hu_of(drawn.value * change)
            return out.reshape(x.shape)

        # R is linear: R_c(A x + n) - R_0(A x) = R(n)
        data = insert_difference(image, drawn, self.axis, np.zeros_like, error)
        return Applied(data, self._record(drawn, "resimulated", tuple(sorted(warnings))))

    def _error_of(self, hu: Array) -> tuple[Array, Array]:
        """Line integrals, and polychromatic minus monochromatic, scaled to agree when thin."""
        mu_water = self.acquisition.mu_water_per_mm
        mu = np.maximum(hu_to_attenuation(hu, mu_water), 0)
        share = np.clip((hu - BONE_FROM_HU) / (BONE_ALL_HU - BONE_FROM_HU), 0, 1)
        bone_mu = np.asarray(share * np.maximum(mu - mu_water, 0), np.float32)
        all_lines = forward(mu, self.acquisition.geometry)
        bone_lines = forward(bone_mu, self.acquisition.geometry)
        # the line integral of each at the reference energy says how much of it there is
        per_g = {
            m: float(mass_attenuation_cm2_g(m, np.array(REFERENCE_KEV))) for m in ("water", "bone")
        }
        excess = per_g["bone"] - per_g["water"]  # bone displaces water
        grams_bone = bone_lines * (1 / excess)
        grams_water = (all_lines - grams_bone * per_g["bone"]) / per_g["water"]
        poly = self.beam.line_integrals({"water": np.maximum(grams_water, 0), "bone": grams_bone})
        thin = self.beam.line_integrals({"water": np.array([1e-3])})[0] / (1e-3 * per_g["water"])
        return all_lines, np.asarray(poly / thin - all_lines, np.float32)

    def _record(self, drawn: Drawn, origin: Any, warnings: tuple[str, ...]) -> Record:
        return Record(drawn, 0.0, "ct.beam_hardening/1", origin, warnings)
