"""From channels to labels: which channel is what, and what is dropped."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from onnx_builders import volume
from scipy import special

from limen.data.volume import Geometry, Volume
from limen.models import ModelMismatch
from limen.models.decide import channel_plan, drop_small, labels_from_scores
from limen.product.declaration import ModelOutput, Task

ORGANS = Task(kind="segmentation", labels={"liver": 1, "spleen": 2})
GRID = Geometry(np.eye(4), (3, 2, 2))
LOGITS = npst.arrays(np.float32, (3, 3, 2, 2), elements=st.floats(-200, 200, width=32))


def decided(scores, task=ORGANS, **output):
    spec = ModelOutput(**output)
    return labels_from_scores(scores.copy(), GRID, GRID, spec, task, "P007").values


@given(LOGITS)
def test_softmax_is_the_first_highest_channel(scores):
    got = decided(scores, activation="softmax")
    probability = special.softmax(scores.astype(float), axis=0)
    second, first = np.sort(probability, axis=0)[-2:]
    clear = first - second > 1e-6
    np.testing.assert_array_equal(got[clear], probability.argmax(axis=0)[clear])


@given(LOGITS)
def test_sigmoid_is_the_highest_label_that_reaches_the_threshold(scores):
    channels = {"liver": 2, "spleen": 0}
    got = decided(scores, activation="sigmoid", channels=channels, threshold=0.7)
    liver, spleen = (special.expit(scores[c].astype(float)) for c in (2, 0))
    truth = np.where((spleen >= liver) & (spleen >= 0.7), 2, np.where(liver >= 0.7, 1, 0))
    clear = np.minimum(abs(liver - 0.7), abs(spleen - 0.7)) > 1e-5
    clear &= (abs(liver - spleen) > 1e-5) | (np.maximum(liver, spleen) < 0.69)
    np.testing.assert_array_equal(got[clear], truth[clear])


def test_sigmoid_of_huge_logits_neither_overflows_nor_warns():
    scores = np.full((1, 3, 2, 2), -1e30, dtype=np.float32)
    scores[0, 0] = 1e30
    lesion = Task(kind="lesion-detection")
    got = decided(scores, lesion, activation="sigmoid")
    assert got[0].all() and not got[1:].any()


def test_channels_without_a_label_are_background():
    lesion = Task(kind="lesion-detection")
    plan = channel_plan(ModelOutput(channels={"lesion": 1}), lesion, 3, "P007")
    assert plan.channels == (0, 1, 2) and plan.values == (0, 1, 0) and plan.threshold is None


def test_probabilities_compete_only_where_there_is_a_background():
    none = ModelOutput(activation="none")
    assert channel_plan(none, ORGANS, 3, "P007").threshold is None
    each = ModelOutput(activation="none", channels={"liver": 0, "spleen": 1})
    assert channel_plan(each, ORGANS, 2, "P007").threshold == 0.5


def test_a_single_channel_is_the_single_label_whatever_its_value():
    task = Task(kind="segmentation", labels={"tumour": 7})
    scores = np.linspace(-1, 1, 12, dtype=np.float32).reshape(1, 3, 2, 2)
    got = decided(scores, task, activation="sigmoid")
    np.testing.assert_array_equal(got, np.where(scores[0] >= 0, 7, 0))


def test_large_label_values_need_sixteen_bits():
    task = Task(kind="segmentation", labels={"tumour": 60000})
    got = decided(np.ones((1, 3, 2, 2), np.float32), task, activation="sigmoid")
    assert got.dtype == np.uint16 and (got == 60000).all()


def test_a_threshold_where_the_highest_wins_is_refused():
    with pytest.raises(ModelMismatch, match="threshold"):
        channel_plan(ModelOutput(threshold=0.3), ORGANS, 3, "P007")


def test_dropping_small_components_is_by_label_and_keeps_the_rest():
    values = np.zeros((10, 4, 4), dtype=np.uint16)
    values[0:2, :2, :2] = 1  # 8 voxels, touching label 2
    values[2:3, :2, :2] = 300  # 4 voxels
    values[5:9, :2, :2] = 300  # 16 voxels
    labels = Volume(values, volume(np.zeros(values.shape)).geometry)
    got = drop_small(labels, 6.0).values
    truth = values.copy()
    truth[2:3, :2, :2] = 0
    np.testing.assert_array_equal(got, truth)
    assert got.dtype == values.dtype
    np.testing.assert_array_equal(drop_small(labels, 0.0).values, values)
