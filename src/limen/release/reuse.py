"""Decisions on one validation set that is used again and again.

Whoever sees answers from a validation set and builds the next release on them fits that set a
little. The guard here is a union bound over everything that could have been asked: after ``i - 1``
answers, of which ``b`` were yes, at most ``C(i - 1, b)`` histories are possible, hence as many
releases that the next question may be about. Each such question gets the level

    alpha * 6 / (pi^2 i^2) * 2^-(b + 1) / C(i - 1, b)

and these levels add up to less than alpha over all questions that could ever be asked, so that a
release whose failure rate is over the limit is ever accepted with probability alpha at most,
however the releases were chosen. It is the description-length argument of Dwork, Feldman, Hardt,
Pitassi, Reingold and Roth (Generalization in Adaptive Data Analysis and Holdout Reuse, NIPS 2015,
section on description length) and of Blum and Hardt (The Ladder, ICML 2015), spent as alpha.

It holds while nothing but these answers is learned from the set. Who looks at its single cases and
mends what failed there has learned more; nothing can be guaranteed then but by new patients.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from limen.errors import LimenError


class BadCount(LimenError):
    """Numbers of uses, cases or failures that cannot be."""


@dataclass(frozen=True)
class Decision:
    """Whether a release is accepted on a set, and what that took.

    Attributes
    ----------
    is_accepted : bool
    use : int
        Which use of the set this was, from 1.
    level, p_value : float
        It is accepted when the p-value is at most the level.
    most_failures : int
        The most failures that would have been accepted at this use; -1 where none would.
    """

    is_accepted: bool
    use: int
    level: float
    p_value: float
    most_failures: int


def level(use: int, accepted_before: int, alpha: float = 0.05) -> float:
    """The level of the next question.

    Parameters
    ----------
    use : int
        Which use of the set this is, from 1; every release that was judged on it counts.
    accepted_before : int
        How many of the earlier ones were accepted.
    alpha : float
        Probability that a release over the limit is ever accepted.

    Raises
    ------
    BadCount
    """
    if not 0 <= accepted_before < use or not 0 < alpha < 1:
        raise BadCount(
            "a use is counted from 1, and fewer were accepted before it; alpha lies within 0 and 1",
            found=f"use {use}, {accepted_before} accepted, alpha {alpha}",
            mend="count the uses from the ledger",
        )
    spent = alpha * 6 / (math.pi * use) ** 2
    histories = math.comb(use - 1, accepted_before)
    # after hundreds of uses there are more histories than a float can hold: nothing is left then
    if histories > 1e300:
        return 0.0
    return math.ldexp(spent / histories, -(accepted_before + 1))


def decide(
    failures: int,
    cases: int,
    limit: float,
    *,
    use: int,
    accepted_before: int,
    alpha: float = 0.05,
) -> Decision:
    """Whether a failure rate under ``limit`` is shown, at a set used before.

    The p-value is exact: the probability of so few failures, or fewer, among so many cases at a
    failure rate of exactly the limit (binomial; one case a patient).

    Parameters
    ----------
    failures, cases : int
        Of this release on the set. A case that could not be evaluated is a failure.
    limit : float
        The failure rate that must not be exceeded, within 0 and 1.
    use, accepted_before, alpha
        As for :func:`level`.

    Raises
    ------
    BadCount
    """
    from scipy.stats import binom

    if not 0 <= failures <= cases or cases == 0 or not 0 < limit < 1:
        raise BadCount(
            "failures are among the cases, of which there is one at least; a limit lies within "
            "0 and 1",
            found=f"{failures} of {cases}, limit {limit}",
        )
    at = level(use, accepted_before, alpha)
    p_value = float(binom.cdf(failures, cases, limit))
    most = int(binom.ppf(at, cases, limit)) if at > 0 else -1
    while most >= 0 and binom.cdf(most, cases, limit) > at:
        most -= 1
    return Decision(p_value <= at, use, at, p_value, most)
