"""Approvals: under which permission data is used, and how far results on it may reach."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from limen.errors import LimenError
from limen.evidence.duo import UnknownPurpose, commercial_refusal, shorthand
from limen.product.declaration import Origin

ApprovalKind = Literal[
    "phantom",
    "simulated",
    "public",
    "retrospective-waiver",
    "prospective-consent",
    "undeclared",
]
Reach = Literal["feasibility", "publication", "clinical-validation", "submission", "routine-use"]
REACHES: tuple[Reach, ...] = (
    "feasibility",
    "publication",
    "clinical-validation",
    "submission",
    "routine-use",
)
"""From the least to the furthest."""

MADE: tuple[ApprovalKind, ...] = ("phantom", "simulated")
"""Kinds of which no person is behind the data."""
NEEDS_BOARD: tuple[ApprovalKind, ...] = ("retrospective-waiver", "prospective-consent")
_MAY_BE_SOLD = (
    "CC0",
    "CC-BY",
    "CC-BY-SA",
    "MIT",
    "Apache",
    "BSD",
    "PDDL",
    "ODC-By",
    "CDLA-Permissive",
)
_NOT_SOLD = re.compile(r"(?i)(^|[^a-z])NC([^a-z]|$)|non-?\s?commercial")


def today() -> date:
    """Today, in the calendar of this machine: by which approvals begin and end."""
    return date.today()


class ApprovalError(LimenError):
    """An approval file is missing, is wrong, or contradicts the declaration."""


class Approval(BaseModel):
    """What an approval file says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: ApprovalKind = Field(description="What permits the use of the data.")
    board: str | None = Field(default=None, description="Review board or ethics committee.")
    number: str | None = Field(default=None, description="The board's number of the approval.")
    issued: date | None = Field(default=None, description="First day on which it holds.")
    expires: date | None = Field(
        default=None, description="Last day on which it holds; a waiver or a consent states it."
    )
    purposes: list[str] = Field(
        default_factory=list,
        description="What the data may be used for, in terms of the GA4GH Data Use Ontology: NRES "
        "(no restriction), GRU (any research), HMB (health research), DS (one disease), CC "
        "(clinical care), with modifiers such as NCU (non-commercial); of phantoms and simulated "
        "patients in words.",
    )
    diseases: list[str] = Field(
        default_factory=list, description="That the term DS is limited to, e.g. MONDO:0005233."
    )
    sites: list[str] = Field(
        default_factory=list, description="Which sites it covers; none stated: any."
    )
    age_years: tuple[float, float] | None = Field(
        default=None,
        description="Youngest and oldest age it covers, in whole years; none stated: any.",
    )
    populations: list[str] = Field(
        default_factory=list, description="Which patients it covers, in words; nothing reads them."
    )
    legal_basis: list[str] = Field(
        default_factory=list,
        description="The law behind the consent or its waiver, e.g. 21 CFR 50.22.",
    )
    sharing: str | None = Field(
        default=None,
        description="To whom and where the data may go, in words, which `limen bundle` repeats; "
        "the term IS with `sites` is what it holds to.",
    )
    licence: str | None = Field(default=None, description="Of public data, e.g. CC-BY-4.0.")
    commercial: bool | None = Field(
        default=None, description="Whether the data may serve a product that is sold."
    )
    de_identification: str | None = Field(default=None, description="How, by whom.")
    withdrawn: dict[str, date] = Field(
        default_factory=dict,
        description="Patients (as Limen names them, P-...) who withdrew, and from which day.",
    )
    note: str | None = Field(default=None, description="Anything else a reader should know.")

    @field_validator("purposes")
    @classmethod
    def _known_terms(cls, value: list[str], info: ValidationInfo) -> list[str]:
        if info.data.get("kind") in MADE:
            return value  # nobody's data, and nobody's permission: words are enough
        unknown = []
        for text in value:
            try:
                shorthand(text)
            except UnknownPurpose as error:
                near, is_near, _ = (error.mend or "").partition("?")
                unknown.append(f"{text!r}" + (f" ({near}?)" if is_near else ""))
        if unknown:
            raise ValueError(
                "no term of the GA4GH Data Use Ontology that Limen knows: "
                f"{'; '.join(unknown)}; e.g. GRU (any research), HMB (health research), DS (one "
                "disease), CC (care); words go into note"
            )
        return sorted({shorthand(text) for text in value})

    @model_validator(mode="after")
    def _consistent(self) -> Approval:
        if self.kind in NEEDS_BOARD and not (self.board and self.number):
            raise ValueError(f"a {self.kind} approval states its board and its number")
        if self.kind in NEEDS_BOARD and self.expires is None:
            raise ValueError(
                f"a {self.kind} approval states its last day (expires): boards approve for a term"
            )
        if self.kind == "public" and not self.licence:
            raise ValueError("public data states its licence")
        if self.issued and self.expires and self.expires < self.issued:
            raise ValueError("expires lies before issued")
        if self.age_years is not None and not 0 <= self.age_years[0] <= self.age_years[1]:
            raise ValueError("age_years states the youngest age first, and none below 0")
        if self.kind in MADE:
            return self
        if "IS" in self.purposes and not self.sites:
            raise ValueError(
                "the term IS (use within an approved institution) and the sites are stated together"
            )
        if ("DS" in self.purposes) != bool(self.diseases):
            raise ValueError("the term DS and the diseases it is limited to are stated together")
        forbids = commercial_refusal(self.purposes)
        if self.commercial and forbids is not None:
            raise ValueError(f"commercial is true, and a purpose says: {forbids}")
        if self.commercial and licence_allows_sale(self.licence) is False:
            raise ValueError("commercial is true, and the licence is non-commercial")
        return self

    def expired(self, today: date | None = None) -> bool:
        """Whether its last day has passed."""
        return self.expires is not None and self.expires < (today or date.today())

    def not_yet(self, today: date | None = None) -> bool:
        """Whether it is issued on a later day, so that nothing is permitted yet."""
        return self.issued is not None and self.issued > (today or date.today())

    def in_force(self, today: date | None = None) -> bool:
        """Whether it holds today, in the calendar of this machine."""
        return not self.expired(today) and not self.not_yet(today)


