"""DICOM-CT-PD: files built by the published layout are read, reconstructed and refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ct_phantoms import grid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid

from limen.physics.ct import ConeGeometry, forward, reconstruct
from limen.physics.ct.ctpd import ProjectionError, read_projections

HELIX = ConeGeometry(
    260, 61, 7, 2.6, 3.0, 120.0, 240.0, (40, 40, 6), 1.0, 1.5, "curved", 0.65, 80, 8.0, 0.5
)
SLOPE, INTERCEPT = 5e-5, -0.2


def body() -> np.ndarray:
    x, y = grid(HELIX)
    disc = np.clip(12 - np.hypot(x - 3, y + 2) + 0.5, 0, 1)
    return np.repeat(0.02 * disc[:, :, None], 6, axis=2).astype(np.float32)


def dataset(view: int, lines: np.ndarray, **changes: Any) -> Dataset:
    """One projection (columns, rows) by Chen et al. 2015 and the format's manual."""
    columns, rows = lines.shape
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = changes.get("syntax", ExplicitVRLittleEndian)
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    meta.MediaStorageSOPInstanceUID = generate_uid()
    ds = Dataset()
    ds.file_meta = meta
    ds.SOPClassUID, ds.SOPInstanceUID = meta.MediaStorageSOPClassUID, generate_uid()
    ds.Modality, ds.InstanceNumber = "CT", view + 1
    stored = np.rint((lines - INTERCEPT) / SLOPE).astype("<u2")
    if changes.get("rows_are_columns", True):
        ds.Rows, ds.Columns = columns, rows
    else:
        ds.Rows, ds.Columns, stored = rows, columns, stored.T
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit, ds.PixelRepresentation = 15, 0
    ds.RescaleSlope, ds.RescaleIntercept = SLOPE, INTERCEPT
    ds.PixelData = np.ascontiguousarray(stored).tobytes()
    for group in (0x7029, 0x7031, 0x7033, 0x7037, 0x7041):
        ds.add_new((group, 0x0010), "LO", "DICOM-CT-PD")
    centre = (columns - 1) / 2 - HELIX.detector_offset_mm / HELIX.detector_spacing_mm + 1
    private = [
        ((0x7029, 0x1010), "US", rows), ((0x7029, 0x1011), "US", columns),
        ((0x7029, 0x1002), "FL", HELIX.detector_spacing_mm),
        ((0x7029, 0x1006), "FL", HELIX.row_spacing_mm),
        ((0x7029, 0x100B), "CS", changes.get("shape", "CYLINDRICAL")),
        ((0x7031, 0x1001), "FL", float(HELIX.angles_rad[view] % (2 * np.pi))),
        ((0x7031, 0x1002), "FL", float(HELIX.source_z_mm[view]) - 77.0),
        ((0x7031, 0x1003), "FL", changes.get("radius", 120.0)),
        ((0x7031, 0x1031), "FL", 240.0),
        ((0x7031, 0x1033), "FL", [changes.get("centre", centre), (rows - 1) / 2 + 1]),
        ((0x7033, 0x100E), "CS", changes.get("flying", "FFSNONE")),
        ((0x7033, 0x1013), "US", HELIX.views_per_turn),
        ((0x7033, 0x1065), "FL", [1e5] * columns),
        ((0x7037, 0x1009), "CS", "HELICAL"), ((0x7037, 0x100A), "CS", "FANBEAM"),
        ((0x7041, 0x1001), "DS", "0.0193"),
    ]  # fmt: skip
    for tag, vr, value in private:
        ds.add_new(tag, vr, value)
    return ds


def write(folder: Path, lines: np.ndarray, **changes: Any) -> Path:
    for view in range(lines.shape[0]):
        ds = dataset(view, lines[view], **changes)
        ds.save_as(folder / f"{view:04d}.dcm", enforce_file_format=True)
    return folder


@pytest.fixture(scope="module")
def lines() -> np.ndarray:
    # a body that is longer than the scan
    long = replace(HELIX, image_shape=(40, 40, 30))
    return forward(np.repeat(body()[:, :, :1], 30, axis=2), long)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
@pytest.mark.parametrize("rows_are_columns", [True, False])
def test_what_was_written_is_read(
    tmp_path: Path, lines: np.ndarray, syntax: str, rows_are_columns: bool
) -> None:
    folder = write(tmp_path, lines[:100], syntax=syntax, rows_are_columns=rows_are_columns)
    steps: list[tuple[int, int]] = []
    data = read_projections(folder, progress=lambda n, of: steps.append((n, of)))
    assert steps[-1] == (100, 100)
    np.testing.assert_allclose(data.lines, lines[:100], atol=SLOPE)
    np.testing.assert_allclose(np.diff(data.angle_rad), 2 * np.pi / 80, atol=1e-5)
    assert (data.helical, data.detector, data.views_per_turn) == (True, "curved", 80)
    assert data.mu_water_per_mm == pytest.approx(0.0193)
    assert data.photons is not None and data.photons.shape == (100, 61)
    assert not data.columns_reversed


