"""How much there is still to gain, from what, and whether a gain could even be seen.

Four ceilings stand over a model: what more data of the same kind would give (the learning curve),
how well readers agree with each other (the labels), what the raw signal holds at all (physics),
and what the validation set could show. The sentence at the end says which one is the lowest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from limen.errors import LimenError

Array = NDArray[Any]
Advice = Literal["go deeper", "get other data", "fix labels", "stop here", "cannot tell"]

_RESAMPLES = 500
_SMALLEST_GAIN = 0.02
"""A smaller gain in the share of patients that pass is called none."""


class HeadroomError(LimenError):
    """Learning curves or shares that contradict themselves."""


@dataclass(frozen=True)
class LearningCurve:
    """Which validation patients failed, by the number of training patients.

    Attributes
    ----------
    sizes : tuple of int
        Training patients, rising.
    failed : tuple of tuple of bool
        For each size the same validation patients in the same order.
    """

    sizes: tuple[int, ...]
    failed: tuple[tuple[bool, ...], ...]

    def __post_init__(self) -> None:
        lengths = {len(row) for row in self.failed}
        rising = all(a < b for a, b in zip(self.sizes, self.sizes[1:], strict=False))
        if len(self.failed) != len(self.sizes) or len(lengths) > 1 or not rising:
            raise HeadroomError(
                "a learning curve needs the same patients at each of rising sizes",
                found=f"sizes {list(self.sizes)}, patients {sorted(lengths)}",
            )
        if not self.sizes or self.sizes[0] < 1 or lengths == {0}:
            raise HeadroomError("a learning curve needs patients", found=f"{len(self.sizes)} sizes")

    @property
    def patients(self) -> int:
        return len(self.failed[0])

    @property
    def rates(self) -> tuple[float, ...]:
        return tuple(sum(row) / len(row) for row in self.failed)

    def last_step(self, confidence: float = 0.95) -> tuple[float, float, float]:
        """Fall of the failure rate from the last size but one, with its interval.

        Normal interval of a paired difference over patients, with one added to each kind of
        discordant pair (Agresti and Min, Stat. Med. 24, 2005), so that no change is not certain.
        """
        from scipy.special import ndtri

        if len(self.sizes) < 2:
            raise HeadroomError("one size shows no course", found=str(self.sizes[0]))
        before, after = (np.array(row) for row in self.failed[-2:])
        mended = int((before & ~after).sum())
        broken = int((~before & after).sum())
        n = self.patients
        fall = (mended - broken) / n
        a, b, m = mended + 0.5, broken + 0.5, n + 2
        middle = (a - b) / m
        half = float(ndtri((1 + confidence) / 2)) * math.sqrt(a + b - (a - b) ** 2 / m) / m
        return fall, middle - half, middle + half


@dataclass(frozen=True)
class Extrapolation:
    """Failure rate with more training patients, as the learning curve's course has it.

    ``rate(n) = floor + (rate(1) - floor) n^-power``, fitted on all sizes; the interval is that of
    a bootstrap over validation patients; ``fall_low`` and ``fall_high`` are those of how much the
    rate falls from the largest size, on the same patients.
    """

    patients: int
    rate: float
    low: float
    high: float
    fall_low: float
    fall_high: float
    floor: float


@dataclass(frozen=True)
class Headroom:
    """What limits further gain, and what to do.

    Attributes
    ----------
    rate : float
        Share of validation patients that fail now.
    patients : int
        Of validation.
    with_twice_the_data : Extrapolation or None
    readers_fail : float or None
        Failure rate of a reader judged by another's reference: the labels' ceiling.
    physics_fail : float or None
        Share of patients with a lesion that the raw signal does not show: no model passes them.
    smallest_gain_seen : float or None
        Gain in the share of passing patients that these validation patients would show in four of
        five trials, in the best case.
    advice : str
    because : str
        The sentence to act on.
    missing : tuple of str
        What was not given, and what it would tell.
    """

    rate: float
    patients: int
    with_twice_the_data: Extrapolation | None
    readers_fail: float | None
    physics_fail: float | None
    smallest_gain_seen: float | None
    advice: Advice
    because: str
    missing: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON; `from_dict` takes it back."""
        return {**asdict(self), "missing": list(self.missing)}

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Headroom:
        more = kept["with_twice_the_data"]
        return cls(
            **{
                **kept,
                "with_twice_the_data": None if more is None else Extrapolation(**more),
                "missing": tuple(kept["missing"]),
            }
        )


