"""Fewer lines of k-space: ``mr.acceleration``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from limen.physics.degradation import Applied, Axis, Drawn, Record, expect_drawn_for
from limen.physics.mr.acquisition import Acquisition
from limen.physics.mr.masks import equispaced_mask, poisson_disc_mask, random_mask
from limen.physics.mr.methods import METHODS, NEED_MAPS, Method
from limen.physics.mr.sampling import AcquisitionError, Cartesian

Array = NDArray[Any]

MASKS = ("equispaced", "random", "poisson-disc")


@dataclass(frozen=True)
class Acceleration:
    """An acceleration R: only one in R lines is measured, by a named mask.

    The rest of an image's k-space is left out, and the image is reconstructed from what is
    left. Noise comes as it does on a scanner: with the square root of R and, where there are
    maps and ``noise_sd``, with the g-factor of the coils.

    Attributes
    ----------
    acquisition : Acquisition
    mask : "equispaced", "random" or "poisson-disc"
        Of `limen.physics.mr`; a Poisson-disc mask is of two phase encodings.
    centre_lines : int
        Fully sampled in the middle. An equispaced mask has them besides (as scanners do), the
        others among the lines of R (as fastMRI's masks do).
    method : str
        Reconstruction of the accelerated data, see `reconstruct`.
    """

    acquisition: Acquisition
    mask: Literal["equispaced", "random", "poisson-disc"] = "equispaced"
    centre_lines: int = 24
    method: Method = "zero-filled"

    def __post_init__(self) -> None:
        if self.mask not in MASKS:
            raise AcquisitionError("No such mask", found=str(self.mask), mend=", ".join(MASKS))
        if self.method not in METHODS or self.method == "homodyne":
            raise AcquisitionError(
                "No such reconstruction of accelerated data", found=str(self.method)
            )
        if not 0 <= self.centre_lines <= self.acquisition.shape[0]:
            raise AcquisitionError("No such number of centre lines", found=str(self.centre_lines))
        if self.method in NEED_MAPS and self.acquisition.maps is None:
            raise AcquisitionError(
                f"{self.method} needs coil maps",
                mend="give maps to the acquisition, or take zero-filled or l1-wavelet",
            )
        if self.method in ("sense", "grappa") and self.mask != "equispaced":
            raise AcquisitionError(f"{self.method} needs an equispaced mask", found=self.mask)

    @property
    def axis(self) -> Axis:
        ny, nx = self.acquisition.shape
        if self.mask == "poisson-disc":
            most = ny * nx / max(min(self.centre_lines, ny) * min(self.centre_lines, nx), 1)
        else:
            most = ny / max(self.centre_lines, 1)
        # the outer lines of an equispaced mask may be few, whatever the centre
        most = min(ny / 2, 16) if self.mask == "equispaced" else min(most, 16.0)
        if self.method == "sense":
            most = min(most, float(self.acquisition.n_coils))
        whole = self.mask == "equispaced"
        highest = float(np.floor(most)) if whole else float(most)
        return Axis("mr.acceleration", "x", 1.0, "higher", 1.0, max(highest, 1.0), whole)

    def draw(self, value: float, seed: int) -> Drawn:
        """The lines: the seed of a random mask, the first line of an equispaced one."""
        value = self.axis.check(value)
        rng = np.random.default_rng(seed)
        parameters: dict[str, float | int | str | tuple[float, ...]] = {
            "mask": self.mask, "centre_lines": self.centre_lines, "method": self.method,
        }  # fmt: skip
        if self.mask == "equispaced":
            parameters["first_line"] = int(rng.integers(0, int(value)))
        else:
            parameters["mask_seed"] = int(rng.integers(0, 2**31))
        return self.axis.draw(value, seed, parameters)

    def sampled(self, drawn: Drawn) -> Cartesian:
        """The sampling of the accelerated data, with its mask."""
        expect_drawn_for(self.axis, drawn)
        shape, p = self.acquisition.shape, drawn.parameters
        centre = int(p["centre_lines"])  # type: ignore[arg-type]
        if drawn.value == 1:
            mask = np.ones(shape, bool)
        elif p["mask"] == "equispaced":
            mask = equispaced_mask(shape, int(drawn.value), centre, int(p["first_line"]))  # type: ignore[arg-type]
        elif p["mask"] == "random":
            mask = random_mask(shape, drawn.value, centre, int(p["mask_seed"]))  # type: ignore[arg-type]
        else:
            mask = poisson_disc_mask(shape, drawn.value, centre, int(p["mask_seed"]))  # type: ignore[arg-type]
        return Cartesian(shape, self.acquisition.pixel_mm, mask)

    def apply(self, raw: Array, drawn: Drawn) -> Applied:
        """K-space ([[slices,] coils,] ky, kx) with zeros where nothing is measured any more.

        `sampled` gives the mask that reconstructs it.
        """
        sampling = self.sampled(drawn)
        data = self.acquisition.check_raw(raw)
        if self.axis.is_nominal(drawn.value):
            return Applied(np.array(raw), self._record(drawn, "measured", sampling))
        kept = np.where(sampling.measured, data, 0).astype(data.dtype)
        return Applied(kept, self._record(drawn, "measured", sampling))

    def insert(self, image: Array, drawn: Drawn) -> Applied:
        """An image (i, j[, slices]) with the aliases, blur and noise of acceleration."""
        sampling = self.sampled(drawn)
        data, warnings, measured = self.acquisition.insert(
            image, drawn, self.axis, lambda kspace, _: kspace, sampling, self.method, unshared=True
        )
        return Applied(data, self._record(drawn, "resimulated", sampling, warnings, measured))

    def _record(
        self, drawn: Drawn, origin: Any, sampling: Cartesian, warnings: tuple[str, ...] = (),
        measured: dict[str, float] | None = None,
    ) -> Record:  # fmt: skip
        every = {**(measured or {}), "net_acceleration": sampling.acceleration}
        return Record(drawn, 1.0, "mr.acceleration/1", origin, warnings, every)
