"""From a declared folder to cases, without reading a voxel.

A layout is recognised in this order: a manifest; ``images/`` beside ``references/``; a folder for
each case; a folder of DICOM files. What cannot be told from names or headers is a problem of
that case, never a guess.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from limen.data.case import (
    AmbiguousCase,
    Case,
    CaseProblem,
    CaseSet,
    NoImage,
    NoPrediction,
    NoReference,
    Source,
)
from limen.data.errors import DataError, EmptyFolder
from limen.data.identity import Pseudonyms, safe_name
from limen.data.naming import (
    assumption_notes,
    bare,
    case_id,
    channel,
    patient_of_name,
    role,
    stem,
    volume_kind,
)

if TYPE_CHECKING:
    from limen.data.dicom_scan import DicomScan, ReferenceFile, SeriesFiles
    from limen.product.declaration import Dataset

__all__ = [
    "AmbiguousCase",
    "CaseProblem",
    "CaseSet",
    "NoReference",
    "attach_predictions",
    "find_cases",
]

_IMAGE_FOLDERS = ("images", "imagesTr", "imagesTs")
_REFERENCE_FOLDERS = ("references", "labels", "masks", "segmentations", "labelsTr", "labelsTs")
_NOT_IMAGES = (
    ".csv", ".parquet", ".json", ".yaml", ".yml", ".txt", ".md", ".pdf", ".xlsx", ".tsv",
    ".png", ".jpg", ".jpeg", ".py", ".log", ".zip", ".xml", ".html",
)  # fmt: skip


def find_cases(dataset: Dataset, root: Path, pseudonyms: Pseudonyms) -> CaseSet:
    """The cases of a declared data set.

    Parameters
    ----------
    dataset : product.Dataset
        Its ``path`` (a folder or a manifest), or its ``images`` and ``references``.
    root : Path
        The product's folder; relative paths start there.
    pseudonyms : Pseudonyms
        Patients, and names that may identify one, are replaced by these.

    Returns
    -------
    CaseSet
        Sorted by case id. A case with a missing or ambiguous file is among the problems.

    Raises
    ------
    EmptyFolder
        Nothing there that Limen reads.
    ManifestError
        The manifest as a whole is wrong.
    AmbiguousCase
        The folder can be understood in two ways.
    """
    where = f"data set {dataset.name}"
    if dataset.path is None:
        images = root / (dataset.images or "")
        references = root / dataset.references if dataset.references else None
        if dataset.images is None:
            raise DataError("neither path nor images is declared", where=where)
        found = _paired(images, references, dataset.name, pseudonyms)
    else:
        found = _in_folder(root / dataset.path, dataset.name, pseudonyms)
    if not found.cases and not found.problems:
        raise _empty(where)
    found.cases.sort(key=lambda case: case.id)
    found.problems.sort(key=lambda problem: problem.case)
    return found


def attach_predictions(cases: CaseSet, folder: Path) -> CaseSet:
    """The same cases, each with its label map from a folder of predictions.

    A prediction belongs to the case whose id or image name it carries (``_pred`` and the like do
    not count), or, as DICOM, to the series it refers to. A case without one becomes a problem.

    Raises
    ------
    EmptyFolder
        The folder is missing or holds no label map.
    """
    items = _items(folder, "the folder of predictions")
    if not items:
        raise EmptyFolder(
            "there is no prediction in the folder of predictions",
            where=safe_name(folder.name, ()),
            mend="put one label map a case there (CASE.nii.gz), or correct model.predictions",
        )
    found = replace(cases, cases=[], problems=list(cases.problems), notes=list(cases.notes))
    matched = _matches(
        items,
        {
            case.id: ([case.id, cases.names.get(case.id, case.id)], cases.series.get(case.id))
            for case in cases.cases
            if case.prediction is None
        },
    )
    claims = _counted(item for matches in matched.values() for item in matches)
    for case in cases.cases:
        if case.prediction is not None:
            found.cases.append(case)
            continue
        matches = matched[case.id]
        one = len(matches) == 1 and claims[matches[0]] == 1
        if one and matches[0].source.kind != "dicom-series":
            found.cases.append(replace(case, prediction=matches[0].source))
            continue
        error = (
            NoPrediction(
                "the case has no prediction",
                where=case.id,
                mend=f"put {case.id}.nii.gz into the folder of predictions",
            )
            if not matches
            else AmbiguousCase(
                f"{len(matches)} predictions could be this case's, or it is an image or another "
                "case's as well",
                where=case.id,
                mend=f"leave one label map a case, named {case.id}.nii.gz",
            )
        )
        found.problems.append(CaseProblem(case.id, error))
    spare = len(items) - len(claims)
    if spare:
        found.notes.append(f"{spare} predictions belong to no case")
    return found


# --- one layout each --------------------------------------------------------------------------


def _in_folder(path: Path, dataset: str, pseudonyms: Pseudonyms) -> CaseSet:
    from limen.data.manifest import MANIFEST_SUFFIXES, cases_of_manifest

    where = f"data set {dataset}"
    if path.is_file():
        if path.suffix.lower() not in MANIFEST_SUFFIXES:
            raise DataError(
                "path is a file that is no manifest",
                where=where,
                mend="name a folder, a .csv or a .parquet file",
            )
        return cases_of_manifest(path, dataset, pseudonyms)
    if not path.is_dir():
        raise _empty(where)
    manifests = [path / f"cases{end}" for end in MANIFEST_SUFFIXES]
    manifests = [m for m in manifests if m.exists()]
    if len(manifests) > 1:
        raise _two_ways(where, "cases.csv and cases.parquet", "remove one, or name it as path")
    if manifests:
        return cases_of_manifest(manifests[0], dataset, pseudonyms)
    images = [path / name for name in _IMAGE_FOLDERS if (path / name).is_dir()]
    references = [path / name for name in _REFERENCE_FOLDERS if (path / name).is_dir()]
    if images:
        if len(images) > 1 or len(references) > 1:
            names = ", ".join(p.name for p in (images if len(images) > 1 else references))
            raise _two_ways(where, names, "declare `images:` and `references:` instead of path")
        return _paired(images[0], references[0] if references else None, dataset, pseudonyms)
    folders = sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))
    if any(_has_volume(f) for f in folders):
        return _folder_per_case(folders, dataset, pseudonyms)
    if any(volume_kind(p) for p in path.iterdir() if _is_file(p)):
        raise DataError(
            "the folder holds volumes side by side, and nothing says which are images",
            where=where,
            mend="put them into images/ and references/, or list them in cases.csv",
        )
    if not _may_hold_dicom(path):
        raise _empty(where)
    return _dicom_dump(path, dataset, pseudonyms)


def _paired(images: Path, references: Path | None, dataset: str, pseudonyms: Pseudonyms) -> CaseSet:
    """A folder of images and one of references, matched by name or by DICOM reference."""
    where = f"data set {dataset}"
    build = _Builder(dataset, pseudonyms, "a folder of images and a folder of references")
    candidates = _items(images, where, build)
    if not candidates:
        raise _empty(f"{where}, images")
    marks = [] if references is None else _items(references, where, build)
    # SEG and RTSTRUCT objects may lie beside the images they were drawn on.
    marks += [item for item in candidates if item.refers is not None]
    candidates = [item for item in candidates if item.refers is None]
    marks = [item for item in marks if item.series is None]
    if references is not None and not marks:
        raise _empty(f"{where}, references")
    if references is None and not marks:
        build.found.notes.append("no references: these cases cannot be evaluated")
    groups = _by_case(candidates, {mark.name for mark in marks})
    matched = _matches(marks, {n: ([n], same[0].series) for n, same in groups.items()})
    claims = _counted([m for matches in matched.values() for m in matches])
    for name, same in groups.items():
        matches = matched[name]
        shared = any(claims[m] > 1 and m.refers is None for m in matches)
        build.add(name, same, matches, reference_expected=bool(marks), shared=shared)
    for mark in marks:
        if mark not in claims:
            build.unused_reference(mark)
    return build.done()


def _folder_per_case(folders: list[Path], dataset: str, pseudonyms: Pseudonyms) -> CaseSet:
    """Each folder is a case; inside, names tell image, reference and prediction."""
    build = _Builder(dataset, pseudonyms, "a folder for each case")
    for folder in folders:
        items = _items(folder, f"data set {dataset}", build)
        if not items:
            build.found.notes.append("a folder without anything that Limen reads was passed over")
            continue
        roles = {id(item): item.role() for item in items}
        marks = [item for item in items if roles[id(item)] == "reference"]
        predictions = [item for item in items if roles[id(item)] == "prediction"]
        images = [item for item in items if roles[id(item)] == "image"]
        rest = [item for item in items if roles[id(item)] is None]
        images = images or rest
        prediction = predictions[0].source if len(predictions) == 1 else None
        build.add(folder.name, images, marks, reference_expected=True, prediction=prediction)
    return build.done()


def _dicom_dump(path: Path, dataset: str, pseudonyms: Pseudonyms) -> CaseSet:
    """Every CT, MR or OCT series is a case; SEG and RTSTRUCT are bound by what they refer to."""
    build = _Builder(dataset, pseudonyms, "a folder of DICOM series")
    items = _items(path, f"data set {dataset}", build)
    marks = [item for item in items if item.refers is not None]
    series = [item for item in items if item.series is not None]
    wanted = [
        s for s in series if s.series is not None and s.series.modality in ("CT", "MR", "OPT")
    ]
    if len(wanted) < len(series):
        build.found.notes.append(
            f"{len(series) - len(wanted)} series that are not CT, MR or OCT were passed over"
        )
    used: set[_Item] = set()
    for item in wanted:
        matches = [
            m for m in marks if m.refers and item.series and m.refers.belongs_to(item.series)
        ]
        used.update(matches)
        build.add(item.name, [item], matches, reference_expected=bool(marks))
    for mark in marks:
        if mark not in used:
            build.unused_reference(mark)
    if not marks:
        build.found.notes.append("no references: these cases cannot be evaluated")
    return build.done()


# --- what lies in a folder --------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Item:
    """A volume file, a DICOM series, or a DICOM reference, with the name to match it by."""

    name: str
    source: Source
    series: SeriesFiles | None = None
    refers: ReferenceFile | None = None

    def role(self) -> str | None:
        if self.refers is not None:
            return "reference"
        if self.series is not None:
            return "image"
        return role(stem(self.source.files[0]))


def _items(folder: Path, where: str, build: _Builder | None = None) -> list[_Item]:
    """Everything under a folder that Limen reads; DICOM headers are read if there may be any."""
    if not folder.is_dir():
        return []
    volumes = [
        p
        for p in sorted(folder.rglob("*"))
        if _is_file(p)
        and volume_kind(p)
        and not any(x.startswith(".") for x in p.relative_to(folder).parts)
    ]
    alone = _counted([p.parent for p in volumes])
    items = []
    for path in volumes:
        kind = volume_kind(path)
        assert kind is not None
        inside = path.parent.relative_to(folder).as_posix()
        name = stem(path)
        if inside != ".":
            # one file in a folder of its own: the folder's name is the case's
            name = inside if alone[path.parent] == 1 else f"{inside}/{name}"
        items.append(_Item(name, Source(kind, (path,))))
    if _may_hold_dicom(folder):
        items += _dicom_items(folder, where, build)
    return items


def _dicom_items(folder: Path, where: str, build: _Builder | None) -> list[_Item]:
    from limen.data.dicom_series import scan_folder

    scan: DicomScan = scan_folder(folder, where)
    names = [_relative(s.folder, folder) for s in scan.series]
    often = _counted(names)
    items = []
    for series, name in zip(scan.series, names, strict=True):
        single = stem(series.files[0]) if len(series.files) == 1 else series.series_uid
        own = name if name and often[name] == 1 else single
        items.append(_Item(own, Source("dicom-series", series.files), series=series))
    for mark in scan.references:
        if mark.kind == "dicom-sr":
            continue
        inside = _relative(mark.path.parent, folder)
        items.append(_Item(inside or stem(mark.path), Source(mark.kind, (mark.path,)), refers=mark))
    if build is not None:
        for path, error in scan.problems:
            build.broken_file(path, error)
    return items


def _is_file(path: Path) -> bool:
    """Whether it is a file; a link to a name that is too long is none, and no failure."""
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises on such a link


def _relative(path: Path, folder: Path) -> str:
    inside = path.relative_to(folder).as_posix()
    return "" if inside == "." else inside


def _counted(names: Iterable[object]) -> dict[object, int]:
    from collections import Counter

    return dict(Counter[object](names))


def _may_hold_dicom(folder: Path) -> bool:
    return any(
        _is_file(p)
        and not p.name.startswith(".")
        and volume_kind(p) is None
        and p.suffix.lower() not in _NOT_IMAGES
        for p in folder.rglob("*")
    )


def _has_volume(folder: Path) -> bool:
    return any(volume_kind(p) for p in folder.rglob("*") if _is_file(p))


def _by_case(items: list[_Item], references: set[str]) -> dict[str, list[_Item]]:
    """Items by case name; nnU-Net's channel number is no part of it."""
    groups: dict[str, list[_Item]] = {}
    stems = {item.name for item in items}
    # Where a reference carries the number too, it numbers cases (case_0000, case_0001 ...).
    numbered = {base for base, n in (channel(bare(r)) for r in references) if n is not None}
    for item in items:
        base, number = channel(item.name)
        # `scan_0001` alone is a numbered case, beside `scan_0000` it is a channel.
        is_channel = number == 0 or (number is not None and f"{base}_0000" in stems)
        is_channel = is_channel and channel(bare(item.name))[0] not in numbered
        groups.setdefault(base if is_channel else item.name, []).append(item)
    return groups


