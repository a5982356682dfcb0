"""Declarations that the tests load and break."""

from __future__ import annotations

GOOD = """\
limen: 1
product:
  name: ct-lung-nodule
  version: 0.1.0
  intended_use:
    statement: Marks suspected lung nodules on chest CT of adults, for review by a radiologist.
    user: radiologist
    population: {age_years: [18, 110]}
    modality: CT
    anatomy: chest
    situation: serious
    outputs: [mark, contour]
task:
  kind: lesion-detection
  reference: mask
  labels: {nodule: 1, mass: 2}
  ignore_labels: [7, table]
criteria:
  - {measure: missed_lesions, min_diameter_mm: 6, at_most: 0}
  - {measure: false_marks, at_most: 1}
  - {measure: dice, at_least: 0.7, label: nodule}
  - {measure: hd95, at_most: 5 mm}
risk:
  failure_rate: 0.10
  confidence: 95 %
data:
  - {name: development, path: data/development, use: development, approval: approvals/a.yaml}
  - name: validation
    images: data/images
    references: data/references
    use: validation
    approval: approvals/a.yaml
    origin: measured
    optional: true
model:
  onnx: model/nodule.onnx
  input:
    spacing_mm: [1, 1 mm, 0.25 cm]
    window_hu: [-1000, 400]
    patch: [96, 96, 48]
    orientation: LPS
  output:
    activation: softmax
    channels: {nodule: 1, mass: 2}
    min_volume_mm3: 0.004 mL
  threads: 2
physics:
  ct.dose: {from: 1.0, to: 5 %}
  ct.views: {from: 984, to: 60}
  ct.motion: {from: 0 mm, to: 0.5 cm}
regimes: [fda, mdr, mfds]
"""

# the example of the design, as it stands there
DESIGN = """\
limen: 1
product:
  name: ct-lung-nodule
  version: 0.1.0
  intended_use:
    statement: Marks suspected lung nodules on chest CT of adults, for review by a radiologist after the first read.
    user: radiologist
    population: {age_years: [18, 110]}
    modality: CT
    anatomy: chest
    situation: serious           # IMDRF N12: critical | serious | non-serious
    outputs: [mark, contour]     # mark | contour | measurement | score | triage-flag | diagnosis | image
task: {kind: lesion-detection, reference: mask}
criteria:
  - {measure: missed_lesions, min_diameter_mm: 6, at_most: 0}
  - {measure: false_marks, at_most: 1}
risk: {failure_rate: 0.10, confidence: 0.95}
data:
  - {name: development, path: data/development, use: development, approval: approvals/simulated.yaml}
  - {name: validation,  path: data/validation,  use: validation,  approval: approvals/simulated.yaml}
model: {onnx: model/nodule.onnx, input: {spacing_mm: [1, 1, 2.5], window_hu: [-1000, 400]}}
physics:
  ct.dose:   {from: 1.0, to: 0.05}        # fraction of the acquired tube current-time product
  ct.views:  {from: 984, to: 60}
  ct.motion: {from: 0 mm, to: 5 mm}
regimes: [fda, mdr, mfds]
"""  # noqa: E501


def line_of(text, piece):
    """The line, from 1, on which a piece of text begins; it must be there once."""
    assert text.count(piece) == 1, piece
    return text[: text.index(piece)].count("\n") + 1
