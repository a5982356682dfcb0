"""The patient moves while views are taken (``ct.motion``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from limen.physics.ct.acquisition import Acquisition, truncation
from limen.physics.ct.geometry import GeometryError, ParallelGeometry, as_sinogram_stack
from limen.physics.degradation import Applied, Axis, Drawn, Record, expect_drawn_for

Array = NDArray[Any]


@dataclass(frozen=True)
class Motion:
    """Rigid motion in the plane of the slice.

    A point moved by d is seen by a parallel view at theta as moved by
    ``d . (cos theta, sin theta)`` along the detector: the view is shifted by that, exactly, by
    its Fourier transform. The value is the greatest distance from the place at the first view.

    Attributes
    ----------
    acquisition : Acquisition
        Of parallel beams.
    course : "shift", "drift" or "breathing"
        All at once at a drawn moment; evenly through the scan; or to and fro as
        ``sin^2(pi (cycles t + phase))``, with drawn cycles (0.2 to 1 a scan) and phase.
    """

    acquisition: Acquisition
    course: Literal["shift", "drift", "breathing"] = "breathing"

    def __post_init__(self) -> None:
        if not isinstance(self.acquisition.geometry, ParallelGeometry):
            raise GeometryError(
                "Motion is defined on parallel beams", mend="rebin fans to parallel beams first"
            )
        if self.course not in ("shift", "drift", "breathing"):
            raise GeometryError(
                "No such course of motion", found=str(self.course), mend="shift, drift, breathing"
            )

    @property
    def axis(self) -> Axis:
        geometry = self.acquisition.geometry
        return Axis("ct.motion", "mm", 0.0, "higher", 0.0, geometry.field_of_view_mm / 4)

    def draw(self, value: float, seed: int) -> Drawn:
        """Direction, moment, cycles and phase."""
        rng = np.random.default_rng(seed)
        direction = float(rng.uniform(0, 2 * np.pi))
        parameters: dict[str, float | int | str | tuple[float, ...]] = {
            "course": self.course,
            "direction_rad": direction,
        }
        if self.course == "shift":
            parameters["moment"] = float(rng.uniform(0.25, 0.75))
        if self.course == "breathing":
            parameters["cycles"] = float(rng.uniform(0.2, 1.0))
            parameters["phase"] = float(rng.uniform(0, 1))
        return self.axis.draw(value, seed, parameters)

    def course_mm(self, drawn: Drawn) -> Array:
        """(views, 2) float64: displacement along x and y at each view."""
        n = self.acquisition.geometry.n_views
        t = np.arange(n) / n
        p: Any = drawn.parameters
        if p["course"] == "shift":
            away = (t >= p["moment"]).astype(float)
        elif p["course"] == "drift":
            away = t * n / max(n - 1, 1)
        else:
            wave = np.sin(np.pi * (p["cycles"] * t + p["phase"])) ** 2
            away = wave - wave[0]
            away /= max(np.abs(away).max(), 1e-12)
        direction = np.array([np.cos(p["direction_rad"]), np.sin(p["direction_rad"])])
        return np.asarray(drawn.value * away[:, None] * direction[None])

    def apply(self, raw: Array, drawn: Drawn) -> Applied:
        """Line integrals (views, detectors[, slices]) of the moving patient."""
        expect_drawn_for(self.axis, drawn)
        stack = as_sinogram_stack(raw, self.acquisition.geometry)
        if self.axis.is_nominal(drawn.value):
            return Applied(np.array(raw), self._record(drawn, "measured", truncation(stack)))
        moved = self._move(stack, drawn).reshape(raw.shape)
        return Applied(moved, self._record(drawn, "measured", truncation(stack)))

    def insert(self, image: Array, drawn: Drawn) -> Applied:
        """An image in HU, (x, y[, slices]), of the moving patient."""
        expect_drawn_for(self.axis, drawn)
        data, warnings = self.acquisition.insert(
            image, drawn, self.axis, lambda lines, _: self._move(lines, drawn)
        )
        return Applied(data, self._record(drawn, "resimulated", warnings))

    def _move(self, lines: Array, drawn: Drawn) -> Array:
        geometry = self.acquisition.geometry
        assert isinstance(geometry, ParallelGeometry)
        theta, course = geometry.angles_rad, self.course_mm(drawn)
        along = course[:, 0] * np.cos(theta) + course[:, 1] * np.sin(theta)
        return shifted_views(lines, along / geometry.detector_spacing_mm)

    def _record(self, drawn: Drawn, origin: Any, warnings: tuple[str, ...]) -> Record:
        return Record(drawn, 0.0, "ct.motion/1", origin, warnings)


def shifted_views(lines: Array, elements: Array) -> Array:
    """Each view (views, detectors, slices) moved up by its number of ``elements``.

    Views that are not to move come back bit by bit.
    """
    out = np.array(lines)
    moving = np.flatnonzero(elements)
    if moving.size == 0:
        return out
    n = scipy.fft.next_fast_len(2 * lines.shape[1], real=True)
    spectrum = scipy.fft.rfft(lines[moving], n, axis=1, workers=-1)
    phase = np.exp(-2j * np.pi * elements[moving, None] * np.arange(spectrum.shape[1])[None] / n)
    spectrum *= phase[:, :, None].astype(spectrum.dtype)
    back = scipy.fft.irfft(spectrum, n, axis=1, workers=-1)
    out[moving] = back[:, : lines.shape[1]]
    return out
