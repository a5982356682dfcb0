"""How many patients a claim takes, and whether a gain could be seen: rates and means.

Every plan states what it assumes; a plan is as good as that. For AUCs and reader studies see
:mod:`limen.measures.planning_auc`. Patients are independent; several cases of one patient tell
less than as many patients (see :func:`design_effect`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from limen.measures.errors import BadPlan

_MOST = 10_000_000
"""Patients beyond which a plan says that it cannot be done."""


@dataclass(frozen=True)
class FailureRatePlan:
    """Patients for a claim that at most a stated share of them fails.

    Attributes
    ----------
    patients : int
    allowed_failures : int
        The claim is met with up to so many failing patients among them.
    chance_to_meet : float or None
        That so few fail, when the true rate is ``expected_rate``.
    cases : int
        The patients' cases; with one case a patient, the patients.
    design_effect : float
    failure_rate, confidence : float
        The claim.
    expected_rate : float or None
    in_words : str
    """

    patients: int
    allowed_failures: int
    chance_to_meet: float | None
    cases: int
    design_effect: float
    failure_rate: float
    confidence: float
    expected_rate: float | None
    in_words: str

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


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


def plan_failure_rate(
    failure_rate: float,
    confidence: float = 0.95,
    *,
    allowed_failures: int | None = None,
    expected_rate: float | None = None,
    power: float = 0.8,
    cases_per_patient: float = 1.0,
    correlation: float = 0.0,
) -> FailureRatePlan:
    """Patients for the claim "at most this share fails, with this confidence".

    The claim is tested exactly (one-sided Clopper-Pearson, as :func:`limen.measures.summarise`
    does): with n patients and no failure it is met when (1 - rate)^n is at most 1 - confidence,
    so 59 for 5 % and 299 for 1 % at 95 %.

    Parameters
    ----------
    failure_rate : float
        The claimed largest share of failing patients.
    confidence : float
    allowed_failures : int, optional
        Failing patients that may occur; 0 when neither this nor an expected rate is given.
    expected_rate : float, optional
        The true share, as far as it is known: then the plan allows as many failures as it takes
        to meet the claim with the wanted power. Plans without failure look cheap, and fail as
        soon as one patient does.
    power : float
    cases_per_patient, correlation : float
        When the claim is about cases, not patients: the cases of one patient and the correlation
        of their failing; more patients are then needed by :func:`design_effect`.

    Raises
    ------
    BadPlan
    """
    _between("the failure rate", failure_rate, 0, 1)
    _between("the confidence", confidence, 0.5, 1)
    _between("the power", power, 0, 1)
    effect = design_effect(cases_per_patient, correlation)
    if allowed_failures is not None and allowed_failures < 0:
        raise BadPlan("fewer than no failures cannot be allowed", found=str(allowed_failures))
    chance = None
    if expected_rate is None:
        allowed = allowed_failures or 0
        trials = trials_for(allowed, failure_rate, confidence)
    else:
        _between("the expected rate", expected_rate, 0, 1, ends=True)
        if expected_rate >= failure_rate:
            raise BadPlan(
                "no number of patients meets a claim that is not true",
                found=f"expected {_percent(expected_rate)}, claimed at most "
                f"{_percent(failure_rate)}",
                mend="claim a higher rate, or make the product better first",
            )
        allowed, trials, chance = _allowing(
            failure_rate, confidence, expected_rate, power, allowed_failures
        )
    cases = math.ceil(trials * effect - 1e-9)
    patients = math.ceil(cases / cases_per_patient - 1e-9)
    what = "patients" if effect == 1 and cases_per_patient == 1 else "cases"
    words = (
        f"{cases} {what}, of whom at most {allowed} may fail, show with {_percent(confidence)} "
        f"confidence that at most {_percent(failure_rate)} of {what} fail."
        if allowed
        else f"{cases} {what} without a failure show with {_percent(confidence)} confidence that "
        f"at most {_percent(failure_rate)} of {what} fail."
    )
    if what == "cases":
        words += f" They come from {patients} patients (design effect {effect:.3g})."
    if chance is not None and expected_rate is not None:
        words += (
            f" If {_percent(expected_rate)} truly fail, this succeeds with {_percent(chance)} "
            "chance."
        )
    elif not allowed:
        one = trials_for(1, failure_rate, confidence)
        words += f" With one failure allowed it takes {math.ceil(one * effect - 1e-9)}."
    return FailureRatePlan(
        patients=patients,
        allowed_failures=allowed,
        chance_to_meet=chance,
        cases=cases,
        design_effect=effect,
        failure_rate=failure_rate,
        confidence=confidence,
        expected_rate=expected_rate,
        in_words=words,
    )


def trials_for(failures: int, rate: float, confidence: float) -> int:
    """Fewest independent trials whose exact upper limit, with so many failures, is the rate."""
    from scipy.special import bdtr

    return _fewest(lambda n: n > failures and bdtr(failures, n, rate) <= 1 - confidence + 1e-12)


def design_effect(cases_per_patient: float, correlation: float) -> float:
    """How many times more cases are needed for being in groups: 1 + (m - 1) rho (Kish 1965).

    Raises
    ------
    BadPlan
    """
    if not cases_per_patient >= 1:
        raise BadPlan("a patient has at least one case", found=str(cases_per_patient))
    _between("the correlation", correlation, 0, 1, ends=True)
    return 1 + (cases_per_patient - 1) * correlation


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
    _between("the rate", rate, 0, 1, ends=True)
    _between("the gain", gain, 0, 1)
    _between("the confidence", confidence, 0.5, 1)
    _between("the power", power, 0, 1)
    _at_least_one(patients)
    if rate + gain > 1 + 1e-12:
        raise BadPlan(
            "there is no room for such a gain",
            found=f"{_percent(rate)} and a gain of {_percent(gain)}",
            mend=f"at most {_percent(1 - rate)} can be gained",
        )

    def apart(x: float) -> float:
        return rate * (1 - rate - x) + (1 - rate) * (rate + x)

    most = 1 - abs(2 * rate + gain - 1)
    if discordant is not None and not gain - 1e-12 <= discordant <= most + 1e-12:
        raise BadPlan(
            "the methods cannot differ on this share of patients",
            found=_percent(discordant),
            mend=f"it lies between the gain and {_percent(most)}",
        )
    if discordant is None:
        best, worst = gain, max(apart(gain), gain)
        assumed = (
            f"best: the new method only mends failures; worst: the two fail independently and "
            f"differ on {_percent(worst)} of patients"
        )
    else:
        best = worst = discordant
        assumed = f"the two differ on {_percent(discordant)} of patients"
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
        _percent(gain),
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
    _between("the confidence", confidence, 0.5, 1)
    _between("the power", power, 0, 1)
    _at_least_one(patients)
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


def _allowing(
    rate: float, confidence: float, expected: float, power: float, allowed: int | None
) -> tuple[int, int, float]:
    """Allowed failures, trials and the chance of no more, for an expected rate."""
    from scipy.special import bdtr

    tried = range(100_000) if allowed is None else [allowed]
    for failures in tried:
        trials = trials_for(failures, rate, confidence)
        chance = float(bdtr(failures, trials, expected))
        if chance >= power or allowed is not None:
            return failures, trials, chance
    raise BadPlan(
        "the expected rate is too near the claimed one for any plan of reasonable size",
        found=f"{_percent(expected)} and {_percent(rate)}",
        mend="claim a higher rate",
    )


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
    needed = _fewest_or_none(lambda n: by_patients(n) >= power)
    words = {
        "yes": f"Yes: with {patients} patients a gain of {shown} would be seen with "
        f"{_percent(worst)} chance or more.",
        "no": f"No: with {patients} patients a gain of {shown} would be seen with only "
        f"{_percent(best)} chance at best.",
        "depends": f"It depends: with {patients} patients a gain of {shown} would be seen with "
        f"{_percent(worst)} to {_percent(best)} chance.",
    }[seen]
    if needed is not None:
        words += f" For {_percent(power)} it takes at least {needed} patients."
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


def _fewest(enough: Callable[[int], bool]) -> int:
    found = _fewest_or_none(enough)
    if found is None:
        raise BadPlan(
            f"more than {_MOST:,} patients would be needed", mend="ask for less, or plan otherwise"
        )
    return found


def _fewest_or_none(enough: Callable[[int], bool]) -> int | None:
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


def _between(what: str, value: float, low: float, high: float, ends: bool = False) -> None:
    if not (low <= value <= high if ends else low < value < high):
        raise BadPlan(f"{what} does not lie between {low:g} and {high:g}", found=f"{value:g}")


def _at_least_one(patients: int) -> None:
    if patients < 1:
        raise BadPlan("a plan needs patients", found=str(patients))


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
