"""The same figures by site, scanner, sex, age band, lesion size, and where two of them cross.

An average over all can hide a group for which the product fails. Each group has the figures of
the whole; groups with too few patients are named as such and get no figures; cases that were
lost count in their group, so a group whose cases all fail to be evaluated does not vanish. The
worst group of each measure has an interval widened for having been picked among several
(Bonferroni), which is as good as the interval it widens, however the groups overlap.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any

from limen.measures.aggregates import (
    CaseRow,
    Level,
    Lost,
    criteria_met,
    label_of,
    patients_of,
)
from limen.measures.bootstrap import FEWEST_RESAMPLES, MIN_PATIENTS
from limen.measures.case import measured_labels
from limen.measures.lesion_aggregates import counted_by, false_marks_of, sensitivity_of
from limen.measures.size_bands import (
    LesionCounts,
    band_words,
    lesion_counts,
    lesion_sizes,
    structure_sizes,
    too_few_words,
)
from limen.product.criteria import MEASURES
from limen.product.declaration import Task

EXPECTED = ("site", "scanner", "sex", "age")
"""What a claim is asked for by; a data set that does not state them is told so."""

AGE_BANDS = ((0, 18), (18, 45), (45, 65), (65, 75), (75, 151))
"""Years, from and below: children, and adults below and from 45, 65 and 75."""

MOST_VALUES = 30
"""An attribute with more different values is an identifier or a measurement, not a group."""

_OTHERS_LEFT_OUT = {"modality", "age_years"}


@dataclass(frozen=True)
class _Group:
    by: dict[str, str]
    rows: list[CaseRow]
    lost: list[tuple[str, str, str]]

    @property
    def patients(self) -> int:
        seen, _, unseen = patients_of(self.rows, self.lost)
        return len(seen | unseen)


def subgroups(
    rows: Sequence[CaseRow],
    lost: Lost,
    attributes: Mapping[str, Mapping[str, Any]],
    task: Task,
    level: Level,
) -> dict[str, Any]:
    """Figures by group, as plain JSON.

    Parameters
    ----------
    rows : sequence of CaseRow
        The evaluated cases.
    lost : sequence of (case, patient, reason)
        The cases that were not.
    attributes : mapping
        By case, its facts. ``age_years`` becomes a band; other numbers are not grouped by.
    task : Task
    level : Level
        Confidence of the intervals, and the seed of the bootstrap.

    Returns
    -------
    dict
        ``min_patients``; ``attributes`` that are grouped by; ``unstated``, by attribute, how
        many cases do not state it; ``all_alike``, attributes with one value;
        ``too_many_values``, how many an attribute has that is not grouped by; ``groups``, each
        with ``by`` (one attribute or two), counts, ``failure_rate``, ``failure_rate_at_worst``,
        ``criteria``, ``sensitivity``, ``false_marks``, ``labels`` and ``regions`` as in the
        summary, ``lesion_sizes`` and ``structure_sizes``; ``too_small``, the groups that cannot
        be said; ``crossings_too_small``, how many crossings of two attributes have cases but too
        few patients; ``lesion_sizes`` and ``structure_sizes`` of the whole; and ``worst``, by
        measure, the group with the worst value and its interval.
    """
    facts = {case: _facts(attributes.get(case, {})) for case in _cases(rows, lost)}
    axes, alike, many = _axes(facts)
    groups, small, crossings_small = [], [], 0
    for names in [*((a,) for a in axes), *combinations(axes, 2)]:
        for group in _split(rows, lost, facts, names):
            if group.patients >= MIN_PATIENTS:
                groups.append(group)
            elif len(names) == 1:
                small.append(group)
            else:
                crossings_small += 1
    sizes = lesion_counts(rows) if task.kind == "lesion-detection" else {}
    quick = replace(level, resamples=FEWEST_RESAMPLES)
    shown = [_figures(g, task, quick, sizes) for g in groups]
    return {
        "min_patients": MIN_PATIENTS,
        "attributes": list(axes),
        "unstated": {
            name: missing
            for name in dict.fromkeys([*EXPECTED, *axes])
            if (missing := sum(name not in f for f in facts.values()))
        },
        "all_alike": alike,
        "too_many_values": many,
        "groups": shown,
        "too_small": [
            {
                "by": g.by,
                "n_cases": len(g.rows),
                "n_not_evaluated": len(g.lost),
                "n_patients": g.patients,
                "cannot_say": too_few_words(g.patients),
            }
            for g in small
        ],
        "crossings_too_small": crossings_small,
        "lesion_sizes": lesion_sizes(rows, sizes, level),
        "structure_sizes": structure_sizes(rows, task, level),
        "worst": _worst(groups, shown, task, level, sizes),
    }


def flat_rows(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row for each figure, of all cases and of each group, for a table.

    Parameters
    ----------
    summary : mapping
        ``Summary.as_dict()``. Groups too small to say have one row, with the reason.
    """
    found = summary["subgroups"]
    whole = {"by": {}, **summary}
    whole |= {key: found[key] for key in ("lesion_sizes", "structure_sizes")}
    rows = []
    for group in [whole, *found["groups"]]:
        counts = {k: group[k] for k in ("n_cases", "n_not_evaluated")}
        for measure, figure, _ in _each_figure(group):
            rows.append({"group": _words(group["by"]), **counts, **measure, **figure})
    return rows + [
        {**{k: v for k, v in group.items() if k != "by"}, "group": _words(group["by"])}
        for group in found["too_small"]
    ]


