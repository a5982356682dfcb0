"""Predictions that are already on disk."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from onnx_builders import case, volume

from limen.data.case import NoPrediction
from limen.data.errors import GeometryMismatch, UndeclaredLabel
from limen.evidence import digest_file
from limen.models import open_model
from limen.product.declaration import PredictionsModel, Task


def opened(task):
    return open_model(PredictionsModel(predictions="predictions"), Path("product"), task)


def written(path, values, affine_lps):
    ras = np.diag([-1, -1, 1, 1]) @ affine_lps
    nib.save(nib.Nifti1Image(values.astype(np.uint8), ras), path)
    return path


def test_the_label_map_of_the_case_on_the_images_grid(tmp_path, rng, organs):
    affine = np.diag([0.8, 0.9, 2.5, 1.0])
    values = rng.integers(0, 3, (6, 5, 4))
    image = volume(np.zeros(values.shape), affine)
    path = written(tmp_path / "p.nii.gz", values, affine)
    got = opened(organs).predict(case(prediction=path), image)
    np.testing.assert_array_equal(got.values, values)
    # the same voxels, stored in another order: nothing is lost
    turned = affine.copy()
    turned[0, 0], turned[0, 3] = -0.8, 5 * 0.8
    path = written(tmp_path / "q.nii.gz", values[::-1], turned)
    got = opened(organs).predict(case(prediction=path), image)
    np.testing.assert_array_equal(got.values, values)


def test_what_cannot_be_used_names_the_case(tmp_path, lesions):
    image = volume(np.zeros((4, 4, 4)))
    with pytest.raises(NoPrediction, match=r"P007.*mend"):
        opened(lesions).predict(case(), image)
    other = written(tmp_path / "a.nii.gz", np.zeros((4, 4, 5)), np.eye(4))
    with pytest.raises(GeometryMismatch, match="P007"):
        opened(lesions).predict(case(prediction=other), image)
    undeclared = written(tmp_path / "b.nii.gz", np.full((4, 4, 4), 9), np.eye(4))
    with pytest.raises(UndeclaredLabel, match=r"9 \(64 voxels\)"):
        opened(lesions).predict(case(prediction=undeclared), image)


def test_identity_is_how_values_are_understood():
    def of(**task):
        return opened(Task(kind="segmentation", **task)).identity(digest_file)

    plain = of()
    assert set(plain) == {"labels"}
    assert of() == plain
    assert of(labels={"a": 1}) != plain
    assert of(ignore_labels=[2]) != plain
    assert of(reference="instances") != plain
