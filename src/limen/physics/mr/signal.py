"""Less signal to the same noise: ``mr.snr``, ``mr.averages``, ``mr.field``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from limen.physics.degradation import Applied, Axis, Drawn, Record, expect_drawn_for
from limen.physics.mr.acquisition import Acquisition, measured_points, noise, slice_generator
from limen.physics.mr.sampling import AcquisitionError

Array = NDArray[Any]

RELAXATION = (
    "T1, T2* and contrast change with the field as well; only the signal-to-noise is simulated"
)


@dataclass(frozen=True)
class SignalToNoise:
    """A fraction of the signal-to-noise of the data; the noise that they hold is kept.

    White complex noise is added in k-space: to lower the signal-to-noise to the fraction f of
    what it is, the variance ``sd^2 (1 / f^2 - 1)`` to each of its parts. In a magnitude image
    the result is Rician, like what was there (Gudbjartsson and Patz, Magn. Reson. Med. 34,
    1995): the unknown phase of the image does not matter, because that of the noise is uniform.

    Attributes
    ----------
    acquisition : Acquisition
        With ``noise_sd``.
    """

    acquisition: Acquisition

    @property
    def axis(self) -> Axis:
        return Axis("mr.snr", "", nominal=1.0, worse="lower", lowest=0.01, highest=1.0)

    def draw(self, value: float, seed: int) -> Drawn:
        return self.axis.draw(value, seed)

    def apply(self, raw: Array, drawn: Drawn) -> Applied:
        """K-space ([[slices,] coils,] ky, kx), prewhitened, with more noise where measured."""
        return _apply(self.acquisition, self.axis, raw, drawn, 1 / drawn.value**2, "mr.snr/1")

    def insert(self, image: Array, drawn: Drawn) -> Applied:
        """An image (i, j[, slices]) with more noise."""
        return _insert(self.acquisition, self.axis, image, drawn, 1 / drawn.value**2, "mr.snr/1")


@dataclass(frozen=True)
class Averages:
    """Fewer excitations averaged: the signal-to-noise goes with the square root of their number.

    Attributes
    ----------
    acquisition : Acquisition
        With ``averages`` of the data and ``noise_sd``.
    """

    acquisition: Acquisition

    @property
    def axis(self) -> Axis:
        n = float(self.acquisition.averages)
        return Axis("mr.averages", "averages", n, "lower", lowest=1, highest=n, whole=True)

    def draw(self, value: float, seed: int) -> Drawn:
        return self.axis.draw(value, seed)

    def apply(self, raw: Array, drawn: Drawn) -> Applied:
        """K-space ([[slices,] coils,] ky, kx) as of fewer averages."""
        times = self.acquisition.averages / drawn.value
        return _apply(self.acquisition, self.axis, raw, drawn, times, "mr.averages/1")

    def insert(self, image: Array, drawn: Drawn) -> Applied:
        """An image (i, j[, slices]) as of fewer averages."""
        times = self.acquisition.averages / drawn.value
        return _insert(self.acquisition, self.axis, image, drawn, times, "mr.averages/1")


@dataclass(frozen=True)
class FieldStrength:
    """A weaker magnet: signal-to-noise in proportion to the field.

    The signal goes with the square of the field and the noise of the body with the field (Hoult
    and Lauterbur, J. Magn. Reson. 34, 1979), above about 0.2 T; below, where the coil's own
    noise rules, signal falls faster and this is too mild. Nothing but the signal-to-noise is
    changed.

    Attributes
    ----------
    acquisition : Acquisition
        With ``field_tesla`` and ``noise_sd``.
    """

    acquisition: Acquisition

    @property
    def axis(self) -> Axis:
        field = self.acquisition.field_tesla
        if field is None:
            raise AcquisitionError("The field of the data is not known", mend="give field_tesla")
        return Axis("mr.field", "T", field, "lower", lowest=min(0.2, field), highest=field)

    def draw(self, value: float, seed: int) -> Drawn:
        return self.axis.draw(value, seed)

    def apply(self, raw: Array, drawn: Drawn) -> Applied:
        """K-space ([[slices,] coils,] ky, kx) with the noise of a weaker magnet."""
        times = (self.axis.nominal / drawn.value) ** 2
        return _apply(self.acquisition, self.axis, raw, drawn, times, "mr.field/1", (RELAXATION,))

    def insert(self, image: Array, drawn: Drawn) -> Applied:
        """An image (i, j[, slices]) with the noise of a weaker magnet."""
        times = (self.axis.nominal / drawn.value) ** 2
        return _insert(
            self.acquisition, self.axis, image, drawn, times, "mr.field/1", (RELAXATION,)
        )


def added_sd(acquisition: Acquisition, times_variance: float) -> float:
    """Standard deviation of each part of the noise that makes the variance so many times it."""
    if times_variance == 1:
        return 0.0
    return float(acquisition.known_noise_sd * np.sqrt(times_variance - 1))


def _apply(
    acquisition: Acquisition, axis: Axis, raw: Array, drawn: Drawn, times_variance: float,
    method: str, warnings: tuple[str, ...] = (),
) -> Applied:  # fmt: skip
    expect_drawn_for(axis, drawn)
    data = acquisition.check_raw(raw)
    sd = added_sd(acquisition, times_variance)
    record = _record(axis, drawn, method, "measured", warnings, sd)
    if axis.is_nominal(drawn.value):
        return Applied(np.array(raw), record)
    measured = measured_points(data)
    # a stack has slices first, also where it has no coils
    stack = data.reshape(-1, *data.shape[-3:]) if data.ndim > 3 else data[None]
    out = np.empty_like(stack)
    for k in range(len(stack)):
        extra = noise(stack.shape[1:], sd, slice_generator(drawn.seed, k), data.dtype)
        out[k] = np.where(measured, stack[k] + extra, 0)
    return Applied(out.reshape(data.shape), record)


def _insert(
    acquisition: Acquisition, axis: Axis, image: Array, drawn: Drawn, times_variance: float,
    method: str, warnings: tuple[str, ...] = (),
) -> Applied:  # fmt: skip
    expect_drawn_for(axis, drawn)
    sd = added_sd(acquisition, times_variance)

    def change(kspace: Array, k: int) -> Array:
        return kspace + noise(kspace.shape, sd, slice_generator(drawn.seed, k), kspace.dtype)

    # Noise of a combined, fully sampled image of unit-norm maps is the noise of one coil, also
    # in the background, where estimated maps end.
    alone = acquisition.with_fields(maps=None)
    data, more, measured = alone.insert(image, drawn, axis, change)
    return Applied(
        data,
        _record(axis, drawn, method, "resimulated", (*more, *warnings), sd, measured),
    )


def _record(
    axis: Axis, drawn: Drawn, method: str, origin: Literal["measured", "resimulated"],
    warnings: tuple[str, ...], sd: float, measured: dict[str, float] | None = None,
) -> Record:  # fmt: skip
    every = {**(measured or {}), "added_noise_sd": sd}
    return Record(drawn, axis.nominal, method, origin, warnings, every)
