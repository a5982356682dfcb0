"""How many patients a claim of a failure rate takes.

Every plan states what it assumes; a plan is as good as that. For gains see
:mod:`limen.measures.planning_gain`, for AUCs and reader studies
:mod:`limen.measures.planning_auc`. Patients are independent; several cases of one patient tell
less than as many patients (see :func:`design_effect`).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from limen.measures.errors import BadPlan
from limen.measures.planning_search import fewest, percent, require_between


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
    require_between("the failure rate", failure_rate, 0, 1)
    require_between("the confidence", confidence, 0.5, 1)
    require_between("the power", power, 0, 1)
    effect = design_effect(cases_per_patient, correlation)
    if allowed_failures is not None and allowed_failures < 0:
        raise BadPlan("fewer than no failures cannot be allowed", found=str(allowed_failures))
    chance = None
    if expected_rate is None:
        allowed = allowed_failures or 0
        trials = trials_for(allowed, failure_rate, confidence)
    else:
        require_between("the expected rate", expected_rate, 0, 1, ends=True)
        if expected_rate >= failure_rate:
            raise BadPlan(
                "no number of patients meets a claim that is not true",
                found=f"expected {percent(expected_rate)}, claimed at most {percent(failure_rate)}",
                mend="claim a higher rate, or make the product better first",
            )
        allowed, trials, chance = _allowing(
            failure_rate, confidence, expected_rate, power, allowed_failures
        )
    cases = math.ceil(trials * effect - 1e-9)
    patients = math.ceil(cases / cases_per_patient - 1e-9)
    what = "patients" if effect == 1 and cases_per_patient == 1 else "cases"
    words = (
        f"{cases} {what}, of whom at most {allowed} may fail, show with {percent(confidence)} "
        f"confidence that at most {percent(failure_rate)} of {what} fail."
        if allowed
        else f"{cases} {what} without a failure show with {percent(confidence)} confidence that "
        f"at most {percent(failure_rate)} of {what} fail."
    )
    if what == "cases":
        words += f" They come from {patients} patients (design effect {effect:.3g})."
    if chance is not None and expected_rate is not None:
        words += (
            f" If {percent(expected_rate)} truly fail, this succeeds with {percent(chance)} chance."
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

    return fewest(lambda n: n > failures and bdtr(failures, n, rate) <= 1 - confidence + 1e-12)


def design_effect(cases_per_patient: float, correlation: float) -> float:
    """How many times more cases are needed for being in groups: 1 + (m - 1) rho (Kish 1965).

    Raises
    ------
    BadPlan
    """
    if not cases_per_patient >= 1:
        raise BadPlan("a patient has at least one case", found=str(cases_per_patient))
    require_between("the correlation", correlation, 0, 1, ends=True)
    return 1 + (cases_per_patient - 1) * correlation


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
        found=f"{percent(expected)} and {percent(rate)}",
        mend="claim a higher rate",
    )
