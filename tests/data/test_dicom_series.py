"""DICOM series into volumes: geometry against plain affine arithmetic, broken ones refused."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_builders import SECRETS, Series, ds, rotation, write_enhanced
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

from limen.data.dicom_series import read_series
from limen.data.errors import (
    BadValues,
    BrokenSeries,
    DataError,
    EmptyFolder,
    SpacingMissing,
    UnreadableFile,
)


def bundled(name: str) -> Path:
    """A file inside the pydicom wheel; nothing is downloaded."""
    path = get_testdata_file(name, download=False)
    assert path is not None
    return Path(path)


def refused(kind: type[DataError], series: Series, folder: Path) -> DataError:
    with pytest.raises(kind) as caught:
        read_series(series.write(folder), "case-1")
    error = caught.value
    assert error.where == "case-1"
    assert error.mend
    for secret in (*SECRETS, series.uid, series.study, series.frame, str(folder)):
        assert secret not in str(error)
    return error


# --- geometry and values ----------------------------------------------------------------------


def test_axial_series_with_shuffled_names(tmp_path: Path) -> None:
    series = Series()
    volume = read_series(series.write(tmp_path), "case-1")
    assert volume.values.dtype == np.float32
    np.testing.assert_array_equal(volume.values, series.stored)
    np.testing.assert_allclose(volume.geometry.affine_lps_mm, series.affine, atol=1e-9)
    assert volume.geometry.shape == (7, 5, 6)
    assert volume.geometry.is_orthogonal


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    angles=st.tuples(*[st.floats(-3.1, 3.1)] * 3),
    step=st.floats(0.4, 8),
    shear=st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
    spacing=st.tuples(st.floats(0.2, 3), st.floats(0.2, 3)),
    count=st.integers(2, 7),
)
def test_any_orientation_and_tilt(tmp_path_factory, angles, step, shear, spacing, count) -> None:
    turn = rotation(*angles)
    row, column, normal = turn.T
    series = Series(
        shape=(4, 3, count),
        row=row,
        column=column,
        step=step * normal + shear[0] * row + shear[1] * column,
        spacing=spacing,
    )
    volume = read_series(series.write(tmp_path_factory.mktemp("any")), "case-1")
    np.testing.assert_allclose(volume.geometry.affine_lps_mm, series.affine, atol=2e-5)
    np.testing.assert_array_equal(volume.values, series.stored)


def test_tilted_gantry_keeps_its_shear(tmp_path: Path) -> None:
    tilt = np.deg2rad(20)
    column = np.array([0, np.cos(tilt), np.sin(tilt)])
    series = Series(column=column, step=(0, 0, 3.0))
    geometry = read_series(series.write(tmp_path), "case-1").geometry
    assert not geometry.is_orthogonal
    # The slices stand apart by the projection of the table feed on the normal.
    assert geometry.voxel_volume_mm3 == pytest.approx(0.7 * 0.9 * 3.0 * np.cos(tilt), rel=1e-6)


def test_stack_against_the_normal_is_reversed(tmp_path: Path) -> None:
    series = Series(step=(0, 0, -2.5))
    volume = read_series(series.write(tmp_path), "case-1")
    np.testing.assert_array_equal(volume.values, series.stored[:, :, ::-1])
    np.testing.assert_allclose(volume.geometry.affine_lps_mm[:3, 2], [0, 0, 2.5], atol=1e-9)


def test_rescale_of_each_slice_is_its_own(tmp_path: Path) -> None:
    series = Series(modality="CT")
    slopes, intercepts = np.arange(1, 7) / 4, np.arange(6) * -100.0
    for data, slope, intercept in zip(series.slices, slopes, intercepts, strict=True):
        data.RescaleSlope, data.RescaleIntercept = str(slope), str(intercept)
    volume = read_series(series.write(tmp_path), "case-1")
    np.testing.assert_allclose(volume.values, series.stored * slopes + intercepts, rtol=1e-6)


def test_mr_without_rescale_gives_stored_values(tmp_path: Path) -> None:
    series = Series(modality="MR")
    volume = read_series(series.write(tmp_path), "case-1")
    np.testing.assert_array_equal(volume.values, series.stored)


def test_unsigned_pixels(tmp_path: Path) -> None:
    series = Series()
    series.stored[...] = np.abs(series.stored)
    for k, data in enumerate(series.slices):
        data.PixelRepresentation = 0
        data.BitsStored, data.HighBit = 12, 11
        data.RescaleIntercept = "-1024"
        data.PixelData = series.stored[:, :, k].T.astype("<u2").tobytes()
    volume = read_series(series.write(tmp_path), "case-1")
    np.testing.assert_array_equal(volume.values, series.stored - 1024.0)


def test_bits_beyond_bits_stored_are_refused(tmp_path: Path) -> None:
    series = Series()
    for data in series.slices:
        data.PixelRepresentation = 0
        data.BitsStored, data.HighBit = 12, 11
        data.PixelData = np.full((5, 7), 5000, "<u2").tobytes()
    assert "5000 with 12 bits" in str(refused(BadValues, series, tmp_path).found)


@pytest.mark.parametrize("declared", [-2000, 63536])
def test_padding_of_ct_is_air(tmp_path: Path, declared: int) -> None:
    # 63536 is -2000 written as an unsigned value, as some scanners do for signed pixels.
    series = Series()
    series.stored[0, 0, :] = -2000
    for k, data in enumerate(series.slices):
        data.PixelData = series.stored[:, :, k].T.astype("<i2").tobytes()
        data.RescaleIntercept = "-1024"
        data.add_new(0x00280120, "SS" if declared < 0 else "US", declared)
    volume = read_series(series.write(tmp_path), "case-1")
    assert (volume.values[0, 0] == -1024).all()
    np.testing.assert_array_equal(volume.values[1:], series.stored[1:] - 1024.0)


def test_padding_of_mr_is_the_smallest_measured_value(tmp_path: Path) -> None:
    series = Series(modality="MR")
    series.stored[0] = -32768
    for k, data in enumerate(series.slices):
        data.PixelData = series.stored[:, :, k].T.astype("<i2").tobytes()
        data.add_new(0x00280120, "SS", -32768)
    volume = read_series(series.write(tmp_path), "case-1")
    assert (volume.values[0] == series.stored[1:].min()).all()


def test_enhanced_multi_frame_equals_classic(tmp_path: Path) -> None:
    series = Series(row=rotation(0.1, 0.2, 0.3)[:, 0], column=rotation(0.1, 0.2, 0.3)[:, 1])
    series.step = 2.5 * rotation(0.1, 0.2, 0.3)[:, 2]
    path = write_enhanced(series, tmp_path / "enhanced", order=[3, 0, 5, 1, 4, 2])
    volume = read_series([path], "case-1")
    np.testing.assert_allclose(volume.geometry.affine_lps_mm, series.affine, atol=1e-5)
    k = np.arange(6)
    np.testing.assert_allclose(volume.values, series.stored * (1.0 + k) - 10.0 * k, rtol=1e-6)


def test_enhanced_with_a_missing_frame(tmp_path: Path) -> None:
    path = write_enhanced(Series(), tmp_path / "enhanced", order=[0, 1, 2, 4, 5])
    with pytest.raises(BrokenSeries, match="1 slice is missing"):
        read_series([path], "case-1")


def test_single_slice_takes_its_thickness(tmp_path: Path) -> None:
    series = Series(shape=(4, 3, 1))
    series.slices[0].SliceThickness = "4.5"
    geometry = read_series(series.write(tmp_path), "case-1").geometry
    assert geometry.spacing_mm == pytest.approx((0.7, 0.9, 4.5))


def test_positions_rounded_to_a_tenth_are_equally_spaced(tmp_path: Path) -> None:
    series = Series(shape=(3, 3, 40), step=(0, 0, 0.625))
    for data in series.slices:
        data.ImagePositionPatient = ds(np.round(np.array(data.ImagePositionPatient, float), 1))
    geometry = read_series(series.write(tmp_path), "case-1").geometry
    assert geometry.spacing_mm[2] == pytest.approx(0.625, abs=0.003)


# --- broken series ----------------------------------------------------------------------------


def test_missing_slices_are_counted_and_placed(tmp_path: Path) -> None:
    series = Series(shape=(3, 3, 12))
    del series.slices[7:9]
    error = refused(BrokenSeries, series, tmp_path)
    assert error.what == "2 slices are missing"
    # 7.5 mm between slice 6 and slice 9 of 2.5 mm, from -100.25 mm.
    assert "7.500 mm between the slices at -85.250 and -77.750 mm; 2.500 mm elsewhere" in str(error)


@pytest.mark.parametrize(
    ("count", "gone"), [(count, gone) for count in range(4, 9) for gone in range(1, count - 1)]
)
def test_one_missing_slice_is_always_seen(tmp_path: Path, count: int, gone: int) -> None:
    series = Series(shape=(2, 2, count))
    del series.slices[gone]
    error = refused(BrokenSeries, series, tmp_path)
    assert error.what in ("1 slice is missing", "the slices are not equally spaced")


def test_slices_of_growing_distance(tmp_path: Path) -> None:
    series = Series(shape=(2, 2, 8))
    for k, data in enumerate(series.slices):
        data.ImagePositionPatient = ds([0, 0, 2 * k + 0.1 * k**2])
    assert "not equally spaced" in refused(BrokenSeries, series, tmp_path).what


def test_slices_that_drift_sideways(tmp_path: Path) -> None:
    series = Series(shape=(2, 2, 8))
    series.slices[4].ImagePositionPatient = ds(series.origin + 4 * series.step + [3, 0, 0])
    assert "shifted" in refused(BrokenSeries, series, tmp_path).what


def test_echoes_at_one_position_name_the_attribute(tmp_path: Path) -> None:
    series = Series(modality="MR")
    for data in list(series.slices):
        data.EchoTime = "10"
        second = copy.deepcopy(data)
        second.EchoTime = "90"
        second.SOPInstanceUID = generate_uid()
        series.slices.append(second)
    found = str(refused(BrokenSeries, series, tmp_path).found)
    assert "2 images at -100.250 mm" in found
    assert "Echo Time (" in found
    assert "10" in found
    assert "90" in found


@pytest.mark.parametrize(
    ("keyword", "words"),
    [
        ("TemporalPositionIdentifier", "Temporal Position Identifier"),
        ("DiffusionBValue", "Diffusion b-value"),
    ],
)
def test_phases_and_b_values_are_named(tmp_path: Path, keyword: str, words: str) -> None:
    series = Series(modality="MR")
    for data in list(series.slices):
        second = copy.deepcopy(data)
        setattr(data, keyword, 1)
        setattr(second, keyword, 2)
        second.SOPInstanceUID = generate_uid()
        series.slices.append(second)
    assert words in str(refused(BrokenSeries, series, tmp_path).found)


def test_the_same_file_twice(tmp_path: Path) -> None:
    series = Series()
    series.slices.append(copy.deepcopy(series.slices[2]))
    assert refused(BrokenSeries, series, tmp_path).what == "the same image is there twice"


def test_duplicates_nothing_tells_apart(tmp_path: Path) -> None:
    series = Series()
    series.slices.append(copy.deepcopy(series.slices[2]))
    series.slices[-1].SOPInstanceUID = generate_uid()
    assert "nothing in their headers" in str(refused(BrokenSeries, series, tmp_path).found)


def _second_series(data) -> None:
    data.SeriesInstanceUID = generate_uid()


def _second_patient(data) -> None:
    data.PatientID = "5550001"


def _second_frame(data) -> None:
    data.FrameOfReferenceUID = generate_uid()


def _second_orientation(data) -> None:
    data.ImageOrientationPatient = ds([0, 1, 0, 0, 0, -1])


def _second_spacing(data) -> None:
    data.PixelSpacing = ds([0.5, 0.5])


def _second_size(data) -> None:
    data.Rows = 4
    data.PixelData = b"\0" * (4 * 7 * 2)


def _scout(data) -> None:
    data.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_second_series, "Series Instance UIDs"),
        (_second_patient, "patients"),
        (_second_frame, "frames of reference"),
        (_second_orientation, "orientations"),
        (_second_spacing, "pixel spacings"),
        (_second_size, "image sizes"),
        (_scout, "localizer"),
    ],
)
def test_mixed_series_say_what_is_mixed(tmp_path: Path, change, words: str) -> None:
    series = Series()
    change(series.slices[3])
    error = refused(BrokenSeries, series, tmp_path)
    assert words in error.what
    assert "5550001" not in str(error)
    assert error.found


@pytest.mark.parametrize("spacing", [None, ["0", "0.7"], ["0.7", "-0.7"], ["nan", "0.7"], ["0.7"]])
def test_spacing_absent_or_not_positive(tmp_path: Path, spacing) -> None:
    series = Series()
    del series.slices[1].PixelSpacing
    if spacing is not None:
        with pydicom.config.disable_value_validation():
            series.slices[1].add_new(0x00280030, "DS", spacing)
    refused(SpacingMissing, series, tmp_path)


def test_single_slice_without_thickness(tmp_path: Path) -> None:
    series = Series(shape=(3, 3, 1))
    del series.slices[0].SliceThickness
    assert "single slice" in refused(SpacingMissing, series, tmp_path).what


@pytest.mark.parametrize("keyword", ["ImagePositionPatient", "ImageOrientationPatient"])
def test_no_place_in_the_patient(tmp_path: Path, keyword: str) -> None:
    series = Series()
    delattr(series.slices[0], keyword)
    refused(BrokenSeries, series, tmp_path)


@pytest.mark.parametrize(
    "cosines", [["nan", "0", "0", "0", "1", "0"], "110010", [1, 0, 0, 1, 0, 0], [0] * 6]
)
def test_unusable_cosines(tmp_path: Path, cosines) -> None:
    series = Series()
    with pydicom.config.disable_value_validation():
        series.slices[2].add_new(0x00200037, "DS", cosines)
    refused(BrokenSeries, series, tmp_path)


def test_truncated_pixel_data(tmp_path: Path) -> None:
    series = Series()
    series.slices[4].PixelData = series.slices[4].PixelData[:-20]
    error = refused(UnreadableFile, series, tmp_path)
    assert error.found == "50 of 70 bytes"


def test_file_cut_off_in_the_header(tmp_path: Path) -> None:
    paths = Series().write(tmp_path)
    paths[0].write_bytes(paths[0].read_bytes()[:700])
    with pytest.raises(DataError):
        read_series(paths, "case-1")


def test_no_pixel_data(tmp_path: Path) -> None:
    series = Series()
    del series.slices[0].PixelData
    assert "no pixel data" in refused(UnreadableFile, series, tmp_path).what


def test_colour(tmp_path: Path) -> None:
    series = Series()
    for data in series.slices:
        data.SamplesPerPixel, data.PhotometricInterpretation = 3, "RGB"
        data.PlanarConfiguration = 0
        data.PixelData = data.PixelData * 3
    assert "colour" in refused(UnreadableFile, series, tmp_path).what


def test_ct_without_rescale(tmp_path: Path) -> None:
    series = Series()
    del series.slices[2].RescaleIntercept
    assert "not in HU" in refused(BadValues, series, tmp_path).what


def test_ct_in_another_unit(tmp_path: Path) -> None:
    series = Series()
    series.slices[0].RescaleType = "MGML"
    assert refused(BadValues, series, tmp_path).found == "MGML"


def test_unusable_slope(tmp_path: Path) -> None:
    series = Series()
    series.slices[0].RescaleSlope = "0"
    refused(BadValues, series, tmp_path)


def test_compression_without_decoder(tmp_path: Path) -> None:
    series = Series(shape=(8, 8, 2))
    for data in series.slices:
        data.PixelData = pydicom.encaps.encapsulate([b"\xff\xd8\xff\xd9"])
        data["PixelData"].VR = "OB"
        data["PixelData"].is_undefined_length = True
        data.file_meta.TransferSyntaxUID = pydicom.uid.HEVCMP51
    error = refused(UnreadableFile, series, tmp_path)
    assert "HEVC/H.265 Main Profile" in str(error.found)


def test_missing_file_and_no_files(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="missing"):
        read_series([tmp_path / "gone"], "case-1")
    with pytest.raises(EmptyFolder):
        read_series([], "case-1")


# --- real files from the pydicom wheel --------------------------------------------------------


def test_real_ct_against_hand_made_hu() -> None:
    path = bundled("CT_small.dcm")
    raw = pydicom.dcmread(path)
    volume = read_series([path], "case-1")
    hu = np.frombuffer(raw.PixelData, "<i2").reshape(128, 128).T * 1.0 - 1024
    np.testing.assert_array_equal(volume.values[:, :, 0], hu)
    assert volume.geometry.spacing_mm == pytest.approx((0.661468, 0.661468, 5.0))
    np.testing.assert_allclose(
        volume.geometry.affine_lps_mm[:3, 3], [-158.135803, -179.035797, -75.699997]
    )


@pytest.mark.parametrize(
    "name",
    [
        "MR_small_RLE.dcm",
        "MR_small_bigendian.dcm",
        "MR_small_implicit.dcm",
        "MR_small_padded.dcm",
        "MR_small_jp2klossless.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
    ],
)
def test_real_mr_is_the_same_in_every_lossless_encoding(name: str) -> None:
    plain = read_series([bundled("MR_small.dcm")], "case-1")
    other = read_series([bundled(name)], "case-1")
    np.testing.assert_array_equal(other.values, plain.values)


@pytest.mark.parametrize(
    "name",
    ["MR_truncated.dcm", "rtdose.dcm", "test-SR.dcm", "liver_1frame.dcm", "SC_rgb_jpeg_gdcm.dcm"],
)
def test_real_files_that_are_no_volume(name: str) -> None:
    with pytest.raises(DataError) as caught:
        read_series([bundled(name)], "case-1")
    assert caught.value.mend
