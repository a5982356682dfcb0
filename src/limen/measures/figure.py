"""The one shape in which a statistic leaves this room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from limen.measures.errors import CannotSay
from limen.measures.intervals import Interval


@dataclass(frozen=True)
class Figure:
    """A number fit to be shown: never without unit, interval, n and method.

    Attributes
    ----------
    value : float or None
        None when there is nothing to state; ``cannot_say`` has the reason.
    unit : str
        "" is a plain fraction.
    low, high : float or None
        Two-sided interval; None when there is none, and ``cannot_say`` has the reason.
    confidence : float
    n, n_patients : int
        What it was counted over (cases, lesions or patients), and patients behind that.
    method : str or None
        Of the interval.
    cannot_say : str or None
    """

    value: float | None
    unit: str
    low: float | None
    high: float | None
    confidence: float
    n: int
    n_patients: int
    method: str | None
    cannot_say: str | None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def figure(
    value: float,
    interval: Callable[[], Interval],
    *,
    n: int,
    n_patients: int,
    confidence: float,
    unit: str = "",
) -> Figure:
    """A value with its interval, or with the reason why the interval cannot be said.

    ``interval`` is called here; a :class:`CannotSay` it raises becomes the reason.
    """
    try:
        made = interval()
    except CannotSay as error:
        return Figure(value, unit, None, None, confidence, n, n_patients, None, error.what)
    return Figure(
        value, unit, made.low, made.high, confidence, n, n_patients, made.method, cannot_say=None
    )


def no_figure(
    why: str, confidence: float, n: int = 0, n_patients: int = 0, unit: str = ""
) -> Figure:
    """A figure without a value, and the reason."""
    return Figure(None, unit, None, None, confidence, n, n_patients, None, why)
