"""Receiver coils that give nothing: ``mr.coil_dropout``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.physics.degradation import Applied, Axis, Drawn, Record, expect_drawn_for
from limen.physics.mr.acquisition import Acquisition
from limen.physics.mr.sampling import AcquisitionError

Array = NDArray[Any]


@dataclass(frozen=True)
class CoilDropout:
    """A number of coils without signal, as when an element or its cable fails.

    The scanner does not know: coils are still combined with the maps of all, so that signal is
    missing where the lost ones were near. In a combined image of unit-norm maps the share of
    the signal that stays is the sum of abs(map)^2 over the others.

    Attributes
    ----------
    acquisition : Acquisition
        With ``maps``, at least two; with ``noise_sd`` the noise of the others is right as well.
    """

    acquisition: Acquisition

    def __post_init__(self) -> None:
        if self.acquisition.n_coils < 2:
            raise AcquisitionError(
                "One coil cannot be lost from one", mend="give the maps of several coils"
            )

    @property
    def axis(self) -> Axis:
        most = float(self.acquisition.n_coils - 1)
        return Axis("mr.coil_dropout", "coils", 0.0, "higher", 0, most, whole=True)

    def draw(self, value: float, seed: int) -> Drawn:
        """Which coils; those lost at a value are lost at greater ones too."""
        order = np.random.default_rng(seed).permutation(self.acquisition.n_coils)
        value = self.axis.check(value)
        lost = tuple(int(c) for c in order[: int(value)])
        return self.axis.draw(value, seed, {"lost": lost})

    def apply(self, raw: Array, drawn: Drawn) -> Applied:
        """K-space ([slices,] coils, ky, kx) with silent coils."""
        expect_drawn_for(self.axis, drawn)
        data = self.acquisition.check_raw(raw)
        record = Record(drawn, 0.0, "mr.coil_dropout/1", "measured")
        if self.axis.is_nominal(drawn.value):
            return Applied(np.array(raw), record)
        return Applied(self._change(data, drawn), record)

    def insert(self, image: Array, drawn: Drawn) -> Applied:
        """An image (i, j[, slices]) of the coils that are left."""
        expect_drawn_for(self.axis, drawn)
        data, warnings, measured = self.acquisition.insert(
            image, drawn, self.axis, lambda kspace, _: self._change(kspace, drawn), unshared=True
        )
        return Applied(
            data, Record(drawn, 0.0, "mr.coil_dropout/1", "resimulated", warnings, measured)
        )

    def _change(self, kspace: Array, drawn: Drawn) -> Array:
        lost: Any = drawn.parameters["lost"]
        out = np.array(kspace)
        out[..., list(lost), :, :] = 0
        return out
