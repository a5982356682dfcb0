"""How an image was, or would be, acquired: what the degradations of MR have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.physics.degradation import Axis, Drawn, insert_difference
from limen.physics.mr.fourier import to_kspace
from limen.physics.mr.methods import NOT_LINEAR, Method, reconstruct
from limen.physics.mr.operators import adjoint, forward
from limen.physics.mr.sampling import (
    AcquisitionError,
    Cartesian,
    check_grid,
    check_kspace,
    check_maps,
)

Array = NDArray[Any]
Change = Callable[[Array, int], Array]
Report = tuple[Array, tuple[str, ...], dict[str, float]]

RESIMULATED = (
    "k-space was made from a reconstructed image: its phase, coils and filters are assumed, and "
    "what is read from it is optimistic (implicit data crimes, Shimron et al., PNAS 2022)"
)
COIL_NOISE_UNKNOWN = (
    "the noise of the image is not known, so noise that coils do not share is not simulated: "
    "its amplification by parallel imaging is missing"
)
BIASED = "the reconstruction is not linear: at nominal it changes the image by the bias given"
SIGNED = "the image has negative values: it is taken as real, not as a magnitude"


@dataclass(frozen=True, eq=False)
class Acquisition:
    """A fully sampled Cartesian acquisition of slices, one by one.

    Attributes
    ----------
    shape : (int, int)
        Phase-encoding lines and samples of a line; the pixels along y and x.
    pixel_mm : (float, float)
        Along y (phase encoding) and x (readout).
    phase_axis : 0 or 1
        Which axis of an image ``(i, j[, slices])``, as cases hold it, is phase-encoded. K-space
        is always (slices, coils, ky, kx).
    maps : (coils, y, x) array, or None
        Coil sensitivities of unit norm (or zero) at each pixel; None: one coil that sees all.
    noise_sd : float or None
        Standard deviation of the real part of the noise that the data hold: of the image, in its
        unit, and of prewhitened k-space, because the transform is unitary.
    averages : int
        Number of excitations averaged into the data.
    field_tesla : float or None
    bandwidth_hz_per_pixel : float or None
        Of the readout; for `OffResonance`.
    method : str
        Reconstruction of nominal data, see `reconstruct`.
    """

    shape: tuple[int, int]
    pixel_mm: tuple[float, float] = (1.0, 1.0)
    phase_axis: int = 0
    maps: Array | None = None
    noise_sd: float | None = None
    averages: int = 1
    field_tesla: float | None = None
    bandwidth_hz_per_pixel: float | None = None
    method: Method = "zero-filled"

    def __post_init__(self) -> None:
        check_grid(self.shape, self.pixel_mm)
        if self.phase_axis not in (0, 1):
            raise AcquisitionError(
                "The phase is encoded along axis 0 or 1 of an image", found=str(self.phase_axis)
            )
        if self.averages != int(self.averages) or self.averages < 1:
            raise AcquisitionError("Averages are counted from 1", found=str(self.averages))
        for name in ("noise_sd", "field_tesla", "bandwidth_hz_per_pixel"):
            value = getattr(self, name)
            if value is not None and not 0 < value < np.inf:
                raise AcquisitionError(f"{name} must be above 0", found=str(value))
        if self.maps is not None:
            maps = check_maps(self.maps, self.shape)
            norm = (np.abs(maps) ** 2).sum(axis=0)
            off = np.minimum(np.abs(norm - 1), norm).max()
            if not off < 1e-3:
                raise AcquisitionError(
                    "Maps must have unit norm over coils, or be zero, at each pixel",
                    found=f"off by {off:.3g}",
                    mend="divide them by root_sum_of_squares(maps)",
                )
            object.__setattr__(self, "maps", maps)

    @classmethod
    def of_image(
        cls, shape: tuple[int, ...], pixel_mm: tuple[float, float], phase_axis: int = 0,
        **fields: Any,
    ) -> Acquisition:  # fmt: skip
        """For images (i, j[, slices]) of this shape, with the pixel's sides along i and j."""
        y, x = (0, 1) if phase_axis == 0 else (1, 0)
        grid, sides = (int(shape[y]), int(shape[x])), (pixel_mm[y], pixel_mm[x])
        return cls(grid, sides, phase_axis, **fields)

    @property
    def sampling(self) -> Cartesian:
        return Cartesian(self.shape, self.pixel_mm)

    @property
    def n_coils(self) -> int:
        return 1 if self.maps is None else len(self.maps)

    @property
    def known_noise_sd(self) -> float:
        if self.noise_sd is None:
            raise AcquisitionError(
                "It is not known how much noise the data hold",
                mend="give noise_sd, or estimate it with estimate_noise",
            )
        return self.noise_sd

    def with_fields(self, **fields: Any) -> Acquisition:
        """The same with some fields replaced."""
        return replace(self, **fields)

    def check_raw(self, raw: Array) -> Array:
        """Raw data (..., ky, kx) as complex; raises AcquisitionError where they do not belong."""
        data = check_kspace(raw, self.sampling)
        if not np.isfinite(data).all():
            raise AcquisitionError("K-space holds what is not a finite number", found="NaN")
        if self.maps is not None and (data.ndim < 3 or data.shape[-3] != self.n_coils):
            raise AcquisitionError(
                "K-space has other coils than the maps",
                found=f"shape {data.shape} for {self.n_coils} coils",
            )
        return data

    def of_slice(self, page: Array) -> Array:
        """(coils, ky, kx) k-space of a (y, x) image."""
        return (
            to_kspace(page)[None] if self.maps is None else forward(page, self.sampling, self.maps)
        )

    def image_of(self, kspace: Array, sampling: Cartesian | None = None,
                 method: Method | None = None) -> Array:  # fmt: skip
        """(y, x) image of (coils, ky, kx)."""
        image = reconstruct(kspace, sampling or self.sampling, self.maps, method or self.method)
        return image[0] if self.maps is None else image

    def unshared_noise(self, rng: np.random.Generator, dtype: Any) -> Array:
        """(coils, ky, kx) noise of the coils that a combined image does not hold.

        An image x has the noise ``S^H F^H n``. Of the coils' noise n that is the part in the
        range of the encoding A; this draws the other part, ``(1 - A A^H) n``. It is invisible in
        the combined nominal image, and appears when lines or coils are missing: it is what makes
        the noise of a simulated accelerated image grow with the g-factor.
        """
        n = noise((self.n_coils, *self.shape), self.known_noise_sd, rng, dtype)
        maps = self.maps
        assert maps is not None
        return n - forward(adjoint(n, self.sampling, maps), self.sampling, maps)

    def insert(
        self,
        image: Array,
        drawn: Drawn,
        axis: Axis,
        change: Change,
        sampling: Cartesian | None = None,
        method: Method | None = None,
        unshared: bool = False,
        phase: Callable[[int], Array] | None = None,
    ) -> Report:
        """Difference insertion slice by slice.

        A magnitude image is taken as a complex one of phase 0, or of the ``phase`` given, and the
        magnitude of the result is returned. For noise this is exact: added noise is the same in
        all phases.

        Parameters
        ----------
        image : (i, j[, slices]) array
        drawn, axis
        change : callable
            (coils, ky, kx) k-space and the number of the slice, to degraded k-space.
        sampling, method : optional
            Of the degraded data, where they differ.
        unshared : bool
            Whether noise that coils do not share matters (lines or coils go missing).
        phase : callable, optional
            Number of the slice to the (y, x) phase in rad that a magnitude image is given.

        Returns
        -------
        image of the same shape and floating type (float32 for integers), warnings, measured
        """
        image = np.asarray(image)
        stack = image if image.ndim == 3 else image[..., None]
        turned = (self.shape[0], self.shape[1]) if self.phase_axis == 0 else self.shape[::-1]
        if image.ndim not in (2, 3) or stack.shape[:2] != tuple(turned):
            raise AcquisitionError(
                "The image does not belong to this acquisition",
                found=f"shape {image.shape}",
                mend=f"give {tuple(turned)}, with slices last",
            )
        if not np.isfinite(stack).all():
            raise AcquisitionError("The image holds what is not a finite number", found="NaN")
        floating = image.dtype if np.issubdtype(image.dtype, np.inexact) else np.dtype(np.float32)
        warnings = [RESIMULATED]
        steps = method or self.method
        if steps in NOT_LINEAR or self.method in NOT_LINEAR:
            warnings.append(BIASED)
        unshared = unshared and self.maps is not None
        if unshared and self.noise_sd is None:
            warnings.append(COIL_NOISE_UNKNOWN)
        is_complex = np.iscomplexobj(image)
        signed = not is_complex and stack.size > 0 and bool(stack.min() < 0)
        if signed:
            warnings.append(SIGNED)
        out = np.empty(stack.shape, floating)
        wide = np.complex128 if floating in (np.float64, np.complex128) else np.complex64
        lost = total = 0.0
        same = axis.is_nominal(drawn.value)
        for k in range(stack.shape[2]):
            page = stack[:, :, k] if self.phase_axis == 0 else stack[:, :, k].T
            x = np.ascontiguousarray(page, dtype=wide)
            if phase is not None and not is_complex and not signed:
                x = np.asarray(x * np.exp(1j * phase(k)), dtype=wide)
            kspace = self.of_slice(x)
            # the round trip that measures the bias goes by the degraded method
            back = self.image_of(kspace)
            trip = back if steps == self.method else self.image_of(kspace, method=steps)
            lost += float((np.abs(np.abs(trip) - np.abs(x)) ** 2).sum(dtype=np.float64))
            total += float((np.abs(x) ** 2).sum(dtype=np.float64))
            if same:
                out[:, :, k] = stack[:, :, k]
                continue

            def degraded(_: Array, kspace: Array = kspace, k: int = k) -> Array:
                data = kspace
                if unshared and self.noise_sd is not None:
                    data = data + self.unshared_noise(slice_generator(drawn.seed, k, 1), wide)
                return self.image_of(change(data, k), sampling, steps)

            def nominal(_: Array, trip: Array = trip) -> Array:
                return trip

            z = insert_difference(x, drawn, axis, nominal, degraded)
            result = z if is_complex else (z.real if signed else np.abs(z))
            out[:, :, k] = result if self.phase_axis == 0 else result.T
        measured = {"round_trip_rms_share": float(np.sqrt(lost / total)) if total > 0 else 0.0}
        return (out if image.ndim == 3 else out[..., 0]), tuple(warnings), measured


