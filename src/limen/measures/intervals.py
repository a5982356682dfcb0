"""Confidence intervals of a proportion, exact and by score.

The trials must be independent: count patients, not the cases or lesions of one patient. The
bootstrap over patients is in :mod:`limen.measures.bootstrap`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from limen.measures.errors import BadValue, CannotSay


@dataclass(frozen=True)
class Interval:
    """A two-sided confidence interval and how it was made."""

    low: float
    high: float
    confidence: float
    method: str


def clopper_pearson(events: int, n: int, confidence: float = 0.95) -> Interval:
    """Exact two-sided interval of a proportion (Clopper and Pearson, Biometrika 1934).

    Holds the true proportion with at least the stated confidence, whatever it is.

    Parameters
    ----------
    events, n : int
        ``events`` out of ``n`` independent trials.
    confidence : float
        Between 0 and 1; each side takes half of what is left.

    Raises
    ------
    CannotSay
        With n = 0.
    """
    side = (1.0 + confidence) / 2.0
    return Interval(
        clopper_pearson_lower(events, n, side),
        clopper_pearson_upper(events, n, side),
        confidence,
        "Clopper-Pearson, exact",
    )


def clopper_pearson_upper(events: int, n: int, confidence: float = 0.95) -> float:
    """Exact one-sided upper limit of a proportion; 1 - (1 - confidence)^(1/n) for no event."""
    from scipy.special import betaincinv

    _check_proportion(events, n, confidence)
    return 1.0 if events == n else float(betaincinv(events + 1, n - events, confidence))


def clopper_pearson_lower(events: int, n: int, confidence: float = 0.95) -> float:
    """Exact one-sided lower limit of a proportion."""
    from scipy.special import betaincinv

    _check_proportion(events, n, confidence)
    return 0.0 if events == 0 else float(betaincinv(events, n - events + 1, 1.0 - confidence))


def wilson(events: int, n: int, confidence: float = 0.95) -> Interval:
    """Score interval of a proportion (Wilson, JASA 1927), without continuity correction.

    Shorter than the exact one; holds the stated confidence on average, not for every
    proportion. Raises :class:`CannotSay` with n = 0.
    """
    from scipy.special import ndtri

    _check_proportion(events, n, confidence)
    z = float(ndtri((1.0 + confidence) / 2.0))
    p = events / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    # at the ends rounding may pass the bounds by one unit in the last place
    low = 0.0 if events == 0 else max(0.0, centre - half)
    high = 1.0 if events == n else min(1.0, centre + half)
    return Interval(low, high, confidence, "Wilson score")


def normal_interval(
    value: float, standard_error: float, confidence: float, method: str
) -> Interval:
    """Value plus and minus the normal quantile times its standard error."""
    from scipy.special import ndtri

    half = float(ndtri((1 + confidence) / 2)) * standard_error
    return Interval(value - half, value + half, confidence, method)


def _check_proportion(events: int, n: int, confidence: float) -> None:
    if not 0 < confidence < 1:
        raise BadValue("the confidence does not lie between 0 and 1", found=str(confidence))
    if not 0 <= events <= n or int(events) != events or int(n) != n:
        raise BadValue("there cannot be so many events", found=f"{events} of {n}")
    if n == 0:
        raise CannotSay("a proportion cannot be said with n = 0", mend="add cases")
