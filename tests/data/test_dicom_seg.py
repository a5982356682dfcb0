"""DICOM SEG (written by highdicom and by hand) onto the image's grid."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_builders import SECRETS, Series, ds, rotation
from pydicom.data import get_testdata_file
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid

from limen.data.dicom_seg import read_seg, segments_of
from limen.data.dicom_series import frame_of_reference, read_series
from limen.data.errors import (
    DataError,
    GeometryMismatch,
    IdentityError,
    OverlappingLabels,
    UndeclaredLabel,
    UnreadableFile,
)
from limen.data.volume import Geometry

hd = pytest.importorskip("highdicom")

TURN = rotation(0.3, -0.2, 0.5)


def made_series(**given) -> Series:
    return Series(row=TURN[:, 0], column=TURN[:, 1], step=2.5 * TURN[:, 2], **given)


def made_mask(shape, seed=3) -> np.ndarray:
    """(I, J, K) labels 0, 1, 2; the first slice and two in the middle are empty."""
    mask = np.random.default_rng(seed).integers(0, 3, shape).astype(np.uint8)
    mask[:, :, [0, 2, 3]] = 0
    return mask


def describe(n: int, label: str):
    return hd.seg.SegmentDescription(
        segment_number=n,
        segment_label=label,
        segmented_property_category=codes.SCT.Tissue,
        segmented_property_type=codes.SCT.Lung,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
    )


def write_seg(
    series: Series,
    mask: np.ndarray,
    path: Path,
    *,
    names=("Nodule", "Vessel"),
    kind="BINARY",
    order=None,
    **more,
) -> Path:
    """The mask (I, J, K), written against the source images in the given slice order."""
    order = list(range(mask.shape[2])) if order is None else order
    images = [series.slices[k] for k in order]
    pixels = np.stack([mask[:, :, k].T for k in order])
    if kind == "FRACTIONAL":
        planes = [(pixels == n + 1) * 0.75 + (pixels != n + 1) * 0.25 for n in range(len(names))]
        pixels = np.stack(planes, axis=-1).astype(np.float32)
    seg = hd.seg.Segmentation(
        source_images=images,
        pixel_array=pixels,
        segmentation_type=kind,
        segment_descriptions=[describe(n + 1, name) for n, name in enumerate(names)],
        series_instance_uid=generate_uid(),
        series_number=9,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="Maker",
        manufacturer_model_name="Model",
        software_versions="1",
        device_serial_number="1",
        **more,
    )
    seg.save_as(path)
    return path


@pytest.fixture
def image(tmp_path: Path):
    series = made_series()
    files = series.write(tmp_path / "image")
    return series, read_series(files, "case-1").geometry, files


LABELS = {"nodule": 1, "VESSEL": 2}


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
@pytest.mark.parametrize("omit", [True, False])
@pytest.mark.parametrize("order", [None, [5, 4, 3, 2, 1, 0], [2, 0, 5, 1, 4, 3]])
def test_frames_are_placed_by_their_position(tmp_path: Path, image, kind, omit, order) -> None:
    series, geometry, files = image
    mask = made_mask(series.shape)
    path = write_seg(series, mask, tmp_path / "seg", kind=kind, order=order, omit_empty_frames=omit)
    frames = int(pydicom.dcmread(path).NumberOfFrames)
    if kind == "BINARY":
        assert frames == (6 if omit else 12)
    volume = read_seg(
        path, geometry, LABELS, (), "case-1", frame_of_reference_uid=frame_of_reference(files)
    )
    assert volume.values.dtype == np.uint8
    np.testing.assert_array_equal(volume.values, mask)
    assert volume.geometry is geometry


def test_flipped_and_turned_planes(tmp_path: Path, image) -> None:
    """Columns run where the image's rows run, backwards: geometry alone brings them home."""
    series, geometry, _ = image
    mask = made_mask(series.shape)
    path = write_seg(series, mask, tmp_path / "seg", omit_empty_frames=False)
    seg = pydicom.dcmread(path)
    frames = seg.pixel_array.reshape(-1, series.shape[1], series.shape[0])
    # New rows run along i (forwards), new columns along j (backwards).
    turned = np.ascontiguousarray(frames[:, ::-1].transpose(0, 2, 1))
    seg.Rows, seg.Columns = series.shape[0], series.shape[1]
    seg.PixelData = pydicom.pixels.utils.pack_bits(turned.ravel())
    shared = seg.SharedFunctionalGroupsSequence[0]
    shared.PixelMeasuresSequence[0].PixelSpacing = ds(series.spacing)
    shared.PlaneOrientationSequence[0].ImageOrientationPatient = ds([*-series.column, *series.row])
    last = series.column * series.spacing[1] * (series.shape[1] - 1)
    for group in seg.PerFrameFunctionalGroupsSequence:
        item = group.PlanePositionSequence[0]
        item.ImagePositionPatient = ds(np.array(item.ImagePositionPatient, float) + last)
    seg.save_as(path)
    np.testing.assert_array_equal(read_seg(path, geometry, LABELS, (), "case-1").values, mask)


