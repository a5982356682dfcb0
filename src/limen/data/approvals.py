"""Approvals: under which permission data is used, and how far results on it may reach."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from limen.errors import LimenError
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

_MADE: tuple[ApprovalKind, ...] = ("phantom", "simulated")
_NEEDS_BOARD: tuple[ApprovalKind, ...] = ("retrospective-waiver", "prospective-consent")


class ApprovalError(LimenError):
    """An approval file is missing, is wrong, or contradicts the declaration."""


class Approval(BaseModel):
    """What an approval file says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: ApprovalKind = Field(description="What permits the use of the data.")
    board: str | None = Field(default=None, description="Review board or ethics committee.")
    number: str | None = Field(default=None, description="The board's number of the approval.")
    issued: date | None = Field(default=None, description="First day on which it holds.")
    expires: date | None = Field(default=None, description="Last day on which it holds.")
    purposes: list[str] = Field(default_factory=list, description="What the data may be used for.")
    sites: list[str] = Field(default_factory=list, description="Which sites it covers.")
    licence: str | None = Field(default=None, description="Of public data, e.g. CC-BY-4.0.")
    de_identification: str | None = Field(default=None, description="How, by whom.")
    note: str | None = Field(default=None, description="Anything else a reader should know.")

    @model_validator(mode="after")
    def _consistent(self) -> Approval:
        if self.kind in _NEEDS_BOARD and not (self.board and self.number):
            raise ValueError(f"a {self.kind} approval states its board and its number")
        if self.kind == "public" and not self.licence:
            raise ValueError("public data states its licence")
        if self.issued and self.expires and self.expires < self.issued:
            raise ValueError("expires lies before issued")
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
        return "phantom" if approval.kind in _MADE else "measured"
    if approval.kind in _MADE and declared in ("measured", "observed"):
        raise ApprovalError(
            f"the data is declared as {declared}, and its approval says {approval.kind}",
            found=f"origin: {declared}",
            mend="declare origin: phantom, or name the approval of the real data",
        )
    return declared


def reach(kind: ApprovalKind) -> Reach:
    """How far results on data of this kind of approval may reach, at most.

    - phantom, simulated: ``feasibility``. They serve verification and bias; alone they carry no
      clinical claim (FDA, Quantitative Imaging guidance 2022; Credibility of Computational
      Modeling and Simulation guidance 2023, which leaves out standalone machine learning).
    - undeclared: ``feasibility``.
    - public: ``publication``. Often tested on and seen in training, so not sequestered, and
      licences differ.
    - retrospective-waiver: ``submission``. Standalone and reader studies rest on such data
      (MDCG 2020-1, 4.4; Korea's Digital Medical Products Rule Art 14(3)1; 21 CFR 812.28); claims
      on prediction or patient management may need prospective data, so not further.
    - prospective-consent: ``routine-use`` (21 CFR 812, MDR Art 62).
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
