"""NRRD against SimpleITK and hand-written headers, as Slicer and others write them."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limen.data.errors import BadValues, DataError, SpacingMissing, UnreadableFile
from limen.data.nifti import OrientationMissing
from limen.data.nrrd import read_nrrd

WHERE = "P007, mask"
SHAPE = (5, 4, 3)
COUNTS = np.arange(60, dtype=np.int16).reshape(SHAPE) - 20
HEADER = {
    "type": "short",
    "dimension": "3",
    "space": "left-posterior-superior",
    "sizes": "5 4 3",
    "space directions": "(0.7,0,0) (0,0.8,0) (0,0,2.5)",
    "kinds": "domain domain domain",
    "endian": "little",
    "encoding": "raw",
    "space origin": "(-90,-110,-40)",
}


def write(
    path: Path, values: np.ndarray = COUNTS, data: bytes | None = None, **fields: str | None
) -> Path:
    """A file from its header's text; a field of None is left out (``_`` stands for a blank)."""
    header = dict(HEADER)
    for name, value in fields.items():
        header.pop(name.replace("_", " "), None)
        if value is not None:
            header[name.replace("_", " ")] = value
    lines = ["NRRD0004", *(f"{k}: {v}" for k, v in header.items() if ":=" not in v)]
    lines += [f"{k}{v}" for k, v in header.items() if ":=" in v]
    raw = values.tobytes(order="F") if data is None else data
    path.write_bytes("\n".join(lines).encode() + b"\n\n" + raw)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "Kim_Cheolsu.nrrd"


@pytest.mark.parametrize(
    ("space", "signs"),
    [
        ("left-posterior-superior", (1, 1, 1)),
        ("LPS", (1, 1, 1)),
        ("right-anterior-superior", (-1, -1, 1)),
        ("RAS", (-1, -1, 1)),
        ("left-anterior-superior", (1, -1, 1)),
        ("las", (1, -1, 1)),
    ],
)
def test_spaces(path: Path, space: str, signs: tuple[int, int, int]) -> None:
    read = read_nrrd(write(path, space=space), WHERE)
    expected = np.diag([0.7, 0.8, 2.5, 1.0])
    expected[:3, 3] = [-90, -110, -40]
    np.testing.assert_allclose(read.geometry.affine_lps_mm, np.diag([*signs, 1]) @ expected)
    np.testing.assert_array_equal(read.values, COUNTS)
    assert read.values.dtype == np.int16


@pytest.mark.parametrize(
    "fields",
    [
        {"space": None},
        {"space": "scanner-xyz"},
        {"space": "3D-right-handed"},
        {"space_origin": None},
        {"space": None, "space_directions": None, "spacings": "0.7 0.8 2.5", "space_origin": None},
    ],
)
def test_no_stated_place_in_the_patient(path: Path, fields: dict[str, Any]) -> None:
    with pytest.raises(OrientationMissing, match=r"P007, mask: .*mend"):
        read_nrrd(write(path, **fields), WHERE)


@pytest.mark.parametrize(
    "fields",
    [
        {"space_directions": None, "space_origin": None, "space": None},
        {"space_directions": "(0.7,0,0) (0,0,0) (0,0,2.5)"},
        {"space_units": '"pt" "pt" "pt"'},
        {"space_units": '"mm" "mm" "cm"'},
    ],
)
def test_no_spacing(path: Path, fields: dict[str, Any]) -> None:
    with pytest.raises(SpacingMissing, match="P007, mask"):
        read_nrrd(write(path, **fields), WHERE)


def test_flat_axes(path: Path) -> None:
    flat = "(1,0,0) (1,0,0) (0,0,1)"
    with pytest.raises(OrientationMissing, match="do not span"):
        read_nrrd(write(path, space_directions=flat), WHERE)


@pytest.mark.parametrize(("unit", "to_mm"), [("mm", 1), ("cm", 10), ("um", 0.001), ("m", 1000)])
def test_units(path: Path, unit: str, to_mm: float) -> None:
    read = read_nrrd(write(path, space_units=" ".join([f'"{unit}"'] * 3)), WHERE)
    np.testing.assert_allclose(read.geometry.spacing_mm, np.array([0.7, 0.8, 2.5]) * to_mm)
    np.testing.assert_allclose(
        read.geometry.affine_lps_mm[:3, 3], np.array([-90, -110, -40]) * to_mm
    )


