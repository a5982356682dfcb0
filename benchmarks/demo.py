"""The example from end to end: how long it takes, and what its model reaches.

There is no peer that does this; the targets are the example's own. The time holds the fetch of the
real scan, which depends on the network.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl
from table import Row, show

import limen

LIMEN = str(Path(sys.executable).with_name("limen"))
MODEL = Path(__file__).parents[1] / "examples" / "ct-lung-nodule" / "model" / "nodule.onnx"


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "demo"
        begun = time.perf_counter()
        done = subprocess.run(
            [LIMEN, "demo", str(folder), "--json"], capture_output=True, text=True
        )
        took = time.perf_counter() - begun
        if done.returncode != 0:
            sys.exit(f"limen demo failed: {done.stderr[-500:]}")
        found = json.loads(done.stdout)
        lesions = limen.load(folder).table("lesions")
        size = sum(
            p.stat().st_size
            for side in ("development", "validation")
            for p in (folder / "data" / side).rglob("*")
            if p.is_file()
        )
    rows = [
        Row("limen demo, boundary and all, 190 simulated patients and the real scan", took, "s",
            target="< 480 s", holds=took < 480),
        Row("size of the simulated cohort", size / 1e6, "MB", target="< 300 MB",
            holds=size < 300e6),
        Row("size of the model", MODEL.stat().st_size / 1e6, "MB", target="< 2 MB",
            holds=MODEL.stat().st_size < 2e6),
    ]  # fmt: skip
    for dataset, summary in found["summaries"].items():
        present = lesions.filter(
            (pl.col("dataset") == dataset) & (pl.col("of") == "reference")
            & (pl.col("diameter_mm") >= 6)
        )  # fmt: skip
        share = present["matched"].is_not_null().mean()
        marks = next(g for g in summary["false_marks"] if not g["min_diameter_mm"])
        a_case = marks["per_case"]["value"]
        simulated = summary["origin"] == "phantom"
        rows += [
            Row(f"{dataset}: nodules of 6 mm and more found, of {len(present)}",
                100 * share, "%", target=">= 85 %" if simulated else None,
                holds=share >= 0.85 if simulated else None),
            Row(f"{dataset}: false marks a case, n = {summary['n_cases']}", a_case, "",
                target="<= 1" if simulated else None, holds=a_case <= 1 if simulated else None),
        ]  # fmt: skip
    show(rows)


if __name__ == "__main__":
    main()
