"""Pictures: which slices, which side is which, and outlines where the voxels are."""

from __future__ import annotations

import io
import json
import re
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from report_builders import balls, chest, diagonal

from limen.data import Geometry, Volume
from limen.measures import measure_case
from limen.product.declaration import Task
from limen.reports.pictures import MOST_CLOSE_UPS, case_pictures
from limen.reports.view import contour_path, view_of, whole_slice

NODULES = Task(kind="lesion-detection", labels={"nodule": 1})
ORGANS = Task(kind="segmentation", labels={"liver": 1, "spleen": 2})
HU = (-1000.0, 400.0)


def pictures(image, reference, prediction, task=NODULES, window=HU):
    m = measure_case(prediction.values, reference.values, image.geometry.affine_lps_mm, task)
    return case_pictures(image, reference, prediction, m.as_dict(), window)


def turned(order, signs, spacing_mm=(1.5, 1.5, 3.0), shape_lps=(90, 70, 24), tilt_deg=0.0):
    """A grid whose axes run along the patient's in any order and direction, centred on 0."""
    columns = np.zeros((3, 3))
    shape = [0, 0, 0]
    for voxel_axis, patient_axis in enumerate(order):
        columns[patient_axis, voxel_axis] = signs[voxel_axis] * spacing_mm[patient_axis]
        shape[voxel_axis] = shape_lps[patient_axis]
    a = np.radians(tilt_deg)
    tilt = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = tilt @ columns
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Geometry(affine, tuple(shape))


def points(path):
    """(n, 2) corners of an SVG path of absolute moves and lines."""
    numbers = [float(x) for x in re.findall(r"-?\d+(?:\.\d+)?", path)]
    return np.array(numbers).reshape(-1, 2)


def area_and_centroid(path):
    """Of a single closed outline, by the shoelace formula."""
    assert path.count("M") == 1
    x, y = points(path).T
    cross = x * np.roll(y, -1) - np.roll(x, -1) * y
    area = cross.sum() / 2
    cx = ((x + np.roll(x, -1)) * cross).sum() / (6 * area)
    cy = ((y + np.roll(y, -1)) * cross).sum() / (6 * area)
    return abs(area), np.array([cx, cy])


GRIDS = [
    pytest.param(order, signs, id=f"{order}{signs}")
    for order, signs in product(permutations(range(3)), [(1, 1, 1), (-1, 1, -1), (1, -1, -1)])
]


@pytest.mark.parametrize(("order", "signs"), GRIDS)
def test_an_outline_lies_where_the_ball_is_in_the_patient_whatever_the_grid(order, signs):
    geometry = turned(order, signs)
    centre, radius_mm = np.array([30.0, -21.0, 9.0]), 8.0
    reference = balls(geometry, (centre, radius_mm))
    nothing = Volume(np.zeros_like(reference.values), geometry)
    image = Volume(np.zeros(geometry.shape, np.float32), geometry)
    overview = pictures(image, reference, nothing)[-1]
    assert overview.plane == "axial"
    assert overview.prediction == ""
    # expected straight from the patient: +x is to the viewer's right, +y (posterior) is down
    wide_mm, tall_mm = 90 * 1.5, 70 * 1.5
    px = overview.width_px / wide_mm
    assert overview.height_px / tall_mm == pytest.approx(px, rel=0.01)
    expected = np.array([(centre[0] + wide_mm / 2) * px, (centre[1] + tall_mm / 2) * px])
    area, centroid = area_and_centroid(overview.reference)
    assert centroid == pytest.approx(expected, abs=0.6 * px)
    assert area / px**2 == pytest.approx(np.pi * radius_mm**2, rel=0.06)


