"""The honest class, from what the outputs do, beside the claimed one, from what the words say.

A disclaimer never lowers a class: intended use shows in what a product does (21 CFR 801.4), MDR
rule 11 covers any information used for decisions, and Korea looks at what it was trained for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from limen.regulation.answer import RegimeAnswer
from limen.regulation.classify import classify
from limen.regulation.errors import UnknownFact
from limen.regulation.facts import OUTPUTS, UseFacts

_WORDS: dict[str, str] = {
    "mark": r"\bmark(?:s|ed|ing|ers?)?\b|highlight|direct(?:s|ing)? attention|locali[sz]|"
    r"bounding box|heat ?map|pinpoint|표시|검출",
    "contour": r"outlin|contour|segment|delineat|분할|윤곽",
    "measurement": r"measur|quantif|volumetr|\bvolumes?\b|diameter|측정|정량|계측",
    "score": r"\bscor(?:e|es|ing)\b|likelihood|probabilit|characteri[sz]|malignancy (?:risk|index)|"
    r"level of suspicion|classif|점수|가능성|확률|악성도",
    "triage-flag": r"triag|prioriti|notif|\bflag|\balert|worklist|우선 ?순위|알림|선별",
    "diagnosis": r"\bdiagnos(?:e|es|ing)\b|\bdetects? (?:breast |lung |early )*(?:cancer|tumou?rs?|"
    r"disease|stroke|h(?:a)?emorrhage|fractures?|retinopathy|pneumothorax)|\bconfirms?\b|진단(?:합니다|한다|하는)",
    "image": r"denois|noise|enhanc|sharpen|super-?resol|reconstruct|노이즈|화질|선명",
    "prognosis": r"\bpredict|prognos|future risk|will develop|예측|예후",
    "treatment": r"treatment plan|plans? (?:the )?(?:treatment|therapy|surgery|resection)|"
    r"recommends? (?:a )?(?:treatment|therapy|dose)|치료 ?계획",
    "guidance": r"guid(?:e|es|ing) (?:the )?(?:probe|acquisition|scan|taking)|탐촉자",
    "report": r"draft|writes? (?:the |a )?report|impression|판독문",
}
_ALONE = (
    r"autonomous|without (?:a |any )?(?:radiologist|clinician|doctor|physician|human|review)|"
    r"replaces? (?:the )?(?:radiologist|reader|doctor)|fully automated (?:reading|diagnosis)|자율|"
    r"의사 ?없이"
)
_RULES_OUT = (
    r"\brules? out|\bexcludes? (?:cancer|disease|the presence)|remov\w+ (?:\w+ ){0,3}from the "
    r"(?:work)?list|no need to read|need not be read|배제"
)
_NOT = re.compile(
    r"\b(?:not|never|no|without|cannot|nor)\b|n't\b|isn't|않|아니|없(?!이)|불가", re.IGNORECASE
)
_CLAUSE = re.compile(r"(?<=[.;:!?])\s+|\bbut\b|\bhowever\b|그러나|하지만", re.IGNORECASE)


def affirmed(pattern: str, text: str) -> bool:
    """Whether the words stand in a clause that does not deny them."""
    for clause in _CLAUSE.split(text):
        for found in re.finditer(pattern, clause, re.IGNORECASE):
            before = clause[: found.start()]
            after = clause[found.end() : found.end() + 14]
            korean = re.search(r"[가-힣]", found.group(0)) is not None
            denied = _NOT.search(after) if korean else _NOT.search(before)
            if denied is None:
                return True
    return False


@dataclass(frozen=True)
class Comparison:
    """One regime's answer to what a product does and to what its words claim.

    Attributes
    ----------
    honest : RegimeAnswer
    claimed : RegimeAnswer or None
        None when the words speak of no output.
    reasons : tuple of str
        What the words leave out, and what they add.
    """

    honest: RegimeAnswer
    claimed: RegimeAnswer | None
    reasons: tuple[str, ...]

    @property
    def diverges(self) -> bool:
        return self.claimed is not None and self.claimed.key != self.honest.key

    def words(self) -> str:
        if self.claimed is None:
            return "The words speak of no output; the answer rests on what it does alone."
        if not self.diverges:
            return f"Words and outputs agree: {self.honest.short}."
        why = "; ".join(self.reasons) or "the words claim another use"
        return (
            f"By what it does: {self.honest.short}. By its words: {self.claimed.short}. "
            f"They differ because {why}. Both count: the intended use shows in what a product does "
            "as well as in what is said of it, and a disclaimer lowers nothing."
        )

    def as_dict(self) -> dict[str, Any]:
        return {
            "honest": self.honest.short,
            "claimed": None if self.claimed is None else self.claimed.short,
            "diverges": self.diverges,
            "reasons": list(self.reasons),
            "explained": self.words(),
        }


def claimed_facts(facts: UseFacts, text: str | None = None) -> UseFacts | None:
    """The use that the words claim; None when they speak of no output.

    Parameters
    ----------
    facts : UseFacts
        What is not a matter of words is taken from here.
    text : str, optional
        Default: the statement of the intended use.
    """
    text = facts.statement if text is None else text
    outputs = frozenset(o for o, words in _WORDS.items() if affirmed(words, text))
    if not outputs:
        return None
    claimed = replace(facts, outputs=outputs, statement=text, significance=None)
    # these follow from the outputs unless they are stated of the product itself
    clinical = outputs & {"mark", "score", "triage-flag", "diagnosis", "prognosis"}
    if facts.subject is not None and (facts.subject == "image-quality") == bool(clinical):
        claimed = replace(claimed, subject=None)
    alone, out = affirmed(_ALONE, text), affirmed(_RULES_OUT, text)
    claimed = replace(
        claimed,
        autonomy="autonomous" if alone else "assistive" if clinical else facts.autonomy,
        unflagged="not-read" if out else None,
        workflow=None if alone else facts.workflow,
    )
    if alone:
        claimed = replace(claimed, statement="")
    return claimed


def compare(
    facts: UseFacts, regime: str, on: date, *, text: str | None = None, seen: Iterable[str] = ()
) -> Comparison:
    """Honest and claimed class side by side.

    Parameters
    ----------
    facts : UseFacts
        What the product does, as declared.
    regime : str
    on : date
    text : str, optional
        The words; default the statement of the intended use.
    seen : iterable of str
        Further outputs found in what it really sends, as by :func:`outputs_of_dicom`.
    """
    does = replace(facts, outputs=facts.outputs | frozenset(seen))
    honest = classify(does, regime, on)
    words = claimed_facts(does, text)
    claimed = None if words is None else classify(words, regime, on)
    reasons: list[str] = []
    added = sorted(frozenset(seen) - facts.outputs)
    if added:
        reasons.append("it also sends what is not declared: " + ", ".join(added))
    if words is not None:
        silent = sorted(does.outputs - words.outputs)
        beyond = sorted(words.outputs - does.outputs)
        reasons += [f"it {OUTPUTS[o]}, and the words do not say so" for o in silent]
        reasons += [f"the words say that it {OUTPUTS[o]}, which it does not" for o in beyond]
        if words.autonomy == "autonomous" and does.autonomy != "autonomous":
            reasons.append("the words say that it acts alone")
        if words.unflagged == "not-read" and does.unflagged != "not-read":
            reasons.append("the words say that it rules out or removes cases")
        if does.unflagged == "not-read" and words.unflagged != "not-read":
            reasons.append("cases without a flag are read by nobody, and the words hide it")
        if does.autonomy == "autonomous" and words.autonomy != "autonomous":
            reasons.append("it acts alone, and the words do not say so")
    return Comparison(honest, claimed, tuple(reasons))


_SOP = "1.2.840.10008.5.1.4.1.1."
DICOM_OUTPUTS: dict[str, frozenset[str]] = {
    _SOP + "66.4": frozenset({"contour"}),  # Segmentation
    _SOP + "66.5": frozenset({"contour"}),  # Surface Segmentation
    _SOP + "481.3": frozenset({"contour"}),  # RT Structure Set
    _SOP + "481.2": frozenset({"treatment"}),  # RT Dose
    _SOP + "481.5": frozenset({"treatment"}),  # RT Plan
    _SOP + "11.1": frozenset({"mark"}),  # Grayscale Softcopy Presentation State
    _SOP + "11.2": frozenset({"mark"}),  # Color Softcopy Presentation State
    _SOP + "88.59": frozenset({"mark"}),  # Key Object Selection
    _SOP + "88.22": frozenset({"measurement"}),  # Enhanced SR
    _SOP + "88.33": frozenset({"measurement"}),  # Comprehensive SR
    _SOP + "88.34": frozenset({"measurement"}),  # Comprehensive 3D SR
    _SOP + "88.50": frozenset({"mark", "score"}),  # Mammography CAD SR
    _SOP + "88.65": frozenset({"mark"}),  # Chest CAD SR
    _SOP + "88.69": frozenset({"mark"}),  # Colon CAD SR
    _SOP + "30": frozenset({"image"}),  # Parametric Map
    _SOP + "2": frozenset({"image"}),  # CT Image
    _SOP + "4": frozenset({"image"}),  # MR Image
}
"""What each DICOM object shows to a clinician, by SOP Class UID (DICOM PS3.4 B.5)."""


def outputs_of_dicom(sop_class_uids: Iterable[str]) -> frozenset[str]:
    """The outputs that DICOM objects amount to.

    Raises
    ------
    UnknownFact
        Of an object that can show anything, as a secondary capture, it cannot be told.
    """
    found: set[str] = set()
    for uid in sop_class_uids:
        if uid not in DICOM_OUTPUTS:
            raise UnknownFact(
                "cannot tell what this DICOM object shows",
                where="SOP Class UID",
                found=uid,
                mend="state by hand among outputs what it shows: a secondary capture or a PDF may "
                "hold marks and scores",
            )
        found |= DICOM_OUTPUTS[uid]
    return frozenset(found)
