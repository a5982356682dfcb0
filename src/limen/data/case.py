"""A case: one examination of one patient with its reference; and a set of cases."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from limen.data.errors import DataError
from limen.errors import LimenError

if TYPE_CHECKING:
    from limen.data.dicom_scan import SeriesFiles

SourceKind = Literal["nifti", "nrrd", "dicom-series", "dicom-seg", "dicom-rtstruct"]


@dataclass(frozen=True)
class Source:
    """The files that hold one image or one reference.

    ``files`` is ordered (a DICOM series: by file name; the reader sorts by position).
    """

    kind: SourceKind
    files: tuple[Path, ...]


@dataclass(frozen=True)
class Case:
    """One examination of one patient.

    Attributes
    ----------
    id : str
        Unique in the product's data set, printable, never an identity (see ``data.identity``).
    patient : str
        Pseudonym; the unit of independence of every statistic.
    image, reference : Source
        ``reference`` is None where there is none; such a case cannot be evaluated.
    prediction : Source or None
        A prediction already on disk, when the model is declared as ``predictions``.
    attributes : dict
        Facts about the examination that are not identity: ``modality``, ``site``, ``sex``,
        ``age_years``, ``manufacturer``, ``scanner``, ``kernel``, ``kvp``, ``slice_thickness_mm``...
        Keys from a manifest's further columns are kept as they are.
    """

    id: str
    patient: str
    image: Source
    reference: Source | None
    prediction: Source | None = None
    attributes: dict[str, str | float | int | bool] = field(default_factory=dict)


class NoReference(DataError):
    """A case has no reference, so nothing can be measured on it."""


class NoImage(DataError):
    """A reference has no image that it belongs to."""


class NoPrediction(DataError):
    """A case has no prediction among the predictions on disk."""


class AmbiguousCase(DataError):
    """More than one file could be the image or the reference of a case."""


@dataclass(frozen=True)
class CaseProblem:
    """A case that was found but cannot be used, and why."""

    case: str
    error: LimenError


@dataclass
class CaseSet:
    """The cases of one data set, the broken ones apart, and what was assumed to find them.

    ``names`` and ``series`` (by case id) are for matching further files inside this room: a raw
    file or folder name may identify a patient.
    """

    cases: list[Case] = field(default_factory=list)
    problems: list[CaseProblem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    layout: str = ""
    """How the folder was understood, in words."""
    names: dict[str, str] = field(default_factory=dict, repr=False)
    series: dict[str, SeriesFiles] = field(default_factory=dict, repr=False)