def extrapolate(curve: LearningCurve, patients: int, seed: int = 0) -> Extrapolation | None:
    """The failure rate with ``patients`` training patients; None with fewer than three sizes.

    An extrapolation beyond twice the largest size is refused: the course says nothing of it.

    Raises
    ------
    HeadroomError
    """
    if patients > 2 * curve.sizes[-1]:
        raise HeadroomError(
            "a learning curve cannot be followed so far",
            found=f"{patients} patients, trained with up to {curve.sizes[-1]}",
            mend=f"ask for at most {2 * curve.sizes[-1]}",
        )
    if len(curve.sizes) < 3:
        return None
    rows = np.array(curve.failed, float)
    sizes = np.array(curve.sizes, float)
    rng = np.random.default_rng(seed)
    # each resample's patients are counted, and each count is a rate at every size
    drawn = rng.multinomial(rows.shape[1], np.full(rows.shape[1], 1 / rows.shape[1]), _RESAMPLES)
    rates = np.vstack([rows.mean(axis=1), drawn @ rows.T / rows.shape[1]])
    found, floors = _power_law(sizes, rates, patients)
    low, high = np.quantile(found[1:], (0.025, 0.975))
    falls = rates[1:, -1] - found[1:]
    fall_low, fall_high = np.quantile(falls, (0.025, 0.975))
    return Extrapolation(
        patients, float(found[0]), float(low), float(high),
        float(fall_low), float(fall_high), float(floors[0]),
    )  # fmt: skip


_POWERS = np.linspace(0.1, 2.0, 39)


def _power_law(sizes: Array, rates: Array, at: float) -> tuple[Array, Array]:
    """Rate at a size and the floor, by least squares, neither below zero nor rising with size.

    ``rates`` is (curves, sizes); both results are (curves,).
    """
    best = np.full(len(rates), math.inf)
    found, floors = np.zeros(len(rates)), np.zeros(len(rates))
    mean = rates.mean(axis=1)
    for power in _POWERS:
        x = (sizes / sizes[-1]) ** -power
        slope = np.maximum(
            ((rates - mean[:, None]) @ (x - x.mean())) / ((x - x.mean()) ** 2).sum(), 0
        )
        floor = mean - slope * x.mean()
        through_zero = floor < 0
        slope = np.where(through_zero, rates @ x / (x @ x), slope)
        floor = np.where(through_zero, 0.0, floor)
        wrong = ((floor[:, None] + slope[:, None] * x - rates) ** 2).sum(axis=1)
        better = wrong < best - 1e-12
        best = np.where(better, wrong, best)
        found = np.where(better, floor + slope * (at / sizes[-1]) ** -power, found)
        floors = np.where(better, floor, floors)
    return found, floors


