"""Cases and what they are made of: readers, geometry, approvals, splits, leakage.

Whatever comes in (NIfTI, NRRD, DICOM series, SEG, RTSTRUCT, manifests, folders) becomes a ``Case``
with an image and labels on one grid, in LPS millimetres, under a pseudonym. Nothing that
identifies a patient leaves this room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from limen.data.approvals import (
        REACHES,
        Approval,
        ApprovalError,
        ApprovalKind,
        Reach,
        approval_problem,
        load_approval,
        origin_of,
        reach,
        reach_of,
        require_agreement,
    )
    from limen.data.case import Case, Source, SourceKind
    from limen.data.errors import (
        BadValues,
        BrokenSeries,
        DataError,
        EmptyFolder,
        GeometryMismatch,
        IdentityError,
        ManifestError,
        OverlappingLabels,
        SpacingMissing,
        UndeclaredLabel,
        UnreadableFile,
    )
    from limen.data.identity import Pseudonyms, load_or_make_salt
    from limen.data.inspect import Inspection, inspect_folders
    from limen.data.layout import (
        AmbiguousCase,
        CaseProblem,
        CaseSet,
        NoReference,
        attach_predictions,
        find_cases,
    )
    from limen.data.leakage import Fingerprint, Leak, find_leaks, fingerprint
    from limen.data.nifti import (
        OrientationMissing,
        decode_nifti,
        encode_nifti,
        read_nifti,
        write_nifti,
    )
    from limen.data.nrrd import read_nrrd
    from limen.data.read import read_image, read_labels
    from limen.data.resample import (
        labels_to_image_space,
        model_grid,
        scores_to_image_space,
        to_image_space,
        to_model_space,
    )
    from limen.data.splits import split_patients
    from limen.data.volume import Geometry, Volume, require_finite

_HOME = {
    "approvals": "REACHES Approval ApprovalError ApprovalKind Reach approval_problem "
    "load_approval origin_of reach reach_of require_agreement",
    "case": "Case Source SourceKind",
    "errors": "BadValues BrokenSeries DataError EmptyFolder GeometryMismatch IdentityError "
    "ManifestError OverlappingLabels SpacingMissing UndeclaredLabel UnreadableFile",
    "identity": "Pseudonyms load_or_make_salt",
    "inspect": "Inspection inspect_folders",
    "layout": "AmbiguousCase CaseProblem CaseSet NoReference attach_predictions find_cases",
    "leakage": "Fingerprint Leak find_leaks fingerprint",
    "nifti": "OrientationMissing decode_nifti encode_nifti read_nifti write_nifti",
    "nrrd": "read_nrrd",
    "read": "read_image read_labels",
    "resample": "labels_to_image_space model_grid scores_to_image_space to_image_space "
    "to_model_space",
    "splits": "split_patients",
    "volume": "Geometry Volume require_finite",
}
_FILE_OF = {name: file for file, names in _HOME.items() for name in names.split()}

__all__ = [
    "REACHES",
    "AmbiguousCase",
    "Approval",
    "ApprovalError",
    "ApprovalKind",
    "BadValues",
    "BrokenSeries",
    "Case",
    "CaseProblem",
    "CaseSet",
    "DataError",
    "EmptyFolder",
    "Fingerprint",
    "Geometry",
    "GeometryMismatch",
    "IdentityError",
    "Inspection",
    "Leak",
    "ManifestError",
    "NoReference",
    "OrientationMissing",
    "OverlappingLabels",
    "Pseudonyms",
    "Reach",
    "Source",
    "SourceKind",
    "SpacingMissing",
    "UndeclaredLabel",
    "UnreadableFile",
    "Volume",
    "approval_problem",
    "attach_predictions",
    "decode_nifti",
    "encode_nifti",
    "find_cases",
    "find_leaks",
    "fingerprint",
    "inspect_folders",
    "labels_to_image_space",
    "load_approval",
    "load_or_make_salt",
    "model_grid",
    "origin_of",
    "reach",
    "reach_of",
    "read_image",
    "read_labels",
    "read_nifti",
    "read_nrrd",
    "require_agreement",
    "require_finite",
    "scores_to_image_space",
    "split_patients",
    "to_image_space",
    "to_model_space",
    "write_nifti",
]


def __getattr__(name: str) -> Any:
    # Lazy, because NumPy, polars and pydicom must not load with the command line.
    if name in _FILE_OF:
        from importlib import import_module

        return getattr(import_module(f"limen.data.{_FILE_OF[name]}"), name)
    raise AttributeError(f"module 'limen.data' has no attribute {name!r}")
