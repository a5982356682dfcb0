"""Korea: the five items of the Enforcement Rule, and the change management plan."""

from __future__ import annotations

from datetime import date

from limen.regulation.change import ChangeAnswer, Deciding, Decision, Situation
from limen.regulation.difference import Difference

_REPORT = "Record it and report it by 31 January; names and safety information each quarter."
_SHOWN = "method and core performance are shown to stay"
_QUARTER = "Record it and report it in the month after the quarter's end, with before and after."


def decide_mfds(d: Difference, situation: Situation, on: date) -> ChangeAnswer:
    """MFDS's answer to one difference."""
    return _Mfds(d, situation, on).answer()


class _Mfds:
    def __init__(self, d: Difference, situation: Situation, on: date) -> None:
        self.d, self.s = d, situation
        self.k = Deciding("mfds", on, d)

    def answer(self) -> ChangeAnswer:
        d, k = self.d, self.k
        grade = "mfds" in self.s.class_changes and d.kind in ("output", "presentation", "wording")
        if "mfds" in d.in_plan:
            outside = grade or d.needs_trial or d.purpose == "wider"
            question = "Is it within the change management plan?"
            if outside:
                because = "a plan holds no change of grade, no wider use and no new clinical trial"
                return k.answer(self._change("plan.limits", question, because))
            because = "the plan describes it and its procedure was followed"
            return k.answer(k.decide("within-plan", "plan", question, because, _QUARTER))
        if grade:
            return k.answer(self._regraded())
        return self._items()

    def _items(self) -> ChangeAnswer:
        d, k = self.d, self.k
        one = "Item 1: intended use or core performance?"
        two = "Item 2: what is analysed, or the analysis method?"
        if d.purpose in ("wider", "narrower"):
            return k.answer(self._change("change.1", one, f"the intended use becomes {d.purpose}"))
        if d.use_may_change:
            return k.answer(
                self._change("change.1", one, "nobody said that the intended use stays"),
                self._report("the intended use is shown to stay"),
            )
        if d.kind in ("training-data", "training-sites"):
            because = "the training data stand on the licence"
            change = self._change("licence", one, because)
            if d.performance == "significant":
                return k.answer(change)
            return k.answer(change, self._report(_SHOWN))
        if d.kind in ("architecture", "preprocessing"):
            return k.answer(self._change("change.2", two, "the analysis method is another"))
        if d.kind == "output" and (d.added or d.alters_reading is not False):
            return k.answer(self._change("change.1", one, "what it gives changes"))
        if d.performance == "significant" or d.benefit_risk_worse:
            return k.answer(self._change("change.1", one, "a core performance changes"))
        if d.only_security or d.restores_specification:
            return k.answer(self._report("it changes none of the five items"))
        return self._further(one, two)

    def _further(self, one: str, two: str) -> ChangeAnswer:
        d, k = self.d, self.k
        if d.kind in ("weights", "bug-fix") and (d.kind == "weights" or d.performance is None):
            return k.answer(
                self._change("change.2", two, "it reads as another algorithm"),
                self._report(_SHOWN),
            )
        if d.kind == "input-range" and d.performance != "none":
            return k.answer(
                self._change("change.2", two, "further inputs read as another target"),
                self._report("the kind of image stays the same"),
            )
        if d.kind == "threshold" and d.performance != "none":
            return k.answer(
                self._change("change.1", one, "a threshold moves core performance"),
                self._report(_SHOWN),
            )
        if d.kind == "runtime" and d.major_component:
            three = "Item 3: development language or operating environment?"
            return k.answer(self._change("change.3", three, "the environment is another"))
        if d.kind == "runtime" and d.performance is None:
            return k.answer(
                self._change("change.1", one, "nobody measured that core performance stays"),
                self._report(_SHOWN),
            )
        if d.new_channel:
            four = "Item 4: communication that affects security?"
            return k.answer(self._change("change.4", four, "a new channel affects security"))
        if d.kind == "presentation" or d.summative:
            five = "Item 5: a use that needs a summative evaluation?"
            if d.summative:
                return k.answer(self._change("change.5", five, "a summative evaluation is needed"))
            if d.summative is None and d.alters_reading is not False:
                return k.answer(
                    self._change("change.5", five, "nobody said that no evaluation is needed"),
                    self._report("no summative evaluation is needed"),
                )
        return k.answer(self._report("it changes none of the five items"))

    def _regraded(self) -> Decision:
        """The product falls under another purpose or grade afterwards."""
        after = self.s.kr_grade_after
        question = "Item 1: intended use or core performance?"
        if after == 1:
            return self._change("change.1", question, "the purpose changes, within grade 1")
        because = "purpose and grade change, and the route of the new grade holds"
        action = "Apply for certification (grade 2) or approval (grades 3 and 4) of the new grade."
        return self.k.decide("new-submission", "change.1", question, because, action)

    def _change(self, rule: str, question: str, because: str) -> Decision:
        if self.s.kr_grade == 1:
            action = "Notify the change (변경신고) within 30 days of its cause."
            return self.k.decide("notify", rule, question, because, action)
        kind = "certification (변경인증)" if self.s.kr_grade == 2 else "approval (변경허가)"
        action = f"Apply for change {kind} within 30 days of its cause."
        return self.k.decide("new-submission", rule, question, because, action)

    def _report(self, because: str) -> Decision:
        question = "None of items 1 to 5?"
        return self.k.decide("notify", "report", question, because, _REPORT)
