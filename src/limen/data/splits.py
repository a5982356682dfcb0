"""Splitting cases so that no patient is on two sides."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from limen.data.case import Case


def split_patients(
    cases: Sequence[Case], fractions: Mapping[str, float], seed: int
) -> dict[str, list[Case]]:
    """Cases by part; all cases of a patient fall into the same part.

    A patient's part follows from a hash of the seed and the id of the patient's first case (by
    name) alone. Ids and not pseudonyms, because those differ from one product's folder to the
    next (salt) and the split must not. Cases added later move nobody, unless they come first by
    name. The price: the sizes of the parts hold on average (binomially), not exactly.

    Parameters
    ----------
    cases : sequence of Case
    fractions : mapping
        Name of each part to its share of the patients, e.g. ``{"train": 0.8, "tune": 0.2}``;
        positive, their sum is 1. Their order matters.
    seed : int

    Raises
    ------
    ValueError
        If the fractions are not positive or do not sum to 1.
    """
    if not fractions or not all(f > 0 for f in fractions.values()):
        raise ValueError(f"fractions must be positive, got {dict(fractions)}")
    if abs(sum(fractions.values()) - 1) > 1e-9:
        raise ValueError(f"fractions must sum to 1, got {sum(fractions.values())}")
    first: dict[str, str] = {}
    for case in cases:
        first[case.patient] = min(case.id, first.get(case.patient, case.id))
    parts: dict[str, list[Case]] = {name: [] for name in fractions}
    for case in cases:
        parts[_part_of(first[case.patient], fractions, seed)].append(case)
    return parts


def _part_of(name: str, fractions: Mapping[str, float], seed: int) -> str:
    digest = hashlib.sha256(f"{seed}\0{name}".encode()).digest()
    drawn = int.from_bytes(digest[:8], "big") / 2**64
    edge = 0.0
    for part, fraction in fractions.items():
        edge += fraction
        if drawn < edge:
            return part
    return list(fractions)[-1]
