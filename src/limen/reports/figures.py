"""The figures of a summary as rows of one table, each with interval, n and method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from limen.product.criteria import MEASURES
from limen.product.declaration import Task
from limen.reports.words import (
    MEASURE_NAMES,
    count,
    lesion_noun,
    number,
    percent,
    plural,
    within_words,
)

Scale = Literal["share", "fraction", "quantity"]


@dataclass(frozen=True)
class Row:
    """One figure, in words.

    ``value`` is None when it cannot be stated and ``interval`` when there is none; ``why`` then
    has the reason. ``method`` is the number of the method in the table's notes.
    """

    name: str
    value: str | None
    interval: str | None
    why: str
    counted: str
    patients: str
    method: int | None


@dataclass(frozen=True)
class Group:
    """Rows under one heading."""

    heading: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class FigureTable:
    """All figures of a data set."""

    confidence: str
    groups: tuple[Group, ...]
    methods: tuple[str, ...]


def figure_table(summary: Mapping[str, Any], task: Task) -> FigureTable:
    """Every figure of a summary (``Summary.as_dict()``).

    Figures of outlines are given for a task of lesions too: a mark may lie at the right place
    and have the wrong size.
    """
    methods: list[str] = []
    groups = [Group("Patients", tuple(_patients(summary, methods)))]
    for heading, rows in (
        ("Lesions", _lesions(summary, task, methods)),
        ("False marks", _false_marks(summary, task, methods)),
    ):
        if rows:
            groups.append(Group(heading, tuple(rows)))
    judged = {c["measure"] for c in summary.get("criteria", ())}
    groups += [
        Group(f"Outline of {x['label']}", tuple(_label(x, judged, methods)))
        for x in [*summary["labels"], *summary.get("regions", ())]
    ]
    return FigureTable(
        confidence=f"{100 * summary['failure_rate']['confidence']:g} %",
        groups=tuple(groups),
        methods=tuple(methods),
    )


def _patients(summary: Mapping[str, Any], methods: list[str]) -> list[Row]:
    rate = summary["failure_rate"]
    rows = [figure_row("Patients with a failing case", rate, "share", "patient", methods)]
    if not summary["complete"]:
        rows.append(
            figure_row(
                "The same, with cases not evaluated counted as failing",
                summary["failure_rate_at_worst"],
                "share",
                "patient",
                methods,
            )
        )
    return rows


def _lesions(summary: Mapping[str, Any], task: Task, methods: list[str]) -> list[Row]:
    rows = []
    for x in summary["sensitivity"]:
        one = lesion_noun(task, x.get("region") or x["label"])
        sized = counted_words(x)
        rows += [
            figure_row(
                f"{_capital(plural(one))} found, {sized} ({x['found']} of {x['present']})",
                x["sensitivity"],
                "share",
                one,
                methods,
            ),
            figure_row(
                f"Patients with every {one} found, {sized}",
                x["patients_all_found"],
                "share",
                "patient",
                methods,
            ),
        ]
    for c in summary.get("criteria", ()):
        if c["mean"] is not None:
            measure = MEASURES[c["measure"]]
            structure = c["region"] or c["label"]
            of = f" of {structure}" if structure else ""
            name = f"{_capital(measure.title)}{of}, {counted_words(c)}, mean over cases"
            scale: Scale = "fraction" if measure.largest == 1.0 else "quantity"
            rows.append(figure_row(name, c["mean"], scale, "case", methods))
    return rows


def _false_marks(summary: Mapping[str, Any], task: Task, methods: list[str]) -> list[Row]:
    rows = []
    for x in summary["false_marks"]:
        structure = x.get("region") or x["label"]
        of = f" of {structure}" if structure else ""
        sized = counted_words(x)
        rows += [
            figure_row(
                f"False marks{of} per case, {sized} ({x['marks']} in all)",
                x["per_case"],
                "quantity",
                "case",
                methods,
            ),
            figure_row(
                f"Patients without a false mark{of}, {sized}",
                x["patients_without"],
                "share",
                "patient",
                methods,
            ),
        ]
    return rows


def _label(x: Mapping[str, Any], judged: set[str], methods: list[str]) -> list[Row]:
    rows = [figure_row("Dice, mean", x["dice"], "fraction", "case", methods)]
    if x["dice_at_worst"] is not None:
        name = "Dice, mean, with cases not evaluated counted as 0"
        rows.append(figure_row(name, x["dice_at_worst"], "fraction", "case", methods))
    rows += [
        figure_row(
            "Volume error without its sign, mean",
            x["absolute_volume_error"],
            "quantity",
            "case",
            methods,
        ),
        figure_row(
            "Relative volume error without its sign, mean",
            x["absolute_relative_volume_error"],
            "share",
            "case",
            methods,
        ),
        figure_row("HD95, mean", x["hd95"], "quantity", "case", methods),
        figure_row(
            "Nothing marked where nothing was",
            x["correct_rejections"],
            "share",
            "case",
            methods,
        ),
    ]
    for name, figure in x["further"].items():
        measure, at = further_words(name)
        if measure in judged:
            title = MEASURE_NAMES[measure]
            scale: Scale = "quantity" if figure["unit"] else "fraction"
            rows.append(figure_row(f"{title}{at}, mean", figure, scale, "case", methods))
    return rows


def further_words(name: str) -> tuple[str, str]:
    """The measure of a further figure of an outline, and at what: of "nsd at 2 mm" both parts."""
    measure, at, where = name.partition(" at ")
    return measure.removesuffix("_mm"), at + where


def figure_row(
    name: str, figure: Mapping[str, Any], scale: Scale, counted: str, methods: list[str]
) -> Row:
    """One figure in words; its method is numbered in ``methods``, and added there when new."""
    value = figure["value"]
    interval = None
    if figure["low"] is not None:
        interval = _span(figure["low"], figure["high"], scale, figure["unit"])
    method = None
    if figure["method"] is not None:
        if figure["method"] not in methods:
            methods.append(figure["method"])
        method = methods.index(figure["method"]) + 1
    return Row(
        name=name,
        value=None if value is None else _shown(value, scale, figure["unit"]),
        interval=interval,
        why=figure["cannot_say"] or "",
        counted=count(figure["n"], counted),
        patients=str(figure["n_patients"]),
        method=method,
    )


def counted_words(x: Mapping[str, Any]) -> str:
    """Which lesions a figure counts: from what size on, and matched by what distance."""
    return size_words(x["min_diameter_mm"] or 0.0) + within_words(x.get("tolerance_mm"))


def size_words(min_diameter_mm: float) -> str:
    return f"{min_diameter_mm:g} mm or more" if min_diameter_mm else "any size"


def _shown(value: float, scale: Scale, unit: str) -> str:
    if scale == "share":
        return f"{_percent(value)} %"
    if scale == "fraction":
        return f"{value:.3f}"
    return f"{number(value)} {_short_unit(unit)}".rstrip()


def _span(low: float, high: float, scale: Scale, unit: str) -> str:
    if scale == "share":
        return f"{_percent(low)} to {_percent(high)} %"
    if scale == "fraction":
        return f"{low:.3f} to {high:.3f}"
    return f"{number(low)} to {number(high)} {_short_unit(unit)}".rstrip()


def _percent(fraction: float) -> str:
    return percent(fraction) if 0 <= fraction <= 1 else number(100 * fraction)


def _short_unit(unit: str) -> str:
    # the name of the figure already says "per case"
    return "" if unit == "marks per case" else unit


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
