"""What lies in a folder: volume files, DICOM series and references, by name; no voxel is read."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from limen.data.case import Source
from limen.data.errors import DataError
from limen.data.naming import role, stem, volume_kind

if TYPE_CHECKING:
    from limen.data.dicom_scan import DicomScan, ReferenceFile, SeriesFiles

_NOT_IMAGES = (
    ".csv", ".parquet", ".json", ".yaml", ".yml", ".txt", ".md", ".pdf", ".xlsx", ".tsv",
    ".png", ".jpg", ".jpeg", ".py", ".log", ".zip", ".xml", ".html",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Item:
    """A volume file, a DICOM series, or a DICOM reference, with the name to match it by."""

    name: str
    source: Source
    series: SeriesFiles | None = None
    refers: ReferenceFile | None = None
    broken: DataError | None = None
    """A file beside those of the series that cannot be read, and may well be one of its slices."""

    def role(self) -> str | None:
        if self.refers is not None:
            return "reference"
        if self.series is not None:
            return "image"
        return role(stem(self.source.files[0]))


def items_in(
    folder: Path, where: str, broken_file: Callable[[Path, DataError], None] | None = None
) -> list[Item]:
    """Everything under a folder that Limen reads; DICOM headers are read if there may be any.

    ``broken_file`` is called for each DICOM file that cannot be read and that lies beside no
    series, or beside several. A link that leads nowhere is an item all the same: whoever reads it
    says so.
    """
    if not folder.is_dir():
        return []
    volumes = [
        p
        for p in sorted(folder.rglob("*"))
        if _is_volume(p) and not any(x.startswith(".") for x in p.relative_to(folder).parts)
    ]
    alone = counted([p.parent for p in volumes])
    items = []
    for path in volumes:
        kind = volume_kind(path)
        assert kind is not None
        inside = path.parent.relative_to(folder).as_posix()
        name = stem(path)
        if inside != ".":
            # one file in a folder of its own: the folder's name is the case's
            name = inside if alone[path.parent] == 1 else f"{inside}/{name}"
        items.append(Item(name, Source(kind, (path,))))
    if may_hold_dicom(folder):
        items += _dicom_items(folder, where, broken_file)
    return items


def _dicom_items(
    folder: Path, where: str, broken_file: Callable[[Path, DataError], None] | None
) -> list[Item]:
    from limen.data.dicom_series import scan_folder

    scan: DicomScan = scan_folder(folder, where)
    broken = _broken_series(scan.series, scan.problems, broken_file)
    names = [_relative(s.folder, folder) for s in scan.series]
    often = counted(names)
    items = []
    for n, (series, name) in enumerate(zip(scan.series, names, strict=True)):
        single = stem(series.files[0]) if len(series.files) == 1 else series.series_uid
        own = name if name and often[name] == 1 else single
        source = Source("dicom-series", series.files)
        items.append(Item(own, source, series=series, broken=broken.get(n)))
    for mark in scan.drawn:
        inside = _relative(mark.path.parent, folder)
        items.append(Item(inside or stem(mark.path), mark.source, refers=mark))
    return items


def _broken_series(
    series: Sequence[SeriesFiles],
    problems: Iterable[tuple[Path, DataError]],
    broken_file: Callable[[Path, DataError], None] | None,
) -> dict[int, DataError]:
    """The series that lies alone in the folder of an unreadable file: it may lack a slice.

    A slice that is missing at the end of a series cannot be seen from those that are there.
    """
    beside: dict[Path, set[int]] = {}
    for n, one in enumerate(series):
        for file in one.files:
            beside.setdefault(file.parent, set()).add(n)
    found: dict[int, DataError] = {}
    for path, error in problems:
        near = beside.get(path.parent, set())
        if len(near) == 1:
            found.setdefault(next(iter(near)), error)
        elif broken_file is not None:
            broken_file(path, error)
    return found


def is_file(path: Path) -> bool:
    """Whether it is a file; a link to a name that is too long is none, and no failure."""
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises on such a link


def _is_volume(path: Path) -> bool:
    """A volume file by its name, or a link that bears such a name and leads nowhere."""
    if volume_kind(path) is None:
        return False
    return is_file(path) or (path.is_symlink() and not os.path.isdir(path))  # noqa: PTH112


def _relative(path: Path, folder: Path) -> str:
    inside = path.relative_to(folder).as_posix()
    return "" if inside == "." else inside


def counted(names: Iterable[object]) -> dict[object, int]:
    """How often each occurs."""
    return dict(Counter[object](names))


def may_hold_dicom(folder: Path) -> bool:
    """Whether a file is there that is no volume and, by its ending, may be DICOM."""
    return any(
        is_file(p)
        and not p.name.startswith(".")
        and volume_kind(p) is None
        and p.suffix.lower() not in _NOT_IMAGES
        for p in folder.rglob("*")
    )


def has_volume(folder: Path) -> bool:
    """Whether a NIfTI or NRRD file lies anywhere below a folder."""
    return any(_is_volume(p) for p in folder.rglob("*"))