def load_approval(path: Path) -> Approval:
    """Read an approval file (YAML).

    Raises
    ------
    ApprovalError
        If the file is missing or wrong; all its errors at once, each with its line. An expired
        approval is not an error here, see :func:`approval_problem`.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    where = f"approval {path.name}"
    try:
        loaded: Any = YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except OSError:
        raise ApprovalError(
            "the approval file is not there or cannot be read",
            where=where,
            mend="write it; `kind: undeclared` is enough to begin with",
        ) from None
    except (YAMLError, UnicodeDecodeError) as error:
        mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
        raise ApprovalError(
            "the approval file is not YAML",
            where=f"{where}:{mark.line + 1}" if mark is not None else where,
            found=error.problem if isinstance(error, MarkedYAMLError) else None,
            mend="write one `key: value` a line, in UTF-8",
        ) from None
    except ValueError as error:
        # ruamel turns 2021-02-30 into a date while it reads
        raise ApprovalError(
            "the approval file holds a date that does not exist",
            where=where,
            found=str(error),
            mend="write dates as 2026-12-31",
        ) from None
    if not isinstance(loaded, dict):
        raise ApprovalError("the approval file states nothing", where=where, mend="state its kind")
    try:
        return Approval.model_validate(dict(loaded))
    except ValidationError as error:
        lines = [_in_words(e, loaded) for e in error.errors()]
        raise ApprovalError(
            "the approval file is wrong",
            where=where,
            found="; ".join(lines),
            mend="known keys: " + ", ".join(Approval.model_fields),
        ) from None


def licence_allows_sale(licence: str | None) -> bool | None:
    """Whether a licence lets data serve a product that is sold; None where its name does not say.

    ``CC-BY-NC-4.0`` and whatever calls itself non-commercial do not; the well-known free licences
    by their SPDX names, with or without a version, do.
    """
    if not licence:
        return None
    if _NOT_SOLD.search(licence):
        return False
    named = re.match(r"[A-Za-z0-9-]+?(?=(-[\d.]+)?(?:[^\w.-]|$))", licence.strip())
    free = {name.casefold() for name in _MAY_BE_SOLD}
    return True if named is not None and named.group().casefold() in free else None


def require_agreement(approvals: Mapping[str, Approval]) -> None:
    """Refuse two files that state one approval of one board, and state it differently.

    Parameters
    ----------
    approvals : mapping
        Where it stands (a file as it was declared) to the approval.

    Raises
    ------
    ContradictingApprovals
    """
    from limen.evidence.reach import ContradictingApprovals

    first: dict[tuple[str, str], str] = {}
    for place, approval in approvals.items():
        if not approval.number:
            continue
        key = ((approval.board or "").casefold().strip(), approval.number.strip())
        other = first.setdefault(key, place)
        differ = [
            name
            for name in Approval.model_fields
            if name != "note" and getattr(approvals[other], name) != getattr(approval, name)
        ]
        if differ:
            raise ContradictingApprovals(
                "two files state one approval differently",
                where=f"{other} and {place}",
                found=f"number {approval.number}; they differ in {', '.join(differ)}",
                mend="keep the one that the board issued; give an amendment its own number",
            )


def approval_problem(approval: Approval, today: date | None = None) -> ApprovalError | None:
    """Why the approval does not hold today, or None."""
    if approval.in_force(today):
        return None
    where = f"approval {approval.number or approval.kind}"
    if approval.not_yet(today):
        return ApprovalError(
            "the approval is not in force yet",
            where=where,
            found=f"issued on {approval.issued}, which is yet to come",
            mend="wait until that day, correct the date, or leave the data set out",
        )
    return ApprovalError(
        "the approval has expired",
        where=where,
        found=f"expired on {approval.expires}",
        mend="renew it with the board, or leave the data set out",
    )


def origin_of(approval: Approval, declared: Origin | None) -> Origin:
    """Origin of a data set: as declared, else from its approval.

    Raises
    ------
    ApprovalError
        If ``measured`` or ``observed`` is declared on phantom or simulated data.
    """
    if declared is None:
        return "phantom" if approval.kind in MADE else "measured"
    if approval.kind in MADE and declared in ("measured", "observed"):
        raise ApprovalError(
            f"the data is declared as {declared}, and its approval says {approval.kind}",
            found=f"origin: {declared}",
            mend="declare origin: phantom, or name the approval of the real data",
        )
    return declared


def reach(kind: ApprovalKind) -> Reach:
    """How far results on data of this kind of approval may reach, at most.

    Phantom and simulated data reach ``feasibility``, public data ``publication``, a retrospective
    waiver ``submission`` and prospective consent ``routine-use``; undeclared data ``feasibility``.
    Which rule says so under FDA, MDR and MFDS stands in :mod:`limen.data.approval_rules`.
    """
    table: dict[ApprovalKind, Reach] = {
        "phantom": "feasibility",
        "simulated": "feasibility",
        "undeclared": "feasibility",
        "public": "publication",
        "retrospective-waiver": "submission",
        "prospective-consent": "routine-use",
    }
    return table[kind]


def reach_of(approval: Approval, origin: Origin, today: date | None = None) -> Reach:
    """How far results on a data set may reach: the nearer of what approval and origin allow.

    Phantoms and in-silico patients reach feasibility, whatever the paper; raw data simulated
    from images reaches publication at most, because it flatters what is tested on it (Shimron
    et al., PNAS 2022). An approval that is not in force (expired, or issued on a day to come)
    reaches feasibility.
    """
    if not approval.in_force(today) or origin == "phantom":
        return "feasibility"
    allowed = reach(approval.kind)
    if origin == "resimulated":
        return min(allowed, "publication", key=REACHES.index)
    return allowed


def _in_words(error: Any, loaded: Any) -> str:
    key = str(error["loc"][0]) if error["loc"] else None
    line = ""
    if key is not None and hasattr(loaded, "lc") and key in loaded:
        line = f"line {loaded.lc.key(key)[0] + 1}, {key}: {loaded[key]!r}: "
    elif key is not None:
        line = f"{key}: "
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "string_type":
        message = "expected text; put a number into quotes"
    if error["type"] == "extra_forbidden":
        from rapidfuzz.process import extractOne

        near = extractOne(key or "", list(Approval.model_fields), score_cutoff=60)
        message = "unknown key" + (f", did you mean {near[0]}?" if near else "")
    return line + message
