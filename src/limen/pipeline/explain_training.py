"""How the model does on patients it was made from, and which groups of them there are.

Development patients are taken to be those of training (docs/decisions/0064); which of them only
tuned it is not declared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from limen.boundary.explain_modes import Item
from limen.evidence import digest_json
from limen.pipeline.explain_lesions import case_facts
from limen.pipeline.trials import Subject, Trials, failed_by_patient, trial_origin
from limen.pipeline.where_sure import once

if TYPE_CHECKING:
    from limen.pipeline.graph import CaseGraph
    from limen.pipeline.product import Product

MOST_PATIENTS = 60
"""Development patients on whom the model is run: enough for an interval of a tenth either way."""


@dataclass(frozen=True)
class Training:
    """Development cases of one origin.

    Attributes
    ----------
    cases : list of Item
        All, with their attributes.
    asked : dict
        By ``DATASET/CASE``: one case of each of the patients on whom the model is run.
    """

    cases: list[Item]
    asked: dict[str, Subject]


def training_of(product: Product, graph: CaseGraph, origin: str, patients: int | None) -> Training:
    """The development cases; ``patients`` are asked about at most, or `MOST_PATIENTS`."""
    from limen.product import PredictionsModel

    cases: list[Item] = []
    chosen: dict[str, Subject] = {}
    can_be_asked = not isinstance(product.declaration.model, PredictionsModel)
    most = min(patients or MOST_PATIENTS, MOST_PATIENTS)
    for dataset in product.sets.values():
        if dataset.is_validation or dataset.left_out is not None or trial_origin(dataset) != origin:
            continue
        for case in dataset.cases:
            name = f"{dataset.name}/{case.id}"
            subject = Subject(name, case, dataset, {}, None)
            cases.append(Item(name, name, case.patient, False, case_facts(subject)))
            if can_be_asked and case.reference is not None and len(chosen) < most:
                chosen.setdefault(case.patient, subject)
    asked = {
        s.name: Subject(s.name, s.case, s.dataset, graph.sources(s.case), None)
        for s in chosen.values()
    }
    return Training(cases, asked)


def training_inputs(training: Training, trials: Trials) -> dict[str, str]:
    """Inputs of an explanation: what the model made of training patients, and who they all are."""
    return {
        "training patients": digest_json(training_listing(training, trials)),
        "development attributes": digest_json({i.name: dict(i.facts) for i in training.cases}),
    }


def training_listing(training: Training, trials: Trials) -> list[dict[str, str]]:
    """Cases, patients and trials; kept, so that lineage can be followed."""
    rows = []
    for name, subject in sorted(training.asked.items()):
        record = trials.record(subject, {})
        rows.append(
            {
                "case": name,
                "patient": subject.case.patient,
                "trial": "" if record is None else record.result,
            }
        )
    return rows


def failed_in_training(training: Training, trials: Trials) -> dict[str, bool]:
    """By patient: whether the model fails; those whose files cannot be read are left out."""
    found, _ = trials.run(
        {n: once({}) for n in training.asked}, training.asked, with_uncertainty=True
    )
    return failed_by_patient(
        (training.asked[name].case.patient, not trial.passed) for name, trial in found.items()
    )