def test_segmentation_of_a_tilted_gantry(tmp_path: Path) -> None:
    tilt = np.deg2rad(15)
    series = Series(column=[0, np.cos(tilt), np.sin(tilt)], step=(0, 0, 2.0))
    geometry = read_series(series.write(tmp_path / "image"), "case-1").geometry
    mask = made_mask(series.shape)
    path = write_seg(series, mask, tmp_path / "seg")
    np.testing.assert_array_equal(read_seg(path, geometry, LABELS, (), "case-1").values, mask)


def test_numbers_stand_for_values_only_if_no_name_matches(tmp_path: Path, image) -> None:
    series, geometry, _ = image
    mask = made_mask(series.shape)
    path = write_seg(series, mask, tmp_path / "seg", names=("Segment_1", "Segment_2"))
    volume = read_seg(path, geometry, {"lesion": 1, "organ": 2}, (), "case-1")
    np.testing.assert_array_equal(volume.values, mask)
    # As soon as one name matches, the other segment must be declared by name too.
    with pytest.raises(UndeclaredLabel, match="segment 2"):
        read_seg(path, geometry, {"segment_1": 1, "organ": 2}, (), "case-1")


def test_names_win_over_numbers(tmp_path: Path, image) -> None:
    series, geometry, _ = image
    mask = made_mask(series.shape)
    path = write_seg(series, mask, tmp_path / "seg")
    swapped = read_seg(path, geometry, {"vessel": 1, "nodule": 2}, (), "case-1").values
    np.testing.assert_array_equal(swapped, np.array([0, 2, 1])[mask])


def test_undeclared_and_ignored_segments(tmp_path: Path, image) -> None:
    series, geometry, _ = image
    mask = made_mask(series.shape)
    path = write_seg(series, mask, tmp_path / "seg")
    with pytest.raises(UndeclaredLabel, match=r"segment 2 \('Vessel'\)"):
        read_seg(path, geometry, {"nodule": 1}, (), "case-1")
    for ignore in (["vessel"], [2], ["2"]):
        kept = read_seg(path, geometry, {"nodule": 1}, ignore, "case-1").values
        np.testing.assert_array_equal(kept, mask == 1)


def test_large_values_need_uint16(tmp_path: Path, image) -> None:
    series, geometry, _ = image
    mask = made_mask(series.shape)
    path = write_seg(series, mask, tmp_path / "seg")
    values = read_seg(path, geometry, {"nodule": 1, "vessel": 700}, (), "case-1").values
    assert values.dtype == np.uint16
    np.testing.assert_array_equal(values, np.array([0, 1, 700])[mask])


def test_overlap_of_two_labels(tmp_path: Path, image) -> None:
    series, geometry, _ = image
    stacked = np.zeros((6, 5, 7, 2), np.uint8)
    stacked[1, 1, 1:4, 0] = 1
    stacked[1, 1, 3:6, 1] = 1
    seg = hd.seg.Segmentation(
        source_images=series.slices,
        pixel_array=stacked,
        segmentation_type="BINARY",
        segment_descriptions=[describe(1, "nodule"), describe(2, "vessel")],
        series_instance_uid=generate_uid(),
        series_number=9,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="Maker",
        manufacturer_model_name="Model",
        software_versions="1",
        device_serial_number="1",
    )
    seg.save_as(tmp_path / "seg")
    with pytest.raises(OverlappingLabels) as caught:
        read_seg(tmp_path / "seg", geometry, LABELS, (), "case-1")
    assert caught.value.found == "nodule and VESSEL, 1 voxels"
    # Two segments of one label may overlap.
    both = read_seg(tmp_path / "seg", geometry, {"nodule": 1, "vessel": 1}, (), "case-1")
    assert both.values.sum() == 5


def _other_spacing(seg) -> None:
    item = seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    item.PixelSpacing = ds([0.45, 0.35])


def _between_slices(seg) -> None:
    for group in seg.PerFrameFunctionalGroupsSequence:
        item = group.PlanePositionSequence[0]
        moved = np.array(item.ImagePositionPatient, float) + 1.25 * TURN[:, 2]
        item.ImagePositionPatient = ds(moved)


def _half_pixel(seg) -> None:
    for group in seg.PerFrameFunctionalGroupsSequence:
        item = group.PlanePositionSequence[0]
        moved = np.array(item.ImagePositionPatient, float) + 0.35 * TURN[:, 0]
        item.ImagePositionPatient = ds(moved)


def _beyond(seg) -> None:
    for group in seg.PerFrameFunctionalGroupsSequence:
        item = group.PlanePositionSequence[0]
        moved = np.array(item.ImagePositionPatient, float) + 5 * 2.5 * TURN[:, 2]
        item.ImagePositionPatient = ds(moved)


