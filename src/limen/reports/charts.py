"""Small charts as plain SVG: every case and lesion a dot, every share with its interval.

Shape and fill tell the groups apart, so colour is never needed. Text goes through ``escape``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH = 520
_LEFT = 132
_RIGHT = 64
_DOT = 4.0
_TRIES = 81
_TALLY_ROWS = 8
_TALLY_DOTS = 32
_ROW = 42.0


@dataclass(frozen=True)
class Share:
    """A row of :func:`share_chart`: a fraction with its interval, or why there is none."""

    label: str
    value: float | None
    low: float | None
    high: float | None
    counted: str


@dataclass(frozen=True)
class Dots:
    """A row of :func:`dot_chart`: values, drawn filled (good) or open (bad)."""

    label: str
    values: Sequence[float]
    good: bool


def share_chart(rows: Sequence[Share], title: str) -> Markup:
    """Fractions from 0 to 100 % with their intervals, one row each."""
    height = 12 + _ROW * len(rows) + 30
    axis = _Axis(0.0, 1.0, [0, 0.25, 0.5, 0.75, 1.0])
    parts = [axis.grid(8, height - 26, lambda v: f"{100 * v:.0f} %")]
    for n, row in enumerate(rows):
        y = 12 + _ROW * (n + 0.5)
        parts.append(_label(row.label, row.counted, y))
        if row.value is None:
            parts.append(_text(axis.at(0.5), y + 4, "not stated", "c-none", "middle"))
            continue
        if row.low is not None and row.high is not None:
            a, b = axis.at(row.low), axis.at(row.high)
            parts.append(
                f'<path class="c-bar" d="M{a:.1f} {y:.1f}H{b:.1f}'
                f'M{a:.1f} {y - 5:.1f}v10M{b:.1f} {y - 5:.1f}v10"/>'
            )
        parts.append(f'<circle class="c-good" cx="{axis.at(row.value):.1f}" cy="{y:.1f}" r="4.5"/>')
        shown = f"{100 * row.value:.0f} %"
        parts.append(_text(WIDTH - _RIGHT + 14, y + 4, shown, "c-value"))
    return _svg(parts, height, title)


def dot_chart(
    rows: Sequence[Dots],
    unit: str,
    title: str,
    limit: float | None = None,
    limit_words: str = "",
    span: tuple[float, float] | None = None,
) -> Markup:
    """Every value as a dot, one row for each group; dots are moved aside, never hidden.

    Parameters
    ----------
    rows : sequence of Dots
    unit : str
        Of the axis.
    title : str
        What a screen reader says.
    limit : float, optional
        Drawn as a dashed line, with ``limit_words``.
    span : (low, high), optional
        Of the axis; else from 0 to the largest value.
    """
    values = [v for row in rows for v in row.values]
    top = max([*values, limit or 0.0, 1e-9])
    low, high = span if span is not None else (0.0, top)
    ticks = _ticks(low, high)
    axis = _Axis(low, max(high, ticks[-1]), ticks)
    spots = [_swarm([axis.at(v) for v in row.values]) for row in rows]
    heights = [max(_ROW, 2 * max((abs(dy) for _, dy in s), default=0) + 18) for s in spots]
    head = 26.0 if limit is not None else 10.0
    height = head + sum(heights) + 42
    parts = [axis.grid(head, height - 38, _tick_words)]
    middle = (_LEFT + WIDTH - _RIGHT) / 2
    parts.append(_text(middle, height - 6, unit, "c-unit", "middle"))
    if limit is not None:
        x = axis.at(limit)
        parts.append(f'<path class="c-limit" d="M{x:.1f} {head - 14:.1f}V{height - 38:.1f}"/>')
        anchor = "start" if x < middle else "end"
        beside = x + (4 if anchor == "start" else -4)
        parts.append(_text(beside, head - 4, limit_words, "c-limit-words", anchor))
    y = head
    for row, spot, tall in zip(rows, spots, heights, strict=True):
        centre = y + tall / 2
        parts.append(_label(row.label, f"n = {len(row.values)}", centre))
        parts += [_dot(x, centre + dy, row.good) for x, dy in spot]
        y += tall
    return _svg(parts, height, title)


def tally_chart(counts: Sequence[float], unit: str, title: str, limit: float) -> Markup:
    """Cases sorted by a count: a row of dots for each count, open ones over the limit.

    Parameters
    ----------
    counts : sequence of float
        One whole number for each case.
    unit : str
        What is counted, as a plural.
    title : str
        What a screen reader says.
    limit : float
        Most that is allowed.
    """
    last = min(int(max(counts)), _TALLY_ROWS - 1)
    rows: list[list[bool]] = [[] for _ in range(last + 1)]
    for value in sorted(counts):
        rows[min(int(value), last)].append(value <= limit)
    step, parts, y = 11.0, [], 8.0
    ruled = False
    for n, row in enumerate(rows):
        if n > limit and not ruled:
            ruled = True
            parts.append(f'<path class="c-limit" d="M0 {y + 2:.1f}H{WIDTH - 8}"/>')
            words = f"limit: at most {limit:g}"
            parts.append(_text(WIDTH - 8, y - 4, words, "c-limit-words", "end"))
            y += 6
        lines = max(1, math.ceil(len(row) / _TALLY_DOTS))
        tall = max(_ROW, lines * step + 12)
        more = " or more" if n == last and max(counts) > last else ""
        cases = f"{len(row)} {'case' if len(row) == 1 else 'cases'}"
        parts.append(
            _label(f"{n}{more} {unit.removesuffix('s') if n == 1 else unit}", cases, y + tall / 2)
        )
        top = y + tall / 2 - (lines - 1) * step / 2
        for k, good in enumerate(row):
            at = _LEFT + 6 + step * (k % _TALLY_DOTS)
            parts.append(_dot(at, top + step * (k // _TALLY_DOTS), good))
        y += tall
    return _svg(parts, y + 4, title)


class _Axis:
    """A linear axis over the plot's width."""

    def __init__(self, low: float, high: float, ticks: Sequence[float]) -> None:
        self._low, self._span = low, (high - low) or 1.0
        self._ticks = ticks

    def at(self, value: float) -> float:
        fraction = min(max((value - self._low) / self._span, 0.0), 1.0)
        return _LEFT + fraction * (WIDTH - _LEFT - _RIGHT)

    def grid(self, top: float, bottom: float, words: object) -> str:
        assert callable(words)
        lines = "".join(f"M{self.at(t):.1f} {top:.1f}V{bottom:.1f}" for t in self._ticks)
        texts = [_text(self.at(t), bottom + 16, words(t), "c-tick", "middle") for t in self._ticks]
        return f'<path class="c-grid" d="{lines}"/>' + "".join(texts)


