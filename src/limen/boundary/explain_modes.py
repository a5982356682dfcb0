"""Where a model fails: subgroups of cases or lesions with more failures than the rest.

Slices are values of attributes, halves and tails of numbers, and pairs of them. Each is tested
against the rest; patients are the independent units; all tests together keep the stated error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.boundary.explain_limit import Slice

Array = NDArray[Any]

FEWEST_PATIENTS = 8
"""In a slice and outside it; smaller ones are not tested, so they cost no error either."""
MOST_VALUES = 12
_QUANTILES = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Item:
    """One case or one lesion, with what may have to do with its failure.

    Attributes
    ----------
    name, case, patient : str
        ``name`` of the lesion or case; ``case`` as ``DATASET/CASE``.
    failed : bool
    facts : mapping
        Attributes of the case, properties of the lesion: text, bool or number.
    """

    name: str
    case: str
    patient: str
    failed: bool
    facts: Mapping[str, str | float | int | bool]


@dataclass(frozen=True)
class FailureMode:
    """A slice that fails more often than the rest.

    Attributes
    ----------
    where : tuple of str
        Its conditions in words, all of which hold: "site = B", "diameter under 7.2 mm".
    items, failed, patients : int
        In the slice.
    rate, low, high : float
        Share of its items that fail, with its 95 % interval, which allows for several items of
        one patient.
    rate_elsewhere : float
    p_value : float
        One-sided, after Holm's correction over every slice that was tested.
    tested : int
        Number of slices.
    failing : tuple of str
        Names of the failing items, worst slices' first by order given.
    """

    where: tuple[str, ...]
    items: int
    failed: int
    patients: int
    rate: float
    low: float
    high: float
    rate_elsewhere: float
    p_value: float
    tested: int
    failing: tuple[str, ...]

    def in_words(self, of: str = "cases") -> str:
        return (
            f"{' and '.join(self.where)}: {self.failed} of {self.items} {of} fail "
            f"({100 * self.rate:.0f} %, 95 % interval {100 * self.low:.0f} to "
            f"{100 * self.high:.0f} %), elsewhere {100 * self.rate_elsewhere:.0f} %; "
            f"p = {self.p_value:.2g} after correction for {self.tested} slices"
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON; `from_dict` takes it back."""
        return {**asdict(self), "where": list(self.where), "failing": list(self.failing)}

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> FailureMode:
        return cls(**{**kept, "where": tuple(kept["where"]), "failing": tuple(kept["failing"])})


def failure_modes(
    items: Sequence[Item], alpha: float = 0.05, most: int = 5, pairs: bool = True
) -> list[FailureMode]:
    """Slices that fail more often than the rest, the surest first.

    Parameters
    ----------
    items : sequence of Item
    alpha : float
        Chance that any slice is named although none fails more often (Holm, Scand. J. Stat. 6,
        1979).
    most : int
        Slices returned; one whose failing items are a surer one's (four fifths of them) is left
        out, unless it fails clearly more often: its interval begins above the other's rate.
    pairs : bool
        Whether two facts at once are looked at.

    Notes
    -----
    Fisher's exact test on effective counts: a slice's counts are divided by its design effect,
    the cluster-robust variance of its rate over the binomial one, not below 1 (Rao and Scott,
    Biometrics 48, 1992). With one item for each patient that is Fisher's test as it is.
    """
    if not items:
        return []
    failed = np.array([i.failed for i in items])
    _, patient = np.unique([i.patient for i in items], return_inverse=True)
    singles = _slices(items)
    slices: dict[tuple[str, ...], Array] = {(w,): mask for w, (_, mask) in singles.items()}
    if pairs:
        for (wa, (fact_a, a)), (wb, (fact_b, b)) in combinations(singles.items(), 2):
            if fact_a != fact_b:
                slices[wa, wb] = a & b
    tested = []
    for where, mask in slices.items():
        inside, outside = len(set(patient[mask])), len(set(patient[~mask]))
        if min(inside, outside) >= FEWEST_PATIENTS:
            tested.append((where, mask, _p_value(failed, patient, mask)))
    corrected = _holm([p for _, _, p in tested])
    order = np.argsort(corrected, kind="stable")
    found: list[FailureMode] = []
    for k in order:
        where, mask, _ = tested[int(k)]
        p = corrected[int(k)]
        if p > alpha or len(found) == most:
            break
        mode = _mode(where, mask, items, failed, patient, p, len(tested))
        if not any(_adds_nothing(mode, surer) for surer in found):
            found.append(mode)
    return found


