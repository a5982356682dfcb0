"""Every measure of a label against peers under their own convention, and the laws it keeps."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from scipy.spatial.distance import cdist

from limen.measures import (
    BadAffine,
    BadConvention,
    BadValue,
    MeasureError,
    NotALabelMap,
    ShapeMismatch,
    SpacingMissing,
    Undefined,
    cldice,
    dice,
    hd95_mm,
    relative_volume_error,
    segmentation,
    volume_error_ml,
)
from limen.measures.centreline import centreline

TOLERANCE_MM = 1.03
DISTANCES = ("hd_mm", "hd95_mm", "assd_mm", "masd_mm")
masks = arrays(bool, (6, 5, 4), elements=st.booleans(), fill=st.just(False))
label_maps = arrays(np.uint8, (5, 6, 4), elements=st.integers(0, 3))
spacings = st.tuples(*[st.sampled_from([0.4, 0.7, 1.0, 2.5, 6.0])] * 3)


def _blobs(shape, seed, sigma=2.0, level=0.03):
    rng = np.random.default_rng(seed)
    return [ndimage.gaussian_filter(rng.standard_normal(shape), sigma) > level for _ in range(2)]


def _pairs():
    a, b = np.zeros((24, 20, 12), bool), np.zeros((24, 20, 12), bool)
    a[4:10, 4:10, 3:8], b[10:15, 4:10, 3:8] = True, True
    yield "touching", a, b
    one, other = np.zeros_like(a), np.zeros_like(a)
    one[3, 4, 5] = other[20, 15, 2] = True
    yield "one voxel each", one, other
    yield "one voxel in a box", one, a
    border = np.zeros_like(a)
    border[:9, :, 4:] = True
    yield "at the border", border, a
    yield "the whole grid", np.ones_like(a), a
    yield "the same", a, a
    for seed in range(3):
        yield f"random {seed}", *_blobs((24, 20, 12), seed)
    rng = np.random.default_rng(3)
    yield "noise", rng.random((16, 12, 10)) < 0.3, rng.random((16, 12, 10)) < 0.3


PAIRS = {name: (p, r) for name, p, r in _pairs()}
SPACINGS = [(1.0, 1.0, 1.0), (0.7, 0.9, 5.0)]
FLAT = {f"2-D {seed}": tuple(_blobs((30, 26), seed, 2.5, 0.02)) for seed in range(3)}
few = settings(max_examples=30)
cases = pytest.mark.parametrize("name", [*PAIRS, *FLAT])
in_spacing = pytest.mark.parametrize("spacing", SPACINGS, ids=str)


def _case(name, spacing):
    p, r = (PAIRS | FLAT)[name]
    return p, r, spacing[: p.ndim]


def _measured(p, r, spacing, convention="limen"):
    (found,) = segmentation(
        p, r, spacing_mm=spacing, nsd_tolerance_mm=TOLERANCE_MM, convention=convention
    ).values()
    return found


@pytest.mark.filterwarnings("ignore")
@in_spacing
@cases
def test_monai_gives_the_same(name, spacing):
    torch = pytest.importorskip("torch")
    metrics = pytest.importorskip("monai.metrics")
    p, r, spacing = _case(name, spacing)
    a, b = (torch.tensor(np.ascontiguousarray(m[None, None])) for m in (p, r))
    given = {"include_background": True, "spacing": list(spacing)}
    for convention in ("limen", "monai"):
        ours = _measured(p, r, spacing, convention)
        for percentile, name in ((None, "hd_mm"), (95, "hd95_mm")):
            theirs = metrics.compute_hausdorff_distance(a, b, percentile=percentile, **given)
            assert getattr(ours, name) == pytest.approx(theirs.item(), rel=1e-5, abs=1e-6)
        mean = metrics.compute_average_surface_distance(a, b, symmetric=True, **given)
        assert ours.assd_mm == pytest.approx(mean.item(), rel=1e-5, abs=1e-6)
        near = metrics.compute_surface_dice(a, b, [TOLERANCE_MM], **given)
        assert ours.nsd == pytest.approx(near.item(), rel=1e-5)
        assert ours.dice == pytest.approx(metrics.compute_dice(a, b).item(), rel=1e-5)
        assert ours.iou == pytest.approx(metrics.compute_iou(a, b).item(), rel=1e-5)


@pytest.mark.filterwarnings("ignore")
def test_a_single_slice_of_a_volume_is_all_surface_to_monai_and_an_outline_to_us():
    torch = pytest.importorskip("torch")
    metrics = pytest.importorskip("monai.metrics")
    p, r = (m[:, :, None] for m in FLAT["2-D 0"])
    theirs = metrics.compute_average_surface_distance(
        *(torch.tensor(np.ascontiguousarray(m[None, None])) for m in (p, r)),
        include_background=True, symmetric=True, spacing=[0.7, 0.9, 5.0],
    ).item()  # fmt: skip
    assert _measured(p, r, (0.7, 0.9, 5), "monai").assd_mm == pytest.approx(theirs, rel=1e-5)
    flat = _measured(p[:, :, 0], r[:, :, 0], (0.7, 0.9))
    assert _measured(p, r, (0.7, 0.9, 5)).assd_mm == flat.assd_mm != pytest.approx(theirs)


@in_spacing
@cases
def test_the_convention_of_medpy_is_its_definition_by_transforms(name, spacing):
    # medpy 0.5.2 is GPL and no dependency: eroded masks, distance transforms, both ways pooled.
    # Its own numbers were the same on all these cases when it was installed beside them.
    p, r, spacing = _case(name, spacing)
    cross = ndimage.generate_binary_structure(p.ndim, 1)
    edge_p, edge_r = (m & ~ndimage.binary_erosion(m, cross) for m in (p, r))
    to_p, to_r = (ndimage.distance_transform_edt(~e, sampling=spacing) for e in (edge_p, edge_r))
    pooled = np.concatenate([to_r[edge_p], to_p[edge_r]])
    ours = _measured(p, r, spacing, "medpy")
    assert ours.hd_mm == pytest.approx(pooled.max())
    assert ours.hd95_mm == pytest.approx(np.percentile(pooled, 95))
    assert ours.assd_mm == pytest.approx(pooled.mean())
    assert ours.dice == pytest.approx(2 * (p & r).sum() / (p.sum() + r.sum()))
    assert ours.iou == pytest.approx((p & r).sum() / (p | r).sum())


@pytest.mark.filterwarnings("ignore")
@in_spacing
@cases
def test_surface_distance_gives_the_same_under_its_convention(name, spacing):
    peer = pytest.importorskip("surface_distance")
    p, r, spacing = _case(name, spacing)
    d = peer.compute_surface_distances(np.ascontiguousarray(r), np.ascontiguousarray(p), spacing)
    ours = _measured(p, r, spacing, "surface-distance")
    assert ours.hd_mm == pytest.approx(peer.compute_robust_hausdorff(d, 100))
    assert ours.hd95_mm == pytest.approx(peer.compute_robust_hausdorff(d, 95))
    assert ours.nsd == pytest.approx(peer.compute_surface_dice_at_tolerance(d, TOLERANCE_MM))
    assert ours.masd_mm == pytest.approx(np.mean(peer.compute_average_surface_distance(d)))
    weights = d["surfel_areas_gt"].sum(), d["surfel_areas_pred"].sum()
    means = peer.compute_average_surface_distance(d)
    assert ours.assd_mm == pytest.approx(np.average(means, weights=weights))


@in_spacing
@pytest.mark.parametrize("name", list(PAIRS))
def test_simpleitk_gives_the_same_overlap_and_volumes(name, spacing):
    sitk = pytest.importorskip("SimpleITK")
    p, r = PAIRS[name]
    a, b = (sitk.GetImageFromArray(m.astype(np.uint8).transpose(2, 1, 0)) for m in (p, r))
    for image in (a, b):
        image.SetSpacing(spacing)
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(a, b)
    ours = _measured(p, r, spacing)
    assert ours.dice == pytest.approx(overlap.GetDiceCoefficient())
    assert ours.iou == pytest.approx(overlap.GetJaccardCoefficient())
    shapes = sitk.LabelShapeStatisticsImageFilter()
    shapes.Execute(a)
    assert ours.volume_prediction_ml == pytest.approx(shapes.GetPhysicalSize(1) / 1000)


def by_definition(p, r, spacing):
    """All distances from the definitions alone: scipy's erosion, all pairs of points."""
    cross = ndimage.generate_binary_structure(3, 1)
    edges = [m & ~ndimage.binary_erosion(m, cross) for m in (p, r)]
    a, b = (np.argwhere(e) * spacing for e in edges)
    far = cdist(a, b)
    d_p, d_r = far.min(axis=1), far.min(axis=0)
    both = np.concatenate([d_p, d_r])
    return {
        "hd_mm": both.max(),
        "hd95_mm": max(np.percentile(d_p, 95), np.percentile(d_r, 95)),
        "assd_mm": both.mean(),
        "masd_mm": (d_p.mean() + d_r.mean()) / 2,
        "nsd": np.mean(both <= TOLERANCE_MM),
        "boundary_iou": (edges[0] & edges[1]).sum() / (edges[0] | edges[1]).sum(),
    }


