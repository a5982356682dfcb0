"""From measured values and criteria to a verdict: pass or fail, and why, in words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from limen.measures.case import LesionMeasures, Measurement
from limen.measures.errors import BadCriterion
from limen.measures.lesions import match_centroids
from limen.measures.structures import LabelMeasures
from limen.measures.verdict_words import against_words, label_reason, nouns, of_name, places_words
from limen.product.criteria import MEASURES
from limen.product.declaration import Criterion, Task

UNITS = {name: measure.unit for name, measure in MEASURES.items()}
"""The measures that can be judged, and the unit of each; "" is a plain number or fraction."""


@dataclass(frozen=True)
class CriterionResult:
    """One criterion, applied to one case (and to one label, where it is measured by label).

    Attributes
    ----------
    measure, label, region, min_diameter_mm, tolerance_mm
        As declared; a criterion without a label or region gives one result for each label,
        except for measures of lesions, which then look at all labels together (label None).
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
    region: str | None = None
    tolerance_mm: float | None = None


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
    measurement: Measurement,
    min_diameter_mm: float = 0.0,
    label: str | None = None,
    tolerance_mm: float | None = None,
) -> list[LesionMeasures]:
    """Reference lesions of at least this diameter that no prediction is matched with.

    Matched by overlap, or with ``tolerance_mm`` by the distance of the centres.
    """
    found = {r for r, _ in _pairs(measurement, tolerance_mm)}
    return [
        x
        for x in measurement.reference or ()
        if x.id not in found and _counts(x, min_diameter_mm, label)
    ]


def false_marks(
    measurement: Measurement,
    min_diameter_mm: float = 0.0,
    label: str | None = None,
    tolerance_mm: float | None = None,
) -> list[LesionMeasures]:
    """Predicted lesions of at least this diameter that are matched with no reference lesion.

    A prediction matched with a reference lesion of any size is not a false mark. Matched by
    overlap, or with ``tolerance_mm`` by the distance of the centres.
    """
    true = {p for _, p in _pairs(measurement, tolerance_mm)}
    return [
        x
        for x in measurement.prediction or ()
        if x.id not in true and _counts(x, min_diameter_mm, label)
    ]


def _pairs(m: Measurement, tolerance_mm: float | None) -> list[tuple[int, int]]:
    """Ids (reference, prediction) of the matched lesions."""
    if tolerance_mm is None:
        return [(x.id, x.matched) for x in m.reference or () if x.matched is not None]
    return match_centroids(m.reference or (), m.prediction or (), tolerance_mm)


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
    if criterion.region is not None:
        if m.regions is None or criterion.region not in [x.label for x in m.regions.labels]:
            raise BadCriterion(
                "the criterion names a region that is not measured",
                where=measure,
                found=criterion.region,
                mend="declare it under task.regions",
            )
        m = m.regions
        only: str | None = criterion.region
    else:
        known = [x.label for x in m.labels]
        if criterion.label is not None and criterion.label not in known:
            raise BadCriterion(
                "the criterion names a label that is not measured",
                where=measure,
                found=criterion.label,
                mend=f"use one of {', '.join(known)}",
            )
        only = criterion.label
    if MEASURES[measure].of == "lesions":
        yield from _apply_to_lesions(criterion, m, task, only)
        return
    for row in m.labels:
        if only in (None, row.label):
            value, undefined = _value_of(criterion, row)
            for comparator, limit in _limits(criterion):
                reason = None
                if value is None or not _holds(value, comparator, limit):
                    reason = label_reason(criterion, row, value, undefined, comparator, limit)
                yield _result(criterion, row.label, value, comparator, limit, reason)


def _apply_to_lesions(
    criterion: Criterion, m: Measurement, task: Task, only: str | None
) -> Iterator[CriterionResult]:
    if m.reference is None or m.prediction is None:
        why = (
            f"{MEASURES[criterion.measure].title} cannot be counted: "
            f"lesions are not measured for the task {m.task}"
        )
        for comparator, limit in _limits(criterion):
            yield _result(criterion, criterion.label, None, comparator, limit, why)
        return
    if MEASURES[criterion.measure].counts:
        lesions, count, remark = _counted(criterion, m, task, only)
        for comparator, limit in _limits(criterion):
            reason = None
            if not _holds(len(lesions), comparator, limit):
                allowed = "" if (comparator, limit) == ("at most", 0) else f", limit {limit:g}"
                if comparator == "at least":
                    allowed = f", at least {limit:g} required"
                places = places_words(lesions, remark)
                reason = f"{count}{allowed}{': ' + places if places else ''}"
            yield _result(
                criterion, criterion.label, float(len(lesions)), comparator, limit, reason
            )
        return
    value, blamed = _lesion_value(criterion, m, only)
    title = of_name(MEASURES[criterion.measure].title, only)
    for comparator, limit in _limits(criterion):
        reason = None
        if value is None:
            reason = f"{title} cannot be measured: no lesion was found"
        elif not _holds(value, comparator, limit):
            reason = (
                f"{title} is {against_words(value, comparator, limit, UNITS[criterion.measure])}"
            )
        if reason is not None and blamed:
            reason += f": {places_words(blamed, '')}"
        yield _result(criterion, criterion.label, value, comparator, limit, reason)


