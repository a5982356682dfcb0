"""From the planes of a DICOM series to one stack, or to the reason why they are not one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from limen.data.dicom_planes import TELLING, Plane, numbers_text
from limen.data.errors import BrokenSeries, SpacingMissing
from limen.data.volume import Array


def require_one_series(planes: list[Plane], where: str) -> None:
    """All images must share what makes them one stack; otherwise say what differs and where."""
    scouts = [p for p in planes if p.localizer]
    if scouts:
        raise BrokenSeries(
            "the series is a localizer (scout), not a volume"
            if len(scouts) == len(planes)
            else "localizer (scout) images are mixed into the series",
            where=where,
            found=f"{len(scouts)} of {len(planes)} images, the first is {scouts[0].which}",
            mend="leave the localizer out",
        )
    mend = "give each series its own case"
    hidden = "more than one"
    differing: tuple[tuple[str, Callable[[Plane], Any], str | None], ...] = (
        ("Series Instance UIDs", lambda p: p.series, hidden),
        ("patients", lambda p: p.patient, hidden),
        ("frames of reference", lambda p: p.frame_of_reference, hidden),
        ("modalities", lambda p: p.modality, None),
        ("image sizes (rows x columns)", lambda p: f"{p.size[0]} x {p.size[1]}", None),
    )
    for name, key, secret in differing:
        counts = Counter(map(key, planes))
        if len(counts) > 1:
            raise BrokenSeries(
                f"images with different {name} are mixed",
                where=where,
                found=_counts_text(counts)
                if secret is None
                else f"{len(counts)} different ones among {len(planes)} images",
                mend=mend,
            )
    if 0 in planes[0].size:
        raise BrokenSeries("the images have no rows or columns", where=where, mend=mend)
    first = planes[0]
    for plane in planes:
        turned = max(
            np.abs(plane.row_cosine - first.row_cosine).max(),
            np.abs(plane.column_cosine - first.column_cosine).max(),
        )
        if turned > 1e-3:
            raise BrokenSeries(
                "images with different orientations are mixed",
                where=where,
                found=f"{first.which}: {_cosines_text(first)}; "
                f"{plane.which}: {_cosines_text(plane)}",
                mend=mend,
            )
        if not np.allclose(plane.spacing, first.spacing, rtol=1e-3, atol=0):
            raise BrokenSeries(
                "images with different pixel spacings are mixed",
                where=where,
                found=f"{first.which}: {numbers_text(first.spacing)} mm; "
                f"{plane.which}: {numbers_text(plane.spacing)} mm",
                mend=mend,
            )


def stacked(planes: list[Plane], where: str) -> tuple[list[Plane], Array]:
    """Images sorted along the normal, and the affine of the stack."""
    first = planes[0]
    normal = np.cross(first.row_cosine, first.column_cosine)
    normal /= np.linalg.norm(normal)
    planes = sorted(planes, key=lambda plane: float(plane.position @ normal))
    positions = np.array([plane.position for plane in planes])
    if len(planes) == 1:
        step = normal * _single_step(first, where)
    else:
        along = positions @ normal
        _require_distinct(planes, along, where)
        _require_equally_spaced(along, where)
        step = (positions[-1] - positions[0]) / (len(planes) - 1)
        _require_straight(positions, step, along, where)
    affine = np.eye(4)
    affine[:3, 0] = planes[0].row_cosine * planes[0].spacing[1]
    affine[:3, 1] = planes[0].column_cosine * planes[0].spacing[0]
    affine[:3, 2] = step
    affine[:3, 3] = positions[0]
    return planes, affine


def _single_step(plane: Plane, where: str) -> float:
    if plane.step_hint is None:
        raise SpacingMissing(
            "the series is a single slice that does not say how thick it is",
            where=where,
            found="neither Slice Thickness nor Spacing Between Slices",
            mend="add Slice Thickness, or give the whole series",
        )
    return plane.step_hint


def _require_distinct(planes: list[Plane], along: Array, where: str) -> None:
    """No two images at one place; if there are, say what tells them apart."""
    distances = np.diff(along)
    regular = float(np.median(distances[distances > 1e-2])) if (distances > 1e-2).any() else 0.0
    close = np.flatnonzero(distances <= max(1e-2, 0.02 * regular))
    if not len(close):
        return
    k = int(close[0])
    here = [p for p, at in zip(planes, along, strict=True) if abs(at - along[k]) <= 1e-2]
    a, b = planes[k], planes[k + 1]
    same_place = np.linalg.norm(a.position - b.position) <= 1e-2
    found = f"{max(2, len(here))} images at {along[k]:.3f} mm along the normal"
    if not same_place:
        raise BrokenSeries(
            "several images lie in one plane but not in one place",
            where=where,
            found=f"{found}: {a.which} at {numbers_text(a.position)} mm, "
            f"{b.which} at {numbers_text(b.position)} mm",
            mend="give each stack its own case",
        )
    if a.instance and a.instance == b.instance and a.frame == b.frame:
        raise BrokenSeries(
            "the same image is there twice",
            where=where,
            found=f"{a.which} and {b.which}",
            mend="remove the copy",
        )
    differs = [
        f"{words} ({a.telling[keyword] or 'absent'} and {b.telling[keyword] or 'absent'})"
        for keyword, words in TELLING.items()
        if a.telling[keyword] != b.telling[keyword]
    ]
    raise BrokenSeries(
        "several images lie at one position",
        where=where,
        found=f"{found}; they differ in {', '.join(differs[:3])}"
        if differs
        else f"{found}; nothing in their headers tells {a.which} and {b.which} apart",
        mend="give each echo, phase, b-value or acquisition its own case"
        if differs
        else "remove the duplicates",
    )


def place_tolerance_mm(step_mm: float) -> float:
    """How far a slice may lie from its place on the equally spaced grid.

    5 % of the slice distance; at least 0.1 mm, which positions rounded to a tenth of a
    millimetre need, but never over 20 % of the slice distance.
    """
    return max(0.05 * step_mm, min(0.105, 0.2 * step_mm))


def _require_equally_spaced(along: Array, where: str) -> None:
    distances = np.diff(along)
    regular = _regular_distance(distances)
    places = along[0] + np.arange(len(along)) * (along[-1] - along[0]) / (len(along) - 1)
    off = np.abs(along - places)
    if off.max() <= place_tolerance_mm(regular):
        return
    slack = max(0.1, 2 * place_tolerance_mm(regular) / regular)
    count = np.round(distances / regular).astype(int)
    odd = np.flatnonzero(np.abs(distances / regular - 1) > slack)
    gaps = np.flatnonzero((count >= 2) & (np.abs(distances / regular - count) <= slack))
    are_gaps = len(gaps) > 0 and set(odd) <= set(gaps)
    worst = gaps if are_gaps else np.argsort(-np.abs(distances - regular), kind="stable")[:3]
    told = [
        f"{distances[k]:.3f} mm between the slices at {along[k]:.3f} and {along[k + 1]:.3f} mm"
        for k in worst[:3]
    ]
    if len(worst) > 3:
        told.append(f"and {len(worst) - 3} more gaps")
    missing = int((count[gaps] - 1).sum())
    raise BrokenSeries(
        f"{missing} slice{'s are' if missing > 1 else ' is'} missing"
        if are_gaps
        else "the slices are not equally spaced",
        where=where,
        found=f"{', '.join(told)}; {regular:.3f} mm elsewhere (along the normal)",
        mend="export the whole series again"
        + ("" if are_gaps else ", or leave out the slices of another stack"),
    )


def _regular_distance(distances: Array) -> float:
    """The distance without gaps: the smallest if all are multiples of it, else the median."""
    ratios = distances / distances.min()
    if np.all(np.abs(ratios - np.round(ratios)) < 0.1):
        return float(np.median(distances[ratios < 1.5]))
    return float(np.median(distances))


def _require_straight(positions: Array, step: Array, along: Array, where: str) -> None:
    """The in-plane shift per slice (gantry tilt) must be the same throughout."""
    places = positions[0] + np.arange(len(positions))[:, None] * step
    off = np.linalg.norm(positions - places, axis=1)
    if off.max() > place_tolerance_mm(float(np.linalg.norm(step))):
        worst = int(off.argmax())
        raise BrokenSeries(
            "the slices are shifted against each other",
            where=where,
            found=f"the slice at {along[worst]:.3f} mm lies {off[worst]:.3f} mm off the line "
            "through the first and the last",
            mend="give each stack its own case",
        )


def _cosines_text(plane: Plane) -> str:
    both = [*plane.row_cosine, *plane.column_cosine]
    return ", ".join(f"{value:.4f}" for value in both)


def _counts_text(counts: Counter[Any]) -> str:
    return ", ".join(f"{n} with {key or 'none'}" for key, n in counts.most_common(4))
