"""Fit what tells calibration patients' images from others, and a volume from itself turned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.boundary.guard_calibration import Shown
from limen.boundary.guard_features import Seen
from limen.boundary.guard_parts import TURNS, Likeness, Shapes, Turn, rounded

Array = NDArray[Any]

REFUSED_BY_LIKENESS = 0.015
"""Share of inside patients that each likeness may refuse; never below what so few can tell."""
_COMPONENTS = 6


def anatomy_features(seen: Seen, shapes: Shapes) -> Array:
    return np.concatenate([seen.anatomy, shapes.code(seen.blocks)])


def fit_likeness(x: Array, patients: Sequence[str], folds: Mapping[str, int]) -> Likeness:
    fold = np.array([folds[p] for p in patients])
    worst: dict[str, float] = {}
    for k in np.unique(fold):
        part = _distance_of(x[fold != k])
        for i in np.flatnonzero(fold == k).tolist():
            worst[patients[i]] = max(worst.get(patients[i], 0.0), part.distance(x[i]))
    return _calibrated(_distance_of(x), worst)


def fit_anatomy(
    as_acquired: Sequence[Shown],
    inside: Sequence[Shown],
    folds: Mapping[str, int],
    shapes: Shapes,
) -> Likeness:
    """As `fit_likeness`, the shapes too fitted without the patient, and on images as acquired."""
    blocks = np.array([s.seen.blocks.ravel() for s in as_acquired])
    fold = np.array([folds[s.patient] for s in as_acquired])
    worst: dict[str, float] = {}
    for k in np.unique(fold):
        part_shapes = fit_shapes(blocks[fold != k])
        kept = [s for s in as_acquired if folds[s.patient] != k]
        part = _distance_of(_shape_rows(kept, part_shapes))
        for s in inside:
            if folds[s.patient] == k:
                far = part.distance(anatomy_features(s.seen, part_shapes))
                worst[s.patient] = max(worst.get(s.patient, 0.0), far)
    return _calibrated(_distance_of(_shape_rows(as_acquired, shapes)), worst)


def _calibrated(part: Likeness, worst: Mapping[str, float]) -> Likeness:
    """With the distances of patients left out, each patient's worst."""
    refused_at = max(REFUSED_BY_LIKENESS, 1.0 / (len(worst) + 1))
    return replace(part, distances=rounded(sorted(worst.values())), refused_at=refused_at)


def _shape_rows(shown: Sequence[Shown], shapes: Shapes) -> Array:
    return np.array([anatomy_features(s.seen, shapes) for s in shown])


def _distance_of(x: Array) -> Likeness:
    known = np.isfinite(x)
    centre = np.array([np.median(x[k, j]) if k.any() else 0.0 for j, k in enumerate(known.T)])
    z = np.where(known, x - centre, 0.0)
    spread = np.maximum(np.sqrt((z**2).mean(axis=0)), 0.01)
    z = np.clip(z / spread, -5, 5)
    covariance = z.T @ z / len(z)
    share = _shrinkage(z, covariance)
    shrunk = (1 - share) * covariance + share * np.diag(np.maximum(np.diag(covariance), 0.05))
    precision = np.linalg.inv(shrunk + 0.02 * np.eye(len(shrunk)))
    return Likeness(
        rounded(centre), rounded(spread), tuple(rounded(row) for row in precision), (), 0.0
    )


def _shrinkage(z: Array, covariance: Array) -> float:
    """How far to the diagonal (Schaefer and Strimmer, Stat. Appl. Genet. Mol. Biol. 4, 2005)."""
    n = len(z)
    off = ~np.eye(len(covariance), dtype=bool)
    of_products = ((z**2).T @ (z**2) / n - covariance**2)[off].sum() / max(n - 1, 1)
    return float(np.clip(of_products / max((covariance[off] ** 2).sum(), 1e-12), 0.02, 1.0))


def fit_shapes(blocks: Array) -> Shapes:
    mean = blocks.mean(axis=0)
    _, _, rows = np.linalg.svd(blocks - mean, full_matrices=False)
    return Shapes(rounded(mean), tuple(rounded(row) for row in rows[:_COMPONENTS]))


# --- orientation ----------------------------------------------------------------------------------


def fit_turns(shown: Sequence[Shown], folds: Mapping[str, int]) -> tuple[Turn, ...]:
    fold = np.array([folds[s.patient] for s in shown])
    out = []
    for name, turn in TURNS.items():
        differences = np.array([(s.seen.blocks - turn(s.seen.blocks)).ravel() for s in shown])
        scores = np.zeros(len(shown))
        for k in np.unique(fold):
            scores[fold == k] = differences[fold == k] @ _away(differences[fold != k])
        lowest = float(scores.min())
        # a turned volume has the negative score; it is refused below the lowest of right ones
        limit = min(lowest, 0.0) - 1e-6
        out.append(
            Turn(
                name, rounded(_away(differences)), rounded([limit])[0],
                float((-scores < limit).mean()),
            )
        )  # fmt: skip
    return tuple(out)


def _away(differences: Array) -> Array:
    """Weights that make the scores of all calibration patients as nearly 1 as ridge allows."""
    gram = differences @ differences.T
    ridge = 0.1 * float(np.trace(gram)) / len(gram) + 1e-9
    return np.asarray(
        differences.T @ np.linalg.solve(gram + ridge * np.eye(len(gram)), np.ones(len(gram)))
    )
