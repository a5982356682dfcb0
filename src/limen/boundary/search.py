"""Search a boundary on exploration cases: each case's margins, and its frontier on several axes."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from limen.boundary.frontier import FoundSet, explore
from limen.boundary.margin import bracket
from limen.boundary.result import Condition, Frontier, Margin, SearchAxis, Trial

Found = TypeVar("Found")


@dataclass(frozen=True)
class Explored:
    """A case to be searched: its name ``DATASET/CASE``, its patient and where its data is from."""

    case: str
    patient: str
    origin: str


@dataclass(frozen=True)
class CaseSearch:
    """What a search found of one case. ``frontier`` is None where only margins were searched."""

    margins: tuple[Margin, ...]
    frontier: Frontier | None
    trials: tuple[Trial, ...]


def search_case(
    case: Explored, axes: Sequence[SearchAxis], *, frontier_trials: int = 0
) -> Generator[Condition, Trial, CaseSearch]:
    """Search one case: a margin on each axis, then the frontier of all axes together.

    A generator: it yields a condition, is sent the trial of it, and returns what it found. No
    condition is asked for twice. To go on with an interrupted search, start it anew and answer
    from what was kept: it asks in the same order.

    Parameters
    ----------
    case : Explored
    axes : sequence of SearchAxis
        One to four.
    frontier_trials : int
        Trials that the frontier may take, those of the margins counted in; 0: no frontier.
    """
    trials: dict[tuple[float, ...], Trial] = {}

    def remembering(
        asking: Generator[Condition, Trial, Found],
    ) -> Generator[Condition, Trial, Found]:
        try:
            condition = next(asking)
            while True:
                key = tuple(condition.get(a.name, a.nominal) for a in axes)
                if key not in trials:
                    trials[key] = yield condition
                condition = asking.send(trials[key])
        except StopIteration as done:
            found: Found = done.value
            return found

    margins = []
    for axis in axes:
        found = yield from remembering(bracket(axis))
        margins.append(
            Margin(
                case=case.case,
                patient=case.patient,
                origin=case.origin,
                axis=axis.name,
                kind=found.kind,
                last_pass=found.last_pass,
                first_fail=found.first_fail,
                evaluations=found.evaluations,
            )
        )
    passes = any(t.passed for t in trials.values() if not t.condition)
    frontier = None
    if frontier_trials and len(axes) > 1 and passes:
        every = yield from remembering(explore(axes, tuple(trials.values()), frontier_trials))
        frontier = Frontier(
            case=case.case,
            patient=case.patient,
            origin=case.origin,
            axes=tuple(a.name for a in axes),
            trials=every,
            contradictions=FoundSet(axes, every).contradictions,
        )
    return CaseSearch(tuple(margins), frontier, tuple(trials.values()))


def search(
    cases: Sequence[Explored],
    axes: Sequence[SearchAxis],
    verdict: Callable[[str, Condition], Trial],
    *,
    frontier_trials: int = 0,
) -> list[CaseSearch]:
    """`search_case` for each case in turn, with ``verdict(case, condition)`` answering."""
    found = []
    for case in cases:
        asking = search_case(case, axes, frontier_trials=frontier_trials)
        try:
            condition = next(asking)
            while True:
                condition = asking.send(verdict(case.case, condition))
        except StopIteration as done:
            found.append(done.value)
    return found
