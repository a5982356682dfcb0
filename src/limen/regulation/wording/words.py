# ruff: noqa: E501 (lists of phrases)
"""Whether a sentence affirms a phrase, denies it, or tells it of somebody else."""

from __future__ import annotations

import re

_NOT = re.compile(
    r"\bnot\b(?! only| just| merely)|\bnever\b|\bcannot\b|\bneither\b|\bnor\b|n't\b|\bno (?:claim|evidence|study|"
    r"statement|basis|data|intention|function)\b|\bwithout (?:claiming|any claim|a claim|evidence)\b|\bnothing (?:here|in)\b|"
    r"\bmust (?:be )?(?:still|always)\b|\bforbid\w*|\bprohibit\w*|\bunable to\b|\bdeclin\w+ to\b|\bout(?:side)? of scope|"
    r"\bdo(?:es)? not\b|\brather than\b|\bremains? with\b|\bonly the (?:radiologist|physician|clinician|doctor)\b",
    re.IGNORECASE,
)
_NOT_AFTER = re.compile(
    r"지 ?(?:않|못|마)|(?:이|가|은|는|도)? ?아니|아닙|아닌|(?:수|근거|연구|자료|기능|효과)(?:가|는|도|은)? ?없|금지|불가|지 ?말|않(?:습|는|았)|제외|없습니다|없다"
)
_NOT_AFTER_ENGLISH = re.compile(
    r"^[^.;]{0,30}\b(?:is|are|was|were|has|have|been|should|must|may|can|shall)\s+(?:\w+ )?(?:not|never)\b|^[^.;]{0,40}\b(?:remains?|stays?|rests?) "
    r"(?:with|the task|the responsibility|up to)|^[^.;]{0,24}\b(?:is|are) (?:made|done|given|decided|taken) by (?:the |a )?"
    r"(?:radiolog|physic|clinic|doctor|reader)|^[^.;]{0,20}\boutside\b",
    re.IGNORECASE,
)
_PROFESSIONAL = re.compile(
    r"\b(?:radiologists?|physicians?|clinicians?|doctors?|readers?|pathologists?|experts?|specialists?|"
    r"they|he|she|who)(?: \w+){0,2}\s*$|(?:의사|전문의|의료진|판독의)(?:가|는|이)\s*\S{0,8}\s*$",
    re.IGNORECASE,
)
_REFERENCE = re.compile(
    r"\bby (?:biops\w+|patholog\w+|histolog\w+|follow-?up|surgery|experts?|(?:\w+ )?(?:readers|radiologists))|"
    r"\b(?:biopsy|pathology|histology)[- ](?:proven|confirmed)|\b(?:reference|truth)\b|확진된|확인된|병력",
    re.IGNORECASE,
)
_POPULATION = re.compile(
    r"\b(?:patients|adults|people|subjects|persons|women|men|scans|cases) with(?:out)?\b|\bwith and without\b|\bhistory of\b|"
    r"\bknown (?:\w+ ){0,3}(?:cancer|malignan|tumou?r|disease|diagnosis)|\bprevalence\b|\bconfirmed (?:in|by)\b|\bexcluded\b|\bleft out\b|"
    r"\bscreening (?:program\w*|trial|cohort)|\benriched\b",
    re.IGNORECASE,
)


def phrases(pattern: str, sentence: str, *, denies: bool = True) -> list[str]:
    """What a sentence affirms of a kind: matched phrases that are not denied in their clause."""
    found: list[str] = []
    for match in re.finditer(pattern, sentence, re.IGNORECASE):
        if denies and _denied(sentence, match):
            continue
        found.append(match.group(0).strip())
    return found


def _denied(sentence: str, match: re.Match[str]) -> bool:
    start = max(
        (
            m.end()
            for m in re.finditer(
                r"[;:]|\bbut\b|\bhowever\b|하지만|그러나", sentence[: match.start()]
            )
        ),
        default=0,
    )
    before = sentence[start : match.start()]
    if re.search(r"[가-힣]", match.group(0)):
        after = sentence[match.end() : match.end() + 22]
        end = re.search(r"[.,;!?]|(?:고|며|면서|지만)\s", after)
        return _NOT_AFTER.search(after[: end.start()] if end else after) is not None
    if (
        _NOT.search(match.group(0))
        or _NOT.search(before[-90:])
        or re.search(r"\bno\s+$", before, re.IGNORECASE)
        or re.match(r"no (?:\w+ ){1,4}(?:is|are|was|were)\b", before, re.IGNORECASE)
    ):
        return True
    return _NOT_AFTER_ENGLISH.search(sentence[match.end() :]) is not None


def spoken_of_others(sentence: str, phrase: str) -> bool:
    """Whether a phrase tells what a professional does, or how the reference was set."""
    at = sentence.find(phrase)
    before = sentence[:at] if at >= 0 else sentence
    if _REFERENCE.search(sentence[at + len(phrase) :][:40]) or _REFERENCE.search(before[-40:]):
        return True
    return _PROFESSIONAL.search(before) is not None


def of_the_patients(sentence: str) -> bool:
    """Whether a sentence on a disease tells who the patients were, or how the reference was set."""
    return _REFERENCE.search(sentence) is not None or _POPULATION.search(sentence) is not None


_STUDY = re.compile(
    r"\b(?:was|were) (?:\w+ )?(?:not )?(?:part|measured|studied|tested|judged|evaluated|recorded|compared|excluded|"
    r"left out|collected|randomi[sz]ed)\b|\bsee (?:the )?(?:table|section|figure|page|annex|appendix)\b|시험에서|연구(?:로|에서|는) ?(?:수행|시행|제외)",
    re.IGNORECASE,
)


def is_about_the_study(sentence: str) -> bool:
    """Whether a sentence tells how something was studied, which promises nothing."""
    return _STUDY.search(sentence) is not None
