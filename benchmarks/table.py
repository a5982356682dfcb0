"""What every benchmark prints: a table, or with --json a list of figures."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Row:
    """One figure. ``ratio`` is the peer's value over ours: above 1 we are better (smaller)."""

    name: str
    value: float
    unit: str
    peer: str | None = None
    peer_value: float | None = None
    target: str | None = None
    holds: bool | None = None

    @property
    def ratio(self) -> float | None:
        if self.peer_value is None or self.value == 0:
            return None
        return self.peer_value / self.value


def seconds(work: Callable[[], object], repeats: int = 5) -> float:
    """Median wall time; the first call is not counted, so that compiling and caches are warm."""
    work()
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def show(rows: list[Row]) -> None:
    if "--json" in sys.argv:
        print(json.dumps([{**asdict(r), "ratio": r.ratio} for r in rows], indent=2))
        return
    for r in rows:
        line = f"  {r.name:58} {r.value:10.3g} {r.unit}"
        if r.peer_value is not None:
            line += f"   {r.peer}: {r.peer_value:.3g}"
        if r.ratio is not None:
            line += f"   ratio {r.ratio:.2f}"
        if r.target is not None:
            line += f"   target {r.target}: {'holds' if r.holds else 'MISSED'}"
        print(line)
