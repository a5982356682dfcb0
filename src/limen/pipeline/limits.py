"""The limits of a product's results that no export may lose, each with where it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from limen.pipeline.boundary_state import boundary_state
from limen.pipeline.figures import summaries, supported_figures

if TYPE_CHECKING:
    from limen.pipeline.product import LoadedSet, Product
    from limen.pipeline.status import Status
    from limen.regulation.wording import Limit, SupportedFigure, WordingEvidence

DECLARED = "declaration"
"""Where a limit comes from that the declaration states."""


def wording_evidence(product: Product, found: Status) -> WordingEvidence:
    """What texts on the product are held against; the limits of its boundary are among it."""
    from limen.regulation.wording import evidence_of

    figures = supported_figures(product, found)
    known = _boundary_limits(product, found)
    limits = [limit for limit, _ in known if limit.name != "no boundary"]
    return evidence_of(product.declaration, figures=figures, limits=limits)


def product_limits(
    product: Product, found: Status, figures: list[SupportedFigure]
) -> list[tuple[Limit, str]]:
    """Every limit, with the digest of the record it comes from, or ``declaration``.

    Population, sizes and reader as declared; origin and reach of each data set; what was not
    evaluated, overlaps or is not permitted; claims that are not met; and the boundary.
    """
    from limen.regulation.wording import evidence_of

    declared = evidence_of(product.declaration, figures=figures)
    use = product.declaration.product.intended_use
    limits = [(limit, DECLARED) for limit in declared.limits]
    only = f"For {use.modality} of the {use.anatomy} alone."
    limits.append((_limit("modality", only, use.modality), DECLARED))
    records = summaries(product, found)
    for dataset in product.sets.values():
        if dataset.is_validation and dataset.left_out is None:
            record = records.get(dataset.name)
            source = DECLARED if record is None else record.result
            limits += [(limit, source) for limit in _of_set(product, dataset, source)]
    limits += _not_to_be_claimed(found)
    return limits + _boundary_limits(product, found)


def _limit(name: str, words: str, *needles: str) -> Limit:
    import re

    from limen.regulation.wording import Limit

    # a limit that only the evidence knows is told in one language
    return Limit(name, words, words, tuple(re.escape(n) for n in needles or (words,)))


def _of_set(product: Product, dataset: LoadedSet, source: str) -> list[Limit]:
    from limen.data import reach_of
    from limen.reports.words import REACHES, origin_words

    name = dataset.name
    approval = dataset.approval.model_dump(mode="json")
    reach = reach_of(dataset.approval, dataset.origin)
    words = (
        f"Data set {name} is of {origin_words(dataset.origin, approval)}; results on it reach "
        f"{REACHES.get(reach, reach)}."
    )
    found = [_limit(f"reach of {name}", words)]
    if source == DECLARED:
        nothing = f"Data set {name} has not been evaluated as it is now: nothing is known of it."
        return [*found, _limit(f"evaluation of {name}", nothing)]
    summary = product.store.get_json(source)
    if summary["risk"]["met"] != "yes":
        risk = str(summary["risk"]["in_words"])
        found.append(_limit(f"claim on {name}", f"The claim on data set {name}: {risk}"))
    if not summary["complete"]:
        lost = (
            f"{summary['n_not_evaluated']} cases of data set {name} could not be evaluated; "
            "nothing may be claimed of it as a whole."
        )
        found.append(_limit(f"lost cases of {name}", lost))
    return found


def _not_to_be_claimed(found: Status) -> list[tuple[Limit, str]]:
    limits = []
    if found.leaks:
        words = (
            f"{len(found.leaks)} overlaps between development and validation data: the answer "
            "does not count as independent."
        )
        limits.append((_limit("leakage", words), _leakage_record(found)))
    for name, error in found.approvals.items():
        words = f"The approval of data set {name} does not hold today: {error['what']}."
        limits.append((_limit(f"approval of {name}", words), DECLARED))
    return limits


def _leakage_record(found: Status) -> str:
    return next(
        (i.record.result for i in found.items if i.kind == "leakage" and i.record), DECLARED
    )


def _boundary_limits(product: Product, found: Status) -> list[tuple[Limit, str]]:
    """How far it is certified, on every axis and origin; or that it is not."""
    state = boundary_state(product, found)
    if state.record is None:
        axes = ", ".join(product.declaration.physics) or "no axis is declared"
        words = (
            "No boundary is certified: how far the acquisition may degrade before the results "
            f"fail is not known ({axes})."
        )
        if state.was_made:
            words = (
                "No boundary is certified of this version: what the last one was made from has "
                "changed since, and how far the acquisition may degrade is not known."
            )
        return [(_limit("no boundary", words), DECLARED)]
    kept: dict[str, Any] = product.store.get_json(state.record.result)
    return [(_limit(name, words), state.record.result) for name, words in _certified(kept)]


def _certified(found: dict[str, Any]) -> list[tuple[str, str]]:
    from limen.boundary import Boundary

    boundary = Boundary.from_dict(found)
    limits = []
    for certificate in boundary.certificates:
        origin = certificate.origin
        if certificate.answer != "certified":
            words = (
                f"On {origin} cases nothing is certified, not even the images as acquired "
                f"({certificate.answer}; {certificate.patients} patients)."
            )
            limits.append((f"boundary, {origin}", words))
            continue
        for axis in boundary.axes:
            limit = certificate.limit(axis.name)
            reached = (
                "not beyond the images as acquired" if limit is None else (f"to {axis.text(limit)}")
            )
            words = (
                f"Certified on {origin} cases along {axis.name} {reached}: beyond it nothing is "
                "known."
            )
            limits.append((f"boundary, {origin}, {axis.name}", words))
    return limits
