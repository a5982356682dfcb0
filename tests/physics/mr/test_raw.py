"""Raw files: what is written is read, by others too; what is damaged is refused by name."""

from __future__ import annotations

import os
import sys
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from limen.physics.mr import (
    Cartesian,
    HeaderMismatchError,
    MissingReaderError,
    NotFiniteError,
    RawData,
    RawDataError,
    SaturatedError,
    TruncatedFileError,
    UnreadableFileError,
    combine,
    equispaced_mask,
    espirit,
    forward,
    noise_covariance,
    phantom_image,
    phantom_kspace,
    radial,
    read_fastmri,
    read_ismrmrd,
    read_twix,
    ring_maps,
    root_sum_of_squares,
    to_image,
    to_kspace,
    write_ismrmrd,
)

SHAPE, PIXEL_MM = (40, 64), (4.5, 3.0)
DATA = Path(os.environ.get("LIMEN_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))


def _raw(mask: Any = None, **fields: Any) -> RawData:
    sampling = Cartesian(SHAPE, PIXEL_MM, mask)
    maps = ring_maps(3, SHAPE, PIXEL_MM)
    pages = np.stack([phantom_image(SHAPE, PIXEL_MM), 0.5 * phantom_image(SHAPE, PIXEL_MM)])
    rng = np.random.default_rng(0)
    kspace = forward(pages, sampling, maps)
    kspace = kspace + 0.01 * (rng.standard_normal((*kspace.shape, 2)) @ [1, 1j])
    kspace = np.where(sampling.measured, kspace, 0).astype(np.complex64)
    noise = (rng.standard_normal((3, 500, 2)) @ [1, 1j]).astype(np.complex64)
    return RawData(
        kspace, sampling, readout_pixels=32, noise=noise, slice_thickness_mm=5.0,
        field_tesla=1.5, echo_time_ms=4.5, repetition_time_ms=500.0, dwell_time_us=8.0, **fields,
    )  # fmt: skip


@pytest.mark.parametrize("mask", [None, equispaced_mask(SHAPE, 3, 8)])
@pytest.mark.parametrize("origin", ["measured", "resimulated", "phantom"])
def test_ismrmrd_there_and_back(tmp_path: Path, mask: Any, origin: Any) -> None:
    raw = _raw(mask, origin=origin)
    write_ismrmrd(tmp_path / "a.h5", raw)
    found = read_ismrmrd(tmp_path / "a.h5")
    np.testing.assert_array_equal(found.kspace, raw.kspace)
    np.testing.assert_array_equal(found.noise, raw.noise)
    np.testing.assert_array_equal(found.sampling.measured, raw.sampling.measured)  # type: ignore[union-attr]
    assert found.sampling.pixel_mm == pytest.approx(PIXEL_MM)
    for name in ("readout_pixels", "slice_thickness_mm", "field_tesla", "echo_time_ms",
                 "repetition_time_ms", "dwell_time_us", "origin", "averages"):  # fmt: skip
        assert getattr(found, name) == pytest.approx(getattr(raw, name)), name
    assert found.bandwidth_hz_per_pixel == pytest.approx(1e6 / (64 * 8))


def test_ismrmrd_off_the_grid(tmp_path: Path) -> None:
    sampling = radial(20, SHAPE, PIXEL_MM, n_samples=64)
    kspace = phantom_kspace(sampling)[None, None].astype(np.complex64)
    write_ismrmrd(
        tmp_path / "r.h5", RawData(kspace, sampling, samples_per_readout=64, origin="phantom")
    )
    found = read_ismrmrd(tmp_path / "r.h5")
    np.testing.assert_array_equal(found.kspace, kspace)
    assert found.samples_per_readout == 64
    np.testing.assert_allclose(
        found.sampling.trajectory_per_mm,  # type: ignore[union-attr]
        sampling.trajectory_per_mm, atol=1e-7,
    )  # fmt: skip


def test_the_ismrmrd_package_reads_what_we_write(tmp_path: Path) -> None:
    ismrmrd = pytest.importorskip("ismrmrd", reason="ismrmrd is a peer")
    raw = _raw(equispaced_mask(SHAPE, 3, 8))
    write_ismrmrd(tmp_path / "a.h5", raw)
    with ismrmrd.Dataset(str(tmp_path / "a.h5"), "dataset", mode="r") as file:
        header = ismrmrd.xsd.CreateFromDocument(file.read_xml_header())
        space = header.encoding[0].encodedSpace
        assert (space.matrixSize.x, space.matrixSize.y) == (64, 40)
        assert space.fieldOfView_mm.x == pytest.approx(192)
        assert header.encoding[0].reconSpace.matrixSize.x == 32
        assert header.encoding[0].reconSpace.fieldOfView_mm.x == pytest.approx(96)
        assert header.sequenceParameters.TE == [4.5]
        seen = 0
        for n in range(file.number_of_acquisitions()):
            acquisition = file.read_acquisition(n)
            if acquisition.is_flag_set(ismrmrd.ACQ_IS_NOISE_MEASUREMENT):
                continue
            line, number = acquisition.idx.kspace_encode_step_1, acquisition.idx.slice
            np.testing.assert_array_equal(acquisition.data, raw.kspace[number, :, line])
            seen += 1
        assert seen == 2 * raw.sampling.measured[:, 0].sum()  # type: ignore[union-attr]


def _by_the_package(path: Path, raw: RawData, **change: Any) -> None:
    """A file made by the ismrmrd package: averages, partial echo, reversed lines."""
    ismrmrd = pytest.importorskip("ismrmrd", reason="ismrmrd is a peer")
    write_ismrmrd(path.with_suffix(".ours"), raw)
    with ismrmrd.Dataset(str(path.with_suffix(".ours")), "dataset", mode="r") as ours:
        xml = ours.read_xml_header()
    with ismrmrd.Dataset(str(path), "dataset") as file:
        file.write_xml_header(xml)
        for average in range(change.get("averages", 1)):
            for line in range(SHAPE[0]):
                data = raw.kspace[0, :, line] * (1 + average)
                skip = change.get("partial_echo", 0)
                data = np.ascontiguousarray(data[:, skip:])
                acquisition = ismrmrd.Acquisition.from_array(data, center_sample=32 - skip)
                acquisition.idx.kspace_encode_step_1 = line
                acquisition.idx.average = average
                if change.get("reversed") and line % 2:
                    acquisition.data[:] = data[:, ::-1]
                    acquisition.set_flag(ismrmrd.ACQ_IS_REVERSE)
                file.append_acquisition(acquisition)


@pytest.mark.parametrize("change", [{}, {"averages": 3}, {"partial_echo": 10}, {"reversed": True}])
def test_we_read_what_the_ismrmrd_package_writes(tmp_path: Path, change: Any) -> None:
    raw = _raw()
    _by_the_package(tmp_path / "b.h5", raw, **change)
    found = read_ismrmrd(tmp_path / "b.h5")
    expected = raw.kspace[:1] * {3: 2}.get(change.get("averages", 1), 1)
    skip = change.get("partial_echo", 0)
    np.testing.assert_allclose(found.kspace[..., skip:], expected[..., skip:], rtol=1e-6)
    assert not found.kspace[..., :skip].any()
    assert found.averages == change.get("averages", 1)


def test_fastmri_layout(tmp_path: Path) -> None:
    raw = _raw(equispaced_mask(SHAPE, 2, 8))
    write_ismrmrd(tmp_path / "a.h5", raw)
    with h5py.File(tmp_path / "a.h5") as ours, h5py.File(tmp_path / "f.h5", "w") as file:
        file["ismrmrd_header"] = ours["dataset/xml"][0]
        file["kspace"] = raw.kspace.swapaxes(2, 3)
        file.attrs["patient_id"] = "0123456789abcdef"
    found = read_fastmri(tmp_path / "f.h5")
    np.testing.assert_array_equal(found.kspace, raw.kspace)
    np.testing.assert_array_equal(found.sampling.measured, raw.sampling.measured)  # type: ignore[union-attr]
    assert found.readout_pixels == 32
    assert "0123456789abcdef" not in repr(found)
    with h5py.File(tmp_path / "f.h5", "a") as file:
        file["mask"] = np.arange(40) % 4 == 0
    assert read_fastmri(tmp_path / "f.h5").sampling.measured[:, 0].sum() == 10  # type: ignore[union-attr]
    with h5py.File(tmp_path / "f.h5", "a") as file:
        del file["kspace"]
        file["kspace"] = raw.kspace
    with pytest.raises(HeaderMismatchError, match="contradicts the encoded matrix"):
        read_fastmri(tmp_path / "f.h5")


def test_without_oversampling() -> None:
    raw = _raw()
    cropped = raw.without_oversampling()
    assert cropped.kspace.shape == (2, 3, 40, 32)
    np.testing.assert_allclose(
        to_image(cropped.kspace), to_image(raw.kspace)[..., 16:48], atol=1e-5
    )
    assert cropped.bandwidth_hz_per_pixel == pytest.approx(raw.bandwidth_hz_per_pixel)
    assert cropped.sampling.pixel_mm == PIXEL_MM


# --- what is damaged


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.999])
def test_a_truncated_file(tmp_path: Path, share: float) -> None:
    write_ismrmrd(tmp_path / "a.h5", _raw())
    whole = (tmp_path / "a.h5").read_bytes()
    (tmp_path / "t.h5").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(TruncatedFileError, match=r"t\.h5"):
        read_ismrmrd(tmp_path / "t.h5")


