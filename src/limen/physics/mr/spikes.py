"""Sparks that hit single samples of k-space: stripes (``mr.spikes``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.physics.degradation import Applied, Axis, Drawn, Record, expect_drawn_for
from limen.physics.mr.acquisition import Acquisition, measured_points, slice_generator
from limen.physics.mr.sampling import AcquisitionError

Array = NDArray[Any]


@dataclass(frozen=True)
class Spikes:
    """A number of spikes in each slice, at drawn places with drawn phases.

    A spike of magnitude A adds stripes of magnitude ``A / sqrt(pixels)`` to the whole image, of
    the wavelength 1 / |k| and across the direction of its k.

    Attributes
    ----------
    acquisition : Acquisition
    magnitude : float
        Of a spike, as a share of the largest sample of the slice; each coil receives it with a
        phase of its own.
    """

    acquisition: Acquisition
    magnitude: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.magnitude <= 10:
            raise AcquisitionError(
                "A spike's magnitude is a share of the largest sample, up to 10",
                found=str(self.magnitude),
            )

    @property
    def axis(self) -> Axis:
        return Axis("mr.spikes", "spikes", 0.0, "higher", lowest=0, highest=100, whole=True)

    def draw(self, value: float, seed: int) -> Drawn:
        """Places and phases are drawn for each slice from the seed, see `places`."""
        p: Any = {"magnitude": self.magnitude}
        return self.axis.draw(value, seed, p)

    def places(self, drawn: Drawn, slice_number: int, measured: Array | None = None) -> Array:
        """(spikes, 2) int: line and sample of each spike, among the ``measured`` points."""
        rng = slice_generator(drawn.seed, slice_number)
        every = np.ones(self.acquisition.shape, bool) if measured is None else measured
        where = np.flatnonzero(every)
        picked = rng.choice(where, min(int(drawn.value), len(where)), replace=False)
        return np.stack(np.unravel_index(picked, self.acquisition.shape), axis=1)

    def apply(self, raw: Array, drawn: Drawn) -> Applied:
        """K-space ([[slices,] coils,] ky, kx) with spikes."""
        expect_drawn_for(self.axis, drawn)
        data = self.acquisition.check_raw(raw)
        record = Record(drawn, 0.0, "mr.spikes/1", "measured")
        if self.axis.is_nominal(drawn.value):
            return Applied(np.array(raw), record)
        measured = measured_points(data)
        stack = data.reshape(-1, *data.shape[-3:]) if data.ndim > 2 else data[None, None]
        hit = np.stack([self._change(s, drawn, k, measured) for k, s in enumerate(stack)])
        return Applied(hit.reshape(data.shape), record)

    def insert(self, image: Array, drawn: Drawn) -> Applied:
        """An image (i, j[, slices]) with stripes."""
        expect_drawn_for(self.axis, drawn)
        data, warnings, measured = self.acquisition.insert(
            image, drawn, self.axis, lambda kspace, k: self._change(kspace, drawn, k)
        )
        return Applied(data, Record(drawn, 0.0, "mr.spikes/1", "resimulated", warnings, measured))

    def _change(self, kspace: Array, drawn: Drawn, k: int, measured: Array | None = None) -> Array:
        p: Any = drawn.parameters
        places = self.places(drawn, k, measured)
        phases = slice_generator(drawn.seed, k, 1).uniform(0, 2 * np.pi, (len(kspace), len(places)))
        out = np.array(kspace)
        size = p["magnitude"] * float(np.abs(kspace).max())
        out[:, places[:, 0], places[:, 1]] += (size * np.exp(1j * phases)).astype(out.dtype)
        return out