def noise(shape: tuple[int, ...], sd: float, rng: np.random.Generator, dtype: Any) -> Array:
    """Complex normal noise, ``sd`` the standard deviation of each of its two parts."""
    real = np.float64 if np.dtype(dtype) == np.complex128 else np.float32
    parts = rng.standard_normal((*shape, 2), dtype=real)
    parts *= real(sd)
    return np.asarray(parts.view(dtype)[..., 0])


def slice_generator(seed: int, slice_number: int, purpose: int = 0) -> np.random.Generator:
    """A generator of its own for each slice, whatever else is drawn."""
    key = np.random.SeedSequence(seed, spawn_key=(slice_number, purpose))
    return np.random.Generator(np.random.SFC64(key))


def measured_points(raw: Array) -> Array:
    """(ky, kx) bool: where any slice or coil of k-space (..., ky, kx) is not zero."""
    return np.asarray((raw != 0).any(axis=tuple(range(raw.ndim - 2))))


def smooth_phase(shape: tuple[int, int], peak_rad: float, rng: np.random.Generator) -> Array:
    """(y, x) float64 phase as main field and receiver leave it: a drawn plane and three bumps.

    Bumps are 4 to 15 % of the field of view wide, as above the sinuses; the largest deviation
    from the mean is ``peak_rad``.
    """
    y = ((np.arange(shape[0]) - shape[0] // 2) / shape[0])[:, None]
    x = ((np.arange(shape[1]) - shape[1] // 2) / shape[1])[None]
    a, b = rng.normal(0, 0.7, 2)
    total = a * y + b * x
    for _ in range(3):
        cy, cx = rng.uniform(-0.3, 0.3, 2)
        width, height = rng.uniform(0.04, 0.15), rng.choice([-1, 1]) * rng.uniform(0.5, 1)
        total = total + height * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * width**2))
    total = total - total.mean()
    return np.asarray(total * (peak_rad / np.abs(total).max()))