def test_what_is_no_raw_file(tmp_path: Path) -> None:
    (tmp_path / "empty.h5").touch()
    (tmp_path / "text.h5").write_text("not HDF5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["something"] = 1
    for read in (read_ismrmrd, read_fastmri):
        with pytest.raises(UnreadableFileError, match="No such file"):
            read(tmp_path / "none.h5")
        with pytest.raises(TruncatedFileError, match="empty"):
            read(tmp_path / "empty.h5")
        with pytest.raises(UnreadableFileError, match="not an HDF5"):
            read(tmp_path / "text.h5")
        with pytest.raises(UnreadableFileError, match="must have"):
            read(tmp_path / "other.h5")


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (lambda k: np.where(k == k.flat[777], np.nan, k), NotFiniteError),
        (lambda k: np.where(np.abs(k) > 3, np.inf, k), NotFiniteError),
        (lambda k: np.clip(k.real, -2, 2) + 1j * np.clip(k.imag, -2, 2), SaturatedError),
        (np.zeros_like, RawDataError),
    ],
)
def test_samples_that_cannot_be(tmp_path: Path, damage: Any, error: type[RawDataError]) -> None:
    raw = _raw()
    write_ismrmrd(tmp_path / "a.h5", replace(raw, kspace=damage(raw.kspace).astype(np.complex64)))
    with pytest.raises(error, match=r"a\.h5"):
        read_ismrmrd(tmp_path / "a.h5")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<x>64</x><y>40</y>", b"<x>60</x><y>40</y>"),
        (b"<x>64</x><y>40</y>", b"<x>64</x><y>20</y>"),
        (b"<x>64</x><y>40</y>", b"<x>many</x><y>40</y>"),
        (b"<x>64</x><y>40</y>", b"<x>64</x>"),
        (b"<center>20</center>", b"<center>35</center>"),
        (b"<trajectory>cartesian", b"<trajectory>spiral"),
        (b"</ismrmrdHeader>", b"</ismrmrd"),
    ],
)
def test_a_header_that_contradicts_its_data(tmp_path: Path, old: bytes, new: bytes) -> None:
    write_ismrmrd(tmp_path / "a.h5", _raw())
    with h5py.File(tmp_path / "a.h5", "a") as file:
        xml = file["dataset/xml"][0]
        assert old in xml
        file["dataset/xml"][0] = xml.replace(old, new, 1)
    with pytest.raises(HeaderMismatchError, match=r"a\.h5"):
        read_ismrmrd(tmp_path / "a.h5")


