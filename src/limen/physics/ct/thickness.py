"""Thicker slices (``ct.slice_thickness``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.physics.ct.geometry import GeometryError
from limen.physics.degradation import Applied, Axis, ConditionError, Drawn, Record, expect_drawn_for

Array = NDArray[Any]


@dataclass(frozen=True)
class SliceThickness:
    """Each slice becomes the mean of the body over a greater thickness; slices stay where they are.

    The thickness is that of the rectangular profile with the same second moment. Neighbouring
    slices are averaged with equal weights, the outermost two with less, such that the second
    moment of the profile becomes that of the new thickness; odd multiples of contiguous slices
    are plain means. Beyond the first and last slice the nearest goes on. Reconstruction is
    linear, so raw data and images change alike.

    Attributes
    ----------
    spacing_mm : float
        Between the middles of slices.
    thickness_mm : float
        Acquired.
    """

    spacing_mm: float
    thickness_mm: float

    def __post_init__(self) -> None:
        for name in ("spacing_mm", "thickness_mm"):
            if not 0 < getattr(self, name) < np.inf:
                raise GeometryError(
                    f"{name} must be a positive length in mm", found=str(getattr(self, name))
                )

    @property
    def axis(self) -> Axis:
        least = self.thickness_mm
        return Axis("ct.slice_thickness", "mm", least, "higher", least, max(50.0, 10 * least))

    def draw(self, value: float, seed: int) -> Drawn:
        """Nothing is random."""
        return self.axis.draw(value, seed)

    def apply(self, raw: Array, drawn: Drawn) -> Applied:
        """(views, detectors, slices) line integrals of thicker slices."""
        return self._thicken(raw, drawn, "measured")

    def insert(self, image: Array, drawn: Drawn) -> Applied:
        """(x, y, slices) image of thicker slices."""
        return self._thicken(image, drawn, "resimulated")

    def weights(self, value: float) -> Array:
        """(2 n + 1,) float64, sum 1: of the slices n before to n after."""
        wanted = (value**2 - self.thickness_mm**2) / (12 * self.spacing_mm**2)
        n = 1
        while (n + 1) * n / 3 < wanted:  # second moment of 2 n + 1 equal weights
            n += 1
        inner = sum(k * k for k in range(1, n))
        end = (wanted * (2 * n - 1) - 2 * inner) / (2 * n**2 - 2 * wanted)
        weights = np.ones(2 * n + 1)
        weights[[0, -1]] = max(end, 0.0)
        return np.asarray(weights / weights.sum())

    def _thicken(self, stack: Array, drawn: Drawn, origin: Any) -> Applied:
        expect_drawn_for(self.axis, drawn)
        if stack.ndim != 3:
            raise ConditionError(
                "Slice thickness needs a stack of slices",
                found=f"shape {stack.shape}",
                mend="give three axes, slices last",
            )
        record = Record(drawn, self.thickness_mm, "ct.slice_thickness/1", origin)
        if self.axis.is_nominal(drawn.value):
            return Applied(np.array(stack), record)
        kind = np.float64 if stack.dtype == np.float64 else np.float32
        weights = self.weights(drawn.value)
        n = weights.size // 2
        padded = np.pad(stack.astype(kind), ((0, 0), (0, 0), (n, n)), mode="edge")
        out = np.zeros(stack.shape, kind)
        for k, weight in enumerate(weights):
            out += kind(weight) * padded[:, :, k : k + stack.shape[2]]
        return Applied(out, record)
