"""How a verdict is put into words: values beside their limits, places of lesions."""

from __future__ import annotations

from collections.abc import Sequence

from limen.measures.case import LesionMeasures
from limen.measures.structures import LabelMeasures
from limen.product.criteria import MEASURES, volume_unit
from limen.product.declaration import Criterion, Task

_NAMED_LESIONS = 5


def label_reason(
    criterion: Criterion,
    row: LabelMeasures,
    value: float | None,
    undefined: str | None,
    comparator: str,
    limit: float,
) -> str:
    measure = criterion.measure
    at = f" at {criterion.tolerance_mm:g} mm" if criterion.tolerance_mm is not None else ""
    name = f"{MEASURES[measure].title}{at} of {row.label}"
    if value is None:
        return f"{name} cannot be measured: {undefined}"
    side = ""
    if "volume" in measure:
        side = " too large" if row.voxels_prediction > row.voxels_reference else " too small"
        found, truth = row.volume_prediction_ml, row.volume_reference_ml
        assert found is not None and truth is not None  # else the error would have no value
        factor, unit = volume_unit(max(found, truth))
        side += f" ({found * factor:.3g} {unit} against {truth * factor:.3g} {unit})"
    factor, unit = 1.0, MEASURES[measure].unit
    if measure == "relative_volume_error":
        factor, unit = 100.0, "%"
    elif unit == "mL":
        factor, unit = volume_unit(limit)
    return f"{name} is {against_words(value * factor, comparator, limit * factor, unit, side)}"


def against_words(value: float, comparator: str, limit: float, unit: str, side: str = "") -> str:
    """A value beside its limit, in words."""
    shown, bound = apart(value, limit)
    unit = f" {unit}" if unit else ""
    words = "limit" if comparator == "at most" else "at least"
    required = " required" if comparator == "at least" else ""
    return f"{shown}{unit}{side}, {words} {bound}{unit}{required}"


def apart(value: float, limit: float) -> tuple[str, str]:
    """Both numbers with three digits, or with as many as it takes to tell them apart."""
    for digits in range(3, 17):
        shown, bound = f"{value:.{digits}g}", f"{limit:.{digits}g}"
        if shown != bound:
            return shown, f"{limit:g}" if f"{limit:g}" != shown else bound
    return repr(value), repr(limit)


def of_name(title: str, name: str | None) -> str:
    return title if name is None else f"{title} of {name}"


def places_words(lesions: Sequence[LesionMeasures], remark: str) -> str:
    named = [
        place_words(x) + (f" ({remark})" if remark and x.overlaps else "")
        for x in lesions[:_NAMED_LESIONS]
    ]
    if len(lesions) > _NAMED_LESIONS:
        named.append(f"and {len(lesions) - _NAMED_LESIONS} more")
    return ", ".join(named)


def place_words(lesion: LesionMeasures) -> str:
    # adding zero turns -0 into 0
    x, y, z = (f"{round(c) + 0:d}" for c in lesion.centroid_lps_mm)
    return f"{lesion.diameter_mm:.1f} mm at ({x}, {y}, {z}) mm LPS"


def nouns(label: str | None, task: Task) -> tuple[str, str]:
    """What to call one and several lesions: by their label, when it is a plain word."""
    name = label or (next(iter(task.labels)) if len(task.labels) == 1 else "lesion")
    if name.isalpha() and not name.endswith("s"):
        return name, name + "s"
    return f"lesion ({name})", f"lesions ({name})"
