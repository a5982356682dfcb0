"""Explain: fragile cases, where the model fails and why, guard and boundary document."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limen.boundary import Boundary, Guard
from limen.boundary.explain import Explanation, fragile_cases, lesion_causes
from limen.boundary.explain_limit import Findings, explain_limit
from limen.boundary.explain_modes import coverage_slices, failure_modes
from limen.boundary.guard_calibration import GuardError
from limen.boundary.guard_file import HOME
from limen.boundary.guard_limits import guarded_certificate
from limen.boundary.headroom import headroom
from limen.errors import LimenError
from limen.evidence import Record, digest_json
from limen.pipeline.evaluate import Progress, Silent
from limen.pipeline.explain_lesions import case_items, find_lesions, raw_signal
from limen.pipeline.explain_training import (
    Training,
    failed_in_training,
    training_inputs,
    training_listing,
    training_of,
)
from limen.pipeline.given import Given, given_of, judge_curve, judge_readings
from limen.pipeline.graph import CaseGraph, Item, waiting
from limen.pipeline.guard import calibrate_guard, latest_boundary, patients_asked, spent_on
from limen.pipeline.registration import Made, keep_or_make, look_up_kept
from limen.pipeline.stress import Trying, listing
from limen.pipeline.trials import Subject, Trials, failed_by_patient, subjects_of

if TYPE_CHECKING:
    from limen.pipeline.product import Product
    from limen.reports.boundary_words import FailingItem

_DRAWN_FROM = {
    "kind", "title", "plane", "lesions", "width_px", "height_px", "jpeg_base64", "reference",
    "prediction", "targets",
}  # fmt: skip
"""Of a kept picture, what the page needs."""


@dataclass(frozen=True)
class Explained:
    """What was explained, and where its page is."""

    boundary: Boundary
    explanation: Explanation
    guard: Guard
    page: Path


@dataclass(frozen=True)
class _Ground:
    """What an explanation stands on: cases of one origin, what was given, whom training held."""

    boundary: str
    """Digest of the boundary."""
    origin: str
    subjects: Mapping[str, Subject]
    given: Given
    training: Training
    patients: int | None

    def inputs(self, product: Product, trials: Trials) -> dict[str, str]:
        files = {
            n: {k: v for k, v in s.sources.items() if k != "prediction file"}
            for n, s in self.subjects.items()
        }
        attributes = {n: s.attributes_digest for n, s in self.subjects.items()}
        return {
            "boundary": self.boundary,
            "measurements": digest_json(listing(self.subjects)),
            "images and references": digest_json(files),
            "case attributes": digest_json(attributes),
            "criteria": product.declared_digest("criteria"),
            "intended use": product.declared_digest("product", "intended_use"),
            **self.given.inputs(),
            **training_inputs(self.training, trials),
            "effort": digest_json(spent_on(self.patients)),
        }


def explain(
    product: Product,
    *,
    patients: int | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Explained:
    """Explain the boundary that was certified last, calibrate its guard, and write its document.

    A second reading and predictions for a learning curve are used where they were given
    (`limen.pipeline.given`).

    Parameters
    ----------
    product : Product
    patients : int, optional
        Calibrate the guard on at most so many, and ask about as many training patients.
    workers : int, optional
    progress : Progress, optional

    Raises
    ------
    NotMadeYet, GuardError, LimitsMissing
        Without enough patients for a guard there is no document; the explanation is kept.
    """
    from limen.reports.boundary import write_boundary
    from limen.reports.boundary_words import compose

    shown, n = progress or Silent(), workers or os.cpu_count() or 1
    name = product.declaration.product.name
    with product.store.writing():
        boundary, certified = latest_boundary(product)
        graph = CaseGraph(product)
        shown.step("explanation")
        subjects = subjects_of(product, graph)
        ground = _ground(product, graph, subjects, boundary, certified, patients)
        if ground is None:
            raise GuardError("no patients were left to certify, so there is nothing to explain")
        explanation, kept = _explanation(product, graph, boundary, ground, n, shown)
    guard = calibrate_guard(product, patients=patients, workers=workers, progress=shown)
    shown.step("boundary document")
    found = product.store.latest("guard", name)
    assert found is not None
    fragile = {f.case: _pictures(product, subjects.get(f.case)) for f in explanation.fragile}
    document = compose(
        product.declaration,
        boundary,
        guard,
        explanation,
        {case: pictures[-1] if pictures else None for case, pictures in fragile.items()},
        _failing_items(product, ground.subjects, explanation),
        {"boundary": certified.result, "guard": found.result, "explanation": kept.result,
         **graph.model_identity},
        certified.made_utc,
    )  # fmt: skip
    page = write_boundary(document, product.folder / HOME)
    return Explained(boundary, explanation, guard, page)


def explanation_item(
    product: Product,
    graph: CaseGraph,
    subjects: Mapping[str, Subject],
    certified: Item,
    boundary: Boundary | None,
) -> Item | None:
    """The explanation as ``limen status`` shows it; None where there can be none.

    It is looked for as it was made last: with all training patients, or with so many.
    """
    store, name = product.store, product.declaration.product.name
    if certified.record is None or boundary is None:
        return waiting(store, "explanation", name, certified)
    asked = patients_asked(store, "explanation", name)
    ground = _ground(product, graph, subjects, boundary, certified.record, asked)
    if ground is None:
        return None
    inputs = ground.inputs(product, _trials(product, graph, ground.training, 1, Silent()))
    return look_up_kept(store, "explanation", name, inputs, Explanation.from_dict)[0]


def _ground(
    product: Product,
    graph: CaseGraph,
    subjects: Mapping[str, Subject],
    boundary: Boundary,
    certified: Record,
    patients: int | None,
) -> _Ground | None:
    certificate = guarded_certificate(boundary)
    if certificate is None:
        return None
    origin = certificate.origin
    mine = {n: s for n, s in subjects.items() if s.origin == origin}
    training = training_of(product, graph, origin, patients)
    return _Ground(certified.result, origin, mine, given_of(product, mine), training, patients)


def _explanation(
    product: Product,
    graph: CaseGraph,
    boundary: Boundary,
    ground: _Ground,
    workers: int,
    shown: Progress,
) -> tuple[Explanation, Record]:
    trials = _trials(product, graph, ground.training, workers, shown)
    trained = failed_in_training(ground.training, trials)
    store = product.store
    store.put_json(listing(ground.subjects))
    store.put_json(training_listing(ground.training, trials))
    store.put_json(spent_on(ground.patients))

    def make() -> Made[Explanation]:
        made = _made(product, boundary, ground, trained, workers)
        return Made(made, made.as_dict(), {"modes": len(made.modes)})

    inputs = ground.inputs(product, trials)
    read = Explanation.from_dict
    return keep_or_make(product, "explanation", inputs, "explain", read, make, ground.origin)


def _trials(
    product: Product, graph: CaseGraph, training: Training, workers: int, shown: Progress
) -> Trials:
    told = Trying(shown, dict.fromkeys(training.asked, 1), " (of training)")
    return Trials(product, graph, workers, told)


def _made(
    product: Product,
    boundary: Boundary,
    ground: _Ground,
    trained: Mapping[str, bool],
    workers: int,
) -> Explanation:
    subjects = ground.subjects
    cases = case_items(product, subjects)
    lesions = find_lesions(product, subjects)
    signal = raw_signal(product, subjects, lesions, workers)
    readings = judge_readings(product, ground.given, subjects, workers)
    curve = judge_curve(product, ground.given, subjects, workers)
    by_patient = failed_by_patient((item.patient, item.failed) for item in cases)
    limit = explain_limit(
        Findings(
            patients=len(by_patient),
            failed=sum(by_patient.values()),
            detectability=signal.detectability,
            read_again=list(readings.contradicted.values()),
            training_patients=len(trained) or None,
            training_failed=sum(trained.values()) if trained else None,
            curve=curve,
            slices=coverage_slices(ground.training.cases, cases),
        )
    )
    physics = None
    if lesions.items and signal.detectability:  # else a case may pass without the lesion
        physics = len({subjects[n].case.patient for n in signal.unseen}) / len(by_patient)
    against = {
        label: number in readings.unmarked[case]
        for case, ids in lesions.failing.items()
        if case in readings.unmarked
        for number, label in ids.items()
    }
    return Explanation(
        fragile=tuple(fragile_cases(boundary, ground.origin)),
        modes=tuple(failure_modes(lesions.items or cases)),
        limit=limit,
        lesions=tuple(
            lesion_causes(lesions.names, signal.detectability, against, limit, signal.unknown)
        ),
        headroom=headroom(
            list(by_patient.values()),
            curve,
            readings.readers_fail,
            physics,
        ),
    )


def _failing_items(
    product: Product, subjects: Mapping[str, Subject], explanation: Explanation
) -> dict[str, FailingItem]:
    """The failing cases and lesions of the failure modes, by the names that these give them."""
    from limen.reports.boundary_words import FailingItem

    wanted = {name for mode in explanation.modes for name in mode.failing}
    found = {}
    for name in wanted & subjects.keys():
        pictures = _pictures(product, subjects[name])
        found[name] = FailingItem(name, picture=pictures[0] if pictures else None)
    if wanted <= found.keys():
        return found
    for case, ids in find_lesions(product, subjects).failing.items():
        named = {number: name for number, name in ids.items() if name in wanted}
        nominal = subjects[case].nominal
        if not named or nominal is None or nominal.record is None:
            continue
        measured = product.store.get_json(nominal.record.result)["lesions"]["reference"]
        sizes_mm = {lesion["id"]: float(lesion["diameter_mm"]) for lesion in measured}
        pictures = _pictures(product, subjects[case])
        for number, name in named.items():
            if name in found:  # of two data sets: nobody knows which of them is meant
                found[name] = FailingItem()
                continue
            about = ["reference", number]
            own = [p for p in pictures if p["kind"] == "missed" and about in p["lesions"]]
            shown = own or pictures[-1:]
            picture = shown[0] if shown else None
            found[name] = FailingItem(case, sizes_mm[number], picture, bool(own))
    return found


def _pictures(product: Product, subject: Subject | None) -> list[dict[str, Any]]:
    """The kept pictures of a case, drawn from the measurement that holds; none where they fail.

    A page is not refused for want of a picture: ``limen verify`` says what is wrong with it.
    """
    if subject is None or subject.nominal is None or subject.nominal.record is None:
        return []
    record = product.store.latest("picture", subject.name)
    if record is None or record.inputs.get("measurement") != subject.nominal.record.result:
        return []
    try:
        kept = product.store.get_json(record.result)
    except (LimenError, ValueError):
        return []
    whole = isinstance(kept, list) and all(
        isinstance(p, dict) and p.keys() >= _DRAWN_FROM for p in kept
    )
    return kept if whole else []
