"""Calibrate the guard: degrade what it looks at of each case, fit it, measure it on others."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from limen.boundary import Boundary, Guard
from limen.boundary.guard_calibration import GuardError, Parts, Shown
from limen.boundary.guard_limits import calibration_levels, guarded_certificate, limits_of
from limen.evidence import Outcome, Record, Store, digest_json
from limen.pipeline.degrade import METHOD as DEGRADE
from limen.pipeline.errors import NotMadeYet
from limen.pipeline.evaluate import Progress, Silent
from limen.pipeline.graph import CaseGraph, Item, State, look_up, waiting
from limen.pipeline.guard_look import SeenJob, look_at
from limen.pipeline.registration import Made, add_record, keep_or_make, look_up_kept, make_latest
from limen.pipeline.trials import Subject, subjects_of

if TYPE_CHECKING:
    from limen.pipeline.product import Product

QUICK_PATIENTS = 25
"""Patients of a guard in the quick profile: without a fifth of them 20 are left, the fewest that
can say where at most one in twenty gets through."""
Levels = Mapping[str, tuple[list[float], list[float]]]
"""By axis: conditions that a guard is fitted with, and those that it is tried at."""


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
        ground = _Ground(product, subjects_of(product, CaseGraph(product)), boundary, patients)
        seen = look_at(
            product, ground.jobs(product), ground.sights, ground.certificate.origin,
            workers or os.cpu_count() or 1, shown,
        )  # fmt: skip
        inputs = ground.inputs(certified.result, seen)
        product.store.put_json(spent_on(patients))
        item = look_up(product.store, "guard", ground.name, inputs)
        if item.state is State.refused and item.record is not None:
            make_latest(product.store, item)
            told = product.store.get_json(item.record.result)
            raise GuardError(
                told["what"], where=told["where"], found=told["found"], mend=told["mend"]
            )
        done = {n: r for n, r in seen.items() if r.outcome is Outcome.done}

        def make() -> Made[Guard]:
            shown.step("guard: fitting, and judging patients left out")
            guard = _fit(product, boundary, ground, _shown(product, ground, done))
            return Made(guard, guard.as_dict(), {"patients": guard.parts.patients})

        origin = ground.certificate.origin
        try:
            _require_enough(product, seen, done)
            return keep_or_make(product, "guard", inputs, "guard", Guard.from_dict, make, origin)[0]
        except GuardError as error:
            kept = product.store.put_json(error.as_dict())
            add_record(product, "guard", ground.name, inputs, kept, origin, Outcome.refused)
            raise


def guard_items(
    product: Product,
    subjects: Mapping[str, Subject],
    certified: Item,
    boundary: Boundary | None,
) -> list[Item]:
    """What is seen of each case, and the guard, as ``limen status`` shows them.

    The guard is looked for as it was calibrated last: on all patients, or on so many. No item
    where there can be no guard.
    """
    store, name = product.store, product.declaration.product.name
    if certified.record is None or boundary is None:
        return [waiting(store, "guard", name, certified)]
    try:
        ground = _Ground(product, subjects, boundary, patients_asked(store, "guard", name))
    except GuardError:
        return []
    seen = [look_up(store, "seen", n, inputs) for n, inputs in ground.sights.items()]
    late = next((i for i in seen if not i.is_current), None)
    if late is not None:
        return [*seen, waiting(store, "guard", name, late)]
    inputs = ground.inputs(certified.record.result, {i.subject: i.record for i in seen if i.record})
    return [*seen, look_up_kept(store, "guard", name, inputs, Guard.from_dict)[0]]


def spent_on(patients: int | None) -> dict[str, int | None]:
    """What a guard or an explanation keeps of how much was asked of it."""
    return {"patients": patients}


def patients_asked(store: Store, kind: str, subject: str) -> int | None:
    """How many patients the last of a kind was made on at most; None: all, or nobody knows."""
    last = store.latest(kind, subject)
    digest = None if last is None else last.inputs.get("effort")
    asked = store.get_json(digest).get("patients") if digest and store.has(digest) else None
    return asked if isinstance(asked, int) else None


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
    kept = product.store.get_json(record.result)
    try:
        return Boundary.from_dict(kept), record
    except (KeyError, TypeError, ValueError, AttributeError):
        raise NotMadeYet(
            "the boundary was kept by an older Limen in a form that is not read any more",
            mend=f"run `limen certify {product.folder}`; trials that are there are not made again",
        ) from None


class _Ground:
    """What a guard of this boundary stands on: its patients, conditions and limits.

    Raises
    ------
    GuardError
        There is no certificate.
    """

    def __init__(
        self,
        product: Product,
        subjects: Mapping[str, Subject],
        boundary: Boundary,
        patients: int | None,
    ) -> None:
        certificate = guarded_certificate(boundary)
        if certificate is None:
            raise GuardError("no patients were left to certify, so there is nothing to guard")
        self.name = product.declaration.product.name
        self.certificate, self._asked = certificate, patients
        self.limits, self.notes = limits_of(boundary, certificate)
        few = patients is not None
        self.levels: Levels = {x.axis.name: calibration_levels(x, few) for x in self.limits}
        self.subjects = _one_each(subjects, certificate.origin, patients)
        self.conditions = tuple(
            (axis, value)
            for axis, both in self.levels.items()
            for values in both
            for value in values
        )
        self.nominal = {n: a.from_ for n, a in product.declaration.physics.items()}
        shown_at = digest_json(
            {"of": [list(c) for c in self.conditions], "nominal": self.nominal, "by": DEGRADE}
        )
        self.sights: dict[str, dict[str, str]] = {
            name: {
                "image": subject.sources["image"],
                "conditions": shown_at,
                "case attributes": subject.attributes_digest,
            }
            for name, subject in self.subjects.items()
        }
        """By case: the inputs of what is seen of it."""
        self._use = digest_json(product.declaration.product.intended_use.model_dump(mode="json"))

    def jobs(self, product: Product) -> dict[str, SeenJob]:
        modality = product.declaration.product.intended_use.modality
        return {
            n: SeenJob(n, s.case, self.conditions, self.nominal, modality)
            for n, s in self.subjects.items()
        }

    def inputs(self, boundary: str, seen: Mapping[str, Record]) -> dict[str, str]:
        """Inputs of the guard, given the boundary's digest and what was seen of each case."""
        return {
            "boundary": boundary,
            "images": digest_json({n: record.result for n, record in sorted(seen.items())}),
            "case attributes": digest_json(
                {n: self.subjects[n].attributes_digest for n in sorted(seen)}
            ),
            "intended use": self._use,
            "effort": digest_json(spent_on(self._asked)),
        }


