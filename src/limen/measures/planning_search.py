"""What every plan needs: the fewest patients that are enough, and shares that can be."""

from __future__ import annotations

from collections.abc import Callable

from limen.measures.errors import BadPlan

_MOST = 10_000_000
"""Patients beyond which a plan says that it cannot be done."""


def fewest(enough: Callable[[int], bool]) -> int:
    found = fewest_or_none(enough)
    if found is None:
        raise BadPlan(
            f"more than {_MOST:,} patients would be needed", mend="ask for less, or plan otherwise"
        )
    return found


def fewest_or_none(enough: Callable[[int], bool]) -> int | None:
    """The fewest patients that are enough, by doubling and halving; near it where power saws."""
    high = 1
    while not enough(high):
        high *= 2
        if high > _MOST:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def require_between(what: str, value: float, low: float, high: float, ends: bool = False) -> None:
    if not (low <= value <= high if ends else low < value < high):
        raise BadPlan(f"{what} does not lie between {low:g} and {high:g}", found=f"{value:g}")


def require_patients(patients: int) -> None:
    if patients < 1:
        raise BadPlan("a plan needs patients", found=str(patients))


def percent(share: float) -> str:
    return f"{100 * share:.3g} %"
