"""Explain: fragile cases, where the model fails and why, guard and boundary document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limen.boundary import Boundary, Guard
from limen.boundary.explain import Explanation, fragile_cases, lesion_causes
from limen.boundary.explain_limit import Detectability, Findings, explain_limit
from limen.boundary.explain_modes import Item, failure_modes
from limen.boundary.guard_file import HOME
from limen.boundary.headroom import LearningCurve, headroom
from limen.evidence import Record, digest_json
from limen.evidence.runs import Planned, end_run, register_run
from limen.pipeline.evaluate import Progress, Silent
from limen.pipeline.graph import METHODS, CaseGraph, look_up
from limen.pipeline.guard import calibrate_guard, latest_boundary
from limen.pipeline.registration import add_record, make_latest
from limen.pipeline.trials import Subject, as_acquired, subjects_of

if TYPE_CHECKING:
    from limen.pipeline.product import Product

_NOT_GROUPED = {"photons_per_ray", "nodules", "modality", "electronic_noise_photons"}
"""Facts of cases that say what was simulated, or what the reference holds."""


@dataclass(frozen=True)
class Explained:
    """What was explained, and where its page is."""

    boundary: Boundary
    explanation: Explanation
    guard: Guard
    page: Path


def explain(
    product: Product,
    *,
    patients: int | None = None,
    curve: LearningCurve | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Explained:
    """Explain the boundary that was certified last, calibrate its guard, and write its document.

    Parameters
    ----------
    product : Product
    patients : int, optional
        Calibrate the guard on at most so many.
    curve : LearningCurve, optional
        Failures of models trained with sets of several sizes.
    workers : int, optional
    progress : Progress, optional

    Raises
    ------
    NotMadeYet, GuardError, LimitsMissing
    """
    from limen.reports.boundary import write_boundary
    from limen.reports.boundary_words import compose

    shown = progress or Silent()
    guard = calibrate_guard(product, patients=patients, workers=workers, progress=shown)
    name = product.declaration.product.name
    with product.store.writing():
        boundary, certified = latest_boundary(product)
        graph = CaseGraph(product)
        shown.step("explanation")
        explanation, kept = _explanation(
            product, graph, boundary, certified.result, guard.origin, curve
        )
        shown.step("boundary document")
        found = product.store.latest("guard", name)
        assert found is not None
        pictures = {f.case: _picture(product, f.case) for f in explanation.fragile}
        document = compose(
            product.declaration,
            boundary,
            guard,
            explanation,
            pictures,
            {"boundary": certified.result, "guard": found.result, "explanation": kept.result,
             **graph.model_identity},
            certified.made_utc,
        )  # fmt: skip
        page = write_boundary(document, product.folder / HOME)
    return Explained(boundary, explanation, guard, page)


def _explanation(
    product: Product,
    graph: CaseGraph,
    boundary: Boundary,
    digest: str,
    origin: str,
    curve: LearningCurve | None,
) -> tuple[Explanation, Record]:
    subjects = {n: s for n, s in subjects_of(product, graph).items() if s.origin == origin}
    inputs = {
        "boundary": digest,
        "measurements": digest_json(
            {
                n: s.nominal.record.result
                for n, s in subjects.items()
                if s.nominal and s.nominal.record
            }
        ),
        "case attributes": digest_json({n: dict(s.case.attributes) for n, s in subjects.items()}),
        "criteria": product.declared_digest("criteria"),
        "learning curve": digest_json(None if curve is None else [list(curve.sizes), curve.rates]),
    }
    name = product.declaration.product.name
    item = look_up(product.store, "explanation", name, inputs)
    if item.record is not None:
        make_latest(product.store, item)
        kept = Explanation.from_dict(product.store.get_json(item.record.result))
        return kept, item.record
    planned = Planned("explanation", name, METHODS["explanation"], inputs)
    run = register_run(product.store, "explain", [planned])
    explanation = _made(product, boundary, subjects, curve)
    digest_kept = product.store.put_json(explanation.as_dict())
    record = add_record(product, "explanation", name, inputs, digest_kept, origin)
    end_run(product.store, run, {"modes": len(explanation.modes)})
    return explanation, record


def _made(
    product: Product,
    boundary: Boundary,
    subjects: Mapping[str, Subject],
    curve: LearningCurve | None,
) -> Explanation:
    passed = {n: as_acquired(product, s).passed for n, s in subjects.items() if s.nominal}
    cases = [
        Item(n, n, subjects[n].case.patient, not ok, _facts(subjects[n]))
        for n, ok in passed.items()
    ]
    lesions, missed = _lesions(product, subjects)
    modes = failure_modes(lesions) if lesions else failure_modes(cases)
    detectability = _detectability(product, subjects, missed)
    by_patient: dict[str, bool] = {}
    for item in cases:
        by_patient[item.patient] = by_patient.get(item.patient, False) or item.failed
    limit = explain_limit(
        Findings(
            patients=len(by_patient),
            failed=sum(by_patient.values()),
            detectability=detectability,
            curve=curve,
        )
    )
    causes = lesion_causes([i.name for i in lesions if i.failed], detectability, {}, limit)
    unseen = {d.lesion.partition(",")[0] for d in detectability if d.is_seen() is False}
    physics = None
    if detectability:
        hit = {subjects[n].case.patient for n in subjects if subjects[n].case.id in unseen}
        physics = len(hit) / len(by_patient)
    return Explanation(
        fragile=tuple(fragile_cases(boundary)),
        modes=tuple(modes),
        limit=limit,
        lesions=tuple(causes),
        headroom=headroom(list(by_patient.values()), curve, physics_fail=physics),
    )


def _facts(subject: Subject) -> dict[str, Any]:
    return {k: v for k, v in subject.case.attributes.items() if k not in _NOT_GROUPED}


def _lesions(
    product: Product, subjects: Mapping[str, Subject]
) -> tuple[list[Item], dict[str, dict[int, Any]]]:
    """Reference lesions that count, as items; and those missed, by subject and id."""
    least = [
        c.min_diameter_mm or 0.0
        for c in product.declaration.criteria
        if c.measure == "missed_lesions"
    ]
    if not least:
        return [], {}
    items: list[Item] = []
    missed: dict[str, dict[int, Any]] = {}
    for name, subject in subjects.items():
        if subject.nominal is None or subject.nominal.record is None:
            continue
        measured = product.store.get_json(subject.nominal.record.result)
        for lesion in measured.get("lesions", {}).get("reference", []):
            if lesion["diameter_mm"] < min(least):
                continue
            failed = lesion["matched"] is None
            facts = {
                **_facts(subject),
                "diameter_mm": round(lesion["diameter_mm"], 2),
                "long_axis_mm": round(lesion["long_axis_mm"], 2),
                "at the edge": bool(lesion["touches_edge"]),
            }
            label = f"{subject.case.id}, lesion {lesion['id']}"
            items.append(Item(label, name, subject.case.patient, failed, facts))
            if failed:
                missed.setdefault(name, {})[lesion["id"]] = lesion
    return items, missed


def _detectability(
    product: Product, subjects: Mapping[str, Subject], missed: Mapping[str, Mapping[int, Any]]
) -> list[Detectability]:
    """d' of missed lesions where the physics of the modality is at hand: CT with stated photons."""
    from limen.pipeline.lesion_signal import ct_detectability

    declaration = product.declaration
    if declaration.product.intended_use.modality != "CT":
        return []
    given = declaration.physics.get("ct.views")
    views = 984 if given is None else int(given.from_)
    found: list[Detectability] = []
    for name, lesions in missed.items():
        found += ct_detectability(subjects[name].case, declaration, lesions, views)
    return found


def _picture(product: Product, case: str) -> dict[str, Any] | None:
    import json

    record = product.store.latest("picture", case)
    if record is None:
        return None
    pictures = json.loads(product.store.get(record.result))
    return pictures[-1] if pictures else None
