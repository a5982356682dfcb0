"""Cases as the report shows them: worst first, each value beside its limit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from limen.product.declaration import Task
from limen.reports.content import CaseReport
from limen.reports.words import (
    MEASURE_NAMES,
    count,
    judged_limit,
    judged_value,
    lesion_noun,
    minus,
    number,
    percent,
    plural,
    within_words,
)


@dataclass(frozen=True)
class Judged:
    """One criterion on one case, in words."""

    name: str
    value: str
    limit: str
    passed: bool


@dataclass(frozen=True)
class Table:
    """A small table of measured values."""

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    half: bool = False
    """Whether two of its kind stand side by side."""


@dataclass(frozen=True)
class CaseView:
    """One case, ready for the template."""

    id: str
    anchor: str
    patient: str
    attributes: tuple[tuple[str, str], ...]
    passed: bool
    reasons: tuple[str, ...]
    judged: tuple[Judged, ...]
    counts: tuple[str, ...]
    pictures: tuple[Mapping[str, Any], ...]
    overview: Mapping[str, Any] | None
    tables: tuple[Table, ...]


def worst_first(cases: Sequence[CaseReport]) -> list[CaseReport]:
    """Failing cases by number of failed criteria, then by how far they are over the limits.

    An undefined value is over every limit.
    """
    failing = [c for c in cases if not c.verdict["passed"]]
    return sorted(failing, key=lambda c: (-_failed(c), -_excess(c), c.id))


def case_view(case: CaseReport, task: Task, anchor: str) -> CaseView:
    """A case in words and numbers; ``anchor`` is unique in the report."""
    pictures = tuple({**p, "uid": f"{anchor}-p{n}"} for n, p in enumerate(case.pictures, start=1))
    return CaseView(
        id=case.id,
        anchor=anchor,
        patient=case.patient,
        attributes=tuple((_spaced(k), _plain(v)) for k, v in case.attributes.items()),
        passed=bool(case.verdict["passed"]),
        reasons=tuple(case.verdict["reasons"]),
        judged=tuple(_judged(c, task) for c in case.verdict["criteria"]),
        counts=_counts(case.measurement, task),
        pictures=pictures,
        overview=next((p for p in pictures if p["kind"] == "overview"), None)
        or (pictures[0] if pictures else None),
        tables=_tables(case.measurement),
    )


def _failed(case: CaseReport) -> int:
    return sum(not c["passed"] for c in case.verdict["criteria"])


def _excess(case: CaseReport) -> float:
    total = 0.0
    for c in case.verdict["criteria"]:
        if not c["passed"]:
            if c["value"] is None:
                return math.inf
            total += abs(c["value"] - c["limit"]) / max(abs(c["limit"]), 1.0)
    return total


def _judged(result: Mapping[str, Any], task: Task) -> Judged:
    measure, value, limit = result["measure"], result["value"], result["limit"]
    name = MEASURE_NAMES.get(measure, _spaced(measure))
    if measure == "missed_lesions":
        name = f"Missed {plural(lesion_noun(task, result.get('region') or result['label']))}"
    if result["min_diameter_mm"]:
        name += f", {result['min_diameter_mm']:g} mm or more"
    elif result.get("region") and measure != "missed_lesions":
        name += f", {result['region']}"
    elif result["label"] and measure != "missed_lesions" and len(task.labels) > 1:
        name += f", {result['label']}"
    name += within_words(result.get("tolerance_mm"))
    shown = judged_value(measure, value, result["unit"])
    if value is not None and value != limit and f"{value:.3g}" == f"{limit:.3g}":
        # rounded, it would look as if it stood on its limit
        shown = judged_value(measure, limit, result["unit"])
        shown = f"just {'over' if value > limit else 'under'} {shown}"
    return Judged(
        name=name,
        value=shown,
        limit=judged_limit(measure, result["comparator"], limit, result["unit"]),
        passed=bool(result["passed"]),
    )


def _counts(measurement: Mapping[str, Any], task: Task) -> tuple[str, ...]:
    """The case in one glance: lesions found and false marks, or Dice of each label."""
    lesions = measurement.get("lesions")
    if lesions is None:
        return tuple(
            f"Dice{_of(x['label'], task)} {x['dice']:.3f}"
            if not x["correct_rejection"]
            else f"nothing to find and nothing marked{_of(x['label'], task)}"
            for x in measurement["labels"]
        )
    present = len(lesions["reference"])
    found = sum(x["matched"] is not None for x in lesions["reference"])
    false = sum(x["matched"] is None for x in lesions["prediction"])
    one = lesion_noun(task)
    first = f"{found} of {count(present, one)} found" if present else f"no {one} to find"
    return (first, count(false, "false mark") if false else "no false mark")


def _of(label: str, task: Task) -> str:
    return f" of {label}" if len(task.labels) > 1 else ""


def _tables(measurement: Mapping[str, Any]) -> tuple[Table, ...]:
    tables = []
    lesions = measurement.get("lesions")
    if lesions is not None:
        tables += [
            _lesion_table(lesions["reference"], "In the reference", ("found", "not found")),
            _lesion_table(lesions["prediction"], "Marked by the model", ("on a lesion", "false")),
        ]
    heads = ("Label", "Dice", "Reference", "Marked", "Volume error", "HD95")
    rows = tuple(_label_row(x) for x in measurement["labels"])
    tables.append(Table("Outlines", heads, rows))
    return tuple(tables)


def _lesion_table(
    lesions: Sequence[Mapping[str, Any]], caption: str, met: tuple[str, str]
) -> Table:
    several = len({x["label"] for x in lesions}) > 1
    rows = []
    for x in lesions:
        x_mm, y_mm, z_mm = (f"{round(c) + 0:d}" for c in x["centroid_lps_mm"])
        state = met[0] if x["matched"] is not None else met[1]
        if x["overlap_dice"] is not None:
            state += f", Dice {x['overlap_dice']:.2f}"
        if x["touches_edge"]:
            state += ", cut off by the border"
        rows.append(
            (
                f"{x['id']}" + (f" {x['label']}" if several else ""),
                f"{x['diameter_mm']:.1f} mm",
                f"{x['long_axis_mm']:.1f} mm",
                f"{number(x['volume_ml'])} mL",
                f"({x_mm}, {y_mm}, {z_mm})",
                state,
            )
        )
    heads = ("No", "Diameter", "Long axis", "Volume", "Place, mm LPS", "Verdict")
    return Table(caption, heads, tuple(rows), half=True)


def _label_row(x: Mapping[str, Any]) -> tuple[str, ...]:
    undefined = x["undefined"]
    sign = "-" if x["volume_error_ml"] < 0 else "+" if x["volume_error_ml"] > 0 else ""
    error = f"{sign}{number(abs(x['volume_error_ml']))} mL"
    if x["relative_volume_error"] is not None and x["volume_error_ml"]:
        relative = x["relative_volume_error"]
        shown = percent(abs(relative)) if abs(relative) < 1 else number(100 * abs(relative))
        error += f" ({sign}{shown} %)"
    hd95 = (
        f"{number(x['hd95_mm'])} mm"
        if x["hd95_mm"] is not None
        else f"not defined: {undefined.get('hd95_mm', 'no reason was given')}"
    )
    return (
        x["label"],
        f"{x['dice']:.3f}" + (" (correct rejection)" if x["correct_rejection"] else ""),
        f"{number(x['volume_reference_ml'])} mL",
        f"{number(x['volume_prediction_ml'])} mL",
        minus(error),
        hd95,
    )


def _spaced(key: str) -> str:
    """An attribute's key as words; a unit at its end goes into brackets."""
    words = key.replace("_", " ")
    for unit in ("mm", "years"):
        if words.endswith(f" {unit}"):
            words = f"{words.removesuffix(unit).rstrip()} ({unit})"
    return words


def _plain(value: Any) -> str:
    if value is None or value == "" or (isinstance(value, float) and not math.isfinite(value)):
        return "not stated"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