def test_oblique_columns_are_axes_not_rows(path: Path) -> None:
    text = "(0.6,0.3,0) (-0.4,0.8,0) (0,0.5,2.5)"
    read = read_nrrd(write(path, space_directions=text), WHERE)
    affine = read.geometry.affine_lps_mm
    np.testing.assert_allclose(affine[:3, 0], [0.6, 0.3, 0])
    np.testing.assert_allclose(affine[:3, 1], [-0.4, 0.8, 0])
    np.testing.assert_allclose(affine[:3, 2], [0, 0.5, 2.5])


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.booleans(), st.sampled_from(["i2", "u1", "f4", "i4"]))
def test_simpleitk_reads_the_same_places_and_values(
    tmp_path_factory: pytest.TempPathFactory, seed: int, packed: bool, dtype: str
) -> None:
    itk = pytest.importorskip("SimpleITK")
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 100, SHAPE).astype(dtype)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    image = itk.GetImageFromArray(values.transpose(2, 1, 0))
    image.SetSpacing(rng.uniform(0.2, 5, 3).tolist())
    image.SetOrigin(rng.uniform(-500, 500, 3).tolist())
    image.SetDirection(turn.ravel().tolist())
    path = tmp_path_factory.mktemp("itk") / "a.nrrd"
    itk.WriteImage(image, str(path), packed)
    read = read_nrrd(path, WHERE)
    np.testing.assert_array_equal(read.values, values)
    for index in [(0, 0, 0), (4, 0, 0), (0, 3, 0), (0, 0, 2), (4, 3, 2)]:
        np.testing.assert_allclose(
            (read.geometry.affine_lps_mm @ [*index, 1])[:3],
            image.TransformIndexToPhysicalPoint(index),
            atol=1e-6,
        )


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("bzip2", bz2.compress)])
def test_compressed(path: Path, encoding: str, pack: Any) -> None:
    raw = COUNTS.tobytes(order="F")
    read = read_nrrd(write(path, data=pack(raw), encoding=encoding), WHERE)
    np.testing.assert_array_equal(read.values, COUNTS)
    assert read.values.shape == SHAPE


def test_big_endian_and_text(path: Path) -> None:
    read = read_nrrd(write(path, COUNTS.astype(">i2"), endian="big"), WHERE)
    np.testing.assert_array_equal(read.values, COUNTS)
    assert read.values.dtype.isnative
    text = " ".join(map(str, COUNTS.ravel(order="F"))).encode()
    np.testing.assert_array_equal(
        read_nrrd(write(path, data=text, encoding="ascii"), WHERE).values, COUNTS
    )


def test_float64_becomes_float32_and_nan_is_refused(path: Path) -> None:
    values = COUNTS + 0.1
    read = read_nrrd(write(path, values, type="double"), WHERE)
    assert read.values.dtype == np.float32
    np.testing.assert_array_equal(read.values, values.astype(np.float32))
    values[1, 2, 0] = np.nan
    with pytest.raises(BadValues, match=r"P007, mask: 1 of 60 .*\(1, 2, 0\)"):
        read_nrrd(write(path, values, type="double"), WHERE)


# --- Slicer -----------------------------------------------------------------------------------


def test_slicer_segmentation_of_one_layer(path: Path) -> None:
    labels = (COUNTS > 0).astype(np.uint8) + (COUNTS > 20).astype(np.uint8)
    read = read_nrrd(
        write(
            path,
            labels,
            type="unsigned char",
            Segment0_ID=":=Segment_1",
            Segment0_LabelValue=":=1",
            Segment0_Name=":=lesion",
            Segmentation_ContainedRepresentationNames=":=Binary labelmap|Closed surface|",
        ),
        WHERE,
    )
    np.testing.assert_array_equal(read.values, labels)
    assert read.values.dtype == np.uint8