def _matches(
    items: list[_Item], cases: dict[str, tuple[list[str], SeriesFiles | None]]
) -> dict[str, list[_Item]]:
    """Items that belong to each case: by DICOM reference, by the same name, by the bare name.

    ``cases`` are given by a key of the caller's, with the names and the series of each. What
    belongs to a case by its reference or its whole name is no other's by the bare name.
    """
    drawn = [item for item in items if item.refers is not None]
    by_name: dict[str, list[_Item]] = {}
    for item in items:
        by_name.setdefault(_composed(item.name), []).append(item)
    found: dict[str, list[_Item]] = {}
    for key, (names, series) in cases.items():
        bound = [i for i in drawn if series and i.refers and i.refers.belongs_to(series)]
        whole = {_composed(name) for name in names}
        found[key] = bound or [item for name in whole for item in by_name.get(name, [])]
    taken = {item for matches in found.values() for item in matches}
    by_bare: dict[str, list[_Item]] = {}
    for name, same in by_name.items():
        by_bare.setdefault(bare(name), []).extend(item for item in same if item not in taken)
    for key, (names, _) in cases.items():
        if not found[key]:
            wanted = {bare(_composed(name)) for name in names}
            found[key] = [item for name in wanted for item in by_bare.get(name, [])]
    return found


