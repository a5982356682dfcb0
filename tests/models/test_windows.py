"""Sliding windows against MONAI's, against the whole image, and by their own laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limen.models.windows import (
    blended_scores,
    central_labels,
    gaussian_weight,
    window_places,
)

SIZE = st.integers(1, 13)
OVERLAP = st.sampled_from([0.0, 0.25, 0.5, 0.9])


def pointwise(windows: np.ndarray) -> np.ndarray:
    return np.stack([windows, 1 - 2 * windows], axis=1)


@settings(deadline=None)
@given(st.tuples(SIZE, SIZE, SIZE), st.tuples(SIZE, SIZE, SIZE), OVERLAP, st.integers(1, 5))
def test_a_pointwise_model_answers_alike_for_any_window(shape, window, overlap, batch):
    values = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    got = blended_scores(values, window, pointwise, overlap=overlap, batch=batch, padding=9.0)
    np.testing.assert_allclose(got, pointwise(values[None])[0], atol=2e-5)


@settings(deadline=None)
@given(st.tuples(SIZE, SIZE, SIZE), st.tuples(SIZE, SIZE, SIZE), OVERLAP, st.integers(1, 5))
def test_labels_of_a_pointwise_model_are_exact_for_any_window(shape, window, overlap, batch):
    values = np.random.default_rng(1).integers(0, 5, shape).astype(np.float32)

    def run(windows):
        return (windows + 1).astype(np.int64)[:, None]

    got = central_labels(values, window, run, overlap=overlap, batch=batch, padding=0.0)
    np.testing.assert_array_equal(got, values + 1)


@given(st.tuples(SIZE, SIZE, SIZE), st.tuples(SIZE, SIZE, SIZE), OVERLAP)
def test_windows_cover_every_voxel_and_stay_inside(shape, window, overlap):
    window = tuple(min(w, n) for w, n in zip(window, shape, strict=True))
    covered = np.zeros(shape, dtype=int)
    for place in window_places(shape, window, overlap):
        assert covered[place].shape == window
        covered[place] += 1
    assert covered.min() >= 1


def test_labels_come_from_the_window_in_which_a_voxel_lies_most_central():
    # Two windows of 4 over 6 voxels, overlapping in voxels 2 and 3; each writes its own number.
    numbers = iter([1, 2])

    def run(windows):
        return np.concatenate([np.full((1, 1, *w.shape), next(numbers)) for w in windows])

    values = np.zeros((6, 1, 1), dtype=np.float32)
    got = central_labels(values, (4, 1, 1), run, overlap=0.5, batch=1, padding=0.0)
    assert got[:, 0, 0].tolist() == [1, 1, 1, 2, 2, 2]


def test_batches_are_never_larger_than_asked_for():
    seen = []

    def run(windows):
        seen.append(len(windows))
        return windows[:, None]

    values = np.zeros((10, 10, 10), dtype=np.float32)
    blended_scores(values, (4, 4, 4), run, overlap=0.0, batch=4, padding=0.0)
    assert max(seen) == 4 and sum(seen) == 27


@pytest.mark.parametrize(
    ("shape", "window", "overlap"),
    [
        ((20, 17, 9), (8, 8, 4), 0.25),
        ((20, 17, 9), (8, 8, 4), 0.5),
        ((5, 17, 9), (8, 9, 12), 0.25),
        ((33, 12, 12), (16, 12, 5), 0.6),
    ],
)
def test_equals_monai(rng, shape, window, overlap):
    torch = pytest.importorskip("torch")
    inferers = pytest.importorskip("monai.inferers")
    # The answer depends on where in the window a voxel lies, so every weight and place shows.
    ramp = rng.normal(size=window).astype(np.float32)
    values = rng.normal(size=shape).astype(np.float32)

    def run(windows):
        return np.stack([windows * ramp, windows + ramp], axis=1)

    def network(windows):
        return torch.from_numpy(run(windows.numpy()[:, 0]))

    theirs = inferers.sliding_window_inference(
        torch.from_numpy(values)[None, None],
        window,
        3,
        network,
        overlap=overlap,
        mode="gaussian",
        padding_mode="constant",
        cval=-1.5,
    )
    ours = blended_scores(values, window, run, overlap=overlap, batch=3, padding=-1.5)
    np.testing.assert_allclose(ours, theirs.numpy()[0], atol=1e-5)


def test_weights_are_symmetric_largest_in_the_middle_and_never_zero():
    weight = gaussian_weight((9, 16, 5))
    for axis in range(3):
        np.testing.assert_allclose(weight, np.flip(weight, axis))
    assert weight.max() == weight[4, 7, 2] <= 1
    assert weight.min() > 0
