"""Which validation patients explore the boundary, and which certify it: fixed by a hash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from limen.pipeline.errors import NotEnoughPatients

if TYPE_CHECKING:
    from limen.pipeline.product import Product
    from limen.pipeline.trials import Subject

FRACTIONS = {"exploration": 1 / 3, "certification": 2 / 3}
"""Exploration only has to guess well; every patient of certification makes the claim stronger."""
SEED = 5


@dataclass(frozen=True)
class Sides:
    """Subjects by ``DATASET/CASE`` on each side; no patient is on both.

    ``lost`` names cases of which not even the patient is known: each counts as a failing patient
    of certification. ``leaking`` names those left out because development holds them too.
    """

    exploration: Mapping[str, Subject]
    certification: Mapping[str, Subject]
    lost: Sequence[str]
    leaking: Sequence[str]


def divide(product: Product, subjects: Mapping[str, Subject], leaks: Sequence[str]) -> Sides:
    """Split the subjects by patient.

    Raises
    ------
    NotEnoughPatients
        One side has no patient.
    """
    from limen.data.splits import split_patients

    patients = {subjects[name].case.patient for name in leaks if name in subjects}
    kept = {n: s for n, s in subjects.items() if s.case.patient not in patients}
    parts = split_patients([s.case for s in kept.values()], FRACTIONS, SEED)
    side_of = {c.patient: side for side, cases in parts.items() for c in cases}
    exploration, certification = (
        {n: s for n, s in kept.items() if side_of[s.case.patient] == side} for side in FRACTIONS
    )
    lost = [
        f"{d.name}/{p.case}"
        for d in product.sets.values()
        if d.is_validation and d.left_out is None
        for p in d.problems
    ]
    for side, found in (("exploration", exploration), ("certification", certification)):
        if not found:
            raise NotEnoughPatients(
                f"no patient is left for {side}: a boundary is searched on some patients and "
                "certified on others",
                where="validation",
                found=f"{len(side_of)} patient{'' if len(side_of) == 1 else 's'}",
                mend=f"add validation patients; `limen plan` tells how many the claim of at most "
                f"{100 * product.declaration.risk.failure_rate:g} % failing takes",
            )
    return Sides(exploration, certification, lost, sorted(set(subjects) - set(kept)))