@few
@given(masks, masks, spacings)
def test_it_is_what_the_definitions_say(p, r, spacing):
    assume(p.any() and r.any())
    found = _measured(p, r, spacing)
    for name, value in by_definition(p, r, spacing).items():
        assert getattr(found, name) == pytest.approx(value), name


@few
@given(label_maps, label_maps, st.booleans())
def test_many_labels_at_once_are_each_label_alone(p, r, fortran):
    assume(p.any() or r.any())
    if fortran:
        p, r = np.asfortranarray(p), np.asfortranarray(r)
    together = segmentation(p, r, spacing_mm=(1, 2, 3), nsd_tolerance_mm=1)
    assert list(together) == sorted({*p[p > 0].tolist(), *r[r > 0].tolist()})
    affine = np.diag([1, 2, 3, 1])
    for value, found in together.items():
        a, b = p == value, r == value
        assert found.dice == dice(a, b)
        assert found.volume_error_ml == pytest.approx(volume_error_ml(a, b, affine))
        alone = _measured(a, b, (1, 2, 3))
        for name in (*DISTANCES, "iou", "boundary_iou"):
            assert getattr(found, name) == pytest.approx(getattr(alone, name)), name
        if b.any():
            assert found.relative_volume_error == relative_volume_error(a, b)
        if a.any() and b.any():
            assert found.hd95_mm == pytest.approx(hd95_mm(a, b, affine))


