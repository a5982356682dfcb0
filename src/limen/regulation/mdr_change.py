"""European Union: MDR Annex IX 4.10 for certified devices, MDCG 2020-3 for legacy devices."""

from __future__ import annotations

from datetime import date

from limen.regulation.change import ChangeAnswer, Deciding, Decision, Situation
from limen.regulation.difference import Difference

_FILE = (
    "Update the technical documentation; judge whether a new device identifier (UDI-DI) is due, or "
    "only a production identifier (UDI-PI)."
)
_BODY = (
    "Tell the notified body (the assessor that issued the certificate) and wait for its approval; "
    "judge whether a new device identifier (UDI-DI) is due."
)
_NEW = "New conformity assessment by the notified body."
_LEGACY_NEW = "Not allowed under the old certificate: certify under the MDR first."
_LEGACY_FILE = "Document it as non-significant; the notified body verifies it in surveillance."


def decide_mdr(d: Difference, situation: Situation, on: date) -> ChangeAnswer:
    """The EU's answer to one difference."""
    if situation.eu == "legacy":
        return _Legacy(d, on).answer()
    return _Certified(d, situation, on).answer()


class _Certified:
    """A device certified, or declared in class I, under the MDR."""

    def __init__(self, d: Difference, situation: Situation, on: date) -> None:
        self.d, self.s = d, situation
        self.k = Deciding("mdr", on, d)

    def answer(self) -> ChangeAnswer:
        d, k = self.d, self.k
        if "mdr" in self.s.class_changes and d.kind in ("output", "presentation", "wording"):
            return k.answer(
                k.decide(
                    "new-submission",
                    "steps.again",
                    "MDCG 2019-11 s.8: does the class stay?",
                    "the class changes",
                    _NEW,
                )
            )
        if d.purpose == "wider":
            return k.answer(self._new())
        if "mdr" in d.in_plan:
            return k.answer(
                k.decide(
                    "within-plan",
                    "aia.predetermined",
                    "Was it predetermined and assessed with the certificate?",
                    "it was, and it was made as laid down",
                    "Record it; it is no change under Annex IX 4.10.",
                )
            )
        if d.use_may_change and self.s.eu_class != "I":
            return k.answer(self._new("nobody said that the intended purpose stays"), self._same())
        if self.s.eu_class == "I":
            return k.answer(
                k.decide(
                    "document",
                    "conformity",
                    "Is there a certificate?",
                    "class I has no notified body, and the class stays",
                    _FILE,
                )
            )
        return self._annex_nine()

    def _annex_nine(self) -> ChangeAnswer:
        d, k = self.d, self.k
        question = "Annex IX 4.10: could it affect safety, performance or conditions of use?"
        yes = self._why_it_could()
        if yes is not None:
            main = k.decide("notify", "ix.4.10", question, yes, _BODY)
            if d.kind == "output" and d.added and d.purpose is None:
                return k.answer(self._new("a new output may be a new purpose"), main)
            unknown = (
                d.kind in ("presentation", "output") and not d.added and d.alters_reading is None
            )
            if unknown and d.performance is None and not self._hazard():
                return k.answer(main, self._same())
            return k.answer(main)
        return k.answer(k.decide("document", "ix.4.10", question, "it could affect none", _FILE))

    def _hazard(self) -> bool:
        d = self.d
        return d.new_hazard or d.changes_risk_control or d.benefit_risk_worse

    def _why_it_could(self) -> str | None:
        d = self.d
        if self._hazard():
            return "it touches a risk or its control"
        if d.only_security or d.restores_specification:
            return None
        if d.purpose == "narrower":
            return "the prescribed conditions of use change"
        if d.kind == "output" and (d.added or d.alters_reading is not False):
            return "what it shows changes"
        if d.kind == "presentation" and d.alters_reading is not False:
            return "the output may be read differently"
        if d.new_channel or d.closed_loop or d.major_component:
            return "a component, channel or loop of the device changes"
        if d.performance in ("minor", "significant"):
            return "its performance changes"
        if d.kind == "input-range" and d.performance != "none":
            return "the prescribed conditions of use change"
        if d.performance is None and (d.is_algorithm or d.kind in ("runtime", "bug-fix")):
            return "its performance may change, and was not measured"
        return None

    def _new(self, because: str = "the intended purpose is extended") -> Decision:
        return self.k.decide(
            "new-submission",
            "purpose",
            "Does the intended purpose stay within the certificate?",
            because,
            _NEW,
        )

    def _same(self) -> Decision:
        return self.k.decide(
            "document",
            "ix.4.10",
            "Annex IX 4.10",
            "purpose and reading are shown to stay the same",
            _FILE,
        )


