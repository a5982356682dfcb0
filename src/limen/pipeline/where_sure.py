"""Selective use: ask the model how sure it is, learn a threshold, certify use under it."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from limen.boundary import Condition, Selective, Trial
from limen.boundary.certify import CertificationCase
from limen.boundary.selective import certify_selective, learn_threshold
from limen.pipeline.trials import Subject, Trials, as_acquired
from limen.product import OnnxModel

if TYPE_CHECKING:
    from limen.pipeline.stress import Trying


@dataclass(frozen=True)
class Claim:
    """What is to be certified, of which origin."""

    failure_rate: float
    confidence: float
    origin: str


def certify_where_sure(
    exploration: Mapping[str, Subject],
    cases: Sequence[CertificationCase],
    paths: Mapping[str, Sequence[Condition]],
    subjects: Mapping[str, Subject],
    trials: Trials,
    told: Trying,
    claim: Claim,
) -> Selective | None:
    """Use under a threshold; None where exploration says that it is not needed or has no chance.

    Exploration alone decides whether it is tried, so that its share of the error is spent only
    where use on all patients is in danger: where more than half the stated rate of exploration
    patients fails.
    """
    product = trials.product
    model = product.declaration.model
    if not isinstance(model, OnnxModel) or model.output.holds != "scores":
        return None  # it says nothing of how sure it is
    patients = {s.case.patient for s in exploration.values()}
    failed = {s.case.patient for s in exploration.values() if not as_acquired(product, s).passed}
    if not patients or len(failed) / len(patients) <= claim.failure_rate / 2:
        return None

    def trials_at(
        condition: Condition, names: Sequence[str], known: Mapping[str, Subject] = subjects
    ) -> dict[str, Trial]:
        asked = {n: known[n] for n in names}
        told.expect(dict.fromkeys(asked, 1))
        found, refused = trials.run(
            {n: once(condition) for n in asked}, asked, with_uncertainty=True
        )
        lost = {n: Trial(condition, False, (e.what,), crashed=True) for n, e in refused.items()}
        return {**found, **lost}

    threshold = learn_threshold(
        trials_at({}, list(exploration), exploration),
        {n: s.case.patient for n, s in exploration.items()},
        failure_rate=claim.failure_rate,
        confidence=claim.confidence,
        patients_to_certify=len({c.patient for c in cases}),
    )
    if threshold is None:
        return None
    return certify_selective(
        cases,
        paths,
        trials_at,
        threshold,
        failure_rate=claim.failure_rate,
        confidence=claim.confidence,
        origin=claim.origin,
    )


def once(condition: Condition) -> Generator[Condition, Trial, Trial]:
    """A search that asks for one condition and returns its trial."""
    return (yield condition)
