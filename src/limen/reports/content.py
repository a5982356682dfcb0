"""What a report is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from limen.product.declaration import Declaration


@dataclass(frozen=True)
class CaseReport:
    """One evaluated case.

    Attributes
    ----------
    id, patient : str
        Pseudonyms.
    attributes : mapping
        Facts about the examination that are not identity.
    verdict : dict
        ``Verdict.as_dict()``.
    measurement : dict
        ``Measurement.as_dict()``.
    pictures : list of dict
        ``Picture.as_dict()`` each; may be empty.
    """

    id: str
    patient: str
    attributes: Mapping[str, Any]
    verdict: Mapping[str, Any]
    measurement: Mapping[str, Any]
    pictures: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class DatasetReport:
    """One data set: where it comes from and, for validation, what was found on it.

    Attributes
    ----------
    name : str
    use : "development" or "validation"
    origin : str
        measured, resimulated, phantom or observed.
    approval : dict
        ``Approval.model_dump(mode="json")``.
    reach : str
        How far results on it may reach.
    n_cases, n_patients : int
        All cases found, evaluated or not, and the patients behind them.
    cases : list of CaseReport
        Evaluated cases, in any order.
    not_evaluated : list of dict
        ``case``, ``patient`` and ``reason`` of each case without a verdict.
    summary : dict
        ``Summary.as_dict()``; empty for development sets and sets left out.
    notes : list of str
        What was assumed to read the set.
    leaks : list of dict
        Overlaps with development data, each with ``case_a`` and ``case_b``.
    left_out : str or None
        Why the set is absent; None when it is there.
    """

    name: str
    use: str
    origin: str
    approval: Mapping[str, Any]
    reach: str
    n_cases: int
    n_patients: int
    cases: list[CaseReport]
    not_evaluated: list[dict[str, str]]
    summary: Mapping[str, Any]
    notes: list[str] = field(default_factory=list)
    leaks: list[dict[str, Any]] = field(default_factory=list)
    left_out: str | None = None


@dataclass(frozen=True)
class MissingEvidence:
    """Something that stands between these results and trust, and who or what supplies it."""

    what: str
    who: str


@dataclass(frozen=True)
class ReportInput:
    """Everything a report shows. The same input gives the same bytes.

    Attributes
    ----------
    product : Declaration
    datasets : list of DatasetReport
        In the order of the declaration.
    missing : list of MissingEvidence
    provenance : mapping
        Versions and digests, by name; values may be mappings.
    generated_utc : str
        ISO 8601.
    reach : mapping
        How far all results together go: ``stage``, the one ``asked`` after it, and the ``words`` on
        what stands against that; empty where nobody has looked.
    """

    product: Declaration
    datasets: list[DatasetReport]
    missing: list[MissingEvidence]
    provenance: Mapping[str, Any]
    generated_utc: str
    reach: Mapping[str, Any] = field(default_factory=dict)
