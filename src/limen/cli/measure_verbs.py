"""Verbs that measure without a product: measure."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limen.cli.show import Json, Workers, json_out, table_out

if TYPE_CHECKING:
    from limen.measures import Detection, LabelMeasures


LESION_COUNTS = {
    "lesions_present": "present",
    "lesions_found": "found",
    "lesions_missed": "missed",
    "false_marks": "false_marks",
    "lesions_split": "split",
    "lesions_merged": "merged",
}
"""Names of the counts of lesions, as they are shown, and of the attribute behind each."""


def add_to(app: typer.Typer) -> None:
    app.command()(measure)


def measure(
    prediction: Annotated[
        Path,
        typer.Argument(
            metavar="PRED", help="Label map: NIfTI, NRRD or DICOM SEG; or a folder of them."
        ),
    ],
    reference: Annotated[
        Path,
        typer.Argument(
            metavar="REF", help="Its reference, on the same grid; or a folder, by the same names."
        ),
    ],
    label: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE or VALUE, once for each; NAME=1+2 is a union."),
    ] = None,
    nsd_tolerance: Annotated[
        float | None, typer.Option(help="mm that outlines may lie apart and still agree: NSD.")
    ] = None,
    boundary_width: Annotated[
        float | None, typer.Option(help="mm of the outlines of boundary IoU; default one voxel.")
    ] = None,
    convention: Annotated[
        str, typer.Option(help="Of distances: limen, monai, medpy or surface-distance.")
    ] = "limen",
    cldice: Annotated[bool, typer.Option(help="Centreline Dice too, for tubes.")] = False,
    lesions: Annotated[
        bool, typer.Option("--lesions", help="Each label's lesions too: found, missed, false.")
    ] = False,
    min_diameter: Annotated[
        float, typer.Option(min=0, help="Lesions count from this equal-volume diameter on, in mm.")
    ] = 0.0,
    match_within: Annotated[
        float | None,
        typer.Option(help="Match lesions by centres this close, in mm, instead of by overlap."),
    ] = None,
    image: Annotated[
        Path | None, typer.Option(help="The image that two DICOM SEG were drawn on.")
    ] = None,
    workers: Workers = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, one row a label.")] = False,
    as_json: Json = False,
) -> None:
    """Measure a segmentation against its reference: overlap, volume, distances of each label.

    Of two folders every case is measured by itself and told as soon as it is done (--csv,
    --json), or summed up with the worst cases by name. Exit status 1 when a case is missing or
    cannot be measured.
    """
    named = _labels(label)
    of_files = {"labels": named, "image": image}
    measures: dict[str, Any] = {
        "nsd_tolerance_mm": nsd_tolerance,
        "boundary_width_mm": boundary_width,
        "convention": convention,
    }
    looked_for: dict[str, Any] | None = None
    if lesions or min_diameter or match_within is not None:
        looked_for = {"min_diameter_mm": min_diameter, "max_centroid_mm": match_within}
    if prediction.is_dir() and reference.is_dir():
        from limen.cli.measure_folder import measure_folders
        from limen.measures.folders import Work, pairs_of

        pairs = pairs_of(prediction, reference)
        work = [
            Work(case, *paths, named, image, measures, looked_for, cldice)
            for case, paths in pairs.both.items()
        ]
        complete = measure_folders(work, pairs, workers, as_csv=as_csv, as_json=as_json)
        if not complete:
            raise typer.Exit(1)
        return
    from limen.measures import detection, segmentation

    found = segmentation(prediction, reference, **of_files, **measures)
    marks = None
    if looked_for is not None:
        marks = detection(prediction, reference, **of_files, **looked_for)
    rows = [row_of(m, cldice, marks[name] if marks else None) for name, m in found.items()]
    if as_json:
        of_lesions = {} if marks is None else {"lesions": [d.as_dict() for d in marks.values()]}
        json_out({"convention": convention, "labels": rows, **of_lesions})
        return
    if as_csv:
        flat = [{k: v for k, v in row.items() if k != "undefined"} for row in rows]
        writer = csv.DictWriter(sys.stdout, list(flat[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(flat)
        return
    shown = [name for name in rows[0] if name not in ("label", "undefined", "correct_rejection")]
    table = [[words_of(name), *(number_words(row[name]) for row in rows)] for name in shown]
    table_out("", ["", *(str(row["label"]) for row in rows)], table)
    for row in rows:
        for name, why in row["undefined"].items():
            if name != "nsd":
                typer.echo(f"{row['label']}: no {words_of(name)}, because the {why}")
        if row["correct_rejection"]:
            typer.echo(f"{row['label']}: nothing to find and nothing marked, by convention perfect")
    for d in (marks or {}).values():
        _lesions_out(d)
    if nsd_tolerance is None:
        typer.echo("No NSD, because no tolerance was stated; say --nsd-tolerance MM.")


def row_of(m: LabelMeasures, cldice: bool, marks: Detection | None = None) -> dict[str, Any]:
    """The measures of a label by name, in the order in which they are shown."""
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
    if m.boundary_width_mm is not None:
        row["boundary_width_mm"] = m.boundary_width_mm
    if cldice:
        row["cldice"] = m.cldice
    if marks is not None:
        row |= {name: len(getattr(marks, of)) for name, of in LESION_COUNTS.items()}
    return {**row, "correct_rejection": m.correct_rejection, "undefined": m.undefined}


def _lesions_out(d: Detection, most: int = 20) -> None:
    """Lesions of a label that were missed, and marks on nothing, by place."""
    for what, lesions in (("missed", d.missed), ("false mark", d.false_marks)):
        for x in lesions[:most]:
            i, j, k = (f"{round(c) + 0:d}" for c in x.centroid_lps_mm)
            typer.echo(f"{d.label}: {what}, {x.diameter_mm:.1f} mm at ({i}, {j}, {k}) mm LPS")
        if len(lesions) > most:
            typer.echo(f"{d.label}: and {len(lesions) - most} more; --json lists all")


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


def words_of(name: str) -> str:
    """The name of a measure in words, with its unit."""
    stem, _, unit = name.rpartition("_")
    return f"{stem.replace('_', ' ')}, {unit}" if unit in ("mm", "ml") else name.replace("_", " ")


def number_words(value: float | None) -> str:
    """A value of the table; "-" where there is none."""
    return "-" if value is None else f"{value:.4g}"
