"""Finding DICOM series, segmentations and contours in a folder, by headers alone."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydicom.dataset import Dataset
from pydicom.uid import UID

from limen.data.case import Source
from limen.data.dicom_file import has_dicom_content, items, number, open_dicom, quiet, text
from limen.data.dicom_identity import IDENTITY_KEYWORDS, identity_tokens
from limen.data.errors import DataError, EmptyFolder
from limen.data.identity import Pseudonyms, safe_name

ReferenceKind = Literal["dicom-seg", "dicom-rtstruct", "dicom-sr"]
SeriesRole = Literal["volume", "localizer", "picture"]

_SEG_CLASSES = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
_RTSTRUCT_CLASS = "1.2.840.10008.5.1.4.1.1.481.3"
_SR_CLASSES = "1.2.840.10008.5.1.4.1.1.88."
_DICOMDIR_CLASS = "1.2.840.10008.1.3.10"
_RT_CLASSES = "1.2.840.10008.5.1.4.1.1.481."

_HEADER = (
    "SOPClassUID",
    "Modality",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "ImageType",
    "ImagePositionPatient",
    "SharedFunctionalGroupsSequence",
    "ReferencedSeriesSequence",
    "ReferencedFrameOfReferenceSequence",
    "CurrentRequestedProcedureEvidenceSequence",
    *IDENTITY_KEYWORDS,
)


@dataclass(frozen=True)
class _Found:
    """What a header says about whose and which object it is; raw values stay out of its repr."""

    modality: str
    study_uid: str = field(repr=False)
    series_uid: str = field(repr=False)
    frame_of_reference_uid: str = field(repr=False)
    patient_id: str = field(repr=False)
    tokens: frozenset[str] = field(repr=False)

    def patient(self, pseudonyms: Pseudonyms) -> tuple[str, bool]:
        """The patient's pseudonym, and whether the patient was known (see ``identity``)."""
        return pseudonyms.patient_of(self.patient_id, self.study_uid or self.series_uid)

    def series(self, pseudonyms: Pseudonyms) -> str:
        return pseudonyms.series(self.series_uid)

    def shown(self, name: str) -> str | None:
        """A file or folder name if it may be shown beside this object, else None."""
        return safe_name(name, self.tokens)


@dataclass(frozen=True)
class SeriesFiles(_Found):
    """The files of one image series, by path; the reader sorts them by position.

    The raw identifiers are there to match references with images inside the readers. They are
    not printed, and nothing outside ``limen.data`` should ask for them: use :meth:`patient`,
    :meth:`series` and :meth:`shown`.
    """

    files: tuple[Path, ...] = field(default=(), repr=False)
    images: int = 0
    """Number of images: frames of multi-frame files counted one by one."""
    role: SeriesRole = "volume"
    """``localizer``: every image is a scout; ``picture``: no image has a place in the patient
    (screen captures, dose pages, radiographs, ultrasound). Neither makes a case."""

    @property
    def folder(self) -> Path:
        """Deepest folder that holds all the files."""
        return Path(os.path.commonpath([file.parent for file in self.files]))


@dataclass(frozen=True)
class ReferenceFile(_Found):
    """A segmentation, contour set or report, and the series it refers to."""

    kind: ReferenceKind = "dicom-seg"
    path: Path = field(default=Path(), repr=False)
    refers_to: frozenset[str] = field(default=frozenset(), repr=False)
    """Series Instance UIDs that the object refers to; may be empty."""

    @property
    def source(self) -> Source:
        """The object as a case's reference; a report (SR) is none."""
        assert self.kind != "dicom-sr"
        return Source(self.kind, (self.path,))

    def belongs_to(self, series: SeriesFiles) -> bool:
        """Whether it refers to the series, or, naming no series, lies in its frame of reference."""
        if self.refers_to:
            return series.series_uid in self.refers_to
        return bool(self.frame_of_reference_uid) and (
            self.frame_of_reference_uid == series.frame_of_reference_uid
        )


