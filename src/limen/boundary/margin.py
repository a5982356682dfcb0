"""How far one case can be degraded along one axis: bracketing, with probes for non-monotony."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from limen.boundary.result import Condition, MarginKind, SearchAxis, Trial

Ask = Generator[Condition, Trial, "Bracket"]


@dataclass(frozen=True)
class Bracket:
    """Where the verdict flips on an axis; see `limen.boundary.Margin` for the words."""

    kind: MarginKind
    last_pass: float | None
    first_fail: float | None
    evaluations: int


def bracket(axis: SearchAxis) -> Ask:
    """Ask for conditions on one axis until its margin is known to the tolerance.

    A generator: it yields a condition and is sent the trial of it; what it returns is the answer.
    So whoever drives it decides where trials come from (a worker, the store) and many cases can
    be searched at once.

    Nominal and the worst condition come first, then the bracket is halved. Then it is probed
    where a monotone case could not surprise: half-way to the last pass, and half-way between
    the first failure and the worst. Thirds are probed where nothing failed. A surprise is found
    if a probe meets it; a short relapse between the probes is not.

    Parameters
    ----------
    axis : SearchAxis
        Its tolerance is the width of the last bracket, as a fraction of the searched range.
    """
    tried: dict[float, bool] = {}

    def ask(position: float) -> Generator[Condition, Trial, bool]:
        value = axis.value(position)
        if value not in tried:
            trial = yield ({} if value == axis.nominal else {axis.name: value})
            tried[value] = trial.passed
        return tried[value]

    if not (yield from ask(0.0)):
        return Bracket("fails at nominal", None, axis.nominal, len(tried))
    if (yield from ask(1.0)):
        for probe in (1 / 3, 2 / 3):
            yield from ask(probe)
    else:
        yield from _halve(axis, tried)
        passed, failed = _edge(axis, tried)
        for probe in (passed / 2, (failed + 1) / 2):
            yield from ask(probe)
    yield from _halve(axis, tried)
    at, ok = _ordered(axis, tried)
    if all(ok):
        return Bracket("beyond", axis.worst, None, len(tried))
    first = ok.index(False)
    kind: MarginKind = "non-monotone" if any(ok[first:]) else "flips"
    return Bracket(kind, at[first - 1], at[first], len(tried))


def _halve(axis: SearchAxis, tried: dict[float, bool]) -> Generator[Condition, Trial, None]:
    """Halve between the first failure and the pass before it."""
    while not all(tried.values()):
        passed, failed = _edge(axis, tried)
        if failed - passed <= axis.tolerance:
            return
        value = axis.value((passed + failed) / 2)
        if value in tried:
            return  # whole numbers side by side
        tried[value] = (yield {axis.name: value}).passed


def _edge(axis: SearchAxis, tried: dict[float, bool]) -> tuple[float, float]:
    at, ok = _ordered(axis, tried)
    first = ok.index(False)
    return axis.position(at[first - 1]), axis.position(at[first])


def _ordered(axis: SearchAxis, tried: dict[float, bool]) -> tuple[list[float], list[bool]]:
    at = sorted(tried, key=axis.position)
    return at, [tried[v] for v in at]
