"""Opening one DICOM file: typed errors, no identity in any message, pixels decoded."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.multival import MultiValue
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID

from limen.data.errors import BadValues, BrokenSeries, UnreadableFile
from limen.data.volume import Array


@contextmanager
def quiet() -> Iterator[None]:
    """Silence pydicom's warnings and log lines: they quote values, names of patients included."""
    logger = logging.getLogger("pydicom")
    before = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = before


def has_dicom_content(path: Path) -> bool:
    """Whether a file has the DICOM preamble, or starts like a data set without one."""
    with path.open("rb") as file:
        start = file.read(132)
    if start[128:132] == b"DICM":
        return True
    # ACR-NEMA style and some archives: the first element is of group 0002 or 0008, its element
    # number small; both byte orders.
    group_element = start[:4]
    return len(start) == 132 and (
        (group_element[:2] in (b"\x02\x00", b"\x08\x00") and group_element[3] == 0)
        or (group_element[:2] in (b"\x00\x02", b"\x00\x08") and group_element[2] == 0)
    )


def open_dicom(
    path: Path,
    where: str,
    *,
    which: str = "the file",
    header_only: bool = False,
    tags: Sequence[str] | None = None,
) -> Dataset:
    """Read a DICOM file, with or without preamble.

    Parameters
    ----------
    path : Path
    where : str
        The case, for errors.
    which : str
        The file in words, for errors; never a path, which may name the patient.
    header_only : bool
        Stop before the pixel data.
    tags : sequence of str, optional
        Keep only these keywords.

    Raises
    ------
    UnreadableFile
    """
    try:
        force = has_dicom_content(path)
        data = pydicom.dcmread(
            path,
            stop_before_pixels=header_only,
            force=force,
            specific_tags=list(tags) if tags is not None else None,
        )
    except FileNotFoundError:
        raise UnreadableFile(f"{which} is missing", where=where, mend="restore it") from None
    except IsADirectoryError:
        raise UnreadableFile(f"{which} is a folder, not a DICOM file", where=where) from None
    except InvalidDicomError:
        raise UnreadableFile(
            f"{which} is not DICOM", where=where, mend="remove it from the case's files"
        ) from None
    except PermissionError:
        raise UnreadableFile(
            f"{which} may not be read", where=where, mend="give yourself read permission"
        ) from None
    except Exception as error:
        # The library's own text may quote values of the header, so only its kind is told.
        raise UnreadableFile(
            f"{which} is damaged and cannot be read as DICOM",
            where=where,
            found=type(error).__name__,
            mend="export it again from the archive",
        ) from None
    return data


def text(data: Dataset, keyword: str, *, as_is: bool = False) -> str:
    """An element as text; empty if absent or unreadable; several values joined by ``\\``.

    A value with control characters is unreadable too, unless it is wanted ``as_is``: a damaged
    length makes an element swallow the ones behind it, the patient's name among them.
    """
    try:
        value = data.get(keyword)
    except Exception:
        return ""
    if value is None:
        return ""
    parts = value if isinstance(value, MultiValue | list | tuple) else [value]
    joined = "\\".join(str(part).strip(" \0\t\r\n") for part in parts)
    return joined if as_is or joined.isprintable() else ""


def numbers(data: Dataset, keyword: str) -> tuple[float, ...] | None:
    """An element as numbers; None if absent, empty or not numeric. May hold NaN."""
    try:
        value = data.get(keyword)
        if value is None or value == "":
            return None
        if isinstance(value, str | int | float) or not hasattr(value, "__iter__"):
            return (float(value),)
        found = tuple(float(part) for part in value)
    except Exception:
        return None
    return found or None


def number(data: Dataset, keyword: str) -> float | None:
    """The first number of an element, if it is finite."""
    found = numbers(data, keyword)
    return found[0] if found and math.isfinite(found[0]) else None


def items(data: Dataset, keyword: str) -> list[Dataset]:
    """The items of a sequence; none if absent or unreadable."""
    try:
        return list(data.get(keyword) or [])
    except Exception:
        return []


