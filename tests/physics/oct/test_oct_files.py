"""Fringe files: what is written comes back, and what is broken is said."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limen.physics.oct import (
    FringeError,
    FringeFileError,
    FringeHeader,
    Sampling,
    read_fringes,
    write_fringes,
)
from limen.physics.oct.reconstruction import SATURATED


def counts(header, seed=0):
    top = 2 ** min(header.bits, 16) - 1
    return np.random.default_rng(seed).integers(0, top, header.shape).astype(np.uint16)


@settings(max_examples=25)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 40)),
    bits=st.sampled_from([8, 10, 12, 14, 16, 32]),
    order=st.sampled_from(["little", "big"]),
    sweep=st.sampled_from(["up", "down"]),
    nm=st.sampled_from([None, (800.0, 900.0)]),
    suffix=st.sampled_from([".raw", ".npy"]),
)
def test_round_trip(tmp_path_factory, shape, bits, order, sweep, nm, suffix):
    header = FringeHeader(shape[2], shape[1], shape[0], bits, order, nm, sweep)
    data = counts(header).astype(np.float32 if bits == 32 else np.uint16)
    path = tmp_path_factory.mktemp("oct") / f"scan{suffix}"
    write_fringes(path, data, header)
    back = read_fringes(path)
    np.testing.assert_array_equal(back.data, data)
    assert back.header == header
    assert read_fringes(path, header).header == header


def test_layout_of_raw_files(tmp_path):
    """Bytes as the documentation states them: samples, A-scans, B-scans; the stated byte order."""
    header = FringeHeader(2, 2, 1, byte_order="big")
    write_fringes(tmp_path / "a.raw", np.array([[1, 2], [3, 0x0405]]), header)
    assert (tmp_path / "a.raw").read_bytes() == bytes([0, 1, 0, 2, 0, 3, 4, 5])
    kept = json.loads((tmp_path / "a.json").read_text())
    assert kept["layout"] == "limen-oct-fringes/1"
    assert kept["byte_order"] == "big"


def test_wavelengths_follow_the_sweep():
    up = FringeHeader(100, 1, wavelength_nm=(800, 900))
    down = FringeHeader(100, 1, wavelength_nm=(800, 900), sweep="down")
    assert up.first_and_last_nm == (800, 900)
    k = Sampling.even_in_wavelength(100, *down.first_and_last_nm).wavenumber_rad_per_um
    assert k[0] == pytest.approx(2 * np.pi / 0.9)
    with pytest.raises(FringeFileError, match="wavelengths"):
        FringeHeader(100, 1).first_and_last_nm  # noqa: B018


@pytest.mark.parametrize("cut", [1, 2, 700, 1599])
def test_truncated_raw(tmp_path, cut):
    header = FringeHeader(40, 20)
    path = tmp_path / "a.raw"
    write_fringes(path, counts(header), header)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(FringeFileError, match="truncated") as e:
        read_fringes(path)
    assert f"{1600 - cut} bytes" in str(e.value)
    path.write_bytes(b"0" * 1700)
    with pytest.raises(FringeFileError, match="longer"):
        read_fringes(path)


@pytest.mark.parametrize("left", [0, 5, 60, 200, 1000])
def test_truncated_npy(tmp_path, left):
    path = tmp_path / "a.npy"
    np.save(path, np.zeros((20, 40), np.float32))
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(FringeFileError, match="truncated"):
        read_fringes(path)


def test_npy_that_is_no_fringes(tmp_path):
    for bad in (np.zeros((2, 2), complex), np.array("text"), np.zeros((2, 2, 2, 2)),
                np.zeros((0, 4)), np.array([{}], object)):  # fmt: skip
        np.save(tmp_path / "a.npy", bad, allow_pickle=True)
        with pytest.raises(FringeFileError):
            read_fringes(tmp_path / "a.npy")


def test_contradictions(tmp_path):
    header = FringeHeader(40, 20)
    path = tmp_path / "a.npy"
    write_fringes(path, counts(header), header)
    with pytest.raises(FringeFileError, match="contradicts"):
        read_fringes(path, FringeHeader(20, 40))
    twelve = FringeHeader(40, 20, bits=12)
    with pytest.raises(FringeFileError, match="12 bits"):
        read_fringes(path, twelve)
    with pytest.raises(FringeFileError, match="whole numbers of 12 bits"):
        write_fringes(path, counts(header), twelve)
    with pytest.raises(FringeFileError, match="whole numbers"):
        write_fringes(path, np.full(header.shape, 0.5), header)
    with pytest.raises(FringeFileError, match="shape"):
        write_fringes(path, np.zeros((40, 20)), header)
    with pytest.raises(FringeFileError, match="No such fringe file"):
        read_fringes(tmp_path / "none.raw")
    (tmp_path / "b.raw").write_bytes(b"1234")
    with pytest.raises(FringeFileError, match="needs its header"):
        read_fringes(tmp_path / "b.raw")


@pytest.mark.parametrize(
    "text",
    ["", "[1]", "{}", '{"samples": 2}', '{"samples": 2, "a_scans": 1, "colour": 1}',
     '{"samples": 2.5, "a_scans": 1}', '{"samples": true, "a_scans": 1}',
     '{"samples": 2, "a_scans": 1, "layout": "other"}', '{"samples": 2, "a_scans": 1, "bits": 7}',
     '{"samples": 2, "a_scans": 1, "byte_order": "middle"}',
     '{"samples": 2, "a_scans": 1, "wavelength_nm": [900, 800]}',
     '{"samples": 2, "a_scans": 1, "wavelength_nm": 850}',
     '{"samples": 2, "a_scans": 1, "wavelength_nm": ["a", "b"]}'],
)  # fmt: skip
def test_broken_headers(tmp_path, text):
    (tmp_path / "a.raw").write_bytes(b"1234")
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(FringeFileError):
        read_fringes(tmp_path / "a.raw")


def test_nan_and_saturation(tmp_path):
    path = tmp_path / "a.npy"
    data = np.random.default_rng(0).standard_normal((3, 20, 40)).astype(np.float32)
    np.save(path, data)
    assert read_fringes(path).warnings == ()
    data[1, 7, 3] = np.nan
    np.save(path, data)
    with pytest.raises(FringeError, match="B-scan 1, A-scan 7"):
        read_fringes(path)
    header = FringeHeader(40, 20, 3, bits=12)
    whole = counts(header)
    whole[0, 0, :5] = 4095
    write_fringes(tmp_path / "b.raw", whole, header)
    assert read_fringes(tmp_path / "b.raw").warnings == (SATURATED,)
    whole[:, :5] = 4095
    write_fringes(tmp_path / "b.raw", whole, header)
    with pytest.raises(FringeError, match="saturated"):
        read_fringes(tmp_path / "b.raw")


def test_real_fringes(real_folder):
    fringes = read_fringes(real_folder / "bscan_010.npy")
    assert fringes.data.shape == (1, 100, 1024)
    assert fringes.header.bits == 32
