"""`limen measure` of two folders: case by case as they are done, and what they come to."""

from __future__ import annotations

import csv
import heapq
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import typer

from limen.cli.measure_verbs import LESION_COUNTS, number_words, row_of, words_of
from limen.cli.show import Shown, table_out

if TYPE_CHECKING:
    from limen.errors import LimenError
    from limen.measures.folders import Measured, Pairs, Work

_WORST = 5
_SHOWN = 20
_AVERAGED = ("dice", "iou", "relative_volume_error", "hd95_mm", "assd_mm", "nsd", "boundary_iou",
             "cldice")  # fmt: skip
_SMALL = 64
"""Cases under which starting workers takes longer than the work."""


def measure_folders(
    work: Sequence[Work], pairs: Pairs, workers: int | None, *, as_csv: bool, as_json: bool
) -> bool:
    """Measure every case and tell it at once; whether all could be measured.

    Nothing is kept of a case but its part in sums, so that ten thousand of them need no more
    memory than ten.
    """
    out = _JsonLines() if as_json else _CsvRows() if as_csv else None
    failed: list[tuple[str, LimenError]] = []
    sums: dict[str, _Sums] = {}
    empty = 0
    with Shown(quiet=as_json) as progress:
        progress.begin(len(work), 0)
        for done in _each(work, workers or os.cpu_count() or 1):
            progress.case_done(done.case, done.error)
            if done.error is not None:
                failed.append((done.case, done.error))
                continue
            empty += not done.labels
            of_label = {d.label: d for d in done.lesions or ()}
            rows = [
                row_of(m, m.stated_cldice is not None, of_label.get(m.label)) for m in done.labels
            ]
            if out is not None:
                out.case(done.case, rows)
            else:
                for row in rows:
                    sums.setdefault(row["label"], _Sums()).add(done.case, row)
    lost = {
        "no prediction": list(pairs.without_prediction),
        "no reference": list(pairs.without_reference),
    }
    if out is not None:
        out.end(failed, lost)
    else:
        _sums_out(sums, len(work) - len(failed), empty, len(failed) + sum(map(len, lost.values())))
    if not as_json:
        _lost_out(failed, lost)
    return not failed and not any(lost.values())


@dataclass
class _Sums:
    """What is kept of the cases of one label."""

    cases: int = 0
    nothing_there: int = 0
    rejected: int = 0
    total: dict[str, float] = field(default_factory=dict)
    undefined: dict[str, int] = field(default_factory=dict)
    counted: dict[str, int] = field(default_factory=dict)
    worst: list[tuple[float, str]] = field(default_factory=list)

    def add(self, case: str, row: dict[str, Any]) -> None:
        for name in LESION_COUNTS:
            if name in row:
                self.counted[name] = self.counted.get(name, 0) + row[name]
        there = row["volume_reference_ml"]
        if not there and (there is not None or row["undefined"].get("relative_volume_error")):
            # averages are over the cases whose reference holds the label
            self.nothing_there += 1
            self.rejected += bool(row["correct_rejection"])
            return
        self.cases += 1
        for name in _AVERAGED:
            if name in row:
                value = row[name]
                if value is None:
                    self.undefined[name] = self.undefined.get(name, 0) + 1
                else:
                    value = abs(value)
                    self.total[name] = self.total.get(name, 0.0) + value
        # the least of a heap of negated values is the best of the worst
        heapq.heappush(self.worst, (-row["dice"], case))
        if len(self.worst) > _WORST:
            heapq.heappop(self.worst)


