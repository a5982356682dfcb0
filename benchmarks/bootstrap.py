"""Bootstrap over patients beside the plain bootstraps of scipy and scikit-learn.

10,000 cases x 2,000 resamples. Ours draws whole patients (here four cases each, and once a case
each, the peers' easier problem); the peers draw cases. Turns alternate, so that a loaded machine
slows all of them alike.
"""

from __future__ import annotations

import os
import statistics as st
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
from scipy.stats import bootstrap
from sklearn.metrics import roc_auc_score
from table import Row, show

from limen.measures import auc, bootstrap_auc, bootstrap_mean

CASES, RESAMPLES = 10_000, 2_000
LOOPED = 100
"""Resamples of scikit-learn that are timed; 2,000 of them are this many times longer."""


def main() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=CASES)
    positive = rng.random(CASES) < 0.3
    scores = values + positive
    four, alone = np.arange(CASES) // 4, np.arange(CASES)

    def loop() -> None:
        draws = np.random.default_rng(1)
        for _ in range(LOOPED):
            at = draws.integers(0, CASES, CASES)
            roc_auc_score(positive[at], scores[at])

    def plain() -> None:
        bootstrap((values,), np.mean, n_resamples=RESAMPLES, method="percentile", rng=1)

    times = _alternating(
        {
            "mean": lambda: bootstrap_mean(values, four, seed=1, resamples=RESAMPLES),
            "mean, a case each": lambda: bootstrap_mean(values, alone, seed=1, resamples=RESAMPLES),
            "scipy": plain,
            "AUC": lambda: bootstrap_auc(scores, positive, four, seed=1, resamples=RESAMPLES),
            "AUC, a case each": lambda: bootstrap_auc(
                scores, positive, alone, seed=1, resamples=RESAMPLES
            ),
            "AUC, BCa": lambda: bootstrap_auc(
                scores, positive, four, seed=1, resamples=RESAMPLES, method="bca"
            ),
            "scikit-learn": loop,
            "DeLong": lambda: auc(scores, positive, four),
        }
    )
    scipy, sklearn = times["scipy"], times["scikit-learn"] * RESAMPLES / LOOPED
    peer = "scipy.stats.bootstrap"
    looped = "loop over roc_auc_score"
    rows = [
        Row(
            "mean, 10,000 cases of 2,500 patients x 2,000",
            times["mean"],
            "s",
            peer,
            scipy,
            "ratio >= 1",
            scipy >= times["mean"],
        ),
        Row(
            "mean, 10,000 cases of as many patients x 2,000",
            times["mean, a case each"],
            "s",
            peer,
            scipy,
            "ratio >= 1",
            scipy >= times["mean, a case each"],
        ),
        Row(
            "AUC, 10,000 cases of 2,500 patients x 2,000",
            times["AUC"],
            "s",
            looped,
            sklearn,
            "ratio >= 20",
            sklearn >= 20 * times["AUC"],
        ),
        Row(
            "AUC, 10,000 cases of as many patients x 2,000",
            times["AUC, a case each"],
            "s",
            looped,
            sklearn,
            "ratio >= 20",
            sklearn >= 20 * times["AUC, a case each"],
        ),
        Row("AUC, BCa, 2,500 patients x 2,000", times["AUC, BCa"], "s", looped, sklearn),
        Row("AUC by clustered DeLong, 10,000 cases", times["DeLong"], "s"),
        Row("first call in a new process, kernels from their cache", _first_call(), "s"),
    ]
    show(rows)


def _alternating(work: dict[str, Callable[[], object]], turns: int = 7) -> dict[str, float]:
    """Median wall time of each, all of them in every turn; the first turn is not counted."""
    times: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(turns + 1):
        for name, one in work.items():
            begun = time.perf_counter()
            one()
            if turn:
                times[name].append(time.perf_counter() - begun)
    return {name: st.median(t) for name, t in times.items()}


def _first_call() -> float:
    """Seconds of the first bootstrap of a process, importing numba included."""
    code = (
        "import time, numpy as np\n"
        "from limen.measures import bootstrap_mean\n"
        "begun = time.perf_counter()\n"
        "bootstrap_mean(np.arange(20.0), range(20), seed=1)\n"
        "print(time.perf_counter() - begun)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=os.environ
    )
    return float(done.stdout)


if __name__ == "__main__":
    main()
