"""Images and label maps of a case: one grid, declared labels, nothing resampled."""

from __future__ import annotations

from itertools import permutations, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_builders import Series, write_rtstruct
from hypothesis import given, settings
from hypothesis import strategies as st

from limen.data.case import Case, Source
from limen.data.errors import (
    BadValues,
    DataError,
    GeometryMismatch,
    SpacingMissing,
    UndeclaredLabel,
    UnreadableFile,
)
from limen.data.nifti import write_nifti
from limen.data.read import read_image, read_labels, same_places
from limen.data.volume import Geometry, Volume
from limen.product.declaration import Task

SHAPE = (6, 5, 4)
AFFINE = np.array([[0.7, 0, 0, 10], [0, 0.8, 0, -20], [0, 0, 2.5, 30], [0, 0, 0, 1.0]])
GRID = Geometry(AFFINE, SHAPE)
LESION = Task(kind="lesion-detection")
INSTANCES = Task(kind="lesion-detection", reference="instances")
ORGANS = Task(kind="segmentation", labels={"liver": 1, "tumour": 2}, ignore_labels=[255])


def mask(dtype: Any = np.uint8) -> np.ndarray:
    values = np.zeros(SHAPE, dtype=dtype)
    values[2:4, 1:3, 1] = 1
    return values


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def read(
    folder: Path,
    values: np.ndarray,
    affine: np.ndarray = AFFINE,
    task: Task = LESION,
) -> np.ndarray:
    path = folder / "Kim_Cheolsu.nii.gz"
    write_nifti(Volume(values, Geometry(affine, values.shape)), path)
    volume = read_labels(Source("nifti", (path,)), GRID, task, "P007")
    assert volume.geometry is GRID
    return volume.values


def turned(affine: np.ndarray, order: Any, flips: Any) -> tuple[np.ndarray, np.ndarray]:
    """A permutation and reversal of axes as an index map, and the affine that undoes it."""
    step = np.zeros((4, 4))
    step[3, 3] = 1
    sizes = [SHAPE[a] for a in order]
    for new, old in enumerate(order):
        step[old, new] = -1 if flips[new] else 1
        step[old, 3] += sizes[new] - 1 if flips[new] else 0
    return step, affine @ step


# --- geometry ---------------------------------------------------------------------------------


def test_mask_on_the_images_grid(folder: Path) -> None:
    np.testing.assert_array_equal(read(folder, mask()), mask())


def shifted(*voxels: float) -> np.ndarray:
    affine = AFFINE.copy()
    affine[:3, 3] += affine[:3, :3] @ voxels
    return affine


@pytest.mark.parametrize(
    "affine",
    [
        shifted(0.5, 0, 0),
        shifted(0, 0, 0.5),
        shifted(0, -1, 0),
        shifted(0, 0, 100),
        AFFINE @ np.diag([1, 1, 1.05, 1]),
        AFFINE @ np.diag([2, 2, 1, 1]),
        np.diag([-1.0, -1, 1, 1]) @ AFFINE,  # LPS written as if it were RAS
    ],
)
def test_mask_elsewhere(folder: Path, affine: np.ndarray) -> None:
    with pytest.raises(GeometryMismatch, match=r"^P007: the mask.*corners up to .* mm apart"):
        read(folder, mask(), affine)


def test_mask_of_another_shape(folder: Path) -> None:
    with pytest.raises(GeometryMismatch, match=r"image 6x5x4 voxels.*mask 6x5x3 voxels"):
        read(folder, mask()[:, :, :3])
    with pytest.raises(GeometryMismatch):
        read(folder, np.repeat(mask(), 2, axis=0), AFFINE @ np.diag([0.5, 1, 1, 1]))


