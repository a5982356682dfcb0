"""What a dossier is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from limen.product.declaration import Declaration
from limen.regulation.answer import RegimeAnswer
from limen.regulation.checklists import AnsweredChecklist
from limen.regulation.contract import Contract
from limen.regulation.required import Required
from limen.regulation.wording.evidence import SupportedFigure

DECLARATION = "declaration"
"""Source of what limen.yaml states; it has a line of its own in the index of evidence."""


@dataclass(frozen=True)
class LimitLine:
    """A limit in words, and the digest of the record it comes from, or ``declaration``."""

    name: str
    words: str
    source: str


@dataclass(frozen=True)
class SetLine:
    """One data set: where it is from, how far results on it reach, and how many are behind it."""

    name: str
    use: str
    origin: str
    approval: str
    reach: str
    cases: int
    patients: int
    not_evaluated: int
    source: str
    """Digest of its summary's record, or ``declaration`` where nothing was evaluated."""


@dataclass(frozen=True)
class RiskLine:
    """One line of the risk table, in the terms of ISO 14971:2019.

    Attributes
    ----------
    id : str
    hazard : str
        Potential source of harm (3.4).
    sequence : str
        Foreseeable sequence of events (5.4).
    situation : str
        Hazardous situation (3.5).
    harm, severity : str
        Possible harm, and how severe it is as the intended use states it.
    occurrence : SupportedFigure or None
        How often the hazardous situation was found (P1), as a share of patients.
    occurrence_words : str
        What is known of it where it is no figure.
    control : str
        Risk control (7.1): by design, protective measure, or information for safety.
    verification : str
        Where the control is verified; ``source`` is its record.
    source : str
        Digest of the record the line was fed from, or ``declaration``.
    residual : str
        What the team still has to judge; Limen judges no residual risk.
    """

    id: str
    hazard: str
    sequence: str
    situation: str
    harm: str
    severity: str
    occurrence: SupportedFigure | None
    occurrence_words: str
    control: str
    verification: str
    source: str
    residual: str = "for the risk team to judge"


@dataclass(frozen=True)
class Change:
    """One step of the product's history: a result that was made anew, and what had changed."""

    when_utc: str
    kind: str
    subject: str
    result: str
    because: tuple[str, ...]


@dataclass(frozen=True)
class Indexed:
    """One line of the evidence index.

    Attributes
    ----------
    kind, subject, method : str
    result : str
        Digest.
    origin : str
    made_utc : str
    records : int
        How many records the line stands for; more than one where they are of cases of one set,
        and ``result`` is then the digest of their digests.
    """

    kind: str
    subject: str
    method: str
    result: str
    origin: str
    made_utc: str
    records: int = 1


@dataclass(frozen=True)
class DossierInput:
    """Everything a dossier shows. The same input gives the same bytes, but for the PDF's date.

    Attributes
    ----------
    declaration : Declaration
    on : date
        Of the rules.
    generated_utc : str
    versions : mapping
        Limen's version, and the digests of the model.
    stage : str
        How far the evidence reaches at best.
    limits : tuple of LimitLine
    figures : tuple of SupportedFigure
    groups : tuple of SupportedFigure
        Figures of subgroups, ``data`` naming the group.
    sets : tuple of SetLine
    answers : tuple of RegimeAnswer
    untold : mapping
        By regime why no answer holds on the day.
    words_against_class : mapping
        By regime what the words claim beside what the product does, where they differ.
    contract : Contract
    required : mapping
        By regime, its list.
    risks : tuple of RiskLine
    history : tuple of Change
    index : tuple of Indexed
    every_record : tuple of Indexed
        Record by record, for the file beside the page.
    checklists : tuple of AnsweredChecklist
    attachments : mapping
        Files that travel with the dossier (the report, the boundary page), by name: title.
    """

    declaration: Declaration
    on: date
    generated_utc: str
    versions: Mapping[str, str]
    stage: str
    limits: tuple[LimitLine, ...]
    figures: tuple[SupportedFigure, ...]
    groups: tuple[SupportedFigure, ...]
    sets: tuple[SetLine, ...]
    answers: tuple[RegimeAnswer, ...]
    untold: Mapping[str, str]
    words_against_class: Mapping[str, str]
    contract: Contract
    required: Mapping[str, tuple[Required, ...]]
    risks: tuple[RiskLine, ...]
    history: tuple[Change, ...]
    index: tuple[Indexed, ...]
    every_record: tuple[Indexed, ...]
    checklists: tuple[AnsweredChecklist, ...]
    attachments: Mapping[str, str]
