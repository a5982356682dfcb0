"""The sentences of the boundary document, from the certified facts alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from limen.boundary import TOGETHER, Boundary, Certificate, Guard, SearchAxis
from limen.boundary.explain import Explanation
from limen.boundary.words import certificate_in_words
from limen.product.axes import AXES
from limen.product.declaration import Declaration
from limen.reports.boundary import BoundaryDocument, CasePicture, ModePictures, bare_name
from limen.reports.words import count, criterion_words

_ORIGINS = {
    "phantom": ("simulated patients", "nobody's data"),
    "resimulated": ("images degraded by simulation", "not scans taken that way"),
    "measured": ("measured raw data", ""),
    "observed": ("studies seen in production", ""),
}
"""Of whom or what evidence is, and what must be said of it wherever it is named first."""

MOST_NAMED = 3
"""Failure modes on the first page, and pictures of each overleaf."""


@dataclass(frozen=True)
class FailingItem:
    """What can be shown of one failing case or lesion.

    Attributes
    ----------
    case : str
        ``DATASET/CASE``; "" where two data sets have an item of this name.
    diameter_mm : float or None
        Of the lesion; None for a case.
    picture : mapping or None
        ``Picture.as_dict()``.
    is_close_up : bool
        Whether the picture is about this very lesion.
    """

    case: str = ""
    diameter_mm: float | None = None
    picture: Mapping[str, Any] | None = None
    is_close_up: bool = False


def compose(
    declaration: Declaration,
    boundary: Boundary,
    guard: Guard,
    explanation: Explanation,
    pictures: Mapping[str, Mapping[str, Any] | None],
    failing: Mapping[str, FailingItem],
    sources: Mapping[str, str],
    made_utc: str,
) -> BoundaryDocument:
    """The document of one product.

    Parameters
    ----------
    declaration : Declaration
    boundary : Boundary
    guard : Guard
        Calibrated for this boundary.
    explanation : Explanation
    pictures : mapping
        Fragile case to a picture of it, or None.
    failing : mapping
        By name, as the failure modes name them: their failing cases or lesions.
    sources : mapping
        Name to digest.
    made_utc : str

    Raises
    ------
    LimitsMissing
    """
    info = declaration.product
    certificate = boundary.certificate(guard.origin)
    certified = certificate is not None and certificate.answer == "certified"
    return BoundaryDocument(
        product=info.name,
        version=info.version,
        statement=info.intended_use.statement,
        certified=certified,
        headline=_headline(certificate, boundary),
        trust_on=_trust_on(declaration, boundary, certificate, guard) if certified else (),
        not_when=_not_when(declaration, boundary, certificate, guard),
        watch_for=_watch_for(declaration, boundary, guard, explanation),
        based_on=_based_on(declaration, boundary, guard),
        confidence=_confidence(declaration, certificate),
        act_on=explanation.headroom.because,
        fragile=tuple(
            CasePicture(f.case, f"{f.axis} {f.margin}", pictures.get(f.case))
            for f in explanation.fragile[:3]
        ),
        modes=_modes(declaration, explanation, failing),
        boundary=boundary,
        guard=guard,
        explanation=explanation,
        sources=sources,
        made_utc=made_utc,
    )


def _headline(certificate: Certificate | None, boundary: Boundary) -> str:
    if certificate is None:
        return "Nothing is certified: no patients were left to certify."
    if certificate.answer == "certified":
        of = f" of {_whose(certificate.origin)}" if len(boundary.certificates) > 1 else ""
        return (
            f"Certified{of}: at most {_percent(certificate.failure_rate)} of patients fail, with "
            f"{_percent(certificate.confidence)} confidence, within the limits below."
        )
    return f"Nothing is certified. {certificate_in_words(certificate, boundary.axes)}"


def _trust_on(
    declaration: Declaration, boundary: Boundary, certificate: Certificate | None, guard: Guard
) -> tuple[str, ...]:
    assert certificate is not None
    use = declaration.product.intended_use
    low, high = use.population.age_years
    grid = (
        f"pixels of {_range(guard.pixel_mm)} mm, slices {_range(guard.slice_mm)} mm apart, like "
        f"those of the {guard.parts.patients} patients it was calibrated on"
    )
    found = [f"{use.modality} of the {use.anatomy}, ages {low:g} to {high:g} years: {grid}."]
    for path in certificate.paths:
        if path.reached is None or path.name == TOGETHER:
            continue
        axis = boundary.axis(path.name)
        found.append(f"{_named(axis.name)}: {_way(axis)} {axis.text(path.reached[path.name])}.")
    together = certificate.together(boundary.axes)
    if together:
        parts = [f"{n} {boundary.axis(n).text(v)}" for n, v in together.items()]
        found.append(f"All of it at once: {', '.join(parts)}.")
    return tuple(found)


def _not_when(
    declaration: Declaration, boundary: Boundary, certificate: Certificate | None, guard: Guard
) -> tuple[str, ...]:
    use = declaration.product.intended_use
    if certificate is None or certificate.answer != "certified":
        first = "On any image: no limit could be certified yet. The guard refuses every image."
        return (first, *_always(declaration, guard))
    found = []
    for axis in boundary.axes:
        limit = certificate.limit(axis.name)
        where = "as acquired" if limit is None else axis.text(limit)
        word = "below" if axis.worst < axis.nominal else "above"
        if limit is None:
            found.append(f"{_named(axis.name)} is worse than {where}: no step beyond is certified.")
        elif axis.position(limit) >= 1 - 1e-9:
            found.append(f"{_named(axis.name)} is {word} {where}: nothing beyond was searched.")
        else:
            found.append(f"{_named(axis.name)} is {word} {where}.")
    searched = {axis.name for axis in boundary.axes}
    found += [
        f"{_named(name)} is worse than as acquired: it was not searched."
        for name in declaration.physics
        if name not in searched
    ]
    if len(boundary.axes) > 1:
        if certificate.together(boundary.axes) is None:
            found.append("Two of these are worse than as acquired at once: not certified together.")
        else:
            found.append("Several of these are near their own limit at once.")
    cells = [c for c in boundary.cells if c.origin == guard.origin]
    refused = [_cell(c) for c in cells if c.answer == "not certified"]
    few = [_cell(c) for c in cells if c.answer == "too few to say"]
    if refused:
        found.append(f"Not certified on their own: {'; '.join(refused)}.")
    if few:
        found.append(f"Too few patients to say on their own: {'; '.join(few)}.")
    found.append(f"The image is no {use.modality} of the {use.anatomy}, or lies the wrong way.")
    return (*found, *_always(declaration, guard))


def _always(declaration: Declaration, guard: Guard) -> list[str]:
    sizes = [c.min_diameter_mm for c in declaration.criteria if c.min_diameter_mm]
    found = []
    if sizes:
        found.append(f"Lesions under {max(sizes):g} mm: nothing is claimed of them.")
    if guard.origin == "phantom":
        found.append("On real patients: these limits were found on simulated ones.")
    return found


def _watch_for(
    declaration: Declaration, boundary: Boundary, guard: Guard, explanation: Explanation
) -> tuple[str, ...]:
    modes = explanation.modes
    found = [f"{m.in_words(_counted(declaration))}." for m in modes[:MOST_NAMED]]
    if modes:
        more = len(modes) - MOST_NAMED
        others = f" and {count(more, 'more group')}" if more > 0 else ""
        found.append(f"Their failing cases{others} are overleaf, with pictures.")
    else:
        found.append("No group of patients was found that fails more often than the rest.")
    if explanation.limit.limit != "cannot tell":
        words = explanation.limit.limit.replace("-", " ")
        found.append(f"Failures are {words}: {explanation.limit.evidence[0]}.")
    found += _due_to(explanation)
    cases = len({m.case for m in boundary.non_monotone if m.origin == guard.origin})
    if cases:
        found.append(f"{cases} explored cases failed and passed again at worse conditions.")
    found += _guard_words(guard)
    return tuple(found)


def _counted(declaration: Declaration) -> str:
    """What the failure modes count."""
    by_lesion = any(c.measure == "missed_lesions" for c in declaration.criteria)
    return "lesions" if by_lesion else "cases"


def _modes(
    declaration: Declaration, explanation: Explanation, failing: Mapping[str, FailingItem]
) -> tuple[ModePictures, ...]:
    """Each mode with its failing items, and with pictures of some that the others do not show."""
    found = []
    shown: set[str] = set()
    for mode in explanation.modes:
        items = {name: failing.get(name, FailingItem()) for name in mode.failing}
        nth: Counter[str] = Counter()
        ranked = []
        for name, item in items.items():
            # first what shows the lesion itself, then what is new, then one of each case
            no_picture = item.picture is None
            ranked.append((no_picture, not item.is_close_up, name in shown, nth[item.case], name))
            nth[item.case] += 1
        chosen = [rank[-1] for rank in sorted(ranked, key=lambda r: r[:-1])[:MOST_NAMED]]
        shown.update(chosen)
        found.append(
            ModePictures(
                f"{mode.in_words(_counted(declaration))}.",
                tuple(_sized(name, items[name]) for name in mode.failing),
                tuple(CasePicture(n, _seen(items[n]), items[n].picture) for n in chosen),
            )
        )
    return tuple(found)


def _sized(name: str, item: FailingItem) -> str:
    size = "" if item.diameter_mm is None else f" ({item.diameter_mm:.1f} mm)"
    return f"{bare_name(name)}{size}"


def _seen(item: FailingItem) -> str:
    """What the picture of a failing item shows, for its caption."""
    if item.picture is None:
        return ""
    if item.diameter_mm is not None and not item.is_close_up:
        return "no close-up of it is kept; a whole slice of the case, which may not show it"
    title = str(item.picture["title"]).replace(" mm", "\N{NO-BREAK SPACE}mm")
    return f"{title[:1].lower()}{title[1:]}"


def _due_to(explanation: Explanation) -> list[str]:
    """What the failing lesions are due to, counted, and what would have to be known to say more."""
    found = []
    if explanation.lesions:
        counts = Counter(lesion.limit for lesion in explanation.lesions)
        untold = counts.pop("cannot tell", 0)
        parts = [f"{n} {limit}" for limit, n in counts.most_common()]
        told = ", ".join([*parts, *([f"{untold} that nobody can tell"] if untold else [])])
        found.append(f"{count(len(explanation.lesions), 'failing lesion')}: {told}.")
    if explanation.limit.limit == "cannot tell" and explanation.limit.missing:
        lacks = "; ".join(explanation.limit.missing)
        found.append(f"What limits the model cannot be told; missing: {lacks}.")
    return found


def _guard_words(guard: Guard) -> list[str]:
    """How often the guard errs, by axis."""
    rates = guard.rates
    if not rates:
        return []
    inside = rates["inside_refused"]
    found = []
    if not guard.certified:
        found.append(
            "The guard refuses every image, as nothing is certified; these figures are of a "
            "boundary where exploration suggests it."
        )
    found.append(
        f"The guard refuses {inside['events']} of {inside['images']} images inside "
        f"({_share(inside['rate'])}; {inside['patients']} patients, each left out)."
    )
    for guarded in guard.parts.axes:
        axis, name = guarded.axis, guarded.axis.name
        reader = guarded.by_header or guarded.by_image
        beyond = rates["axes"][name]["beyond_error_let_through"]
        outside = rates["axes"][name]["outside_let_through"]
        between = f"{outside['events']} of {outside['images']} images outside"
        if reader.reliable_from is None:
            found.append(f"{name}: the guard lets {between} through; nowhere searched is it sure.")
            continue
        start = axis.text(axis.value(reader.reliable_from))
        found.append(
            f"{name}: the guard lets {between} through; from {start} on "
            f"{beyond['events']} of {beyond['images']}."
        )
    return found


def _based_on(declaration: Declaration, boundary: Boundary, guard: Guard) -> tuple[str, ...]:
    criteria = "; ".join(criterion_words(c, declaration.task) for c in declaration.criteria)
    return (
        *_evidence(boundary, guard.origin),
        f"A case passes when: {criteria}.",
        *boundary.notes[:2],
        *(f"{n.partition('. ')[0]}." for n in boundary.notes[2:] if n.startswith("Profile")),
    )


def _evidence(boundary: Boundary, enforced: str) -> list[str]:
    """By origin: who was searched on and certified on; only the enforced one's limits are given."""
    origins = {name: c.origin for c in boundary.certificates for name in c.datasets}
    origins |= {m.case.partition("/")[0]: m.origin for m in boundary.margins}
    found = []
    for origin in sorted({enforced, *origins.values()}, key=lambda o: (o != enforced, o)):
        explored, certified = (
            ", ".join(
                f"{count(n, 'patient')} of {name}"
                for name, n in side.items()
                if origins.get(name, enforced) == origin
            )
            or "no patients"
            for side in (boundary.exploration, boundary.certification)
        )
        of, caution = _ORIGINS.get(origin, (origin, ""))
        words = f"Evidence of {of}{f' ({caution})' if caution else ''}: searched on {explored}; "
        if origin == enforced:
            found.append(f"{words}certified on {certified}, none of them searched on.")
            continue
        other = boundary.certificate(origin)
        answer = "nothing certified" if other is None else other.answer
        found.append(f"{words}tested on {certified}: {answer}. No limit above rests on it.")
    return found