@few
@given(label_maps, label_maps)
def test_a_union_is_the_mask_of_its_values(p, r):
    found = segmentation(p, r, spacing_mm=(1, 1, 1), labels={"both": (1, 3)})["both"]
    alone = _measured(np.isin(p, (1, 3)), np.isin(r, (1, 3)), (1, 1, 1))
    for name in (*DISTANCES, "dice", "iou", "boundary_iou", "volume_error_ml", "cldice"):
        assert getattr(found, name) == pytest.approx(getattr(alone, name)), name


@pytest.mark.parametrize("convention", ["limen", "monai", "medpy", "surface-distance"])
@few
@given(p=masks, r=masks, spacing=spacings)
def test_the_sides_can_be_exchanged(convention, p, r, spacing):
    assume(p.any() and r.any())
    one, other = _measured(p, r, spacing, convention), _measured(r, p, spacing, convention)
    for name in (*DISTANCES, "nsd", "dice", "iou", "cldice"):
        assert getattr(one, name) == pytest.approx(getattr(other, name)), name
    assert one.volume_error_ml == pytest.approx(-other.volume_error_ml)


@pytest.mark.parametrize("convention", ["limen", "surface-distance"])
@few
@given(p=masks, r=masks, spacing=spacings, scale=st.sampled_from([0.5, 2.0, 4.0]))
def test_distances_scale_with_the_spacing_and_volumes_with_its_cube(
    convention, p, r, spacing, scale
):
    assume(p.any() and r.any())
    one = _measured(p, r, spacing, convention)
    wide = [scale * s for s in spacing]
    (other,) = segmentation(
        p, r, spacing_mm=wide, nsd_tolerance_mm=TOLERANCE_MM * scale, convention=convention
    ).values()
    for name in DISTANCES:
        assert getattr(other, name) == pytest.approx(scale * getattr(one, name)), name
    assert other.nsd == pytest.approx(one.nsd)
    assert other.volume_error_ml == pytest.approx(scale**3 * one.volume_error_ml)
    assert (other.dice, other.iou, other.boundary_iou) == (one.dice, one.iou, one.boundary_iou)