class _Legacy:
    """A device under MDR Art 120(3c): the charts of MDCG 2020-3, and its text where they differ."""

    def __init__(self, d: Difference, on: date) -> None:
        self.d = d
        self.k = Deciding("mdr", on, d)

    def _yes(self, rule: str, question: str, because: str) -> Decision:
        return self.k.decide("new-submission", rule, question, because, _LEGACY_NEW)

    def _no(self, rule: str, question: str, because: str) -> Decision:
        return self.k.decide("document", rule, question, because, _LEGACY_FILE)

    def answer(self) -> ChangeAnswer:
        d, k = self.d, self.k
        a = "Chart A: does the intended purpose change?"
        if d.purpose == "wider":
            return k.answer(self._yes("legacy.A2-A4", a, "it is extended"))
        if d.benefit_risk_worse or d.new_hazard:
            return k.answer(
                self._yes("legacy.C5", "C5: benefit against risk worse?", "it becomes worse")
            )
        if d.closed_loop:
            return k.answer(
                self._yes("legacy.C3", "C3: closed loop instead of user input?", "it does")
            )
        if d.only_security or d.restores_specification or d.kind in ("security", "speed"):
            return k.answer(
                self._no("legacy.minor", "4.3.2.3: an example of non-significant?", "it is one")
            )
        if d.purpose == "narrower":
            return k.answer(self._no("legacy.A1", a, "it is only limited"))
        if d.use_may_change:
            return k.answer(
                self._yes("legacy.A2-A4", a, "nobody said that the purpose stays"),
                self._no("legacy.A1", a, "the purpose is shown to stay"),
            )
        return self._chart_c()

    def _chart_c(self) -> ChangeAnswer:
        d, k = self.d, self.k
        if d.kind == "runtime":
            c1 = "C1: new or major change of operating system or component?"
            if d.major_component:
                return k.answer(self._yes("legacy.C1", c1, "the software has to be changed for it"))
            return k.answer(self._no("legacy.C1", c1, "a minor update"))
        if d.kind == "architecture":
            c2 = "C2: new or modified architecture?"
            return k.answer(self._yes("legacy.C2", c2, "chart and text say so"))
        if d.is_algorithm or d.kind == "bug-fix":
            c2 = "C2: change of an algorithm?"
            chart = self._yes("legacy.C2", c2, "the chart takes any change of an algorithm")
            if d.alters_diagnosis:
                return k.answer(chart)
            because = (
                "diagnosis and therapy stay the same"
                if d.alters_diagnosis is False
                else "it is shown that diagnosis and therapy stay the same"
            )
            return k.answer(chart, self._no("legacy.C2.text", c2, because))
        if d.kind == "interface":
            c4 = "C4: new channel of interoperability?"
            if d.new_channel:
                return k.answer(self._yes("legacy.C4", c4, "it is a new channel"))
            return k.answer(self._no("legacy.C4.text", c4, "the channel exists already"))
        if d.kind in ("output", "presentation"):
            return self._chart_c4()
        if d.kind == "input-range":
            b2 = "B2: affects performance and worsens benefit against risk?"
            return k.answer(self._no("legacy.B2", b2, "it does not worsen it"))
        return k.answer(
            self._no("legacy.minor", "4.3.2.3: an example of non-significant?", "wording alone")
        )

    def _chart_c4(self) -> ChangeAnswer:
        d, k = self.d, self.k
        c4 = "C4: new user interface, medical feature or presentation of data?"
        if d.kind == "output" and d.added:
            return k.answer(self._yes("legacy.C4", c4, "it is a new medical feature"))
        chart = self._yes("legacy.C4", c4, "the chart takes any new presentation")
        if d.alters_reading:
            return k.answer(
                self._yes("legacy.C4", c4, "chart and text: the data are read differently")
            )
        because = (
            "the data are read as before"
            if d.alters_reading is False
            else "it is shown that the data are read as before"
        )
        return k.answer(chart, self._no("legacy.C4.text", c4, because))