@dataclass(frozen=True)
class DicomScan:
    """What a folder holds.

    Attributes
    ----------
    series : tuple of SeriesFiles
        Image series, in the order of their first file.
    references : tuple of ReferenceFile
        SEG, RTSTRUCT and SR objects.
    problems : tuple of (Path, DataError)
        DICOM files that cannot be read. The error names no path; show one only through
        ``safe_name``.
    ignored : int
        Files without DICOM content.
    other_objects : int
        DICOM objects that are neither images nor references (DICOMDIR, plans, doses,
        presentation states ...).
    """

    series: tuple[SeriesFiles, ...]
    references: tuple[ReferenceFile, ...]
    problems: tuple[tuple[Path, DataError], ...]
    ignored: int
    other_objects: int

    @property
    def drawn(self) -> list[ReferenceFile]:
        """The references that hold regions, SEG and RTSTRUCT."""
        return [r for r in self.references if r.kind != "dicom-sr"]


@quiet()
def scan_folder(folder: Path, where: str = "the data folder") -> DicomScan:
    """Look at every file under a folder, reading headers only.

    File names and extensions do not matter; a DICOMDIR is not needed and not followed, because
    the files themselves say what they are. Series are grouped by Series Instance UID wherever
    their files lie. Links to folders are followed once.

    Raises
    ------
    EmptyFolder
        If the folder is missing or holds no file.
    """
    groups: dict[str, list[tuple[Path, Dataset]]] = {}
    references: list[ReferenceFile] = []
    problems: list[tuple[Path, DataError]] = []
    strangers: list[tuple[Path, str]] = []
    headless: list[tuple[Path, str, str]] = []
    other = total = 0
    for path in _files(folder):
        total += 1
        which = f"file {total} of the folder, in the order of names"
        try:
            if not has_dicom_content(path):
                if path.suffix.casefold() == ".dcm":
                    raise _not_dicom(where, which, path)
                strangers.append((path, which))
                continue
            header = open_dicom(path, where, which=which, header_only=True, tags=_HEADER)
            kind = text(header, "SOPClassUID") or text(header.file_meta, "MediaStorageSOPClassUID")
            if not kind:
                raise _not_dicom(where, which, path)
        except DataError as error:
            problems.append((path, error))
            continue
        except OSError as error:
            problems.append((path, _unreadable(where, which, error)))
            continue
        if kind in _SEG_CLASSES:
            references.append(_reference(path, header, "dicom-seg"))
        elif kind == _RTSTRUCT_CLASS:
            references.append(_reference(path, header, "dicom-rtstruct"))
        elif kind.startswith(_SR_CLASSES):
            references.append(_reference(path, header, "dicom-sr"))
        elif number(header, "Rows") is None and "Image Storage" in UID(kind).name:
            headless.append((path, which, text(header, "SeriesInstanceUID")))
        elif number(header, "Rows") is None or kind.startswith((_DICOMDIR_CLASS, _RT_CLASSES)):
            other += 1
        elif not text(header, "SeriesInstanceUID"):
            problems.append((path, _no_series(where, which)))
        else:
            groups.setdefault(text(header, "SeriesInstanceUID"), []).append((path, header))
    # objects of a series of their own that never held pixels are no image's loss
    cut = [(p, which) for p, which, uid in headless if not uid or uid in groups]
    other += len(headless) - len(cut)
    problems += [(path, _cut_off(where, which, path)) for path, which in cut]
    lost = _like_slices(strangers, [path for group in groups.values() for path, _ in group])
    problems += [(path, _not_dicom(where, which, path)) for path, which in lost]
    if total == 0:
        raise EmptyFolder(
            "the folder is missing or holds no file",
            where=where,
            mend="put the DICOM files there, or correct the path",
        )
    return DicomScan(
        series=tuple(_series(group) for group in groups.values()),
        references=tuple(references),
        problems=tuple(problems),
        ignored=len(strangers) - len(lost),
        other_objects=other,
    )


def scan_series(folder: Path, where: str = "the data folder") -> list[SeriesFiles]:
    """The image series under a folder; :func:`scan_folder` also tells everything else."""
    return list(scan_folder(folder, where).series)


def _files(folder: Path) -> Iterator[Path]:
    """Every file in the order of names; hidden ones (``.DS_Store``, ``._x``) are left out."""
    seen: set[tuple[int, int]] = set()
    for here, folders, names in os.walk(folder, followlinks=True):
        status = Path(here).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and _may_be_file(Path(here) / name):
                yield Path(here) / name


