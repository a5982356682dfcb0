"""How often a guard lets through what lies outside, and refuses what lies inside.

Estimand: the share of images, at each condition, of patients like the calibration patients. Each
patient is judged by a guard that was fitted without any image of theirs, at conditions that no
fit saw besides those that it did.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from limen.boundary.guard_calibration import Limit, Parts, Shown, is_inside
from limen.boundary.guard_fit import fit_parts

FOLDS = 5
CONFIDENCE = 0.95

Judge = Callable[[Parts, Shown], tuple[bool, Mapping[str, bool]]]
"""Whether a guard of these parts lets an image through, and which of its checks refuse it."""


@dataclass(frozen=True)
class Level:
    """One condition, and what became of the images of patients left out.

    Attributes
    ----------
    value : float
        In the axis's unit.
    inside : bool
    fitted : bool
        Whether guards were fitted with images at this condition (of other patients).
    patients, let_through : int
    by_axis : int
        How many the reading of this very axis refused.
    """

    value: float
    inside: bool
    fitted: bool
    patients: int
    let_through: int
    by_axis: int


@dataclass(frozen=True)
class Share:
    """A share of images with the number of patients behind it.

    ``high`` is the upper end of a one-sided 95 % interval (Clopper and Pearson) that counts
    patients: one counts as an event when any of their images does. None without patients.
    """

    images: int
    events: int
    patients: int
    rate: float | None
    high: float | None


def measure_rates(
    fitted: Sequence[Shown], tried: Sequence[Shown], limits: Sequence[Limit], judge: Judge
) -> dict[str, Any]:
    """Rates on patients left out in turn, in `FOLDS` parts.

    Parameters
    ----------
    fitted : sequence of Shown
        What guards are fitted on.
    tried : sequence of Shown
        Images of the same patients at further conditions, which are only judged.
    limits : sequence of Limit
    judge : callable

    Returns
    -------
    dict
        Plain JSON: ``inside_refused``, ``as_acquired_refused`` (shares); ``refused_by``, by check,
        images inside; ``axes``, by name: ``levels``, ``outside_let_through`` and
        ``beyond_error_let_through`` (outside by more than the error that the judging guard itself
        states).
    """
    patients = sorted({s.patient for s in fitted})
    order = np.random.default_rng(1).permutation(len(patients))
    fold = {patients[i]: k % FOLDS for k, i in enumerate(order)}
    rows: list[_Row] = []
    for k in range(FOLDS):
        parts = fit_parts([s for s in fitted if fold[s.patient] != k], limits)
        reliable = {a.axis.name: (a.by_header or a.by_image).reliable_from for a in parts.axes}
        for known, group in ((True, fitted), (False, tried)):
            for s in group:
                if fold[s.patient] == k:
                    through, refusing = judge(parts, s)
                    rows.append(_Row(s, known, through, refusing, _beyond(s, limits, reliable)))
    inside = [r for r in rows if is_inside(r.shown, limits)]
    names = sorted({n for r in inside for n, refuses in r.refusing.items() if refuses})
    return {
        "patients": len(patients),
        "confidence": CONFIDENCE,
        "inside_refused": _share(inside, lambda r: not r.through),
        "as_acquired_refused": _share(
            [r for r in inside if r.shown.axis is None], lambda r: not r.through
        ),
        "refused_by": {n: sum(r.refusing.get(n, False) for r in inside) for n in names},
        "axes": {limit.axis.name: _axis(rows, limit) for limit in limits},
    }


@dataclass(frozen=True)
class _Row:
    shown: Shown
    fitted: bool
    through: bool
    refusing: Mapping[str, bool]
    beyond: bool
    """Whether it lies beyond the limit by more than its guard's stated error."""


def _beyond(s: Shown, limits: Sequence[Limit], reliable: Mapping[str, float | None]) -> bool:
    limit = next((n for n in limits if n.axis.name == s.axis), None)
    start = reliable.get(s.axis or "")
    if limit is None or start is None:
        return False
    return limit.axis.position(s.value) >= start - 1e-9


def _axis(rows: Sequence[_Row], limit: Limit) -> dict[str, Any]:
    mine = [r for r in rows if r.shown.axis == limit.axis.name]
    levels = []
    for value in sorted({r.shown.value for r in mine}, key=limit.axis.position):
        here = [r for r in mine if r.shown.value == value]
        levels.append(
            Level(
                value,
                limit.axis.is_milder(value, limit.value),
                here[0].fitted,
                len({r.shown.patient for r in here}),
                sum(r.through for r in here),
                sum(r.refusing.get(limit.axis.name, False) for r in here),
            )
        )
    beyond = [r for r in mine if r.beyond]
    return {
        "unit": limit.axis.unit,
        "limit": limit.value,
        "levels": [asdict(level) for level in levels],
        "outside_let_through": _share(
            [r for r in mine if not is_inside(r.shown, [limit])], lambda r: r.through
        ),
        "beyond_error_let_through": _share(beyond, lambda r: r.through),
    }


def _share(rows: Sequence[_Row], event: Callable[[_Row], bool]) -> dict[str, Any]:
    from limen.measures.intervals import clopper_pearson_upper

    events = [r for r in rows if event(r)]
    patients = {r.shown.patient for r in rows}
    hit = {r.shown.patient for r in events}
    if not rows:
        return asdict(Share(0, 0, 0, None, None))
    high = clopper_pearson_upper(len(hit), len(patients), CONFIDENCE)
    return asdict(Share(len(rows), len(events), len(patients), len(events) / len(rows), high))