def _figures(group: _Group, task: Task, level: Level, sizes: LesionCounts) -> dict[str, Any]:
    rows, lost = group.rows, group.lost
    seen, failed, unseen = patients_of(rows, lost)
    lesions = task.kind == "lesion-detection"
    found: dict[str, Any] = {
        "by": group.by,
        "n_cases": len(rows),
        "n_not_evaluated": len(lost),
        "n_patients": group.patients,
        "failure_rate": asdict(level.share_of_patients(len(failed), len(seen))),
        "failure_rate_at_worst": asdict(
            level.share_of_patients(len(failed | unseen), len(seen | unseen))
        ),
        "criteria": [asdict(c) for c in criteria_met(rows, level)],
        "sensitivity": [],
        "false_marks": [],
        "lesion_sizes": lesion_sizes(rows, sizes, level),
        "structure_sizes": structure_sizes(rows, task, level),
        "labels": [asdict(label_of(rows, lost, n, level)) for n in measured_labels(task)],
        "regions": [asdict(label_of(rows, lost, n, level, region=True)) for n in task.regions],
    }
    if lesions:
        found["sensitivity"] = [
            asdict(sensitivity_of(rows, c, level)) for c in counted_by(rows, "missed_lesions")
        ]
        found["false_marks"] = [
            asdict(false_marks_of(rows, c, level)) for c in counted_by(rows, "false_marks")
        ]
    return found


def _worst(
    groups: Sequence[_Group],
    shown: Sequence[dict[str, Any]],
    task: Task,
    level: Level,
    sizes: LesionCounts,
) -> list[dict[str, Any]]:
    """By measure the worst group, its interval widened for the number of groups compared."""
    by_measure: dict[tuple[Any, ...], list[tuple[float, int]]] = {}
    names: dict[tuple[Any, ...], dict[str, Any]] = {}
    for i, group in enumerate(shown):
        for measure, figure, worse in _each_figure(group):
            key = tuple(measure.items())
            names[key] = measure
            if figure["value"] is not None and figure["n_patients"] >= MIN_PATIENTS:
                by_measure.setdefault(key, []).append((worse * figure["value"], i))
    again: dict[tuple[int, int], dict[tuple[Any, ...], dict[str, Any]]] = {}
    worst = []
    for key, values in by_measure.items():
        if len(values) < 2:
            continue
        # of groups that are equally bad the one with more patients says more
        _, at = max(values, key=lambda v: (v[0], groups[v[1]].patients))
        wide = Level(1 - (1 - level.confidence) / len(values), level.seed)
        if (at, len(values)) not in again:
            again[at, len(values)] = {
                tuple(m.items()): f
                for m, f, _ in _each_figure(_figures(groups[at], task, wide, sizes))
            }
        worst.append(
            {
                **names[key],
                "by": groups[at].by,
                "figure": again[at, len(values)][key],
                "compared": len(values),
                "confidence_over_all": level.confidence,
            }
        )
    return worst


