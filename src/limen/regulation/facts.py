"""What the rules ask about an intended use: facts, each from a closed vocabulary.

A fact that nobody stated is assumed, and the assumption is said; nothing is guessed in silence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from limen.product.problems import nearest
from limen.regulation.errors import ContradictingUse, UnknownFact

if TYPE_CHECKING:
    from limen.product import IntendedUse

OUTPUTS = {
    "mark": "marks a place on the image",
    "contour": "outlines a structure",
    "measurement": "measures a quantity",
    "score": "gives a score, likelihood or category of a finding",
    "triage-flag": "flags or reorders cases",
    "diagnosis": "states that a disease is present or absent",
    "image": "makes or improves an image",
    "prognosis": "predicts a future state",
    "treatment": "proposes or plans a treatment",
    "guidance": "guides the taking of the image",
    "report": "drafts text of a report",
}
"""What software may show or send, with its words."""

CLINICAL = frozenset({"mark", "score", "triage-flag", "diagnosis", "prognosis", "report"})
"""Outputs that speak about a patient's disease rather than about the image."""

OPTIONS: dict[str, tuple[Any, ...]] = {
    "situation": ("critical", "serious", "non-serious"),
    "significance": ("treat-or-diagnose", "drive", "inform"),
    "autonomy": ("assistive", "autonomous"),
    "workflow": (
        "second-read",
        "concurrent",
        "first-read",
        "before-read",
        "parallel",
        "after-read",
        "acquisition",
        "unattended",
    ),
    "unflagged": ("read-as-usual", "read-later", "not-read"),
    "subject": ("abnormality", "anatomy", "image-quality"),
    "found_by": ("software", "clinician"),
    "finding": (
        "cancer",
        "fracture",
        "diabetic-retinopathy",
        "coronary-flow",
        "gi-lesion",
        "other-disease",
        "none",
    ),
    "disease_trained": (True, False),
    "functional": (False, True),
    "for_treatment": (False, True),
    "harm": ("injury", "death", "none"),
    "lay_user": (False, True),
    "death_within_24h": (False, True),
    "drives_device": (False, True),
    "device_class": ("I", "IIa", "IIb", "III"),
    "closed_loop": (False, True),
    "monitors": ("none", "non-vital", "vital"),
    "ai": (True, False),
    "medical_purpose": (True, False),
    "individual": (True, False),
    "storage_only": (False, True),
    "basis_reviewable": (True, False),
    "directive": (False, True),
}
"""Every fact with a closed vocabulary, its values."""

INPUTS = ("image", "signal", "ivd", "text", "clinical-data")


@dataclass(frozen=True)
class UseFacts:
    """The intended use as the rules see it; None is a fact that nobody stated.

    Attributes
    ----------
    situation : str
        State of the patient's healthcare situation (IMDRF N12 5.2).
    outputs : frozenset of str
        What the software shows or sends; see ``OUTPUTS``.
    inputs : frozenset of str
        What it works on; see ``INPUTS``.
    modality, anatomy, user, statement : str
        As declared.
    significance : str or None
        What the information is used for (IMDRF N12 5.1), as the maker says.
    autonomy : str or None
        ``assistive``: a professional looks at each case before anybody acts.
    workflow : str or None
        When the output is seen.
    unflagged : str or None
        What becomes of cases without a flag or mark.
    subject : str or None
        What the outputs speak of.
    found_by : str or None
        Who finds the lesion that is measured, outlined or scored.
    finding : str or None
        What is found, as far as a rule asks.
    disease_trained : bool or None
        Trained on, or judged by criteria of, a certain disease.
    functional : bool or None
        Measures function or a physical quantity that cannot be read off the image without it.
    for_treatment : bool or None
        Contours or measurements go into a treatment plan.
    harm : str or None
        Worst harm when it fails (Korea).
    lay_user : bool or None
    death_within_24h : bool or None
        The patient may die within 24 hours without the right care (Korea's "critical").
    drives_device : bool
        Controls or influences another device, in ``device_class``.
    closed_loop, monitors, ai, medical_purpose, individual, storage_only
        See the rules that use them.
    basis_reviewable, directive : bool
        Of text-only support: whether a professional can review its basis; whether it directs.
    """

    situation: str
    outputs: frozenset[str]
    inputs: frozenset[str] = frozenset({"image"})
    modality: str = ""
    anatomy: str = ""
    user: str = ""
    statement: str = ""
    significance: str | None = None
    autonomy: str | None = None
    workflow: str | None = None
    unflagged: str | None = None
    subject: str | None = None
    found_by: str | None = None
    finding: str | None = None
    disease_trained: bool | None = None
    functional: bool | None = None
    for_treatment: bool | None = None
    harm: str | None = None
    lay_user: bool | None = None
    death_within_24h: bool | None = None
    drives_device: bool = False
    device_class: str | None = None
    closed_loop: bool = False
    monitors: str = "none"
    ai: bool = True
    medical_purpose: bool = True
    individual: bool = True
    storage_only: bool = False
    basis_reviewable: bool = True
    directive: bool = False

    def has(self, *names: str) -> bool:
        """Whether any of these is among the outputs."""
        return bool(self.outputs & set(names))


