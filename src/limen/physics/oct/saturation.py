"""A detector that runs full (``oct.saturation``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.physics.degradation import Applied, Axis, Drawn, expect_drawn_for
from limen.physics.oct.acquisition import Acquisition
from limen.physics.oct.insertion import Changed, apply_to_fringes, insert_in_image
from limen.physics.oct.reconstruction import SATURATED

Array = NDArray[Any]


@dataclass(frozen=True)
class Saturation:
    """Full scale at a fraction of the brightest sample: what is above is cut.

    A cut fringe has harmonics: copies of bright reflectors at twice and three times their depth,
    and a raised floor. At 1 nothing is cut.

    Attributes
    ----------
    acquisition : Acquisition
        Its ``dark_counts`` are zero light; for an image its detector's electrons must be known,
        because the cut depends on the light under the fringe.
    brightest_counts : float or None
        Of the whole acquisition, if the data are only a part of it. None: of the data given.
    window : str
        Of the image's reconstruction.
    """

    acquisition: Acquisition
    brightest_counts: float | None = None
    window: str = "hann"

    @property
    def axis(self) -> Axis:
        return Axis("oct.saturation", "", nominal=1.0, worse="lower", lowest=0.05, highest=1.0)

    def draw(self, value: float, seed: int) -> Drawn:
        return self.axis.draw(value, seed)

    def apply(self, raw: Array, drawn: Drawn) -> Applied:
        """Raw fringes (..., A-scans, samples)."""
        top = self.brightest_counts
        if top is None and np.size(raw):
            top = float(np.max(raw))
        return apply_to_fringes(
            raw, drawn, self.axis, self.acquisition, "oct.saturation/1", self._change(drawn, top)
        )

    def insert(self, image: Array, drawn: Drawn) -> Applied:
        """An image in dB (..., A-scans, depths)."""
        if not self.axis.is_nominal(drawn.value):
            self.acquisition.detector.electrons  # noqa: B018 - raises where it is not known
        return insert_in_image(
            image, drawn, self.axis, self.acquisition, "oct.saturation/1",
            self._change(drawn, self.brightest_counts), self.window,
        )  # fmt: skip

    def _change(self, drawn: Drawn, brightest: float | None) -> Any:
        expect_drawn_for(self.axis, drawn)
        dark = self.acquisition.detector.dark_counts

        def change(fringes: Array, background: Array, rng: np.random.Generator, b: int) -> Changed:
            top = float(fringes.max()) if brightest is None else brightest
            full = np.float32(dark + drawn.value * (top - dark))
            share = float(np.mean(fringes >= full))
            return Changed(
                np.minimum(fringes, full), np.minimum(background, full),
                (SATURATED,) if share else (),
                {"share_of_samples_saturated": share, "full_scale_counts": float(full)},
            )  # fmt: skip

        return change