def test_mask_turned_by_ten_degrees(folder: Path) -> None:
    c, s = np.cos(np.radians(10)), np.sin(np.radians(10))
    turn = np.array([[c, -s, 0, 0], [s, c, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    with pytest.raises(GeometryMismatch):
        read(folder, mask(), turn @ AFFINE)


def test_rounding_in_the_affine_is_the_same_grid(folder: Path) -> None:
    np.testing.assert_array_equal(read(folder, mask(), shifted(0.02, 0.02, 0.001)), mask())


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_permuted_and_reversed_axes_are_reindexed_without_loss(folder: Path, order: Any) -> None:
    values = np.random.default_rng(0).integers(0, 200, SHAPE).astype(np.uint8)
    for flips in product([False, True], repeat=3):
        stored = np.transpose(values, order)
        stored = np.flip(stored, [axis for axis, flip in enumerate(flips) if flip])
        _, affine = turned(AFFINE, order, flips)
        np.testing.assert_array_equal(read(folder, stored, affine, INSTANCES), values)


@given(st.permutations(range(3)), st.tuples(*[st.booleans()] * 3), st.integers(0, 2**32))
def test_same_places_on_oblique_and_tilted_grids(order: Any, flips: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    affine = np.eye(4)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    shear = np.eye(3)
    shear[1, 2] = rng.uniform(-0.5, 0.5)
    affine[:3, :3] = turn @ shear @ np.diag(rng.uniform(0.5, 3, 3))
    affine[:3, 3] = rng.uniform(-500, 500, 3)
    values = rng.integers(0, 1000, SHAPE)
    step, other = turned(affine, order, flips)
    stored = np.empty([SHAPE[a] for a in order], dtype=values.dtype)
    for index in np.ndindex(*stored.shape):
        i, j, k, _ = (step @ [*index, 1]).astype(int)
        stored[index] = values[i, j, k]
    found = same_places(Volume(stored, Geometry(other, stored.shape)), Geometry(affine, SHAPE))
    assert found is not None
    np.testing.assert_array_equal(found.values, values)


# --- labels -----------------------------------------------------------------------------------


def test_undeclared_label_is_named_with_its_count(folder: Path) -> None:
    values = mask()
    values[0, 0, :3] = 7
    with pytest.raises(
        UndeclaredLabel, match=r"^P007: .*found: 7 \(3 voxels\).*lesion: 1.*ignore_labels"
    ):
        read(folder, values)


def test_ignored_labels_become_background(folder: Path) -> None:
    values = mask()
    values[0], values[1, 0, 0] = 255, 2
    found = read(folder, values, task=ORGANS)
    assert (found[0] == 0).all()
    assert found[1, 0, 0] == 2
    assert found[2, 1, 1] == 1


@pytest.mark.parametrize("value", [-1, -1000, 70000])
def test_ignored_labels_may_be_any_number(folder: Path, value: int) -> None:
    values = mask(np.int32)
    values[0] = value
    task = Task(kind="segmentation", labels={"liver": 1}, ignore_labels=[value])
    found = read(folder, values, task=task)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, mask())


def test_every_number_is_an_instance(folder: Path) -> None:
    values = mask(np.uint16)
    values[0, 0, 0], values[5, 4, 3] = 2, 40000
    found = read(folder, values, task=INSTANCES)
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, values)


def test_instances_beyond_16_bits_are_named(folder: Path) -> None:
    values = mask(np.int32)
    values[0, 0, 0] = 70000
    with pytest.raises(UndeclaredLabel, match=r"found: 70000 \(1 voxels\)"):
        read(folder, values, task=INSTANCES)


@pytest.mark.parametrize("task", [LESION, INSTANCES])
def test_negative_values(folder: Path, task: Task) -> None:
    values = mask(np.int16)
    values[0, 0, :2] = -3
    with pytest.raises(UndeclaredLabel, match=r"found: -3 \(2 voxels\)"):
        read(folder, values, task=task)


def test_floats_that_are_almost_whole(folder: Path) -> None:
    values = mask(np.float32) * np.float32(0.99999) + np.float32(1e-6)
    found = read(folder, values)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, mask())


def test_probabilities(folder: Path) -> None:
    values = mask(np.float32)
    values[0, 0, :4] = [0.25, 0.5, 0.9, 0.3]
    with pytest.raises(BadValues, match=r"^P007: 4 voxels.*not whole.*found: 0\.25.*probabilities"):
        read(folder, values)


def test_nan_in_a_mask(folder: Path) -> None:
    values = mask(np.float32)
    values[0, 0, 0] = np.nan
    with pytest.raises(BadValues, match="P007, mask: 1 of 120"):
        read(folder, values)


def test_an_empty_mask_is_a_mask(folder: Path) -> None:
    found = read(folder, np.zeros(SHAPE, dtype=np.float32))
    assert found.dtype == np.uint8
    assert not found.any()


@settings(max_examples=40)
@given(st.lists(st.integers(-2, 300), min_size=1, max_size=6), st.sampled_from([LESION, ORGANS]))
def test_what_is_returned_is_declared(
    tmp_path_factory: pytest.TempPathFactory, present: list[int], task: Task
) -> None:
    values = np.zeros(SHAPE, dtype=np.int16)
    values.flat[: len(present)] = present
    allowed = {0, *task.labels.values(), *(v for v in task.ignore_labels if isinstance(v, int))}
    try:
        found = read(tmp_path_factory.getbasetemp(), values, task=task)
    except UndeclaredLabel as error:
        assert set(present) - allowed
        for value in set(present) - allowed:
            assert f"{value} ({present.count(value)} voxels)" in str(error)
        return
    assert not set(present) - allowed
    assert set(np.unique(found)) <= {0, *task.labels.values()}
    np.testing.assert_array_equal(found, np.where(values == 255, 0, values))


# --- whole cases ------------------------------------------------------------------------------


def case(*files: Path, kind: Any = "nifti") -> Case:
    return Case("P007", "P-AAAAAAAAAA", Source(kind, files), None)


def test_image_is_float32(folder: Path) -> None:
    values = np.arange(120, dtype=np.int16).reshape(SHAPE) - 60
    write_nifti(Volume(values, GRID), folder / "a.nii")
    found = read_image(case(folder / "a.nii"))
    assert found.values.dtype == np.float32
    np.testing.assert_array_equal(found.values, values)
    found.values[0, 0, 0] = 5  # callers may write into it


def test_image_of_every_kind_lies_at_the_same_place(folder: Path) -> None:
    itk = pytest.importorskip("SimpleITK")
    series = Series(shape=(6, 5, 4), spacing=(0.5, 0.75), step=(0.0, 0.0, 2.0))
    files = tuple(series.write(folder / "dicom"))
    dicom = read_image(case(*files, kind="dicom-series"))
    write_nifti(dicom, folder / "a.nii.gz")
    nifti = read_image(case(folder / "a.nii.gz"))
    itk.WriteImage(itk.ReadImage(str(folder / "a.nii.gz")), str(folder / "a.nrrd"))
    nrrd = read_image(case(folder / "a.nrrd", kind="nrrd"))
    for other in (nifti, nrrd):
        assert dicom.geometry.same_grid(other.geometry)
        np.testing.assert_array_equal(dicom.values, other.values)


def test_rtstruct_on_a_nifti_of_its_series(folder: Path) -> None:
    series = Series(shape=(12, 10, 4), spacing=(1.0, 1.0), step=(0.0, 0.0, 2.0), origin=(0, 0, 0))
    square = np.array([[2, 2, 2.0], [6, 2, 2], [6, 5, 2], [2, 5, 2]])
    path = write_rtstruct(series, folder / "Kim", {"lesion": [square]})
    grid = Geometry(series.affine, (12, 10, 4))
    found = read_labels(Source("dicom-rtstruct", (path,)), grid, LESION, "P007")
    inside = np.argwhere(found.values)
    assert set(inside[:, 2]) == {1}
    np.testing.assert_allclose(inside.mean(axis=0)[:2], [4, 3.5], atol=0.51)


@pytest.mark.parametrize("kind", ["nifti", "nrrd", "dicom-series", "dicom-seg", "dicom-rtstruct"])
@pytest.mark.parametrize("data", [None, b"", b"garbage" * 100])
def test_file_that_cannot_be_read_names_the_case(
    folder: Path, kind: Any, data: bytes | None
) -> None:
    path = folder / "Kim_Cheolsu.x"
    if data is not None:
        path.write_bytes(data)
    readings = [lambda: read_labels(Source(kind, (path,)), GRID, LESION, "P007")]
    if kind in ("nifti", "nrrd", "dicom-series"):
        readings = [lambda: read_image(case(path, kind=kind))]
    for reading in readings:
        with pytest.raises(UnreadableFile, match=r"^P007") as caught:
            reading()
        assert "Kim" not in str(caught.value)


def test_error_of_the_mask_says_that_it_is_the_mask(folder: Path) -> None:
    path = folder / "a.nii"
    path.write_bytes(b"")
    with pytest.raises(DataError, match=r"^P007, mask: "):
        read_labels(Source("nifti", (path,)), GRID, LESION, "P007")
    with pytest.raises(DataError, match=r"^P007, image: "):
        read_image(case(path))
    assert issubclass(SpacingMissing, DataError)
