"""From measured values and criteria to a verdict: pass or fail, and why, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from limen.measures.case import LabelMeasures, LesionMeasures, Measurement
from limen.measures.errors import BadCriterion
from limen.product.criteria import MEASURES
from limen.product.declaration import Criterion, Task

UNITS = {name: measure.unit for name, measure in MEASURES.items()}
"""The measures that can be judged, and the unit of each; "" is a plain number or fraction."""

_NAMED_LESIONS = 5


@dataclass(frozen=True)
class CriterionResult:
    """One criterion, applied to one case (and to one label, where it is measured by label).

    Attributes
    ----------
    measure, label, min_diameter_mm
        As declared; a criterion without a label gives one result for each label, except for
        the counts of lesions, which then count all labels together (label None).
    value : float or None
        What was measured; errors of volume without their sign. None when it is undefined.
    unit : str
    comparator : "at most" or "at least"
    limit : float
    passed : bool
        An undefined value never passes.
    reason : str or None
        Why it failed, in words; None when it passed.
    """

    measure: str
    label: str | None
    min_diameter_mm: float | None
    value: float | None
    unit: str
    comparator: str
    limit: float
    passed: bool
    reason: str | None


@dataclass(frozen=True)
class Verdict:
    """Pass or fail of a case under all criteria."""

    passed: bool
    criteria: tuple[CriterionResult, ...]

    @property
    def reasons(self) -> list[str]:
        """Why the case failed, one text for each failed criterion; empty when it passed."""
        return [c.reason for c in self.criteria if c.reason is not None]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "passed": self.passed,
            "reasons": self.reasons,
            "criteria": [asdict(c) for c in self.criteria],
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`as_dict`."""
        return cls(plain["passed"], tuple(CriterionResult(**c) for c in plain["criteria"]))


def missed_lesions(
    measurement: Measurement, min_diameter_mm: float = 0.0, label: str | None = None
) -> list[LesionMeasures]:
    """Reference lesions of at least this diameter that no prediction is matched with."""
    return [
        x
        for x in measurement.reference or ()
        if x.matched is None and _counts(x, min_diameter_mm, label)
    ]


def false_marks(
    measurement: Measurement, min_diameter_mm: float = 0.0, label: str | None = None
) -> list[LesionMeasures]:
    """Predicted lesions of at least this diameter that are matched with no reference lesion.

    A prediction matched with a reference lesion of any size is not a false mark.
    """
    return [
        x
        for x in measurement.prediction or ()
        if x.matched is None and _counts(x, min_diameter_mm, label)
    ]


def judge(measurement: Measurement, criteria: Sequence[Criterion], task: Task) -> Verdict:
    """Hold a case's measurement against the clinicians' criteria.

    Size limits are inclusive and in equal-volume diameter; limits are inclusive. Volume errors
    are judged without their sign. A value that is undefined fails its criterion, with the
    reason that the measurement gives.

    Raises
    ------
    BadCriterion
        For an unknown measure, a criterion without a limit, a label that was not measured, or
        no criteria at all.
    """
    if not criteria:
        raise BadCriterion("there is no criterion to judge by", mend="declare at least one")
    results = tuple(r for c in criteria for r in _apply(c, measurement, task))
    return Verdict(all(r.passed for r in results), results)


def _apply(criterion: Criterion, m: Measurement, task: Task) -> Iterator[CriterionResult]:
    measure = criterion.measure
    if measure not in UNITS:
        raise BadCriterion(
            "no such measure", found=measure, mend=f"use one of {', '.join(sorted(UNITS))}"
        )
    known = [x.label for x in m.labels]
    if criterion.label is not None and criterion.label not in known:
        raise BadCriterion(
            "the criterion names a label that is not measured",
            where=measure,
            found=criterion.label,
            mend=f"use one of {', '.join(known)}",
        )
    if measure in ("missed_lesions", "false_marks"):
        yield from _apply_to_lesions(criterion, m, task)
        return
    for row in m.labels:
        if criterion.label in (None, row.label):
            value, undefined = _value_of(measure, row)
            for comparator, limit in _limits(criterion):
                reason = None
                if value is None or not _holds(value, comparator, limit):
                    reason = _label_reason(measure, row, value, undefined, comparator, limit)
                yield _result(criterion, row.label, value, comparator, limit, reason)


