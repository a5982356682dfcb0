"""The figures of a set of cases, whole or a part of it: the same for a summary and a subgroup.

No aggregate is better for a case that the model missed: cases are left out of an average by
their reference alone, never by what the model did, and where a missed case has no value the
average is not stated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

import numpy as np

from limen.measures.bootstrap import bootstrap_ratio
from limen.measures.case import Measurement
from limen.measures.errors import CannotSay
from limen.measures.figure import Figure
from limen.measures.intervals import Interval, clopper_pearson
from limen.measures.structures import LabelMeasures
from limen.measures.verdict import CriterionResult, Verdict, missed_lesions
from limen.product.criteria import MEASURES

Lost = Sequence[tuple[str, str, str]]
"""Cases without a verdict: case, patient, reason."""


@dataclass(frozen=True)
class CaseRow:
    """One evaluated case."""

    case: str
    patient: str
    verdict: Verdict
    measurement: Measurement


@dataclass(frozen=True)
class LabelSummary:
    """Averages of one label or region, over the cases whose reference holds it.

    ``correct_rejections`` is over the other cases: how often nothing was predicted where
    nothing was. ``dice_at_worst`` counts cases not evaluated as 0; None when there are none.
    ``further`` has the means of the other measures by name (``iou``, ``assd_mm``, ``nsd at 2
    mm`` ...), as far as they were measured.
    """

    label: str
    n_cases: int
    n_cases_empty_reference: int
    dice: Figure
    dice_at_worst: Figure | None
    absolute_volume_error: Figure
    absolute_relative_volume_error: Figure
    hd95: Figure
    correct_rejections: Figure
    further: dict[str, Figure] = field(default_factory=dict)


@dataclass(frozen=True)
class Level:
    """Confidence, seed and resamples, and the two kinds of figure made with them."""

    confidence: float
    seed: int
    resamples: int | None = None

    def share_of_patients(self, events: int, n: int) -> Figure:
        if n == 0:
            return self._shown(None, "", None, 0, 0, "there are no such patients")
        interval = clopper_pearson(events, n, self.confidence)
        return self._shown(events / n, "", interval, n, n, None)

    def ratio(
        self,
        numerators: Sequence[float],
        denominators: Sequence[float],
        patients: Sequence[str],
        unit: str = "",
        none_words: str = "there are no such cases",
    ) -> Figure:
        """Sum over sum, with the interval of the bootstrap over patients."""
        n = int(sum(denominators))
        behind = {p for p, d in zip(patients, denominators, strict=True) if d > 0}
        if n == 0:
            return self._shown(None, unit, None, 0, 0, none_words)
        value = float(np.sum(numerators)) / n
        try:
            interval = bootstrap_ratio(
                numerators,
                denominators,
                patients,
                confidence=self.confidence,
                seed=self.seed,
                resamples=self.resamples,
            )
        except CannotSay as e:
            return self._shown(value, unit, None, n, len(behind), e.what)
        return self._shown(value, unit, interval, n, len(behind), None)

    def mean(self, values: Sequence[float], patients: Sequence[str], unit: str = "") -> Figure:
        return self.ratio(values, [1] * len(values), patients, unit)

    def unsaid(self, unit: str, patients: Sequence[str], why: str) -> Figure:
        return self._shown(None, unit, None, len(patients), len(set(patients)), why)

    def _shown(
        self,
        value: float | None,
        unit: str,
        interval: Interval | None,
        n: int,
        n_patients: int,
        cannot_say: str | None,
    ) -> Figure:
        return Figure(
            value=value,
            unit=unit,
            low=interval.low if interval else None,
            high=interval.high if interval else None,
            confidence=self.confidence,
            n=n,
            n_patients=n_patients,
            method=interval.method if interval else None,
            cannot_say=cannot_say,
        )


def label_of(
    rows: Sequence[CaseRow],
    not_evaluated: Lost,
    name: str,
    level: Level,
    *,
    region: bool = False,
) -> LabelSummary:
    """Averages of a label, or of the region of this name."""
    measured = ((r.patient, r.measurement.regions if region else r.measurement) for r in rows)
    all_of_it = [
        (patient, own)
        for patient, m in measured
        if m is not None
        for own in m.labels
        if own.label == name
    ]
    there = [(p, m) for p, m in all_of_it if m.voxels_reference > 0]
    absent = [(p, m) for p, m in all_of_it if m.voxels_reference == 0]
    patients = [p for p, _ in there]

    def mean(value: Callable[[LabelMeasures], float | None], key: str, unit: str) -> Figure:
        values = [value(m) for _, m in there]
        defined = [v for v in values if v is not None]
        if len(defined) < len(values):
            why = sorted({m.undefined[key] for _, m in there if key in m.undefined})
            return level.unsaid(
                unit,
                patients,
                f"undefined in {len(values) - len(defined)} of {len(values)} cases "
                f"({', '.join(why)}), and a mean of the others would hide them",
            )
        return level.mean(defined, patients, unit)

    dices = [m.dice for _, m in there]
    at_worst = None
    if not_evaluated:
        lost = [p for _, p, _ in not_evaluated]
        at_worst = level.mean(dices + [0.0] * len(lost), patients + lost)
    return LabelSummary(
        label=name,
        n_cases=len(there),
        n_cases_empty_reference=len(absent),
        dice=level.mean(dices, patients),
        dice_at_worst=at_worst,
        absolute_volume_error=mean(
            lambda m: None if m.volume_error_ml is None else abs(m.volume_error_ml),
            "volume_error_ml",
            "mL",
        ),
        absolute_relative_volume_error=mean(
            lambda m: None if m.relative_volume_error is None else abs(m.relative_volume_error),
            "relative_volume_error",
            "",
        ),
        hd95=mean(lambda m: m.hd95_mm, "hd95_mm", "mm"),
        correct_rejections=level.mean(
            [float(m.correct_rejection) for _, m in absent], [p for p, _ in absent]
        ),
        further=_further([m for _, m in there], mean),
    )


def _further(
    there: Sequence[LabelMeasures],
    mean: Callable[[Callable[[LabelMeasures], float | None], str, str], Figure],
) -> dict[str, Figure]:
    """Means of what is measured on each case beyond Dice, volume and HD95."""
    found = {
        "iou": mean(lambda m: m.iou, "iou", ""),
        "hd_mm": mean(lambda m: m.hd_mm, "hd_mm", "mm"),
        "assd_mm": mean(lambda m: m.assd_mm, "assd_mm", "mm"),
        "masd_mm": mean(lambda m: m.masd_mm, "masd_mm", "mm"),
        "boundary_iou": mean(lambda m: m.boundary_iou, "boundary_iou", ""),
    }
    for tolerance in sorted({t for m in there for t in m.nsd_at}):
        name = f"nsd at {tolerance:g} mm"
        found[name] = mean(lambda m, t=tolerance: m.nsd_at.get(t), name, "")  # type: ignore[misc]
    for width in sorted({w for m in there for w in m.boundary_iou_at}):
        name = f"boundary_iou at {width:g} mm"
        found[name] = mean(lambda m, w=width: m.boundary_iou_at.get(w), name, "")  # type: ignore[misc]
    if any(m.stated_cldice is not None for m in there):
        found["cldice"] = mean(lambda m: m.stated_cldice, "cldice", "")
    return {name: figure for name, figure in found.items() if figure.value is not None or there}


def patients_of(rows: Sequence[CaseRow], lost: Lost) -> tuple[set[str], set[str], set[str]]:
    """Patients evaluated, those of them with a failing case, and those with a lost one."""
    seen = {r.patient for r in rows}
    failed = {r.patient for r in rows if not r.verdict.passed}
    return seen, failed, {patient for _, patient, _ in lost}


@dataclass(frozen=True)
class CriterionMet:
    """How many patients meet one criterion in all their cases.

    ``mean`` is the mean over cases of what it measures on their lesions; None for measures that
    have a table of their own (missed lesions, false marks, those of a label).
    """

    measure: str
    label: str | None
    region: str | None
    min_diameter_mm: float | None
    tolerance_mm: float | None
    comparator: str
    limit: float
    patients_meeting: Figure
    mean: Figure | None = None


_CRITERION = (
    "measure",
    "label",
    "region",
    "min_diameter_mm",
    "tolerance_mm",
    "comparator",
    "limit",
)
_KEY = attrgetter(*_CRITERION)
_TABLES_OF_THEIR_OWN = ("missed_lesions", "false_marks")


def criteria_met(rows: Sequence[CaseRow], level: Level) -> tuple[CriterionMet, ...]:
    """One row for each criterion and label, in the order of the verdicts."""
    judged: dict[tuple[object, ...], list[tuple[CaseRow, CriterionResult]]] = {}
    for row in rows:
        for c in row.verdict.criteria:
            judged.setdefault(_KEY(c), []).append((row, c))
    found = []
    for key, of_cases in judged.items():
        patients = {row.patient for row, _ in of_cases}
        failing = {row.patient for row, c in of_cases if not c.passed}
        found.append(
            CriterionMet(
                **dict(zip(_CRITERION, key, strict=True)),  # type: ignore[arg-type]
                patients_meeting=level.share_of_patients(
                    len(patients) - len(failing), len(patients)
                ),
                mean=_mean_of(of_cases, level),
            )
        )
    return tuple(found)


def _mean_of(of_cases: Sequence[tuple[CaseRow, CriterionResult]], level: Level) -> Figure | None:
    """Mean over cases of a measure of lesions; not of some cases where others have no value."""
    first = of_cases[0][1]
    measure = MEASURES[first.measure]
    if measure.of != "lesions" or first.measure in _TABLES_OF_THEIR_OWN:
        return None
    patients = [row.patient for row, _ in of_cases]
    unit = f"{measure.unit} per case" if measure.counts else measure.unit
    without = sum(c.value is None or _hides_a_miss(row, c) for row, c in of_cases)
    if without:
        return level.unsaid(
            unit,
            patients,
            f"undefined in {without} of {len(of_cases)} cases (a lesion was missed), and a mean of "
            "the others would hide them",
        )
    return level.mean([c.value or 0.0 for _, c in of_cases], patients, unit)


def _hides_a_miss(row: CaseRow, c: CriterionResult) -> bool:
    """Whether the value is of the lesions that were found, and others were not."""
    m = row.measurement if c.region is None else row.measurement.regions
    if c.measure != "centroid_error" or m is None:
        return False
    return bool(missed_lesions(m, c.min_diameter_mm or 0.0, c.region or c.label))