@few
@given(masks, masks, st.tuples(*[st.integers(0, 9)] * 3))
def test_a_place_in_a_larger_grid_changes_nothing(p, r, before):
    assume(p.any() and r.any())
    wide = [(b, 9 - b) for b in before]
    one = _measured(p, r, (0.7, 1, 3))
    other = _measured(np.pad(p, wide), np.pad(r, wide), (0.7, 1, 3))
    for name in (*DISTANCES, "nsd", "dice", "boundary_iou", "cldice"):
        assert getattr(one, name) == pytest.approx(getattr(other, name)), name


@few
@given(masks, masks, st.lists(st.floats(0, 9), min_size=2, max_size=4))
def test_a_wider_tolerance_never_agrees_less(p, r, tolerances):
    assume(p.any() and r.any())
    found = [
        segmentation(p, r, spacing_mm=(1, 1, 2), nsd_tolerance_mm=t)[1].nsd
        for t in sorted(tolerances)
    ]
    assert found == sorted(found)
    assert segmentation(p, r, spacing_mm=(1, 1, 2), nsd_tolerance_mm=99)[1].nsd == 1.0


def test_a_distance_equal_to_the_tolerance_is_within_it():
    a, b = np.zeros((9, 3, 3), bool), np.zeros((9, 3, 3), bool)
    a[1, 1, 1] = b[4, 1, 1] = True
    for step in (0.1, 0.8, 0.7, 1.1):
        near = segmentation(a, b, spacing_mm=(step, 1, 1), nsd_tolerance_mm=round(3 * step, 9))
        assert near[1].nsd == 1.0


def test_far_and_close_parts_are_found_alike():
    # the close ones by trying steps, the far ones in the tree: both against all pairs
    p, r = np.zeros((2, 120, 90, 60), bool)
    p[5:9, 5:9, 5:9] = p[100:104, 70:80, 50:55] = True
    r[6:9, 5:10, 5:9] = r[40:42, 40:42, 3] = True
    for name, value in by_definition(p, r, (0.5, 0.9, 4)).items():
        assert getattr(_measured(p, r, (0.5, 0.9, 4)), name) == pytest.approx(value), name


def test_a_sheared_grid_is_exact():
    p, r = _blobs((20, 18, 12), 5)
    affine = np.array(
        [[0.7, 0, 0, -120], [0, 0.7, -1.1, 35], [0, 0, 2.3, 800], [0, 0, 0, 1]], dtype=float
    )
    cross = ndimage.generate_binary_structure(3, 1)
    a, b = (np.argwhere(m & ~ndimage.binary_erosion(m, cross)) @ affine[:3, :3].T for m in (p, r))
    far = cdist(a, b)
    both = np.concatenate([far.min(axis=1), far.min(axis=0)])
    found = segmentation(p, r, affine_mm=affine)[1]
    assert (found.hd_mm, found.assd_mm) == pytest.approx((both.max(), both.mean()))
    assert found.volume_prediction_ml == pytest.approx(p.sum() * 0.7 * 0.7 * 2.3 / 1000)