def test_on_an_oblique_grid_the_outline_stays_on_its_voxels():
    geometry = turned((0, 1, 2), (-1, -1, 1), tilt_deg=20)
    centre = np.array([25.0, 12.0, -6.0])
    reference = balls(geometry, (centre, 9.0))
    nothing = Volume(np.zeros_like(reference.values), geometry)
    image = Volume(np.zeros(geometry.shape, np.float32), geometry)
    overview = pictures(image, reference, nothing)[-1]
    # by the inverse affine; both in-plane axes run backwards
    i, j, _ = np.linalg.solve(
        geometry.affine_lps_mm[:3, :3], centre - geometry.affine_lps_mm[:3, 3]
    )
    px = overview.width_px / geometry.shape[0]
    expected = np.array([(geometry.shape[0] - 1 - i + 0.5) * px, (70 - 1 - j + 0.5) * px])
    _, centroid = area_and_centroid(overview.reference)
    assert centroid == pytest.approx(expected, abs=0.6 * px)


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, -1, -1)])
def test_the_patients_right_is_on_the_viewers_left_and_anterior_is_up(order, signs):
    geometry = turned(order, signs)
    index = np.moveaxis(np.indices(geometry.shape), 0, -1)
    at = index @ geometry.affine_lps_mm[:3, :3].T + geometry.affine_lps_mm[:3, 3]
    empty = Volume(np.zeros(geometry.shape, np.uint8), geometry)
    for bright, where in ((at[..., 0] < 0, "left"), (at[..., 1] < 0, "top")):
        image = Volume(np.where(bright, 400.0, -1000.0).astype(np.float32), geometry)
        (picture,) = pictures(image, empty, empty)
        shown = np.asarray(Image.open(io.BytesIO(picture.jpeg)), dtype=float)
        half = shown[:, : shown.shape[1] // 3] if where == "left" else shown[: len(shown) // 3]
        assert half.mean() > 245
        assert picture.sides == ("R", "L", "A", "P")


@pytest.mark.parametrize(
    ("spacing_mm", "shape_lps", "plane", "sides"),
    [
        ((1.0, 1.0, 1.0), (20, 20, 20), "axial", ("R", "L", "A", "P")),
        ((5.0, 1.0, 1.0), (12, 40, 40), "sagittal", ("A", "P", "S", "I")),
        ((1.0, 6.0, 1.0), (40, 9, 40), "coronal", ("R", "L", "S", "I")),
        ((1.0, 1.0, 1.0), (40, 1, 30), "coronal", ("R", "L", "S", "I")),
        ((1.0, 1.0, 8.0), (40, 30, 1), "axial", ("R", "L", "A", "P")),
    ],
)
def test_slices_are_shown_in_the_plane_they_were_acquired_in(spacing_mm, shape_lps, plane, sides):
    geometry = turned((2, 0, 1), (1, -1, 1), spacing_mm, shape_lps)
    index = np.moveaxis(np.indices(geometry.shape), 0, -1)
    at = index @ geometry.affine_lps_mm[:3, :3].T + geometry.affine_lps_mm[:3, 3]
    towards = {"L": (0, 1), "R": (0, -1), "P": (1, 1), "A": (1, -1), "S": (2, 1), "I": (2, -1)}
    view = view_of(geometry)
    assert view.plane.name == plane
    empty = Volume(np.zeros(geometry.shape, np.uint8), geometry)
    (picture,) = pictures(Volume(np.zeros(geometry.shape, np.float32), geometry), empty, empty)
    assert picture.sides == sides
    for side, edge in zip(sides, ((0, 0), (0, -1), (1, 0), (1, -1)), strict=True):
        axis, sign = towards[side]
        along = view.slices(at[..., axis]) * sign
        edges = along[:, :, edge[1]] if edge[0] == 0 else along[:, edge[1], :]
        assert edges.min() == pytest.approx(along.max())


def test_close_ups_come_first_missed_before_false_and_largest_first():
    geometry = diagonal((1.5, 1.5, 3.0), (90, 70, 24))
    missed = [((-40, -20, 0), 4), ((40, 20, 6), 7)]
    false = [((10, 10, -9), 3)]
    image = chest(geometry, missed, 1)
    made = pictures(image, balls(geometry, *missed), balls(geometry, *false))
    assert [p.kind for p in made] == ["missed", "missed", "false", "overview"]
    sizes = [float(re.search(r"([\d.]+) mm", p.title)[1]) for p in made[:2]]
    assert sizes[0] > sizes[1]
    assert sizes == pytest.approx([14, 8], rel=0.06)
    assert "Left and posterior" in made[0].caption
    assert "Right and anterior" in made[1].caption
    assert made[0].lesions == (("reference", 1),)
    # the worst is marked in the whole slice through it
    assert made[-1].lesions == (("reference", 1),)
    # soft tissue of 40 HU was put in
    assert made[0].mean_value == pytest.approx(40, abs=5)


def test_a_close_up_is_60_mm_wide_and_its_scale_is_true():
    geometry = diagonal((0.75, 0.75, 2.5), (160, 140, 20))
    reference = balls(geometry, ((20, -10, 0), 5))
    empty = Volume(np.zeros_like(reference.values), geometry)
    close = pictures(chest(geometry, [], 2), reference, empty)[0]
    px_per_mm = close.scale_bar_px / close.scale_bar_mm
    assert close.width_px / px_per_mm == pytest.approx(60, abs=1)
    x, y = points(close.reference).T
    assert np.ptp(x) / px_per_mm == pytest.approx(10, abs=0.8)
    assert np.ptp(y) / px_per_mm == pytest.approx(10, abs=0.8)
    (target,) = close.targets
    assert target[0] == pytest.approx(x.min(), abs=0.5 * px_per_mm)
    assert target[2] == pytest.approx(np.ptp(x), abs=1.0 * px_per_mm)


def test_many_failures_are_capped_with_room_for_false_marks_and_said():
    geometry = diagonal((1.5, 1.5, 3.0), (90, 70, 24))
    missed = [((x, y, 0), 3) for x in (-50, -20, 20, 50) for y in (-30, 0)]
    false = [((x, 30, 0), 3) for x in (-50, -20, 20)]
    made = pictures(chest(geometry, [], 3), balls(geometry, *missed), balls(geometry, *false))
    kinds = [p.kind for p in made]
    assert len(kinds) == MOST_CLOSE_UPS + 1
    assert kinds.count("false") == 2
    assert "5 smaller ones have no close-up" in made[-1].caption


def test_a_case_without_failure_has_one_picture_of_its_largest_lesion():
    geometry = diagonal((1.5, 1.5, 3.0), (60, 60, 20))
    lesions = [((-20, 0, 0), 4), ((20, 0, 9), 6)]
    labels = balls(geometry, *lesions)
    (only,) = pictures(chest(geometry, lesions, 4), labels, labels)
    assert only.kind == "overview"
    assert only.title.startswith("Largest nodule, 12")
    assert only.targets == ()


def test_an_empty_case_shows_its_middle_slice():
    geometry = diagonal((1.5, 1.5, 3.0), (60, 60, 20))
    empty = Volume(np.zeros((60, 60, 20), np.uint8), geometry)
    (only,) = pictures(chest(geometry, [], 5), empty, empty)
    assert (only.reference, only.prediction) == ("", "")
    assert "Nothing marked, nothing to find" in only.caption


def test_outlines_show_the_slice_where_they_differ_most_and_the_largest_reference():
    geometry = diagonal((1.5, 1.5, 4.0), (90, 70, 20))
    reference = balls(geometry, ((-20, 0, 0), 22), ((35, 10, 4), 12), values=[1, 2])
    wrong = reference.values.copy()
    wrong[:, :, 13] = 0
    prediction = Volume(wrong, geometry)
    image = chest(geometry, [], 6)
    made = pictures(image, reference, prediction, ORGANS, None)
    assert [p.kind for p in made] == ["disagreement", "largest"]
    assert "Slice 14 of 20 from the feet" in made[0].caption
    assert made[0].prediction == ""
    # two labels, two outlines
    assert made[0].reference.count("M") == 2
    area_mm2 = np.count_nonzero(reference.values[:, :, 13]) * 1.5 * 1.5
    assert f"{area_mm2 / 100:.2g} cm² differ" in made[0].caption
    assert made[0].window_is_automatic
    assert not pictures(chest(geometry, [], 6), reference, prediction, ORGANS)[
        0
    ].window_is_automatic


def test_outlines_that_agree_have_one_picture():
    geometry = diagonal((1.5, 1.5, 4.0), (60, 60, 12))
    same = balls(geometry, ((0, 0, 0), 12))
    made = pictures(chest(geometry, [], 7), same, same, ORGANS)
    assert [p.kind for p in made] == ["largest"]


def test_touching_labels_are_outlined_apart():
    labels = np.zeros((10, 10), np.uint8)
    labels[2:8, 2:5], labels[2:8, 5:8] = 1, 2
    view = view_of(diagonal((1, 1, 1), (10, 10, 3)))
    assert contour_path(labels, whole_slice(view, 100)).count("M") == 2
    labels[labels == 2] = 1
    assert contour_path(labels, whole_slice(view, 100)).count("M") == 1


@settings(max_examples=40, deadline=None)
@given(
    bits=st.lists(st.booleans(), min_size=36, max_size=36),
    side=st.integers(60, 240),
)
def test_the_outline_is_the_half_level_of_every_mask(bits, side):
    """Voxel centres inside lie inside the path by the even-odd rule, and none outside does."""
    labels = np.array(bits, dtype=np.uint8).reshape(6, 6)
    crop = whole_slice(view_of(diagonal((1, 1, 1), (6, 6, 3))), side)
    path = contour_path(labels, crop)
    rings = [points(part) for part in path.split("M") if part]
    for r, c in np.ndindex(6, 6):
        x, y = crop.place(r, c)
        crossings = 0
        for ring in rings:
            x0, y0 = ring.T
            x1, y1 = np.roll(ring, -1, axis=0).T
            spans = (y0 > y) != (y1 > y)
            at = x0[spans] + (y - y0[spans]) * (x1[spans] - x0[spans]) / (y1[spans] - y0[spans])
            crossings += int((at > x).sum())
        assert crossings % 2 == labels[r, c]


def test_a_flat_image_has_a_window_and_a_constant_picture():
    geometry = diagonal((1, 1, 2), (30, 30, 6))
    image = Volume(np.full((30, 30, 6), 7.0, np.float32), geometry)
    empty = Volume(np.zeros((30, 30, 6), np.uint8), geometry)
    (only,) = pictures(image, empty, empty, window=None)
    low, high = only.window
    assert low < high
    assert np.ptp(np.asarray(Image.open(io.BytesIO(only.jpeg)))) == 0


def test_a_single_outlier_does_not_blacken_an_automatic_window():
    geometry = diagonal((1, 1, 2), (40, 40, 10))
    values = np.random.default_rng(0).normal(100, 10, (40, 40, 10)).astype(np.float32)
    values[0, 0, 0] = 1e6
    empty = Volume(np.zeros((40, 40, 10), np.uint8), geometry)
    (only,) = pictures(Volume(values, geometry), empty, empty, window=None)
    assert 60 < only.window[0] < 90 < 110 < only.window[1] < 140


def test_a_picture_is_plain_json_small_and_the_same_every_time():
    geometry = diagonal((0.9, 0.9, 3.0), (200, 160, 16))
    reference = balls(geometry, ((-40, -20, 0), 5))
    prediction = balls(geometry, ((40, 20, 6), 4))
    image = chest(geometry, [((-40, -20, 0), 5)], 8)
    texts = [
        json.dumps([p.as_dict() for p in pictures(image, reference, prediction)], allow_nan=False)
        for _ in range(2)
    ]
    assert texts[0] == texts[1]
    # three pictures; sixty such cases stay under 10 MB
    assert len(texts[0]) < 10e6 / 60
