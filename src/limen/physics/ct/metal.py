"""A rod of metal in the patient: starvation, beam hardening and streaks (``ct.metal``)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from limen.physics.ct.acquisition import STARVED, Acquisition, slice_generators, truncation
from limen.physics.ct.dose import FEW_PHOTONS
from limen.physics.ct.geometry import FanGeometry, GeometryError, as_sinogram_stack
from limen.physics.ct.noise import LOWEST_COUNT
from limen.physics.ct.spectra import DENSITY_G_CM3, Beam
from limen.physics.degradation import Applied, Axis, Drawn, Record, expect_drawn_for

Array = NDArray[Any]


@dataclass(frozen=True)
class Metal:
    """A straight rod across the slices, of a given diameter, corrected for water only.

    Along each ray that meets it the rod's chord (closed form) takes the place of as much water;
    the tissue is taken for water. The polychromatic signal is counted, corrected for water as a
    scanner does, and differs from the data by beam hardening and by the noise of the photons that
    are left.

    Attributes
    ----------
    acquisition : Acquisition
        With the photons that made the data.
    material : "titanium" or "iron"
    beam : Beam
    centre_mm : (float, float) or None
        Of the rod; None: drawn within a third of the field of view.
    """

    acquisition: Acquisition
    material: Literal["titanium", "iron"] = "titanium"
    beam: Beam = field(default_factory=Beam)
    centre_mm: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.material not in ("titanium", "iron"):
            raise GeometryError("No such metal", found=str(self.material), mend="titanium or iron")

    @property
    def axis(self) -> Axis:
        """Diameter of the rod."""
        return Axis("ct.metal", "mm", nominal=0.0, worse="higher", lowest=0.0, highest=40.0)

    def draw(self, value: float, seed: int) -> Drawn:
        centre = self.centre_mm
        if centre is None:
            rng = np.random.default_rng(seed)
            away = self.acquisition.geometry.field_of_view_mm / 6 * np.sqrt(rng.uniform())
            angle = rng.uniform(0, 2 * np.pi)
            centre = (float(away * np.cos(angle)), float(away * np.sin(angle)))
        parameters = {
            "material": self.material,
            "centre_mm": centre,
            "voltage_kv": self.beam.voltage_kv,
        }
        return self.axis.draw(value, seed, parameters)

    def apply(self, raw: Array, drawn: Drawn) -> Applied:
        """Line integrals (views, detectors[, slices]) with the rod."""
        expect_drawn_for(self.axis, drawn)
        stack = as_sinogram_stack(raw, self.acquisition.geometry)
        if self.axis.is_nominal(drawn.value):
            return Applied(np.array(raw), self._record(drawn, "measured", truncation(stack), 0.0))
        lines, starved = self._change(stack, drawn, 0)
        warnings = (*truncation(stack), *((STARVED,) if starved else ()))
        return Applied(lines.reshape(raw.shape), self._record(drawn, "measured", warnings, starved))

    def insert(self, image: Array, drawn: Drawn) -> Applied:
        """An image in HU, (x, y[, slices]), with the rod and its streaks."""
        expect_drawn_for(self.axis, drawn)
        shares: list[float] = []

        def change(lines: Array, first: int) -> Array:
            out, share = self._change(lines, drawn, first)
            shares.append(share)
            return out

        data, warnings = self.acquisition.insert(image, drawn, self.axis, change)
        starved = max(shares, default=0.0)
        warnings = (*warnings, *((STARVED,) if starved else ()))
        return Applied(data, self._record(drawn, "resimulated", warnings, starved))

    def chords_mm(self, drawn: Drawn) -> Array:
        """(views, detectors) float64: length within the rod, the mean over each element.

        In closed form: a rod's edge is sharper than a detector element is wide, and rays through
        the middles of elements alone would alias.
        """
        geometry = self.acquisition.geometry
        centre: Any = drawn.parameters["centre_mm"]
        x, y = centre
        if isinstance(geometry, FanGeometry):
            gamma = geometry.fan_angles_rad[None]
            theta = geometry.angles_rad[:, None] + gamma
            s = geometry.source_to_centre_mm * np.sin(gamma)
            magnification = geometry.source_to_detector_mm / geometry.source_to_centre_mm
            width = geometry.detector_spacing_mm / magnification
        else:
            theta, s = geometry.angles_rad[:, None], geometry.offsets_mm[None]
            width = geometry.detector_spacing_mm
        away = s - (float(x) * np.cos(theta) + float(y) * np.sin(theta))
        r = max(drawn.value / 2, 1e-9)

        def up_to(edge: Array) -> Array:
            t = np.clip(edge, -r, r)
            return np.asarray(t * np.sqrt(r * r - t * t) + r * r * np.arcsin(t / r))

        mean = (up_to(away + width / 2) - up_to(away - width / 2)) / width
        return np.asarray(np.where(np.abs(away) < r + width / 2, mean, 0.0))

    def _change(self, lines: Array, drawn: Drawn, first: int) -> tuple[Array, float]:
        chords = self.chords_mm(drawn)
        v, d = np.nonzero(chords)
        mu, material = self.acquisition.mu_water_per_mm, str(drawn.parameters["material"])
        chord = chords[v, d][:, None]
        here = lines[v, d].astype(np.float64)  # (rays, slices)
        # lengths in g/cm2: a tenth of the mm, times density
        water = np.maximum(here / mu - chord, 0) / 10
        metal = chord / 10 * DENSITY_G_CM3[material]
        poly = self.beam.line_integrals({"water": water, material: metal})
        before = self.beam.line_integrals({"water": np.maximum(here / mu, 0) / 10})
        photons = self.acquisition.photons[0, d]
        own = self.acquisition.electronic_noise_photons
        counts, whole = photons * np.exp(-poly), photons * np.exp(-before)
        # the data already hold the noise of `whole` photons; in line integrals what is missing is
        missing = (counts + own**2) / counts**2 - (whole + own**2) / whole**2
        noise = np.stack(
            [g.standard_normal(v.size) for g in slice_generators(drawn.seed, first, here.shape[1])],
            axis=1,
        )
        noisy = counts + counts * np.sqrt(np.maximum(missing, 0)) * noise
        measured = -np.log(np.maximum(noisy, LOWEST_COUNT) / photons)
        out = np.array(lines)
        out[v, d] = self.beam.water_corrected(measured, mu)
        return out, float(np.mean(counts < FEW_PHOTONS)) if counts.size else 0.0

    def _record(
        self, drawn: Drawn, origin: Any, warnings: tuple[str, ...], starved: float
    ) -> Record:
        return Record(
            drawn, 0.0, "ct.metal/1", origin, warnings, {"share_of_metal_rays_starved": starved}
        )
