"""The evidence record: what was computed, by which method, from which inputs, with which result."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))

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
        # by hand: dataclasses.asdict copies deeply, which is a quarter of the time of adding
        return {
            "kind": self.kind,
            "subject": self.subject,
            "method": self.method,
            "inputs": dict(self.inputs),
            "result": self.result,
            "outcome": self.outcome.value,
            "origin": self.origin,
            "made_utc": self.made_utc,
        }

    def line(self) -> bytes:
        """The record as canonical JSON (RFC 8785), one line of the log.

        A record holds only texts, and for those the standard library writes the same bytes in a
        tenth of the time, as long as names sort alike by UTF-16 units (RFC 8785, 3.2.3) and by
        code points, which ASCII ones do.
        """
        if all(name.isascii() for name in self.inputs):
            return _ENCODER.encode(self.as_dict()).encode("utf-8")
        import rfc8785

        return rfc8785.dumps(self.as_dict())

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
