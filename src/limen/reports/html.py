"""Render the report: one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from limen.product.criteria import MEASURES
from limen.product.declaration import Declaration, IntendedUse, Task
from limen.reports.cases import CaseView, case_view, worst_first
from limen.reports.charts import Dots, Share, dot_chart, share_chart, tally_chart
from limen.reports.content import DatasetReport, ReportInput
from limen.reports.definitions import definitions
from limen.reports.figures import FigureTable, figure_table
from limen.reports.groups import GroupTables, group_tables
from limen.reports.templating import environment
from limen.reports.words import (
    MEASURE_NAMES,
    REACHES,
    approval_words,
    count,
    criterion_words,
    judged_limit,
    lesion_noun,
    minus,
    origin_caution,
    origin_words,
    plural,
    within_words,
)

# Browsers that cannot style the inside of a closed <details> print it closed without this.
_OPEN_FOR_PRINT = (
    "addEventListener('beforeprint',function(){"
    "document.querySelectorAll('details').forEach(function(d){d.open=true})})"
)

_NBSP = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class Answer:
    """What was found on one validation set, in one line."""

    state: str
    """met, not-met, cannot-tell or absent: for colour and sign."""
    short: str
    words: str
    cautions: tuple[tuple[str, bool], ...]
    """Each sentence, and whether it puts the answer itself in doubt."""


@dataclass(frozen=True)
class Chart:
    svg: Markup
    heading: str
    caption: str


@dataclass(frozen=True)
class SetView:
    """One data set, ready for the template."""

    given: DatasetReport
    anchor: str
    origin: str
    caution: str
    approval: str
    reach: str
    answer: Answer
    failing: list[CaseView]
    passing: list[CaseView]
    figures: FigureTable | None
    groups: GroupTables | None
    charts: list[Chart]
    leaks: list[str]


def render(given: ReportInput) -> str:
    """The report as one HTML text; the same input gives the same text.

    Everything that comes from data is escaped, and the page forbids itself to load anything or
    to run any script but its own one line.

    Parameters
    ----------
    given : ReportInput
    """
    product, task = given.product, given.product.task
    sets = [_set_view(d, product, n) for n, d in enumerate(given.datasets, start=1)]
    validation = [s for s in sets if s.given.use == "validation"]
    html = (
        _environment()
        .get_template("report.html")
        .render(
            product=product.product,
            facts=_facts(product.product.intended_use),
            model=_flat(given.provenance.get("model", {})),
            criteria=[criterion_words(c, task) for c in product.criteria],
            risk_words=_risk_words(product),
            sets=sets,
            validation=validation,
            missing=given.missing,
            reach=given.reach,
            reach_words=REACHES.get(str(given.reach.get("stage")), ""),
            definitions=definitions(task, product.criteria),
            summaries=[s.given.summary for s in validation if s.given.summary],
            unit=_unit(product.product.intended_use),
            lesions=task.kind == "lesion-detection",
            provenance=[(k, _flat(v)) for k, v in given.provenance.items()],
            generated=given.generated_utc.replace("T", " ").replace("+00:00", " UTC"),
            script=Markup(_OPEN_FOR_PRINT),
            script_hash=_hash(_OPEN_FOR_PRINT),
        )
    )
    return html


@cache
def _environment() -> Environment:
    return environment(
        {
            "count": count,
            "tied": _tied,
            "num": lambda v: minus(f"{v:.3g}" if abs(v) < 1000 else f"{v:.0f}"),
        }
    )


def _set_view(given: DatasetReport, product: Declaration, n: int) -> SetView:
    task = product.task
    anchor = f"set{n}"
    failing = worst_first(given.cases)
    passing = sorted((c for c in given.cases if c.verdict["passed"]), key=lambda c: c.id)
    evaluated = bool(given.summary) and bool(given.cases)
    return SetView(
        given=given,
        anchor=anchor,
        origin=origin_words(given.origin, given.approval),
        caution=origin_caution(given.origin, given.approval),
        approval=approval_words(given.approval),
        reach=REACHES.get(given.reach, given.reach),
        answer=_answer(given),
        failing=[case_view(c, task, f"{anchor}-f{k}") for k, c in enumerate(failing, start=1)],
        passing=[case_view(c, task, f"{anchor}-c{k}") for k, c in enumerate(passing, start=1)],
        figures=figure_table(given.summary, task) if evaluated else None,
        groups=group_tables(given.summary, task) if evaluated else None,
        charts=_charts(given, task) if evaluated else [],
        leaks=[_leak_words(x) for x in given.leaks],
    )


def _answer(given: DatasetReport) -> Answer:
    if given.left_out is not None:
        return Answer("absent", "Left out", f"This set was not evaluated: {given.left_out}.", ())
    if not given.summary:
        return Answer("absent", "Not evaluated", "Nothing was evaluated on this set.", ())
    cautions: list[tuple[str, bool]] = []
    if given.not_evaluated:
        n = len(given.not_evaluated)
        words = (
            f"{count(n, 'case')} of {given.n_cases} could not be evaluated, so this set cannot be "
        )
        cautions.append((words + "claimed as complete.", True))
    if given.leaks:
        n = len({leak["case_b"] for leak in given.leaks})
        words = f"{count(n, 'case')} {'overlaps' if n == 1 else 'overlap'} with other data: "
        words += "the model may have seen this patient or image, or a patient counts twice. "
        cautions.append((words + "The answer does not count as independent.", True))
    caution = origin_caution(given.origin, given.approval)
    if caution:
        cautions.append((caution, False))
    risk = given.summary["risk"]
    # the words begin with the answer, which is shown as a badge beside them
    words = re.sub(r"^(Met|Not met|Cannot tell): ", "", risk["in_words"])
    words = words[:1].upper() + words[1:]
    if risk["met"] == "yes" and given.leaks:
        return Answer("cannot-tell", "Not independent", words, tuple(cautions))
    state, short = {"yes": ("met", "Met"), "no": ("not-met", "Not met")}.get(
        risk["met"], ("cannot-tell", "Cannot tell")
    )
    return Answer(state, short, words, tuple(cautions))


def _charts(given: DatasetReport, task: Task) -> list[Chart]:
    charts = []
    sensitivity = given.summary["sensitivity"]
    if sensitivity:
        one = lesion_noun(task)
        shares = [
            Share(
                label=", ".join(
                    [
                        *filter(None, [x["region"] or x["label"]]),
                        f"≥ {x['min_diameter_mm']:g} mm" if x["min_diameter_mm"] else "any size",
                        *([f"≤ {x['tolerance_mm']:g} mm off"] if x["tolerance_mm"] else []),
                    ]
                ),
                value=x["sensitivity"]["value"],
                low=x["sensitivity"]["low"],
                high=x["sensitivity"]["high"],
                counted=f"{x['found']} of {x['present']}",
            )
            for x in sensitivity
        ]
        confidence = 100 * sensitivity[0]["sensitivity"]["confidence"]
        heading = f"{plural(one).capitalize()} found, by size"
        caption = (
            f"Dot: share found. Bar: its {confidence:g} % interval. Sizes add up: any size "
            "includes the larger ones."
        )
        charts.append(Chart(share_chart(shares, heading), heading, caption))
        charts += _lesion_dots(given, task)
    charts += _criterion_dots(given, task)
    return charts


def _lesion_dots(given: DatasetReport, task: Task) -> list[Chart]:
    """Every reference lesion by its diameter, found and missed apart."""
    lesions = [x for c in given.cases for x in c.measurement["lesions"]["reference"]]
    if not lesions:
        return []
    limits = {
        c["min_diameter_mm"] or 0.0
        for case in given.cases
        for c in case.verdict["criteria"]
        if c["measure"] == "missed_lesions"
    }
    limit = min(limits) if limits else 0.0
    one = lesion_noun(task)
    heading = f"Every {one}, by diameter"
    rows = [
        Dots("found", [x["diameter_mm"] for x in lesions if x["matched"] is not None], True),
        Dots("missed", [x["diameter_mm"] for x in lesions if x["matched"] is None], False),
    ]
    svg = dot_chart(
        rows,
        "equal-volume diameter, mm",
        heading,
        limit=limit or None,
        limit_words=f"judged from {limit:g} mm",
    )
    return [Chart(svg, heading, f"One dot for each of {count(len(lesions), one)}.")]


def _criterion_dots(given: DatasetReport, task: Task) -> list[Chart]:
    """Every case by its value, for each criterion but the missed lesions, which have their own."""
    by_criterion: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for case in given.cases:
        for c in case.verdict["criteria"]:
            if c["measure"] != "missed_lesions":
                key = (
                    c["measure"],
                    c["region"] or c["label"],
                    c["min_diameter_mm"],
                    c["tolerance_mm"],
                    c["comparator"],
                    c["limit"],
                )
                by_criterion.setdefault(key, []).append(c)
    charts = []
    for (measure, label, size, tolerance, comparator, limit), results in by_criterion.items():
        heading = MEASURE_NAMES.get(measure, measure)
        heading += f", {label}" if label else ""
        heading += f", {size:g} mm or more" if size else ""
        heading += within_words(tolerance)
        heading += ", case by case"
        defined = [c for c in results if c["value"] is not None]
        undefined = len(results) - len(defined)
        if not defined:
            continue
        if measure == "false_marks" and comparator == "at most":
            values = [c["value"] for c in defined]
            svg = tally_chart(values, "false marks", heading, limit)
        else:
            svg = _value_dots(defined, heading)
        caption = f"One dot for each of {count(len(defined), 'case')}."
        if undefined:
            caption += (
                f" {count(undefined, 'further case')} {'has' if undefined == 1 else 'have'} no "
                "defined value and count as outside."
            )
        charts.append(Chart(svg, heading, caption))
    return charts


def _value_dots(results: list[Mapping[str, Any]], heading: str) -> Markup:
    first = results[0]
    measure, limit = first["measure"], first["limit"]
    scale = 100.0 if measure == "relative_volume_error" else 1.0
    unit = "%" if scale == 100.0 else first["unit"] or MEASURE_NAMES.get(measure, measure)
    return dot_chart(
        [
            Dots("within limit", [scale * c["value"] for c in results if c["passed"]], True),
            Dots("outside limit", [scale * c["value"] for c in results if not c["passed"]], False),
        ],
        unit,
        heading,
        limit=scale * limit,
        limit_words=judged_limit(measure, first["comparator"], limit, first["unit"]),
        span=(0.0, 1.0) if measure in MEASURES and MEASURES[measure].largest == 1.0 else None,
    )


def _facts(use: IntendedUse) -> list[tuple[str, str]]:
    youngest, oldest = use.population.age_years
    sex = "" if use.population.sex == "any" else f", {use.population.sex}"
    return [
        ("User", use.user),
        ("Population", f"{youngest:g} to {oldest:g} years{sex}"),
        ("Images", f"{use.modality}, {use.anatomy}"),
        ("Shows", ", ".join(use.outputs)),
        ("Situation", f"{use.situation} (IMDRF N12)"),
    ]


def _risk_words(product: Declaration) -> str:
    risk = product.risk
    return (
        f"at most {100 * risk.failure_rate:g} % of patients have a case that fails, "
        f"with {100 * risk.confidence:g} % confidence"
    )


def _leak_words(leak: Mapping[str, Any]) -> str:
    return f"{leak['case_a']} and {leak['case_b']}: {leak['in_words']} ({leak['kind']})"


def _flat(value: Any) -> list[tuple[str, str]]:
    """Names and texts of a mapping; a plain value has the empty name."""
    if isinstance(value, Mapping):
        return [(str(k), str(v)) for k, v in value.items()]
    return [("", str(value))]


def _unit(use: IntendedUse) -> str:
    return " HU" if use.modality == "CT" else ""


def _tied(text: str) -> str:
    """Places, and numbers with their unit, kept on one line by spaces that do not break."""
    place = re.sub(
        r"\((-?\d+), (-?\d+), (-?\d+)\) mm LPS",
        lambda m: f"({m[1]},{_NBSP}{m[2]},{_NBSP}{m[3]}){_NBSP}mm{_NBSP}LPS",
        text,
    )
    return re.sub(r"(?<=\d) (?=(mm|mL|cm²|HU|%)(?!\w))", _NBSP, place)


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
