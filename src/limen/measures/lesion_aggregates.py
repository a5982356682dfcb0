"""Lesions found and marks on nothing, over a set of cases: the figures of a task of lesions.

Counted as the criteria count: of a label or of a region, from a size on, matched by overlap or by
the distance of the centres.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from limen.measures.aggregates import CaseRow, Level
from limen.measures.case import LesionMeasures, Measurement
from limen.measures.figure import Figure
from limen.measures.verdict import false_marks, missed_lesions


@dataclass(frozen=True)
class Counted:
    """Which lesions count, and how they are matched; by default all of every label, by overlap."""

    label: str | None = None
    region: str | None = None
    min_diameter_mm: float = 0.0
    tolerance_mm: float | None = None
    judged: bool = True

    def measured(self, measurement: Measurement) -> Measurement | None:
        """Where these lesions are: the case's own, or those of its regions."""
        return measurement if self.region is None else measurement.regions

    @property
    def name(self) -> str | None:
        return self.label if self.region is None else self.region

    def present(self, measurement: Measurement) -> list[LesionMeasures]:
        m = self.measured(measurement)
        return [
            x
            for x in (m.reference if m is not None else None) or ()
            if x.diameter_mm >= self.min_diameter_mm and self.name in (None, x.label)
        ]

    def missed(self, measurement: Measurement) -> list[LesionMeasures]:
        m = self.measured(measurement)
        if m is None:
            return []
        return missed_lesions(m, self.min_diameter_mm, self.name, self.tolerance_mm)

    def false(self, measurement: Measurement) -> list[LesionMeasures]:
        m = self.measured(measurement)
        if m is None:
            return []
        return false_marks(m, self.min_diameter_mm, self.name, self.tolerance_mm)


@dataclass(frozen=True)
class Sensitivity:
    """Lesions found, at or above one size limit."""

    label: str | None
    region: str | None
    min_diameter_mm: float
    tolerance_mm: float | None
    found: int
    present: int
    sensitivity: Figure
    patients_all_found: Figure
    judged: bool = True
    """Whether a criterion asks for it; all sizes are told in any case."""


@dataclass(frozen=True)
class FalseMarks:
    """Marks on nothing, at or above one size limit."""

    label: str | None
    region: str | None
    min_diameter_mm: float
    tolerance_mm: float | None
    marks: int
    per_case: Figure
    patients_without: Figure
    judged: bool = True


def counted_by(rows: Sequence[CaseRow], measure: str) -> list[Counted]:
    """What each row of a table counts: all first, by overlap, then as the criteria say."""
    declared = {
        Counted(c.label, c.region, c.min_diameter_mm or 0.0, c.tolerance_mm)
        for r in rows
        for c in r.verdict.criteria
        if c.measure == measure
    }
    everything = Counted()
    others = sorted(
        declared - {everything},
        key=lambda c: (c.region or "", c.label or "", c.min_diameter_mm, c.tolerance_mm or 0.0),
    )
    return [everything if everything in declared else replace(everything, judged=False), *others]


def sensitivity_of(rows: Sequence[CaseRow], counted: Counted, level: Level) -> Sensitivity:
    present = [len(counted.present(r.measurement)) for r in rows]
    missed = [len(counted.missed(r.measurement)) for r in rows]
    found = [p - m for p, m in zip(present, missed, strict=True)]
    patients = [r.patient for r in rows]
    with_lesion = {p for p, n in zip(patients, present, strict=True) if n}
    with_miss = {p for p, n in zip(patients, missed, strict=True) if n}
    return Sensitivity(
        label=counted.label,
        region=counted.region,
        min_diameter_mm=counted.min_diameter_mm,
        tolerance_mm=counted.tolerance_mm,
        found=sum(found),
        present=sum(present),
        sensitivity=level.ratio(found, present, patients, none_words="there are no such lesions"),
        patients_all_found=level.share_of_patients(
            len(with_lesion) - len(with_miss), len(with_lesion)
        ),
        judged=counted.judged,
    )


def false_marks_of(rows: Sequence[CaseRow], counted: Counted, level: Level) -> FalseMarks:
    marks = [len(counted.false(r.measurement)) for r in rows]
    patients = [r.patient for r in rows]
    marked = {p for p, n in zip(patients, marks, strict=True) if n}
    everyone = set(patients)
    return FalseMarks(
        label=counted.label,
        region=counted.region,
        min_diameter_mm=counted.min_diameter_mm,
        tolerance_mm=counted.tolerance_mm,
        marks=sum(marks),
        per_case=level.mean(marks, patients, "marks per case"),
        patients_without=level.share_of_patients(len(everyone) - len(marked), len(everyone)),
        judged=counted.judged,
    )
