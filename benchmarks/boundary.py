"""The boundary search beside random, grid, bisection and straddle at the same budget; coverage.

Four axes: three analytic sets, 200 verdicts a case, F1 against a grid of 10,000 conditions. Two
axes: the CT example's model on a simulated patient, 40 verdicts, F1 against 400
conditions, for every pair of axes that the example declares, beside what the best monotone set
would reach that is told all 400. Coverage: certifications with a known truth. Peers that guess are
scikit-learn's Gaussian-process classifier.
"""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections.abc import Callable
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from loky import ProcessPoolExecutor
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import RBF, ConstantKernel
from table import Row, show

from limen.boundary import Condition, SearchAxis, Trial
from limen.boundary.certify import CertificationCase, certify, everybody
from limen.boundary.frontier import FoundSet
from limen.boundary.search import Explored, search

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "boundary"))
from analytic_sets import MODELS, Passes, answering, f1, unit_axes  # noqa: E402

Array = np.ndarray
CASE = Explored("set/case", "patient", "phantom")
GRID = np.array(list(itertools.product(np.linspace(0, 1, 10), repeat=4)))
PATIENTS = 1
"""Of the example's validation set, for each pair of axes."""


def main() -> None:
    rows = [*analytic(), *coverage()]
    if "--quick" not in sys.argv:
        rows += ct_example()
    show(rows)
    if not all(r.holds in (None, True) for r in rows):
        sys.exit(1)


# --- four axes -----------------------------------------------------------------------------------


def ours(passes: Passes, budget: int) -> Array:
    axes, asked = unit_axes(4), []
    verdict = answering(passes, axes, asked)
    frontier = search([CASE], axes, verdict, frontier_trials=budget)[0].frontier
    assert frontier is not None
    assert len(asked) <= budget
    return FoundSet(axes, frontier.trials).passes_at(GRID)


def random(passes: Passes, budget: int) -> Array:
    at = np.random.default_rng(0).random((budget, 4))
    return guessed(at, passes(at))


def grid(passes: Passes, budget: int) -> Array:
    """3 x 4 x 4 x 4 conditions, each answering for what is nearest."""
    levels = [np.linspace(0, 1, n) for n in (3, 4, 4, 4)]
    at = np.array(list(itertools.product(*levels)))
    assert len(at) <= budget
    return passes(at)[((GRID[:, None] - at) ** 2).sum(axis=2).argmin(axis=1)]


