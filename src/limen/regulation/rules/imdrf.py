"""What the International Medical Device Regulators Forum says; the EU table and the Korean matrix
are built on it."""

from __future__ import annotations

from datetime import date

from limen.regulation.rules.rule import Confidence, Rule

_SINCE, _REVIEW = date(2014, 9, 18), date(2027, 5, 24)
_N12 = "IMDRF/SaMD WG/N12FINAL:2014"


def _rule(name: str, place: str, text: str, confidence: Confidence = "primary") -> Rule:
    return Rule(
        f"imdrf.n12.{name}", "imdrf", _SINCE, None, f"{_N12}, {place}", text, confidence, _REVIEW
    )


RULES = (
    _rule(
        "treat-or-diagnose",
        "5.1.1",
        "The information is used to act at once or soon: to treat, or to diagnose, screen for or "
        "detect a disease or condition.",
    ),
    _rule(
        "drive",
        "5.1.2",
        "The information guides the next test or treatment: it aids treatment, aids a diagnosis, "
        "predicts risk, triages, or points to early signs.",
    ),
    _rule(
        "inform",
        "5.1.3",
        "The information brings no immediate or near action: it lists options or gathers clinical "
        "information.",
    ),
    _rule(
        "matrix",
        "7",
        "Category IV to I from the state of the patient (critical, serious, non-serious) and the "
        "significance of the information (treat or diagnose, drive, inform).",
    ),
)