def _each_figure(
    group: Mapping[str, Any],
) -> Iterator[tuple[dict[str, Any], dict[str, Any], int]]:
    """What is measured, the figure, and 1 where more is worse, else -1."""
    for name in ("failure_rate", "failure_rate_at_worst"):
        yield _named(name), group[name], 1
    for c in group["criteria"]:
        limit = f"{c['measure']} {c['comparator']} {c['limit']:g}"
        yield _named(f"patients meeting {limit}", c), c["patients_meeting"], -1
        if c["mean"] is not None:
            more = MEASURES[c["measure"]].direction == "at_most"
            yield _named(f"mean {c['measure']}", c), c["mean"], 1 if more else -1
    for s in group["sensitivity"]:
        yield _named("sensitivity", s), s["sensitivity"], -1
        yield _named("patients_all_found", s), s["patients_all_found"], -1
    for m in group["false_marks"]:
        yield _named("false marks per case", m), m["per_case"], 1
        yield _named("patients_without_false_marks", m), m["patients_without"], -1
    for band in group["lesion_sizes"]:
        name = f"sensitivity, {band_words(band, 'mm')}"
        yield _named(name), band["sensitivity"], -1
    for label in group["labels"]:
        yield from _of_a_label(label, {"label": label["label"]})
    for region in group["regions"]:
        yield from _of_a_label(region, {"region": region["label"]})
    for band in group["structure_sizes"]:
        if "figures" in band:
            yield from _of_a_label(band["figures"], band, f", {band_words(band, 'ml')}")


def _of_a_label(
    found: Mapping[str, Any], of: Mapping[str, Any], more: str = ""
) -> Iterator[tuple[dict[str, Any], dict[str, Any], int]]:
    """Figures of a label or region, ``of`` saying which; ``more`` is put behind their names."""
    for name, worse in _LABEL_FIGURES:
        if found[name] is not None:
            yield _named(name + more, of), found[name], worse
    for name, figure in found["further"].items():
        yield _named(name + more, of), figure, 1 if name.endswith("d_mm") else -1


_LABEL_FIGURES = (
    ("dice", -1),
    ("dice_at_worst", -1),
    ("absolute_volume_error", 1),
    ("absolute_relative_volume_error", 1),
    ("hd95", 1),
    ("correct_rejections", -1),
)


def _named(measure: str, of: Mapping[str, Any] | None = None) -> dict[str, Any]:
    of = of or {}
    keys = ("label", "region", "min_diameter_mm", "tolerance_mm")
    return {"measure": measure, **{k: of.get(k) for k in keys}}


def _split(
    rows: Sequence[CaseRow],
    lost: Lost,
    facts: Mapping[str, Mapping[str, str]],
    names: tuple[str, ...],
) -> list[_Group]:
    """Groups of the cases that state all these attributes, by value."""
    found: dict[tuple[str, ...], _Group] = {}

    def group_of(case: str) -> _Group | None:
        if any(name not in facts[case] for name in names):
            return None
        values = tuple(facts[case][name] for name in names)
        return found.setdefault(values, _Group(dict(zip(names, values, strict=True)), [], []))

    for row in rows:
        group = group_of(row.case)
        if group is not None:
            group.rows.append(row)
    for one in lost:
        group = group_of(one[0])
        if group is not None:
            group.lost.append(one)
    return [found[values] for values in sorted(found)]


def _axes(
    facts: Mapping[str, Mapping[str, str]],
) -> tuple[list[str], dict[str, str], dict[str, int]]:
    """Attributes to group by, those expected first; those with one value; with too many."""
    values: dict[str, set[str]] = {}
    for of_case in facts.values():
        for name, value in of_case.items():
            values.setdefault(name, set()).add(value)
    order = sorted(values, key=lambda n: (EXPECTED.index(n) if n in EXPECTED else 99, n))
    alike = {n: next(iter(values[n])) for n in order if len(values[n]) == 1}
    # a value for every other case is an identifier; what is expected is taken at its word
    many = {
        n: len(values[n])
        for n in order
        if len(values[n]) > MOST_VALUES
        or (n not in EXPECTED and n not in alike and 2 * len(values[n]) > len(facts))
    }
    return [n for n in order if n not in alike and n not in many], alike, many


def _facts(attributes: Mapping[str, Any]) -> dict[str, str]:
    """What a case can be grouped by, as text."""
    facts = {
        name: str(value)
        for name, value in attributes.items()
        if name not in _OTHERS_LEFT_OUT and isinstance(value, (str, bool)) and str(value).strip()
    }
    age = attributes.get("age_years")
    if isinstance(age, (int, float)) and not isinstance(age, bool):
        for low, high in AGE_BANDS:
            if low <= age < high:
                facts["age"] = (
                    f"{low} to {high - 1} years" if high < 151 else f"{low} years or more"
                )
    return facts


def _cases(rows: Sequence[CaseRow], lost: Lost) -> list[str]:
    return [*(r.case for r in rows), *(case for case, _, _ in lost)]


def _words(by: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in by.items()) or "all cases"