def test_a_readout_that_contradicts_its_header(tmp_path: Path) -> None:
    write_ismrmrd(tmp_path / "a.h5", _raw())
    with h5py.File(tmp_path / "a.h5", "a") as file:
        row = file["dataset/data"][5]
        row["data"] = row["data"][:-2]
        file["dataset/data"][5] = row
    with pytest.raises(HeaderMismatchError, match="A readout contradicts"):
        read_ismrmrd(tmp_path / "a.h5")
    with pytest.raises(HeaderMismatchError, match="no such image"):
        read_ismrmrd(tmp_path / "a.h5", contrast=3)
    with pytest.raises(HeaderMismatchError):
        RawData(np.zeros((1, 1, 8, 8)), Cartesian((8, 9)))


# --- Siemens


def test_twix_without_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "twixtools", None)
    (tmp_path / "meas.dat").write_bytes(b"x" * 100)
    with pytest.raises(MissingReaderError, match="twixtools"):
        read_twix(tmp_path / "meas.dat")


@pytest.fixture(scope="module")
def siemens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the real phantom scans that the source archive of twixtools carries."""
    pytest.importorskip("twixtools", reason="Siemens raw data need the extra twix")
    for folder in (DATA / "mr", DATA):
        if (folder / "gre.dat").is_file():
            return folder
    archives = sorted(DATA.glob("**/twixtools-*.tar.gz"))
    if not archives:
        pytest.skip(
            f"no real Siemens raw data in {DATA} (pip download --no-deps --no-binary :all: "
            "twixtools, and set LIMEN_TEST_DATA to where it is)"
        )
    out = tmp_path_factory.mktemp("twix")
    with tarfile.open(archives[0]) as archive:
        for name in archive.getnames():
            if name.endswith((".dat",)):
                source = archive.extractfile(name)
                assert source is not None
                (out / Path(name).name).write_bytes(source.read())
    return out


def test_real_raw_data(siemens: Path, tmp_path: Path) -> None:
    """A gradient echo of a phantom at 2.9 T, 160 lines, 2 coils, twice oversampled."""
    raw = read_twix(siemens / "gre.dat")
    assert raw.kspace.shape == (1, 2, 160, 320)
    assert raw.sampling.pixel_mm == (1.25, 1.25)
    assert (raw.readout_pixels, raw.slice_thickness_mm, raw.echo_time_ms) == (160, 4.0, 3.0)
    assert raw.field_tesla == pytest.approx(2.89, abs=0.01)
    assert raw.origin == "measured"
    raw = raw.without_oversampling()
    image = root_sum_of_squares(to_image(raw.kspace))[0]
    # a disc of about 195 mm: bright inside, dark in the corners
    y, x = np.meshgrid(*[(np.arange(160) - 80) * 1.25] * 2, indexing="ij")
    inside, corner = np.hypot(y, x) < 85, np.hypot(y, x) > 112
    assert np.median(image[inside]) > 4 * np.median(image[corner])
    maps, value = espirit(raw.kspace[0])
    assert np.median(value[inside]) > 0.98
    together = np.abs(combine(to_image(raw.kspace[0]), maps))
    assert np.median(np.abs(together - image)[inside] / image[inside]) < 0.05
    # noise in the corners, where there is nothing, is the same in real and imaginary part
    corners = to_image(raw.kspace[0])[:, corner]
    psi = noise_covariance(corners)
    assert np.abs(psi[0, 1]) < 0.3 * np.sqrt(psi[0, 0].real * psi[1, 1].real)
    assert corners.real.std() == pytest.approx(corners.imag.std(), rel=0.05)
    write_ismrmrd(tmp_path / "gre.h5", raw)
    again = read_ismrmrd(tmp_path / "gre.h5")
    np.testing.assert_array_equal(again.kspace, raw.kspace)
    np.testing.assert_allclose(to_kspace(to_image(again.kspace)), raw.kspace, atol=1e-6)


def test_real_echo_planar_data_have_no_ghost_left(siemens: Path) -> None:
    """A disc of 195 mm, as the gradient echo shows it: as wide, and next to nothing beside it."""
    raw = read_twix(siemens / "epi.dat")
    assert raw.kspace.shape == (1, 2, 80, 160)
    assert not raw.warnings
    image = root_sum_of_squares(to_image(raw.without_oversampling().kspace))[0]
    y, x = np.meshgrid(*[(np.arange(80) - 40) * 2.5] * 2, indexing="ij")
    r = np.hypot(y + 3, x)
    ghosts = (r > 104) & (np.abs(x) < 60)  # where the disc, half a field away, would show
    assert np.median(image[ghosts]) < 0.085 * np.median(image[r < 80])  # 0.11 before
    wide = np.flatnonzero(image[40] > 0.4 * np.median(image[r < 80]))
    assert (wide[-1] - wide[0]) * 2.5 == pytest.approx(192, abs=6)  # 120 before


def test_a_truncated_twix_file(siemens: Path, tmp_path: Path) -> None:
    whole = (siemens / "gre.dat").read_bytes()
    for share in (0.001, 0.2, 0.7):
        (tmp_path / "t.dat").write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(RawDataError, match=r"t\.dat"):
            read_twix(tmp_path / "t.dat")