def _ticks(low: float, high: float) -> list[float]:
    rough = (high - low) / 5 or 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
    first = math.floor(low / step)
    last = math.ceil(high / step - 1e-9)
    return [n * step for n in range(first, last + 1)]


def _tick_words(value: float) -> str:
    return f"{round(value, 10) + 0:g}"


def _swarm(xs: Sequence[float]) -> list[tuple[float, float]]:
    """Each dot's x and its offset up or down: the smallest at which it touches no other."""
    width = 2 * _DOT + 1
    placed: list[tuple[float, float]] = []
    for x in sorted(xs):
        near = [(px, py) for px, py in placed if x - px < width]
        # 0, -1, +1, -2, +2 ... quarters of a dot around the middle
        offsets = (width / 4 * ((n + 1) // 2) * (1 if n % 2 else -1) for n in range(_TRIES))
        y = next(
            (y for y in offsets if all(math.hypot(x - px, y - py) >= width for px, py in near)),
            0.0,  # too crowded to tell dots apart
        )
        placed.append((x, y))
    return placed


def _dot(x: float, y: float, good: bool) -> str:
    if good:
        return f'<circle class="c-good" cx="{x:.1f}" cy="{y:.1f}" r="{_DOT:g}"/>'
    r = _DOT + 1
    return f'<path class="c-bad" d="M{x:.1f} {y - r:.1f}l{r:g} {r:g}l-{r:g} {r:g}l-{r:g} -{r:g}z"/>'


def _label(label: str, below: str, y: float) -> str:
    return _text(0, y - 2, label, "c-label") + _text(0, y + 12, below, "c-count")


def _text(x: float, y: float, words: str, kind: str, anchor: str = "start") -> str:
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">'
        f"{escape(words)}</text>"
    )


def _svg(parts: Sequence[str], height: float, title: str) -> Markup:
    # every part is built here from numbers and escaped text
    return Markup(
        f'<svg class="chart" viewBox="0 0 {WIDTH} {height:.0f}" role="img" '
        f'aria-label="{escape(title)}">{"".join(parts)}</svg>'
    )
