"""Calibrate the guard: degrade what it looks at of each case, fit it, measure it on others."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from limen.boundary import Boundary, Guard
from limen.boundary.guard_calibration import GuardError, Limit, Parts, Shown
from limen.boundary.guard_limits import calibration_levels, guarded_certificate, limits_of
from limen.errors import LimenError
from limen.evidence import Outcome, Record, digest_json
from limen.evidence.runs import Planned, end_run, register_run
from limen.pipeline.degrade import METHOD as DEGRADE
from limen.pipeline.errors import NotMadeYet, Unexpected
from limen.pipeline.evaluate import Progress, Silent
from limen.pipeline.graph import METHODS, CaseGraph, look_up
from limen.pipeline.registration import add_record, make_latest
from limen.pipeline.trials import Subject, subjects_of
from limen.pipeline.work import open_pool

if TYPE_CHECKING:
    from limen.boundary import Certificate
    from limen.data import Case
    from limen.pipeline.product import Product

QUICK_PATIENTS = 20
"""Patients of a guard in the quick profile."""
Levels = Mapping[str, tuple[list[float], list[float]]]
"""By axis: conditions that a guard is fitted with, and those that it is tried at."""


@dataclass(frozen=True)
class SeenJob:
    """What a worker needs to look at one case at every condition."""

    subject: str
    case: Case
    conditions: tuple[tuple[str, float], ...]
    nominal: dict[str, float]
    modality: str


def calibrate_guard(
    product: Product,
    *,
    patients: int | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Guard:
    """The guard of the product's boundary as it is certified now; what is there is kept.

    Parameters
    ----------
    product : Product
    patients : int, optional
        At most so many are looked at, at fewer conditions; default all validation patients of
        the origin.
    workers : int, optional
    progress : Progress, optional

    Raises
    ------
    NotMadeYet
        Nothing was certified yet, not even tried.
    GuardError
        Too few patients, or no axis that can be guarded.
    """
    shown = progress or Silent()
    with product.store.writing():
        boundary, certified = latest_boundary(product)
        certificate = guarded_certificate(boundary)
        if certificate is None:
            raise GuardError("no patients were left to certify, so there is nothing to guard")
        limits, notes = limits_of(boundary, certificate)
        graph = CaseGraph(product)
        subjects = _subjects(product, graph, certificate, patients)
        few = patients is not None
        levels = {limit.axis.name: calibration_levels(limit, few) for limit in limits}
        seen = _look(product, subjects, levels, workers or os.cpu_count() or 1, shown)
        _require_enough(product, subjects, seen)
        inputs = {
            "boundary": certified.result,
            "images": digest_json({n: record.result for n, record in seen.items()}),
            "case attributes": digest_json({n: dict(subjects[n].case.attributes) for n in seen}),
            "intended use": digest_json(
                product.declaration.product.intended_use.model_dump(mode="json")
            ),
        }
        name = product.declaration.product.name
        item = look_up(product.store, "guard", name, inputs)
        if item.record is not None:
            make_latest(product.store, item)
            return Guard.from_dict(product.store.get_json(item.record.result))
        shown.step("guard: fitting, and judging patients left out")
        run = register_run(
            product.store, "guard", [Planned("guard", name, METHODS["guard"], inputs)]
        )
        shown_to_it = _shown(product, levels, subjects, seen)
        guard = _fit(product, boundary, certificate, limits, notes, shown_to_it)
        kept = product.store.put_json(guard.as_dict())
        add_record(product, "guard", name, inputs, kept, certificate.origin)
        end_run(product.store, run, {"patients": guard.parts.patients})
        return guard


def latest_boundary(product: Product) -> tuple[Boundary, Record]:
    """The boundary that was certified last, and its record.

    Raises
    ------
    NotMadeYet
    """
    record = product.store.latest("boundary", product.declaration.product.name)
    if record is None or record.outcome is not Outcome.done:
        raise NotMadeYet(
            "there is no boundary yet, certified or not",
            mend=f"run `limen certify {product.folder}`",
        )
    return Boundary.from_dict(product.store.get_json(record.result)), record


def _subjects(
    product: Product, graph: CaseGraph, certificate: Certificate, most: int | None
) -> dict[str, Subject]:
    """One case of each patient of the certificate's origin; the first, by name."""
    chosen: dict[str, Subject] = {}
    for _, subject in sorted(subjects_of(product, graph).items()):
        if subject.origin == certificate.origin:
            chosen.setdefault(subject.case.patient, subject)
    return {s.name: s for s in list(chosen.values())[:most]}


