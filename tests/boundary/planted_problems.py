"""Small analytic problems whose limit is known, because it was planted.

A case is a signal of 64 samples in white noise; half of the cases hold a lesion, a known shape.
The ideal observer's d' is the shape's length over the noise's standard deviation. The model is a
ridge classifier of samples and, when it is large enough, their squares on the shape's basis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import norm

from limen.boundary.explain_limit import Detectability, Findings, Slice
from limen.boundary.headroom import LearningCurve

Plant = Literal["labels", "physics", "site", "data", "model", "none"]
TRUE_LIMIT = {
    "labels": "label-limited",
    "physics": "physics-limited",
    "site": "data-limited",
    "data": "data-limited",
    "model": "model-limited",
    "none": "cannot tell",
}
N = 64
BASIS = np.linalg.qr(np.random.default_rng(5).standard_normal((N, N)))[0]


@dataclass(frozen=True)
class Problem:
    """How a problem is made; `draw_problem` draws one."""

    plant: Plant
    d_prime: float = 8.0
    noisy_labels: float = 0.0
    training: int = 1500
    trained_at_b: float = 0.3
    either_sign: bool = False
    squares: bool = True
    shift_at_b: float = 0.0


def draw_problem(plant: Plant, rng: np.random.Generator) -> Problem:
    d_prime = float(rng.uniform(7.5, 10))
    if plant == "labels":
        return Problem(plant, d_prime, noisy_labels=float(rng.uniform(0.1, 0.3)))
    if plant == "physics":
        return Problem(plant, float(rng.uniform(1.0, 3.2)))
    if plant == "site":
        return Problem(
            plant, d_prime, trained_at_b=float(rng.uniform(0, 0.03)),
            shift_at_b=float(rng.uniform(0.8, 1.3)),
        )  # fmt: skip
    if plant == "data":
        return Problem(plant, float(rng.uniform(6.2, 7.5)), training=int(rng.integers(60, 110)))
    if plant == "model":
        return Problem(plant, d_prime, either_sign=True, squares=False)
    return Problem(plant, d_prime)


@dataclass(frozen=True)
class Cohort:
    raw: np.ndarray
    lesion: np.ndarray
    label: np.ndarray
    at_b: np.ndarray
    d_prime: np.ndarray


def draw_cohort(p: Problem, n: int, at_b: float, rng: np.random.Generator) -> Cohort:
    lesion = rng.random(n) < 0.5
    site = rng.random(n) < at_b
    d = p.d_prime * np.exp(0.1 * rng.standard_normal(n))
    sign = np.where(rng.random(n) < 0.5, -1.0, 1.0) if p.either_sign else np.ones(n)
    raw = rng.standard_normal((n, N))
    raw += (lesion * d * sign)[:, None] * BASIS[:, 0]
    # the other site's scanner adds the same shape to each image, lesion or not
    raw -= (site * p.shift_at_b * p.d_prime)[:, None] * BASIS[:, 0]
    wrong = rng.random(n) < p.noisy_labels
    return Cohort(raw, lesion, lesion ^ wrong, site, d)


class Ridge:
    def __init__(self, cohort: Cohort, squares: bool) -> None:
        self.squares = squares
        x = self._features(cohort.raw)
        self.centre, self.spread = x.mean(axis=0), x.std(axis=0) + 1e-9
        z = (x - self.centre) / self.spread
        y = np.where(cohort.label, 1.0, -1.0)
        self.bias = y.mean()
        self.weights = np.linalg.solve(z.T @ z + 3 * np.eye(z.shape[1]), z.T @ (y - self.bias))

    def _features(self, raw: np.ndarray) -> np.ndarray:
        on_basis = raw @ BASIS
        # squares, as large lesions leave ridge on samples alone blind to their sign
        return np.hstack([on_basis, on_basis**2]) if self.squares else on_basis

    def __call__(self, cohort: Cohort) -> np.ndarray:
        z = (self._features(cohort.raw) - self.centre) / self.spread
        return (z @ self.weights + self.bias) > 0


def findings_of(p: Problem, rng: np.random.Generator) -> Findings:
    """What a team would know of the problem: never the plant itself."""
    train = draw_cohort(p, p.training, p.trained_at_b, rng)
    test = draw_cohort(p, 400, 0.3, rng)
    sizes = [p.training // 4, p.training // 2, p.training]
    failed = []
    for n in sizes:
        some = Cohort(*(getattr(train, name)[:n] for name in Cohort.__dataclass_fields__))
        model = Ridge(some, p.squares)
        failed.append(model(test) != test.label)
    wrong = failed[-1]
    missed = np.flatnonzero(wrong & test.label & test.lesion)
    # the detectability of a lesion that the reference marks, known to a tenth
    known = test.d_prime[missed] * np.exp(0.1 * rng.standard_normal(missed.size))
    again = []
    for i in rng.permutation(np.flatnonzero(wrong))[:40]:
        seen = norm.cdf(test.d_prime[i] / np.sqrt(2))
        reads = bool(test.lesion[i]) if rng.random() < seen else not test.lesion[i]
        again.append(bool(reads != test.label[i]))
    at_b = test.at_b
    slices = [
        Slice(name, int(a.sum()), len(train.label), int(b.sum()), int((wrong & b).sum()))
        for name, a, b in (
            ("site = B", train.at_b, at_b),
            ("site = A", ~train.at_b, ~at_b),
        )
    ]
    return Findings(
        patients=len(wrong),
        failed=int(wrong.sum()),
        detectability=[
            Detectability(str(i), float(d), 0.15) for i, d in zip(missed, known, strict=True)
        ],
        read_again=again,
        training_patients=len(train.label),
        training_failed=int((model(train) != train.label).sum()),
        curve=LearningCurve(tuple(sizes), tuple(tuple(map(bool, f)) for f in failed)),
        slices=slices,
    )
