"""Something changes from line to line with a period: ghosts (``mr.ghosting``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from limen.physics.degradation import Applied, Axis, Drawn, Record, expect_drawn_for
from limen.physics.mr.acquisition import Acquisition
from limen.physics.mr.sampling import AcquisitionError

Array = NDArray[Any]


@dataclass(frozen=True)
class Ghosting:
    """Lines that are modulated with a period of N: copies of the object every FOV / N.

    Line k is multiplied with ``1 + 2 a cos(2 pi k / N + phi)`` (amplitude: pulsation, a changing
    contrast) or ``exp(2 i a cos(2 pi k / N + phi))`` (phase: vibration, echoes that do not
    match). A modulation of one frequency copies the object once to either side, by FOV / N along
    the phase encoding. For N = 2, the ghost of echo-planar imaging, both copies are one, at half
    the field of view.

    The value is the magnitude of a ghost over that of the object; exact for amplitudes, for phases
    up to the second order.

    Attributes
    ----------
    acquisition : Acquisition
    period_lines : int
        N, of the lines that are measured one after the other.
    kind : "amplitude" or "phase"
    """

    acquisition: Acquisition
    period_lines: int = 2
    kind: Literal["amplitude", "phase"] = "amplitude"

    def __post_init__(self) -> None:
        if not 2 <= self.period_lines <= self.acquisition.shape[0]:
            raise AcquisitionError(
                "A period is of two lines or more", found=f"{self.period_lines} lines"
            )
        if self.kind not in ("amplitude", "phase"):
            raise AcquisitionError(
                "No such modulation", found=str(self.kind), mend="amplitude, phase"
            )

    @property
    def axis(self) -> Axis:
        return Axis("mr.ghosting", "", nominal=0.0, worse="higher", lowest=0.0, highest=0.5)

    @property
    def spacing_mm(self) -> float:
        """Distance of the ghosts along the phase encoding: field of view / N."""
        return self.acquisition.shape[0] * self.acquisition.pixel_mm[0] / self.period_lines

    def draw(self, value: float, seed: int) -> Drawn:
        """The phase of the modulation at the centre line."""
        phase = float(np.random.default_rng(seed).uniform(0, 2 * np.pi))
        p: Any = {"period_lines": self.period_lines, "kind": self.kind,
                  "phase_rad": 0.0 if self.period_lines == 2 else phase}  # fmt: skip
        return self.axis.draw(value, seed, p)

    def modulation(self, drawn: Drawn) -> Array:
        """(lines,) complex128 factors."""
        p: Any = drawn.parameters
        k = np.arange(self.acquisition.shape[0]) - self.acquisition.shape[0] // 2
        n = p["period_lines"]
        # at N = 2 the two copies fall together, so each is half as large
        size = drawn.value if n == 2 else 2 * drawn.value
        wave = size * np.cos(2 * np.pi * k / n + p["phase_rad"])
        return np.asarray(np.exp(1j * wave) if p["kind"] == "phase" else 1 + wave + 0j)

    def apply(self, raw: Array, drawn: Drawn) -> Applied:
        """K-space ([[slices,] coils,] ky, kx) with modulated lines."""
        expect_drawn_for(self.axis, drawn)
        data = self.acquisition.check_raw(raw)
        record = self._record(drawn, "measured")
        if self.axis.is_nominal(drawn.value):
            return Applied(np.array(raw), record)
        return Applied(self._change(data, drawn), record)

    def insert(self, image: Array, drawn: Drawn) -> Applied:
        """An image (i, j[, slices]) with ghosts."""
        expect_drawn_for(self.axis, drawn)
        data, warnings, measured = self.acquisition.insert(
            image, drawn, self.axis, lambda kspace, _: self._change(kspace, drawn)
        )
        return Applied(data, self._record(drawn, "resimulated", warnings, measured))

    def _change(self, kspace: Array, drawn: Drawn) -> Array:
        return np.asarray(kspace * self.modulation(drawn)[:, None].astype(kspace.dtype))

    def _record(self, drawn: Drawn, origin: Any, warnings: tuple[str, ...] = (),
                measured: dict[str, float] | None = None) -> Record:  # fmt: skip
        every = {**(measured or {}), "ghost_spacing_mm": self.spacing_mm}
        return Record(drawn, 0.0, "mr.ghosting/1", origin, warnings, every)
