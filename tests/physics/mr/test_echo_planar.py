"""Echo-planar readouts against what they were made from."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limen.physics import mr
from limen.physics.mr.echo_planar import (
    NOT_CORRECTED,
    Trapezoid,
    phase_between,
    regrid,
    without_phase,
)

N = 96
GRADIENT = Trapezoid(150.0, 260.0, 150.0, 40.0, 480.0)
LATE = Trapezoid(150.0, 260.0, 120.0, 50.0, 450.0)


def object_along_x(rng: np.random.Generator) -> np.ndarray:
    """(2 coils, N): something within the middle half of the field of view."""
    profile = np.zeros((2, N), complex)
    profile[:, N // 4 + 4 : 3 * N // 4 - 4] = rng.normal(size=(2, N // 2 - 8)) + 2
    return profile


def samples_at(profile: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The Fourier sum of a profile at places in k, unitary."""
    x = np.arange(N) - N // 2
    return profile @ np.exp(-2j * np.pi * np.outer(x, at) / N) / np.sqrt(N)


def area_by_steps(gradient: Trapezoid, t: float) -> float:
    """The gradient's area by summing it, an independent truth of its closed form."""
    up, flat, down = gradient.ramp_up_us, gradient.flat_top_us, gradient.ramp_down_us
    times = (np.arange(200_000) + 0.5) / 200_000 * t
    height = np.interp(times, [0, up, up + flat, up + flat + down], [0, 1, 1, 0])
    return float(height.sum() * t / 200_000)


@pytest.mark.parametrize("gradient", [GRADIENT, LATE, Trapezoid(0, 500, 0, 10, 480)])
def test_places_in_k_are_the_gradients_area(gradient: Trapezoid) -> None:
    at = gradient.positions(N)
    t0, t = gradient.delay_us, gradient.sampling_us
    whole = area_by_steps(gradient, t0 + t) - area_by_steps(gradient, t0)
    for i in (0, 7, N // 2, N - 1):
        t_i = t0 + (i + 0.5) / N * t
        from_middle = area_by_steps(gradient, t_i) - area_by_steps(gradient, t0 + t / 2)
        assert at[i] == pytest.approx(from_middle / (whole / N), abs=1e-3)
    np.testing.assert_allclose(gradient.turned_round.positions(N), -at[::-1], atol=1e-9)


def test_ramps_are_regridded() -> None:
    profile = object_along_x(np.random.default_rng(0))
    for gradient in (GRADIENT, LATE):
        even = regrid(samples_at(profile, gradient.positions(N)).astype(np.complex64), gradient)
        np.testing.assert_allclose(
            even, samples_at(profile, np.arange(N) - N // 2), atol=2e-3 * np.abs(profile).max()
        )
    flat = Trapezoid(0, 500, 0, 0, 500)
    line = samples_at(profile, np.arange(N) - N // 2)
    assert regrid(line, flat) is line


@settings(max_examples=40)
@given(st.floats(-3, 3), st.floats(-0.4, 0.4), st.integers(0, 100))
def test_the_phase_between_the_directions_is_found_and_taken_out(
    constant: float, slope: float, seed: int
) -> None:
    profile = object_along_x(np.random.default_rng(seed))
    turn = np.exp(1j * (constant + slope * (np.arange(N) - N // 2)))
    forth, back = (samples_at(p, np.arange(N) - N // 2) for p in (profile, profile * turn))
    found = phase_between(forth, back)
    assert found == pytest.approx((constant, slope), abs=1e-4)
    np.testing.assert_allclose(
        without_phase(forth, False, found), without_phase(back, True, found), atol=2e-3
    )


@pytest.mark.parametrize("ramps", [True, False])
def test_an_ismrmrd_file_of_echo_planar_lines(tmp_path: Path, ramps: bool) -> None:
    """To and fro, on ramps, with a phase between the directions: read as if it were Cartesian."""
    shape = (32, 64)
    truth = mr.to_kspace(mr.phantom_image(shape, (4.0, 2.0)) * np.hanning(64)[None] ** 0.2)
    plain = mr.RawData(truth[None, None], mr.Cartesian(shape, (4.0, 2.0)), readout_pixels=64)
    mr.write_ismrmrd(tmp_path / "a.h5", plain)
    profile = np.fft.fftshift(np.fft.ifft(np.fft.ifftshift(truth, axes=1), axis=1), axes=1)
    x = np.arange(64) - 32
    gradient = Trapezoid(100, 400, 100, 30, 540) if ramps else Trapezoid(0, 600, 0, 0, 600)

    def readout(line: int, back: bool) -> np.ndarray:
        turn = np.exp(1j * (0.7 + 0.05 * x)) if back else 1.0
        # without ramps the grid's own places, as other software hands them over
        at = gradient.positions(64) if ramps else x.astype(float)
        at = -gradient.positions(64)[::-1] if ramps and back else at
        samples = (profile[line] * turn) @ np.exp(-2j * np.pi * np.outer(x, at) / 64)
        samples = samples[::-1] if back else samples
        return np.ascontiguousarray(samples.astype(np.complex64)).view(np.float32)

    with h5py.File(tmp_path / "a.h5", "r+") as file:
        rows = file["dataset/data"][:]
        xml = file["dataset/xml"][0].decode().replace(
            "<trajectory>cartesian</trajectory>",
            "<trajectory>epi</trajectory>" + (_described(gradient) if ramps else ""),
        )  # fmt: skip
        for i in range(32):
            rows[i]["data"] = readout(i, i % 2 == 1)
            rows[i]["head"]["flags"] |= np.uint64((i % 2) << 21)
        extra = rows[14:16].copy()
        for i in range(2):
            extra[i]["head"]["flags"] |= np.uint64(1 << 23)
            extra[i]["data"] = readout(16, i == 1)
        del file["dataset/data"], file["dataset/xml"]
        kind = h5py.special_dtype(vlen=bytes)
        file["dataset"].create_dataset("xml", (1,), dtype=kind)[0] = xml.encode()
        file["dataset"].create_dataset("data", data=np.concatenate([extra, rows]))
    raw = mr.read_ismrmrd(tmp_path / "a.h5")
    image, expected = (np.abs(mr.to_image(k)) for k in (raw.kspace[0, 0], truth))
    assert not raw.warnings
    np.testing.assert_allclose(image[:, 8:-8], expected[:, 8:-8], atol=0.02 * expected.max())
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        rows = file["dataset/data"][2:]
        del file["dataset/data"]
        file["dataset"].create_dataset("data", data=rows)
    assert mr.read_ismrmrd(tmp_path / "a.h5").warnings == (NOT_CORRECTED,)


def _described(g: Trapezoid) -> str:
    whole = {
        "rampUpTime": g.ramp_up_us, "flatTopTime": g.flat_top_us, "rampDownTime": g.ramp_down_us,
        "acqDelayTime": g.delay_us, "numSamples": 64,
    }  # fmt: skip
    longs = "".join(
        f"<userParameterLong><name>{k}</name><value>{int(v)}</value></userParameterLong>"
        for k, v in whole.items()
    )
    return (
        "<trajectoryDescription><identifier>ConventionalEPI</identifier>"
        f"{longs}<userParameterDouble><name>dwellTime</name><value>{g.sampling_us / 64}</value>"
        "</userParameterDouble></trajectoryDescription>"
    )


def test_a_gradient_that_is_off_while_it_is_sampled() -> None:
    with pytest.raises(mr.AcquisitionError, match="from 100 to 700 us of 600 us"):
        Trapezoid(100, 400, 100, 100, 600)
