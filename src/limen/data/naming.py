"""What the names of files and folders tell: kind, stem, role, patient; and which may be shown."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from limen.data.case import Case, SourceKind
from limen.data.identity import Pseudonyms, safe_name

VOLUME_SUFFIXES: dict[str, SourceKind] = {".nii.gz": "nifti", ".nii": "nifti", ".nrrd": "nrrd"}

_REFERENCE_WORDS = frozenset(
    [
        "reference",
        "references",
        "ref",
        "mask",
        "masks",
        "seg",
        "segmentation",
        "segmentations",
        "label",
        "labels",
        "gt",
        "truth",
        "annotation",
        "contour",
        "contours",
        "rtstruct",
        "rtss",
    ]
)
_PREDICTION_WORDS = frozenset(["prediction", "predictions", "pred", "preds", "output"])
_IMAGE_WORDS = frozenset(
    ["image", "images", "img", "ct", "mr", "mri", "oct", "volume", "vol", "scan"]
)
_SEPARATORS = r"[_\-. ]+"
_CHANNEL = re.compile(r"_(\d{4})$")
# A name that says "subject" or "patient" before its number states the patient; BIDS does.
_PATIENT = re.compile(
    r"(?:sub|subj|subject|pat|patient)(?:[-_ ][a-z0-9]+|\d[a-z0-9]*)(?=$|[-_ .])", re.IGNORECASE
)


def volume_kind(path: Path) -> SourceKind | None:
    """``nifti`` or ``nrrd`` by the ending of a file's name, else None."""
    name = path.name.lower()
    return next((kind for end, kind in VOLUME_SUFFIXES.items() if name.endswith(end)), None)


def stem(path: Path) -> str:
    """File name without ``.nii.gz``, ``.nii``, ``.nrrd``, ``.dcm``; a folder's name as it is."""
    for end in (*VOLUME_SUFFIXES, ".seg", ".dcm"):
        if path.name.lower().endswith(end):
            return stem(Path(path.name[: -len(end)])) if len(path.name) > len(end) else path.name
    return path.name


def channel(name: str) -> tuple[str, int | None]:
    """nnU-Net's ``case_0000`` as (``case``, 0); any other name as (name, None)."""
    found = _CHANNEL.search(name)
    return (name[: found.start()], int(found[1])) if found else (name, None)


def without_roles(name: str) -> str:
    """A name without the words at its ends that only tell its role: ``case1`` of ``case1_ct``."""
    parts = re.split(f"({_SEPARATORS})", name)
    roles = _REFERENCE_WORDS | _PREDICTION_WORDS | _IMAGE_WORDS
    while len(parts) > 1 and parts[-1].lower() in roles:
        del parts[-2:]
    while len(parts) > 1 and parts[0].lower() in roles:
        del parts[:2]
    return "".join(parts)


def bare(name: str) -> str:
    """:func:`without_roles` in lower case, its parts joined by ``_``.

    ``case1_ct`` and ``Case1-seg`` are both ``case1``.
    """
    return "_".join(re.split(_SEPARATORS, without_roles(name).lower()))


def role(name: str) -> str | None:
    """``reference``, ``prediction`` or ``image`` by the words in a name, else None."""
    words = {w.rstrip("0123456789") for w in re.split(_SEPARATORS, name.lower())}
    if words & _PREDICTION_WORDS:
        return "prediction"
    if words & _REFERENCE_WORDS:
        return "reference"
    return "image" if words & _IMAGE_WORDS else None


def stated_patient(name: str) -> str | None:
    """``sub-01`` of ``sub-01_ses-2``, ``patient12`` of ``patient12_ct``; None if not stated."""
    found = _PATIENT.match(name)
    if found is None or not any(c.isdigit() for c in found[0]):
        return None
    return found[0]


def case_id(name: str, pseudonyms: Pseudonyms, tokens: Iterable[str] = ()) -> str:
    """The name itself where it may be shown, else a pseudonym."""
    # the prefix, because a file may be named by a blank, which no identifier may be
    return safe_name(name.replace("/", "_"), tokens) or pseudonyms.series(f"name\0{name}")


def patient_of_name(name: str, dataset: str, pseudonyms: Pseudonyms) -> tuple[str, bool]:
    """Pseudonym of the patient a file name states, and whether it states one.

    Where it does not, the case counts as a patient of its own in its data set: ``case_001`` of
    two data sets are most likely two people.
    """
    stated = stated_patient(name)
    if stated is not None:
        return pseudonyms.patient(stated.lower()), True
    return pseudonyms.patient(f"{dataset}\0{name}"), False


def assumption_notes(assumed: list[Case], hidden: int) -> list[str]:
    """What was assumed about patients and which names are withheld, in words."""
    notes = []
    if assumed:
        notes.append(
            f"patient not stated: every case counted as a patient of its own ({len(assumed)} "
            "cases); cases.csv with columns case, patient, image, reference states them"
        )
    if hidden:
        notes.append(
            f"{hidden} file names are not shown because they may identify patients; cases.csv "
            "can give each case an id"
        )
    return notes