def headroom(
    failed: Sequence[bool],
    curve: LearningCurve | None = None,
    readers_fail: float | None = None,
    physics_fail: float | None = None,
) -> Headroom:
    """What would lower the failure rate, and whether that could be seen.

    Parameters
    ----------
    failed : sequence of bool
        By validation patient.
    curve : LearningCurve, optional
    readers_fail, physics_fail : float, optional
        See `Headroom`.

    Raises
    ------
    HeadroomError
        Without patients, or for shares outside 0 to 1.
    """
    if not len(failed):
        raise HeadroomError("there is no validation patient", mend="evaluate the product first")
    for name, share in (("readers_fail", readers_fail), ("physics_fail", physics_fail)):
        if share is not None and not 0 <= share <= 1:
            raise HeadroomError("a share must lie between 0 and 1", where=name, found=f"{share:g}")
    n, rate = len(failed), sum(failed) / len(failed)
    more = None if curve is None else extrapolate(curve, 2 * curve.sizes[-1])
    smallest = _smallest_gain(rate, n)
    missing = []
    if more is None:
        missing.append("training sets of at least three sizes: what more data would give")
    if readers_fail is None:
        missing.append("a second reader: how far the references themselves agree")
    if physics_fail is None:
        missing.append("the detectability of failing lesions: what the raw signal holds")
    advice, because = _advice(rate, n, more, readers_fail, physics_fail, smallest)
    if more is None and curve is not None and advice == "cannot tell":
        because = f"{_now(rate, n)}; {_step_in_words(curve)}."
    return Headroom(
        rate, n, more, readers_fail, physics_fail, smallest, advice, because, tuple(missing)
    )


def _smallest_gain(rate: float, patients: int) -> float | None:
    from limen.measures.planning_gain import plan_gain_in_rate

    if rate <= 0:
        return None
    # any gain will do: the smallest one does not depend on which is asked about
    return plan_gain_in_rate(1 - rate, rate / 2, patients).smallest_gain


def _advice(
    rate: float,
    n: int,
    more: Extrapolation | None,
    readers: float | None,
    physics: float | None,
    smallest: float | None,
) -> tuple[Advice, str]:
    now = _now(rate, n)
    if rate <= 0:
        from limen.measures.intervals import clopper_pearson_upper

        most = _percent(clopper_pearson_upper(0, n))
        words = f"none of {n} validation patients fails, so nothing is left to gain on them"
        return "stop here", f"{words} (at most {most} fail, with 95 % confidence)."
    if smallest is None or rate < smallest:
        seen = f"even a model without failures could not be told from this one on {n} patients"
        return "stop here", f"{now}; {seen}: only more validation patients could show a gain."
    ceiling = max(readers or 0.0, physics or 0.0)
    which = "readers differ on as many" if (readers or 0) >= (physics or 0) else (
        "the raw signal does not show the lesion in as many")  # fmt: skip
    if ceiling >= rate - max(_SMALLEST_GAIN, smallest / 2):
        words = f"{now}, and {which} ({_percent(ceiling)}): no model can do better"
        if (readers or 0) >= (physics or 0):
            return "fix labels", f"{words} until the references are."
        return "stop here", f"{words} on such acquisitions."
    if more is None:
        return "cannot tell", f"{now}; without a learning curve nobody can say what would help."
    gain = rate - more.rate
    course = (
        f"{now}; twice the training patients ({more.patients}) would leave {_percent(more.rate)} "
        f"(95 % interval {_percent(more.low)} to {_percent(more.high)})"
    )
    if more.fall_low > 0 and gain >= _SMALLEST_GAIN:
        if gain < smallest:
            words = f"less than the gain of {_percent(smallest)} that {n} patients would show"
            return (
                "get other data",
                f"{course}: worth it, but {words}; get validation patients too.",
            )
        return "get other data", f"{course}: worth getting."
    if more.fall_high < max(_SMALLEST_GAIN, rate / 3):
        return "go deeper", (
            f"{course}: more of the same does not help, and neither readers nor the raw signal "
            f"stand in the way, as far as they are known; change the model, or look at what fails."
        )
    return "cannot tell", f"{course}: too wide to say whether more data would help."


def _now(rate: float, n: int) -> str:
    return f"{_percent(rate)} of {n} validation patients fail"


def _step_in_words(curve: LearningCurve) -> str:
    """What fewer than three sizes show."""
    if len(curve.sizes) < 2:
        return f"one size ({curve.sizes[0]} training patients) shows no course"
    fall, low, high = curve.last_step()
    before, after = curve.sizes[-2:]
    return (
        f"from {before} to {after} training patients the failure rate fell by {_percent(fall)} "
        f"(95 % interval {_percent(low)} to {_percent(high)}); a third size would tell what still "
        f"more would give"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