def bisection(passes: Passes, budget: int) -> Array:
    """Each axis alone, as exactly as one likes; the box of the limits."""
    limits = []
    for axis in np.eye(4):
        low, high = 0.0, 1.0
        if passes(axis[None])[0]:
            limits.append(1.0)
            continue
        for _ in range(budget // 4 - 1):
            middle = (low + high) / 2
            low, high = (middle, high) if passes(middle * axis[None])[0] else (low, middle)
        limits.append(low)
    return (np.array(limits) >= GRID).all(axis=1)


def straddle(passes: Passes, budget: int) -> Array:
    """Bryan et al. 2005, on the latent mean of a classifier, without monotony."""
    rng = np.random.default_rng(0)
    at = np.concatenate([np.zeros((1, 4)), np.ones((1, 4)), rng.random((30, 4))])
    ok = passes(at)
    while len(at) < budget:
        model = fitted(at, ok)
        pool = rng.random((2000, 4))
        chance = model.predict_proba(pool)[:, 1]
        new = pool[np.argsort(np.abs(chance - 0.5))[:4]]
        at, ok = np.concatenate([at, new]), np.concatenate([ok, passes(new)])
    return guessed(at[:budget], ok[:budget])


def fitted(at: Array, ok: Array) -> GaussianProcessClassifier:
    kernel = ConstantKernel(100.0, "fixed") * RBF(0.7, "fixed")
    return GaussianProcessClassifier(kernel, optimizer=None).fit(at, ok)


def guessed(at: Array, ok: Array) -> Array:
    kernel = ConstantKernel(100.0) * RBF(0.7)
    return np.asarray(GaussianProcessClassifier(kernel, random_state=0).fit(at, ok).predict(GRID))


PEERS: dict[str, Callable[[Passes, int], Array]] = {
    "random, Gaussian process": random,
    "grid, nearest": grid,
    "bisection of each axis": bisection,
    "straddle": straddle,
}


def analytic() -> list[Row]:
    rows = []
    for name, passes in MODELS.items():
        truth = passes(GRID)
        found = f1(ours(passes, 200), truth)
        rows.append(
            Row(f"{name}: F1 of 10,000, 200 verdicts", found, "", target=">= 0.97",
                holds=found >= 0.97)
        )  # fmt: skip
        rows += [
            Row(f"  {peer}", f1(peers_set(passes, 200), truth), "")
            for peer, peers_set in PEERS.items()
        ]
    begun = time.process_time()
    ours(MODELS["detectability"], 200)
    took = time.process_time() - begun
    rows.append(Row("processor time to choose 200 conditions", took, "s"))
    return rows


# --- coverage ------------------------------------------------------------------------------------


def coverage() -> list[Row]:
    """Shares of 1,000 certifications that certify a condition with too high a failure rate."""
    rows = []
    rate, steps = 0.10, [0.25, 0.5, 0.75, 1.0]
    paths: dict[str, list[Condition]] = {a: [{a: v} for v in steps] for a in ("x", "y")}
    for each, words in ((1, "a case a patient"), (3, "three cases a patient")):
        cases = [
            CertificationCase(f"s/{p}-{k}", f"p{p}", {}) for p in range(64) for k in range(each)
        ]
        rng = np.random.default_rng(11)
        wrong = naive = 0
        for _ in range(1000):
            tolerance, weak = rng.random(64), rng.integers(0, each, 64)

            def true_rate(condition: Condition) -> float:
                return 0.05 + 0.0502 * max(condition.values(), default=0.0)

            def failing(
                condition: Condition, _: object, t: Array = tolerance, w: Array = weak
            ) -> set[str]:
                return {f"s/{p}-{w[p]}" for p in np.flatnonzero(t < true_rate(condition))}

            found = certify(
                cases, paths, everybody(cases, failing),
                failure_rate=rate, confidence=0.95, origin="phantom",
            )  # fmt: skip
            wrong += any(true_rate(c) > rate for c in found.corners)
            naive += len(failing({"x": 1.0}, None)) / len(cases) <= rate
        rows.append(
            Row(f"wrong certificates, {words}", wrong / 10, "%", "mean of cases", naive / 10,
                target="<= 6.4 %", holds=wrong <= 64)
        )  # fmt: skip
    return rows


# --- the CT example ------------------------------------------------------------------------------

LEVELS, MOST_VERDICTS, LOOKED_AT = 20, 40, 24


@cache
def ct_model() -> tuple[Any, Any]:
    from limen.models import open_model
    from limen.product import load_declaration

    folder = ROOT / "examples" / "ct-lung-nodule"
    declaration = load_declaration(folder / "limen.yaml")
    return declaration, open_model(declaration.model, folder, declaration.task)


def ct_axes() -> dict[str, SearchAxis]:
    """Those that the example declares."""
    from limen.pipeline.degrade import searched_axes

    return {a.name: a for a in searched_axes(ct_model()[0], 1 / 32)}


@lru_cache(maxsize=4)
def patient_of(number: int) -> Any:
    from limen.data.insilico.chest_patient import CHESTS, simulate_patient

    return simulate_patient(CHESTS.seed, number)


def ct_verdict(number: int, condition: Condition) -> bool:
    """Of the example's criteria, by its model, on one simulated patient."""
    from limen.data import Case
    from limen.measures import judge, measure_case
    from limen.pipeline.degrade import degrade

    patient = patient_of(number)
    declaration, model = ct_model()
    degraded = degrade(
        patient.image, condition, case=f"validation/sim-{number:04d}",
        attributes=patient.attributes, nominal={n: a.nominal for n, a in ct_axes().items()},
    ).image  # fmt: skip
    measured = measure_case(
        model.predict(Case("patient", "patient", image=None, reference=None), degraded).values,
        patient.reference.values,
        patient.image.geometry.affine_lps_mm,
        declaration.task,
    )
    return bool(judge(measured, declaration.criteria, declaration.task).passed)


def ct_example() -> list[Row]:
    """Every pair of declared axes, on the first validation patients whose verdict flips within
    three quarters of both: so that the frontier crosses the range, and not its farthest corner."""
    from limen.data.insilico.chest_patient import CHESTS

    rows: list[Row] = []
    pairs = list(itertools.combinations(ct_axes().values(), 2))
    numbers = CHESTS.numbers("validation")[:LOOKED_AT]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        flips = list(pool.map(flips_on, numbers))
        for k, pair in enumerate(pairs):
            for number in [n for n, f in zip(numbers, flips, strict=True) if f[k]][:PATIENTS]:
                rows += one_pair(pool, number, pair)
    return rows


def flips_on(number: int) -> list[bool]:
    pairs = list(itertools.combinations(ct_axes().values(), 2))
    if not ct_verdict(number, {}):
        return [False] * len(pairs)
    return [not ct_verdict(number, {a.name: a.value(0.75) for a in pair}) for pair in pairs]


def one_pair(
    pool: ProcessPoolExecutor, number: int, axes: tuple[SearchAxis, SearchAxis]
) -> list[Row]:
    at = list(itertools.product(np.linspace(0, 1, LEVELS), repeat=2))
    conditions = [{a.name: a.value(float(p)) for a, p in zip(axes, x, strict=True)} for x in at]
    conditions = [
        {n: v for n, v in c.items() if v != next(a.nominal for a in axes if a.name == n)}
        for c in conditions
    ]
    ask = partial(ct_verdict, number)
    truth = np.array(list(pool.map(ask, conditions, chunksize=5)), bool)
    asked: list[Condition] = []

    def verdict(_: str, condition: Condition) -> Trial:
        asked.append(condition)
        return Trial(condition, ask(condition))

    frontier = search([CASE], axes, verdict, frontier_trials=MOST_VERDICTS)[0].frontier
    assert frontier is not None
    found = f1(FoundSet(axes, frontier.trials).passes(conditions), truth)
    best = best_monotone(truth.reshape(LEVELS, LEVELS))
    names = " and ".join(a.name for a in axes)
    return [
        Row(f"CT example, {names}, patient {number}: F1 of {len(truth)}, {len(asked)} verdicts",
            found, "", "best of all monotone sets", best, target=">= 0.97",
            holds=found >= 0.97 and len(asked) <= MOST_VERDICTS),
        Row("  share of conditions that pass", float(truth.mean()), ""),
        Row("  contradictions to monotony among trials", frontier.contradictions, "pairs"),
    ]  # fmt: skip


def best_monotone(truth: Array) -> float:
    """Largest F1 of any set that holds with a condition all milder ones, told the truth.

    Of heights that never rise from column to column; the ratio by Dinkelbach (Management
    Science 13, 1967), each step by dynamic programming.
    """
    present = int(truth.sum())
    share = 0.0
    while True:
        gain = np.where(truth, 2 - share, -share)
        by_height = np.concatenate([np.zeros((len(gain), 1)), gain.cumsum(axis=1)], axis=1)
        hits = np.concatenate([np.zeros((len(gain), 1)), truth.cumsum(axis=1)], axis=1)
        value, chosen = by_height[-1], []
        for column in by_height[-2::-1]:  # from the worst column to nominal: heights rise
            below = np.array([int(np.argmax(value[: h + 1])) for h in range(len(value))])
            chosen.append(below)
            value = column + value[below]
        height = int(np.argmax(value))
        heights = [height]
        for below in reversed(chosen):
            heights.append(int(below[heights[-1]]))
        found = sum(hits[k, h] for k, h in enumerate(heights))
        new = 2 * found / (sum(heights) + present)
        if new <= share + 1e-12:
            return float(new)
        share = new


if __name__ == "__main__":
    main()
