"""What is taken for a fact that nobody stated, and why."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from limen.regulation.facts.use import UseFacts
from limen.regulation.facts.vocabulary import CLINICAL
from limen.regulation.facts.words import said


@dataclass(frozen=True)
class Assumption:
    """A fact that was not stated, what was taken for it, and why."""

    fact: str
    value: Any
    why: str

    def words(self) -> str:
        return f"{said(self.fact, self.value)} ({self.why})"


_FINDINGS = (
    ("diabetic-retinopathy", r"diabetic retinopathy|mtmDR|당뇨(?:병)?\s*(?:성)?\s*망막"),
    ("fracture", r"fracture|골절"),
    ("coronary-flow", r"fractional flow|FFR|coronary (?:physiolog|flow)|관상동맥.*혈류"),
    ("gi-lesion", r"polyp|colonoscop|endoscop|용종|내시경"),
    (
        "cancer",
        r"cancer|malignan|tumou?r|carcinoma|melanoma|nodule|metasta|mammogra|PI-?RADS|"
        r"암(?:\s|의|을|이|으로|$)|종양|결절|악성",
    ),
)
_ABNORMAL = re.compile(
    r"(?:suspect|abnormal|patholog|lesion|tumou?r|nodule|cancer|metasta|ha?emorrhag|bleed|ha?ematoma|"
    r"o?edema|effusion|(?:intra|sub)retinal fluid|drusen|infarct|ischa?emi|stroke|stenosis|"
    r"aneurysm|embol|plaque|fracture|pneumothorax|pneumonia|polyp|cyst\b)\w*|"
    r"의심|이상\s*소견|병변|종양|결절|출혈|경색|부종|삼출|협착|동맥류|색전|골절|기흉|폐렴|용종",
    re.IGNORECASE,
)
"""Words for what is not there in a healthy patient."""


def resolve(facts: UseFacts) -> tuple[UseFacts, tuple[Assumption, ...]]:
    """Fill in what was not stated, and say so.

    Returns
    -------
    facts : UseFacts
        Without None, but for ``significance``, ``workflow`` and ``device_class``.
    assumed : tuple of Assumption
    """
    assumed: list[Assumption] = []
    values: dict[str, Any] = {}

    def take(name: str, value: Any, why: str) -> Any:
        stated = getattr(facts, name)
        if stated is not None:
            return stated
        values[name] = value
        assumed.append(Assumption(name, value, why))
        return value

    clinical = facts.outputs & CLINICAL
    subject = take("subject", *_subject(facts))
    finding = next(
        (name for name, words in _FINDINGS if re.search(words, facts.statement, re.IGNORECASE)),
        None,
    )
    if subject == "abnormality":
        take(
            "finding",
            finding or "other-disease",
            "read from the statement" if finding else "no finding is named",
        )
    else:
        take("finding", finding if finding == "coronary-flow" else "none", "taken from the outputs")
    if clinical or subject == "abnormality":
        take("autonomy", "assistive", "not stated")
        take("unflagged", "read-as-usual", "not stated")
        only_score = facts.has("score", "measurement") and not facts.has(
            "mark", "triage-flag", "diagnosis", "contour"
        )
        take(
            "found_by",
            "clinician" if only_score else "software",
            "taken from the outputs",
        )
        take("disease_trained", True, "usual for findings; not stated")
    else:
        values.update(
            {
                name: value
                for name, value in (
                    ("autonomy", "assistive"),
                    ("unflagged", "read-as-usual"),
                    ("found_by", "software"),
                    ("disease_trained", False),
                )
                if getattr(facts, name) is None
            }
        )
    functional = facts.finding == "coronary-flow" or finding == "coronary-flow"
    if facts.has("measurement"):
        take("functional", functional, "not stated")
    elif facts.functional is None:
        values["functional"] = False
    if facts.has("contour", "measurement", "treatment"):
        take("for_treatment", facts.has("treatment"), "not stated")
    elif facts.for_treatment is None:
        values["for_treatment"] = False
    take("harm", "injury", "not stated")
    lay = bool(
        re.search(r"patient|lay|consumer|caregiver|환자|보호자|일반인", facts.user, re.IGNORECASE)
    )
    take("lay_user", lay, f"user: {facts.user}" if facts.user else "not stated")
    take("death_within_24h", facts.situation == "critical", "taken from the situation")
    return replace(facts, **values), tuple(assumed)


def _subject(facts: UseFacts) -> tuple[str, str]:
    """What the outputs speak of, and why that was taken."""
    if facts.outputs & CLINICAL:
        return "abnormality", "taken from the outputs"
    if not facts.has("contour", "measurement", "treatment"):
        return "image-quality", "taken from the outputs"
    said_so = _ABNORMAL.search(facts.statement)
    # what goes into a treatment plan is drawn as input to it, and finds nothing
    into_plan = facts.for_treatment or facts.has("treatment")
    if facts.has("contour") and said_so and not into_plan:
        return "abnormality", f"read from the statement: {said_so[0]}"
    return "anatomy", "taken from the outputs"
