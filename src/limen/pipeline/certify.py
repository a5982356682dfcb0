"""Certify: test the boundary outward from nominal, on patients that took no part in the search."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from limen.boundary import Boundary, Certificate, Condition
from limen.boundary.certify import CertificationCase, certify_cells, everybody
from limen.boundary.certify import certify as certify_paths
from limen.boundary.paths import plan_paths
from limen.evidence import digest_json
from limen.pipeline.errors import CannotDegrade, NotEnoughPatients, NothingEvaluated
from limen.pipeline.evaluate import Progress, Silent
from limen.pipeline.graph import CaseGraph, Chains, Item, look_up, waiting
from limen.pipeline.registration import Made, keep_or_make, look_up_kept
from limen.pipeline.sides import Sides
from limen.pipeline.stress import (
    FULL,
    Effort,
    Stress,
    Trying,
    effort_spent,
    ground_of,
    listing,
    patients_by_set,
    searched,
    searched_from,
    unanswered_in_words,
)
from limen.pipeline.trials import Subject, Trials, trial_origin
from limen.pipeline.where_sure import Claim, certify_where_sure, once

if TYPE_CHECKING:
    from limen.pipeline.product import Product

CELLS = ("site", "scanner", "manufacturer", "largest lesion")
SIZES_MM = (6.0, 10.0)
"""Between small, middle and large: the size classes of lung nodules in common use."""


def certify(
    product: Product,
    *,
    effort: Effort = FULL,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Boundary:
    """Search what is not searched yet, then certify; what is there is kept.

    One certificate for each origin. Evidence of two origins never mixes: a real image that was
    degraded counts as resimulated, nominal included.

    Parameters, errors: as `limen.pipeline.stress.stress`.
    """
    shown = progress or Silent()
    n = workers or os.cpu_count() or 1
    with product.store.writing():
        graph = CaseGraph(product)
        found = searched(product, graph, effort, n, shown)
        inputs = _inputs(product, graph, found.digest, found.sides)
        told = Trying(shown, {}, " of this step")
        trials = Trials(product, graph, n, told)

        def make() -> Made[Boundary]:
            boundary = _boundary(product, found, trials, told, effort)
            product.store.put_json(listing(found.sides.certification))
            answers = {c.origin: c.answer for c in boundary.certificates}
            summary = {"evaluations": trials.made, "answers": answers}
            return Made(boundary, boundary.as_dict(), summary)

        return keep_or_make(product, "boundary", inputs, "certify", Boundary.from_dict, make)[0]


def boundary_items(
    product: Product, graph: CaseGraph, chains: Chains
) -> tuple[list[Item], Boundary | None]:
    """Search and boundary as ``limen status`` shows them, and the boundary where it holds.

    No item where there can be none.
    """
    name, store = product.declaration.product.name, product.store
    try:
        _, sides, inputs = ground_of(product, graph, effort_spent(product), chains)
    except (CannotDegrade, NotEnoughPatients, NothingEvaluated):
        return [], None
    search = look_up(store, "stress", name, inputs)
    if search.record is None:
        return [search, waiting(store, "boundary", name, search)], None
    certified = _inputs(product, graph, search.record.result, sides)
    item, boundary = look_up_kept(store, "boundary", name, certified, Boundary.from_dict)
    return [search, item], boundary


def _inputs(product: Product, graph: CaseGraph, search: str, sides: Sides) -> dict[str, str]:
    return {
        **graph.model_identity,
        "stress": search,
        "certification": digest_json(listing(sides.certification)),
        "cases not found whole": digest_json(list(sides.lost)),
        "case attributes": digest_json(
            {n: dict(s.case.attributes) for n, s in sides.certification.items()}
        ),
        "criteria": product.declared_digest("criteria"),
        "task": product.declared_digest("task"),
        "risk": product.declared_digest("risk"),
    }


def _boundary(
    product: Product, found: Stress, trials: Trials, told: Trying, effort: Effort
) -> Boundary:
    margins, frontiers = searched_from(found.record)
    notes = list(found.record["notes"])
    if found.sides.leaking:
        notes.append(
            f"{len(found.sides.leaking)} cases are left out: their patients are in development too."
        )
    risk = product.declaration.risk
    certificates, cells, selective = [], [], {}
    for origin in sorted({s.origin for s in found.sides.certification.values()}):
        subjects = {n: s for n, s in found.sides.certification.items() if s.origin == origin}
        cases = _cases(product, subjects, trials)
        lost = [c for c in found.sides.lost if _origin(product, c) == origin]
        cases += [CertificationCase(c, c, {}) for c in lost]
        paths = plan_paths(
            found.axes,
            [m for m in margins if m.origin == origin],
            [f for f in frontiers if f.origin == origin],
            tolerated=risk.failure_rate,
            steps=effort.steps,
        )
        failing = _Failing(subjects, trials, told, lost)
        confidence = risk.confidence
        if effort.selective and not lost:
            explored = {n: s for n, s in found.sides.exploration.items() if s.origin == origin}
            claim = Claim(risk.failure_rate, 1 - (1 - confidence) / 2, origin)
            chosen = certify_where_sure(explored, cases, paths, subjects, trials, told, claim)
            if chosen is not None:
                selective[origin] = chosen
                confidence = claim.confidence
                notes.append(
                    f"Origin {origin}: use on all and use where the model is sure are tested "
                    f"at {100 * confidence:.4g} % each, so that both hold together."
                )
        certificate = certify_paths(
            cases,
            paths,
            everybody(cases, failing),
            failure_rate=risk.failure_rate,
            confidence=confidence,
            origin=origin,
        )
        certificates.append(certificate)
        tested = _tested(certificate)
        cells += certify_cells(
            cases,
            tested,
            failing,
            failure_rate=risk.failure_rate,
            confidence=risk.confidence,
            origin=origin,
            leaving=[name for name, steps in tested.items() if len(steps) == len(paths[name])],
        )
        notes += failing.notes()
    for origin in sorted({m.origin for m in margins} - {c.origin for c in certificates}):
        notes.append(f"No certification patient of origin {origin}: nothing is certified of it.")
    notes += unanswered_in_words(trials, "certification")
    return Boundary(
        axes=found.axes,
        exploration=patients_by_set(found.sides.exploration),
        certification=patients_by_set(found.sides.certification),
        margins=margins,
        frontiers=frontiers,
        certificates=tuple(certificates),
        cells=tuple(cells),
        selective=selective,
        notes=tuple(notes),
    )


class _Failing:
    """Which cases fail at a condition; trials that are not there yet are made side by side."""

    def __init__(
        self,
        subjects: Mapping[str, Subject],
        trials: Trials,
        told: Trying,
        lost: Collection[str],
    ) -> None:
        self._subjects, self._trials, self._told, self._lost = subjects, trials, told, set(lost)
        self._refused: dict[str, str] = {}

    def __call__(self, condition: Condition, cases: Sequence[str]) -> set[str]:
        asked = {c: self._subjects[c] for c in cases if c not in self._lost}
        self._told.expect(dict.fromkeys(asked, 1))
        found, refused = self._trials.run({c: once(condition) for c in asked}, asked)
        self._refused |= {c: e.what for c, e in refused.items()}
        # what cannot be judged may well fail
        return {c for c, t in found.items() if not t.passed} | set(refused) | (
            self._lost & set(cases)
        )  # fmt: skip

    def notes(self) -> list[str]:
        words = [
            f"Cases that could not be degraded and count as failing: {len(cases)}; {what}."
            for what in sorted(set(self._refused.values()))
            if (cases := [c for c, w in self._refused.items() if w == what])
        ]
        if self._lost:
            words.append(
                f"Cases that could not be found whole, each a failing patient: {len(self._lost)}."
            )
        return words


def _tested(certificate: Certificate) -> dict[str, list[Condition]]:
    """The steps that were tested: cells are judged on those, and run the model no further."""
    return {p.name: [s.condition for s in p.steps] for p in certificate.paths}


def _origin(product: Product, name: str) -> str:
    return trial_origin(product.sets[name.partition("/")[0]])


def _cases(
    product: Product, subjects: Mapping[str, Subject], trials: Trials
) -> list[CertificationCase]:
    found = []
    for name, subject in subjects.items():
        attributes = {
            k: str(subject.case.attributes[k]) for k in CELLS if k in subject.case.attributes
        }
        if product.declaration.task.kind == "lesion-detection":
            attributes |= _size(product, subject)
        found.append(CertificationCase(name, subject.case.patient, attributes))
    several = {k for k in CELLS if len({c.attributes.get(k) for c in found}) > 1}
    return [
        CertificationCase(
            c.case, c.patient, {k: v for k, v in c.attributes.items() if k in several}
        )
        for c in found
    ]


def _size(product: Product, subject: Subject) -> dict[str, str]:
    """The class of the case's largest lesion in the reference."""
    if subject.nominal is None or subject.nominal.record is None:
        return {}
    measured = product.store.get_json(subject.nominal.record.result)
    lesions = measured.get("lesions", {}).get("reference", [])
    if not lesions:
        return {"largest lesion": "none"}
    largest = max(lesion["diameter_mm"] for lesion in lesions)
    small, large = SIZES_MM
    if largest < small:
        return {"largest lesion": f"under {small:g} mm"}
    within = f"{small:g} to {large:g} mm"
    return {"largest lesion": within if largest < large else f"{large:g} mm and more"}
