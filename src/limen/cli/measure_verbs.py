"""Verbs that measure without a product: measure."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limen.cli.show import Json, json_out, table_out

if TYPE_CHECKING:
    from limen.measures import LabelMeasures


def add_to(app: typer.Typer) -> None:
    app.command()(measure)


def measure(
    prediction: Annotated[
        Path, typer.Argument(metavar="PRED", help="Label map: NIfTI, NRRD or DICOM SEG.")
    ],
    reference: Annotated[
        Path, typer.Argument(metavar="REF", help="Its reference, on the same grid.")
    ],
    label: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE or VALUE, once for each; NAME=1+2 is a union."),
    ] = None,
    nsd_tolerance: Annotated[
        float | None, typer.Option(help="mm that outlines may lie apart and still agree: NSD.")
    ] = None,
    convention: Annotated[
        str, typer.Option(help="Of distances: limen, monai, medpy or surface-distance.")
    ] = "limen",
    cldice: Annotated[bool, typer.Option(help="Centreline Dice too, for tubes.")] = False,
    image: Annotated[
        Path | None, typer.Option(help="The image that two DICOM SEG were drawn on.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, one row a label.")] = False,
    as_json: Json = False,
) -> None:
    """Measure a segmentation against its reference: overlap, volume, distances of each label."""
    from limen.measures import segmentation

    found = segmentation(
        prediction,
        reference,
        labels=_labels(label),
        nsd_tolerance_mm=nsd_tolerance,
        convention=convention,  # type: ignore[arg-type]
        image=image,
    )
    rows = [_row(m, cldice) for m in found.values()]
    if as_json:
        json_out({"convention": convention, "labels": rows})
        return
    if as_csv:
        flat = [{k: v for k, v in row.items() if k != "undefined"} for row in rows]
        writer = csv.DictWriter(sys.stdout, list(flat[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(flat)
        return
    shown = [name for name in rows[0] if name not in ("label", "undefined", "correct_rejection")]
    table = [[_words(name), *(_number(row[name]) for row in rows)] for name in shown]
    table_out("", ["", *(str(row["label"]) for row in rows)], table)
    for row in rows:
        for name, why in row["undefined"].items():
            if name != "nsd":
                typer.echo(f"{row['label']}: no {_words(name)}, because the {why}")
        if row["correct_rejection"]:
            typer.echo(f"{row['label']}: nothing to find and nothing marked, by convention perfect")
    if nsd_tolerance is None:
        typer.echo("No NSD, because no tolerance was stated; say --nsd-tolerance MM.")


def _row(m: LabelMeasures, cldice: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "label": m.label,
        "dice": m.dice,
        "iou": m.iou,
        "volume_reference_ml": m.volume_reference_ml,
        "volume_prediction_ml": m.volume_prediction_ml,
        "volume_error_ml": m.volume_error_ml,
        "relative_volume_error": m.relative_volume_error,
        "hd_mm": m.hd_mm,
        "hd95_mm": m.hd95_mm,
        "assd_mm": m.assd_mm,
        "masd_mm": m.masd_mm,
    }
    if m.nsd_tolerance_mm is not None:
        row |= {"nsd": m.nsd, "nsd_tolerance_mm": m.nsd_tolerance_mm}
    row["boundary_iou"] = m.boundary_iou
    if cldice:
        row["cldice"] = m.cldice
    return {**row, "correct_rejection": m.correct_rejection, "undefined": m.undefined}


def _labels(stated: list[str] | None) -> Any:
    from limen.measures import BadValue

    if not stated:
        return None
    named: dict[str, Any] = {}
    for text in stated:
        name, _, values = text.rpartition("=")
        try:
            numbers = [int(v) for v in values.split("+")]
        except ValueError:
            raise BadValue(
                "a label is NAME=VALUE or VALUE", where="--label", found=text, mend="as liver=1"
            ) from None
        named[name or values] = numbers[0] if len(numbers) == 1 else tuple(numbers)
    return named


def _words(name: str) -> str:
    stem, _, unit = name.rpartition("_")
    return f"{stem.replace('_', ' ')}, {unit}" if unit in ("mm", "ml") else name.replace("_", " ")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
