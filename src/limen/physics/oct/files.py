"""Fringe files: npy, or raw 16-bit with a header beside it; calibration sets as a folder.

A file ``scan.raw`` or ``scan.npy`` has its header in ``scan.json``. Raw samples follow each other
without any header of their own: samples of an A-scan, A-scans of a B-scan, B-scans.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from limen.physics.oct.calibration import CalibrationSet
from limen.physics.oct.errors import CalibrationError, FringeError, FringeFileError
from limen.physics.oct.reconstruction import MOST_SATURATED, SATURATED

Array = NDArray[Any]

LAYOUT = "limen-oct-fringes/1"


@dataclass(frozen=True)
class FringeHeader:
    """What a fringe file holds.

    Attributes
    ----------
    samples, a_scans, b_scans : int
        Samples of an A-scan, A-scans of a B-scan, B-scans.
    bits : int
        Bits that the digitiser uses, 8 to 16, in the low end of 16-bit numbers; 32 for float32.
    byte_order : "little" or "big"
        Of raw files; npy files say it themselves.
    wavelength_nm : (float, float) or None
        Of the two ends of the spectrum, shorter first; None where it is not known.
    sweep : "up" or "down"
        Whether wavelength grows or falls from the first sample to the last.
    """

    samples: int
    a_scans: int
    b_scans: int = 1
    bits: int = 16
    byte_order: Literal["little", "big"] = "little"
    wavelength_nm: tuple[float, float] | None = None
    sweep: Literal["up", "down"] = "up"

    def __post_init__(self) -> None:
        for name in ("samples", "a_scans", "b_scans"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise FringeFileError(f"{name} must be a positive whole number", found=repr(value))
        if self.bits not in (*range(8, 17), 32):
            raise FringeFileError("bits must be 8 to 16, or 32 for float32", found=repr(self.bits))
        if self.byte_order not in ("little", "big") or self.sweep not in ("up", "down"):
            raise FringeFileError(
                "No such byte order or sweep",
                found=f"{self.byte_order!r}, {self.sweep!r}",
                mend='"little" or "big"; "up" or "down"',
            )
        ends = self.wavelength_nm
        if ends is not None and not (
            len(ends) == 2 and np.isfinite(ends).all() and 0 < ends[0] < ends[1]
        ):
            raise FringeFileError(
                "wavelength_nm is the shorter and the longer end of the spectrum",
                found=repr(ends),
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """(b_scans, a_scans, samples)."""
        return self.b_scans, self.a_scans, self.samples

    @property
    def dtype(self) -> np.dtype[Any]:
        mark = "<" if self.byte_order == "little" else ">"
        return np.dtype(f"{mark}f4" if self.bits == 32 else f"{mark}u2")

    @property
    def first_and_last_nm(self) -> tuple[float, float]:
        """Wavelengths of the first and last sample, as `Sampling` takes them."""
        if self.wavelength_nm is None:
            raise FringeFileError(
                "The wavelengths are not known", mend="give wavelength_nm in the header"
            )
        low, high = self.wavelength_nm
        return (low, high) if self.sweep == "up" else (high, low)

    @property
    def full_scale_counts(self) -> float | None:
        return None if self.bits == 32 else float(2**self.bits - 1)

    @classmethod
    def from_dict(cls, kept: dict[str, Any], where: str | None = None) -> FringeHeader:
        """From JSON; an unknown or missing key is an error."""
        fields = dict(kept)
        layout = fields.pop("layout", LAYOUT)
        unknown = set(fields) - set(cls.__dataclass_fields__)
        missing = {"samples", "a_scans"} - set(fields)
        if layout != LAYOUT or unknown or missing:
            raise FringeFileError(
                f"Not a header of {LAYOUT}",
                where=where,
                found=f"layout {layout!r}; unknown {sorted(unknown)}; missing {sorted(missing)}",
                mend=f"keys are {', '.join(cls.__dataclass_fields__)}",
            )
        if isinstance(fields.get("wavelength_nm"), list):
            fields["wavelength_nm"] = tuple(fields["wavelength_nm"])
        try:
            return cls(**fields)
        except TypeError as e:
            raise FringeFileError("A header's values have other types", where=where,
                                  found=str(e)) from e  # fmt: skip


@dataclass(frozen=True)
class Fringes:
    """What a file held: (B-scans, A-scans, samples) as it is kept, its header, warnings."""

    data: Array
    header: FringeHeader
    warnings: tuple[str, ...] = ()


def read_fringes(path: Path | str, header: FringeHeader | None = None) -> Fringes:
    """Read ``.npy`` or raw fringes, and check them against their header.

    Data are mapped, not loaded: memory grows with what is worked on.

    Parameters
    ----------
    path : path
    header : FringeHeader, optional
        Else from the ``.json`` beside it; an npy file of two or three axes needs none.

    Raises
    ------
    FringeFileError
        No such file or header, a truncated file, a size or shape that contradicts the header, or
        numbers above its bit depth.
    FringeError
        NaN, or more than a tenth of the samples at full scale.
    """
    path = Path(path)
    if not path.is_file():
        raise FringeFileError("No such fringe file", where=path.name)
    beside = path.with_suffix(".json")
    if header is None and beside.is_file():
        header = _read_header(beside)
    if path.suffix == ".npy":
        data, header = _read_npy(path, header)
    else:
        if header is None:
            raise FringeFileError(
                "A raw file needs its header",
                where=path.name,
                mend=f"give a FringeHeader, or write {beside.name}",
            )
        have, need = path.stat().st_size, int(np.prod(header.shape)) * header.dtype.itemsize
        if have != need:
            raise FringeFileError(
                "The file is truncated" if have < need else "The file is longer than its header",
                where=path.name,
                found=f"{have} bytes for {header.shape} of {header.dtype.itemsize} bytes = {need}",
                mend="copy it anew, or correct the header",
            )
        data = np.memmap(path, header.dtype, "r", shape=header.shape)
    return Fringes(data, header, _check(data, header, path.name))


def write_fringes(path: Path | str, data: Array, header: FringeHeader) -> None:
    """Write ``.npy`` or raw fringes with their header beside, so that `read_fringes` reads them.

    Each file appears whole or not at all; the header comes last.

    Raises
    ------
    FringeFileError
        When the data do not have the header's shape, or do not fit its bits.
    """
    path = Path(path)
    values = np.asarray(data)
    if values.size != int(np.prod(header.shape)) or values.shape[-1:] != (header.samples,):
        raise FringeFileError(
            "The fringes do not have the header's shape",
            found=f"{values.shape} for {header.shape}",
        )
    values = values.reshape(header.shape)
    if header.bits == 32:
        kept = values.astype(header.dtype)
    else:
        top = 2**header.bits - 1
        whole = values.dtype.kind in "ui" or bool(np.all(np.rint(values) == values))
        if not whole or values.min() < 0 or values.max() > top:
            raise FringeFileError(
                f"The fringes are not whole numbers of {header.bits} bits",
                found=f"{values.dtype} from {values.min()} to {values.max()}",
                mend="digitise them, or write bits=32",
            )
        kept = values.astype(header.dtype)
    if not np.isfinite(kept).all():
        raise FringeError("Fringes must be finite", where=path.name, found="NaN or infinity")
    part = path.with_name(path.name + ".part")
    with part.open("wb") as out:
        if path.suffix == ".npy":
            np.save(out, kept)
        else:
            kept.tofile(out)
    part.replace(path)
    text = json.dumps({"layout": LAYOUT, **asdict(header)}, indent=2) + "\n"
    beside = path.with_suffix(".json")
    part = beside.with_name(beside.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(beside)


CALIBRATION_NAMES = {
    "mirror1": ("mirror1",),
    "mirror2": ("mirror2",),
    "dark_reference": ("dark_ref",),
    "dark_sample1": ("dark_sample1", "dark_sample"),
    "dark_sample2": ("dark_sample2", "dark_sample", "dark_sample1"),
    "dark_both": ("dark_not",),
}
"""Measurement -> names its file may have: one sample dark may serve both mirrors."""


def read_calibration_set(folder: Path | str) -> CalibrationSet:
    """Read two mirrors and darks, ``mirror1`` to ``dark_not`` as ``.npy`` or ``.txt`` in a folder.

    A file with several A-scans is averaged; mirrors must hold still for that.

    Raises
    ------
    CalibrationError
        A file that is missing or cannot be read, other lengths, NaN, or mirrors that moved.
    """
    folder = Path(folder)
    return CalibrationSet(**{
        what: _read_row(folder, names, mirror=what.startswith("mirror"))
        for what, names in CALIBRATION_NAMES.items()
    })  # fmt: skip


def write_calibration_set(folder: Path | str, measured: CalibrationSet) -> None:
    """Write the six ``.npy`` files that `read_calibration_set` reads."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for what, names in CALIBRATION_NAMES.items():
        np.save(folder / f"{names[0]}.npy", getattr(measured, what))


