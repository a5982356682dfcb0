"""NIfTI against nibabel and SimpleITK, and against every way a file can be wrong."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nibabel.nifti1 import Nifti1Extension

from limen.data.errors import BadValues, DataError, SpacingMissing, UnreadableFile
from limen.data.nifti import (
    OrientationMissing,
    decode_nifti,
    encode_nifti,
    read_nifti,
    write_nifti,
)
from limen.data.volume import Geometry, Volume

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
WHERE = "P007, image"
SHAPE = (5, 4, 3)
RAS = np.array([[-0.7, 0, 0, 90], [0, -0.8, 0, 110], [0, 0, 2.5, -40], [0, 0, 0, 1]])
COUNTS = np.arange(60, dtype=np.int16).reshape(SHAPE) - 20


def rotation(a: float, b: float, c: float) -> np.ndarray:
    about_x = [[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]]
    about_y = [[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]]
    about_z = [[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]]
    return np.array(about_x) @ about_y @ about_z


@st.composite
def affines(draw: Any, shear: bool = True) -> np.ndarray:
    """Oblique, flipped, permuted and (for a tilted gantry) sheared grids."""
    angle = st.floats(-np.pi, np.pi)
    turn = rotation(draw(angle), draw(angle), draw(angle))
    if draw(st.booleans()):
        turn = turn[:, draw(st.permutations(range(3)))]
    scale = np.diag([draw(st.floats(0.05, 10)) for _ in range(3)])
    slant = np.eye(3)
    if shear and draw(st.booleans()):
        slant[0, 2], slant[1, 2] = draw(st.floats(-0.6, 0.6)), draw(st.floats(-0.6, 0.6))
    flip = np.diag([draw(st.sampled_from([-1, 1])) for _ in range(3)])
    affine = np.eye(4)
    affine[:3, :3] = turn @ slant @ scale @ flip
    affine[:3, 3] = [draw(st.floats(-2000, 2000)) for _ in range(3)]
    return affine


def made(values: np.ndarray = COUNTS, affine: np.ndarray = RAS, **header: Any) -> bytes:
    """A file as nibabel writes it, with header fields put over its own afterwards."""
    image = nib.Nifti1Image(values, affine)
    image.set_qform(affine, code=1)
    image.set_sform(affine, code=1)
    return changed(image.to_bytes(), **header)


def changed(data: bytes, **header: Any) -> bytes:
    fields = nib.Nifti1Header(data[:348], check=False)
    for name, value in header.items():
        fields[name] = value
    return fields.binaryblock + data[348:]


def no_orientation(spacing: tuple[float, float, float] = (1, 1, 1)) -> bytes:
    return made(sform_code=0, qform_code=0, pixdim=[1, *spacing, 0, 0, 0, 0])


# --- the place in the patient -----------------------------------------------------------------


@given(affines(), st.sampled_from([nib.Nifti1Image, nib.Nifti2Image]))
def test_affine_is_nibabels_with_left_and_posterior_positive(affine: np.ndarray, kind: Any) -> None:
    image = kind(COUNTS, affine)
    read = decode_nifti(image.to_bytes(), WHERE)
    np.testing.assert_allclose(
        read.geometry.affine_lps_mm, RAS_TO_LPS @ image.header.get_best_affine(), atol=1e-9
    )
    np.testing.assert_array_equal(read.values, COUNTS)
    assert read.values.dtype == np.int16
    # the world position of one voxel, spelt out
    ras = nib.affines.apply_affine(image.header.get_best_affine(), [4, 3, 2])
    lps = read.geometry.affine_lps_mm @ [4, 3, 2, 1]
    np.testing.assert_allclose(lps[:3], [-ras[0], -ras[1], ras[2]], atol=1e-6)


@settings(max_examples=40)
@given(affines(shear=False))
def test_affine_from_the_qform_alone(affine: np.ndarray) -> None:
    image = nib.Nifti1Image(COUNTS, affine)
    image.set_qform(affine, code=1)
    image.set_sform(None, code=0)
    read = decode_nifti(image.to_bytes(), WHERE)
    np.testing.assert_allclose(
        read.geometry.affine_lps_mm, RAS_TO_LPS @ image.header.get_qform(), atol=1e-6
    )
    # The header keeps three of a quaternion's four parts, in single precision: near a half turn the
    # fourth, a root of what three roundings leave of 1, is off by up to 2 * 2^-11.5, and the
    # angle by twice that.
    apart = read.geometry.corner_offset_mm(Geometry(RAS_TO_LPS @ affine, SHAPE))
    diagonal = np.linalg.norm(affine[:3, :3] @ SHAPE)
    assert apart < 1e-3 + 4 * 2**-11.5 * diagonal


@settings(max_examples=30)
@given(affines(shear=False))
def test_simpleitk_places_the_voxels_where_limen_does(
    tmp_path_factory: pytest.TempPathFactory, affine: np.ndarray
) -> None:
    itk = pytest.importorskip("SimpleITK")
    path = tmp_path_factory.mktemp("itk") / "a.nii.gz"
    write_nifti(Volume(COUNTS, Geometry(RAS_TO_LPS @ affine, SHAPE)), path)
    image = itk.ReadImage(str(path))
    geometry = read_nifti(path, WHERE).geometry
    for index in [(0, 0, 0), (4, 0, 0), (0, 3, 0), (0, 0, 2), (4, 3, 2)]:
        np.testing.assert_allclose(
            image.TransformIndexToPhysicalPoint(index),
            (geometry.affine_lps_mm @ [*index, 1])[:3],
            atol=2e-3,
        )
        assert image[index] == COUNTS[index]


def test_sform_comes_before_qform() -> None:
    image = nib.Nifti1Image(COUNTS, RAS)
    near = RAS.copy()
    near[:3, 3] += 0.2  # within half a voxel: rounding of some other tool
    image.set_qform(near, code=2)
    image.set_sform(RAS, code=1)
    read = decode_nifti(image.to_bytes(), WHERE)
    np.testing.assert_allclose(read.geometry.affine_lps_mm, RAS_TO_LPS @ RAS, atol=1e-5)


@pytest.mark.parametrize("shift", [(0.36, 0, 0), (0, 0, 50), (-5, -5, 0)])
def test_sform_and_qform_that_disagree(shift: tuple[float, float, float]) -> None:
    image = nib.Nifti1Image(COUNTS, RAS)
    other = RAS.copy()
    other[:3, 3] += shift
    image.set_qform(other, code=1)
    image.set_sform(RAS, code=1)
    with pytest.raises(OrientationMissing, match=r"P007, image: sform and qform .*mm apart"):
        decode_nifti(image.to_bytes(), WHERE)


def test_mirrored_qform_disagrees() -> None:
    image = nib.Nifti1Image(COUNTS, RAS)
    image.set_qform(RAS @ np.diag([-1.0, 1, 1, 1]), code=1)
    image.set_sform(RAS, code=1)
    with pytest.raises(OrientationMissing, match="differently"):
        decode_nifti(image.to_bytes(), WHERE)


def test_gantry_tilt_keeps_its_shear_though_a_qform_cannot() -> None:
    tilted = RAS.copy()
    tilted[1, 2] = 2.5 * np.tan(np.radians(20))
    image = nib.Nifti1Image(COUNTS, tilted)
    image.set_qform(tilted, code=1, strip_shears=True)
    image.set_sform(tilted, code=1)
    read = decode_nifti(image.to_bytes(), WHERE)
    assert not read.geometry.is_orthogonal
    np.testing.assert_allclose(read.geometry.affine_lps_mm, RAS_TO_LPS @ tilted, atol=1e-5)


def test_neither_sform_nor_qform() -> None:
    with pytest.raises(OrientationMissing, match=r"P007, image: orientation is not stated.*mend"):
        decode_nifti(no_orientation(), WHERE)


@pytest.mark.parametrize("spacing", [(0, 1, 1), (1, 1, 0), (0, 0, 0), (1, np.nan, 1)])
def test_spacing_zero_or_absent(spacing: tuple[float, float, float]) -> None:
    with pytest.raises(SpacingMissing, match="P007, image: the voxel spacing is absent"):
        decode_nifti(no_orientation(spacing), WHERE)
    with pytest.raises(SpacingMissing, match="P007"):
        decode_nifti(made(sform_code=0, pixdim=[1, *spacing, 0, 0, 0, 0]), WHERE)


@pytest.mark.parametrize("row", [[0, 0, 0, 5], [np.nan, 0, 0, 0], [np.inf, 0, 0, 0]])
def test_sform_without_spacing(row: list[float]) -> None:
    with pytest.raises((SpacingMissing, OrientationMissing), match="P007"):
        decode_nifti(made(qform_code=0, srow_x=row), WHERE)


def test_sform_with_an_infinite_origin() -> None:
    with pytest.raises(OrientationMissing, match="P007"):
        decode_nifti(made(qform_code=0, srow_x=[1, 0, 0, np.inf]), WHERE)


def test_flat_sform() -> None:
    flat = made(qform_code=0, srow_x=[1, 1, 0, 0], srow_y=[1, 1, 0, 0], pixdim=[0] * 8)
    with pytest.raises(OrientationMissing, match="do not span space"):
        decode_nifti(flat, WHERE)


def test_two_voxel_spacings_in_one_header() -> None:
    wrong = made(qform_code=0, pixdim=[1, 1, 1, 1, 0, 0, 0, 0])
    with pytest.raises(OrientationMissing, match=r"two voxel spacings.*1 x 1 x 1.*0\.7 x 0\.8"):
        decode_nifti(wrong, WHERE)


def test_qform_that_is_no_rotation() -> None:
    with pytest.raises(OrientationMissing, match="not a rotation"):
        decode_nifti(made(sform_code=0, quatern_b=0.9, quatern_c=0.9), WHERE)


def test_handedness_of_zero_means_one() -> None:
    image = nib.Nifti1Image(COUNTS, np.diag([1.0, 2, 3, 1]))
    image.set_qform(np.diag([1.0, 2, 3, 1]), code=1)
    image.set_sform(None, code=0)
    read = decode_nifti(changed(image.to_bytes(), pixdim=[0, 1, 2, 3, 0, 0, 0, 0]), WHERE)
    np.testing.assert_allclose(read.geometry.affine_lps_mm, np.diag([-1.0, -2, 3, 1]), atol=1e-6)


@pytest.mark.parametrize(("unit", "to_mm"), [(0, 1), (1, 1000), (2, 1), (3, 0.001), (2 | 8, 1)])
def test_units(unit: int, to_mm: float) -> None:
    read = decode_nifti(made(xyzt_units=unit), WHERE)
    np.testing.assert_allclose(read.geometry.spacing_mm, np.array([0.7, 0.8, 2.5]) * to_mm, 1e-6)
    np.testing.assert_allclose(read.geometry.affine_lps_mm[2, 3], -40 * to_mm, 1e-6)


def test_unknown_unit() -> None:
    with pytest.raises(SpacingMissing, match="unit"):
        decode_nifti(made(xyzt_units=5), WHERE)


# --- values -----------------------------------------------------------------------------------


def test_slope_and_intercept_as_nibabel_applies_them() -> None:
    data = made(scl_slope=0.5, scl_inter=-1024)
    read = decode_nifti(data, WHERE)
    assert read.values.dtype == np.float32
    expected = nib.Nifti1Image.from_bytes(data).get_fdata()
    np.testing.assert_array_equal(read.values, expected)
    assert read.values[0, 0, 0] == -20 * 0.5 - 1024


@pytest.mark.parametrize("unset", [(0, 0), (np.nan, np.nan), (0, 7), (1, 0), (np.nan, 3)])
def test_no_scaling_keeps_the_integers(unset: tuple[float, float]) -> None:
    read = decode_nifti(made(scl_slope=unset[0], scl_inter=unset[1]), WHERE)
    assert read.values.dtype == np.int16
    np.testing.assert_array_equal(read.values, COUNTS)


def test_large_integers_are_scaled_without_losing_digits() -> None:
    values = np.full(SHAPE, 2**30 + 1, dtype=np.int32)
    values[0, 0, 0] = 2**30 + 41
    read = decode_nifti(made(values, scl_slope=1, scl_inter=-float(2**30)), WHERE)
    assert read.values[0, 0, 0] - read.values[1, 0, 0] == 40


def test_slope_that_overflows_is_bad_values_and_no_warning() -> None:
    with pytest.raises(BadValues, match="P007"):
        decode_nifti(made(scl_slope=3e38), WHERE)


@pytest.mark.parametrize(
    "dtype", ["u1", "i1", "<i2", ">i2", "<u2", "<i4", ">u4", "<f4", ">f4", "<f8", ">f8", "<i8"]
)
def test_every_type_and_byte_order(dtype: str) -> None:
    values = np.arange(60).reshape(SHAPE).astype(dtype)
    header = nib.Nifti1Header(endianness=">" if dtype[0] == ">" else "<")
    header.set_data_dtype(values.dtype)
    image = nib.Nifti1Image(values, RAS, header)
    data = image.to_bytes()
    assert (int.from_bytes(data[:4], "big") == 348) == (dtype[0] == ">")
    read = decode_nifti(data, WHERE)
    np.testing.assert_array_equal(read.values, values)
    np.testing.assert_allclose(read.geometry.affine_lps_mm, RAS_TO_LPS @ RAS, atol=1e-5)
    assert read.values.dtype.isnative
    assert read.values.dtype == (np.float32 if "f" in dtype else np.dtype(dtype).newbyteorder("="))


def test_float64_is_rounded_to_float32() -> None:
    values = np.random.default_rng(0).normal(size=SHAPE) * 1000
    read = decode_nifti(made(values), WHERE)
    np.testing.assert_array_equal(read.values, values.astype(np.float32))


@pytest.mark.parametrize(("bad", "name"), [(np.nan, "nan"), (np.inf, "inf"), (1e300, "inf")])
def test_not_a_number_names_its_voxel(bad: float, name: str) -> None:
    values = np.zeros(SHAPE)
    values[3, 2, 1] = bad
    with pytest.raises(
        BadValues, match=rf"P007, image: 1 of 60 voxels.*{name} at voxel \(3, 2, 1\)"
    ):
        decode_nifti(made(values), WHERE)


def test_a_fourth_axis_of_one_is_dropped() -> None:
    read = decode_nifti(made(COUNTS[..., None]), WHERE)
    assert read.geometry.shape == SHAPE
    np.testing.assert_array_equal(read.values, COUNTS)
    read = decode_nifti(made(COUNTS[:, :, :, None, None]), WHERE)
    np.testing.assert_array_equal(read.values, COUNTS)


def test_several_frames_are_refused() -> None:
    with pytest.raises(UnreadableFile, match=r"P007.*more than one frame.*\(5, 4, 3, 2\)"):
        decode_nifti(made(np.stack([COUNTS, COUNTS], axis=3)), WHERE)


def test_a_flat_image_is_one_slice() -> None:
    read = decode_nifti(made(COUNTS[:, :, 0]), WHERE)
    assert read.geometry.shape == (5, 4, 1)
    assert read.geometry.spacing_mm[2] == pytest.approx(2.5)


def test_colour_and_complex_are_refused() -> None:
    colour = np.zeros(SHAPE, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    for values in (colour, np.zeros(SHAPE, dtype=np.complex64)):
        with pytest.raises(UnreadableFile, match="P007, image: the voxels are not single numbers"):
            decode_nifti(made(values), WHERE)


def test_voxels_start_where_the_header_says_behind_a_long_extension() -> None:
    image = nib.Nifti1Image(COUNTS, RAS)
    image.header.extensions.append(Nifti1Extension("comment", b"x" * 5000))
    data = image.to_bytes()
    assert nib.Nifti1Header(data[:348])["vox_offset"] > 5000
    np.testing.assert_array_equal(decode_nifti(data, WHERE).values, COUNTS)


# --- damage -----------------------------------------------------------------------------------

DAMAGED = {
    "empty": b"",
    "garbage": bytes(range(256)) * 8,
    "text": b"this is a text file",
    "header cut": made()[:200],
    "header alone": made()[:348],
    "voxels cut": made()[:-1],
    "garbage in gzip": gzip.compress(b"garbage" * 100),
    "empty gzip": gzip.compress(b""),
    "gzip cut in the voxels": gzip.compress(made())[:-30],
    "gzip without its end": gzip.compress(made())[:-1],
    "gzip head only": b"\x1f\x8b",
    "gzip with another method": b"\x1f\x8b\x07" + bytes(20),
    "gzip with a wrong check": gzip.compress(made())[:-8] + bytes(8),
    "pair without voxels": made(magic=b"ni1"),
    "no axes": made(dim=[0, 0, 0, 0, 0, 0, 0, 0]),
    "eight axes": made(dim=[8, 5, 4, 3, 1, 1, 1, 1]),
    "negative axis": made(dim=[3, 5, -4, 3, 1, 1, 1, 1]),
    "huge axes": made(dim=[3, 32767, 32767, 32767, 1, 1, 1, 1]),
    "unknown type": made(datatype=77),
    "offset not a number": made(vox_offset=np.nan),
    "offset infinite": made(vox_offset=np.inf),
    "offset beyond the end": made(vox_offset=1e9),
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED.keys())
def test_damaged_file_is_an_error_that_names_the_case(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "Kim_Cheolsu.nii.gz"
    path.write_bytes(data)
    with pytest.raises(UnreadableFile) as caught:
        read_nifti(path, WHERE)
    assert str(caught.value).startswith("P007, image: ")
    assert "Kim" not in str(caught.value)
    assert caught.value.mend


def test_sizes_of_nifti2_cannot_overflow() -> None:
    image = nib.Nifti2Image(COUNTS, RAS)
    data = bytearray(image.to_bytes())
    fields = nib.Nifti2Header(bytes(data[:540]), check=False)
    fields["dim"] = [3, 2**32, 2**32, 1, 1, 1, 1, 1]
    with pytest.raises(UnreadableFile, match="truncated"):
        decode_nifti(fields.binaryblock + bytes(data[540:]), WHERE)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="P007, image: the file is not there"):
        read_nifti(tmp_path / "Kim.nii.gz", WHERE)
    with pytest.raises(UnreadableFile, match="P007, image: the file cannot be read"):
        read_nifti(tmp_path, WHERE)


WHOLE = made()


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.integers(0, 351), st.integers(0, 255)), min_size=1, max_size=6),
    st.integers(0, len(WHOLE)),
    st.booleans(),
)
@example([(83, 128)], 0, False)  # a negative spacing
def test_any_damage_gives_a_volume_or_an_error(
    changes: list[tuple[int, int]], end: int, cut: bool
) -> None:
    data = bytearray(WHOLE)
    for at, value in changes:
        data[at] = value
    try:
        read = decode_nifti(bytes(data[:end] if cut else data), WHERE)
    except DataError as error:
        assert str(error).startswith("P007, image: ")
        return
    assert np.isfinite(read.values).all()
    assert np.isfinite(read.geometry.affine_lps_mm).all()
    assert read.values.shape == read.geometry.shape
    assert min(read.geometry.spacing_mm) > 0


# --- writing ----------------------------------------------------------------------------------


@settings(max_examples=60)
@given(affines(), st.sampled_from(["u1", "i1", "i2", "u2", "i4", "u4", "f4", "?"]), st.integers(0))
def test_what_is_written_is_read_again_exactly(affine: np.ndarray, dtype: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 2, SHAPE) if dtype == "?" else rng.normal(50, 20, SHAPE)
    values = np.clip(values, 0, 120).astype(dtype)
    volume = Volume(values, Geometry(affine, SHAPE))
    data = encode_nifti(volume)
    assert data == encode_nifti(volume)
    read = decode_nifti(data, WHERE)
    np.testing.assert_array_equal(read.values, values)
    np.testing.assert_array_equal(
        read.geometry.affine_lps_mm, affine.astype(np.float32).astype(float)
    )
    # an independent reader finds the same
    image = nib.Nifti1Image.from_bytes(gzip.decompress(data))
    np.testing.assert_array_equal(np.asanyarray(image.dataobj), values)
    np.testing.assert_allclose(image.affine, RAS_TO_LPS @ affine, atol=1e-3)
    assert image.header.get_xyzt_units()[0] == "mm"


@pytest.mark.parametrize("tilt_deg", [0.0, 0.01, 0.05, 0.0573, 0.06, 0.5, 30])
def test_a_long_grid_with_any_tilt_is_read_again(tilt_deg: float) -> None:
    affine = np.diag([0.4, 0.4, 5.0, 1.0])
    affine[1, 2] = 5 * np.tan(np.radians(tilt_deg))
    volume = Volume(np.zeros((4, 4, 400), dtype=np.uint8), Geometry(affine, (4, 4, 400)))
    read = decode_nifti(encode_nifti(volume), WHERE)
    assert read.geometry.same_grid(volume.geometry)


@pytest.mark.parametrize("order", ["C", "F"])
def test_memory_order_does_not_matter(order: Any) -> None:
    values = np.asarray(COUNTS, order=order)[::-1]
    volume = Volume(values, Geometry(np.eye(4), SHAPE))
    np.testing.assert_array_equal(decode_nifti(encode_nifti(volume)).values, values)


def test_plain_and_compressed_hold_the_same(tmp_path: Path) -> None:
    volume = Volume(COUNTS, Geometry(RAS_TO_LPS @ RAS, SHAPE))
    write_nifti(volume, tmp_path / "a.nii")
    write_nifti(volume, tmp_path / "a.nii.gz")
    plain = (tmp_path / "a.nii").read_bytes()
    assert gzip.decompress((tmp_path / "a.nii.gz").read_bytes()) == plain
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.nii", "a.nii.gz"]
    one, two = read_nifti(tmp_path / "a.nii", WHERE), read_nifti(tmp_path / "a.nii.gz", WHERE)
    np.testing.assert_array_equal(one.values, two.values)
    assert one.geometry.same_grid(two.geometry)


def test_wide_integers_are_narrowed_or_refused() -> None:
    geometry = Geometry(np.eye(4), SHAPE)
    read = decode_nifti(encode_nifti(Volume(COUNTS.astype(np.int64), geometry)))
    assert read.values.dtype == np.int32
    np.testing.assert_array_equal(read.values, COUNTS)
    with pytest.raises(ValueError, match="32 bits"):
        encode_nifti(Volume(COUNTS.astype(np.int64) * 10**10, geometry))
    with pytest.raises(ValueError, match=r"\(I, J, K\)"):
        encode_nifti(Volume(COUNTS[0], geometry))


def test_signed_zero_and_extremes_survive() -> None:
    values = np.zeros((1, 1, 4), dtype=np.float32)
    values[0, 0] = [-0.0, np.finfo(np.float32).max, np.finfo(np.float32).tiny, -1e-45]
    read = decode_nifti(encode_nifti(Volume(values, Geometry(np.eye(4), values.shape))))
    assert read.values.tobytes() == values.tobytes()
