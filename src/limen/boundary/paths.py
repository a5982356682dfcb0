"""Which conditions are certified, in which order: chosen on exploration cases alone."""

from __future__ import annotations

from collections.abc import Sequence

from limen.boundary.frontier import FoundSet
from limen.boundary.result import TOGETHER, Frontier, Margin, SearchAxis

STEPS = 4
"""Conditions on each path."""


def plan_paths(
    axes: Sequence[SearchAxis],
    margins: Sequence[Margin],
    frontiers: Sequence[Frontier],
    *,
    tolerated: float,
    steps: int = STEPS,
) -> dict[str, list[dict[str, float]]]:
    """A path on each axis alone and, with several axes, one on which all degrade together.

    A path ends where the exploration cases that pass as acquired begin to fail in more than the
    tolerated share: farther out nothing could be certified. The last step lies one spacing beyond
    that, because an exploration of few patients may be too gloomy; a step too far costs one
    test and no certainty.

    Parameters
    ----------
    axes : sequence of SearchAxis
    margins, frontiers : sequence
        Of exploration cases.
    tolerated : float
        Share of patients that may fail.
    steps : int
        Conditions on a path.
    """
    paths = {}
    for axis in axes:
        reached = [
            p
            for m in margins
            if m.axis == axis.name and m.kind not in ("fails at nominal", "cannot tell")
            and (p := m.position(axis)) is not None
        ]  # fmt: skip
        end = _reached_by_most(reached, tolerated)
        paths[axis.name] = _steps([axis], [end], steps)
    if len(axes) > 1:
        ends = [axis.position(paths[axis.name][-1][axis.name]) for axis in axes]
        shares = [_along(f, axes, ends) for f in frontiers]
        paths[TOGETHER] = _steps(
            axes, [e * _reached_by_most(shares, tolerated) for e in ends], steps
        )
    return paths


def _reached_by_most(positions: Sequence[float], tolerated: float) -> float:
    """The position that all but the tolerated share reach; 1 where nothing is known."""
    if not positions:
        return 1.0
    ordered = sorted(positions)
    return ordered[min(int(tolerated * len(ordered)), len(ordered) - 1)]


def _along(frontier: Frontier, axes: Sequence[SearchAxis], ends: Sequence[float]) -> float:
    """How far a case is taken to pass on the way to all ends at once, as a share of it."""
    import numpy as np

    shares = np.linspace(0, 1, 65)[1:]
    passes = FoundSet(axes, frontier.trials).passes_at(shares[:, None] * np.asarray(ends))
    return float(shares[passes.argmin() - 1]) if passes.argmin() else float(passes.all())


def _steps(axes: Sequence[SearchAxis], ends: Sequence[float], steps: int) -> list[dict[str, float]]:
    """Conditions at equal distances, the last but one at the ends (the last where they are 1)."""
    inside = max(steps - 1, 1)
    least = 0.5 / inside
    reach = [max(e, least) for e in ends]
    shares = [k / inside for k in range(1, steps + 1)]
    if max(reach) * shares[-1] > 1 + 1e-9:
        shares = [s for s in shares if s <= 1] if max(reach) >= 1 else [
            *(s for s in shares if s <= 1), 1 / max(reach)
        ]  # fmt: skip
    found: list[dict[str, float]] = []
    for share in shares:
        condition = {a.name: a.value(min(share * r, 1.0)) for a, r in zip(axes, reach, strict=True)}
        if condition not in found and any(condition[a.name] != a.nominal for a in axes):
            found.append(condition)
    return found
