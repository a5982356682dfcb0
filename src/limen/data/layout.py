"""From a declared folder to cases, without reading a voxel.

A layout is recognised in this order: a manifest; ``images/`` beside ``references/``; a folder for
each case; a folder of DICOM files. What cannot be told from names or headers is a problem of
that case, never a guess.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from limen.data.building import CaseBuilder
from limen.data.case import (
    AmbiguousCase,
    CaseProblem,
    CaseSet,
    NoPrediction,
    NoReference,
)
from limen.data.errors import DataError, EmptyFolder
from limen.data.identity import Pseudonyms, safe_name
from limen.data.items import Item, counted, has_volume, is_file, items_in, may_hold_dicom
from limen.data.matching import by_case, matches_of, roles_side_by_side
from limen.data.naming import (
    volume_kind,
)

if TYPE_CHECKING:
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


_OTHER_KINDS = frozenset(
    [".mha", ".mhd", ".img", ".hdr", ".mgz", ".mgh", ".npy", ".npz", ".h5", ".mat", ".png", ".tif"]
)


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
        raise _empty(where, None)
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
    if cases.cases and all(case.prediction is not None for case in cases.cases):
        return cases  # each was found beside its image, or is named in the manifest
    items = items_in(folder, "the folder of predictions")
    if not items:
        raise EmptyFolder(
            "there is no prediction in the folder of predictions",
            where=safe_name(folder.name, ()),
            found=_what_is_there(folder),
            mend="put one label map a case there (CASE.nii.gz), or correct model.predictions",
        )
    found = replace(cases, cases=[], problems=list(cases.problems), notes=list(cases.notes))
    matched = matches_of(
        items,
        {
            case.id: ([case.id, cases.names.get(case.id, case.id)], cases.series.get(case.id))
            for case in cases.cases
            if case.prediction is None
        },
    )
    claims = counted(item for matches in matched.values() for item in matches)
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
        raise _empty(where, path)
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
    if any(has_volume(f) for f in folders):
        return _folder_per_case(folders, dataset, pseudonyms)
    if any(volume_kind(p) for p in path.iterdir() if is_file(p)):
        return _side_by_side(path, dataset, pseudonyms)
    if not may_hold_dicom(path):
        raise _empty(where, path)
    return _dicom_dump(path, dataset, pseudonyms)


def _paired(images: Path, references: Path | None, dataset: str, pseudonyms: Pseudonyms) -> CaseSet:
    """A folder of images and one of references, matched by name or by DICOM reference."""
    where = f"data set {dataset}"
    build = CaseBuilder(dataset, pseudonyms, "a folder of images and a folder of references")
    candidates = items_in(images, where, build.broken_file)
    if not candidates:
        raise _empty(f"{where}, images", images)
    marks = [] if references is None else items_in(references, where, build.broken_file)
    # SEG and RTSTRUCT objects may lie beside the images they were drawn on.
    marks += [item for item in candidates if item.refers is not None]
    candidates = [item for item in candidates if item.refers is None]
    marks = [item for item in marks if item.series is None]
    if references is not None and not marks:
        raise _empty(f"{where}, references", references)
    if references is None and not marks:
        build.found.notes.append("no references: these cases cannot be evaluated")
    groups = by_case(candidates, {mark.name for mark in marks})
    matched = matches_of(marks, {n: ([n], same[0].series) for n, same in groups.items()})
    claims = counted([m for matches in matched.values() for m in matches])
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
    build = CaseBuilder(dataset, pseudonyms, "a folder for each case")
    for folder in folders:
        items = items_in(folder, f"data set {dataset}", build.broken_file)
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


def _side_by_side(path: Path, dataset: str, pseudonyms: Pseudonyms) -> CaseSet:
    """Images and references in one folder, told apart by a word or by nnU-Net's channel."""
    where = f"data set {dataset}"
    build = CaseBuilder(dataset, pseudonyms, "images and references side by side, by their names")
    items = items_in(path, where, build.broken_file)
    roles = roles_side_by_side(items)
    if all(role != "reference" for role, _ in roles.values()):
        raise DataError(
            "the folder holds volumes side by side, and nothing says which are images",
            where=where,
            found=f"{len(items)} volumes",
            mend="name the references CASE_seg or CASE_mask, or the images CASE_0000 as nnU-Net "
            "does; or put them into images/ and references/, or list them in cases.csv",
        )
    cases: dict[str, dict[str, list[Item]]] = {}
    for item, (role, case) in roles.items():
        cases.setdefault(case, {}).setdefault(role, []).append(item)
    for case, same in cases.items():
        marks, predictions = same.get("reference", []), same.get("prediction", [])
        prediction = predictions[0].source if len(predictions) == 1 else None
        if "image" in same:
            images = same["image"]
            build.add(case, images, marks, reference_expected=True, prediction=prediction)
        elif marks:
            build.unused_reference(marks[0])
    return build.done()


def _dicom_dump(path: Path, dataset: str, pseudonyms: Pseudonyms) -> CaseSet:
    """Every CT, MR or OCT series is a case; SEG and RTSTRUCT are bound by what they refer to."""
    build = CaseBuilder(dataset, pseudonyms, "a folder of DICOM series")
    items = items_in(path, f"data set {dataset}", build.broken_file)
    marks = [item for item in items if item.refers is not None]
    series = [item for item in items if item.series is not None]
    wanted = [
        s for s in series if s.series is not None and s.series.modality in ("CT", "MR", "OPT")
    ]
    if len(wanted) < len(series):
        build.found.notes.append(
            f"{len(series) - len(wanted)} series that are not CT, MR or OCT were passed over"
        )
    used: set[Item] = set()
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


def _empty(where: str, folder: Path | None) -> EmptyFolder:
    return EmptyFolder(
        "the folder is missing or holds nothing that Limen reads",
        where=where,
        found=None if folder is None else _what_is_there(folder),
        mend="put NIfTI, NRRD or DICOM files there, or correct the path",
    )


def _what_is_there(folder: Path) -> str:
    """In numbers and known endings, because names may identify patients."""
    if not folder.is_dir():
        return "a file, not a folder" if is_file(folder) else "no such folder"
    if not os.access(folder, os.R_OK | os.X_OK):
        return "a folder that may not be read"
    files = [p for p in folder.rglob("*") if is_file(p)]
    ends = sorted({p.suffix.lower() for p in files} & _OTHER_KINDS)
    kinds = f" ({', '.join(ends)}; convert them to NIfTI)" if ends else ""
    return f"{len(files)} files{kinds}" if files else "an empty folder"


def _two_ways(where: str, found: str, mend: str) -> AmbiguousCase:
    return AmbiguousCase(
        "the folder can be understood in two ways", where=where, found=found, mend=mend
    )
