"""The figures of a set of cases, whole or a part of it: the same for a summary and a subgroup.

No aggregate is better for a case that the model missed: cases are left out of an average by
their reference alone, never by what the model did, and where a missed case has no value the
average is not stated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from limen.measures.bootstrap import bootstrap_ratio
from limen.measures.case import Measurement
from limen.measures.errors import CannotSay
from limen.measures.figure import Figure
from limen.measures.intervals import Interval, clopper_pearson
from limen.measures.structures import LabelMeasures
from limen.measures.verdict import Verdict, false_marks, missed_lesions

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
class Sensitivity:
    """Lesions found, at or above one size limit."""

    label: str | None
    min_diameter_mm: float
    found: int
    present: int
    sensitivity: Figure
    patients_all_found: Figure


@dataclass(frozen=True)
class FalseMarks:
    """Marks on nothing, at or above one size limit."""

    label: str | None
    min_diameter_mm: float
    marks: int
    per_case: Figure
    patients_without: Figure


@dataclass(frozen=True)
class LabelSummary:
    """Averages of one label, over the cases whose reference holds it.

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


def size_groups(rows: Sequence[CaseRow], measure: str) -> list[tuple[str | None, float]]:
    """Label and size limit of each row of a table: all sizes first, then as the criteria say."""
    declared = {
        (c.label, c.min_diameter_mm or 0.0)
        for r in rows
        for c in r.verdict.criteria
        if c.measure == measure
    }
    return sorted({(None, 0.0)} | declared, key=lambda g: (g[0] or "", g[1]))


def sensitivity_of(
    rows: Sequence[CaseRow], label: str | None, size_mm: float, level: Level
) -> Sensitivity:
    present = [
        sum(
            x.diameter_mm >= size_mm and label in (None, x.label)
            for x in r.measurement.reference or ()
        )
        for r in rows
    ]
    missed = [len(missed_lesions(r.measurement, size_mm, label)) for r in rows]
    found = [p - m for p, m in zip(present, missed, strict=True)]
    patients = [r.patient for r in rows]
    with_lesion = {p for p, n in zip(patients, present, strict=True) if n}
    with_miss = {p for p, n in zip(patients, missed, strict=True) if n}
    return Sensitivity(
        label=label,
        min_diameter_mm=size_mm,
        found=sum(found),
        present=sum(present),
        sensitivity=level.ratio(found, present, patients, none_words="there are no such lesions"),
        patients_all_found=level.share_of_patients(
            len(with_lesion) - len(with_miss), len(with_lesion)
        ),
    )


def false_marks_of(
    rows: Sequence[CaseRow], label: str | None, size_mm: float, level: Level
) -> FalseMarks:
    marks = [len(false_marks(r.measurement, size_mm, label)) for r in rows]
    patients = [r.patient for r in rows]
    marked = {p for p, n in zip(patients, marks, strict=True) if n}
    everyone = set(patients)
    return FalseMarks(
        label=label,
        min_diameter_mm=size_mm,
        marks=sum(marks),
        per_case=level.mean(marks, patients, "marks per case"),
        patients_without=level.share_of_patients(len(everyone) - len(marked), len(everyone)),
    )


def label_of(
    rows: Sequence[CaseRow],
    not_evaluated: Lost,
    name: str,
    level: Level,
) -> LabelSummary:
    all_of_it = [(r.patient, m) for r in rows for m in r.measurement.labels if m.label == name]
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
    """How many patients meet one criterion in all their cases."""

    measure: str
    label: str | None
    region: str | None
    min_diameter_mm: float | None
    tolerance_mm: float | None
    comparator: str
    limit: float
    patients_meeting: Figure


_CRITERION = (
    "measure",
    "label",
    "region",
    "min_diameter_mm",
    "tolerance_mm",
    "comparator",
    "limit",
)


def criteria_met(rows: Sequence[CaseRow], level: Level) -> tuple[CriterionMet, ...]:
    """One row for each criterion and label, in the order of the verdicts."""
    failing: dict[tuple[object, ...], set[str]] = {}
    judged: dict[tuple[object, ...], set[str]] = {}
    for row in rows:
        for c in row.verdict.criteria:
            key = tuple(getattr(c, name) for name in _CRITERION)
            judged.setdefault(key, set()).add(row.patient)
            if not c.passed:
                failing.setdefault(key, set()).add(row.patient)
    return tuple(
        CriterionMet(
            **dict(zip(_CRITERION, key, strict=True)),  # type: ignore[arg-type]
            patients_meeting=level.share_of_patients(
                len(patients) - len(failing.get(key, ())), len(patients)
            ),
        )
        for key, patients in judged.items()
    )
