"""The patient moves between shots: ``mr.motion`` and ``mr.rotation``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from limen.physics.degradation import Applied, Axis, Drawn, Record, expect_drawn_for
from limen.physics.mr.acquisition import Acquisition
from limen.physics.mr.fourier import to_image, to_kspace
from limen.physics.mr.operators import adjoint, forward
from limen.physics.mr.sampling import AcquisitionError, NonCartesian

Array = NDArray[Any]

COILS_MOVED = "without maps the coils' sensitivities are moved with the patient"

Course = Literal["step", "walk", "breathing"]
Order = Literal["sequential", "interleaved"]


@dataclass(frozen=True)
class _Shots:
    """Which shot measures a line, and how far along its course the patient is then."""

    acquisition: Acquisition
    shots: int = 16
    order: Order = "sequential"
    course: Course = "walk"

    def __post_init__(self) -> None:
        if not 2 <= self.shots <= self.acquisition.shape[0]:
            raise AcquisitionError(
                "Motion between shots needs two shots, and a line for each",
                found=f"{self.shots} shots of {self.acquisition.shape[0]} lines",
            )
        if self.order not in ("sequential", "interleaved"):
            raise AcquisitionError(
                "No such order of lines", found=str(self.order), mend="sequential, interleaved"
            )
        if self.course not in ("step", "walk", "breathing"):
            raise AcquisitionError(
                "No such course of motion", found=str(self.course), mend="step, walk, breathing"
            )

    @property
    def shot_of_line(self) -> Array:
        """(lines,) int: the shot that measures each line."""
        k = np.arange(self.acquisition.shape[0])
        n = self.acquisition.shape[0]
        return k * self.shots // n if self.order == "sequential" else k % self.shots

    def _course(self, rng: np.random.Generator) -> Array:
        """(shots,) in units of the greatest distance from the shot of the centre line."""
        t = np.arange(self.shots)
        if self.course == "step":
            # in the middle half of the scan: at its ends next to nothing would move
            moment = round(self.shots * rng.uniform(0.25, 0.75))
            away = (t >= min(max(moment, 1), self.shots - 1)).astype(float)
        elif self.course == "walk":
            away = np.cumsum(rng.standard_normal(self.shots))
        else:
            cycles, phase = rng.uniform(1.5, 5), rng.uniform(0, 1)
            away = np.sin(np.pi * (cycles * t / self.shots + phase)) ** 2
        away = away - away[self.shot_of_line[self.acquisition.shape[0] // 2]]
        return np.asarray(away / max(float(np.abs(away).max()), 1e-12))


def _parameters(shots: _Shots, course: Array, **more: Any) -> dict[str, Any]:
    return {
        "shots": shots.shots, "order": shots.order, "course": shots.course,
        "along": tuple(float(c) for c in course), **more,
    }  # fmt: skip


@dataclass(frozen=True)
class Motion(_Shots):
    """Rigid translation in the plane of the slice, in mm, another place for each shot.

    An object moved by d has its k-space multiplied with ``exp(-2 pi i k . d)``. Places are
    counted from where the patient is when the centre line is measured, so that the image stays
    where its reference is. The value is the greatest distance from there. Coils do not move.

    Attributes
    ----------
    acquisition : Acquisition
    shots : int
        Parts of the scan within which the patient rests.
    order : "sequential" or "interleaved"
        Neighbouring lines in one shot, or in different ones.
    course : "step", "walk" or "breathing"
        Once, at a drawn moment in the middle half of the scan; a random walk; to and fro.
    """

    @property
    def axis(self) -> Axis:
        ny, nx = self.acquisition.shape
        dy, dx = self.acquisition.pixel_mm
        return Axis("mr.motion", "mm", 0.0, "higher", 0.0, min(ny * dy, nx * dx) / 4)

    def draw(self, value: float, seed: int) -> Drawn:
        """The course over shots and the direction."""
        rng = np.random.default_rng(seed)
        direction = float(rng.uniform(0, 2 * np.pi))
        p = _parameters(self, self._course(rng), direction_rad=direction)
        return self.axis.draw(value, seed, p)

    def places_mm(self, drawn: Drawn) -> Array:
        """(shots, 2) float64: displacement along y and x in each shot."""
        p: Any = drawn.parameters
        direction = np.array([np.sin(p["direction_rad"]), np.cos(p["direction_rad"])])
        return np.asarray(drawn.value * np.array(p["along"])[:, None] * direction[None])

    def apply(self, raw: Array, drawn: Drawn) -> Applied:
        """K-space ([[slices,] coils,] ky, kx) of the moving patient."""
        expect_drawn_for(self.axis, drawn)
        return _apply(self, raw, drawn, self.axis, self._moved, "mr.motion/1")

    def insert(self, image: Array, drawn: Drawn) -> Applied:
        """An image (i, j[, slices]) of the moving patient."""
        expect_drawn_for(self.axis, drawn)
        return _insert(self, image, drawn, self.axis, self._moved, "mr.motion/1")

    def _moved(self, page: Array, drawn: Drawn, shot: int) -> Array:
        return translated(page, tuple(self.places_mm(drawn)[shot]), self.acquisition.pixel_mm)

    def _own(self, kspace: Array, drawn: Drawn) -> Array:
        """K-space of coil images that move whole: each line by the phase of its shot."""
        places = self.places_mm(drawn)[self.shot_of_line]
        ky, kx = frequencies_per_mm(self.acquisition.shape, self.acquisition.pixel_mm)
        turns = ky[:, None] * places[:, :1] + kx[None, :] * places[:, 1:]
        return np.asarray(kspace * np.exp(-2j * np.pi * turns).astype(kspace.dtype))


@dataclass(frozen=True)
class Rotation(_Shots):
    """Rigid rotation about the centre of the slice, in degrees, another angle for each shot.

    The k-space of a rotated object is the rotated k-space; it is computed at the rotated places
    by a non-uniform FFT. Corners of k-space that were not measured are empty. Angles are counted
    from the one when the centre line is measured. Attributes are those of `Motion`.
    """

    @property
    def axis(self) -> Axis:
        return Axis("mr.rotation", "deg", 0.0, "higher", 0.0, 45.0)

    def draw(self, value: float, seed: int) -> Drawn:
        """The course over shots, with its sense."""
        rng = np.random.default_rng(seed)
        sense = int(rng.choice([-1, 1]))
        p = _parameters(self, sense * self._course(rng))
        return self.axis.draw(value, seed, p)

    def angles_deg(self, drawn: Drawn) -> Array:
        """(shots,) float64; positive turns y towards x."""
        along: Any = drawn.parameters["along"]
        return np.asarray(drawn.value * np.array(along))

    def apply(self, raw: Array, drawn: Drawn) -> Applied:
        """K-space ([[slices,] coils,] ky, kx) of the turning patient."""
        expect_drawn_for(self.axis, drawn)
        return _apply(self, raw, drawn, self.axis, self._moved, "mr.rotation/1")

    def insert(self, image: Array, drawn: Drawn) -> Applied:
        """An image (i, j[, slices]) of the turning patient."""
        expect_drawn_for(self.axis, drawn)
        return _insert(self, image, drawn, self.axis, self._moved, "mr.rotation/1")

    def _moved(self, page: Array, drawn: Drawn, shot: int) -> Array:
        angle = float(np.deg2rad(self.angles_deg(drawn)[shot]))
        return rotated(page, angle, self.acquisition.pixel_mm)

    def _own(self, kspace: Array, drawn: Drawn) -> Array:
        pages = to_image(kspace).reshape(-1, *self.acquisition.shape)
        out = np.array(kspace).reshape(pages.shape)
        for shot in np.flatnonzero(self.angles_deg(drawn)):
            lines = self.shot_of_line == shot
            for page, result in zip(pages, out, strict=True):
                result[lines] = to_kspace(self._moved(page, drawn, int(shot)))[lines]
        return np.asarray(out.reshape(kspace.shape))


def frequencies_per_mm(
    shape: tuple[int, int], pixel_mm: tuple[float, float]
) -> tuple[Array, Array]:
    """(ky,) and (kx,) in cycles/mm, centred at n // 2."""
    ky, kx = (
        (np.arange(n) - n // 2) / (n * p) for n, p in zip(shape, pixel_mm, strict=True)
    )  # fmt: skip
    return ky, kx


def translated(page: Array, by_mm: tuple[float, ...], pixel_mm: tuple[float, float]) -> Array:
    """A (y, x) image moved along y and x, periodic, by its Fourier transform."""
    if not any(by_mm):
        return np.array(page)
    ky, kx = frequencies_per_mm(page.shape, pixel_mm)
    ramp = np.exp(-2j * np.pi * (ky[:, None] * by_mm[0] + kx[None] * by_mm[1]))
    return to_image(to_kspace(page) * ramp.astype(page.dtype))


def rotated(page: Array, angle_rad: float, pixel_mm: tuple[float, float]) -> Array:
    """A (y, x) image turned about its centre pixel, y towards x, by a non-uniform FFT."""
    if angle_rad == 0:
        return np.array(page)
    shape = (page.shape[0], page.shape[1])
    ky, kx = frequencies_per_mm(shape, pixel_mm)
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    # the value at k of the turned object is that of the object at k turned back
    v = (c * ky[:, None] + s * kx[None]).ravel()
    u = (-s * ky[:, None] + c * kx[None]).ravel()
    inside = (np.abs(v) * pixel_mm[0] <= 0.5) & (np.abs(u) * pixel_mm[1] <= 0.5)
    where = NonCartesian(
        np.stack([v[inside], u[inside]], axis=1), shape, pixel_mm,
        tolerance=1e-6 if page.dtype == np.complex64 else 1e-12,
    )  # fmt: skip
    kspace = np.zeros(page.size, page.dtype)
    kspace[inside] = forward(page, where)
    return to_image(kspace.reshape(shape))


def _apply(
    shots: Motion | Rotation, raw: Array, drawn: Drawn, axis: Axis, moved: Any, method: str
) -> Applied:
    acquisition = shots.acquisition
    data = acquisition.check_raw(raw)
    several = data.ndim > 2 and acquisition.maps is None and data.shape[-3] > 1
    record = Record(drawn, axis.nominal, method, "measured", (COILS_MOVED,) if several else ())
    if axis.is_nominal(drawn.value):
        return Applied(np.array(raw), record)
    if acquisition.maps is None:
        return Applied(shots._own(data, drawn), record)
    # with maps the patient moves and the coils rest; noise stays what it is
    sampling, maps = acquisition.sampling, acquisition.maps.astype(data.dtype)
    stack = data.reshape(-1, *data.shape[-3:])
    out = np.array(stack)
    for k in range(len(stack)):
        page = adjoint(stack[k], sampling, maps)
        rest = forward(page, sampling, maps)
        out[k] += _through_shots(shots, page, drawn, moved, rest) - rest
    return Applied(out.reshape(data.shape), record)


def _insert(
    shots: Motion | Rotation, image: Array, drawn: Drawn, axis: Axis, moved: Any, method: str
) -> Applied:
    acquisition = shots.acquisition

    def change(kspace: Array, _: int) -> Array:
        if acquisition.maps is None:
            return shots._own(kspace, drawn)
        page = adjoint(kspace, acquisition.sampling, acquisition.maps)
        return _through_shots(shots, page, drawn, moved, kspace)

    data, warnings, measured = acquisition.insert(image, drawn, axis, change)
    record = Record(drawn, axis.nominal, method, "resimulated", warnings, measured)
    return Applied(data, record)


def _through_shots(
    shots: Motion | Rotation, page: Array, drawn: Drawn, moved: Any, rest: Array
) -> Array:
    """(coils, ky, kx): each line as of the image at its shot."""
    acquisition, out = shots.acquisition, np.array(rest)
    along: Any = drawn.parameters["along"]
    for shot in np.flatnonzero(along):
        lines = shots.shot_of_line == shot
        there = acquisition.of_slice(moved(page, drawn, int(shot)))
        out[:, lines] = there[:, lines]
    return out
