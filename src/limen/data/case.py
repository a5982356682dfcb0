"""A case: one examination of one patient with its reference."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

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
