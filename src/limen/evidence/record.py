"""The evidence record: what was computed, by which method, from which inputs, with which result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

RecordKey = tuple[str, str, str, frozenset[tuple[str, str]]]


class Outcome(StrEnum):
    """How the work ended.

    ``refused`` is final for these inputs (they are wrong, and would be refused again);
    ``interrupted`` is not (a time-out, a worker that died), so the work is tried again.
    """

    done = "done"
    refused = "refused"
    interrupted = "interrupted"


@dataclass(frozen=True)
class Record:
    """One piece of evidence.

    Attributes
    ----------
    kind : str
        ``case``, ``prediction``, ``measurement``, ``verdict``, ``summary``, ``report`` ...
    subject : str
        What it is about: ``DATASET/CASE``, a data set, or the product.
    method : str
        Name and version of what computed it, e.g. ``measures.case/1``.
    inputs : dict
        Name to digest of everything the result depends on.
    result : str
        Digest of the result in the store (of the error, when the outcome is not ``done``).
    origin : str or None
        ``measured``, ``resimulated``, ``phantom`` or ``observed``.
    made_utc : str
        When, ISO 8601. Not part of the key.
    """

    kind: str
    subject: str
    method: str
    inputs: Mapping[str, str]
    result: str
    outcome: Outcome = Outcome.done
    origin: str | None = None
    made_utc: str = ""

    @property
    def key(self) -> RecordKey:
        return record_key(self.kind, self.subject, self.method, self.inputs)

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "inputs": dict(self.inputs), "outcome": self.outcome.value}

    @classmethod
    def from_dict(cls, d: Mapping[str, Any]) -> Record:
        return cls(**{**d, "outcome": Outcome(d["outcome"])})


def record_key(kind: str, subject: str, method: str, inputs: Mapping[str, str]) -> RecordKey:
    """What says whether a piece of evidence can stand for a computation.

    The values themselves and no digest of them: a log of 100,000 records is read at each start.
    """
    return kind, subject, method, frozenset(inputs.items())


def changed_inputs(old: Record, method: str, inputs: Mapping[str, str]) -> list[str]:
    """Names of the inputs (and ``method``) that differ from those of an earlier record."""
    names = sorted(set(old.inputs) | set(inputs))
    changed = [n for n in names if old.inputs.get(n) != inputs.get(n)]
    if old.method != method:
        changed.append(f"method {old.method} -> {method}")
    return changed
