"""What a set of cases says: who failed, how often, and how sure that is.

No aggregate is better for a case that the model missed: cases are left out of an average by
their reference alone, never by what the model did, and where a missed case has no value the
average is not stated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from limen.measures.bootstrap import bootstrap_ratio
from limen.measures.case import Measurement, measured_labels
from limen.measures.errors import CannotSay
from limen.measures.figure import Figure
from limen.measures.intervals import Interval, clopper_pearson
from limen.measures.risk import RiskAnswer, answer_risk
from limen.measures.segmentation import LabelMeasures
from limen.measures.verdict import Verdict, false_marks, missed_lesions
from limen.product.declaration import Risk, Task

ESTIMAND = (
    "The share of patients, drawn as these were, for whom at least one case fails at least one "
    "criterion."
)
UNIT_OF_INDEPENDENCE = (
    "The patient. All cases and lesions of one patient count together: a patient fails when any "
    "of its cases fails, and the bootstrap draws whole patients."
)


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


@dataclass(frozen=True)
class Summary:
    """A set of cases summed up; failing cases come before any average."""

    estimand: str
    unit_of_independence: str
    n_cases: int
    n_patients: int
    n_not_evaluated: int
    complete: bool
    failing_cases: tuple[dict[str, Any], ...]
    not_evaluated: tuple[dict[str, str], ...]
    failure_rate: Figure
    failure_rate_at_worst: Figure
    risk: RiskAnswer
    sensitivity: tuple[Sensitivity, ...]
    false_marks: tuple[FalseMarks, ...]
    labels: tuple[LabelSummary, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON, in the order of the attributes."""
        plain = asdict(self)
        return {k: list(v) if isinstance(v, tuple) else v for k, v in plain.items()}


def summarise(
    rows: Sequence[CaseRow],
    not_evaluated: Sequence[tuple[str, str, str]],
    risk: Risk,
    task: Task,
    confidence: float = 0.95,
    seed: int = 0,
) -> Summary:
    """Sum up the verdicts and measurements of one data set.

    Parameters
    ----------
    rows : sequence of CaseRow
        The evaluated cases.
    not_evaluated : sequence of (case, patient, reason)
        Cases without a verdict. They are in no average; the figures "at worst" count them as
        failing, and the answer on the declared risk always does.
    risk : Risk
        The declared failure rate and its confidence (one-sided).
    task : Task
    confidence : float
        Of the two-sided intervals.
    seed : int
        Of the bootstrap.
    """
    level = _Level(confidence, seed)
    failing = sorted(
        (r for r in rows if not r.verdict.passed),
        key=lambda r: (-len(r.verdict.reasons), r.case),
    )
    seen = {r.patient for r in rows}
    failed = {r.patient for r in failing}
    unseen = {patient for _, patient, _ in not_evaluated}
    everyone = seen | unseen
    lesions = task.kind == "lesion-detection"
    return Summary(
        estimand=ESTIMAND,
        unit_of_independence=UNIT_OF_INDEPENDENCE,
        n_cases=len(rows),
        n_patients=len(seen),
        n_not_evaluated=len(not_evaluated),
        complete=not not_evaluated,
        failing_cases=tuple(
            {"case": r.case, "patient": r.patient, "reasons": r.verdict.reasons} for r in failing
        ),
        not_evaluated=tuple(
            {"case": case, "patient": patient, "reason": reason}
            for case, patient, reason in sorted(not_evaluated)
        ),
        failure_rate=level.share_of_patients(len(failed), len(seen)),
        failure_rate_at_worst=level.share_of_patients(len(failed | unseen), len(everyone)),
        risk=answer_risk(risk, len(failed), len(failed | unseen), len(everyone)),
        sensitivity=tuple(
            _sensitivity(rows, *group, level) for group in _groups(rows, "missed_lesions")
        )
        if lesions
        else (),
        false_marks=tuple(
            _false_marks(rows, *group, level) for group in _groups(rows, "false_marks")
        )
        if lesions
        else (),
        labels=tuple(_label(rows, not_evaluated, name, level) for name in measured_labels(task)),
    )


@dataclass(frozen=True)
class _Level:
    """Confidence and seed, and the two kinds of figure made with them."""

    confidence: float
    seed: int

    def share_of_patients(self, events: int, n: int) -> Figure:
        if n == 0:
            return self._figure(None, "", None, 0, 0, "there are no such patients")
        interval = clopper_pearson(events, n, self.confidence)
        return self._figure(events / n, "", interval, n, n, None)

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
            return self._figure(None, unit, None, 0, 0, none_words)
        value = float(np.sum(numerators)) / n
        try:
            interval = bootstrap_ratio(
                numerators,
                denominators,
                patients,
                confidence=self.confidence,
                seed=self.seed,
            )
        except CannotSay as e:
            return self._figure(value, unit, None, n, len(behind), e.what)
        return self._figure(value, unit, interval, n, len(behind), None)

    def mean(self, values: Sequence[float], patients: Sequence[str], unit: str = "") -> Figure:
        return self.ratio(values, [1] * len(values), patients, unit)

    def unsaid(self, unit: str, patients: Sequence[str], why: str) -> Figure:
        return self._figure(None, unit, None, len(patients), len(set(patients)), why)

    def _figure(
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


def _groups(rows: Sequence[CaseRow], measure: str) -> list[tuple[str | None, float]]:
    """Label and size limit of each row of a table: all sizes first, then as the criteria say."""
    declared = {
        (c.label, c.min_diameter_mm or 0.0)
        for r in rows
        for c in r.verdict.criteria
        if c.measure == measure
    }
    return sorted({(None, 0.0)} | declared, key=lambda g: (g[0] or "", g[1]))


def _sensitivity(
    rows: Sequence[CaseRow], label: str | None, size_mm: float, level: _Level
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


def _false_marks(
    rows: Sequence[CaseRow], label: str | None, size_mm: float, level: _Level
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


def _label(
    rows: Sequence[CaseRow],
    not_evaluated: Sequence[tuple[str, str, str]],
    name: str,
    level: _Level,
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
    )