def _one_each(subjects: Mapping[str, Subject], origin: str, most: int | None) -> dict[str, Subject]:
    """One case of each patient of the origin; the first, by name."""
    chosen: dict[str, Subject] = {}
    for _, subject in sorted(subjects.items()):
        if subject.origin == origin:
            chosen.setdefault(subject.case.patient, subject)
    return {s.name: s for s in list(chosen.values())[:most]}


def _require_enough(
    product: Product, seen: Mapping[str, Record], done: Mapping[str, Record]
) -> None:
    """A fifth of the patients is left out in turn, and the rest must do for a fit."""
    from limen.boundary.guard_fit import FEWEST_PATIENTS
    from limen.boundary.guard_rates import FOLDS

    needed = math.ceil(FEWEST_PATIENTS * FOLDS / (FOLDS - 1))
    if len(done) >= needed:
        return
    found = f"{len(done)} patients"
    lost = next((n for n in seen if n not in done), None)
    if lost is not None:
        found += f"; {lost}: {product.store.get_json(seen[lost].result)['what']}"
    raise GuardError(
        "too few patients to calibrate a guard",
        found=found,
        mend=f"give at least {needed} with an image that can be degraded",
    )


# --- fitting --------------------------------------------------------------------------------------


def _fit(
    product: Product,
    boundary: Boundary,
    ground: _Ground,
    shown: tuple[list[Shown], list[Shown], list[list[float]]],
) -> Guard:
    from limen.boundary.guard_fit import fit_parts
    from limen.boundary.guard_rates import measure_rates
    from limen.boundary.words import certificate_in_words

    fitted, tried, grids = shown
    certificate, limits = ground.certificate, ground.limits
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

    rates = {**measure_rates(fitted, tried, limits, judge), "notes": list(ground.notes)}
    return guard(fit_parts(fitted, limits), rates, certificate.answer == "certified")


def _shown(
    product: Product, ground: _Ground, seen: Mapping[str, Record]
) -> tuple[list[Shown], list[Shown], list[list[float]]]:
    """Images to fit with, images only to judge, and the grid of each case in mm."""
    import numpy as np

    from limen.boundary.guard_features import GRID, SLICES_SEEN, Seen

    to_fit = {
        (axis, value) for axis, (fitted_at, _) in ground.levels.items() for value in fitted_at
    }
    fitted: list[Shown] = []
    tried: list[Shown] = []
    grids: list[list[float]] = []
    for name, record in seen.items():
        case = ground.subjects[name].case
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