def _counted(
    criterion: Criterion, m: Measurement, task: Task, only: str | None
) -> tuple[list[LesionMeasures], str, str]:
    """The lesions or marks that a criterion counts, their number in words, and a remark."""
    size, tolerance = criterion.min_diameter_mm or 0.0, criterion.tolerance_mm
    sized = f" of {size:g} mm or more" if size else ""
    near = f" (none within {tolerance:g} mm)" if tolerance is not None else ""
    if criterion.measure == "false_marks":
        lesions = false_marks(m, size, only, tolerance)
        count = f"{len(lesions)} false {'mark' if len(lesions) == 1 else 'marks'}{sized}{near}"
        return lesions, count, "" if near else "a further mark on a lesion already matched"
    one, many = nouns(only, task)
    if criterion.measure == "missed_lesions":
        lesions = missed_lesions(m, size, only, tolerance)
        done, remark = f"missed{near}", "under a mark that is matched to another lesion"
        remark = "" if near else remark
    else:
        here = [x for x in m.reference or () if _counts(x, size, only)]
        remark = ""
        if criterion.measure == "split_lesions":
            lesions, done = [x for x in here if len(x.overlaps) > 1], "under several marks"
        else:
            shared = {x.id for x in m.prediction or () if len(x.overlaps) > 1}
            lesions = [x for x in here if shared & set(x.overlaps)]
            done = "under a mark that covers another too"
    noun = one if len(lesions) == 1 else many
    return lesions, f"{len(lesions)} {noun}{sized} {done}", remark


def _lesion_value(
    criterion: Criterion, m: Measurement, only: str | None
) -> tuple[float | None, list[LesionMeasures]]:
    """The value of a measure of a case's lesions, and those to be blamed for it."""
    size = criterion.min_diameter_mm or 0.0
    here = [x for x in m.reference or () if _counts(x, size, only)]
    missed = missed_lesions(m, size, only, criterion.tolerance_mm)
    match criterion.measure:
        case "lesion_sensitivity":
            return (1.0 - len(missed) / len(here) if here else 1.0), missed
        case "largest_missed_lesion":
            worst = max(missed, key=lambda x: x.diameter_mm, default=None)
            return (0.0, []) if worst is None else (worst.diameter_mm, [worst])
        case "lesion_dice":
            least = min(here, key=lambda x: x.overlap_dice or 0.0, default=None)
            return (1.0, []) if least is None else (least.overlap_dice or 0.0, [least])
        case _:
            marks = {x.id: x for x in m.prediction or ()}
            far = [
                (math.dist(x.centroid_lps_mm, marks[x.matched].centroid_lps_mm), x)
                for x in here
                if x.matched is not None
            ]
            if not far:
                return (None, here) if here else (0.0, [])
            error, lesion = max(far, key=lambda pair: pair[0])
            return error, [lesion]


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
        label=None if criterion.region is not None else label,
        min_diameter_mm=criterion.min_diameter_mm,
        value=value,
        unit=UNITS[criterion.measure],
        comparator=comparator,
        limit=limit,
        passed=reason is None,
        reason=reason,
        region=criterion.region,
        tolerance_mm=criterion.tolerance_mm,
    )


_FIELD = {"hd": "hd_mm", "hd95": "hd95_mm", "assd": "assd_mm", "masd": "masd_mm"}


def _value_of(criterion: Criterion, row: LabelMeasures) -> tuple[float | None, str | None]:
    """The value to judge, or why there is none."""
    match criterion.measure:
        case "volume_error":
            value, name = row.volume_error_ml, "volume_error_ml"
        case "relative_volume_error":
            value, name = row.relative_volume_error, "relative_volume_error"
        case "nsd":
            value, name = row.nsd_at.get(float(criterion.tolerance_mm or 0.0)), "nsd"
            if value is None:
                return None, "it was not measured at this tolerance"
        case "boundary_iou" if criterion.tolerance_mm is not None:
            value, name = row.boundary_iou_at.get(float(criterion.tolerance_mm)), "boundary_iou"
            if value is None:
                return None, "it was not measured at this width"
        case measure:
            name = _FIELD.get(measure, measure)
            value = getattr(row, name)
            if value is None:
                return None, row.undefined.get(name, "it was not measured")
    if value is None:
        return None, row.undefined.get(name)
    return abs(value), None


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
