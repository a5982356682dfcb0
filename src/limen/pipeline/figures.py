"""Figures of the last evaluation that a text or a dossier may state, each with its record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from limen.evidence import Record
    from limen.pipeline.product import Product
    from limen.pipeline.status import Status
    from limen.regulation.wording import SupportedFigure


def summaries(product: Product, found: Status) -> dict[str, Record]:
    """By validation set, the record of its summary, where that is fresh."""
    return {i.subject: i.record for i in found.items if i.kind == "summary" and i.record}


def supported_figures(product: Product, found: Status) -> list[SupportedFigure]:
    """Figures whose evidence is fresh; each is there with every n it may be stated with."""
    figures: list[SupportedFigure] = []
    for name, record in summaries(product, found).items():
        summary = product.store.get_json(record.result)
        origin = product.sets[name].origin
        for metric, of, figure in _figures_of(summary):
            figures += supported(metric, figure, name + of, origin, record.result)
    return figures


def _figures_of(summary: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Metric, what it was counted over, and figure; those over the claimed sizes stand first."""

    def size(group: dict[str, Any]) -> str:
        least, structure = group["min_diameter_mm"], group["region"] or group["label"]
        of = f", {structure}" if structure else ""
        of += f", {least:g} mm and more" if least else ", all sizes"
        return of + (f", within {group['tolerance_mm']:g} mm" if group["tolerance_mm"] else "")

    def by_size(name: str) -> list[dict[str, Any]]:
        return sorted(summary.get(name, ()), key=lambda g: -g["min_diameter_mm"])

    found = [("failure rate", "", summary["failure_rate"])]
    found += [("sensitivity", size(g), g["sensitivity"]) for g in by_size("sensitivity")]
    found += [("false marks per case", size(g), g["per_case"]) for g in by_size("false_marks")]
    found += [("dice", f", {x['label']}", x["dice"]) for x in summary.get("labels", ())]
    return [entry for entry in found if entry[2]["value"] is not None]


def supported(
    metric: str, figure: dict[str, Any], data: str, origin: str, digest: str
) -> list[SupportedFigure]:
    """A figure with each n it may be stated with: the patients, and what was counted."""
    from limen.regulation.wording import SupportedFigure

    counts = {figure["n_patients"]: "patients", figure["n"]: "counted"}
    if figure["n"] == figure["n_patients"]:
        counts = {figure["n"]: "patients"}
    return [
        SupportedFigure(
            metric,
            figure["value"],
            figure["low"],
            figure["high"],
            n,
            unit,
            data,
            origin,
            digest,
            figure["confidence"],
        )
        for n, unit in counts.items()
    ]
