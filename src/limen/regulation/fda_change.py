"""United States: FDA's flowchart for software changes, and the plan that spares it."""

from __future__ import annotations

from datetime import date

from limen.regulation.change import ChangeAnswer, Deciding, Decision, Situation
from limen.regulation.difference import Difference

_FILE = "Write the assessment into the file (letter to file)."
_NEW = (
    "File a new 510(k) (premarket notification); a Special 510(k) may do when methods to show it "
    "are well established."
)
_RECORD = "Record the modification, the protocol's results and the new labelling."


def decide_fda(d: Difference, situation: Situation, on: date) -> ChangeAnswer:
    """FDA's answer to one difference; compared with the most recently cleared device."""
    return _Fda(d, situation, on).answer()


class _Fda:
    def __init__(self, d: Difference, situation: Situation, on: date) -> None:
        self.d, self.s = d, situation
        self.k = Deciding("fda", on, d)

    def _new(self, rule: str, question: str, because: str) -> Decision:
        return self.k.decide("new-submission", rule, question, because, _NEW)

    def _file(self, rule: str, question: str, because: str) -> Decision:
        return self.k.decide("document", rule, question, because, _FILE)

    def answer(self) -> ChangeAnswer:
        d, k = self.d, self.k
        if "fda" in self.s.class_changes and d.kind in ("output", "presentation", "wording"):
            return k.answer(
                self._new(
                    "807.81",
                    "Does the device still fall under its regulation?",
                    "it falls under another regulation afterwards",
                )
            )
        if d.purpose == "wider":
            rule = "pccp.scope" if "fda" in d.in_plan else "intended-use"
            because = (
                "the plan cannot hold a new intended use"
                if "fda" in d.in_plan
                else "intended use or indications are extended"
            )
            return k.answer(
                self._new(rule, "Does the intended use change? (guidance 216)", because)
            )
        if "fda" in d.plan_failed:
            return k.answer(
                self._new(
                    "pccp.consistent",
                    "Was it made as the plan's protocol says?",
                    "the protocol was not passed or not followed, which is a deviation",
                )
            )
        if "fda" in d.in_plan:
            return k.answer(
                k.decide(
                    "within-plan",
                    "515C",
                    "Is it consistent with the authorised plan?",
                    "the plan describes it and its protocol was passed",
                    _RECORD,
                )
            )
        return self._flowchart()

    def _flowchart(self) -> ChangeAnswer:
        d, k = self.d, self.k
        if d.new_hazard:
            return k.answer(
                self._new(
                    "sw.q3a",
                    "Q3a: a new risk of serious harm that is not mitigated?",
                    "it brings such a risk",
                )
            )
        if d.changes_risk_control:
            return k.answer(
                self._new(
                    "sw.q3b",
                    "Q3b: a new or changed control of such a risk?",
                    "it changes such a control",
                )
            )
        if d.only_security:
            return k.answer(
                self._file("sw.q1", "Q1: only to strengthen cybersecurity?", "security alone")
            )
        if d.restores_specification:
            return k.answer(
                self._file(
                    "sw.q2",
                    "Q2: only to return to the cleared specification?",
                    "it returns to that specification",
                )
            )
        if d.purpose == "narrower":
            return k.answer(
                self._file(
                    "intended-use",
                    "Does the intended use change? (guidance 216)",
                    "it is only narrowed, which adds no claim",
                )
            )
        if d.use_may_change:
            return k.answer(
                self._new(
                    "intended-use",
                    "Does the intended use change? (guidance 216)",
                    "nobody said that the intended use stays the same",
                ),
                self._file("intended-use", "The same", "the intended use is shown to be the same"),
            )
        return self._question_four()

    def _question_four(self) -> ChangeAnswer:
        d, k = self.d, self.k
        q4 = "Q4: could it significantly affect clinical functionality or performance?"
        if d.performance == "significant" or d.benefit_risk_worse:
            return k.answer(self._new("sw.q4", q4, "it does"))
        if d.kind == "output":
            if d.added:
                return k.answer(self._new("sw.q4", q4, "an output is added: new functionality"))
            if d.performance is None and d.alters_reading is not False:
                return k.answer(
                    self._new("sw.q4", q4, "an output is taken away or changed"),
                    self._file("sw.q4", q4, "users are shown not to depend on it"),
                )
        if d.kind == "presentation" and d.alters_reading is not False:
            if d.alters_reading:
                return k.answer(self._new("sw.q4", q4, "the output will be read differently"))
            return k.answer(
                self._new("sw.q4", q4, "nobody showed that it is read as before"),
                self._file("sw.q4", q4, "it is shown to be read as before"),
            )
        if d.performance == "none":
            return k.answer(self._file("sw.q4", q4, "the outputs are shown to be the same"))
        if d.is_algorithm:
            return self._algorithm(q4)
        if d.kind == "input-range":
            return k.answer(
                self._new("sw.q4", q4, "inputs are added that the clearance does not name"),
                self._file("sw.q4", q4, "the inputs are shown to be of the cleared type"),
            )
        if d.kind in ("runtime", "bug-fix") and d.performance is None:
            return k.answer(
                self._new("sw.q4", q4, "nobody showed that the outputs stay the same"),
                self._file("sw.q4", q4, "the outputs are shown to be the same"),
            )
        return k.answer(self._file("sw.q4", q4, "it affects neither"))

    def _algorithm(self, q4: str) -> ChangeAnswer:
        d, k = self.d, self.k
        if d.performance is None:
            return k.answer(
                self._new("sw.q4", q4, "it could, because the performance was not measured"),
                self._file("sw.q4", q4, "it is shown to stay within the specification"),
            )
        small = self._file("sw.q4", q4, "the performance stays within its specification")
        if self.s.cade:
            return k.answer(
                self._new(
                    "cade.change",
                    "CADe: a change of algorithm, training or parameters?",
                    "for CADe such a change may be significant",
                ),
                small,
            )
        if d.kind == "architecture":
            return k.answer(
                self._new(
                    "sw.core", "Is the core algorithm rewritten?", "the architecture is another"
                ),
                small,
            )
        return k.answer(small)
