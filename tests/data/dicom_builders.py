"""Synthetic DICOM files with a known truth, and with identity that must never be seen again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

CT = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
MR = "1.2.840.10008.5.1.4.1.1.4"
RTSTRUCT = "1.2.840.10008.5.1.4.1.1.481.3"

# Every one of these strings is searched for in whatever leaves the readers.
SECRETS = ("Zyxwvut", "Qponmlk", "8830017245", "ACC774411", "19370519", "Drhouse", "김철수")


def identity(data: Dataset, study: str, frame: str) -> None:
    data.SpecificCharacterSet = "ISO_IR 192"
    data.PatientName = "Zyxwvut^Qponmlk==김^철수"
    data.PatientID = "8830017245"
    data.PatientBirthDate = "19370519"
    data.PatientSex = "F"
    data.AccessionNumber = "ACC774411"
    data.ReferringPhysicianName = "Drhouse^Gregory"
    data.StudyInstanceUID = study
    data.FrameOfReferenceUID = frame
    data.StudyDate = "20200518"
    data.StudyTime = "120000"
    data.StudyID = "1"
    data.SeriesNumber = 1


def blank(sop_class: str, modality: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID = sop_class
    data.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    data.Modality = modality
    data.Manufacturer = "Maker"
    return data


def ds(values) -> list[str]:
    return [pydicom.valuerep.format_number_as_ds(float(v)) for v in values]


AXIAL = (np.array([1.0, 0, 0]), np.array([0, 1.0, 0]))


def rotation(a: float, b: float, c: float) -> np.ndarray:
    ca, sa, cb, sb, cc, sc = np.cos(a), np.sin(a), np.cos(b), np.sin(b), np.cos(c), np.sin(c)
    rx = np.array([[1, 0, 0], [0, ca, -sa], [0, sa, ca]])
    ry = np.array([[cb, 0, sb], [0, 1, 0], [-sb, 0, cb]])
    rz = np.array([[cc, -sc, 0], [sc, cc, 0], [0, 0, 1]])
    return rx @ ry @ rz


class Series:
    """A classic series to be written; change ``slices`` before ``write`` to break it."""

    def __init__(
        self,
        *,
        shape=(7, 5, 6),
        spacing=(0.7, 0.9),
        row=AXIAL[0],
        column=AXIAL[1],
        step=(0.0, 0.0, 2.5),
        origin=(-20.0, 30.5, -100.25),
        modality="CT",
        seed=0,
    ):
        """``shape`` is (columns, rows, slices); ``spacing`` between columns and rows, in mm."""
        self.shape, self.spacing = shape, spacing
        self.row, self.column = np.asarray(row), np.asarray(column)
        self.step, self.origin = np.asarray(step), np.asarray(origin)
        self.study, self.uid, self.frame = generate_uid(), generate_uid(), generate_uid()
        rng = np.random.default_rng(seed)
        self.stored = rng.integers(-1000, 1000, shape, dtype=np.int16)
        self.slices = [self._slice(k, modality) for k in range(shape[2])]

    @property
    def affine(self) -> np.ndarray:
        affine = np.eye(4)
        affine[:3, 0] = self.row * self.spacing[0]
        affine[:3, 1] = self.column * self.spacing[1]
        affine[:3, 2] = self.step
        affine[:3, 3] = self.origin
        return affine

    def _slice(self, k: int, modality: str) -> FileDataset:
        data = blank(CT if modality == "CT" else MR, modality)
        identity(data, self.study, self.frame)
        data.SeriesInstanceUID = self.uid
        data.InstanceNumber = k + 1
        data.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        data.ImagePositionPatient = ds(self.origin + k * self.step)
        data.ImageOrientationPatient = ds([*self.row, *self.column])
        data.PixelSpacing = ds([self.spacing[1], self.spacing[0]])
        data.SliceThickness = "99"  # must never be used for more than one slice
        data.Rows, data.Columns = self.shape[1], self.shape[0]
        data.SamplesPerPixel = 1
        data.PhotometricInterpretation = "MONOCHROME2"
        data.BitsAllocated, data.BitsStored, data.HighBit = 16, 16, 15
        data.PixelRepresentation = 1
        if modality == "CT":
            data.RescaleSlope, data.RescaleIntercept = "1", "0"
        data.PixelData = self.stored[:, :, k].T.astype("<i2").tobytes()
        return data

    def write(self, folder: Path, *, shuffle: bool = True) -> list[Path]:
        folder.mkdir(parents=True, exist_ok=True)
        order = np.random.default_rng(1).permutation(len(self.slices)) if shuffle else None
        paths = []
        for n, data in enumerate(self.slices):
            name = n if order is None else int(order[n])
            path = folder / f"Zyxwvut_{name:03d}"
            data.save_as(path, enforce_file_format=True)
            paths.append(path)
        return sorted(paths)


def write_enhanced(series: Series, path: Path, order: list[int]) -> Path:
    """The same volume as one Enhanced CT file, frames in the given order, a slope per frame."""
    data = blank(ENHANCED_CT, "CT")
    identity(data, series.study, series.frame)
    data.SeriesInstanceUID = series.uid
    data.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    data.NumberOfFrames = len(order)
    data.Rows, data.Columns = series.shape[1], series.shape[0]
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, 16, 15
    data.PixelRepresentation = 1
    shared, measures, orientation = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = ds([series.spacing[1], series.spacing[0]])
    measures.SliceThickness = "99"
    orientation.ImageOrientationPatient = ds([*series.row, *series.column])
    shared.PixelMeasuresSequence = Sequence([measures])
    shared.PlaneOrientationSequence = Sequence([orientation])
    data.SharedFunctionalGroupsSequence = Sequence([shared])
    groups = []
    for k in order:
        group, position, rescale = Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = ds(series.origin + k * series.step)
        rescale.RescaleSlope, rescale.RescaleIntercept = str(1 + k), str(-10 * k)
        rescale.RescaleType = "HU"
        group.PlanePositionSequence = Sequence([position])
        group.PixelValueTransformationSequence = Sequence([rescale])
        groups.append(group)
    data.PerFrameFunctionalGroupsSequence = Sequence(groups)
    data.PixelData = b"".join(series.stored[:, :, k].T.astype("<i2").tobytes() for k in order)
    data.save_as(path, enforce_file_format=True)
    return path


def write_rtstruct(series: Series, path: Path, regions: dict[str, list[np.ndarray]]) -> Path:
    """``regions``: name -> contours, each (N, 3) points in LPS mm."""
    data = blank(RTSTRUCT, "RTSTRUCT")
    identity(data, series.study, series.frame)
    data.SeriesInstanceUID = generate_uid()
    data.StructureSetLabel = "made"
    outer, study, inner = Dataset(), Dataset(), Dataset()
    inner.SeriesInstanceUID = series.uid
    study.ReferencedSOPInstanceUID = series.study
    study.RTReferencedSeriesSequence = Sequence([inner])
    outer.FrameOfReferenceUID = series.frame
    outer.RTReferencedStudySequence = Sequence([study])
    data.ReferencedFrameOfReferenceSequence = Sequence([outer])
    data.StructureSetROISequence = Sequence()
    data.ROIContourSequence = Sequence()
    for n, (name, contours) in enumerate(regions.items(), start=11):
        roi, drawn = Dataset(), Dataset()
        roi.ROINumber, roi.ROIName = n, name
        roi.ReferencedFrameOfReferenceUID = series.frame
        data.StructureSetROISequence.append(roi)
        drawn.ReferencedROINumber = n
        drawn.ContourSequence = Sequence()
        for points in contours:
            contour = Dataset()
            contour.ContourGeometricType = "CLOSED_PLANAR"
            contour.NumberOfContourPoints = len(points)
            contour.ContourData = ds(points.ravel())
            drawn.ContourSequence.append(contour)
        data.ROIContourSequence.append(drawn)
    data.save_as(path, enforce_file_format=True)
    return path
