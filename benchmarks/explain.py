"""Planted problems: how often the limit that was planted is named, and how often a wrong one.

Fifty problems of five kinds (noisy labels, lesions too small for the dose, a site that training
hardly holds, too few training patients, a model that is too small), drawn from seeds that no test
uses; and fifty more known from a third of the patients and a dozen second readings, where "cannot
tell" is often the right answer. Ten without a planted limit must get no name. The peer is what
most reports do: to call every failure a matter of more data.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from table import Row, show

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "boundary"))

from planted_problems import TRUE_LIMIT, draw_problem, findings_of

from limen.boundary.explain_limit import Findings, explain_limit

KINDS = ("labels", "physics", "site", "data", "model")
EACH, SEED = 10, 770_001


def thinned(found: Findings, rng: np.random.Generator) -> Findings:
    """What a smaller study would know: a third of the patients, twelve second readings."""
    assert found.curve is not None
    some = rng.permutation(found.patients)[: found.patients // 3]
    rows = tuple(tuple(row[i] for i in some) for row in found.curve.failed)
    share = len(some) / found.patients
    return replace(
        found,
        patients=len(some),
        failed=sum(rows[-1]),
        detectability=found.detectability[: round(len(found.detectability) * share)],
        read_again=found.read_again[:12],
        curve=replace(found.curve, failed=rows),
        slices=[
            replace(
                s,
                patients=round(s.patients * share),
                failed=min(round(s.failed * share), sum(rows[-1])),
            )
            for s in found.slices
        ],
    )


def main() -> None:
    tally: dict[str, list[tuple[str, str]]] = {"whole": [], "thin": []}
    for k in range(EACH):
        for number, kind in enumerate(KINDS):
            rng = np.random.default_rng([SEED, k, number])
            found = findings_of(draw_problem(kind, rng), rng)
            tally["whole"].append((TRUE_LIMIT[kind], explain_limit(found).limit))
            tally["thin"].append((TRUE_LIMIT[kind], explain_limit(thinned(found, rng)).limit))
    nothing = []
    for k in range(EACH):
        rng = np.random.default_rng([SEED, k, 99])
        nothing.append(explain_limit(findings_of(draw_problem("none", rng), rng)).limit)
    rows = []
    for name, pairs in tally.items():
        right = float(np.mean([t == f for t, f in pairs]))
        wrong = float(np.mean([f not in (t, "cannot tell") for t, f in pairs]))
        guess = float(np.mean([t != "data-limited" for t, _ in pairs]))
        target = ">= 0.8" if name == "whole" else None
        rows.append(
            Row(f"{name} evidence: right limit named, of {len(pairs)} problems", right, "",
                target=target, holds=None if target is None else right >= 0.8)
        )  # fmt: skip
        rows.append(
            Row(f"{name} evidence: wrong limit named", wrong, "", "always more data", guess,
                "<= 0.05", wrong <= 0.05)
        )  # fmt: skip
    named = float(np.mean([n != "cannot tell" for n in nothing]))
    rows.append(
        Row(f"a limit named where none was planted, of {EACH}", named, "", target="0",
            holds=named == 0)
    )  # fmt: skip
    show(rows)


if __name__ == "__main__":
    main()