def _turned(seg) -> None:
    item = seg.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0]
    item.ImageOrientationPatient = ds([1, 0, 0, 0, 1, 0])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_other_spacing, "0.35 x 0.45 mm, the image of 0.7 x 0.9 mm"),
        (_between_slices, r"slice \d\.50 of the image"),
        (_half_pixel, "0.50 voxels"),
        (_beyond, r"covers k = (6|7|8|9|10) to \1, the image 0 to 5"),
        (_turned, "turned"),
    ],
)
def test_other_geometry_is_refused_with_values(tmp_path: Path, image, change, words) -> None:
    series, geometry, _ = image
    path = write_seg(series, made_mask(series.shape), tmp_path / "seg")
    seg = pydicom.dcmread(path)
    change(seg)
    seg.save_as(path)
    with pytest.raises(GeometryMismatch) as caught:
        read_seg(path, geometry, LABELS, (), "case-1")
    assert re.search(words, str(caught.value.found))
    assert not any(secret in str(caught.value) for secret in SECRETS)


def test_other_frame_of_reference(tmp_path: Path, image) -> None:
    series, geometry, _ = image
    path = write_seg(series, made_mask(series.shape), tmp_path / "seg")
    with pytest.raises(GeometryMismatch, match="frame of reference") as caught:
        read_seg(path, geometry, LABELS, (), "case-1", frame_of_reference_uid="1.2.3")
    assert series.frame not in str(caught.value)


def test_label_that_names_the_patient_is_not_shown(tmp_path: Path, image) -> None:
    series, geometry, _ = image
    path = write_seg(
        series, made_mask(series.shape), tmp_path / "seg", names=("Zyxwvut lesion", "Vessel")
    )
    with pytest.raises(UndeclaredLabel) as caught:
        read_seg(path, geometry, {"vessel": 2}, (), "case-1")
    assert "segment 1" in str(caught.value)
    assert "Zyxwvut" not in str(caught.value)
    assert "list its number (1)" in str(caught.value.mend)
    assert segments_of(path) == {1: "", 2: "Vessel"}
    # by its number it can be left out
    values = read_seg(path, geometry, {"vessel": 2}, (1,), "case-1").values
    assert set(np.unique(values)) == {0, 2}
    # and it cannot be declared: tables and reports would show the name
    with pytest.raises(IdentityError) as refused:
        read_seg(path, geometry, {"zyxwvut lesion": 1, "vessel": 2}, (), "case-1")
    assert "zyxwvut" not in str(refused.value).lower()
    assert refused.value.mend


def test_not_a_segmentation_and_truncated(tmp_path: Path, image) -> None:
    series, geometry, files = image
    with pytest.raises(UnreadableFile, match="not a DICOM Segmentation"):
        read_seg(files[0], geometry, LABELS, (), "case-1")
    path = write_seg(series, made_mask(series.shape), tmp_path / "seg")
    seg = pydicom.dcmread(path)
    seg.PixelData = seg.PixelData[:-8]
    seg.save_as(path)
    with pytest.raises(UnreadableFile):
        read_seg(path, geometry, LABELS, (), "case-1")


def test_real_segmentation_from_the_wheel(tmp_path: Path) -> None:
    """A liver segmentation by dcmqi: its own planes give a grid it lies on exactly."""
    seg = pydicom.dcmread(str(get_testdata_file("liver_1frame.dcm", download=False)))
    # The wheel's copy keeps the pixels of one frame and the descriptions of three.
    del seg.PerFrameFunctionalGroupsSequence[1:]
    seg.NumberOfFrames = 1
    seg.save_as(tmp_path / "seg")
    shared, own = seg.SharedFunctionalGroupsSequence[0], seg.PerFrameFunctionalGroupsSequence[0]
    cosines = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float)
    spacing = np.array(shared.PixelMeasuresSequence[0].PixelSpacing, float)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = cosines[:3] * spacing[1], cosines[3:] * spacing[0]
    affine[:3, 2] = np.cross(cosines[:3], cosines[3:]) * 5
    affine[:3, 3] = np.array(own.PlanePositionSequence[0].ImagePositionPatient, float)
    affine[:3, 3] -= affine[:3, 2]  # the frame becomes the second of three slices
    geometry = Geometry(affine, (512, 512, 3))
    read = read_seg(tmp_path / "seg", geometry, {"liver": 1}, (), "case-1").values
    assert not read[:, :, [0, 2]].any()
    assert read.any()
    np.testing.assert_array_equal(read[:, :, 1], seg.pixel_array.T)


def test_every_failure_is_a_data_error(tmp_path: Path, image) -> None:
    _, geometry, _ = image
    (tmp_path / "rubbish").write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 200)
    with pytest.raises(DataError):
        read_seg(tmp_path / "rubbish", geometry, LABELS, (), "case-1")
