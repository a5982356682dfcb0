"""What a guard is calibrated on, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from limen.boundary.guard_features import Seen
from limen.boundary.guard_parts import GuardedAxis, Header, Likeness, Shapes, Turn
from limen.boundary.result import SearchAxis
from limen.errors import LimenError


class GuardError(LimenError):
    """A guard that cannot be fitted, loaded or used."""


@dataclass(frozen=True)
class Shown:
    """One image of a calibration patient, as seen, and the condition it was taken to.

    Attributes
    ----------
    patient : str
    axis : str or None
        The one axis that it is degraded on; None: as acquired.
    value : float
        In the axis's unit; not looked at where ``axis`` is None.
    seen : Seen
    attributes : mapping
        Of the case.
    """

    patient: str
    axis: str | None
    value: float
    seen: Seen
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class Limit:
    """How far an axis may go: the certified limit, or what exploration suggests instead."""

    axis: SearchAxis
    value: float
    certified: bool

    @property
    def position(self) -> float:
        return self.axis.position(self.value)


@dataclass(frozen=True)
class Parts:
    """Everything that is fitted."""

    axes: tuple[GuardedAxis, ...]
    header: Header
    texture: Likeness
    anatomy: Likeness
    shapes: Shapes
    turns: tuple[Turn, ...]
    patients: int


def is_inside(s: Shown, limits: Sequence[Limit]) -> bool:
    """Whether an image was taken to a condition inside every limit."""
    if s.axis is None:
        return True
    return any(n.axis.name == s.axis and n.axis.is_milder(s.value, n.value) for n in limits)
