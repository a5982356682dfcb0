"""The boundary document: one page to read and sign, and one file that the guard loads.

Both are written from one `BoundaryDocument`, which cannot be made without its limits; so neither
can lose them. The page names the digest of the file, and that digest is what is signed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment

from limen.boundary import Boundary, Guard
from limen.boundary.explain import Explanation
from limen.boundary.guard_file import BOUNDARY_FILE, DIGESTS_FILE, digests_of
from limen.errors import LimenError
from limen.evidence import write_atomically
from limen.reports.templating import environment

PAGE_FILE = "boundary.html"
FORMAT = 1


class LimitsMissing(LimenError):
    """A boundary document without its limits is none."""


@dataclass(frozen=True)
class CasePicture:
    """A case or a lesion of it, and what it looks like.

    Attributes
    ----------
    name : str
        ``DATASET/CASE``, or the name of a lesion.
    words : str
        Of a fragile case how far it passes ("ct.dose down to 0.42"), of a failing one what is seen.
    picture : mapping or None
        ``Picture.as_dict()``; None where there is none.
    """

    name: str
    words: str
    picture: Mapping[str, Any] | None


@dataclass(frozen=True)
class ModePictures:
    """A failure mode with its cases.

    Attributes
    ----------
    words : str
        The mode in one sentence.
    failing : tuple of str
        Every failing case or lesion, a lesion with its diameter.
    pictures : tuple of CasePicture
        Of some of them.
    """

    words: str
    failing: tuple[str, ...]
    pictures: tuple[CasePicture, ...]


@dataclass(frozen=True)
class BoundaryDocument:
    """Everything that the page and the file say.

    Attributes
    ----------
    product, version, statement : str
    certified : bool
    headline : str
        The answer in one sentence.
    trust_on, not_when, watch_for, based_on : tuple of str
    confidence : str
    act_on : str
        The sentence of the headroom.
    fragile : tuple of CasePicture
    modes : tuple of ModePictures
        For the annex; none where no group fails more often than the rest.
    boundary : Boundary
    guard : Guard
    explanation : Explanation
    sources : mapping
        Name to digest of what it was made from.
    made_utc : str

    Raises
    ------
    LimitsMissing
        When nothing says where trust ends, or the guard does not enforce what is certified.
    """

    product: str
    version: str
    statement: str
    certified: bool
    headline: str
    trust_on: tuple[str, ...]
    not_when: tuple[str, ...]
    watch_for: tuple[str, ...]
    based_on: tuple[str, ...]
    confidence: str
    act_on: str
    fragile: tuple[CasePicture, ...]
    modes: tuple[ModePictures, ...]
    boundary: Boundary
    guard: Guard
    explanation: Explanation
    sources: Mapping[str, str]
    made_utc: str

    def __post_init__(self) -> None:
        if not self.not_when or not all(s.strip() for s in self.not_when):
            raise _missing("it does not say when the model must not be trusted")
        if not self.boundary.certificates:
            raise _missing("there is no certificate, not even one that says no")
        if not self.based_on or not self.confidence.strip():
            raise _missing("it does not say what it is based on")
        if self.certified != self.guard.certified:
            raise _missing("the guard and the page disagree on whether anything is certified")
        if self.certified and not self.trust_on:
            raise _missing("it does not say on what the model may be trusted")
        if not self.certified and self.trust_on:
            raise _missing("nothing is certified, so there is nothing to trust it on")
        if self.certified:
            _require_enforced(self.boundary, self.guard)


def _require_enforced(boundary: Boundary, guard: Guard) -> None:
    """Each certified limit is the guard's, or the axis is certified as far as it was searched."""
    certificate = boundary.certificate(guard.origin)
    if certificate is None or certificate.answer != "certified":
        raise _missing(f"the guard is of origin {guard.origin}, of which nothing is certified")
    enforced = {a.axis.name: a.limit for a in guard.parts.axes}
    for axis in boundary.axes:
        limit = certificate.limit(axis.name)
        value = axis.nominal if limit is None else limit
        if axis.name not in enforced and axis.position(value) < 1 - 1e-9:
            raise _missing(f"the guard does not enforce {axis.name}")
        if axis.name in enforced and not axis.is_milder(enforced[axis.name], value):
            raise _missing(f"the guard lets {axis.name} go beyond {axis.text(value)}")


def _missing(found: str) -> LimitsMissing:
    return LimitsMissing(
        "a boundary cannot be written without its limits",
        found=found,
        mend="make it from the certified boundary with `limen explain`",
    )


def boundary_json(document: BoundaryDocument) -> bytes:
    """The machine-readable boundary, guard and all; the same document gives the same bytes."""
    d = document
    page = {
        name: getattr(d, name)
        for name in (
            "product", "version", "statement", "certified", "headline", "trust_on", "not_when",
            "watch_for", "based_on", "confidence", "act_on", "made_utc",
        )
    }  # fmt: skip
    kept = {
        "format": FORMAT,
        "page": {
            **page,
            "fragile": [{"case": f.name, "margin": f.words} for f in d.fragile],
            "modes": [{"words": m.words, "failing": list(m.failing)} for m in d.modes],
        },
        "boundary": d.boundary.as_dict(),
        "explanation": d.explanation.as_dict(),
        "guard": d.guard.as_dict(),
        "sources": dict(d.sources),
    }
    return (
        json.dumps(kept, sort_keys=True, separators=(",", ":"), allow_nan=False) + "\n"
    ).encode()


def boundary_page(document: BoundaryDocument) -> str:
    """The page as one HTML text that needs nothing else and runs no script."""
    digest = hashlib.sha256(boundary_json(document)).hexdigest()
    shown = [*document.fragile, *(p for m in document.modes for p in m.pictures)]
    return (
        _environment()
        .get_template("boundary.html")
        .render(
            d=document,
            boxed=any(p.picture["targets"] for p in shown if p.picture),
            digest=digest,
            made=document.made_utc.replace("T", " ").replace("+00:00", " UTC"),
        )
    )


def write_boundary(document: BoundaryDocument, folder: Path) -> Path:
    """Write page, file and their digests; returns the page's path."""
    write_atomically(folder / BOUNDARY_FILE, boundary_json(document))
    write_atomically(folder / PAGE_FILE, boundary_page(document).encode())
    write_atomically(folder / DIGESTS_FILE, digests_of(folder, [BOUNDARY_FILE, PAGE_FILE]))
    return folder / PAGE_FILE


def bare_name(name: str) -> str:
    """A case or lesion as the page names it: without its data set."""
    return name.rpartition("/")[2]


@cache
def _environment() -> Environment:
    return environment({"bare": bare_name})