def _require_enough(
    product: Product, subjects: Mapping[str, Subject], seen: Mapping[str, Record]
) -> None:
    """A fifth of the patients is left out in turn, and the rest must do for a fit."""
    from limen.boundary.guard_fit import FEWEST_PATIENTS
    from limen.boundary.guard_rates import FOLDS

    needed = math.ceil(FEWEST_PATIENTS * FOLDS / (FOLDS - 1))
    if len(seen) >= needed:
        return
    found = f"{len(seen)} patients"
    lost = next((n for n in subjects if n not in seen), None)
    record = None if lost is None else product.store.latest("seen", lost)
    if record is not None:
        found += f"; {lost}: {product.store.get_json(record.result)['what']}"
    raise GuardError(
        "too few patients to calibrate a guard",
        found=found,
        mend=f"give at least {needed} with an image that can be degraded",
    )


# --- looking --------------------------------------------------------------------------------------


def _look(
    product: Product,
    subjects: Mapping[str, Subject],
    levels: Levels,
    workers: int,
    shown: Progress,
) -> dict[str, Record]:
    """What is seen of each case, as evidence; cases that cannot be degraded are left out."""
    conditions = tuple(
        (axis, value) for axis, both in levels.items() for values in both for value in values
    )
    nominal = {n: a.from_ for n, a in product.declaration.physics.items()}
    found: dict[str, Record] = {}
    todo: dict[str, tuple[SeenJob, dict[str, str]]] = {}
    modality = product.declaration.product.intended_use.modality
    for name, subject in subjects.items():
        inputs = {
            "image": subject.sources["image"],
            "conditions": digest_json(
                {"of": [list(c) for c in conditions], "nominal": nominal, "by": DEGRADE}
            ),
            "case attributes": digest_json(dict(subject.case.attributes)),
        }
        record = product.store.find("seen", name, METHODS["seen"], inputs)
        if record is None:
            todo[name] = (SeenJob(name, subject.case, conditions, nominal, modality), inputs)
        elif record.outcome is Outcome.done:
            found[name] = record
    shown.begin(len(subjects), len(subjects) - len(todo))
    jobs = [job for job, _ in todo.values()]
    if not jobs:
        return found
    results: Any = map(see_case, jobs)
    pool = None if workers <= 1 else open_pool(min(workers, len(jobs)))
    try:
        if pool is not None:
            results = pool.map(see_case, jobs)
        for job, (rows, error) in zip(jobs, results, strict=True):
            record = add_record(
                product,
                "seen",
                job.subject,
                todo[job.subject][1],
                product.store.put_json(rows if error is None else error.as_dict()),
                subjects[job.subject].origin,
                Outcome.done if error is None else Outcome.refused,
            )
            if error is None:
                found[job.subject] = record
            shown.case_done(job.subject, error)
    finally:
        if pool is not None:
            pool.shutdown(wait=False, kill_workers=True)
    return dict(sorted(found.items()))


def see_case(job: SeenJob) -> tuple[list[dict[str, Any]], LimenError | None]:
    """What the guard sees of a case as acquired and at each condition, as plain JSON."""
    try:
        return _see(job), None
    except LimenError as error:
        return [], error
    except Exception as error:
        words = f"an unforeseen {type(error).__name__} while looking at the image"
        return [], Unexpected(words, where=job.subject)


def _see(job: SeenJob) -> list[dict[str, Any]]:
    from limen.boundary.guard_features import look, patient_slices, slices_seen
    from limen.data import read_image

    volume = read_image(job.case)
    values, affine = volume.values, volume.geometry.affine_lps_mm.copy()
    slices, pixel_mm, slice_mm = patient_slices(values, affine)
    rows = [_row(None, 0.0, look(slices, pixel_mm, job.modality))]
    rows[0]["grid_mm"] = [round(pixel_mm, 6), round(slice_mm, 6)]
    if affine[2, 2] < 0:  # from the feet upwards, as the guard counts slices
        values = values[:, :, ::-1]
        affine[:, 2] *= -1
    chosen = slices_seen(values.shape[2])
    for axis, value in job.conditions:
        full = _degraded(job, values, affine, axis, value, chosen)
        slices, _, _ = patient_slices(full, affine)
        rows.append(_row(axis, value, look(slices, pixel_mm, job.modality)))
    return rows