def coverage_slices(training: Sequence[Item], validation: Sequence[Item]) -> list[Slice]:
    """Slices of the facts that both sides have: patients in each, and those that fail.

    A patient is in a slice with any case, and fails in it with any failing case of it. Whether a
    training item fails is not looked at.
    """
    known = {f for i in training for f in i.facts} & {f for i in validation for f in i.facts}
    both = [
        replace(i, facts={k: v for k, v in i.facts.items() if k in known})
        for i in (*training, *validation)
    ]
    n = len(training)
    everybody = {i.patient for i in training}
    found = []
    for name, (_, mask) in _slices(both).items():
        here = [i for i, hit in zip(validation, mask[n:], strict=True) if hit]
        there = {i.patient for i, hit in zip(training, mask[:n], strict=True) if hit}
        found.append(
            Slice(
                name,
                training=len(there),
                training_all=len(everybody),
                patients=len({i.patient for i in here}),
                failed=len({i.patient for i in here if i.failed}),
            )
        )
    return found


def _slices(items: Sequence[Item]) -> dict[str, tuple[str, Array]]:
    """By its words: the fact, and which items the slice holds."""
    out: dict[str, tuple[str, Array]] = {}
    for fact in sorted({name for i in items for name in i.facts}):
        values = [i.facts.get(fact) for i in items]
        numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
        if numbers and len(set(numbers)) > MOST_VALUES // 2:
            x = np.array([float(v) if v in numbers else np.nan for v in values])
            for cut in np.unique(np.quantile(numbers, _QUANTILES)):
                words, unit = _named(fact)
                out[f"{words} under {cut:.3g}{unit}"] = (fact, x < cut)
                out[f"{words} {cut:.3g}{unit} or more"] = (fact, x >= cut)
            continue
        kinds = sorted({str(v) for v in values if v is not None})
        if 2 <= len(kinds) <= MOST_VALUES:
            for kind in kinds:
                mask = np.array([v is not None and str(v) == kind for v in values])
                yes_or_no = {"True": _named(fact)[0], "False": f"not {_named(fact)[0]}"}
                out[yes_or_no.get(kind, f"{_named(fact)[0]} = {kind}")] = (fact, mask)
    return out


_UNITS = {"mm": " mm", "ml": " mL", "years": " years", "hu": " HU", "db": " dB", "tesla": " T"}


def _named(fact: str) -> tuple[str, str]:
    """A fact's name without its unit, and the unit: "long_axis_mm" is the long axis in mm."""
    name, _, unit = fact.rpartition("_")
    if unit in _UNITS and name:
        return name.replace("_", " "), _UNITS[unit]
    return fact.replace("_", " "), ""


def _p_value(failed: Array, patient: Array, mask: Array) -> float:
    """One-sided: a slice that fails no more often would have so many failures."""
    from scipy.stats import hypergeom

    n1, k1 = _effective(failed[mask], patient[mask])
    n0, k0 = _effective(failed[~mask], patient[~mask])
    if n1 == 0 or n0 == 0:
        return 1.0
    return float(hypergeom.sf(k1 - 1, n1 + n0, k1 + k0, n1))


def _effective(failed: Array, patient: Array) -> tuple[int, int]:
    """Items and failures that independent ones of the same precision would be."""
    n, k = failed.size, int(failed.sum())
    _, which = np.unique(patient, return_inverse=True)
    clusters = int(which.max()) + 1 if n else 0
    if n == 0 or clusters == n:
        return n, k
    rate = k / n
    totals = np.bincount(which, failed, clusters) - rate * np.bincount(which, minlength=clusters)
    robust = float((totals**2).sum()) / n**2 * clusters / max(clusters - 1, 1)
    binomial = rate * (1 - rate) / n
    effect = max(robust / binomial, 1.0) if binomial > 0 else n / clusters
    size = max(int(n / effect), min(clusters, n))
    return size, round(rate * size)


def _holm(p_values: Sequence[float]) -> list[float]:
    order = np.argsort(p_values, kind="stable")
    out = [0.0] * len(p_values)
    running = 0.0
    for rank, k in enumerate(order):
        running = max(running, min(1.0, p_values[int(k)] * (len(p_values) - rank)))
        out[int(k)] = running
    return out


def _adds_nothing(mode: FailureMode, surer: FailureMode) -> bool:
    both = len(set(mode.failing) & set(surer.failing))
    return both >= 0.8 * len(mode.failing) and mode.low <= surer.rate


def _mode(
    where: tuple[str, ...],
    mask: Array,
    items: Sequence[Item],
    failed: Array,
    patient: Array,
    p_value: float,
    tested: int,
) -> FailureMode:
    from limen.measures.intervals import clopper_pearson

    n, k = _effective(failed[mask], patient[mask])
    interval = clopper_pearson(k, n)
    return FailureMode(
        where=where,
        items=int(mask.sum()),
        failed=int(failed[mask].sum()),
        patients=len(set(patient[mask])),
        rate=float(failed[mask].mean()),
        low=interval.low,
        high=interval.high,
        rate_elsewhere=float(failed[~mask].mean()),
        p_value=p_value,
        tested=tested,
        failing=tuple(i.name for i, hit in zip(items, mask & failed, strict=True) if hit),
    )
