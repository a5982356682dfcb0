"""Raw data as a scanner gives them, checked: k-space, its sampling, and what belongs to it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from limen.errors import LimenError
from limen.physics.mr.fourier import to_image, to_kspace
from limen.physics.mr.sampling import AcquisitionError, Cartesian, Sampling

Array = NDArray[Any]

Origin = Literal["measured", "resimulated", "phantom"]

SATURATED_SAMPLES = 8
"""So many samples of exactly the largest value are not chance: the receiver was saturated."""


class RawDataError(LimenError):
    """Raw data that cannot be used; its subclasses say what is wrong."""


class UnreadableFileError(RawDataError):
    """No such file, or not a file of this format."""


class TruncatedFileError(RawDataError):
    """A file that ends before its data do."""


class HeaderMismatchError(RawDataError):
    """Data that contradict their header."""


class NotFiniteError(RawDataError):
    """NaN or infinity among the samples."""


class SaturatedError(RawDataError):
    """Samples cut off at the largest value that the receiver can give."""


class MissingReaderError(RawDataError):
    """A format whose reader is an optional package that is not installed."""


@dataclass(frozen=True, eq=False)
class RawData:
    """One acquisition: slices of one contrast, phase, repetition and set.

    Attributes
    ----------
    kspace : (slices, coils, ky, kx) or (slices, coils, samples) complex64 array
        Averaged over the averages; lines that were not measured are zero.
    sampling : Cartesian or NonCartesian
        On the encoded grid, with readout oversampling, if any; its mask is what was measured.
    readout_pixels : int
        Of the image without oversampling: see `without_oversampling`.
    noise : (coils, samples) complex64 array, or None
        A noise measurement that came with the data.
    calibration : (slices, coils, ky, kx) complex64 array, or None
        Calibration lines that are not part of the image's data.
    samples_per_readout : int
        Of data off the grid: how samples come in readouts.
    averages : int
    slice_thickness_mm, field_tesla, echo_time_ms, repetition_time_ms : float or None
    dwell_time_us : float or None
        Between samples.
    origin : "measured", "resimulated" or "phantom"
        "resimulated" where k-space was made from a reconstructed image, and files say so.
    others : mapping
        How many contrasts, phases, repetitions and sets the file has, where more than one.
    warnings : tuple of str
    """

    kspace: Array
    sampling: Sampling
    readout_pixels: int = 0
    noise: Array | None = None
    calibration: Array | None = None
    samples_per_readout: int = 0
    averages: int = 1
    slice_thickness_mm: float | None = None
    field_tesla: float | None = None
    echo_time_ms: float | None = None
    repetition_time_ms: float | None = None
    dwell_time_us: float | None = None
    origin: Origin = "measured"
    others: dict[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        k = np.asarray(self.kspace)
        shape = self.sampling.kspace_shape
        if k.ndim != 2 + len(shape) or k.shape[2:] != shape:
            raise HeaderMismatchError(
                "K-space does not belong to its sampling",
                found=f"shape {k.shape}",
                mend=f"give (slices, coils, {', '.join(map(str, shape))})",
            )
        if self.readout_pixels == 0:
            object.__setattr__(self, "readout_pixels", int(self.sampling.shape[1]))

    @property
    def bandwidth_hz_per_pixel(self) -> float | None:
        """Of the readout: 1 / (samples x dwell time)."""
        if self.dwell_time_us is None or self.dwell_time_us <= 0:
            return None
        n = self.sampling.shape[1] if isinstance(self.sampling, Cartesian) else 0
        return 1e6 / (self.dwell_time_us * n) if n else None

    def without_oversampling(self) -> RawData:
        """The same with the readout cropped to ``readout_pixels`` in the image (Cartesian).

        Noise outside of the field of view goes, and memory halves. Signal that is there is lost,
        as on a scanner.
        """
        s = self.sampling
        if not isinstance(s, Cartesian):
            raise AcquisitionError("Only a Cartesian readout is cropped")
        n, m = s.shape[1], self.readout_pixels
        if m == n:
            return self
        if not s.lines_only:
            raise AcquisitionError(
                "A readout that was not measured whole is not cropped",
                mend="reconstruct first, then crop the image",
            )
        first = n // 2 - m // 2

        def crop(kspace: Array) -> Array:
            pages = to_image(kspace)[..., first : first + m]
            # unitary on either grid
            return to_kspace(np.ascontiguousarray(pages))

        mask = None if s.mask is None else np.repeat(s.mask[:, :1], m, axis=1)
        sampling = Cartesian((s.shape[0], m), s.pixel_mm, mask)
        kspace = crop(self.kspace)
        kspace[..., ~sampling.measured] = 0
        calibration = None if self.calibration is None else crop(self.calibration)
        # as many samples as are left over the same time
        dwell = None if self.dwell_time_us is None else self.dwell_time_us * n / m
        return replace(
            self, kspace=kspace, sampling=sampling, calibration=calibration, dwell_time_us=dwell
        )


def check_samples(samples: Array, where: str, origin: str = "measured") -> None:
    """Raise unless samples are finite, not all zero, and not cut off.

    Parameters
    ----------
    samples : complex array of any shape
    where : str
        For the message: the file.
    origin : str
        Simulated samples may well be equal; only measured ones are looked at for saturation.
    """
    if not np.isfinite(samples).all():
        bad = int((~np.isfinite(samples)).sum())
        raise NotFiniteError(
            "Samples are not finite numbers",
            where=where,
            found=f"{bad} of {samples.size}",
            mend="export the file again; if lines are damaged, leave them out",
        )
    parts = np.abs(np.ascontiguousarray(samples).view(samples.real.dtype))
    top = parts.max(initial=0)
    if top == 0:
        raise RawDataError("There is no signal", where=where, found="only zeros")
    cut = int((parts == top).sum())
    if cut >= SATURATED_SAMPLES and origin == "measured":
        raise SaturatedError(
            "The receiver was saturated",
            where=where,
            found=f"{cut} samples of exactly the largest value {top:.6g}",
            mend="acquire again with less receiver gain; what was cut off is lost",
        )


def check_file(path: str | Path) -> Path:
    """The path of a file that is there and is not empty."""
    path = Path(path)
    if not path.is_file():
        raise UnreadableFileError("No such file", where=path.name, mend="check the path")
    if path.stat().st_size == 0:
        raise TruncatedFileError("The file is empty", where=path.name, mend="copy it again")
    return path


def open_hdf5(path: Path) -> Any:
    """An open h5py file; raises TruncatedFileError or UnreadableFileError."""
    import h5py

    try:
        return h5py.File(path, "r")
    except OSError as error:
        if "truncated" in str(error):
            raise TruncatedFileError(
                "The file ends before its data do", where=path.name, mend="copy it again"
            ) from None
        raise UnreadableFileError(
            "This is not an HDF5 file", where=path.name, mend="give an HDF5 file (.h5)"
        ) from None