LIST = {
    "dimension": "4",
    "sizes": "1 5 4 3",
    "space_directions": "none (0.7,0,0) (0,0.8,0) (0,0,2.5)",
    "kinds": "list domain domain domain",
}


def test_slicer_list_axis_of_one_is_dropped(path: Path) -> None:
    read = read_nrrd(write(path, COUNTS[None], **LIST), WHERE)
    assert read.geometry.shape == read.values.shape == SHAPE
    np.testing.assert_array_equal(read.values, COUNTS)
    np.testing.assert_allclose(read.geometry.spacing_mm, (0.7, 0.8, 2.5))


def test_slicer_segmentation_of_two_layers_is_refused(path: Path) -> None:
    two = np.stack([COUNTS, COUNTS])
    with pytest.raises(UnreadableFile, match=r"more than one value a voxel.*\(2, 5, 4, 3\)"):
        read_nrrd(write(path, two, **{**LIST, "sizes": "2 5 4 3"}), WHERE)


def test_voxels_in_another_file_are_refused(path: Path) -> None:
    # the evidence of a case is the digest of its files; a second file would escape it
    (path.parent / "voxels.raw").write_bytes(COUNTS.tobytes(order="F"))
    for field in ("data_file", "datafile"):
        write(path, data=b"", **{field: "voxels.raw"})
        with pytest.raises(UnreadableFile, match="P007, mask: the voxels lie in another file"):
            read_nrrd(path, WHERE)


# --- damage -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [b"", b"NRRD0004", b"garbage" * 20, bytes(range(256)), b"NRRD0004\ntype: short\n\n"],
)
def test_garbage(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with pytest.raises(UnreadableFile) as caught:
        read_nrrd(path, WHERE)
    assert str(caught.value).startswith("P007, mask: ")
    assert "Kim" not in str(caught.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"sizes": "5 4"},
        {"sizes": "5 -4 3"},
        {"sizes": "0 4 3"},
        {"sizes": "50000 50000 50000"},
        {"sizes": "five 4 3"},
        {"type": "block"},
        {"type": "strange"},
        {"encoding": "gzip"},
        {"encoding": "strange"},
        {"encoding": None},
        {"space_directions": "(0.7,0,0) (0,0.8,0)"},
        {"space_directions": "(0.7,0) (0,0.8) (0,0)"},
        {"space_directions": "(0.7,0,0,0) (0,0.8,0,0) (0,0,2.5,0)"},
        {"space_directions": "x"},
        {"dimension": "2"},
        {"space_origin": "(1,2)"},
        {"space_origin": "(nan,0,0)"},
    ],
)
def test_wrong_header(path: Path, fields: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="P007, mask: "):
        read_nrrd(write(path, **fields), WHERE)


def test_truncated(path: Path) -> None:
    whole = write(path).read_bytes()
    packed = gzip.compress(COUNTS.tobytes(order="F"))
    for cut in (1, 60, len(whole) - 100):
        path.write_bytes(whole[:-cut])
        with pytest.raises(UnreadableFile, match="P007, mask"):
            read_nrrd(path, WHERE)
    with pytest.raises(UnreadableFile, match="P007, mask"):
        read_nrrd(write(path, data=packed[:-20], encoding="gzip"), WHERE)


def test_missing(path: Path) -> None:
    with pytest.raises(UnreadableFile, match="P007, mask: the file is not there"):
        read_nrrd(path, WHERE)


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=4),
    st.integers(0, 10**6) | st.none(),
)
def test_any_damage_gives_a_volume_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]], end: int | None
) -> None:
    path = write(tmp_path_factory.getbasetemp() / "damaged.nrrd")
    data = bytearray(path.read_bytes())
    for at, value in changes:
        data[at % len(data)] = value
    path.write_bytes(data if end is None else data[: end % len(data)])
    try:
        read = read_nrrd(path, WHERE)
    except DataError as error:
        assert str(error).startswith("P007, mask: ")
        return
    assert read.values.shape == read.geometry.shape
    assert np.isfinite(read.geometry.affine_lps_mm).all()
