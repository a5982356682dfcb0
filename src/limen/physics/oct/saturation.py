"""A detector that runs full (``oct.saturation``)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from limen.physics.degradation import Applied, Axis, Drawn, expect_drawn_for
from limen.physics.oct.acquisition import Acquisition
from limen.physics.oct.insertion import Change, Changed, Step, ThroughFringes
from limen.physics.oct.reconstruction import SATURATED

Array = NDArray[Any]


@dataclass(frozen=True)
class Saturation(ThroughFringes):
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
    method: ClassVar[str] = "oct.saturation/1"

    @property
    def axis(self) -> Axis:
        return Axis("oct.saturation", "", nominal=1.0, worse="lower", lowest=0.05, highest=1.0)

    def draw(self, value: float, seed: int) -> Drawn:
        return self.axis.draw(value, seed)

    def apply(self, raw: Array, drawn: Drawn) -> Applied:
        """Raw fringes (..., A-scans, samples)."""
        if self.brightest_counts is None and np.size(raw):
            return replace(self, brightest_counts=float(np.max(raw))).apply(raw, drawn)
        return super().apply(raw, drawn)

    def step(self, drawn: Drawn) -> Step:
        if not self.axis.is_nominal(drawn.value):
            self.acquisition.detector.electrons  # noqa: B018 - raises where it is not known
        return super().step(drawn)

    def _change(self, drawn: Drawn) -> Change:
        expect_drawn_for(self.axis, drawn)
        dark, brightest = self.acquisition.detector.dark_counts, self.brightest_counts

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
