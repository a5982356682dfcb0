"""A product of 10,000 cases with nothing stale: how soon do status and run say so?

The peer is what a tool without remembered digests must do: read and hash every file
(``sha256sum``, in C, files warm in the page cache). The files here are as small as files get;
with real images the peer's time grows with their size and Limen's does not.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from table import Row, show

N_CASES = 10_000
LIMEN = str(Path(sys.executable).with_name("limen"))
YAML = """\
limen: 1
product:
  name: many
  version: 0.1.0
  intended_use:
    statement: Ten thousand tiny cases, to see how long nothing takes.
    user: nobody
    population: {age_years: [18, 90]}
    modality: CT
    anatomy: chest
    situation: non-serious
    outputs: [contour]
task: {kind: segmentation, labels: {thing: 1}}
criteria: [{measure: dice, at_least: 0.5}]
risk: {failure_rate: 10 %, confidence: 95 %}
data: [{name: val, path: data, use: validation, approval: a.yaml}]
model: {predictions: predictions}
"""


def _build(folder: Path) -> None:
    from limen.data import Geometry, Volume, encode_nifti

    rng = np.random.default_rng(0)
    for name in ("data/images", "data/references", "predictions"):
        (folder / name).mkdir(parents=True)
    grid = Geometry(np.diag([1.0, 1.0, 1.0, 1.0]), (8, 8, 8))
    mask = np.zeros(grid.shape, np.uint8)
    mask[2:6, 2:6, 2:6] = 1
    label = encode_nifti(Volume(mask, grid))
    rows = ["case,patient,image,reference"]
    for n in range(N_CASES):
        image = rng.integers(-1000, 400, grid.shape).astype(np.int16)
        (folder / f"data/images/case-{n}.nii.gz").write_bytes(encode_nifti(Volume(image, grid)))
        (folder / f"data/references/case-{n}.nii.gz").write_bytes(label)
        (folder / f"predictions/case-{n}.nii.gz").write_bytes(label)
        rows.append(f"case-{n},pt-{n},images/case-{n}.nii.gz,references/case-{n}.nii.gz")
    (folder / "data/cases.csv").write_text("\n".join(rows) + "\n")
    (folder / "a.yaml").write_text("kind: phantom\n")
    (folder / "limen.yaml").write_text(YAML)


def _timed(*command: str) -> float:
    begun = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        sys.exit(f"{command[1]} failed: {done.stderr[-500:]}")
    return time.perf_counter() - begun


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _build(folder)
        time.sleep(3)  # a file younger than two seconds is not remembered
        first = _timed(LIMEN, "evaluate", name)
        _timed(LIMEN, "status", name)  # the first look takes the digests
        looked = min(_timed(LIMEN, "status", name) for _ in range(3))
        again = min(_timed(LIMEN, "evaluate", name) for _ in range(3))
        files = [str(p) for p in folder.rglob("*.nii.gz")]
        listed = folder / "files"
        listed.write_text("\0".join(files))
        hashed = min(_timed("xargs", "-0", "-a", str(listed), "sha256sum") for _ in range(3))
        show(
            [
                Row("first evaluate of 10,000 cases", first, "s"),
                Row("limen status, nothing stale", looked, "s", "hash every file", hashed,
                    "< 10 s", looked < 10),
                Row("limen evaluate, nothing stale", again, "s", "hash every file", hashed,
                    "< 10 s", again < 10),
            ]
        )  # fmt: skip


if __name__ == "__main__":
    main()
