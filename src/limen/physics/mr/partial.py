"""Lines on one side of k-space left out: ``mr.partial_fourier``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from limen.physics.degradation import Applied, Axis, Drawn, Record, expect_drawn_for
from limen.physics.mr.acquisition import Acquisition, slice_generator, smooth_phase
from limen.physics.mr.masks import partial_fourier_mask
from limen.physics.mr.sampling import AcquisitionError, Cartesian

Array = NDArray[Any]


@dataclass(frozen=True)
class PartialFourier:
    """A fraction of the phase-encoding lines, the first ones missing.

    Attributes
    ----------
    acquisition : Acquisition
    method : "homodyne" or "zero-filled"
    phase_rad : float
        A magnitude image has lost its phase, without which half of k-space would be enough and
        nothing would ever be lost. It is given a drawn smooth phase with this peak, another for
        each slice. A complex image keeps its own.
    """

    acquisition: Acquisition
    method: Literal["homodyne", "zero-filled"] = "homodyne"
    phase_rad: float = 1.5

    def __post_init__(self) -> None:
        if self.method not in ("homodyne", "zero-filled"):
            raise AcquisitionError(
                "No such reconstruction of partial data",
                found=str(self.method),
                mend="homodyne, zero-filled",
            )
        if not 0 <= self.phase_rad < 50:
            raise AcquisitionError(
                "A phase has a peak in rad, 0 or more", found=str(self.phase_rad)
            )

    @property
    def axis(self) -> Axis:
        n = self.acquisition.shape[0]
        return Axis("mr.partial_fourier", "", 1.0, "lower", min((n // 2 + 2) / n + 1e-9, 1.0), 1.0)

    def draw(self, value: float, seed: int) -> Drawn:
        p: Any = {"method": self.method, "phase_rad": self.phase_rad}
        return self.axis.draw(value, seed, p)

    def sampled(self, drawn: Drawn) -> Cartesian:
        """The sampling of the partial data, with its mask."""
        expect_drawn_for(self.axis, drawn)
        mask = partial_fourier_mask(self.acquisition.shape, drawn.value)
        return Cartesian(self.acquisition.shape, self.acquisition.pixel_mm, mask)

    def apply(self, raw: Array, drawn: Drawn) -> Applied:
        """K-space ([[slices,] coils,] ky, kx) with zeros where nothing is measured any more."""
        sampling = self.sampled(drawn)
        data = self.acquisition.check_raw(raw)
        record = Record(drawn, 1.0, "mr.partial_fourier/1", "measured")
        if self.axis.is_nominal(drawn.value):
            return Applied(np.array(raw), record)
        return Applied(np.where(sampling.measured, data, 0).astype(data.dtype), record)

    def insert(self, image: Array, drawn: Drawn) -> Applied:
        """An image (i, j[, slices]) as reconstructed from one side of k-space."""
        sampling = self.sampled(drawn)
        peak: Any = drawn.parameters["phase_rad"]

        def phase(k: int) -> Array:
            rng = slice_generator(drawn.seed, k, 2)
            return smooth_phase(self.acquisition.shape, peak, rng)

        data, warnings, measured = self.acquisition.insert(
            image, drawn, self.axis, lambda kspace, _: kspace, sampling, self.method,
            unshared=True, phase=phase,
        )  # fmt: skip
        return Applied(
            data, Record(drawn, 1.0, "mr.partial_fourier/1", "resimulated", warnings, measured)
        )
