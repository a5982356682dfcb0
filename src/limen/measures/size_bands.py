"""Figures by the size of what was to be found: lesions by diameter, structures by volume."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from limen.measures.aggregates import CaseRow, Level, label_of
from limen.measures.bootstrap import MIN_PATIENTS
from limen.measures.case import LesionMeasures, measured_labels
from limen.measures.structures import LabelMeasures
from limen.measures.verdict import missed_lesions
from limen.product.declaration import Task

SIZE_BANDS_MM = ((0, 3), (3, 6), (6, 10), (10, 20), (20, 30), (30, math.inf))
"""Equal-volume diameter of lesions, from and below."""

VOLUME_BANDS_ML = ((0, 0.1), (0.1, 1), (1, 10), (10, 100), (100, 1000), (1000, math.inf))
"""Volume of a structure in the reference, from and below. One voxel off at the rim costs a small
structure much more Dice than a large one, so their mean depends on the mix."""

LesionCounts = dict[str, tuple[list[int], list[int]]]
"""Of each case, by band, how many lesions there are and how many were missed."""


def lesion_counts(rows: Sequence[CaseRow]) -> LesionCounts:
    """Lesions of each case by band of size, all labels together."""
    ends = [high for _, high in SIZE_BANDS_MM]

    def counted(lesions: Sequence[LesionMeasures]) -> list[int]:
        counts = [0] * len(ends)
        for lesion in lesions:
            counts[bisect_right(ends, lesion.diameter_mm)] += 1
        return counts

    return {
        r.case: (
            counted(r.measurement.reference or ()),
            counted(missed_lesions(r.measurement)),
        )
        for r in rows
    }


def lesion_sizes(
    rows: Sequence[CaseRow], counts: LesionCounts, level: Level
) -> list[dict[str, Any]]:
    """Lesions found by band of size, all labels together."""
    if not counts:
        return []
    patients = [r.patient for r in rows]
    bands = []
    for i, band in enumerate(SIZE_BANDS_MM):
        present = [counts[r.case][0][i] for r in rows]
        if any(present):
            found = [n - counts[r.case][1][i] for n, r in zip(present, rows, strict=True)]
            bands.append(
                {
                    **_ends(band, "mm"),
                    "found": sum(found),
                    "present": sum(present),
                    "sensitivity": asdict(level.ratio(found, present, patients)),
                }
            )
    return bands


def structure_sizes(rows: Sequence[CaseRow], task: Task, level: Level) -> list[dict[str, Any]]:
    """Figures of each label and region by band of its volume in the reference.

    Nothing where all cases lie in one band. A band with fewer than ``MIN_PATIENTS`` patients has
    its counts, and says that nothing can be said.
    """
    names = [(name, False) for name in measured_labels(task)]
    names += [(name, True) for name in task.regions]
    found: list[dict[str, Any]] = []
    for name, region in names:
        by_band: dict[tuple[float, float], list[CaseRow]] = {}
        for row in rows:
            own = _own(row, name, region)
            if own is not None and own.volume_reference_ml:
                at = bisect_right([high for _, high in VOLUME_BANDS_ML], own.volume_reference_ml)
                by_band.setdefault(VOLUME_BANDS_ML[at], []).append(row)
        if len(by_band) < 2:
            continue
        for band in sorted(by_band):
            inside = by_band[band]
            patients = len({r.patient for r in inside})
            entry: dict[str, Any] = {
                "label": None if region else name,
                "region": name if region else None,
                **_ends(band, "ml"),
                "n_cases": len(inside),
                "n_patients": patients,
            }
            if patients < MIN_PATIENTS:
                entry["cannot_say"] = too_few_words(patients)
            else:
                entry["figures"] = asdict(label_of(inside, (), name, level, region=region))
            found.append(entry)
    return found


def too_few_words(patients: int) -> str:
    """Why a group this small has no figures."""
    return (
        f"nothing can be said with n = {patients} {'patient' if patients == 1 else 'patients'}; it "
        f"takes {MIN_PATIENTS}"
    )


def band_words(band: dict[str, Any], unit: str) -> str:
    """A band as "1 to 10 mL"."""
    low, high = band[f"from_{unit}"], band[f"below_{unit}"]
    shown = {"mm": "mm", "ml": "mL"}[unit]
    return f"{low:g} {shown} or more" if high is None else f"{low:g} to {high:g} {shown}"


def _ends(band: tuple[float, float], unit: str) -> dict[str, float | None]:
    low, high = band
    return {f"from_{unit}": float(low), f"below_{unit}": None if math.isinf(high) else float(high)}


def _own(row: CaseRow, name: str, region: bool) -> LabelMeasures | None:
    m = row.measurement.regions if region else row.measurement
    return None if m is None else next((x for x in m.labels if x.label == name), None)
