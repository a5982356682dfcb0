"""Which lesions of a case fail, by criteria on lesions and by criteria on overlap."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from pipeline_builders import YAML, build_product, write_case

import limen
from limen.pipeline.explain_lesions import case_items, find_lesions, raw_signal
from limen.pipeline.graph import CaseGraph
from limen.pipeline.product import Product
from limen.pipeline.trials import Subject, subjects_of

BY_OVERLAP = YAML.replace("lesion-detection", "segmentation").replace(
    """\
  - {measure: missed_lesions, min_diameter_mm: 4 mm, at_most: 0}
  - {measure: false_marks, at_most: 1}
""",
    "  - {measure: dice, at_least: 0.9}\n",
)


def evaluated(folder: Path, text: str) -> tuple[Product, dict[str, Subject]]:
    build_product(folder)
    (folder / "limen.yaml").write_text(text)
    write_case(folder / "data/val", 2)  # no mark too many
    for number, extra in ((3, True), (4, False)):  # a second piece that the model cannot see
        path = folder / f"data/val/references/case-{number}.nii.gz"
        there = nib.load(path)
        values = np.asarray(there.dataobj).copy()
        values[18:22, 15:19, 5:7] = extra
        nib.save(nib.Nifti1Image(values.astype(np.uint8), there.affine), path)
    write_case(folder / "tmp", 3)
    (folder / "tmp/images/case-3.nii.gz").replace(folder / "data/val/images/case-3.nii.gz")
    product = limen.load(folder)
    product.evaluate(workers=1)
    return product, subjects_of(product, CaseGraph(product))


@pytest.fixture(scope="module")
def by_overlap(tmp_path_factory: pytest.TempPathFactory) -> tuple[Product, dict[str, Subject]]:
    return evaluated(tmp_path_factory.mktemp("lesions") / "product", BY_OVERLAP)


def test_by_overlap_a_piece_without_a_mark_fails_in_a_case_that_fails(
    by_overlap: tuple[Product, dict[str, Subject]],
) -> None:
    product, subjects = by_overlap
    failing = {i.name for i in case_items(product, subjects) if i.failed}
    assert failing == {"val/case-1", "val/case-3"}
    found = find_lesions(product, subjects)
    assert found.items == []  # no lesion counts on its own
    assert {n: len(ids) for n, ids in found.failing.items()} == {"val/case-1": 1, "val/case-3": 1}
    assert [name.partition(",")[0] for name in found.names] == ["case-1", "case-3"]


def test_each_failing_lesion_has_its_detectability_or_a_reason(
    by_overlap: tuple[Product, dict[str, Subject]],
) -> None:
    product, subjects = by_overlap
    found = find_lesions(product, subjects)
    told = raw_signal(product, subjects, found, workers=1)
    known = {d.lesion for d in told.detectability}
    assert known | set(told.unknown) == set(found.names) and not known & set(told.unknown)
    assert all("photons are not stated and cannot be read" in w for w in told.unknown.values())
