"""HD95 against closed forms, a brute force, MONAI, and the laws of a distance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from scipy.spatial.distance import cdist

from limen.measures import ShapeMismatch, Undefined, hd95_mm
from limen.measures.runs import in_memory_order, runs_of
from limen.measures.surfaces import surface_voxels

TILTED = np.array(
    [[0.7, 0, 0, -120], [0, 0.7, -1.1, 35], [0, 0, 2.3, 800], [0, 0, 0, 1]], dtype=float
)
ANISOTROPIC = np.diag([0.4, 0.4, 6.0, 1.0])
masks = arrays(bool, (6, 5, 4), elements=st.booleans(), fill=st.just(False))


def box(shape, *ranges):
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(slice(*r) for r in ranges)] = True
    return mask


def surface(mask):
    (turned,), order = in_memory_order([np.asarray(mask, np.uint8)])
    outline = np.zeros(turned.shape, bool)
    outline[tuple(surface_voxels(runs_of(turned)).T)] = True
    return outline.transpose(np.argsort(order))


def brute_force(p, r, affine):
    """Written from the definition alone, with scipy's erosion and all pairs of points."""
    structure = ndimage.generate_binary_structure(3, 1)

    def points(mask):
        edge = mask & ~ndimage.binary_erosion(mask, structure, border_value=0)
        index = np.argwhere(edge)
        return (affine @ np.c_[index, np.ones(len(index))].T).T[:, :3]

    d = cdist(points(p), points(r))
    return max(np.percentile(d.min(axis=1), 95), np.percentile(d.min(axis=0), 95))


def test_shifted_boxes_are_the_shift_apart():
    # All but the leading and trailing faces lie on each other along the shift; a box that is
    # flat along the shift has more than 5 % of its surface at the full distance.
    a = box((40, 30, 30), (10, 12), (5, 25), (5, 25))
    b = np.roll(a, 6, axis=0)
    assert hd95_mm(a, b, np.diag([1.5, 1, 1, 1])) == pytest.approx(6 * 1.5)


def test_concentric_spheres_are_their_radii_apart():
    z = np.indices((61, 61, 61)) - 30
    r = np.sqrt((z**2).sum(axis=0)) * 0.5
    assert hd95_mm(r <= 12, r <= 8, np.diag([0.5, 0.5, 0.5, 1])) == pytest.approx(4, abs=0.5)


def test_two_voxels_are_their_distance_in_the_patient_apart():
    a, b = np.zeros((9, 9, 9)), np.zeros((9, 9, 9))
    a[1, 2, 3] = b[4, 6, 8] = 1
    for affine in (np.eye(4), ANISOTROPIC, TILTED):
        step = affine[:3, :3] @ np.array([3, 4, 5])
        assert hd95_mm(a, b, affine) == pytest.approx(np.linalg.norm(step))


def test_equal_masks_are_zero_apart():
    a = box((10, 10, 10), (2, 7), (3, 8), (0, 4))
    assert hd95_mm(a, a, ANISOTROPIC) == 0.0


def test_both_empty_is_zero():
    assert hd95_mm(np.zeros((4, 4, 4)), np.zeros((4, 4, 4)), np.eye(4)) == 0.0


def test_one_empty_is_undefined_and_says_which():
    empty, full = np.zeros((4, 4, 4)), np.ones((4, 4, 4))
    with pytest.raises(Undefined, match="prediction is empty"):
        hd95_mm(empty, full, np.eye(4))
    with pytest.raises(Undefined, match="reference is empty"):
        hd95_mm(full, empty, np.eye(4))


def test_the_border_of_the_grid_is_surface():
    full = np.ones((5, 5, 5), dtype=bool)
    expected = full.copy()
    expected[1:-1, 1:-1, 1:-1] = False
    assert np.array_equal(surface(full), expected)


def test_a_single_slice_has_its_outline_as_surface():
    disc = box((9, 9, 1), (1, 8), (1, 8), (0, 1))
    inner = box((9, 9, 1), (2, 7), (2, 7), (0, 1))
    assert np.array_equal(surface(disc), disc & ~inner)
    # the four corners, of 24 outline voxels, are a diagonal away from the inner outline
    assert hd95_mm(inner, disc, np.diag([2, 2, 5, 1])) == pytest.approx(2 * np.sqrt(2))


def test_one_slice_of_a_volume_is_all_surface():
    plate = box((9, 9, 5), (1, 8), (1, 8), (2, 3))
    assert hd95_mm(plate, plate, np.eye(4)) == 0
    hole = plate.copy()
    hole[4, 4, 2] = False
    both = brute_force(plate, hole, np.eye(4))
    assert hd95_mm(plate, hole, np.eye(4)) == pytest.approx(both)


def test_two_axes_are_refused():
    with pytest.raises(ShapeMismatch, match="three axes"):
        hd95_mm(np.ones((4, 4)), np.ones((4, 4)), np.eye(4))


@settings(deadline=None)
@given(masks, masks, st.sampled_from([np.eye(4), ANISOTROPIC, TILTED]))
def test_it_is_the_brute_force_number_in_any_grid(a, b, affine):
    assume(a.any() and b.any())
    assert hd95_mm(a, b, affine) == pytest.approx(brute_force(a, b, affine))


@settings(deadline=None)
@given(masks, masks, st.sampled_from([ANISOTROPIC, TILTED]))
def test_it_is_symmetric_and_knows_no_memory_order(a, b, affine):
    assume(a.any() and b.any())
    assert hd95_mm(a, b, affine) == hd95_mm(b, a, affine)
    assert hd95_mm(np.asfortranarray(a), b, affine) == hd95_mm(a, b, affine)


@settings(deadline=None)
@given(masks, masks, st.integers(0, 3), st.floats(-500, 500), st.floats(0.2, 5))
def test_it_moves_with_the_patient_and_scales_with_the_spacing(a, b, pad, offset_mm, scale):
    assume(a.any() and b.any())
    here = hd95_mm(a, b, ANISOTROPIC)
    moved = ANISOTROPIC.copy()
    moved[:3, 3] = offset_mm
    wide = [(pad, 3 - pad)] * 3
    assert hd95_mm(np.pad(a, wide), np.pad(b, wide), moved) == pytest.approx(here)
    scaled = ANISOTROPIC.copy()
    scaled[:3, :3] *= scale
    assert hd95_mm(a, b, scaled) == pytest.approx(here * scale)


@pytest.mark.filterwarnings("ignore:.*always_return_as_numpy:FutureWarning")
@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0, 1.0), (0.7, 0.7, 5.0)], ids=str)
def test_monai_gives_the_same(spacing_mm):
    torch = pytest.importorskip("torch")
    metrics = pytest.importorskip("monai.metrics")
    rng = np.random.default_rng(7)
    for _ in range(4):
        p, r = (
            ndimage.gaussian_filter(rng.standard_normal((24, 20, 12)), 2) > 0.03 for _ in range(2)
        )
        ours = hd95_mm(p, r, np.diag([*spacing_mm, 1]))
        theirs = metrics.compute_hausdorff_distance(
            torch.tensor(p[None, None]),
            torch.tensor(r[None, None]),
            include_background=True,
            percentile=95,
            spacing=list(spacing_mm),
        ).item()
        assert ours == pytest.approx(theirs, rel=1e-5)
