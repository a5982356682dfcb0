"""The figures by group and by size, as tables: what an average over all can hide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from limen.measures.size_bands import band_words
from limen.product.declaration import Task
from limen.reports.figures import Row, Scale, counted_words, figure_row
from limen.reports.words import count, lesion_noun, plural

_MOST_CROSSINGS = 20


@dataclass(frozen=True)
class GroupRow:
    """One group: its name, counts, and a figure for each column of the table."""

    name: str
    cases: str
    patients: str
    figures: tuple[Row, ...]


@dataclass(frozen=True)
class WorstRow:
    """The group with the worst value of one figure."""

    name: str
    group: str
    figure: Row
    compared: int


@dataclass(frozen=True)
class GroupTables:
    """All that a set's summary says of its groups.

    Attributes
    ----------
    confidence : str
        Of the intervals.
    columns : tuple of str
        Names of the figures of ``groups`` and ``crossings``.
    worst : tuple of WorstRow
    groups, crossings : tuple of GroupRow
        By one attribute; by two.
    more_crossings : int
        Crossings left out of the report; the tables have them.
    sizes : tuple of Row
        By size of the lesion or structure.
    remarks : tuple of str
        What cannot be said, in sentences.
    methods : tuple of str
    """

    confidence: str
    columns: tuple[str, ...]
    worst: tuple[WorstRow, ...]
    groups: tuple[GroupRow, ...]
    crossings: tuple[GroupRow, ...]
    more_crossings: int
    sizes: tuple[Row, ...]
    remarks: tuple[str, ...]
    methods: tuple[str, ...]


@dataclass(frozen=True)
class _Column:
    """A figure that is shown of every group: where it stands in the group, and how."""

    name: str
    measure: str
    table: str
    key: str
    which: tuple[Any, ...]
    scale: Scale
    counted: str

    def of(self, group: Mapping[str, Any]) -> Mapping[str, Any] | None:
        if not self.table:
            found: Mapping[str, Any] = group[self.key]
            return found
        rows = (x for x in group[self.table] if _which(x) == self.which)
        return next((x[self.key] for x in rows), None)


def group_tables(summary: Mapping[str, Any], task: Task) -> GroupTables | None:
    """What a summary (``Summary.as_dict()``) says of its groups; None where it says nothing."""
    found = summary.get("subgroups")
    if not found:
        return None
    methods: list[str] = []
    columns = _columns(summary, task)
    single, crossed = ([g for g in found["groups"] if len(g["by"]) == n] for n in (1, 2))
    crossed.sort(key=lambda g: (-(g["failure_rate"]["value"] or 0.0), _by(g["by"])))
    tables = GroupTables(
        confidence=f"{100 * summary['failure_rate']['confidence']:g} %",
        columns=tuple(c.name for c in columns),
        worst=tuple(_worst(found["worst"], columns, methods)),
        groups=tuple(_group(g, columns, methods) for g in single),
        crossings=tuple(_group(g, columns, methods) for g in crossed[:_MOST_CROSSINGS]),
        more_crossings=max(0, len(crossed) - _MOST_CROSSINGS),
        sizes=tuple(_sizes(found, task, methods)),
        remarks=tuple(_remarks(found)),
        methods=tuple(methods),
    )
    return tables if tables.groups or tables.sizes or tables.remarks else None


def _columns(summary: Mapping[str, Any], task: Task) -> list[_Column]:
    """Failing patients, and the figures the task is about."""
    columns = [
        _Column("Patients failing", "failure_rate", "", "failure_rate", (), "share", "patient")
    ]
    judged = [x for x in summary["sensitivity"] if x["judged"]]
    for x in judged or summary["sensitivity"]:
        one = lesion_noun(task, x["region"] or x["label"])
        name = f"{_capital(plural(one))} found, {counted_words(x)}"
        columns.append(
            _Column(name, "sensitivity", "sensitivity", "sensitivity", _which(x), "share", one)
        )
    marks = [x for x in summary["false_marks"] if x["judged"]]
    for x in marks or summary["false_marks"]:
        structure = x["region"] or x["label"]
        of = f" of {structure}" if structure else ""
        columns.append(
            _Column(
                f"False marks{of} per case, {counted_words(x)}", "false marks per case",
                "false_marks", "per_case", _which(x), "quantity", "case",
            )
        )  # fmt: skip
    if not summary["sensitivity"]:
        columns += [
            _Column(
                f"Dice of {x['label']}, mean", "dice", table, "dice", _which(x), "fraction", "case"
            )
            for table in ("labels", "regions")
            for x in summary[table]
        ]
    return columns


def _which(x: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(x.get(key) for key in ("label", "region", "min_diameter_mm", "tolerance_mm"))


def _group(group: Mapping[str, Any], columns: Sequence[_Column], methods: list[str]) -> GroupRow:
    lost = group["n_not_evaluated"]
    cases = str(group["n_cases"]) + (f" and {lost} not evaluated" if lost else "")
    rows = []
    for column in columns:
        figure = column.of(group)
        if figure is None:
            rows.append(Row(column.name, None, None, "not there", "", "", None))
        else:
            rows.append(figure_row(column.name, figure, column.scale, column.counted, methods))
    return GroupRow(_by(group["by"]), cases, str(group["n_patients"]), tuple(rows))


def _worst(
    found: Sequence[Mapping[str, Any]], columns: Sequence[_Column], methods: list[str]
) -> list[WorstRow]:
    """The worst group of each figure that is a column."""
    rows = []
    for column in columns:
        for worst in found:
            label, region, size, tolerance = column.which or (None,) * 4
            if column.table == "regions":
                label, region = None, label
            same = (worst["label"], worst["region"], worst["min_diameter_mm"] or None)
            if (
                worst["measure"] == column.measure
                and same == (label, region, size or None)
                and worst["tolerance_mm"] == tolerance
            ):
                row = figure_row(
                    column.name, worst["figure"], column.scale, column.counted, methods
                )
                rows.append(WorstRow(column.name, _by(worst["by"]), row, worst["compared"]))
    return rows


def _sizes(found: Mapping[str, Any], task: Task, methods: list[str]) -> list[Row]:
    rows = []
    one = lesion_noun(task)
    for band in found["lesion_sizes"]:
        name = (
            f"{_capital(plural(one))} of {band_words(band, 'mm')} found "
            f"({band['found']} of {band['present']})"
        )
        rows.append(figure_row(name, band["sensitivity"], "share", one, methods))
    for band in found.get("structure_sizes", ()):
        name = f"Dice of {band['region'] or band['label']}, {band_words(band, 'ml')}, mean"
        if "figures" in band:
            rows.append(figure_row(name, band["figures"]["dice"], "fraction", "case", methods))
        else:
            counted = count(band["n_cases"], "case")
            patients = str(band["n_patients"])
            rows.append(Row(name, None, None, band["cannot_say"], counted, patients, None))
    return rows


def _remarks(found: Mapping[str, Any]) -> list[str]:
    remarks = [f"{_capital(_by(g['by']))}: {g['cannot_say']}." for g in found["too_small"]]
    if found["crossings_too_small"]:
        n = found["crossings_too_small"]
        remarks.append(
            f"{count(n, 'crossing')} of two attributes {'has' if n == 1 else 'have'} fewer than "
            f"{found['min_patients']} patients and no figures."
        )
    for name, missing in found["unstated"].items():
        remarks.append(f"{_capital(name)} is not stated for {count(missing, 'case')}.")
    for name, value in found["all_alike"].items():
        remarks.append(f"{_capital(name)} is {value} in every case that states it.")
    for name, n in found["too_many_values"].items():
        remarks.append(f"{_capital(name)} has {n} different values, too many for groups.")
    return remarks


def _by(by: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in by.items())


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