@dataclass(frozen=True)
class Assumption:
    """A fact that was not stated, what was taken for it, and why."""

    fact: str
    value: Any
    why: str

    def words(self) -> str:
        return f"{said(self.fact, self.value)} ({self.why})"


_SAID: dict[str, dict[Any, str]] = {
    "autonomy": {
        "assistive": "a professional looks at every case",
        "autonomous": "it acts without a professional",
    },
    "unflagged": {
        "read-as-usual": "cases without a flag are read as usual",
        "read-later": "cases without a flag are read later",
        "not-read": "cases without a flag are read by nobody",
    },
    "subject": {
        "abnormality": "the outputs speak of something abnormal",
        "anatomy": "the outputs speak of normal anatomy",
        "image-quality": "the outputs concern image quality alone",
    },
    "found_by": {
        "software": "the software finds the lesion itself",
        "clinician": "a clinician finds the lesion",
    },
    "disease_trained": {
        True: "it was trained for a certain disease",
        False: "it was trained for no disease",
    },
    "functional": {
        True: "it measures function that only the software can give",
        False: "what it measures can be read off the image",
    },
    "for_treatment": {
        True: "the output goes into a treatment plan",
        False: "the output goes into no treatment plan",
    },
    "harm": {
        "injury": "a failure may injure",
        "death": "a failure may kill",
        "none": "a failure harms nobody",
    },
    "lay_user": {True: "patients use it alone", False: "professionals use it"},
    "death_within_24h": {
        True: "without the right care the patient may die within 24 hours",
        False: "the patient is in no danger of death within 24 hours",
    },
    "significance": {
        "treat-or-diagnose": "it treats or diagnoses",
        "drive": "it drives the next step of care",
        "inform": "it only informs",
    },
    "medical_purpose": {True: "it has a medical purpose", False: "it has no medical purpose"},
    "storage_only": {
        True: "it only stores, transfers or displays",
        False: "it does more than store, transfer or display",
    },
    "individual": {
        True: "it is for individual patients",
        False: "it is not for individual patients",
    },
    "ai": {True: "it is an AI system", False: "it is no AI system"},
    "closed_loop": {True: "it closes a loop with a therapy", False: "it closes no loop"},
    "drives_device": {True: "it drives another device", False: "it drives no device"},
    "basis_reviewable": {
        True: "a professional can review its basis",
        False: "its basis cannot be reviewed",
    },
    "directive": {True: "it gives a directive", False: "it gives no directive"},
}


def said(fact: str, value: Any) -> str:
    """A fact in words."""
    if fact == "outputs":
        return "outputs " + (", ".join(sorted(value)) or "nothing")
    if fact == "situation":
        return f"the situation is {value}"
    words = _SAID.get(fact, {}).get(value)
    return words if words is not None else f"{fact.replace('_', ' ')}: {value}"