def test_the_helix_is_reconstructed(tmp_path: Path, lines: np.ndarray) -> None:
    data = read_projections(write(tmp_path, lines))
    geometry = data.geometry((40, 40, 6), 1.0, 1.5)
    for name in ("detector_offset_mm", "start_rad", "feed_mm", "source_to_centre_mm"):
        assert getattr(geometry, name) == pytest.approx(getattr(HELIX, name), rel=1e-4)
    image = reconstruct(data.lines, geometry, "shepp-logan")
    x, y = grid(HELIX)
    inside = np.hypot(x - 3, y + 2) < 9
    np.testing.assert_allclose(image[inside].mean(axis=0), 0.02, rtol=1e-3)
    assert np.abs(image - body()).mean() < 1e-3


def test_columns_counted_the_other_way_are_found_out(tmp_path: Path, lines: np.ndarray) -> None:
    centre = 60 - (30 - HELIX.detector_offset_mm / HELIX.detector_spacing_mm) + 1
    data = read_projections(write(tmp_path, lines[:, ::-1], centre=centre))
    assert data.columns_reversed
    np.testing.assert_allclose(data.lines, lines, atol=SLOPE)
    offset = data.geometry((40, 40, 6), 1.0, 1.5).detector_offset_mm
    assert offset == pytest.approx(HELIX.detector_offset_mm, rel=1e-4)


def test_turned_the_other_way(tmp_path: Path, lines: np.ndarray) -> None:
    """The same views written last to first: put in the order of growing angles."""
    for view in range(100):
        ds = dataset(view, lines[view])
        ds.InstanceNumber = 100 - view
        ds.save_as(tmp_path / f"{view:04d}.dcm", enforce_file_format=True)
    np.testing.assert_allclose(read_projections(tmp_path).lines, lines[:100], atol=SLOPE)


def damaged(folder: Path, lines: np.ndarray, change: Any) -> Path:
    write(folder, lines[:3])
    path = folder / "0001.dcm"
    ds = dataset(1, lines[1])
    change(ds)
    if getattr(ds, "file_meta", None) is not None:
        ds.save_as(path, enforce_file_format=True)
    return folder


def without(tag: tuple[int, int]) -> Any:
    return lambda ds: ds.__delitem__(tag)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without((0x7029, 0x1002)), r"missing.*7029,1002"),
        (without((0x7031, 0x1001)), r"missing.*7031,1001"),
        (without((0x0028, 0x1053)), "RescaleSlope"),
        (without((0x0020, 0x0013)), "Instance numbers"),
        (lambda ds: setattr(ds, "InstanceNumber", 1), "Instance numbers"),
        (lambda ds: setattr(ds, "InstanceNumber", 9), r"missing.*first 2"),
        (lambda ds: setattr(ds, "PixelData", ds.PixelData[:-10]), "cut short"),
        (lambda ds: setattr(ds, "Rows", 60), "contradict"),
        (lambda ds: setattr(ds, "PixelData", b"\xff\xff" * 427), "Saturated"),
        (lambda ds: ds.add_new((0x7031, 0x1003), "FL", 130.0), "differs between"),
        (lambda ds: ds.add_new((0x7029, 0x1010), "US", 8), "differs between"),
    ],
)
def test_damage(tmp_path: Path, lines: np.ndarray, change: Any, words: str) -> None:
    with pytest.raises(ProjectionError, match=words):
        read_projections(damaged(tmp_path, lines, change))


def test_files_that_are_none(tmp_path: Path, lines: np.ndarray) -> None:
    with pytest.raises(ProjectionError, match="No projection files"):
        read_projections(tmp_path)
    write(tmp_path, lines[:2])
    whole = (tmp_path / "0001.dcm").read_bytes()
    for n in (0, 60, 200, 600, len(whole) - 100):
        (tmp_path / "0001.dcm").write_bytes(whole[:n])
        with pytest.raises(ProjectionError, match=r"0001.dcm"):
            read_projections(tmp_path)


def test_geometries_that_are_not_described(tmp_path: Path, lines: np.ndarray) -> None:
    with pytest.raises(ProjectionError, match=r"flying focal spot.*FFSZ"):
        read_projections(write(tmp_path, lines[:4], flying="FFSZ")).geometry((4, 4, 4), 1.0, 1.0)
    with pytest.raises(ProjectionError, match="another shape"):
        read_projections(write(tmp_path, lines[:4], shape="SPHERICAL"))
    write(tmp_path, lines[:4])
    odd = dataset(5, lines[2])
    odd.InstanceNumber = 3
    odd.save_as(tmp_path / "0002.dcm", enforce_file_format=True)
    with pytest.raises(ProjectionError, match="not even"):
        read_projections(tmp_path).geometry((4, 4, 4), 1.0, 1.0)
