"""A tiny product to train on: bright balls in boxes of noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from limen.data import Case, Geometry, Source, Volume, write_nifti
from limen.models.recipe import Recipe
from limen.product import Declaration, load_declaration

SHAPE = (32, 28, 14)
SPACING_MM = (1.5, 1.5, 2.5)
GEOMETRY = Geometry(np.diag([*SPACING_MM, 1.0]), SHAPE)

YAML = """\
limen: 1
product:
  name: balls
  version: 0.1.0
  intended_use:
    statement: Marks bright balls in boxes of noise, for the tests of training.
    user: tester
    population: {{age_years: [18, 90]}}
    modality: CT
    anatomy: chest
    situation: non-serious
    outputs: [mark]
task: {{kind: lesion-detection, reference: {reference}, labels: {{ball: {value}}}}}
criteria:
  - {{measure: missed_lesions, at_most: 0}}
risk: {{failure_rate: 20 %, confidence: 90 %}}
data:
  - {{name: dev, path: data/dev, use: {use}, approval: approvals/a.yaml}}
  - {{name: val, path: data/val, use: validation, approval: approvals/a.yaml, optional: true}}
model: {model}
"""
MODEL = (
    "{{onnx: model/balls.onnx, input: {{window_hu: [-1000, 400], patch: [16, 16, 8], "
    "overlap: 0.25, batch: 4, axes: {axes}}}, output: {{activation: softmax}}}}"
)


def declared(
    folder: Path,
    *,
    axes: str = "xyz",
    reference: str = "mask",
    value: int = 1,
    use: str = "development",
    model: str = MODEL,
) -> Declaration:
    """The declaration, also written to the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    text = YAML.format(reference=reference, value=value, use=use, model=model.format(axes=axes))
    (folder / "limen.yaml").write_text(text)
    (folder / "approvals").mkdir(exist_ok=True)
    (folder / "approvals/a.yaml").write_text("kind: phantom\nnote: balls in noise\n")
    return load_declaration(folder / "limen.yaml")


def balls(number: int) -> tuple[Volume, np.ndarray]:
    """An image with two balls of 4 to 6 mm radius, and a map that numbers them 1 and 2."""
    rng = np.random.default_rng(number)
    values = rng.normal(-850, 80, SHAPE)
    numbered = np.zeros(SHAPE, dtype=np.uint8)
    places = np.stack(np.indices(SHAPE), axis=-1) * SPACING_MM
    for n, x in enumerate((12.0, 34.0), 1):
        centre = (x + rng.uniform(-3, 3), rng.uniform(10, 30), rng.uniform(10, 24))
        inside = np.linalg.norm(places - centre, axis=-1) <= rng.uniform(4, 6)
        values[inside] += 700
        numbered[inside] = n
    return Volume(np.round(values).astype(np.int16), GEOMETRY), numbered


def written_cases(folder: Path, count: int = 12, *, instances: bool = False) -> list[Case]:
    """Cases on disk, one for each patient."""
    cases = []
    for number in range(count):
        image, numbered = balls(number)
        name = f"secret-{number}"
        labels = numbered if instances else (numbered > 0).astype(np.uint8)
        paths = [folder / f"data/dev/{kind}/{name}.nii.gz" for kind in ("images", "references")]
        write_nifti(image, paths[0])
        write_nifti(Volume(labels, GEOMETRY), paths[1])
        sources = [Source("nifti", (path,)) for path in paths]
        cases.append(Case(name, f"patient-{number}", *sources))
    return cases


def quick(**changes: object) -> Recipe:
    """Seconds of training."""
    told = {
        "recipe": 1,
        "network": {"channels": [8, 16], "strides": [[1, 1, 1]]},
        "batch": 4,
        "steps": 80,
        "eval_every": 20,
        "learning_rate": 0.02,
        "warmup_steps": 5,
        "tune_fraction": 0.25,
        "threads": 1,
    }
    return Recipe.model_validate({**told, **changes})
