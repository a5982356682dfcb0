"""Files measured as they come: NIfTI, NRRD, DICOM SEG, each on the grid of the other."""

from __future__ import annotations

import sys
from pathlib import Path

import nibabel as nib
import nrrd
import numpy as np
import pytest
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid

from limen.measures import (
    MeasureError,
    NotALabelMap,
    ShapeMismatch,
    UnknownFile,
    reader_agreement,
    segmentation,
)

sys.path.append(str(Path(__file__).parents[1] / "data"))
from dicom_builders import Series, rotation

SHAPE = (14, 12, 9)
SPACING = (0.7, 0.9, 2.5)


def labels(seed: int, shape=SHAPE) -> np.ndarray:
    values = np.zeros(shape, np.uint8)
    values[2 : 8 + seed, 3:9, 2:6], values[9:13, 2 : 4 + seed, 1:4] = 1, 2
    return values


def nifti(path: Path, values: np.ndarray, affine: np.ndarray) -> Path:
    """``affine`` maps to LPS; NIfTI's is RAS."""
    nib.save(nib.Nifti1Image(values, np.diag([-1, -1, 1, 1]) @ affine), path)
    return path


def numbers(found) -> dict:
    return {
        name: [getattr(m, f) for f in ("dice", "hd95_mm", "assd_mm", "nsd", "volume_error_ml")]
        for name, m in found.items()
    }


def expected(p, r, **given) -> dict:
    return numbers(segmentation(p, r, spacing_mm=SPACING, nsd_tolerance_mm=1, **given))


def same(a: dict, b: dict) -> bool:
    return all(x == pytest.approx(y, rel=1e-5) for x, y in zip(a.values(), b.values(), strict=True))


def test_nifti_and_nrrd_are_measured_with_their_own_spacing(tmp_path: Path):
    p, r = labels(1), labels(0)
    affine = np.diag([*SPACING, 1.0])
    affine[:3, 3] = [-20, 30, 100]
    a, b = nifti(tmp_path / "a.nii.gz", p, affine), nifti(tmp_path / "b.nii", r, affine)
    assert same(numbers(segmentation(a, str(b), nsd_tolerance_mm=1)), expected(p, r))
    header = {"space": "left-posterior-superior", "space directions": affine[:3, :3],
              "space origin": affine[:3, 3]}  # fmt: skip
    nrrd.write(str(tmp_path / "b.nrrd"), r, header)
    assert same(numbers(segmentation(a, tmp_path / "b.nrrd", nsd_tolerance_mm=1)), expected(p, r))
    # axes in another order and direction, voxels at the same places
    turned = np.flip(p.transpose(2, 0, 1), 1)
    other = affine[:, [2, 0, 1, 3]].copy()
    other[:3, 3] += other[:3, 1] * (SHAPE[0] - 1)
    other[:3, 1] *= -1
    c = nifti(tmp_path / "c.nii.gz", np.ascontiguousarray(turned), other)
    assert same(numbers(segmentation(c, b, nsd_tolerance_mm=1)), expected(p, r))
    found = reader_agreement([a, b, c])
    assert found[1].pairs[0, 2].dice == 1.0


@pytest.fixture
def study(tmp_path: Path):
    turn = rotation(0.3, -0.2, 0.5)
    series = Series(row=turn[:, 0], column=turn[:, 1], step=2.5 * turn[:, 2], shape=SHAPE)
    series.write(tmp_path / "image")
    return series


def seg(series: Series, mask: np.ndarray, path: Path, names=("Liver", "Tumour")) -> Path:
    hd = pytest.importorskip("highdicom")
    described = [
        hd.seg.SegmentDescription(
            segment_number=n,
            segment_label=name,
            segmented_property_category=codes.SCT.Tissue,
            segmented_property_type=codes.SCT.Liver,
            algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for n, name in enumerate(names, 1)
    ]
    hd.seg.Segmentation(
        source_images=series.slices,
        pixel_array=np.stack([mask[:, :, k].T for k in range(mask.shape[2])]),
        segmentation_type="BINARY",
        segment_descriptions=described,
        series_instance_uid=generate_uid(),
        series_number=9,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="Maker",
        manufacturer_model_name="Model",
        software_versions="1",
        device_serial_number="1",
    ).save_as(path)
    return path


def test_a_dicom_seg_lies_on_the_grid_of_the_other_file_or_of_the_image(tmp_path: Path, study):
    p, r = labels(1), labels(0)
    truth = expected(p, r, labels={"Liver": 1, "Tumour": 2})
    reference = seg(study, r, tmp_path / "r.dcm")
    prediction = nifti(tmp_path / "p.nii.gz", p, study.affine)
    found = numbers(segmentation(prediction, reference, nsd_tolerance_mm=1))
    assert list(found) == ["Liver", "Tumour"]
    assert same(found, truth)
    other = seg(study, p, tmp_path / "p.dcm")
    assert same(
        numbers(segmentation(other, reference, image=tmp_path / "image", nsd_tolerance_mm=1)),
        truth,
    )
    swapped = segmentation(other, nifti(tmp_path / "r.nii.gz", r, study.affine), nsd_tolerance_mm=1)
    assert same(numbers(swapped), truth)
    # one label alone leaves the others out
    one = segmentation(prediction, reference, labels={"tumour": 2}, nsd_tolerance_mm=1)
    assert same(numbers(one), {"tumour": truth["Tumour"]})


def test_files_that_cannot_be_compared_are_refused(tmp_path: Path, study):
    affine = np.diag([*SPACING, 1.0])
    a = nifti(tmp_path / "a.nii.gz", labels(0), affine)
    other = affine.copy()
    other[:3, 3] = 1
    with pytest.raises(ShapeMismatch, match="grid"):
        segmentation(a, nifti(tmp_path / "b.nii.gz", labels(0), other))
    with pytest.raises(ShapeMismatch, match="grid"):
        segmentation(a, nifti(tmp_path / "c.nii.gz", labels(0)[1:], affine))
    half = nifti(tmp_path / "d.nii.gz", labels(0).astype(np.float32) / 2, affine)
    with pytest.raises(NotALabelMap, match="whole numbers"):
        segmentation(half, a)
    (tmp_path / "a.txt").write_text("1")
    with pytest.raises(UnknownFile):
        segmentation(tmp_path / "a.txt", a)
    with pytest.raises(MeasureError, match="geometry of their own"):
        segmentation(a, a, spacing_mm=SPACING)
    with pytest.raises(MeasureError, match="array"):
        segmentation(a, labels(0), spacing_mm=SPACING)
    one = seg(study, labels(0), tmp_path / "one.dcm")
    with pytest.raises(UnknownFile, match="which grid"):
        segmentation(one, one)
    two = seg(study, labels(0), tmp_path / "two.dcm", names=("Tumour", "Liver"))
    with pytest.raises(UnknownFile, match="differently"):
        segmentation(one, two, image=tmp_path / "image")
