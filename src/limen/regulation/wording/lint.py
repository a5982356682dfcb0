"""``lint``: what a text says, held against the evidence; each finding with a corrected sentence."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from limen.regulation.wording.benefit import BENEFITS
from limen.regulation.wording.beyond import ANYBODY, BEYOND
from limen.regulation.wording.comparisons import COMPARISONS, STATUS
from limen.regulation.wording.corrected import (
    figure_words,
    is_korean,
    limit_words,
    permitted,
    without,
)
from limen.regulation.wording.documents import Block, Document
from limen.regulation.wording.evidence import SIMULATED, SupportedFigure, WordingEvidence
from limen.regulation.wording.numbers import Claim, Numbers, numbers_in
from limen.regulation.wording.words import (
    is_about_the_study,
    of_the_patients,
    phrases,
    spoken_of_others,
)

CODES = {
    "unsupported-number": "no evidence stands behind the number",
    "different-number": "the evidence says another number",
    "bare-number": "the number stands without interval, n or origin",
    "beyond-class": "the words say more than the product does",
    "status": "a regulatory status is claimed that is not held",
    "comparison": "a comparison without a study",
    "benefit": "a benefit is promised that no study shows",
    "limit-dropped": "a limit has disappeared",
    "limit-denied": "the words deny a limit",
}
"""Every kind of finding."""


@dataclass(frozen=True)
class Finding:
    """One thing that a text may not say, or has to say.

    Attributes
    ----------
    code : str
        See ``CODES``.
    place : str
    text : str
        The sentence; "" when something is missing from the whole document.
    phrase : str
    evidence : str
        What is known, with the digest of its record where there is one.
    corrected : str
        A sentence that can stand.
    """

    code: str
    place: str
    text: str
    phrase: str
    evidence: str
    corrected: str

    def as_dict(self) -> dict[str, str]:
        return {
            "code": self.code,
            "place": self.place,
            "text": self.text,
            "phrase": self.phrase,
            "evidence": self.evidence,
            "corrected": self.corrected,
        }


@dataclass(frozen=True)
class Linted:
    """What was found in a document, and what of it could not be read."""

    document: str
    findings: tuple[Finding, ...]
    unread: tuple[str, ...]

    @property
    def clean(self) -> bool:
        return not self.findings

    def as_dict(self) -> dict[str, Any]:
        return {
            "document": self.document,
            "findings": [f.as_dict() for f in self.findings],
            "not_read": list(self.unread),
        }


def lint(document: Document, evidence: WordingEvidence) -> Linted:
    """Hold a document against what there is evidence for."""
    findings: list[Finding] = []
    claims_anything = False
    for block in document.blocks:
        found, claims = _Block(block, evidence).check()
        findings += found
        claims_anything = claims_anything or claims
    if claims_anything or findings:
        findings += _dropped(document, evidence)
    return Linted(document.name, tuple(findings), document.unread)


_STUDIED = re.compile(
    r"\b(?:validat|test|evaluat|prove|check|stud(?:y|ied))\w* (?:\w+ ){0,2}(?:on|in|with|by)\b|"
    r"검증|시험|평가",
    re.IGNORECASE,
)
_END = re.compile(r"(?<=[.!?。])\s+(?=[A-Z0-9\"“'(가-힣])")
_ABBREVIATION = re.compile(r"(?:\b(?:vs|e\.g|i\.e|approx|No|Dr|Fig|resp|incl|cf)\.)$")


def sentences(text: str) -> list[str]:
    """The sentences of a block."""
    found: list[str] = []
    for part in _END.split(text):
        if found and _ABBREVIATION.search(found[-1]):
            found[-1] += " " + part
        else:
            found.append(part)
    return [s.strip() for s in found if s.strip()]


class _Block:
    def __init__(self, block: Block, evidence: WordingEvidence) -> None:
        self.block, self.evidence = block, evidence
        self.whole = numbers_in(block.text)
        self.findings: list[Finding] = []
        self._claims = False

    def check(self) -> tuple[list[Finding], bool]:
        for sentence in sentences(self.block.text):
            self._words(sentence)
            self._status(sentence)
            self._comparisons(sentence)
            self._benefits(sentence)
            self._denied_limits(sentence)
            self._numbers(sentence)
        return self.findings, self._claims

    def _add(self, code: str, sentence: str, phrase: str, evidence: str, corrected: str) -> None:
        self.findings.append(Finding(code, self.block.place, sentence, phrase, evidence, corrected))

    # --- words ---

    def _words(self, sentence: str) -> None:
        e = self.evidence
        allowed = e.outputs | ({"autonomous"} if e.autonomous else set())
        said = False
        for group in BEYOND:
            if allowed & set(group.outputs):
                continue
            found = phrases(group.words, sentence, denies=group.denies)
            if group.name in ("diagnosis", "treatment", "score", "disease"):
                found = [p for p in found if not spoken_of_others(sentence, p)]
            if group.name == "disease" and of_the_patients(sentence):
                continue
            if group.name == "disease" and said:
                continue  # the same words were found by a more special group
            if found:
                said = True
                outputs = ", ".join(sorted(e.outputs)) or "none"
                known = f"{group.because}; its outputs: {outputs}"
                self._add("beyond-class", sentence, found[0], known, permitted(e, sentence))

    def _status(self, sentence: str) -> None:
        for status, pattern in STATUS:
            held = status in self.evidence.statuses or (
                status == "fda-cleared" and "fda-approved" in self.evidence.statuses
            )
            found = phrases(pattern, sentence)
            if found and not held:
                known = "no such clearance, certificate or approval is among the evidence"
                self._add("status", sentence, found[0], known, without(sentence))

    def _comparisons(self, sentence: str) -> None:
        for kind, listed in COMPARISONS.items():
            if kind in self.evidence.studies:
                continue
            found = phrases("|".join(listed), sentence)
            if found:
                known = f"there is no study that compares with {_AGAINST[kind]}"
                self._add("comparison", sentence, found[0], known, self._instead(sentence))
                return

    def _benefits(self, sentence: str) -> None:
        """Promises by their grammar, where nothing more special was found in the sentence."""
        carried = [p for k in self.evidence.studies for p in COMPARISONS[k]]
        told = any(f.text == sentence for f in self.findings) or is_about_the_study(sentence)
        if told or (carried and phrases("|".join(carried), sentence)):
            return
        for benefit in BENEFITS:
            if benefit.study in self.evidence.studies:
                continue
            found = phrases(benefit.words, sentence)
            if benefit.of_the_product:
                found = [p for p in found if not spoken_of_others(sentence, p)]
            if found:
                self._add("benefit", sentence, found[0], benefit.because, self._instead(sentence))
                return

    def _instead(self, sentence: str) -> str:
        for metric in ("sensitivity", "auc", "dice", "accuracy"):
            figures = self.evidence.of(metric)
            if figures:
                return figure_words(figures[0], sentence)
        return permitted(self.evidence, sentence)

    def _denied_limits(self, sentence: str) -> None:
        found = phrases("|".join(ANYBODY), sentence)
        if found and self.evidence.limits:
            known = "; ".join(limit.words for limit in self.evidence.limits)
            corrected = " ".join(limit_words(limit, sentence) for limit in self.evidence.limits)
            self._add("limit-denied", sentence, found[0], known, corrected)
        for limit in self.evidence.limits:
            for pattern in limit.contradicted_by:
                found = phrases(pattern, sentence)
                if found:
                    self._add(
                        "limit-denied",
                        sentence,
                        found[0],
                        limit.words,
                        limit_words(limit, sentence),
                    )
                    break

    # --- numbers ---

    def _numbers(self, sentence: str) -> None:
        numbers = numbers_in(sentence)
        self._size_of_study(sentence, numbers)
        for claim in numbers.claims:
            if claim.metric == "confidence":
                continue
            self._claims = True
            self._number(sentence, claim, numbers)

    def _size_of_study(self, sentence: str, numbers: Numbers) -> None:
        """ "Validated on 100,000 scans": the n of a study that there is no figure of."""
        found = _STUDIED.search(sentence)
        known = {f.n for f in self.evidence.figures}
        large = [n for n in numbers.counts if n >= 50 and n not in known]
        if found and large and not set(numbers.counts) & known and not numbers.claims:
            told = "n of the evidence: " + (", ".join(map(str, sorted(known))) or "none")
            self._add("unsupported-number", sentence, str(large[0]), told, without(sentence))

    def _number(self, sentence: str, claim: Claim, numbers: Numbers) -> None:
        figures = self._figures(claim)
        name = claim.metric
        if not figures:
            known = f"no evidence for {name}"
            self._add("unsupported-number", sentence, claim.shown, known, without(sentence))
            return
        matching = [f for f in figures if abs(f.value - claim.value) <= claim.half + 1e-9]
        if not matching:
            known = "; ".join(figure_words(f, "") for f in figures)
            corrected = figure_words(figures[0], sentence)
            self._add("different-number", sentence, claim.shown, known, corrected)
            return
        self._beside(sentence, claim, matching, numbers)

    def _figures(self, claim: Claim) -> list[SupportedFigure]:
        if claim.metric != "missed":
            return self.evidence.of(claim.metric)
        # what is missed is what is not found
        return [
            SupportedFigure(
                "missed",
                1 - f.value,
                None if f.high is None else 1 - f.high,
                None if f.low is None else 1 - f.low,
                f.n,
                f.unit_of_n,
                f.data,
                f.origin,
                f.digest,
                f.confidence,
            )
            for f in self.evidence.of("sensitivity")
        ]

    def _beside(
        self, sentence: str, claim: Claim, figures: list[SupportedFigure], numbers: Numbers
    ) -> None:
        """Whether interval, n and origin stand beside the number, and are the right ones."""
        best = figures[0]
        intervals = numbers.intervals or self.whole.intervals
        counts = numbers.counts or self.whole.counts
        missing = []
        if best.low is not None and not intervals:
            missing.append("interval")
        if not counts:
            missing.append("n")
        simulated = best.origin in SIMULATED
        if simulated and not re.search(
            r"simulat|phantom|in-silico|synthetic|모의|시뮬레이션|팬텀|합성",
            self.block.text,
            re.IGNORECASE,
        ):
            missing.append("origin")
        if missing:
            known = f"missing: {', '.join(missing)}; {figure_words(best, '')}"
            self._add("bare-number", sentence, claim.shown, known, figure_words(best, sentence))
            return
        if intervals and not any(_same_interval(i, f) for i in intervals for f in figures):
            known = figure_words(best, "")
            self._add(
                "different-number", sentence, str(intervals[0]), known, figure_words(best, sentence)
            )
        elif not any(f.n in counts for f in figures):
            known = figure_words(best, "")
            self._add(
                "different-number",
                sentence,
                f"n = {counts[0]}",
                known,
                figure_words(best, sentence),
            )


_AGAINST = {
    "readers": "readers",
    "time": "working time",
    "outcome": "the patients' outcome",
    "products": "other products",
    "versions": "an earlier version",
}


def _same_interval(shown: tuple[float, float], figure: SupportedFigure) -> bool:
    if figure.low is None or figure.high is None:
        return False
    for factor in (1.0, 100.0):
        low, high = figure.low * factor, figure.high * factor
        tolerance = 0.51 if factor == 100.0 else 0.0051
        if figure.metric == "false marks per case":
            tolerance = 0.051
        if abs(low - shown[0]) <= tolerance and abs(high - shown[1]) <= tolerance:
            return True
    return False


def _dropped(document: Document, evidence: WordingEvidence) -> list[Finding]:
    """Limits that stand nowhere in a document that claims something."""
    text = document.text
    korean = is_korean(text)
    return [
        Finding(
            "limit-dropped",
            "whole document",
            "",
            limit.name,
            limit.words,
            limit.korean if korean else limit.words,
        )
        for limit in evidence.limits
        if not any(re.search(needle, text, re.IGNORECASE) for needle in limit.needles)
    ]
