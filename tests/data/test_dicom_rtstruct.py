"""RTSTRUCT contours into masks: areas against closed forms, holes, oblique grids."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_builders import SECRETS, Series, rotation, write_rtstruct
from hypothesis import given, settings
from hypothesis import strategies as st

from limen.data.dicom_rtstruct import even_odd_mask, read_rtstruct, regions_of
from limen.data.dicom_series import frame_of_reference, read_series
from limen.data.errors import (
    BadValues,
    GeometryMismatch,
    IdentityError,
    OverlappingLabels,
    UndeclaredLabel,
    UnreadableFile,
)

TURN = rotation(0.4, 0.1, -0.3)
SHAPE = (40, 30, 5)


@pytest.fixture(params=["axial", "oblique", "tilted"])
def image(request, tmp_path: Path):
    if request.param == "axial":
        series = Series(shape=SHAPE)
    elif request.param == "oblique":
        series = Series(shape=SHAPE, row=TURN[:, 0], column=TURN[:, 1], step=2.5 * TURN[:, 2])
    else:
        tilt = np.deg2rad(18)
        series = Series(shape=SHAPE, column=[0, np.cos(tilt), np.sin(tilt)], step=(0, 0, 2.5))
    files = series.write(tmp_path / "image")
    return series, read_series(files, "case-1").geometry, files


def contour(series: Series, points_ij: np.ndarray, k: float) -> np.ndarray:
    """Index coordinates (i, j) in slice k to LPS mm, by plain affine arithmetic."""
    index = np.column_stack([points_ij, np.full(len(points_ij), k), np.ones(len(points_ij))])
    return (index @ series.affine.T)[:, :3]


def circle(centre, radius, n=400) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return np.column_stack([centre[0] + radius * np.cos(angle), centre[1] + radius * np.sin(angle)])


def box(i0, j0, i1, j1) -> np.ndarray:
    return np.array([[i0, j0], [i1, j0], [i1, j1], [i0, j1]], dtype=float)


def test_circle_with_hole_on_any_grid(tmp_path: Path, image) -> None:
    series, geometry, files = image
    outer, hole = circle((19.3, 14.6), 11.2), circle((21.1, 13.2), 4.3)
    path = write_rtstruct(
        series,
        tmp_path / "rt",
        {"Lesion": [contour(series, outer, 2), contour(series, hole, 2), contour(series, hole, 4)]},
    )
    volume = read_rtstruct(
        path,
        geometry,
        {"lesion": 1},
        (),
        "case-1",
        frame_of_reference_uid=frame_of_reference(files),
    )
    i, j = np.mgrid[: SHAPE[0], : SHAPE[1]]
    in_outer = (i - 19.3) ** 2 + (j - 14.6) ** 2 < 11.2**2
    in_hole = (i - 21.1) ** 2 + (j - 13.2) ** 2 < 4.3**2
    expected = np.zeros(SHAPE, np.uint8)
    expected[:, :, 2] = in_outer & ~in_hole
    expected[:, :, 4] = in_hole
    # The 400-gon lies up to r (1 - cos(pi / 400)) = 0.0004 voxel inside the circle; no voxel
    # centre of this example is that close.
    np.testing.assert_array_equal(volume.values, expected)


def test_area_of_a_large_circle_is_pi_r_squared() -> None:
    mask = even_odd_mask([circle((250.2, 249.7), 200.0, 4000)], (500, 500))
    assert mask.sum() == pytest.approx(np.pi * 200**2, rel=5e-4)


@settings(max_examples=60, deadline=None)
@given(
    points=st.lists(
        st.tuples(st.floats(-5, 25), st.floats(-5, 20)), min_size=3, max_size=9, unique=True
    )
)
def test_even_odd_against_matplotlib_free_ray_casting(points) -> None:
    """Each centre on its own, by the textbook crossing rule, self-intersections included."""
    polygon = np.round(np.array(points), 4)
    mask = even_odd_mask([polygon], (20, 15))
    for i in range(20):
        for j in range(15):
            inside = False
            for (u1, v1), (u2, v2) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
                if (v1 <= j) != (v2 <= j):
                    inside ^= i < u1 + (j - v1) * (u2 - u1) / (v2 - v1)
            assert mask[i, j] == inside


@settings(max_examples=40, deadline=None)
@given(cut=st.floats(2, 17), vertical=st.booleans())
def test_touching_regions_share_nothing_and_leave_nothing(cut: float, vertical: bool) -> None:
    cut = round(cut * 2) / 2  # cuts through voxel centres are the hard case
    whole = even_odd_mask([box(1, 2, 18, 19)], (20, 20))
    first, second = (
        (box(1, 2, cut, 19), box(cut, 2, 18, 19))
        if vertical
        else (box(1, 2, 18, cut), box(1, cut, 18, 19))
    )
    a, b = even_odd_mask([first], (20, 20)), even_odd_mask([second], (20, 20))
    assert not (a & b).any()
    np.testing.assert_array_equal(a | b, whole)


def test_keyhole_contour_is_a_hole() -> None:
    """One contour that runs in to the hole and back along the same line."""
    keyhole = np.array(
        [[1, 1], [11, 1], [11, 11], [1, 11], [1, 6], [4, 6], [4, 8], [8, 8], [8, 4], [4, 4], [4, 6],
         [1, 6]],
        dtype=float,
    )  # fmt: skip
    both = even_odd_mask([box(1, 1, 11, 11), box(4, 4, 8, 8)], (13, 13))
    np.testing.assert_array_equal(even_odd_mask([keyhole], (13, 13)), both)


def test_contours_through_voxel_centres_do_not_depend_on_rounding(tmp_path: Path, image) -> None:
    series, geometry, _ = image
    path = write_rtstruct(
        series, tmp_path / "rt", {"lesion": [contour(series, box(3, 4, 9, 12), 1)]}
    )
    values = read_rtstruct(path, geometry, {"lesion": 1}, (), "case-1").values
    expected = np.zeros(SHAPE, np.uint8)
    expected[3:9, 4:12, 1] = 1
    np.testing.assert_array_equal(values, expected)


def test_labels_are_matched_by_name_only(tmp_path: Path) -> None:
    series = Series(shape=SHAPE)
    geometry = read_series(series.write(tmp_path / "image"), "case-1").geometry
    regions = {
        "Lesion": [contour(series, box(2.5, 2.5, 8.5, 8.5), 1)],
        "Body": [contour(series, box(0.5, 0.5, 30.5, 20.5), 1)],
    }
    path = write_rtstruct(series, tmp_path / "rt", regions)
    assert regions_of(path) == {11: "Lesion", 12: "Body"}
    with pytest.raises(UndeclaredLabel, match=r"region 12 \('Body'\)"):
        read_rtstruct(path, geometry, {"lesion": 1, "x": 12}, (), "case-1")
    values = read_rtstruct(path, geometry, {"lesion": 3}, ["body"], "case-1").values
    assert values.sum() == 3 * 36
    with pytest.raises(OverlappingLabels, match="36 voxels"):
        read_rtstruct(path, geometry, {"lesion": 1, "body": 2}, (), "case-1")


def test_a_region_named_by_the_patient_is_never_shown_and_never_declared(tmp_path: Path) -> None:
    series = Series(shape=SHAPE)
    geometry = read_series(series.write(tmp_path / "image"), "case-1").geometry
    name = "Zyxwvut lesion"
    path = write_rtstruct(series, tmp_path / "rt", {name: [contour(series, box(2, 2, 8, 8), 1)]})
    assert regions_of(path) == {11: ""}
    with pytest.raises(UndeclaredLabel, match="region 11") as caught:
        read_rtstruct(path, geometry, {"lesion": 1}, (), "case-1")
    assert "list its number (11)" in str(caught.value.mend)
    with pytest.raises(IdentityError) as declared:
        read_rtstruct(path, geometry, {name: 1}, (), "case-1")
    for error in (caught.value, declared.value):
        assert not any(secret.lower() in str(error).lower() for secret in SECRETS)
    # a phantom's patient is called as the region is: words of imaging identify nobody
    data = pydicom.dcmread(path)
    data.PatientName, data.StructureSetROISequence[0].ROIName = "Lesion", "lesion"
    data.save_as(path)
    assert read_rtstruct(path, geometry, {"lesion": 1}, (), "case-1").values.any()


def refused(tmp_path: Path, points: np.ndarray, kind, *, series=None):
    series = series or Series(shape=SHAPE)
    geometry = read_series(series.write(tmp_path / "image"), "case-1").geometry
    path = write_rtstruct(series, tmp_path / "rt", {"lesion": [points]})
    with pytest.raises(kind) as caught:
        read_rtstruct(path, geometry, {"lesion": 1}, (), "case-1")
    assert not any(secret in str(caught.value) for secret in SECRETS)
    assert caught.value.where == "case-1"
    return caught.value


def test_contour_between_slices(tmp_path: Path) -> None:
    series = Series(shape=SHAPE)
    error = refused(tmp_path, contour(series, box(2, 2, 9, 9), 1.5), GeometryMismatch)
    assert "slice 1.50" in str(error.found)


def test_contour_across_slices(tmp_path: Path) -> None:
    series = Series(shape=SHAPE)
    points = contour(series, box(2, 2, 9, 9), 1)
    points[1, 2] += 2.5
    assert "one slice" in refused(tmp_path, points, GeometryMismatch).what


@pytest.mark.parametrize("k", [-1, 5])
def test_contour_above_or_below_the_image(tmp_path: Path, k: int) -> None:
    series = Series(shape=SHAPE)
    error = refused(tmp_path, contour(series, box(2, 2, 9, 9), k), GeometryMismatch)
    assert "beyond" in error.what


def test_contour_outside_the_slice(tmp_path: Path) -> None:
    series = Series(shape=SHAPE)
    error = refused(tmp_path, contour(series, box(30, 2, 45, 9), 1), GeometryMismatch)
    assert "i from 30.00 to 45.00, the image from 0 to 39" in str(error.found)


def test_region_that_would_vanish(tmp_path: Path) -> None:
    series = Series(shape=SHAPE)
    refused(tmp_path, contour(series, box(2.1, 2.1, 2.6, 2.6), 1), BadValues)


def test_points_are_no_area_and_broken_numbers(tmp_path: Path) -> None:
    series = Series(shape=SHAPE)
    geometry = read_series(series.write(tmp_path / "image"), "case-1").geometry
    path = write_rtstruct(
        series, tmp_path / "rt", {"lesion": [contour(series, box(2, 2, 9, 9), 1)]}
    )
    data = pydicom.dcmread(path)
    drawn = data.ROIContourSequence[0].ContourSequence[0]
    drawn.ContourGeometricType = "POINT"
    data.save_as(path)
    with pytest.raises(BadValues, match="no area"):
        read_rtstruct(path, geometry, {"lesion": 1}, (), "case-1")
    drawn.ContourGeometricType = "CLOSED_PLANAR"
    drawn.ContourData = drawn.ContourData[:-1]
    data.save_as(path)
    with pytest.raises(UnreadableFile):
        read_rtstruct(path, geometry, {"lesion": 1}, (), "case-1")


def test_other_frame_of_reference_and_other_object(tmp_path: Path) -> None:
    series = Series(shape=SHAPE)
    files = series.write(tmp_path / "image")
    geometry = read_series(files, "case-1").geometry
    path = write_rtstruct(
        series, tmp_path / "rt", {"lesion": [contour(series, box(2, 2, 9, 9), 1)]}
    )
    with pytest.raises(GeometryMismatch, match="frame of reference"):
        read_rtstruct(path, geometry, {"lesion": 1}, (), "case-1", frame_of_reference_uid="1.2")
    with pytest.raises(UnreadableFile, match="not a DICOM RT"):
        read_rtstruct(files[0], geometry, {"lesion": 1}, (), "case-1")
