"""How the report says things: criteria, origins, approvals, numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from limen.product.criteria import MEASURES, volume_unit
from limen.product.declaration import Criterion, Task

MEASURE_NAMES = {name: m.title[0].upper() + m.title[1:] for name, m in MEASURES.items()}

_ORIGINS = {
    "measured": "real images of patients",
    "resimulated": "real images changed by simulation",
    "phantom": "phantoms",
    "observed": "real studies seen in production",
}

_CAUTIONS = {
    "simulated": "On simulated patients, not patients' data.",
    "phantom": "On phantoms, not patients.",
    "resimulated": "On real images changed by simulation, not on images as they were acquired.",
}

_APPROVALS = {
    "phantom": "phantom: no patient, no board",
    "simulated": "simulated: no patient data, no board",
    "public": "public data",
    "retrospective-waiver": "retrospective, consent waived by a board",
    "prospective-consent": "prospective, with consent",
    "undeclared": "undeclared",
}

REACHES = {
    "none": "none: there is no permission for this use",
    "feasibility": "feasibility: shows that the method can work, and carries no clinical claim",
    "publication": "publication: may be published, and carries no clinical claim alone",
    "clinical-validation": "clinical validation: may support a clinical validation",
    "submission": "submission: may support a submission to a regulator",
    "routine-use": "routine use: may support use in routine care",
}


def origin_words(origin: str, approval: Mapping[str, Any]) -> str:
    """What the images are, in words."""
    if origin == "phantom" and approval.get("kind") == "simulated":
        return "simulated patients (in-silico)"
    return _ORIGINS.get(origin, origin)


def origin_caution(origin: str, approval: Mapping[str, Any]) -> str:
    """The sentence that goes with every average; "" for images as acquired from patients."""
    if origin == "phantom":
        return _CAUTIONS["simulated" if approval.get("kind") == "simulated" else "phantom"]
    return _CAUTIONS.get(origin, "")


def approval_words(approval: Mapping[str, Any]) -> str:
    """Kind, board, number, licence and last day of an approval, as far as they are stated."""
    parts = [_APPROVALS.get(str(approval.get("kind")), str(approval.get("kind")))]
    for key, word in (
        ("board", "board "),
        ("number", "number "),
        ("licence", "licence "),
        ("expires", "valid until "),
    ):
        if approval.get(key):
            parts.append(f"{word}{approval[key]}")
    return ", ".join(parts)


def criterion_words(criterion: Criterion, task: Task) -> str:
    """One criterion as a clause about a case that passes, e.g. "at most 1 false mark"."""
    limits = []
    for words, limit in (("at least", criterion.at_least), ("at most", criterion.at_most)):
        if limit is not None:
            limits.append((words, limit))
    return " and ".join(_clause(criterion, task, words, limit) for words, limit in limits)


def _clause(criterion: Criterion, task: Task, words: str, limit: float) -> str:
    size = criterion.min_diameter_mm
    sized = f" of {size:g} mm or more" if size else ""
    structure = criterion.region or criterion.label
    of = f" of {structure}" if structure else " of every label"
    if len(task.labels) == 1:
        of = f" of {next(iter(task.labels))}"
    one = lesion_noun(task, structure)
    sized += within_words(criterion.tolerance_mm)
    match criterion.measure:
        case "missed_lesions":
            if (words, limit) == ("at most", 0):
                return f"no {one}{sized} is missed"
            return f"{words} {limit:g} {one if limit == 1 else plural(one)}{sized} missed"
        case "false_marks":
            if (words, limit) == ("at most", 0):
                return f"no false mark{sized}"
            return f"{words} {limit:g} false {'mark' if limit == 1 else 'marks'}{sized}"
        case "relative_volume_error":
            return f"volume error{of} {words} {100 * limit:g} %"
        case name if name in MEASURES:
            measure = MEASURES[name]
            if measure.of == "lesions":
                of = f" of {structure}" if structure else ""
            else:
                of += within_words(criterion.tolerance_mm)
            sized = f" of {size:g} mm or more" if size else ""
            factor, unit = 1.0, "" if measure.counts else measure.unit
            if unit == "mL":
                factor, unit = volume_unit(limit)
            unit = f" {unit}" if unit else ""
            return f"{measure.title}{of}{sized} {words} {limit * factor:g}{unit}"
        case other:
            return f"{other}{of} {words} {limit:g}"


def within_words(tolerance_mm: float | None) -> str:
    """The tolerance of a criterion, in words; "" without one."""
    return f" (within {tolerance_mm:g} mm)" if tolerance_mm is not None else ""


def lesion_noun(task: Task, label: str | None = None) -> str:
    """What to call one lesion: its label, when that is a plain word."""
    name = label or (next(iter(task.labels)) if len(task.labels) == 1 else "lesion")
    if name.isalpha() and not name.endswith("s"):
        return name
    return f"lesion ({name})"


def plural(noun: str) -> str:
    if noun.startswith("lesion ("):
        return "lesions" + noun.removeprefix("lesion")
    return noun + "s"


def count(n: int, one: str, many: str | None = None) -> str:
    """A number and its noun."""
    return f"{n} {one if n == 1 else many or plural(one)}"


def percent(fraction: float) -> str:
    """A fraction as per cent with one decimal, none where it is 0 or 100 exactly."""
    value = 100 * fraction
    if value in (0.0, 100.0):
        return f"{value:.0f}"
    # never rounded to a certainty that is not there
    return f"{min(max(value, 0.1), 99.9):.1f}"


def number(value: float) -> str:
    """Three significant digits without an exponent."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:.0f}"
    text = f"{value:#.3g}".removesuffix(".")
    return text if "e" not in text else f"{value:.6f}".rstrip("0").rstrip(".")


def minus(text: str) -> str:
    """A number's text with a true minus sign."""
    return text.replace("-", "\N{MINUS SIGN}")


def judged_value(measure: str, value: float | None, unit: str) -> str:
    """A value held against a criterion, with its unit."""
    if value is None:
        return "not defined"
    if measure == "relative_volume_error":
        return f"{percent(value) if value < 1 else number(100 * value)} %"
    if measure in MEASURES and MEASURES[measure].counts:
        return f"{value:g}"
    if measure in MEASURES and MEASURES[measure].largest == 1.0:
        return f"{value:.3f}"
    return f"{number(value)} {unit}".rstrip()


def judged_limit(measure: str, comparator: str, limit: float, unit: str) -> str:
    """The limit of a criterion, with its unit."""
    if measure == "relative_volume_error":
        return f"{comparator} {100 * limit:g} %"
    if measure in MEASURES and MEASURES[measure].counts:
        return f"{comparator} {limit:g}"
    return f"{comparator} {limit:g} {unit}".rstrip()
