"""Failing lesions of a product: which they are, and what the raw signal holds of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from limen.boundary.explain_limit import Detectability
from limen.boundary.explain_modes import Item
from limen.pipeline.lesion_signal import SignalJob, lesion_map, signals
from limen.pipeline.pool import each
from limen.pipeline.trials import Subject, as_acquired

if TYPE_CHECKING:
    from limen.pipeline.product import Product

_NOT_GROUPED = {"photons_per_ray", "nodules", "modality", "electronic_noise_photons"}
"""Facts of cases that say what was simulated, or what the reference holds."""


@dataclass(frozen=True)
class Lesions:
    """Reference lesions of the validation cases of one origin.

    Attributes
    ----------
    items : list of Item
        Every lesion that counts, where the criteria are about lesions; else none.
    failing : dict
        By ``DATASET/CASE``: ids of failing lesions, as they were measured, and their names.
    """

    items: list[Item]
    failing: dict[str, dict[int, str]]

    @property
    def names(self) -> list[str]:
        return [name for lesions in self.failing.values() for name in lesions.values()]


@dataclass
class RawSignal:
    """d' of failing lesions, by name, and why it is not known of the others.

    ``unseen`` are the cases, as ``DATASET/CASE``, with a lesion that the raw signal does not show.
    """

    detectability: list[Detectability] = field(default_factory=list)
    unknown: dict[str, str] = field(default_factory=dict)
    unseen: set[str] = field(default_factory=set)


def find_lesions(product: Product, subjects: Mapping[str, Subject]) -> Lesions:
    """The failing lesions of subjects that were evaluated.

    Where a criterion counts missed lesions, they are the missed ones of its size and more. For
    other criteria (overlap, volume, distance) no lesion fails on its own: a failing lesion is then
    a connected piece of the reference, of a case that fails, on which no voxel was marked.
    """
    least = [
        c.min_diameter_mm or 0.0
        for c in product.declaration.criteria
        if c.measure == "missed_lesions"
    ]
    items: list[Item] = []
    failing: dict[str, dict[int, str]] = {}
    for name, subject in subjects.items():
        if subject.nominal is None or subject.nominal.record is None:
            continue
        if not least:
            if not as_acquired(product, subject).passed and (lost := _unmarked(product, subject)):
                failing[name] = lost
            continue
        measured = product.store.get_json(subject.nominal.record.result)
        for lesion in measured.get("lesions", {}).get("reference", []):
            if lesion["diameter_mm"] < min(least):
                continue
            label = _named(subject, lesion["id"])
            failed = lesion["matched"] is None
            items.append(Item(label, name, subject.case.patient, failed, _facts(subject, lesion)))
            if failed:
                failing.setdefault(name, {})[lesion["id"]] = label
    return Lesions(items, failing)


def case_items(product: Product, subjects: Mapping[str, Subject]) -> list[Item]:
    """Evaluated cases with their attributes, and whether they fail as acquired."""
    return [
        Item(n, n, s.case.patient, not as_acquired(product, s).passed, case_facts(s))
        for n, s in subjects.items()
        if s.nominal
    ]


def case_facts(subject: Subject) -> dict[str, Any]:
    """Attributes that groups of cases are made by."""
    return {k: v for k, v in subject.case.attributes.items() if k not in _NOT_GROUPED}


def raw_signal(
    product: Product, subjects: Mapping[str, Subject], lesions: Lesions, workers: int
) -> RawSignal:
    """What the raw signal holds of each failing lesion."""
    found = RawSignal()
    jobs = [
        SignalJob(subjects[n].case, product.declaration, tuple(ids))
        for n, ids in lesions.failing.items()
    ]
    for (name, ids), told in zip(
        lesions.failing.items(), each(signals, jobs, workers), strict=True
    ):
        for number, label in ids.items():
            if number not in told.d_prime:
                found.unknown[label] = told.unknown[number]
                continue
            one = Detectability(label, *told.d_prime[number])
            found.detectability.append(one)
            if one.is_seen() is False:
                found.unseen.add(name)
    return found


def _facts(subject: Subject, lesion: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **case_facts(subject),
        "diameter_mm": round(lesion["diameter_mm"], 2),
        "long_axis_mm": round(lesion["long_axis_mm"], 2),
        "at the edge": bool(lesion["touches_edge"]),
    }


def _unmarked(product: Product, subject: Subject) -> dict[int, str]:
    """Pieces of the reference on which the model marked nothing, whatever their label."""
    import numpy as np

    prediction = product.prediction(subject.name)
    reference = product.reference(subject.name)
    pieces = lesion_map(reference, product.declaration)
    touched = set(np.unique(pieces[prediction.values > 0]).tolist())
    return {n: _named(subject, n) for n in range(1, int(pieces.max()) + 1) if n not in touched}


def _named(subject: Subject, number: int) -> str:
    return f"{subject.case.id}, lesion {number}"