def _read_header(path: Path) -> FringeHeader:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as e:
        raise FringeFileError("A header must be JSON", where=path.name, found=str(e)) from e
    if not isinstance(kept, dict):
        raise FringeFileError("A header must be a JSON object", where=path.name)
    return FringeHeader.from_dict(kept, where=path.name)


def _load_npy(path: Path) -> Array:
    try:
        return np.asanyarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (ValueError, EOFError, OSError) as e:
        raise FringeFileError(
            "The npy file is truncated, or is none", where=path.name, found=str(e)[:120]
        ) from e


def _read_npy(path: Path, header: FringeHeader | None) -> tuple[Array, FringeHeader]:
    data = _load_npy(path)
    if data.ndim not in (1, 2, 3) or data.size == 0 or data.dtype.kind not in "uif":
        raise FringeFileError(
            "Fringes are real numbers, (B-scans,) A-scans, samples",
            where=path.name,
            found=f"{data.dtype} of shape {data.shape}",
        )
    shape = (1,) * (3 - data.ndim) + data.shape
    if header is None:
        floating = data.dtype.kind == "f" or data.dtype.itemsize > 2
        header = FringeHeader(shape[2], shape[1], shape[0], bits=32 if floating else 16)
    elif shape != header.shape:
        raise FringeFileError(
            "The file's shape contradicts its header",
            where=path.name,
            found=f"{data.shape} in the file, {header.shape} in the header",
        )
    return data.reshape(shape), header


