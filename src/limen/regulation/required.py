"""What evidence each regime asks for a class, each line bound to the evidence of the product."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from limen.regulation.answer import RegimeAnswer
from limen.regulation.rules import BOOK, Rule

State = Literal["present", "falls short", "stale", "missing", "outside Limen"]


@dataclass(frozen=True)
class Required:
    """One line of a list: what is asked for, by which rule, and where it stands.

    Attributes
    ----------
    item : str
    rule : Rule
    kinds : tuple of str
        Kinds of evidence that answer it.
    state : str
        ``falls short``: it is there and fresh, on data that may not carry a submission;
        ``outside Limen`` when what lacks is a document of `FILED` that nobody filed.
    missing : tuple of str
        Kinds that are missing, stale or fall short.
    """

    item: str
    rule: Rule
    kinds: tuple[str, ...]
    state: State
    missing: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        return {
            "item": self.item,
            "citation": self.rule.cited,
            "evidence": list(self.kinds),
            "state": self.state,
            "missing": list(self.missing),
        }


FILED: dict[str, tuple[str, ...]] = {
    "reader-study": ("model", "intended use"),
    "triage-time": ("model", "intended use"),
    "korean-test-data": ("model",),
    "agreed-evidence": ("model", "intended use"),
    "clinical-association": ("intended use",),
    "clinical-evaluation": ("model", "intended use"),
    "risk-file": ("model", "intended use"),
    "usability-file": ("intended use",),
    "software-documentation": ("model",),
    "life-cycle-file": ("model",),
    "security-file": ("model",),
    "surveillance-plan": ("intended use",),
    "quality-system": (),
}
"""Documents that are made outside Limen, and what each goes stale with when it was filed."""

_STANDALONE = ("summary", "verdicts")
_Line = tuple[str, str, tuple[str, ...]]
_READING_AID = ("892.2060", "892.2070", "892.2090")


def required_evidence(answer: RegimeAnswer, states: Mapping[str, str]) -> tuple[Required, ...]:
    """The list for an answer, bound to evidence.

    Parameters
    ----------
    answer : RegimeAnswer
    states : mapping
        By kind of evidence ``fresh``, ``falls short`` or ``stale``; a kind that is not there is
        missing.

    Raises
    ------
    RuleNotInForce
        A rule of the list was not in force on the answer's date.
    """
    if answer.qualifies != "device":
        return ()
    lines = {"fda": _fda, "mdr": _mdr, "mfds": _mfds}[answer.regime](answer)
    found = []
    for item, rule, kinds in lines:
        lacking = tuple(k for k in kinds if states.get(k) != "fresh")
        absent = [k for k in lacking if k not in states]
        state: State = "present"
        if absent and all(k in FILED for k in absent):
            state = "outside Limen"
        elif absent:
            state = "missing"
        elif any(states[k] == "stale" for k in lacking):
            state = "stale"
        elif lacking:
            state = "falls short"
        named = BOOK.get(f"{answer.regime}.{rule}", answer.on)
        found.append(Required(item, named, kinds, state, lacking))
    return tuple(found)


def _fda(answer: RegimeAnswer) -> list[_Line]:
    lines: list[_Line] = []
    if answer.category.endswith("892.2080"):
        lines += [
            ("standalone accuracy by cohort, with intervals", "2080.controls", _STANDALONE),
            ("effective triage, as time to review", "2080.controls", ("triage-time",)),
        ]
    elif answer.category.endswith(_READING_AID):
        lines += [
            ("standalone performance by cohort, with intervals", "2060.controls", _STANDALONE),
            ("reader study: improved reader performance", "2060.controls", ("reader-study",)),
        ]
    elif answer.ask is None:
        lines += [
            ("bias, precision and uncertainty over the range", "quantitative", _STANDALONE),
        ]
    else:
        lines += [("evidence as agreed with FDA", "denovo", ("agreed-evidence",))]
    return [
        *lines,
        ("limits and failure situations for the label", "objective-intent", ("boundary",)),
        (
            "software documentation, Basic or Enhanced",
            "software.documentation",
            ("software-documentation",),
        ),
        ("cybersecurity plan and bill of materials", "cyber", ("security-file",)),
        ("quality management system (QMSR)", "qmsr", ("quality-system",)),
    ]


def _mdr(answer: RegimeAnswer) -> list[_Line]:
    lines: list[_Line] = [
        ("valid clinical association", "clinical", ("clinical-association",)),
        ("technical performance", "clinical", _STANDALONE),
        (
            "clinical performance in the target population",
            "clinical",
            ("reader-study", "clinical-evaluation"),
        ),
        ("risk file (ISO 14971), fed by failure modes", "annex1", ("boundary", "risk-file")),
        ("usability file (IEC 62366-1)", "annex1", ("usability-file",)),
        (
            "software life cycle (IEC 62304 class A, B or C), security",
            "annex1",
            ("life-cycle-file", "security-file"),
        ),
        ("label and instructions with limits", "annex1", ("boundary",)),
        ("post-market surveillance plan", "pms", ("surveillance-plan",)),
    ]
    return lines


def _mfds(answer: RegimeAnswer) -> list[_Line]:
    grade = int(answer.klass.removeprefix("grade "))
    lines: list[_Line] = [
        ("intended use, principle of work, software validation", "dossier", _STANDALONE),
        ("label: training data, performance, limits", "labelling", ("boundary",)),
        ("cybersecurity and usability", "dossier", ("security-file", "usability-file")),
    ]
    if grade >= 3:
        lines += [
            ("clinical evaluation", "dossier", ("clinical-evaluation",)),
            ("test data of Korean subjects", "korean-data", ("korean-test-data",)),
        ]
    elif grade == 2:
        lines += [
            (
                "clinical data, or analytical performance in its place",
                "clinical-waiver",
                _STANDALONE,
            ),
            ("test data of Korean subjects", "korean-data", ("korean-test-data",)),
        ]
    return lines
