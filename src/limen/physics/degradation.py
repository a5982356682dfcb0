"""The one shape of every degradation: a physical axis, what was drawn, what was applied.

A degradation moves data along one axis of acquisition, in that axis's unit. Drawing its random
parameters is apart from applying them, so that a run can be recorded, replayed and compared::

    drawn = degradation.draw(value=0.25, seed=7)      # cheap; no data is touched
    applied = degradation.apply(raw, drawn)           # deterministic
    applied = degradation.insert(image, drawn)        # where there is only an image

`Degradation` is a protocol: CT, MR and OCT each write frozen dataclasses that have this shape. Only
OCT's share code by inheritance (`ThroughFringes`), because all of them act in the same way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from limen.errors import LimenError

Array = NDArray[Any]
Parameter = float | int | str | tuple[float, ...]


class ConditionError(LimenError):
    """A value that does not exist on its axis, or parameters drawn for something else."""


@dataclass(frozen=True)
class Axis:
    """One physical axis of acquisition, for data of one nominal condition.

    Attributes
    ----------
    name : str
        As in ``limen.yaml``: "ct.dose".
    unit : str
        Of its values, "" for a plain number or fraction.
    nominal : float
        Condition of the data as acquired. A degradation at its nominal changes no bit.
    worse : "lower" or "higher"
        Direction in which data become worse.
    lowest, highest : float
        Values that can be applied, both included; one of them usually is the nominal.
    whole : bool
        Whether only whole numbers exist.
    """

    name: str
    unit: str
    nominal: float
    worse: Literal["lower", "higher"]
    lowest: float
    highest: float
    whole: bool = False

    def check(self, value: float) -> float:
        """``value`` as a float; raises ConditionError where it does not exist on this axis."""
        number = float(value)
        inside = math.isfinite(number) and self.lowest <= number <= self.highest
        if not inside or (self.whole and number != round(number)):
            kind = "a whole number " if self.whole else ""
            raise ConditionError(
                f"No such condition on {self.name}",
                found=f"{value} {self.unit}".strip(),
                mend=f"give {kind}from {self.lowest:g} to {self.highest:g} {self.unit}".strip(),
            )
        return number

    def draw(
        self, value: float, seed: int, parameters: Mapping[str, Parameter] | None = None
    ) -> Drawn:
        """A condition on this axis, with what is random about it; raises as `check`."""
        return Drawn(self.name, self.check(value), self.unit, seed, parameters or {})

    def is_nominal(self, value: float) -> bool:
        return value == self.nominal

    def severity(self, value: float) -> float:
        """Distance from nominal in the direction that makes data worse, in the axis's unit."""
        return (self.nominal - value) if self.worse == "lower" else (value - self.nominal)


@dataclass(frozen=True)
class Drawn:
    """One condition with everything random about it decided.

    ``parameters`` are plain numbers, words and tuples of numbers, so that they can be kept as
    JSON; what is too long to keep (a noise field) is drawn again from ``seed`` when it is applied.
    """

    axis: str
    value: float
    unit: str
    seed: int
    parameters: Mapping[str, Parameter] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able; `Drawn.from_dict` takes it back."""
        return {**asdict(self), "parameters": dict(self.parameters)}

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Drawn:
        """The inverse of `as_dict`, also after a way through JSON (lists become tuples again)."""
        parameters = {
            name: tuple(p) if isinstance(p, list) else p for name, p in kept["parameters"].items()
        }
        return cls(**{**kept, "parameters": parameters})


@dataclass(frozen=True)
class Record:
    """What was applied, for the evidence.

    Attributes
    ----------
    drawn : Drawn
    nominal : float
        Of the axis, in its unit.
    method : str
        Name and version of the operator, "ct.dose/1".
    origin : "measured" or "resimulated"
        Whether the degradation acted on measured raw data, or on raw data made from an image.
    warnings : tuple of str
        What a reader must know: photon starvation, a truncated field of view, phase wrap.
    measured : mapping
        Plain numbers measured while applying, with the unit in the name.
    """

    drawn: Drawn
    nominal: float
    method: str
    origin: Literal["measured", "resimulated"]
    warnings: tuple[str, ...] = ()
    measured: Mapping[str, float] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            **asdict(self),
            "drawn": self.drawn.as_dict(),
            "warnings": list(self.warnings),
            "measured": dict(self.measured),
        }


@dataclass(frozen=True)
class Applied:
    """Degraded data and the record of it."""

    data: Array
    record: Record


class Degradation(Protocol):
    """What each degradation of CT, MR and OCT offers."""

    @property
    def axis(self) -> Axis:
        """Its axis, with the nominal of the data it was made for."""

    def draw(self, value: float, seed: int) -> Drawn:
        """Decide everything random. Raises ConditionError for a value off the axis."""

    def apply(self, raw: Array, drawn: Drawn) -> Applied:
        """Degrade raw data (sinogram, k-space, fringes). The input is not changed."""

    def insert(self, image: Array, drawn: Drawn) -> Applied:
        """Degrade a reconstructed image through raw data made from it."""


def expect_drawn_for(axis: Axis, drawn: Drawn) -> None:
    """Raise ConditionError unless ``drawn`` belongs to ``axis`` and still exists on it."""
    if drawn.axis != axis.name or drawn.unit != axis.unit:
        raise ConditionError(
            "Parameters drawn for another axis",
            found=f"{drawn.axis} in {drawn.unit or 'plain numbers'}",
            mend=f"draw them for {axis.name}",
        )
    axis.check(drawn.value)


def insert_difference(
    image: Array,
    drawn: Drawn,
    axis: Axis,
    nominal_route: Callable[[Array], Array],
    degraded_route: Callable[[Array], Array],
) -> Array:
    """``x_c = x + R_c(A_c x + n_c) - R_0(A x)``; at nominal an equal copy of ``x``.

    The error of the round trip ``R_0 A`` cancels, and what the image already holds (its noise,
    its artefacts) stays in it. Exact for linear reconstructions; for others the caller measures
    the difference at nominal first and shows it as the simulation's bias.

    Parameters
    ----------
    image : array of any shape
    drawn : Drawn
    axis : Axis
    nominal_route, degraded_route : callable
        Image to image in the same unit: ``R_0(A x)`` and ``R_c(A_c x + n_c)``. Neither is called
        at nominal.

    Returns
    -------
    array of ``image``'s shape and floating type (float32 for integers)
    """
    floating = image.dtype if np.issubdtype(image.dtype, np.inexact) else np.dtype(np.float32)
    if axis.is_nominal(drawn.value):
        return np.array(image, dtype=floating)
    change = degraded_route(image) - nominal_route(image)
    return np.asarray(image + change, dtype=floating)
