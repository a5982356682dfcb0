"""Detector elements whose gain is not quite known: rings (``ct.rings``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.physics.ct.acquisition import Acquisition, slice_generators, truncation
from limen.physics.ct.geometry import as_sinogram_stack
from limen.physics.degradation import Applied, Axis, Drawn, Record, expect_drawn_for

Array = NDArray[Any]


@dataclass(frozen=True)
class Rings:
    """A gain error of each element, constant through the scan; each slice has its own elements.

    A gain of 1 + g lowers every line integral of that element by ``log(1 + g)``. The element at
    the distance s from the axis draws a ring of radius abs(s) (half of it over 180 degrees).

    Attributes
    ----------
    acquisition : Acquisition
    """

    acquisition: Acquisition

    @property
    def axis(self) -> Axis:
        """Standard deviation of g, a fraction."""
        return Axis("ct.rings", "", nominal=0.0, worse="higher", lowest=0.0, highest=0.2)

    def draw(self, value: float, seed: int) -> Drawn:
        return self.axis.draw(value, seed)

    def gains(self, drawn: Drawn, first: int, n_slices: int) -> Array:
        """(detectors, slices) float64: g; normal, kept within 4 standard deviations."""
        n = self.acquisition.geometry.n_detectors
        each = [g.standard_normal(n) for g in slice_generators(drawn.seed, first, n_slices)]
        normal = np.array(each).reshape(n_slices, n).T
        return np.asarray(drawn.value * np.clip(normal, -4, 4))

    def apply(self, raw: Array, drawn: Drawn) -> Applied:
        """Line integrals (views, detectors[, slices]) of the miscalibrated detector."""
        expect_drawn_for(self.axis, drawn)
        stack = as_sinogram_stack(raw, self.acquisition.geometry)
        changed = np.array(raw) if self.axis.is_nominal(drawn.value) else (
            self._change(stack, drawn, 0).reshape(raw.shape)
        )  # fmt: skip
        return Applied(changed, self._record(drawn, "measured", truncation(stack)))

    def insert(self, image: Array, drawn: Drawn) -> Applied:
        """An image in HU, (x, y[, slices]), with rings."""
        expect_drawn_for(self.axis, drawn)
        data, warnings = self.acquisition.insert(
            image, drawn, self.axis, lambda lines, first: self._change(lines, drawn, first)
        )
        return Applied(data, self._record(drawn, "resimulated", warnings))

    def _change(self, lines: Array, drawn: Drawn, first: int) -> Array:
        gains = self.gains(drawn, first, lines.shape[2])
        return np.asarray(lines - np.log1p(gains)[None].astype(lines.dtype))

    def _record(self, drawn: Drawn, origin: Any, warnings: tuple[str, ...]) -> Record:
        return Record(drawn, 0.0, "ct.rings/1", origin, warnings)
