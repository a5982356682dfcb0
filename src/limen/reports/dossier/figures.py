"""How the dossier writes a figure: value, interval, n, origin, and where its record stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from limen.regulation.wording.evidence import SupportedFigure
from limen.reports.dossier.content import DECLARATION

PLAIN = ("dice", "iou", "auc")
"""Shares that the field writes as a plain number, not in per cent."""

_ORIGINS = {
    "measured": "real images",
    "resimulated": "real images changed by simulation",
    "phantom": "phantoms or simulated patients",
    "observed": "production",
}


@dataclass(frozen=True)
class Shown:
    """A figure ready to be shown.

    Attributes
    ----------
    metric, data : str
    value, interval, n, origin : str
        In words, each with its unit.
    anchor : str
        Where its record stands in the index of evidence.
    figure : SupportedFigure
    """

    metric: str
    data: str
    value: str
    interval: str
    n: str
    origin: str
    anchor: str
    figure: SupportedFigure

    @property
    def whole(self) -> str:
        return f"{self.value} ({self.interval}), {self.n}, {self.origin}"


def anchor(source: str) -> str:
    """The place of a record in the index, by its digest."""
    return f"r-{source if source == DECLARATION else source[:16]}"


def shown(figures: Iterable[SupportedFigure]) -> list[Shown]:
    """Figures to show, each once with every n it was counted over."""
    merged: dict[tuple[str, str, str], list[SupportedFigure]] = {}
    for figure in figures:
        merged.setdefault((figure.metric, figure.data, figure.digest), []).append(figure)
    return [_shown(group) for group in merged.values()]


def _shown(group: list[SupportedFigure]) -> Shown:
    figure = group[0]
    counts = [f"{f.n} {f.unit_of_n}" for f in group]
    n = f"n = {counts[0]}" + (f" ({', '.join(counts[1:])})" if counts[1:] else "")
    if figure.low is None or figure.high is None:
        interval = "no interval can be stated"
    else:
        interval = (
            f"{100 * figure.confidence:g} % interval {amount(figure, figure.low)} to "
            f"{amount(figure, figure.high)}"
        )
    return Shown(
        figure.metric,
        figure.data,
        amount(figure, figure.value),
        interval,
        n,
        _ORIGINS.get(figure.origin, figure.origin),
        anchor(figure.digest),
        figure,
    )


def amount(figure: SupportedFigure, value: float) -> str:
    """A value in the unit in which its metric is written."""
    if figure.metric == "false marks per case":
        return f"{value:.2f}"
    if figure.metric in PLAIN:
        return f"{value:.3f}"
    if value in (0.0, 1.0):
        return f"{100 * value:.0f} %"
    # never rounded to a certainty that is not there
    return f"{min(max(100 * value, 0.1), 99.9):.1f} %"


def value_json(figure: SupportedFigure) -> dict[str, Any]:
    """A figure as the CHAI card keeps it, with its n and its record beside."""
    share = figure.metric != "false marks per case" and figure.metric not in PLAIN
    factor = 100.0 if share else 1.0
    found: dict[str, Any] = {"kind": "single", "value": round(factor * figure.value, 4)}
    if figure.low is not None and figure.high is not None:
        found = {
            "kind": "estimate_ci",
            "estimate": round(factor * figure.value, 4),
            "lower": round(factor * figure.low, 4),
            "upper": round(factor * figure.high, 4),
            "level": float(f"{100 * figure.confidence:g}"),
        }
    return {
        **found,
        "unit": "%" if share else "",
        "n": figure.n,
        "of": figure.unit_of_n,
        "data": figure.data,
        "origin": figure.origin,
        "record": figure.digest,
    }
