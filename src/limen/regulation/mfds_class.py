"""Korea: grade from the matrix of the Digital Medical Products Act, function by function."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from limen.regulation.answer import Path, Reading, RegimeAnswer
from limen.regulation.facts import UseFacts

MATRIX = {
    ("critical", "act"): 4,
    ("critical", "management"): 3,
    ("critical", "information"): 2,
    ("serious", "act"): 3,
    ("serious", "management"): 2,
    ("serious", "information"): 1,
    ("non-serious", "act"): 2,
    ("non-serious", "management"): 1,
    ("non-serious", "information"): 1,
}
"""Notice 2026-4 Annex 4; ``act`` is treatment, rehabilitation, examination, diagnosis, drugs."""

_ROUTES = {
    1: "notification (신고)",
    2: "certification (인증) by the agency",
    3: "product approval (허가) by MFDS",
    4: "product approval (허가) by MFDS",
}
_LETTERS = {
    "examination": "A1",
    "diagnosis": "B1",
    "treatment": "C2",
    "management": "D1",
    "information": "F1",
}
_KOREAN = {
    "examination": "검사",
    "diagnosis": "진단",
    "treatment": "치료",
    "management": "임상적 관리 유도",
    "information": "정보제공",
}


@dataclass(frozen=True)
class _Function:
    """What one output does, in the terms of the notice."""

    purpose: str
    situation: str
    rule: str
    because: str
    other: _Function | None = None
    """What it is under the other reading that the guideline allows; its ``because`` says why."""

    @property
    def grade(self) -> int:
        column = self.purpose if self.purpose in ("management", "information") else "act"
        return MATRIX[self.situation, column]


def classify_mfds(facts: UseFacts, on: date) -> RegimeAnswer:
    """The answer for resolved facts.

    Raises
    ------
    RuleNotInForce
        A rule that it rests on was not in force on the date.
    """
    return _Mfds(facts, on).answer()


def adjusted(grade: int, harm: str) -> int:
    """Grade after the harm of a failure: within 2 to 4, never between 1 and 2."""
    if grade < 2:
        return grade
    return min(4, max(2, grade + {"death": 1, "injury": 0, "none": -1}[harm]))


class _Mfds:
    def __init__(self, facts: UseFacts, on: date) -> None:
        self.f = facts
        self.p = Path("mfds", on)
        self.also: list[Reading] = []
        self.ask: str | None = None

    def answer(self) -> RegimeAnswer:
        f, p = self.f, self.p
        if not f.medical_purpose:
            p.by("act2", "it has no purpose of the Act")
            return self._no("no purpose under Art 2(2)")
        p.by("act2", "it is software with a medical purpose")
        if f.storage_only and "image" not in f.inputs:
            p.by("exempt", "it only stores, transfers or displays data other than images")
            return self._no("exempt under Rule Art 11(6)")
        situation = self._situation()
        found = self._functions(situation)
        main = max(found, key=lambda x: (x.grade, x.other is None))
        p.by(main.rule, main.because)
        if len(found) > 1:
            p.by("highest", "of its functions the highest grade counts")
        if main.grade >= 2 and f.harm in ("death", "none"):
            p.by("harm", "a failure may kill" if f.harm == "death" else "a failure harms nobody")
        grade = adjusted(main.grade, f.harm or "injury")
        p.by("code", "the maker builds the code")
        p.by("route", f"its grade, {grade}, decides the route")
        p.by(
            "matrix",
            f"a {main.situation} state, and {main.purpose} ({_KOREAN[main.purpose]})",
        )
        self._other(main)
        self._lay(main)
        legacy = _legacy(main.purpose, f)
        notes = [f"Item under the earlier table: {legacy}."] if legacy else []
        notes.append(f"Confirmed in review: {p.rule('consult').text}")
        return RegimeAnswer(
            "mfds",
            p.on,
            "device",
            f"grade {grade}",
            f"{main.purpose} ({_KOREAN[main.purpose]})",
            (self._code(found, main),),
            _ROUTES[grade],
            tuple(p.steps),
            also=tuple(sorted(self.also, key=lambda r: r.klass, reverse=True)),
            ask=self.ask,
            notes=tuple(notes),
        )

    def _situation(self) -> str:
        f, p = self.f, self.p
        if f.death_within_24h:
            p.by("critical", "without the right care the patient may die within 24 hours")
            return "critical"
        if f.situation == "critical":
            p.by(
                "critical", "death within 24 hours is not to be feared, so it is not critical here"
            )
            return "serious"
        if f.situation == "serious":
            p.by("serious", "the disease is serious")
        return f.situation

    def _functions(self, situation: str) -> list[_Function]:
        f = self.f
        found: list[_Function] = []
        for output in sorted(f.outputs):
            function = self._function(output, situation)
            if function not in found:
                found.append(function)
        if f.storage_only:
            found = [
                _Function("information", situation, "information", "it stores or shows images")
            ]
        return found

    def _function(self, output: str, situation: str) -> _Function:
        if output in ("image", "guidance"):
            words = "it improves the image or guides its taking"
            return _Function("information", situation, "information", words)
        if output == "treatment":
            return _Function("treatment", situation, "treatment", "it plans or proposes treatment")
        if output == "prognosis":
            return _Function("management", situation, "management", "it predicts a future state")
        if output == "diagnosis":
            return _Function(
                "diagnosis", situation, "diagnosis", "it tells whether a disease is there"
            )
        if output == "measurement":
            return self._measurement(situation)
        if output == "contour":
            return self._contour(situation)
        return self._finding(output, situation)

    def _measurement(self, situation: str) -> _Function:
        f = self.f
        if f.functional:
            if situation == "serious":
                self.p.by("examination.state", "it measures, and does not judge the disease")
                situation = "non-serious"
            words = "it measures function or physics that only the software can give"
            return _Function("examination", situation, "examination", words)
        if f.subject == "abnormality" and f.found_by == "software":
            words = "it finds and measures what is not healthy"
            return _Function("diagnosis", situation, "diagnosis.abnormal", words)
        words = "it measures what a clinician could judge without it"
        return _Function("information", situation, "information", words)

    def _contour(self, situation: str) -> _Function:
        f = self.f
        if f.subject == "abnormality":
            # whoever found the lesion: the outline tells it from healthy tissue
            words = "it outlines tissue that is not healthy"
            return _Function("diagnosis", situation, "diagnosis.abnormal", words)
        information = _Function("information", situation, "information", "it outlines anatomy")
        if not f.for_treatment:
            return information
        other = replace(information, because="contours of anatomy read as information")
        because = "its contours go into a treatment plan"
        return _Function("treatment", situation, "contour-for-planning", because, other)

    def _finding(self, output: str, situation: str) -> _Function:
        f = self.f
        words = {
            "mark": "it marks an area",
            "score": "it scores a finding",
            "triage-flag": "it sorts cases",
            "report": "it drafts findings",
        }[output]
        if f.subject != "abnormality" and not f.disease_trained:
            return _Function("information", situation, "information", words + " of normal anatomy")
        if output == "triage-flag":
            because = words + " by a suspected disease"
            if f.unflagged == "not-read":
                return _Function("diagnosis", situation, "diagnosis", because + ", and rules out")
            other = _Function(
                "management",
                situation,
                "triage",
                "a flag read as guiding management, not as diagnosis",
            )
            return _Function("diagnosis", situation, "triage", because, other)
        rule = "diagnosis" if f.subject == "abnormality" else "diagnosis.trained"
        if output == "mark" and f.disease_trained:
            rule = "diagnosis.trained"
        return _Function("diagnosis", situation, rule, words + " that a disease is suspected in")

    def _other(self, main: _Function) -> None:
        if main.other is None:
            return
        grade = adjusted(main.other.grade, self.f.harm or "injury")
        category = f"{main.other.purpose} ({_KOREAN[main.other.purpose]})"
        self.also.append(self.p.reading(f"grade {grade}", category, main.rule, main.other.because))
        self.ask = (
            "MFDS, by prior review, whether this is "
            f"{main.purpose} or {main.other.purpose}; plan for the higher grade."
        )

    def _lay(self, main: _Function) -> None:
        if not self.f.lay_user or main.situation != "non-serious":
            return
        column = main.purpose if main.purpose in ("management", "information") else "act"
        grade = adjusted(MATRIX["serious", column], self.f.harm or "injury")
        self.also.append(
            self.p.reading(
                f"grade {grade}",
                f"{main.purpose} ({_KOREAN[main.purpose]})",
                "lay",
                "used by people without a professional, the state may count as serious",
            )
        )

    def _code(self, found: list[_Function], main: _Function) -> str:
        purposes = {x.purpose for x in found} - {"information"} or {"information"}
        head = f"I{len(purposes)}" if len(purposes) > 1 else _LETTERS[main.purpose]
        return f"{head}{'AB' if self.f.ai else 'AX'}XA1"

    def _no(self, why: str) -> RegimeAnswer:
        return RegimeAnswer(
            "mfds", self.p.on, "not a device", "", why, (), "none", tuple(self.p.steps)
        )


def _legacy(purpose: str, facts: UseFacts) -> str:
    if purpose == "diagnosis" and facts.has("score", "diagnosis"):
        return "diagnosis aid A26430.13 (의료영상 진단보조), was grade 3"
    if purpose == "diagnosis":
        return "detection aid A26430.15 (의료영상 검출보조), was grade 2"
    if purpose == "information" and facts.has("contour", "measurement"):
        return "image analysis A26430.06 (의료영상 분석), was grade 2"
    return ""