def _composed(name: str) -> str:
    """macOS writes an accent or a Hangul syllable in pieces, other systems in one."""
    return unicodedata.normalize("NFC", name)


# --- making cases -----------------------------------------------------------------------------


@dataclass
class _Builder:
    """Cases as they are made, with what was assumed on the way."""

    dataset: str
    pseudonyms: Pseudonyms
    layout: str
    found: CaseSet = field(default_factory=CaseSet)
    assumed: list[Case] = field(default_factory=list)
    hidden: int = 0
    taken: set[str] = field(default_factory=set)

    def add(
        self,
        name: str,
        images: list[_Item],
        references: list[_Item],
        *,
        reference_expected: bool,
        prediction: Source | None = None,
        shared: bool = False,
    ) -> None:
        """``shared``: another case has the same claim to the reference."""
        series = next((i.series for i in images if i.series is not None), None)
        ident = self._id(name, series)
        error = _why_not(ident, images, references, reference_expected, shared)
        if error is not None:
            self.found.problems.append(CaseProblem(ident, error))
            return
        attributes: dict[str, str | float | int | bool] = {}
        if series is not None:
            from limen.data.dicom_series import series_attributes

            patient, known = series.patient(self.pseudonyms)
            try:
                attributes = series_attributes(series.files, ident)
            except DataError as broken:
                self.found.problems.append(CaseProblem(ident, broken))
                return
        else:
            patient, known = patient_of_name(name, self.dataset, self.pseudonyms)
        reference = references[0].source if references else None
        case = Case(ident, patient, images[0].source, reference, prediction, attributes)
        self.found.cases.append(case)
        self.found.names[ident] = name
        if series is not None:
            self.found.series[ident] = series
        if not known:
            self.assumed.append(case)

    def unused_reference(self, item: _Item) -> None:
        ident = self._id(item.name, item.refers)
        error = NoImage(
            "a reference has no image",
            where=ident,
            mend="add the image under the same name, or remove the reference",
        )
        self.found.problems.append(CaseProblem(ident, error))

    def broken_file(self, path: Path, error: DataError) -> None:
        self.found.problems.append(CaseProblem(self._id(stem(path), None), error))

    def done(self) -> CaseSet:
        self.found.layout = self.layout
        self.found.notes += assumption_notes(self.assumed, self.hidden)
        return self.found

    def _id(self, name: str, found: SeriesFiles | ReferenceFile | None) -> str:
        tokens = found.tokens if found is not None else frozenset[str]()
        ident = case_id(name, self.pseudonyms, tokens)
        again = 0
        while ident in self.taken:
            # from the name alone, so that a case added later renames no other
            again += 1
            ident = self.pseudonyms.series(f"name {again}\0{name}")
        self.taken.add(ident)
        self.hidden += ident.startswith("C-")
        return ident