def test_one_side_empty_scores_nothing_and_both_empty_is_a_correct_rejection():
    a, nothing = np.zeros((5, 5, 5), bool), np.zeros((5, 5, 5), bool)
    a[1:3, 1:3, 1:3] = True
    for p, r, which in ((nothing, a, "prediction"), (a, nothing, "reference")):
        found = _measured(p, r, (1, 1, 1))
        assert (found.dice, found.iou, found.nsd, found.boundary_iou, found.cldice) == (0,) * 5
        for name in DISTANCES:
            assert getattr(found, name) is None
            assert found.undefined[name] == f"{which} is empty"
    both = _measured(nothing, nothing, (1, 1, 1))
    assert both.correct_rejection
    assert (both.dice, both.iou, both.nsd, both.boundary_iou, both.cldice) == (1,) * 5
    assert [getattr(both, name) for name in DISTANCES] == [0.0] * 4


def test_an_image_of_two_axes_has_no_volume_and_says_so():
    p, r = FLAT["2-D 1"]
    found = _measured(p, r, (0.5, 0.5))
    assert found.volume_error_ml is None
    assert "no volume" in found.undefined["volume_error_ml"]
    assert found.relative_volume_error == pytest.approx(p.sum() / r.sum() - 1)


def test_tolerances_can_differ_by_label_and_are_never_assumed():
    p = np.zeros((4, 4, 4), np.uint8)
    p[0], p[2] = 1, 2
    found = segmentation(p, p, spacing_mm=(1, 1, 1), nsd_tolerance_mm={1: 2.0})
    assert (found[1].nsd, found[1].nsd_tolerance_mm) == (1.0, 2.0)
    assert (found[2].nsd, found[2].undefined["nsd"]) == (None, "no tolerance was stated")


@pytest.mark.parametrize("dtype", [bool, np.uint16, np.int8, np.int64, np.float32, np.float64])
def test_any_type_of_whole_numbers_will_do(dtype):
    p, r = PAIRS["random 0"]
    expected = _measured(p, r, (1, 1, 2)).as_dict()
    found = segmentation(p.astype(dtype), r, spacing_mm=(1, 1, 2), nsd_tolerance_mm=TOLERANCE_MM)
    assert found[1].as_dict() == expected
    turned = _measured(np.asfortranarray(p), r, (1, 1, 2)).as_dict()
    assert {k: v for k, v in turned.items() if "s" not in k} == {
        k: v for k, v in expected.items() if "s" not in k
    }


