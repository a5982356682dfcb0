"""An interval of the expected calibration error that knows the error's bias.

The error is a sum of absolute gaps, so chance alone makes it larger: a calibrated model shows one
above zero. A plain bootstrap adds chance to chance, and its interval then lies above the truth
(0 % coverage measured for calibrated models). Here the limits have that taken off: the upper one
what resampling adds to the measured error, the lower one also all that gaps of pure chance would
show. Where gaps are large chance adds less than that, so the interval is then wider than it need
be: 95 % intervals held 95 to 100 % in simulations of 200 and of 1,000 patients, calibrated and
not.
"""

from __future__ import annotations

import numpy as np

from limen.measures.bootstrap import FEWEST_RESAMPLES, require_patients
from limen.measures.errors import CannotSay
from limen.measures.grid import Array
from limen.measures.intervals import Interval

_AT_A_TIME = 2_000_000


def error_by_chance(
    gaps: Array, bin_of: Array, codes: Array, n_patients: int, seed: int
) -> tuple[Array, float]:
    """The error in resamples of patients, and what gaps of pure chance would show.

    Parameters
    ----------
    gaps : (N,) array
        Stated probability less outcome (0 or 1), of each case.
    bin_of, codes : (N,) int array
        Its bin, and its patient.
    n_patients, seed : int

    Returns
    -------
    (FEWEST_RESAMPLES,) float64, float
        The second is the mean error of resamples whose gaps have the measured ones taken off.
    """
    k = int(bin_of.max()) + 1
    sums = np.zeros((n_patients, k))
    np.add.at(sums, (codes, bin_of), gaps)
    cases = np.bincount(codes, minlength=n_patients).astype(float)
    rng = np.random.default_rng(seed)
    share = np.full(n_patients, 1 / n_patients)
    size = max(1, _AT_A_TIME // n_patients)
    parts = []
    for begin in range(0, FEWEST_RESAMPLES, size):
        n = min(size, FEWEST_RESAMPLES - begin)
        times = rng.multinomial(n_patients, share, size=n).astype(float)
        parts.append(times @ sums / (times @ cases)[:, None])
    drawn = np.concatenate(parts)
    here = sums.sum(axis=0) / cases.sum()
    return np.abs(drawn).sum(axis=1), float(np.abs(drawn - here).sum(axis=1).mean())


def ece_interval(
    error: float, drawn: Array, by_chance: float, n_patients: int, confidence: float, seed: int
) -> Interval:
    """Limits of the error; see above for what they are worth.

    Raises
    ------
    CannotSay
        Below ``MIN_PATIENTS`` patients, or when all resamples are alike.
    """
    require_patients(n_patients)
    if np.ptp(drawn) <= 1e-12:
        raise CannotSay("an interval cannot be said: every resample has the same value")
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    added = float(drawn.mean()) - error
    return Interval(
        max(float(low) - added - by_chance, 0.0),
        max(float(high) - added, error, 0.0),
        confidence,
        f"bootstrap over patients less what chance adds, {len(drawn)} resamples, seed {seed}",
    )