class _CsvRows:
    """One row for each case and label, as they come."""

    def __init__(self) -> None:
        self._writer: Any = None

    def case(self, case: str, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            flat = {"case": case, **{k: v for k, v in row.items() if k != "undefined"}}
            if self._writer is None:
                self._writer = csv.DictWriter(sys.stdout, list(flat), lineterminator="\n")
                self._writer.writeheader()
            self._writer.writerow(flat)

    def end(self, failed: Any, lost: Any) -> None:
        sys.stdout.flush()


class _JsonLines:
    """One JSON object, written case by case."""

    def __init__(self) -> None:
        self._any = False

    def case(self, case: str, rows: list[dict[str, Any]]) -> None:
        sys.stdout.write(",\n" if self._any else '{"cases": [\n')
        self._any = True
        sys.stdout.write(json.dumps({"case": case, "labels": rows}, allow_nan=False))

    def end(self, failed: Sequence[tuple[str, LimenError]], lost: dict[str, list[str]]) -> None:
        rest = {
            "not_measured": {case: error.as_dict() for case, error in failed},
            "without_prediction": lost["no prediction"],
            "without_reference": lost["no reference"],
        }
        sys.stdout.write("\n], " if self._any else '{"cases": [], ')
        sys.stdout.write(json.dumps(rest, ensure_ascii=False, allow_nan=False)[1:] + "\n")


def _each(work: Sequence[Work], workers: int) -> Iterator[Measured]:
    """Every case as it is done; a few of them at a time in each worker."""
    from limen.measures.folders import measured

    if workers == 1 or len(work) < _SMALL:
        yield from map(measured, work)
        return
    from collections import deque
    from concurrent.futures import Future

    from limen.pipeline.pool import open_pool

    size = max(1, min(16, len(work) // (4 * workers)))
    pieces = (work[at : at + size] for at in range(0, len(work), size))
    flying: deque[Future[list[Measured]]] = deque()
    pool = open_pool(workers)
    try:
        for piece in pieces:
            flying.append(pool.submit(_several, piece))
            if len(flying) > 3 * workers:
                yield from flying.popleft().result()
        while flying:
            yield from flying.popleft().result()
    finally:
        pool.shutdown(wait=False, kill_workers=True)


def _several(work: Sequence[Work]) -> list[Measured]:
    from limen.measures.folders import measured

    return [measured(one) for one in work]


def _sums_out(sums: dict[str, _Sums], cases: int, empty: int, lost: int) -> None:
    """Averages beside the worst cases, label by label."""
    typer.echo(f"{cases} cases measured" + (f", {lost} not" if lost else ""))
    if empty:
        typer.echo(f"{empty} cases hold no label on either side; name it with --label to count it")
    names = [n for n in _AVERAGED if any(n in s.total or n in s.undefined for s in sums.values())]
    table = [
        ["cases with it in the reference", *(str(s.cases) for s in sums.values())],
        *(
            [f"mean {_unsigned(name)}", *(_mean_words(s, name) for s in sums.values())]
            for name in names
        ),
        ["cases without it, and none marked",
         *(f"{s.rejected} of {s.nothing_there}" for s in sums.values())],
    ]  # fmt: skip
    counts = [n for s in list(sums.values())[:1] for n in s.counted]
    table += [[words_of(n), *(str(s.counted.get(n, 0)) for s in sums.values())] for n in counts]
    if sums:
        table_out("", ["", *sums], table)
    for label, s in sums.items():
        for name, n in s.undefined.items():
            typer.echo(
                f"{label}: no mean {_unsigned(name)}, because it is undefined in {n} of {s.cases} "
                "cases, and a mean of the others would hide them"
            )
        if lost and s.cases:
            worst = s.total["dice"] / (s.cases + lost)
            typer.echo(f"{label}: mean dice is {worst:.4g} with the {lost} not measured as 0")
        shown = ", ".join(f"{case} ({-dice:.3f})" for dice, case in sorted(s.worst, reverse=True))
        if shown:
            typer.echo(f"{label}: worst cases by dice: {shown}")
    typer.echo("No intervals, because files do not say which cases are of one patient; a product "
               "does (`limen new`).")  # fmt: skip


def _unsigned(name: str) -> str:
    return words_of(name) + (", without its sign" if name == "relative_volume_error" else "")


def _mean_words(s: _Sums, name: str) -> str:
    if s.undefined.get(name) or not s.cases or name not in s.total:
        return "-"
    return number_words(s.total[name] / s.cases)


def _lost_out(failed: Sequence[tuple[str, LimenError]], lost: dict[str, list[str]]) -> None:
    for case, error in failed[:_SHOWN]:
        found = f" ({error.found})" if error.found else ""
        typer.echo(f"not measured: {case}: {error.what}{found}", err=True)
    if len(failed) > _SHOWN:
        typer.echo(f"... and {len(failed) - _SHOWN} more; --json lists all", err=True)
    for why, cases in lost.items():
        if cases:
            more = f" and {len(cases) - _SHOWN} more" if len(cases) > _SHOWN else ""
            typer.echo(f"{why}: {', '.join(cases[:_SHOWN])}{more}", err=True)
