"""Which limit a guard enforces on each axis, and at which conditions it is calibrated."""

from __future__ import annotations

from collections.abc import Sequence

from limen.boundary.guard_calibration import Limit
from limen.boundary.result import Boundary, Certificate, SearchAxis

_INSIDE_FITTED, _INSIDE_TRIED = (0.5, 1.0), (0.8,)
_BEYOND_FITTED, _BEYOND_TRIED = (0.2, 0.55, 1.0), (0.35, 0.8)
_FEW = {"inside": (1.0,), "beyond": (0.2, 1.0), "tried": (0.5,)}


def guarded_certificate(boundary: Boundary) -> Certificate | None:
    """The one that a guard enforces: certified before not, then that of most patients.

    A guard is calibrated on images of one origin, as origins never mix.
    """
    ranked = sorted(
        boundary.certificates, key=lambda c: (c.answer == "certified", c.patients), reverse=True
    )
    return ranked[0] if ranked else None


def limits_of(boundary: Boundary, certificate: Certificate) -> tuple[list[Limit], list[str]]:
    """The limit of each axis, and what cannot be guarded, in words.

    Where nothing is certified, what exploration suggests is taken instead and said to be that: it
    calibrates a guard that refuses every image anyway, and tells how well it would guard.
    """
    limits: list[Limit] = []
    notes: list[str] = []
    certified = certificate.answer == "certified"
    for axis in boundary.axes:
        reached = (
            certificate.limit(axis.name) if certified else _suggested(boundary, certificate, axis)
        )
        value = axis.nominal if reached is None else reached
        if axis.position(value) >= 1 - 1e-9:
            notes.append(
                f"{axis.name} is not guarded: it holds to {axis.text(axis.worst)}, the worst that "
                f"was searched, and nobody knows what lies beyond"
            )
            continue
        limits.append(Limit(axis, value, certified))
    if len(limits) > 1:
        notes.append("each axis is judged alone: an image near two limits at once may pass")
    return limits, notes


def _suggested(boundary: Boundary, certificate: Certificate, axis: SearchAxis) -> float:
    """The value that all but the tolerated share of passing exploration cases reach.

    No farther than nine tenths of the searched range, and half of it where nothing is known.
    """
    reached = sorted(
        at
        for m in boundary.margins
        if m.axis == axis.name and m.origin == certificate.origin and m.kind != "fails at nominal"
        and (at := m.position(axis)) is not None
    )  # fmt: skip
    position = reached[int(certificate.failure_rate * len(reached))] if reached else 0.5
    return axis.value(min(position, 0.9))


def calibration_levels(limit: Limit, few: bool = False) -> tuple[list[float], list[float]]:
    """Conditions to fit a guard with, and others to try it at: on both sides of the limit.

    ``few`` takes five of them instead of eight, for a quick profile.
    """
    axis, b = limit.axis, limit.position
    fitted = [b * p for p in (_FEW["inside"] if few else _INSIDE_FITTED) if b > 0]
    fitted += [b + (1 - b) * p for p in (_FEW["beyond"] if few else _BEYOND_FITTED)]
    tried = [b * p for p in _INSIDE_TRIED if b > 0]
    tried += [b + (1 - b) * p for p in (_FEW["tried"] if few else _BEYOND_TRIED)]
    known = _values(axis, fitted)
    known = sorted({*known, *([limit.value] if b > 0 else [])}, key=axis.position)
    return known, [v for v in _values(axis, tried) if v not in known]


def _values(axis: SearchAxis, positions: Sequence[float]) -> list[float]:
    values = [axis.value(p) for p in positions]
    return [v for v in dict.fromkeys(values) if v != axis.nominal]
