"""Results as plain tables: Parquet under ``.limen/tables``, CSV where asked for.

One row a case (``cases``), a criterion of a case (``verdicts``), a label of a case
(``measurements``), a lesion (``lesions``) or a figure of all cases or of a subgroup
(``subgroups``). Units are in the column names or in a ``unit`` column; an undefined value is empty
and its reason stands beside it, never NaN.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limen.evidence import Outcome, write_atomically
from limen.pipeline.errors import NotMadeYet

if TYPE_CHECKING:
    import polars as pl

    from limen.pipeline.product import Product

NAMES = ("cases", "verdicts", "measurements", "lesions", "subgroups")


def write_tables(product: Product) -> None:
    """Write every table from the current verdicts and measurements."""
    for name, frame in _build(product).items():
        buffer = io.BytesIO()
        frame.write_parquet(buffer)
        write_atomically(product.state_folder / "tables" / f"{name}.parquet", buffer.getvalue())


def write_csv(product: Product, folder: Path) -> list[Path]:
    """Write every table as CSV; returns the files."""
    written = []
    for name in NAMES:
        frame = read_table(product, name)
        path = folder / f"{name}.csv"
        write_atomically(path, frame.write_csv().encode())
        written.append(path)
    return written


def read_table(product: Product, name: str) -> pl.DataFrame:
    """A table of the last evaluation.

    Raises
    ------
    NotMadeYet
        Before the first evaluation, or for a name that is none of the tables.
    """
    import polars as pl

    path = product.state_folder / "tables" / f"{name}.parquet"
    if name not in NAMES or not path.exists():
        raise NotMadeYet(
            "there is no such table" if name not in NAMES else "nothing has been evaluated yet",
            found=name,
            mend=f"ask for one of {', '.join(NAMES)}"
            if name not in NAMES
            else f"run `limen evaluate {product.folder}`",
        )
    return pl.read_parquet(path)


def _build(product: Product) -> dict[str, pl.DataFrame]:
    import polars as pl

    from limen.measures.subgroups import flat_rows

    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in NAMES}
    for dataset in product.sets.values():
        if not dataset.is_validation or dataset.left_out is not None:
            continue
        latest = product.store.latest("verdicts", dataset.name)
        verdicts = product.store.get_json(latest.result) if latest is not None else {}
        summary = product.store.latest("summary", dataset.name)
        if summary is not None:
            key = {"dataset": dataset.name, "origin": dataset.origin}
            found = product.store.get_json(summary.result)
            rows["subgroups"] += [{**key, **row} for row in flat_rows(found)]
        for case in dataset.cases:
            key = {"dataset": dataset.name, "origin": dataset.origin, "case": case.id}
            verdict = verdicts.get(case.id)
            rows["cases"].append(
                {
                    **key,
                    "patient": case.patient,
                    "evaluated": verdict is not None,
                    "passed": None if verdict is None else verdict["passed"],
                    "reasons": None if verdict is None else "; ".join(verdict["reasons"]),
                    **{f"attribute_{k}": v for k, v in case.attributes.items()},
                }
            )
            if verdict is None:
                continue
            rows["verdicts"] += [{**key, **c} for c in verdict["criteria"]]
            record = product.store.latest("measurement", f"{dataset.name}/{case.id}")
            if record is None or record.outcome is not Outcome.done:
                continue
            measurement = product.store.get_json(record.result)
            rows["measurements"] += [{**key, **_flat(m)} for m in measurement["labels"]]
            for side in ("reference", "prediction"):
                rows["lesions"] += [
                    {**key, "of": side, **_flat(lesion)}
                    for lesion in measurement.get("lesions", {}).get(side, [])
                ]
    return {
        name: pl.DataFrame(r, infer_schema_length=None, strict=False) for name, r in rows.items()
    }


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """Positions as three columns, nested facts as text, so that every column is plain."""
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, list) and name.endswith("_lps_mm"):
            stem = name.removesuffix("_lps_mm")
            flat |= {f"{stem}_{a}_mm": v for a, v in zip("lps", value, strict=True)}
        elif isinstance(value, list):
            flat[name] = " ".join(map(str, value))
        elif isinstance(value, dict):
            flat[name] = "; ".join(f"{k}: {v}" for k, v in value.items()) or None
        else:
            flat[name] = value
    return flat