def _whose(origin: str) -> str:
    return _ORIGINS.get(origin, (origin, ""))[0]


def _confidence(declaration: Declaration, certificate: Certificate | None) -> str:
    risk = declaration.risk if certificate is None else certificate
    claim = (
        f"The claim: at most {_percent(risk.failure_rate)} of patients have a failing case, with "
        f"{_percent(risk.confidence)} confidence, at every certified condition at once."
    )
    if certificate is None:
        return claim
    n = certificate.nominal
    return (
        f"{claim} As acquired {n.failed} of {n.patients} patients fail "
        f"({_whose(certificate.origin)}; exact binomial test, p = {n.p_value:.2g}, "
        f"allowed {n.alpha:.2g})."
    )


def _named(name: str) -> str:
    known = AXES.get(name)
    if known is None:
        return name
    words = known.description.partition(":")[0].rstrip(".")
    return f"{words[0].upper()}{words[1:]} ({name})"


def _way(axis: SearchAxis) -> str:
    return "down to" if axis.worst < axis.nominal else "up to"


def _cell(certificate: Certificate) -> str:
    named = ", ".join(f"{k} {v}" for k, v in certificate.cell.items())
    n = certificate.nominal
    return f"{named} ({n.failed} of {n.patients} fail)"


def _range(ends: Sequence[float]) -> str:
    low, high = ends
    return f"{low:.3g}" if high <= 1.001 * low else f"{low:.3g} to {high:.3g}"


def _share(rate: float | None) -> str:
    return "none" if rate is None else f"{100 * rate:.2g} %"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.3g} %"
