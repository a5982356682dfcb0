"""Boundary IoU at a width in mm: against a distance transform, and its laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from scipy.spatial.distance import cdist

from limen.measures import BadValue, Wanted, judge, measure_case, segmentation
from limen.product.declaration import Criterion, Task

masks = arrays(bool, (6, 5, 4), elements=st.booleans(), fill=st.just(False))
spacings = st.tuples(*[st.sampled_from([0.4, 1.0, 2.5])] * 3)
CROSS = ndimage.generate_binary_structure(3, 1)


def at_width(p, r, spacing, width):
    return segmentation(p, r, spacing_mm=spacing, boundary_width_mm=width)[1].boundary_iou


def by_distance_transform(p, r, spacing, width):
    bands = []
    for mask in (p, r):
        outline = mask & ~ndimage.binary_erosion(mask, CROSS)
        depth = ndimage.distance_transform_edt(~outline, sampling=spacing)
        bands.append(mask & (depth <= width + 1e-9))
    return (bands[0] & bands[1]).sum() / (bands[0] | bands[1]).sum()


@settings(max_examples=40)
@given(masks, masks, spacings, st.sampled_from([0.0, 0.4, 1.0, 2.0, 2.5, 5.0]))
def test_it_is_what_a_distance_transform_says(p, r, spacing, width):
    assume(p.any() and r.any())
    found = at_width(p, r, spacing, width)
    assert found == pytest.approx(by_distance_transform(p, r, spacing, width))


def test_a_large_mask_with_a_deep_inside():
    grid = np.indices((60, 50, 30)) * np.array([0.8, 0.9, 2.0])[:, None, None, None]
    far = np.sqrt(((grid - np.array([24, 22, 30])[:, None, None, None]) ** 2).sum(axis=0))
    p, r = far < 18, far < 20
    for width in (1.0, 5.0, 15.0):
        expected = by_distance_transform(p, r, (0.8, 0.9, 2.0), width)
        assert at_width(p, r, (0.8, 0.9, 2.0), width) == pytest.approx(expected)


@given(masks, masks)
def test_the_ends_are_the_outline_of_one_voxel_and_the_whole_mask(p, r):
    assume(p.any() and r.any())
    thin, whole = at_width(p, r, (1, 1, 1), 0.0), at_width(p, r, (1, 1, 1), 99.0)
    plain = segmentation(p, r, spacing_mm=(1, 1, 1))[1]
    assert (thin, whole) == (pytest.approx(plain.boundary_iou), pytest.approx(plain.iou))


def test_an_oblique_and_sheared_grid_is_measured_in_the_patient():
    rng = np.random.default_rng(4)
    p, r = (ndimage.gaussian_filter(rng.standard_normal((16, 14, 9)), 2) > 0.02 for _ in range(2))
    affine = np.array([[0.7, 0, 0, 0], [0, 0.7, -1.1, 0], [0, 0, 2.3, 0], [0, 0, 0, 1]], float)
    bands = []
    for mask in (p, r):
        outline = np.argwhere(mask & ~ndimage.binary_erosion(mask, CROSS)) @ affine[:3, :3].T
        near = cdist(np.argwhere(mask) @ affine[:3, :3].T, outline).min(axis=1) <= 1.5
        band = np.zeros_like(mask)
        band[mask] = near
        bands.append(band)
    expected = (bands[0] & bands[1]).sum() / (bands[0] | bands[1]).sum()
    found = segmentation(p, r, affine_mm=affine, boundary_width_mm=1.5)[1]
    assert found.boundary_iou == pytest.approx(expected)
    assert found.boundary_width_mm == 1.5


def test_empty_sides_are_as_without_a_width():
    a, nothing = np.zeros((5, 5, 5), bool), np.zeros((5, 5, 5), bool)
    a[1:4, 1:4, 1:4] = True
    assert at_width(nothing, a, (1, 1, 1), 2) == 0
    assert at_width(nothing, nothing, (1, 1, 1), 2) == 1


def test_a_criterion_states_its_width_and_is_judged_by_it():
    p, r = np.zeros((12, 12, 8), np.uint8), np.zeros((12, 12, 8), np.uint8)
    p[2:8, 2:8, 2:7] = r[3:9, 2:8, 2:7] = 1
    task = Task(kind="segmentation", labels={"organ": 1})
    criteria = [
        Criterion(measure="boundary_iou", tolerance_mm=2, at_least=0.9),
        Criterion(measure="boundary_iou", at_least=0.9),
    ]
    m = measure_case(p, r, np.eye(4), task, Wanted.by(criteria))
    wide, thin = judge(m, criteria, task).criteria
    assert wide.value == pytest.approx(by_distance_transform(p == 1, r == 1, (1, 1, 1), 2))
    assert thin.value == pytest.approx(by_distance_transform(p == 1, r == 1, (1, 1, 1), 0))
    assert wide.reason.startswith("boundary IoU at 2 mm of organ is")
    again = type(m).from_dict(m.as_dict())
    assert again.labels[0].boundary_iou_at == m.labels[0].boundary_iou_at == {2.0: wide.value}


@pytest.mark.parametrize("width", [-1, float("nan"), float("inf")])
def test_a_width_below_zero_is_refused(width):
    with pytest.raises(BadValue, match="width of an outline"):
        at_width(np.ones((3, 3, 3), bool), np.ones((3, 3, 3), bool), (1, 1, 1), width)
