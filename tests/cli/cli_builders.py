"""Small products on disk, as the tests of several verbs use them."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np

DECLARATION = """\
limen: 1
product:
  name: p
  version: 0.1.0
  intended_use:
    statement: Marks lesions on CT for review by a radiologist.
    user: radiologist
    population: {age_years: [18, 99]}
    modality: CT
    anatomy: chest
    situation: serious
    outputs: [mark]
task: {kind: lesion-detection, labels: {lesion: 1}}
criteria:
  - {measure: missed_lesions, at_most: 0}
risk: {failure_rate: 0.5, confidence: 0.6}
data:
  - {name: val, path: data, use: validation, approval: a.yaml}
model: {predictions: preds}
"""


def write_product(folder: Path, n_cases: int) -> Path:
    """Cases whose predictions are their references; each is a patient of its own."""
    for n in range(n_cases):
        image = np.random.default_rng(n).normal(0, 100, (20, 18, 10)).astype(np.float32)
        mask = np.zeros(image.shape, np.uint8)
        mask[5:8, 5:8, 2:4] = 1
        for part, values in (("data/images", image), ("data/references", mask), ("preds", mask)):
            path = folder / part / f"case{n}.nii.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            nib.save(nib.Nifti1Image(values, np.diag([-1.0, -1.0, 2.0, 1.0])), path)
    (folder / "a.yaml").write_text("kind: phantom\n")
    (folder / "limen.yaml").write_text(DECLARATION)
    return folder