def _why_not(
    ident: str,
    images: list[_Item],
    references: list[_Item],
    reference_expected: bool,
    shared: bool,
) -> DataError | None:
    if len(images) != 1:
        if not images:
            return NoImage("the case has no image", where=ident, mend="add it, or remove the case")
        channels = {channel(i.name)[1] for i in images}
        if len(channels) == len(images) and None not in channels:
            return AmbiguousCase(
                f"the image has {len(images)} channels, and Limen reads one image a case",
                where=ident,
                mend="leave the channel that the model uses",
            )
        return AmbiguousCase(
            f"{len(images)} files could be the image",
            where=ident,
            mend="leave one, name it image*, or list the cases in cases.csv",
        )
    if len(references) > 1:
        return AmbiguousCase(
            f"{len(references)} references for one image",
            where=ident,
            mend="leave one, or name it in cases.csv",
        )
    if shared:
        return AmbiguousCase(
            "its reference could be another image's as well",
            where=ident,
            mend="name the reference exactly as its image, or list the cases in cases.csv",
        )
    if not references and reference_expected:
        return NoReference(
            "the case has no reference, so nothing can be measured on it",
            where=ident,
            mend="add its reference under the image's name, or take the image out",
        )
    return None


def _empty(where: str) -> EmptyFolder:
    return EmptyFolder(
        "the folder is missing or holds nothing that Limen reads",
        where=where,
        mend="put NIfTI, NRRD or DICOM files there, or correct the path",
    )


def _two_ways(where: str, found: str, mend: str) -> AmbiguousCase:
    return AmbiguousCase(
        "the folder can be understood in two ways", where=where, found=found, mend=mend
    )
