"""Two methods on the same patients, right or wrong on each; and answers against a margin."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from limen.measures.errors import BadScores, CannotSay
from limen.measures.figure import Figure
from limen.measures.grid import Array
from limen.measures.outcomes import checked_truth, numbered


@dataclass(frozen=True)
class PairedShares:
    """Two shares of the same patients.

    Attributes
    ----------
    both, first_only, second_only, neither : int
        Patients on whom both methods were right, and so on.
    difference : Figure
        Share of the first minus that of the second, with Tango's score interval.
    p_exact : float
        McNemar's exact two-sided test that the two shares are the same: its level is never
        above the stated one.
    p_mid : float
        Its mid-p version: less conservative, and near its level (Fagerland, Lydersen and Laake,
        BMC Med. Res. Methodol. 2013).
    """

    both: int
    first_only: int
    second_only: int
    neither: int
    difference: Figure
    p_exact: float
    p_mid: float

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def mcnemar(
    first: ArrayLike,
    second: ArrayLike,
    patients: Sequence[Hashable] | Array,
    *,
    confidence: float = 0.95,
) -> PairedShares:
    """Compare two methods by the patients on whom only one of them was right.

    Estimand: the difference of the shares of patients on whom each method is right. Unit of
    independence: the patient, so each may stand here once. The exact test's guarantee holds at
    any n; the score interval (Tango, Stat. Med. 1998) is asymptotic and good from small n on.

    Parameters
    ----------
    first, second : (N,) array of bool
        Whether each method was right on the patient.
    patients : (N,)
        Each once; several cases are to be joined before (a patient fails when any case fails).
    confidence : float

    Raises
    ------
    CannotSay
        With no patient, or when patients have several cases.
    BadScores
    """
    a = np.asarray(first)
    a = checked_truth(a, len(a) if a.ndim else 0, "the first method's results")
    b = checked_truth(second, len(a), "the second method's results")
    _, n = numbered(patients, len(a))
    if not n:
        raise CannotSay("nothing can be compared with n = 0", mend="add patients")
    if n != len(a):
        raise CannotSay(
            "McNemar's test cannot be said with several cases of a patient",
            found=f"{len(a)} cases of {n} patients",
            mend="join each patient's cases first, or take bootstrap_mean of the differences",
        )
    one, other = int((a & ~b).sum()), int((~a & b).sum())
    low, high = tango_interval(one, other, n, confidence)
    exact, mid = mcnemar_p(one, other)
    return PairedShares(
        both=int((a & b).sum()),
        first_only=one,
        second_only=other,
        neither=int((~a & ~b).sum()),
        difference=Figure(
            (one - other) / n, "", low, high, confidence, n, n, "score (Tango 1998)", None
        ),
        p_exact=exact,
        p_mid=mid,
    )


def mcnemar_p(first_only: int, second_only: int) -> tuple[float, float]:
    """Exact and mid-p two-sided values from the patients on whom the methods differ."""
    from scipy.special import bdtr
    from scipy.stats import binom

    n, less = first_only + second_only, min(first_only, second_only)
    if first_only == second_only:
        # the middle outcome: the exact value is 1, the mid-p value loses half of its chance
        return 1.0, 1.0 - 0.5 * float(binom.pmf(less, n, 0.5)) if n else 1.0
    tail, here = float(bdtr(less, n, 0.5)), float(binom.pmf(less, n, 0.5))
    return min(1.0, 2 * tail), 2 * tail - here


def tango_interval(
    first_only: int, second_only: int, n: int, confidence: float = 0.95
) -> tuple[float, float]:
    """Score limits of a paired difference of shares: where the score test just rejects."""
    from scipy.optimize import brentq
    from scipy.special import ndtri

    z = float(ndtri((1 + confidence) / 2))
    here = (first_only - second_only) / n

    def beyond(delta: float, side: float) -> float:
        return tango_z(first_only, second_only, n, delta) - side

    low = -1.0 if here <= -1 else float(brentq(beyond, -1 + 1e-12, here, args=(z,), xtol=1e-12))
    high = 1.0 if here >= 1 else float(brentq(beyond, here, 1 - 1e-12, args=(-z,), xtol=1e-12))
    return low, high


def tango_z(first_only: int, second_only: int, n: int, delta: float) -> float:
    """Score statistic for a true difference ``delta`` of paired shares (Tango 1998, eq. 4)."""
    b, c = first_only, second_only
    linear = -b - c + (2 * n - b + c) * delta
    constant = -c * delta * (1 - delta)
    share = (np.sqrt(max(linear**2 - 8 * n * constant, 0.0)) - linear) / (4 * n)
    variance = n * (2 * share + delta * (1 - delta))
    gap = b - c - n * delta
    if variance <= 0:
        return 0.0 if gap == 0 else float(np.copysign(np.inf, gap))
    return float(gap / np.sqrt(variance))


Answer = Literal["superior", "non-inferior", "inferior", "cannot tell"]


@dataclass(frozen=True)
class MarginAnswer:
    """Whether a difference clears a margin that was stated beforehand.

    Attributes
    ----------
    answer : str
        "superior": better, beyond chance, by more than ``superiority_margin``; "non-inferior":
        not worse by the margin or more; "inferior": worse by the margin or more; else "cannot
        tell".
    margin, superiority_margin : float
    one_sided_level : float
        Chance of a wrong "non-inferior", and of a wrong "superior", at most; as good as the
        interval is.
    in_words : str
    """

    answer: Answer
    margin: float
    superiority_margin: float
    one_sided_level: float
    in_words: str

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def against_margin(
    difference: Figure,
    *,
    margin: float,
    superiority_margin: float = 0.0,
    higher_is_better: bool = True,
) -> MarginAnswer:
    """Non-inferiority and superiority from the interval of a difference, new minus old.

    A two-sided 95 % interval tests at 2.5 % one-sided (ICH E9; CONSORT extension, Piaggio et al.,
    JAMA 2012). Both questions may be asked of one interval, in this order, without correction.
    The margin is a clinical choice and must have been stated before the data were seen.

    Parameters
    ----------
    difference : Figure
        With its interval, of any method of this room.
    margin : float
        Above zero, in the difference's unit: a loss of this much is no longer acceptable.
    superiority_margin : float
        Zero or above: the gain that superiority has to exceed.
    higher_is_better : bool

    Raises
    ------
    BadScores
        For a margin that is not above zero, or a superiority margin below it.
    """
    if not (np.isfinite(margin) and margin > 0):
        raise BadScores(
            "a margin of non-inferiority is above zero",
            found=str(margin),
            mend="state the largest loss a clinician would still accept",
        )
    if not (np.isfinite(superiority_margin) and superiority_margin >= 0):
        raise BadScores("a margin of superiority is zero or above", found=str(superiority_margin))
    level = (1 - difference.confidence) / 2

    def said(answer: Answer, words: str) -> MarginAnswer:
        return MarginAnswer(answer, margin, superiority_margin, level, words)

    low, high = difference.low, difference.high
    if low is None or high is None:
        return said("cannot tell", f"Cannot tell: {difference.cannot_say}.")
    if not higher_is_better:
        low, high = -high, -low
    unit = f" {difference.unit}" if difference.unit else ""
    shown = f"the gain lies between {low:.3g} and {high:.3g}{unit}"
    sure = f"with {100 * difference.confidence:.4g} % confidence"
    if low > superiority_margin:
        than = f"{superiority_margin:.3g}{unit}" if superiority_margin else "nothing"
        return said("superior", f"Superior: {shown} {sure}, more than {than}.")
    if low > -margin:
        worse = ", though it is a loss" if high < 0 else ""
        return said(
            "non-inferior",
            f"Non-inferior: {shown} {sure}, so no loss of {margin:.3g}{unit} or more{worse}.",
        )
    if high <= -margin:
        return said("inferior", f"Inferior: {shown} {sure}, a loss of {margin:.3g}{unit} or more.")
    return said(
        "cannot tell",
        f"Cannot tell: {shown} {sure}, and a loss of {margin:.3g}{unit} is within it.",
    )