A = np.zeros((4, 4, 4), np.uint8)
BAD = {
    "no spacing": (A, A, {}, SpacingMissing),
    "zero spacing": (A, A, {"spacing_mm": (1, 0, 1)}, BadAffine),
    "negative spacing": (A, A, {"spacing_mm": (1, -1, 1)}, BadAffine),
    "NaN spacing": (A, A, {"spacing_mm": (1, np.nan, 1)}, BadAffine),
    "two numbers for three axes": (A, A, {"spacing_mm": (1, 1)}, BadAffine),
    "spacing and affine": (A, A, {"spacing_mm": (1, 1, 1), "affine_mm": np.eye(4)}, BadAffine),
    "flat affine": (A, A, {"affine_mm": np.diag([1, 0, 1, 1])}, BadAffine),
    "another shape": (A, A[1:], {"spacing_mm": (1, 1, 1)}, ShapeMismatch),
    "four axes": (A[None], A[None], {"spacing_mm": (1, 1, 1, 1)}, ShapeMismatch),
    "NaN": (A + np.nan, A, {"spacing_mm": (1, 1, 1)}, NotALabelMap),
    "infinity": (A, A + np.inf, {"spacing_mm": (1, 1, 1)}, NotALabelMap),
    "probabilities": (A + 0.5, A, {"spacing_mm": (1, 1, 1)}, NotALabelMap),
    "negative": (A, A - 1.0, {"spacing_mm": (1, 1, 1)}, NotALabelMap),
    "too large": (A + 70000.0, A, {"spacing_mm": (1, 1, 1)}, NotALabelMap),
    "text": (A.astype(str), A, {"spacing_mm": (1, 1, 1)}, NotALabelMap),
    "no label": (A, A, {"spacing_mm": (1, 1, 1)}, Undefined),
    "label 0": (A, A, {"spacing_mm": (1, 1, 1), "labels": [0]}, NotALabelMap),
    "label 1.5": (A, A, {"spacing_mm": (1, 1, 1), "labels": [1.5]}, NotALabelMap),
    "tolerance": (
        A, A, {"spacing_mm": (1, 1, 1), "labels": [1], "nsd_tolerance_mm": -1}, BadValue,
    ),
    "NaN tolerance": (
        A, A, {"spacing_mm": (1, 1, 1), "labels": [1], "nsd_tolerance_mm": np.nan}, BadValue,
    ),
    "convention": (A, A, {"spacing_mm": (1, 1, 1), "convention": "itk"}, BadConvention),
    "a file and an array": (A, "a.nii.gz", {}, MeasureError),
    "files with a spacing": ("a.nii", "b.nii", {"spacing_mm": (1, 1, 1)}, MeasureError),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_measured_is_refused(name):
    p, r, given, error = BAD[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(error) as caught:
            segmentation(p, r, **given)
    assert caught.value.what


def test_a_label_in_neither_map_is_measured_when_it_is_named():
    found = segmentation(A, A, spacing_mm=(1, 1, 1), labels={"liver": 1, "tumour": (2, 3)})
    assert [m.correct_rejection for m in found.values()] == [True, True]
    assert list(found) == ["liver", "tumour"]


def test_lines_and_rings_are_their_own_centrelines():
    line, ring = np.zeros((15, 9, 9), bool), np.zeros((15, 15, 9), bool)
    line[2:13, 4, 4] = True
    assert np.array_equal(centreline(line), line)
    tube = np.zeros((20, 11, 11), bool)
    tube[2:18] = np.hypot(*np.indices((11, 11)) - 5.0) <= 3
    spine = centreline(tube)
    assert (spine.any(axis=(1, 2))[4:16]).all()
    assert spine.sum() <= 20
    i, j, k = np.indices(ring.shape)
    ring |= np.hypot(np.hypot(i - 7, j - 7) - 5, k - 4) <= 1.6
    thin = centreline(ring)
    background = ndimage.label(~thin, ndimage.generate_binary_structure(3, 1))[1]
    assert (background, thin.sum() < ring.sum() / 3) == (1, True)
    # a closed curve: every voxel of it has two neighbours
    count = ndimage.convolve(thin.astype(int), np.ones((3, 3, 3), int), mode="constant")
    assert (count[thin] >= 3).all()


@few
@given(arrays(bool, (6, 6, 6), elements=st.booleans()))
def test_thinning_keeps_pieces_and_cavities(mask):
    thin = centreline(mask)
    assert not (thin & ~mask).any()
    for inside, reach in ((True, 3), (False, 1)):
        structure = ndimage.generate_binary_structure(3, reach)
        before, after = (ndimage.label(np.pad(m, 1) == inside, structure)[1] for m in (mask, thin))
        assert before == after


def test_skimage_thins_to_nearly_the_same_line():
    morphology = pytest.importorskip("skimage.morphology")
    for seed in range(8):
        mask = _blobs((26, 22, 18), seed, 1.5)[0]
        ours, theirs = centreline(mask), morphology.skeletonize(mask, method="lee") > 0
        assert (ours != theirs).sum() <= 0.02 * theirs.sum()


def test_cldice_sees_a_gap_that_dice_hardly_sees():
    vessel = np.zeros((60, 13, 13), bool)
    vessel[2:58] = np.hypot(*np.indices((13, 13)) - 6.0) <= 4
    broken = vessel.copy()
    broken[20:40, 5:8, 5:8] = False
    assert cldice(vessel, vessel) == 1.0
    assert cldice(vessel, np.roll(vessel, 0)) == 1.0
    thin = np.zeros_like(vessel)
    thin[2:58, 6, 6] = True
    assert dice(thin, vessel) < 0.1
    assert cldice(thin, vessel) > 0.9
    gap = vessel.copy()
    gap[25:35] = False
    assert cldice(gap, vessel) < 1.0