def decode_pixels(data: Dataset, where: str, *, which: str) -> Array:
    """Stored values, (frames, rows, columns), of a single-channel image.

    Raises
    ------
    UnreadableFile
        Colour, absent or truncated pixel data, or a transfer syntax without a decoder here.
    BadValues
        Values that need more bits than the header says.
    """
    if "PixelData" not in data:
        raise UnreadableFile(
            f"{which} holds no pixel data",
            where=where,
            found=_class_name(data),
            mend="give the files of the image series itself",
        )
    samples = int(number(data, "SamplesPerPixel") or 1)
    photometric = text(data, "PhotometricInterpretation")
    if samples != 1 or photometric not in ("MONOCHROME1", "MONOCHROME2", ""):
        raise UnreadableFile(
            f"{which} is a colour image, which Limen does not read",
            where=where,
            found=f"{photometric}, {samples} samples per pixel",
            mend="give the original single-channel series",
        )
    syntax = _transfer_syntax(data)
    _require_decoder(syntax, where, which)
    try:
        # Unused bits are looked at below; pydicom would drop what lies in them without a word.
        stored = pixel_array(data, correct_unused_bits=False)
    except Exception as error:
        raise UnreadableFile(
            f"the pixel data of {which} is truncated or damaged",
            where=where,
            found=_pixel_shortage(data, syntax) or type(error).__name__,
            mend="export it again from the archive",
        ) from None
    frames = int(number(data, "NumberOfFrames") or 1)
    shape = (frames, int(data.Rows), int(data.Columns))
    if stored.size != math.prod(shape):
        raise UnreadableFile(
            f"the pixel data of {which} does not have the size the header says",
            where=where,
            found=f"{stored.size} values for {' x '.join(map(str, shape))}",
            mend="export it again from the archive",
        )
    return np.asarray(stored).reshape(shape)


def unused_bits_cleared(stored: Array, data: Dataset, where: str, *, which: str) -> Array:
    """Stored values without what lies in the bits above Bits Stored (retired overlays)."""
    allocated = int(number(data, "BitsAllocated") or 16)
    kept = int(number(data, "BitsStored") or allocated)
    if kept >= allocated or allocated not in (8, 16, 32):
        return stored
    high = number(data, "HighBit")
    if high is not None and int(high) != kept - 1:
        raise BadValues(
            f"the bits of {which} are laid out in a way that Limen does not read",
            where=where,
            found=f"High Bit {int(high)} with {kept} bits stored",
            mend="convert the series with a current DICOM tool",
        )
    if stored.dtype.kind == "i":
        shift = stored.dtype.itemsize * 8 - kept
        cleared: Array = (stored << shift) >> shift
        return cleared
    limit = 1 << kept
    if int(stored.max(initial=0)) < limit:
        return stored
    if any(0x6000 <= e.tag.group <= 0x601E and e.tag.element == 0x0102 for e in data):
        masked: Array = stored & np.array(limit - 1, dtype=stored.dtype)
        return masked
    raise BadValues(
        f"{which} holds values that need more bits than its header says",
        where=where,
        found=f"{int(stored.max())} with {kept} bits stored",
        mend="correct Bits Stored, or convert the series with a current DICOM tool",
    )


def _transfer_syntax(data: Dataset) -> UID:
    syntax = getattr(data.file_meta, "TransferSyntaxUID", None) if data.file_meta else None
    if syntax is None:
        # No file meta information: uncompressed by definition, as pydicom found it.
        implicit, little = data.original_encoding
        name = "1.2.840.10008.1.2" if implicit else "1.2.840.10008.1.2.1"
        syntax = UID(name if little in (True, None) else "1.2.840.10008.1.2.2")
        if getattr(data, "file_meta", None) is None:
            data.file_meta = pydicom.dataset.FileMetaDataset()
        data.file_meta.TransferSyntaxUID = syntax
    return UID(str(syntax))


def _require_decoder(syntax: UID, where: str, which: str) -> None:
    if syntax.is_private or not syntax.is_transfer_syntax:
        raise UnreadableFile(
            f"the header of {which} does not name a transfer syntax of the standard",
            where=where,
            mend="export it again from the archive",
        )
    if not syntax.is_encapsulated:
        return
    package = "store it uncompressed with a DICOM tool"
    try:
        decoder = get_decoder(syntax)
        if decoder.is_available:
            return
        package = "install `python-gdcm`, or store it uncompressed with a DICOM tool"
    except NotImplementedError:
        pass
    raise UnreadableFile(
        f"no decoder is installed for the compression of {which}",
        where=where,
        found=f"transfer syntax {syntax.name}",
        mend=package,
    )


def _pixel_shortage(data: Dataset, syntax: UID) -> str | None:
    if syntax.is_encapsulated:
        return None
    bits = [number(data, k) for k in ("Rows", "Columns", "BitsAllocated")]
    if any(b is None for b in bits):
        return None
    frames = int(number(data, "NumberOfFrames") or 1)
    expected = math.ceil(math.prod(int(b or 0) for b in bits) * frames / 8)
    try:
        found = len(data.PixelData)
    except Exception:
        return None
    return f"{found} of {expected} bytes" if found < expected else None


def _class_name(data: Dataset) -> str | None:
    uid = text(data, "SOPClassUID")
    return UID(uid).name if uid else None


def require_image(data: Dataset, where: str, *, which: str) -> None:
    """Refuse objects that are not images of a patient (reports, plans, segmentations)."""
    modality = text(data, "Modality")
    if modality in ("SEG", "RTDOSE") or number(data, "Rows") is None:
        raise BrokenSeries(
            f"{which} is not an image",
            where=where,
            found=_class_name(data) or modality or "no Rows and Columns",
            mend="give only the files of the image series",
        )