def _apply_to_lesions(
    criterion: Criterion, m: Measurement, task: Task
) -> Iterator[CriterionResult]:
    size = criterion.min_diameter_mm or 0.0
    if m.reference is None or m.prediction is None:
        why = (
            f"{criterion.measure.replace('_', ' ')} cannot be counted: "
            f"lesions are not measured for the task {m.task}"
        )
        for comparator, limit in _limits(criterion):
            yield _result(criterion, criterion.label, None, comparator, limit, why)
        return
    if criterion.measure == "missed_lesions":
        lesions = missed_lesions(m, size, criterion.label)
        one, many = _nouns(criterion.label, task)
        sized = f" of {size:g} mm or more" if size else ""
        count = f"{len(lesions)} {one if len(lesions) == 1 else many}{sized} missed"
        remark = "under a mark that is matched to another lesion"
    else:
        lesions = false_marks(m, size, criterion.label)
        sized = f" of {size:g} mm or more" if size else ""
        count = f"{len(lesions)} false {'mark' if len(lesions) == 1 else 'marks'}{sized}"
        remark = "a further mark on a lesion already matched"
    for comparator, limit in _limits(criterion):
        reason = None
        if not _holds(len(lesions), comparator, limit):
            allowed = "" if (comparator, limit) == ("at most", 0) else f", limit {limit:g}"
            if comparator == "at least":
                allowed = f", at least {limit:g} required"
            places = _places(lesions, remark)
            reason = f"{count}{allowed}{': ' + places if places else ''}"
        yield _result(criterion, criterion.label, float(len(lesions)), comparator, limit, reason)


def _result(
    criterion: Criterion,
    label: str | None,
    value: float | None,
    comparator: str,
    limit: float,
    reason: str | None,
) -> CriterionResult:
    return CriterionResult(
        measure=criterion.measure,
        label=label,
        min_diameter_mm=criterion.min_diameter_mm,
        value=value,
        unit=UNITS[criterion.measure],
        comparator=comparator,
        limit=limit,
        passed=reason is None,
        reason=reason,
    )


def _value_of(measure: str, row: LabelMeasures) -> tuple[float | None, str | None]:
    """The value to judge, or why there is none."""
    match measure:
        case "dice":
            return row.dice, None
        case "volume_error":
            return abs(row.volume_error_ml), None
        case "relative_volume_error":
            if row.relative_volume_error is None:
                return None, row.undefined["relative_volume_error"]
            return abs(row.relative_volume_error), None
        case _:
            return row.hd95_mm, row.undefined.get("hd95_mm")


def _label_reason(
    measure: str,
    row: LabelMeasures,
    value: float | None,
    undefined: str | None,
    comparator: str,
    limit: float,
) -> str:
    name = {
        "dice": "Dice",
        "volume_error": "volume error",
        "relative_volume_error": "relative volume error",
        "hd95": "HD95",
    }[measure]
    if value is None:
        return f"{name} of {row.label} cannot be measured: {undefined}"
    scale, unit = (100, " %") if measure == "relative_volume_error" else (1, f" {UNITS[measure]}")
    shown, bound = _apart(value * scale, limit * scale)
    unit = unit.rstrip()
    side = ""
    if "volume" in measure:
        side = " too large" if row.volume_error_ml > 0 else " too small"
        side += f" ({row.volume_prediction_ml:.3g} mL against {row.volume_reference_ml:.3g} mL)"
    words = "limit" if comparator == "at most" else "at least"
    required = " required" if comparator == "at least" else ""
    return f"{name} of {row.label} is {shown}{unit}{side}, {words} {bound}{unit}{required}"


def _apart(value: float, limit: float) -> tuple[str, str]:
    """Both numbers with three digits, or with as many as it takes to tell them apart."""
    for digits in range(3, 17):
        shown, bound = f"{value:.{digits}g}", f"{limit:.{digits}g}"
        if shown != bound:
            return shown, f"{limit:g}" if f"{limit:g}" != shown else bound
    return repr(value), repr(limit)


def _places(lesions: Sequence[LesionMeasures], remark: str) -> str:
    named = [_place(x) + (f" ({remark})" if x.overlaps else "") for x in lesions[:_NAMED_LESIONS]]
    if len(lesions) > _NAMED_LESIONS:
        named.append(f"and {len(lesions) - _NAMED_LESIONS} more")
    return ", ".join(named)


def _place(lesion: LesionMeasures) -> str:
    # adding zero turns -0 into 0
    x, y, z = (f"{round(c) + 0:d}" for c in lesion.centroid_lps_mm)
    return f"{lesion.diameter_mm:.1f} mm at ({x}, {y}, {z}) mm LPS"


def _nouns(label: str | None, task: Task) -> tuple[str, str]:
    """What to call one and several lesions: by their label, when it is a plain word."""
    name = label or (next(iter(task.labels)) if len(task.labels) == 1 else "lesion")
    if name.isalpha() and not name.endswith("s"):
        return name, name + "s"
    return f"lesion ({name})", f"lesions ({name})"


def _limits(criterion: Criterion) -> list[tuple[str, float]]:
    limits = []
    if criterion.at_most is not None:
        limits.append(("at most", criterion.at_most))
    if criterion.at_least is not None:
        limits.append(("at least", criterion.at_least))
    if not limits:
        raise BadCriterion(
            "the criterion has no limit", where=criterion.measure, mend="give at_most or at_least"
        )
    return limits


def _holds(value: float, comparator: str, limit: float) -> bool:
    return value <= limit if comparator == "at most" else value >= limit


def _counts(lesion: LesionMeasures, min_diameter_mm: float, label: str | None) -> bool:
    return lesion.diameter_mm >= min_diameter_mm and label in (None, lesion.label)