def _may_be_file(path: Path) -> bool:
    try:
        if path.is_file():
            return True
        # a link that leads nowhere may stand for a slice: reading it will say so
        return path.is_symlink() and not path.is_dir()
    except OSError:
        return True


def _like_slices(strangers: list[tuple[Path, str]], images: list[Path]) -> list[tuple[Path, str]]:
    """Files without DICOM content that are named as the images beside them: lost slices."""
    patterns = {(path.parent, _pattern(path)) for path in images}
    return [(p, which) for p, which in strangers if (p.parent, _pattern(p)) in patterns]


def _pattern(path: Path) -> str:
    return re.sub(r"\d+", "#", path.name)


def _identifiers(header: Dataset) -> dict[str, object]:
    return {
        "modality": text(header, "Modality"),
        "study_uid": text(header, "StudyInstanceUID"),
        "series_uid": text(header, "SeriesInstanceUID"),
        "frame_of_reference_uid": text(header, "FrameOfReferenceUID"),
        "patient_id": text(header, "PatientID"),
        "tokens": identity_tokens(header),
    }


def _series(group: list[tuple[Path, Dataset]]) -> SeriesFiles:
    identifiers = _identifiers(group[0][1])
    # SOP Instance UIDs differ from file to file; each may be part of a file's name.
    identifiers["tokens"] = frozenset().union(*(identity_tokens(header) for _, header in group))
    return SeriesFiles(
        files=tuple(path for path, _ in group),
        images=sum(int(number(header, "NumberOfFrames") or 1) for _, header in group),
        role=_role([header for _, header in group]),
        **identifiers,  # type: ignore[arg-type]
    )


def _role(headers: list[Dataset]) -> SeriesRole:
    if all("LOCALIZER" in text(header, "ImageType").upper().split("\\") for header in headers):
        return "localizer"
    placed = ("ImagePositionPatient", "SharedFunctionalGroupsSequence")
    if not any(keyword in header for header in headers for keyword in placed):
        return "picture"
    return "volume"


def _reference(path: Path, header: Dataset, kind: ReferenceKind) -> ReferenceFile:
    nested = [header]
    for outer in items(header, "ReferencedFrameOfReferenceSequence"):
        for study in items(outer, "RTReferencedStudySequence"):
            nested += items(study, "RTReferencedSeriesSequence")
    for study in items(header, "CurrentRequestedProcedureEvidenceSequence"):
        nested += items(study, "ReferencedSeriesSequence")
    nested += items(header, "ReferencedSeriesSequence")
    refers_to = frozenset(text(item, "SeriesInstanceUID") for item in nested[1:]) - {""}
    identifiers = _identifiers(header)
    if not identifiers["frame_of_reference_uid"]:
        for outer in items(header, "ReferencedFrameOfReferenceSequence"):
            identifiers["frame_of_reference_uid"] = text(outer, "FrameOfReferenceUID")
    return ReferenceFile(
        kind=kind,
        path=path,
        refers_to=refers_to,
        **identifiers,  # type: ignore[arg-type]
    )


def _not_dicom(where: str, which: str, path: Path) -> DataError:
    from limen.data.errors import UnreadableFile

    return UnreadableFile(
        f"{which} is not a DICOM file" + (", in spite of its ending" if path.suffix else ""),
        where=where,
        found=f"{path.stat().st_size} bytes, no object class",
        mend="export it again from the archive, or remove it",
    )


def _cut_off(where: str, which: str, path: Path) -> DataError:
    from limen.data.errors import UnreadableFile

    return UnreadableFile(
        f"{which} is truncated: it names an image and holds none",
        where=where,
        found=f"{path.stat().st_size} bytes",
        mend="copy it again, or export it again from the archive",
    )


def _unreadable(where: str, which: str, error: OSError) -> DataError:
    from limen.data.errors import UnreadableFile

    return UnreadableFile(
        f"{which} cannot be read",
        where=where,
        found=error.strerror,
        mend="check its rights and, if it is a link, what it leads to",
    )


def _no_series(where: str, which: str) -> DataError:
    from limen.data.errors import BrokenSeries

    return BrokenSeries(
        f"{which} is an image without Series Instance UID",
        where=where,
        mend="export it again from the archive",
    )
