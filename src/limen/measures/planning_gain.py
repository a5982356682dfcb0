"""Whether a gain could be seen with the patients at hand: in a share of patients, or in a mean.

Every plan states what it assumes; a plan is as good as that.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from limen.measures.errors import BadPlan
from limen.measures.planning_search import (
    fewest_or_none,
    percent,
    require_between,
    require_patients,
)


@dataclass(frozen=True)
class GainPlan:
    """Whether a gain would be seen with the patients at hand.

    Attributes
    ----------
    seen : str
        "yes": even under the worst assumption; "no": not even under the best; else "depends".
    power, worst_power : float
        Chance to see the gain, under the best and the worst of the stated assumptions.
    smallest_gain : float or None
        The smallest gain that would be seen with the wanted power under the best assumption;
        None when none would.
    patients_needed : int or None
        For the gain asked about, under the best assumption; None beyond ten million.
    in_words : str
    """

    seen: Literal["yes", "no", "depends"]
    gain: float
    patients: int
    power: float
    worst_power: float
    smallest_gain: float | None
    patients_needed: int | None
    confidence: float
    wanted_power: float
    assumptions: str
    in_words: str

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def plan_gain_in_rate(
    rate: float,
    gain: float,
    patients: int,
    *,
    discordant: float | None = None,
    confidence: float = 0.95,
    power: float = 0.8,
) -> GainPlan:
    """Whether a gain in the share of patients got right would be seen on the same patients.

    The test is McNemar's exact one, two-sided; its power is exact. It hangs on how many patients
    the old and the new method differ on. When that is not known, the best assumption is that the
    new method only mends failures (as many patients as the gain), the worst that the two fail
    independently of one another.

    Parameters
    ----------
    rate : float
        Share of patients the present method gets right.
    gain : float
        Above zero; by so much the new method's share would be higher.
    patients : int
    discordant : float, optional
        Share of patients on whom the two methods differ.
    confidence, power : float

    Raises
    ------
    BadPlan
    """
    require_between("the rate", rate, 0, 1, ends=True)
    require_between("the gain", gain, 0, 1)
    require_between("the confidence", confidence, 0.5, 1)
    require_between("the power", power, 0, 1)
    require_patients(patients)
    if rate + gain > 1 + 1e-12:
        raise BadPlan(
            "there is no room for such a gain",
            found=f"{percent(rate)} and a gain of {percent(gain)}",
            mend=f"at most {percent(1 - rate)} can be gained",
        )

    def apart(x: float) -> float:
        return rate * (1 - rate - x) + (1 - rate) * (rate + x)

    most = 1 - abs(2 * rate + gain - 1)
    if discordant is not None and not gain - 1e-12 <= discordant <= most + 1e-12:
        raise BadPlan(
            "the methods cannot differ on this share of patients",
            found=percent(discordant),
            mend=f"it lies between the gain and {percent(most)}",
        )
    if discordant is None:
        best, worst = gain, max(apart(gain), gain)
        assumed = (
            f"best: the new method only mends failures; worst: the two fail independently and "
            f"differ on {percent(worst)} of patients"
        )
    else:
        best = worst = discordant
        assumed = f"the two differ on {percent(discordant)} of patients"
    level = 1 - confidence

    def seen(n: int, x: float, differ: float) -> float:
        return power_of_mcnemar(n, x, differ, level)

    return _gain_plan(
        gain,
        patients,
        seen(patients, gain, best),
        seen(patients, gain, worst),
        lambda x: seen(patients, x, x if discordant is None else max(x, discordant)),
        min(1 - rate, 1.0),
        lambda n: seen(n, gain, best),
        confidence,
        power,
        assumed,
        percent(gain),
    )


def plan_gain_in_mean(
    gain: float,
    sd_of_differences: float,
    patients: int,
    *,
    unit: str = "",
    confidence: float = 0.95,
    power: float = 0.8,
) -> GainPlan:
    """Whether a gain in a mean, as of Dice, would be seen on the same patients.

    By the power of the paired t test (noncentral t), two-sided.

    Parameters
    ----------
    gain : float
        Not zero.
    sd_of_differences : float
        Standard deviation over patients of the new value less the old. When only the spread
        over patients is known: sd sqrt(2 (1 - r)), with r the correlation of old and new.
    patients : int
    unit : str
    confidence, power : float

    Raises
    ------
    BadPlan
    """
    if not (math.isfinite(gain) and gain != 0):
        raise BadPlan("a gain of nothing cannot be planned for", found=str(gain))
    if not (math.isfinite(sd_of_differences) and sd_of_differences > 0):
        raise BadPlan(
            "the spread of the differences is not above zero",
            found=str(sd_of_differences),
            mend="give the standard deviation over patients of new less old",
        )
    require_between("the confidence", confidence, 0.5, 1)
    require_between("the power", power, 0, 1)
    require_patients(patients)
    level = 1 - confidence

    def seen(n: int, x: float) -> float:
        return power_of_t(n, abs(x) / sd_of_differences, level)

    here = seen(patients, gain)
    tell = f" {unit}" if unit else ""
    return _gain_plan(
        gain,
        patients,
        here,
        here,
        lambda x: seen(patients, x),
        100 * sd_of_differences,
        lambda n: seen(n, gain),
        confidence,
        power,
        f"differences spread by {sd_of_differences:.3g}{tell} over patients",
        f"{gain:.3g}{tell}",
    )


def power_of_mcnemar(patients: int, gain: float, discordant: float, level: float) -> float:
    """Exact power of the exact two-sided test, over all numbers of discordant patients."""
    import numpy as np
    from scipy.stats import binom

    share = min(discordant, 1.0)
    # numbers further off than this do not occur
    reach = 10 * math.sqrt(patients * share * (1 - share)) + 10
    first = max(0, math.floor(patients * share - reach))
    counts = np.arange(first, min(patients, math.ceil(patients * share + reach)) + 1)
    chance = binom.pmf(counts, patients, share)
    # most of the rarer kind with which the test still rejects; -1 when it never does
    most = binom.ppf(level / 2, counts, 0.5)
    most = np.where(binom.cdf(most, counts, 0.5) <= level / 2, most, most - 1)
    better = min((discordant + gain) / (2 * discordant), 1.0)
    rejects = binom.cdf(most, counts, 1 - better) + binom.cdf(most, counts, better)
    return float((chance * np.where(most < 0, 0.0, rejects)).sum())


def power_of_t(patients: int, effect: float, level: float) -> float:
    """Power of the paired t test for a mean difference of ``effect`` standard deviations."""
    from scipy.special import nctdtr, stdtrit

    if patients < 2:
        return 0.0
    free, shift = patients - 1, effect * math.sqrt(patients)
    if shift > 30:
        return 1.0
    critical = float(stdtrit(free, 1 - level / 2))
    # the far tail, a significant loss, is not a gain that is seen
    return 1 - float(nctdtr(free, shift, critical))


def _gain_plan(
    gain: float,
    patients: int,
    best: float,
    worst: float,
    by_gain: Callable[[float], float],
    largest: float,
    by_patients: Callable[[int], float],
    confidence: float,
    power: float,
    assumptions: str,
    shown: str,
) -> GainPlan:
    seen: Literal["yes", "no", "depends"] = "depends"
    if worst >= power:
        seen = "yes"
    elif best < power:
        seen = "no"
    smallest = None
    if largest > 0 and by_gain(largest) >= power:
        low, high = 0.0, largest
        while high - low > 1e-4 * high:
            middle = (low + high) / 2
            low, high = (low, middle) if by_gain(middle) >= power else (middle, high)
        smallest = high
    needed = fewest_or_none(lambda n: by_patients(n) >= power)
    words = {
        "yes": f"Yes: with {patients} patients a gain of {shown} would be seen with "
        f"{percent(worst)} chance or more.",
        "no": f"No: with {patients} patients a gain of {shown} would be seen with only "
        f"{percent(best)} chance at best.",
        "depends": f"It depends: with {patients} patients a gain of {shown} would be seen with "
        f"{percent(worst)} to {percent(best)} chance.",
    }[seen]
    if needed is not None:
        words += f" For {percent(power)} it takes at least {needed} patients."
    words += f" ({assumptions[0].upper()}{assumptions[1:]}.)"
    return GainPlan(
        seen=seen,
        gain=gain,
        patients=patients,
        power=best,
        worst_power=worst,
        smallest_gain=smallest,
        patients_needed=needed,
        confidence=confidence,
        wanted_power=power,
        assumptions=assumptions,
        in_words=words,
    )