def read_facts(given: Mapping[str, Any]) -> UseFacts:
    """Facts from plain values, as they stand in a file.

    Raises
    ------
    UnknownFact
        A name or a value is not known; the message has the nearest that is.
    """
    known = {f.name for f in fields(UseFacts)}
    for name in given:
        if name not in known:
            near = nearest(name, known)
            raise UnknownFact(
                "this fact about the intended use is not known",
                found=name,
                mend=f"did you mean {near}?" if near else "one of " + ", ".join(sorted(known)),
            )
    values: dict[str, Any] = dict(given)
    for name in ("situation", "outputs"):
        if values.get(name) in (None, "", [], ()):
            raise UnknownFact(
                f"cannot tell: {name} is missing, and every answer rests on it",
                where=name,
                mend=f"state one of {', '.join(OPTIONS.get(name, tuple(OUTPUTS)))}",
            )
    for name, valid in (("outputs", tuple(OUTPUTS)), ("inputs", INPUTS)):
        if name in values:
            found = [values[name]] if isinstance(values[name], str) else list(values[name])
            for value in found:
                _check(name, value, valid)
            values[name] = frozenset(found)
    for name, valid in OPTIONS.items():
        if values.get(name) is not None:
            _check(name, values[name], valid)
    facts = UseFacts(**values)
    contradictions(facts)
    return facts


def _check(name: str, value: Any, valid: tuple[Any, ...]) -> None:
    if any(value == v and type(value) is type(v) for v in valid):
        return
    near = (
        nearest(value, [v for v in valid if isinstance(v, str)]) if isinstance(value, str) else None
    )
    raise UnknownFact(
        f"this value of {name} is not known",
        where=name,
        found=str(value),
        mend=(f"did you mean {near}? " if near else "")
        + "One of "
        + ", ".join(str(v) for v in valid),
    )


def facts_of(intended_use: IntendedUse, further: Mapping[str, Any] | None = None) -> UseFacts:
    """Facts from the declared intended use and further ones beside it.

    Optional keys of the declaration that carry the name of a fact are taken too.

    Raises
    ------
    UnknownFact
        A further fact has an unknown name or value.
    ContradictingUse
        Two facts cannot both hold.
    """
    known = {f.name for f in fields(UseFacts)}
    declared = {
        k: v
        for k, v in intended_use.model_dump(mode="json").items()
        if k in known and v is not None
    }
    return read_facts({**declared, **(further or {})})


_REFERENCE_ONLY = re.compile(
    r"for (?:reference|information|informational purposes) only|not (?:be )?used? (?:alone|on a "
    r"stand-?alone basis)|for review by|reviewed by|참고용|참고 ?목적|단독으로 사용",
    re.IGNORECASE,
)


def contradictions(facts: UseFacts) -> None:
    """Raise when two facts cannot both hold.

    Raises
    ------
    ContradictingUse
        Names both.
    """
    if facts.autonomy == "autonomous":
        found = _REFERENCE_ONLY.search(facts.statement)
        if found is not None:
            raise ContradictingUse(
                "cannot tell: the intended use says both that it acts alone and that somebody "
                "else decides",
                where="autonomy, statement",
                found=f"autonomous, and '{found.group(0)}'",
                mend="say which holds: autonomy: assistive, or a statement without the reservation",
            )
        if facts.workflow in ("second-read", "concurrent", "first-read"):
            raise ContradictingUse(
                "cannot tell: autonomous, and at the side of a reader",
                where="autonomy, workflow",
                found=f"autonomous, and {facts.workflow}",
                mend="state autonomy: assistive, or workflow: unattended",
            )
    if facts.storage_only and facts.has("mark", "score", "diagnosis", "triage-flag", "prognosis"):
        raise ContradictingUse(
            "cannot tell: it only stores or displays, and it interprets",
            where="storage_only, outputs",
            found="storage_only, and " + ", ".join(sorted(facts.outputs)),
            mend="leave out storage_only, or the outputs that interpret",
        )
    if facts.subject == "image-quality" and facts.has("mark", "diagnosis", "score", "prognosis"):
        raise ContradictingUse(
            "cannot tell: the outputs concern image quality alone, and a finding",
            where="subject, outputs",
            found="image-quality, and " + ", ".join(sorted(facts.outputs)),
            mend="state subject: abnormality or anatomy",
        )


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
    subject = take(
        "subject",
        "abnormality"
        if clinical
        else "anatomy"
        if facts.has("contour", "measurement", "treatment")
        else "image-quality",
        "taken from the outputs",
    )
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


def with_outputs(facts: UseFacts, outputs: Iterable[str]) -> UseFacts:
    """The same use with other outputs."""
    return replace(facts, outputs=frozenset(outputs))
