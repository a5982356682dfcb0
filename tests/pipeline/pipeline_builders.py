"""A small product with known lesions, whose model is a threshold in ONNX."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from limen.data import Geometry, Volume, write_nifti

SHAPE = (24, 20, 12)
AFFINE = np.array([[1.5, 0, 0, -20.0], [0, 1.5, 0, 10.0], [0, 0, 2.5, 5.0], [0, 0, 0, 1]])

YAML = """\
limen: 1
product:
  name: small
  version: 0.1.0
  intended_use:
    statement: Marks bright balls in boxes of noise, for the tests of the pipeline.
    user: tester
    population: {age_years: [18, 90]}
    modality: CT
    anatomy: chest
    situation: non-serious
    outputs: [mark]
task: {kind: lesion-detection, reference: mask, labels: {ball: 1}}
criteria:
  - {measure: missed_lesions, min_diameter_mm: 4 mm, at_most: 0}
  - {measure: false_marks, at_most: 1}
risk: {failure_rate: 20 %, confidence: 90 %}
data:
  - {name: dev, path: data/dev, use: development, approval: approvals/a.yaml}
  - {name: val, path: data/val, use: validation, approval: approvals/a.yaml}
model:
  onnx: model/threshold.onnx
  input: {window_hu: [-1000, 400]}
  output: {activation: none, threshold: 0.5}
"""

# Slow on purpose, so that a kill falls into every part of a run; and it reads NIfTI by its
# offsets, because a start without numpy and nibabel costs a twentieth.
COMMAND = """\
import array, gzip, struct, sys, time
from pathlib import Path
time.sleep(float(sys.argv[1]))
source, target = map(Path, sys.argv[2:])
for path in source.glob("*_0000.nii.gz"):
    data = bytearray(gzip.decompress(path.read_bytes()))
    kind, start = struct.unpack_from("<h", data, 70)[0], int(struct.unpack_from("<f", data, 108)[0])
    values = array.array({4: "h", 16: "f", 64: "d"}[kind], bytes(data[start:]))
    struct.pack_into("<hh", data, 70, 2, 8)
    labels = bytes(value > -300 for value in values)
    (target / path.name.replace("_0000", "")).write_bytes(gzip.compress(data[:start] + labels))
"""


def ball(centre: tuple[float, float, float], radius_mm: float) -> np.ndarray:
    """Boolean mask of a ball; centre in voxels."""
    i, j, k = np.indices(SHAPE)
    apart = [(a - c) * s for a, c, s in zip((i, j, k), centre, (1.5, 1.5, 2.5), strict=True)]
    return sum(a**2 for a in apart) <= radius_mm**2


def write_case(
    folder: Path, number: int, *, extra_mark: int = 0, missed: bool = False, lesion_hu: int = 200
) -> None:
    """One case: lung-like noise, a ball at +200 HU; ``missed`` balls are too dark to be found."""
    rng = np.random.default_rng(number)
    values = rng.normal(-850, 25, SHAPE)
    lesion = ball((8 + number % 5, 9, 6), 4.0)
    values[lesion] = -700 if missed else lesion_hu
    if lesion_hu < 0:  # a ball at a model's threshold is uneven
        values[lesion] += rng.normal(0, 25, lesion.sum())
    for n in range(extra_mark):
        values[ball((19, 3 + 6 * n, 6), 3.0)] = 200
    geometry = Geometry(AFFINE, SHAPE)
    write_nifti(
        Volume(np.round(values).astype(np.int16), geometry), folder / f"images/case-{number}.nii.gz"
    )
    write_nifti(
        Volume(lesion.astype(np.uint8), geometry), folder / f"references/case-{number}.nii.gz"
    )


def write_threshold_model(path: Path, level: float = 0.5) -> None:
    """Score 1 where the scaled image is above ``level``; one foreground channel."""
    graph = helper.make_graph(
        [
            helper.make_node("Sub", ["image", "level"], ["over"]),
            helper.make_node("Mul", ["over", "gain"], ["steep"]),
            helper.make_node("Sigmoid", ["steep"], ["score"]),
        ],
        "threshold",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 1, "x", "y", "z"])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n", 1, "x", "y", "z"])],
        [
            helper.make_tensor("level", TensorProto.FLOAT, [], [level]),
            helper.make_tensor("gain", TensorProto.FLOAT, [], [200.0]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)


def write_command_model(folder: Path, seconds: float) -> str:
    """A program that thresholds after some sleep; returns the declaration's part on the model."""
    (folder / "model/predict.py").write_text(COMMAND)
    words = [sys.executable, "model/predict.py", str(seconds), "{input}", "{output}"]
    return f"model:\n  command: {json.dumps(words)}\n  files: [model/predict.py]\n"


def build_product(folder: Path) -> Path:
    """Two development and five validation cases: one misses its ball, one has a false mark."""
    for number in (20, 21):
        write_case(folder / "data/dev", number)
    write_case(folder / "data/val", 0)
    write_case(folder / "data/val", 1, missed=True)
    write_case(folder / "data/val", 2, extra_mark=1)
    write_case(folder / "data/val", 3, extra_mark=2)
    write_case(folder / "data/val", 4)
    write_threshold_model(folder / "model/threshold.onnx")
    (folder / "approvals").mkdir()
    (folder / "approvals/a.yaml").write_text("kind: phantom\nnote: balls in noise\n")
    (folder / "limen.yaml").write_text(YAML)
    return folder
