"""Explain a boundary: the fragile cases, where the model fails, and what each failure is due to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from limen.boundary.explain_limit import (
    ROSE,
    Detectability,
    Explained,
    Limit,
)
from limen.boundary.explain_modes import FailureMode
from limen.boundary.headroom import Headroom
from limen.boundary.result import Boundary, Margin


@dataclass(frozen=True)
class FragileCase:
    """A case that passes as acquired, and how little it takes until it does not.

    Attributes
    ----------
    case, patient, origin : str
    axis : str
        On which it flips first, by the share of the searched range.
    position : float
        That share: 0 flips at once, 1 at the worst searched condition.
    margin : str
        In words with its unit: "down to 0.42".
    """

    case: str
    patient: str
    origin: str
    axis: str
    position: float
    margin: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class LesionCause:
    """What one failing lesion is due to, with the evidence.

    Attributes
    ----------
    lesion : str
    limit : str
    d_prime, relative_error : float or None
        In the raw signal, and how well it is known; None where it is not.
    because : str
    """

    lesion: str
    limit: Limit
    d_prime: float | None
    relative_error: float | None
    because: str


@dataclass(frozen=True)
class Explanation:
    """Everything that explains a boundary; plain facts that go to JSON and come back."""

    fragile: tuple[FragileCase, ...]
    modes: tuple[FailureMode, ...]
    limit: Explained
    lesions: tuple[LesionCause, ...]
    headroom: Headroom

    def as_dict(self) -> dict[str, Any]:
        return {
            "fragile": [f.as_dict() for f in self.fragile],
            "modes": [m.as_dict() for m in self.modes],
            "limit": self.limit.as_dict(),
            "lesions": [asdict(lesion) for lesion in self.lesions],
            "headroom": self.headroom.as_dict(),
        }

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Explanation:
        return cls(
            tuple(FragileCase(**f) for f in kept["fragile"]),
            tuple(FailureMode.from_dict(m) for m in kept["modes"]),
            Explained.from_dict(kept["limit"]),
            tuple(LesionCause(**lesion) for lesion in kept["lesions"]),
            Headroom.from_dict(kept["headroom"]),
        )


def fragile_cases(
    boundary: Boundary, origin: str | None = None, most: int = 6
) -> list[FragileCase]:
    """Cases that pass as acquired and flip soonest, the most fragile first; of one origin, or all.

    Margins of different axes are compared by their share of the searched range, which is what the
    product's declaration calls far. Cases that fail as acquired are no fragile cases, and those
    that pass to the end of every axis are none either.
    """
    soonest: dict[str, tuple[float, Margin]] = {}
    fails_now = {m.case for m in boundary.margins if m.kind == "fails at nominal"}
    for margin in boundary.margins:
        if (
            origin not in (None, margin.origin)
            or margin.case in fails_now
            or margin.kind not in ("flips", "non-monotone")
        ):
            continue
        at = margin.position(boundary.axis(margin.axis))
        if at is not None and (margin.case not in soonest or at < soonest[margin.case][0]):
            soonest[margin.case] = (at, margin)
    ordered = sorted(soonest.values(), key=lambda pair: (pair[0], pair[1].case))
    return [
        FragileCase(m.case, m.patient, m.origin, m.axis, at, m.text(boundary.axis(m.axis)))
        for at, m in ordered[:most]
    ]


def lesion_causes(
    lesions: Sequence[str],
    detectability: Sequence[Detectability],
    contradicted: Mapping[str, bool],
    overall: Explained,
    unknown: Mapping[str, str] | None = None,
    needed: float = ROSE,
) -> list[LesionCause]:
    """What each failing lesion is due to.

    Its own evidence goes first: what the raw signal holds of it, and what a second reader said.
    Only a lesion that is seen and confirmed takes over what is known of all failures together.

    Parameters
    ----------
    lesions : sequence of str
    detectability : sequence of Detectability
    contradicted : mapping
        Lesion to whether a second reader contradicts the reference; absent where nobody read it.
    overall : Explained
    unknown : mapping, optional
        Lesion to why its detectability is not known.
    needed : float
    """
    why = unknown or {}
    known = {d.lesion: d for d in detectability}
    out = []
    for name in lesions:
        found = known.get(name)
        value = None if found is None else found.d_prime
        error = None if found is None else found.relative_error
        seen = None if found is None else found.is_seen(needed)
        against = contradicted.get(name)
        told = None if found is None else _told(found)
        if seen is False and against:
            words = f"{told}, and a second reader contradicts the reference"
            out.append(LesionCause(name, "cannot tell", value, error, words))
        elif seen is False:
            words = f"{told} in the raw signal, under {needed:g}"
            out.append(LesionCause(name, "physics-limited", value, error, words))
        elif against:
            words = "a second reader contradicts the reference"
            out.append(LesionCause(name, "label-limited", value, error, words))
        elif seen and against is False and overall.limit in ("data-limited", "model-limited"):
            words = f"{told}, a second reader confirms it; as the failures together"
            out.append(LesionCause(name, overall.limit, value, error, words))
        else:
            words = _lacking(found, seen, against, why.get(name), needed)
            out.append(LesionCause(name, "cannot tell", value, error, words))
    return out


def _lacking(
    found: Detectability | None,
    seen: bool | None,
    against: bool | None,
    why: str | None,
    needed: float,
) -> str:
    """What is known of a lesion, and what would have to be known to say more."""
    known, lacks = [], []
    if found is None:
        lacks.append("its detectability" + (f" ({why})" if why else ""))
    elif seen is None:
        lacks.append(f"whether the raw signal shows it ({_told(found)}, {needed:g} is needed)")
    else:
        known.append(f"{_told(found)}, so the raw signal shows it")
    if against is not None:
        known.append("a second reader confirms it")
    lacks += [] if against is not None else ["a second reading"]
    if not lacks:
        return f"{'; '.join(known)}; nothing explains the failures together"
    return "; ".join([*known, f"not known: {' and '.join(lacks)}"])


def _told(found: Detectability) -> str:
    d_prime = found.d_prime
    value = f"{d_prime:.0f}" if d_prime >= 10 else f"{d_prime:.2g}"
    return f"d' is {value}, known to {100 * found.relative_error:.0f} %"
