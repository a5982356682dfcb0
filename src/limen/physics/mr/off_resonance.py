"""A main field that is not the same everywhere: ``mr.off_resonance``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numba
import numpy as np
from numpy.typing import NDArray

from limen.physics.degradation import Applied, Axis, Drawn, Record, expect_drawn_for
from limen.physics.mr.acquisition import Acquisition
from limen.physics.mr.fourier import to_image
from limen.physics.mr.pages import share
from limen.physics.mr.sampling import AcquisitionError

Array = NDArray[Any]

WRAPPED = (
    "phase wrap: the field turns the signal of neighbouring pixels apart by more than half a turn"
)


@dataclass(frozen=True)
class OffResonance:
    """Off-resonance, in Hz at its peak: displacement, stretching and pile-up.

    The spin at r gains the phase ``2 pi f(r) t`` while it is read. Along the axis that is read
    slowly, time goes with k: from sample to sample ``1 / (n b)`` seconds for a bandwidth of b Hz
    per pixel. So signal appears ``f / b`` pixels from where it is (Jezzard and Balaban, Magn.
    Reson. Med. 34, 1995). The signal is summed exactly, with the field at each pixel.

    Attributes
    ----------
    acquisition : Acquisition
        With ``bandwidth_hz_per_pixel``: of the readout for spin-warp, of the phase encoding
        (1 / (lines x echo spacing)) for echo-planar imaging.
    slow : "readout" or "phase"
        Axis along which time matters: "readout" for spin-warp, "phase" for echo-planar imaging.
    field : "local" or "uniform"
        A drawn smooth peak, as above the sinuses; or the same everywhere (a wrong centre
        frequency, or fat).
    """

    acquisition: Acquisition
    slow: Literal["readout", "phase"] = "readout"
    field: Literal["local", "uniform"] = "local"

    def __post_init__(self) -> None:
        if self.slow not in ("readout", "phase"):
            raise AcquisitionError("No such slow axis", found=str(self.slow), mend="readout, phase")
        if self.field not in ("local", "uniform"):
            raise AcquisitionError("No such field", found=str(self.field), mend="local, uniform")

    @property
    def bandwidth(self) -> float:
        """Hz per pixel along the slow axis."""
        bandwidth = self.acquisition.bandwidth_hz_per_pixel
        if bandwidth is None:
            raise AcquisitionError(
                "The bandwidth of the data is not known", mend="give bandwidth_hz_per_pixel"
            )
        return bandwidth

    @property
    def axis(self) -> Axis:
        n = self.acquisition.shape[1 if self.slow == "readout" else 0]
        return Axis("mr.off_resonance", "Hz", 0.0, "higher", 0.0, self.bandwidth * n / 4)

    def draw(self, value: float, seed: int) -> Drawn:
        """Sign, place and width of the field's peak, as shares of the field of view."""
        rng = np.random.default_rng(seed)
        p: Any = {"field": self.field, "sign": int(rng.choice([-1, 1]))}
        if self.field == "local":
            p["centre"] = tuple(float(c) for c in rng.uniform(-0.2, 0.2, 2))
            p["width"] = float(rng.uniform(0.08, 0.2))
        return self.axis.draw(value, seed, p)

    def field_hz(self, drawn: Drawn) -> Array:
        """(y, x) float64 map of the off-resonance."""
        ny, nx = self.acquisition.shape
        p: Any = drawn.parameters
        if p["field"] == "uniform":
            return np.full((ny, nx), p["sign"] * drawn.value)
        y = ((np.arange(ny) - ny // 2) / ny - p["centre"][0])[:, None]
        x = ((np.arange(nx) - nx // 2) / nx - p["centre"][1])[None]
        return np.asarray(p["sign"] * drawn.value * np.exp(-(y**2 + x**2) / (2 * p["width"] ** 2)))

    def apply(self, raw: Array, drawn: Drawn) -> Applied:
        """K-space ([[slices,] coils,] ky, kx), fully sampled, of the uneven field."""
        expect_drawn_for(self.axis, drawn)
        data = self.acquisition.check_raw(raw)
        if self.axis.is_nominal(drawn.value):
            return Applied(np.array(raw), self._record(drawn, "measured"))
        return Applied(self._change(data, drawn), self._record(drawn, "measured"))

    def insert(self, image: Array, drawn: Drawn) -> Applied:
        """An image (i, j[, slices]) of the uneven field."""
        expect_drawn_for(self.axis, drawn)
        data, warnings, measured = self.acquisition.insert(
            image, drawn, self.axis, lambda kspace, _: self._change(kspace, drawn)
        )
        return Applied(data, self._record(drawn, "resimulated", warnings, measured))

    def _change(self, kspace: Array, drawn: Drawn) -> Array:
        pages = to_image(kspace)
        flat = pages.reshape(-1, *self.acquisition.shape)
        shift = self.field_hz(drawn) / self.bandwidth  # pixels
        if self.slow == "phase":
            flat, shift = np.ascontiguousarray(flat.swapaxes(1, 2)), shift.T
        shift = np.ascontiguousarray(shift)
        out = np.zeros(flat.shape, np.complex128)
        lines = flat.shape[1]

        def work(begin: int, end: int, core: int) -> None:
            for n in range(begin, end):
                encode(flat[n // lines, n % lines], shift[n % lines], out[n // lines, n % lines])

        share(len(flat) * lines, work)
        if self.slow == "phase":
            out = out.swapaxes(1, 2)
        # encoded along the slow axis; along the other, the plain transform
        done = _one_axis(out, 1 if self.slow == "readout" else 2)
        return np.asarray(done.reshape(kspace.shape), dtype=kspace.dtype)

    def _record(self, drawn: Drawn, origin: Any, warnings: tuple[str, ...] = (),
                measured: dict[str, float] | None = None) -> Record:  # fmt: skip
        shift = self.field_hz(drawn) / self.bandwidth
        gradient = max(float(np.abs(np.diff(shift, axis=a)).max(initial=0)) for a in (0, 1))
        # half a turn between neighbours at the end of the readout, where t = 1 / (2 b)
        if gradient > 1:
            warnings = (*warnings, WRAPPED)
        every = {**(measured or {}), "largest_shift_pixels": float(np.abs(shift).max())}
        return Record(drawn, 0.0, "mr.off_resonance/1", origin, warnings, every)


def _one_axis(data: Array, axis: int) -> Array:
    import scipy.fft

    moved = scipy.fft.ifftshift(data, axes=axis)
    return np.asarray(
        scipy.fft.fftshift(scipy.fft.fft(moved, axis=axis, norm="ortho", workers=-1), axes=axis)
    )


@numba.njit(cache=True, nogil=True)
def encode(line, shift_pixels, out):  # type: ignore[no-untyped-def]
    """out[n] = sum_r line[r] exp(-2 pi i (n - c)(r - c + shift[r]) / N) / sqrt(N).

    For each r a phasor that turns by the same angle from sample to sample.
    """
    n = line.size
    c = n // 2
    scale = 1 / np.sqrt(n)
    for r in range(n):
        value = complex(line[r]) * scale
        if value.real == 0 and value.imag == 0:
            continue
        angle = -2 * np.pi * (r - c + shift_pixels[r]) / n
        turn = complex(np.cos(angle), np.sin(angle))
        value *= complex(np.cos(-c * angle), np.sin(-c * angle))
        for k in range(n):
            out[k] += value
            value *= turn
