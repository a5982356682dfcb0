"""Whether the declared risk is met, exactly, and if nobody can tell yet, what it would take."""

from __future__ import annotations

from dataclasses import dataclass

from limen.measures.intervals import clopper_pearson_lower, clopper_pearson_upper
from limen.product.declaration import Risk


@dataclass(frozen=True)
class RiskAnswer:
    """Whether the declared risk is met.

    ``met`` is "yes" when the exact one-sided upper limit of the failure rate, with every
    patient that was not evaluated counted as failing, is at most the declared rate; "no" when
    the exact lower limit, with those counted as passing, is above it; else "cannot tell", and
    ``more_patients`` further patients without a failure would make it a yes.
    """

    failure_rate: float
    confidence: float
    upper_limit: float | None
    met: str
    more_patients: int | None
    in_words: str


def answer_risk(risk: Risk, failed: int, failed_at_worst: int, n: int) -> RiskAnswer:
    """Whether the declared risk is met.

    Parameters
    ----------
    risk : Risk
    failed : int
        Patients with a failing case.
    failed_at_worst : int
        The same, with every patient counted in that has a case not evaluated.
    n : int
        All patients, evaluated or not.
    """
    rate, sure = risk.failure_rate, risk.confidence
    declared = (
        f"declared is at most {_percent(rate)} of patients failing, "
        f"with {_percent(sure)} confidence"
    )
    if n == 0:
        more = _failure_free_patients(0, 0, rate, sure)
        words = (
            f"Cannot tell: there are no patients; {declared}, which takes {more} without failure."
        )
        return RiskAnswer(rate, sure, None, "cannot tell", more, words)
    upper = clopper_pearson_upper(failed_at_worst, n, sure)
    counted = f"{failed_at_worst} of {n} patients fail"
    if failed_at_worst > failed:
        counted += f" ({failed_at_worst - failed} of them not evaluated, counted as failing)"
    if upper <= rate:
        words = f"Met: {counted}, so the rate is at most {_percent(upper)}; {declared}."
        return RiskAnswer(rate, sure, upper, "yes", 0, words)
    lower = clopper_pearson_lower(failed, n, sure)
    if lower > rate:
        words = f"Not met: {counted}, so the rate is at least {_percent(lower)}; {declared}."
        return RiskAnswer(rate, sure, upper, "no", None, words)
    more = _failure_free_patients(failed_at_worst, n, rate, sure)
    words = (
        f"Cannot tell: {counted}, so the rate may be as high as {_percent(upper)}; {declared}. "
        f"It would take {more} more {'patient' if more == 1 else 'patients'} without a failure."
    )
    return RiskAnswer(rate, sure, upper, "cannot tell", more, words)


def _failure_free_patients(failed: int, n: int, rate: float, confidence: float) -> int:
    """Fewest further patients, none failing, that bring the upper limit down to the rate."""

    def enough(more: int) -> bool:
        return n + more > 0 and clopper_pearson_upper(failed, n + more, confidence) <= rate

    high = 1
    while not enough(high):
        high *= 2
    low = 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.3g} %"