def _check(data: Array, header: FringeHeader, name: str) -> tuple[str, ...]:
    top, full = header.full_scale_counts, 0
    for b in range(data.shape[0]):
        scan = data[b]
        if scan.dtype.kind == "f" and not np.isfinite(scan).all():
            bad = int(np.argmin(np.isfinite(scan).all(-1)))
            raise FringeError(
                "Fringes must be finite", where=f"{name}, B-scan {b}, A-scan {bad}", found="NaN"
            )
        if top is not None:
            if scan.max() > top:
                raise FringeFileError(
                    f"Numbers above {header.bits} bits",
                    where=f"{name}, B-scan {b}",
                    found=f"{scan.max()}",
                    mend="correct bits or byte_order in the header",
                )
            full += int(np.count_nonzero(scan >= top))
    share = full / data.size
    if share > MOST_SATURATED:
        raise FringeError(
            "The fringes are saturated",
            where=name,
            found=f"{100 * share:.1f} % of samples at full scale",
            mend="acquire with less light",
        )
    return (SATURATED,) if full else ()


def _read_row(folder: Path, names: tuple[str, ...], mirror: bool) -> Array:
    for name in names:
        for suffix in (".npy", ".txt"):
            path = folder / f"{name}{suffix}"
            if not path.is_file():
                continue
            try:
                rows = _load_npy(path) if suffix == ".npy" else np.loadtxt(path, ndmin=1)
                rows = np.asarray(rows, np.float64)
            except (FringeFileError, ValueError, TypeError) as e:
                raise CalibrationError(
                    "A calibration file cannot be read", where=path.name, found=str(e)[:120]
                ) from e
            rows = rows.reshape(-1, rows.shape[-1]) if rows.ndim > 1 else rows[None]
            if 1 in rows.shape:
                return rows.ravel()
            mean = rows.mean(0)
            # steps from sample to sample are of the fringe, not of the light under it
            kept, whole = np.diff(mean).std(), np.diff(rows).std(axis=-1).mean()
            if mirror and kept < 0.5 * whole:
                raise CalibrationError(
                    "The mirror moved between its A-scans, so that their mean has lost its fringe",
                    where=path.name,
                    mend="give one A-scan",
                )
            return np.asarray(mean)
    raise CalibrationError(
        "A measurement of the calibration set is missing",
        where=str(folder.name),
        mend=f"add {names[0]}.npy",
    )
