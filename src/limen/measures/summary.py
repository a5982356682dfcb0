"""What a set of cases says: who failed, how often, and how sure that is.

No aggregate is better for a case that the model missed: cases are left out of an average by
their reference alone, never by what the model did, and where a missed case has no value the
average is not stated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from limen.measures.aggregates import (
    CaseRow,
    CriterionMet,
    LabelSummary,
    Level,
    criteria_met,
    label_of,
    patients_of,
)
from limen.measures.case import measured_labels
from limen.measures.figure import Figure
from limen.measures.lesion_aggregates import (
    FalseMarks,
    Sensitivity,
    counted_by,
    false_marks_of,
    sensitivity_of,
)
from limen.measures.risk import RiskAnswer, answer_risk
from limen.measures.subgroups import subgroups
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
    criteria: tuple[CriterionMet, ...]
    sensitivity: tuple[Sensitivity, ...]
    false_marks: tuple[FalseMarks, ...]
    labels: tuple[LabelSummary, ...]
    regions: tuple[LabelSummary, ...]
    subgroups: dict[str, Any]
    """Plain JSON of :func:`limen.measures.subgroups.subgroups`."""

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
    attributes: Mapping[str, Mapping[str, Any]] | None = None,
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
    attributes : mapping, optional
        By case, evaluated or not, its facts: ``site``, ``scanner``, ``sex``, ``age_years`` and
        further ones; they make the subgroups.
    """
    level = Level(confidence, seed)
    failing = sorted(
        (r for r in rows if not r.verdict.passed),
        key=lambda r: (-len(r.verdict.reasons), r.case),
    )
    seen, failed, unseen = patients_of(rows, not_evaluated)
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
        criteria=criteria_met(rows, level),
        sensitivity=tuple(
            sensitivity_of(rows, counted, level) for counted in counted_by(rows, "missed_lesions")
        )
        if lesions
        else (),
        false_marks=tuple(
            false_marks_of(rows, counted, level) for counted in counted_by(rows, "false_marks")
        )
        if lesions
        else (),
        labels=tuple(label_of(rows, not_evaluated, name, level) for name in measured_labels(task)),
        regions=tuple(
            label_of(rows, not_evaluated, name, level, region=True) for name in task.regions
        ),
        subgroups=subgroups(rows, not_evaluated, attributes or {}, task, level),
    )