def _degraded(
    job: SeenJob, values: Any, affine: Any, axis: str, value: float, chosen: list[int]
) -> Any:
    """The chosen slices, those degraded that conditions are read off: others cost time alone."""
    from limen.boundary.guard_features import CONDITION_SLICES
    from limen.data import Volume
    from limen.data.volume import Geometry
    from limen.pipeline.degrade import degrade

    def at_condition(stack: Any) -> Any:
        return degrade(
            Volume(stack, Geometry(affine, stack.shape)),
            {axis: value},
            case=job.subject,
            attributes=job.case.attributes,
            nominal=job.nominal,
        ).image.values

    if axis == "ct.slice_thickness":  # which mixes neighbours
        return at_condition(values)[:, :, chosen]
    full = values[:, :, chosen].copy()
    full[:, :, list(CONDITION_SLICES)] = at_condition(
        values[:, :, [chosen[k] for k in CONDITION_SLICES]]
    )
    return full


def _row(axis: str | None, value: float, seen: Any) -> dict[str, Any]:
    return {
        "axis": axis,
        "value": value,
        "condition": [None if v != v else float(f"{v:.6g}") for v in seen.condition.tolist()],
        "anatomy": [float(f"{v:.6g}") for v in seen.anatomy.tolist()],
        "blocks": [float(f"{v:.4g}") for v in seen.blocks.ravel().tolist()],
    }


# --- fitting --------------------------------------------------------------------------------------


def _fit(
    product: Product,
    boundary: Boundary,
    certificate: Certificate,
    limits: Sequence[Limit],
    notes: Sequence[str],
    shown: tuple[list[Shown], list[Shown], list[list[float]]],
) -> Guard:
    from limen.boundary.guard_fit import fit_parts
    from limen.boundary.guard_rates import measure_rates
    from limen.boundary.words import certificate_in_words

    fitted, tried, grids = shown
    use = product.declaration.product.intended_use

    def guard(parts: Parts, rates: Mapping[str, Any], certified: bool) -> Guard:
        return Guard(
            product=product.declaration.product.name,
            version=product.declaration.product.version,
            modality=use.modality,
            age_years=(use.population.age_years[0], use.population.age_years[1]),
            certified=certified,
            boundary=certificate_in_words(certificate, boundary.axes),
            parts=parts,
            pixel_mm=(min(g[0] for g in grids), max(g[0] for g in grids)),
            slice_mm=(min(g[1] for g in grids), max(g[1] for g in grids)),
            origin=certificate.origin,
            rates=rates,
        )

    def judge(parts: Parts, s: Shown) -> tuple[bool, dict[str, bool]]:
        answer = guard(parts, {}, True).judge_seen(s.seen, s.attributes)
        return answer.answer == "inside", {c.name: c.answer != "inside" for c in answer.checks}

    rates = {**measure_rates(fitted, tried, limits, judge), "notes": list(notes)}
    return guard(fit_parts(fitted, limits), rates, certificate.answer == "certified")


def _shown(
    product: Product,
    levels: Levels,
    subjects: Mapping[str, Subject],
    seen: Mapping[str, Record],
) -> tuple[list[Shown], list[Shown], list[list[float]]]:
    """Images to fit with, images only to judge, and the grid of each case in mm."""
    import numpy as np

    from limen.boundary.guard_features import GRID, SLICES_SEEN, Seen

    to_fit = {(axis, value) for axis, (fitted_at, _) in levels.items() for value in fitted_at}
    fitted: list[Shown] = []
    tried: list[Shown] = []
    grids: list[list[float]] = []
    for name, record in seen.items():
        case = subjects[name].case
        for row in product.store.get_json(record.result):
            read = Seen(
                np.array([np.nan if v is None else v for v in row["condition"]], float),
                np.array(row["anatomy"], float),
                np.array(row["blocks"], np.float32).reshape(GRID, GRID, SLICES_SEEN),
            )
            one = Shown(case.patient, row["axis"], row["value"], read, case.attributes)
            known = row["axis"] is None or (row["axis"], row["value"]) in to_fit
            (fitted if known else tried).append(one)
            if "grid_mm" in row:
                grids.append(row["grid_mm"])
    return fitted, tried, grids
