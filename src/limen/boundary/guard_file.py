"""A guard on disk: one file of its numbers, and the digests of all files of its release."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limen.boundary.guard_calibration import GuardError

if TYPE_CHECKING:
    from limen.boundary.guard import Guard
    from limen.data import Volume

BOUNDARY_FILE = "boundary.json"
"""The machine-readable boundary; the guard is a part of it."""
HOME = "boundary"
"""Folder of it in a product's or a release's."""
DIGESTS_FILE = "digests.json"
"""SHA-256 of every file of the release, by its path from the folder of this one."""


def load_guard(folder: Path) -> Guard:
    """See `limen.boundary.guard.Guard.load`."""
    from limen.boundary.guard import Guard

    home = folder / HOME if (folder / HOME / BOUNDARY_FILE).is_file() else folder
    if not (home / BOUNDARY_FILE).is_file():
        raise GuardError(
            "there is no boundary here, so there is nothing to guard",
            where=str(folder),
            mend="give a release's folder, or make the product's boundary with `limen run`",
        )
    listed = check_digests(home)
    if BOUNDARY_FILE not in listed:
        raise _altered(DIGESTS_FILE, "it does not list the boundary")
    if home != folder and any((folder / name).exists() for name in (DIGESTS_FILE, "release.json")):
        check_digests(folder)  # a whole release: model, criteria, signatures
    try:
        kept = json.loads((home / BOUNDARY_FILE).read_bytes())
        return Guard.from_dict(kept["guard"])
    except (ValueError, KeyError, TypeError) as error:
        raise GuardError(
            "the boundary file holds no guard that can be read",
            where=BOUNDARY_FILE,
            found=type(error).__name__,
            mend="make it again with `limen run`",
        ) from None


def check_digests(home: Path) -> Mapping[str, str]:
    """The files that a folder lists with their digests, each checked.

    Raises
    ------
    GuardError
        When one is missing or was altered, or the list is.
    """
    listed = _listed(home / DIGESTS_FILE)
    for name, digest in listed.items():
        path = home / name
        if not path.is_file():
            raise _altered(name, "it is not there")
        with path.open("rb") as f:
            found = hashlib.file_digest(f, "sha256").hexdigest()
        if found != digest:
            raise _altered(name, f"SHA-256 {found[:16]}..., listed {str(digest)[:16]}...")
    return listed


def _listed(path: Path) -> Mapping[str, str]:
    if not path.is_file():
        raise _altered(path.name, "it is not there")
    try:
        listed = json.loads(path.read_bytes())["sha256"]
    except (ValueError, KeyError, TypeError):
        raise _altered(path.name, "it cannot be read") from None
    if not isinstance(listed, dict) or not all(isinstance(v, str) for v in listed.values()):
        raise _altered(path.name, "it cannot be read")
    return listed


def _altered(name: str, found: str) -> GuardError:
    return GuardError(
        "a file of the release is not what was released",
        where=name,
        found=found,
        mend="take the release from where it was signed; the guard loads no altered one",
    )


def digests_of(home: Path, names: list[str]) -> bytes:
    """The content of `DIGESTS_FILE` for files, by their paths from ``home``."""
    listed = {n: hashlib.sha256((home / n).read_bytes()).hexdigest() for n in sorted(names)}
    return (json.dumps({"sha256": listed}, indent=1) + "\n").encode()


def read_any(path: Path) -> tuple[Volume, dict[str, Any]]:
    """An image and what its header states, from whatever holds it.

    Raises
    ------
    DataError
        When it cannot be read, or a folder holds more than one series.
    """
    from limen.data import DataError, read_nifti, read_nrrd
    from limen.data.dicom_identity import series_attributes
    from limen.data.dicom_scan import scan_folder
    from limen.data.dicom_series import read_series
    from limen.data.naming import volume_kind

    if path.is_dir():
        series = [s for s in scan_folder(path, "the image's folder").series if s.role == "volume"]
        if len(series) != 1:
            raise DataError(
                "a folder must hold one series of images with a place in the patient",
                where="the image's folder",
                found=f"{len(series)} series",
                mend="give each series' folder on its own",
            )
        files = series[0].files
        return read_series(files, "image"), series_attributes(files, "image")
    if not path.is_file():
        raise DataError("there is no such image", where="image", mend="correct its path")
    kind = volume_kind(path)
    if kind == "nifti":
        return read_nifti(path, "image"), {}
    if kind == "nrrd":
        return read_nrrd(path, "image"), {}
    return read_series((path,), "image"), series_attributes((path,), "image")
