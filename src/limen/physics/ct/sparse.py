"""Fewer views, and views over less than half a turn (``ct.views``, ``ct.arc``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.physics.ct.acquisition import Acquisition, truncation
from limen.physics.ct.geometry import GeometryError, ParallelGeometry, as_sinogram_stack
from limen.physics.degradation import (
    Applied,
    Axis,
    ConditionError,
    Drawn,
    Record,
    expect_drawn_for,
)

Array = NDArray[Any]


@dataclass(frozen=True)
class Views:
    """Fewer views, evenly spaced over the same arc, each with the same photons.

    On raw data only every n-th view can be kept, so the number must divide the acquired one; on
    an image any number can be projected. Inserted into an image, only the streaks of
    undersampling come: the noise stays what it was.
    """

    acquisition: Acquisition

    @property
    def axis(self) -> Axis:
        n = float(self.acquisition.geometry.n_views)
        return Axis("ct.views", "views", n, "lower", lowest=1, highest=n, whole=True)

    def draw(self, value: float, seed: int) -> Drawn:
        return self.axis.draw(value, seed)

    def degraded_acquisition(self, drawn: Drawn) -> Acquisition:
        """The acquisition that reconstructs what `apply` gives."""
        return self.acquisition.with_geometry(n_views=int(drawn.value))

    def apply(self, raw: Array, drawn: Drawn) -> Applied:
        """Line integrals (fewer views, detectors[, slices])."""
        expect_drawn_for(self.axis, drawn)
        stack = as_sinogram_stack(raw, self.acquisition.geometry)
        have, keep = self.acquisition.geometry.n_views, int(drawn.value)
        if have % keep:
            divisors = [n for n in range(1, have + 1) if have % n == 0]
            near = sorted(divisors, key=lambda n: abs(n - keep))[:3]
            raise ConditionError(
                "Views that were not measured cannot be kept",
                found=f"{keep} of {have}",
                mend="keep " + " or ".join(str(n) for n in sorted(near)),
            )
        kept = np.array(raw[:: have // keep])
        return Applied(kept, _record(drawn, self.axis, "measured", truncation(stack)))

    def insert(self, image: Array, drawn: Drawn) -> Applied:
        """An image in HU, (x, y[, slices]), with the streaks of fewer views."""
        expect_drawn_for(self.axis, drawn)
        fewer = self.degraded_acquisition(drawn)
        return _insert(image, drawn, self.axis, self.acquisition, fewer)


@dataclass(frozen=True)
class Arc:
    """Parallel views over a part of the half turn, from the first view on; the rest is missing."""

    acquisition: Acquisition

    def __post_init__(self) -> None:
        geometry = self.acquisition.geometry
        if not isinstance(geometry, ParallelGeometry) or geometry.arc_rad != np.pi:
            raise GeometryError(
                "A limited arc is defined on parallel beams over 180 degrees",
                mend="rebin fans to parallel beams first",
            )

    @property
    def axis(self) -> Axis:
        step = 180 / self.acquisition.geometry.n_views
        return Axis("ct.arc", "deg", 180.0, "lower", lowest=step, highest=180.0)

    def draw(self, value: float, seed: int) -> Drawn:
        """The first angle is drawn, in whole views."""
        value = self.axis.check(value)
        n = self.acquisition.geometry.n_views
        first = int(np.random.default_rng(seed).integers(0, n - self._kept(value) + 1))
        return self.axis.draw(value, seed, {"first_view": first})

    def _kept(self, value: float) -> int:
        return max(1, round(value / 180 * self.acquisition.geometry.n_views))

    def degraded_acquisition(self, drawn: Drawn) -> Acquisition:
        """The acquisition that reconstructs what `apply` gives."""
        geometry = self.acquisition.geometry
        step = np.pi / geometry.n_views
        kept = self._kept(drawn.value)
        start = float(drawn.parameters["first_view"]) * step  # type: ignore[arg-type]
        if kept == geometry.n_views:
            return self.acquisition
        return self.acquisition.with_geometry(n_views=kept, arc_rad=kept * step, start_rad=start)

    def apply(self, raw: Array, drawn: Drawn) -> Applied:
        """Line integrals of the views that are left."""
        expect_drawn_for(self.axis, drawn)
        stack = as_sinogram_stack(raw, self.acquisition.geometry)
        first = int(drawn.parameters["first_view"])  # type: ignore[arg-type]
        kept = np.array(raw[first : first + self._kept(drawn.value)])
        return Applied(kept, _record(drawn, self.axis, "measured", truncation(stack)))

    def insert(self, image: Array, drawn: Drawn) -> Applied:
        """An image in HU, (x, y[, slices]), with the missing wedge."""
        expect_drawn_for(self.axis, drawn)
        part = self.degraded_acquisition(drawn)
        return _insert(image, drawn, self.axis, self.acquisition, part)


def _insert(
    image: Array, drawn: Drawn, axis: Axis, whole: Acquisition, part: Acquisition
) -> Applied:
    """The image as it would be of the views of ``part`` alone."""
    data, warnings = whole.insert(image, drawn, axis, lambda lines, _: lines, part, part)
    return Applied(data, _record(drawn, axis, "resimulated", warnings))


def _record(drawn: Drawn, axis: Axis, origin: Any, warnings: tuple[str, ...]) -> Record:
    return Record(drawn, axis.nominal, f"{axis.name}/1", origin, warnings)
