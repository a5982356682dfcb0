"""European Union: class under MDR rule 11, and what the AI Act adds."""

from __future__ import annotations

from datetime import date

from limen.regulation.answer import Path, Reading, RegimeAnswer
from limen.regulation.facts import UseFacts
from limen.regulation.significance import significance_of

CLASSES = ("I", "IIa", "IIb", "III")
TABLE = {
    ("critical", "treat-or-diagnose"): "III",
    ("critical", "drive"): "IIb",
    ("critical", "inform"): "IIa",
    ("serious", "treat-or-diagnose"): "IIb",
    ("serious", "drive"): "IIa",
    ("serious", "inform"): "IIa",
    ("non-serious", "treat-or-diagnose"): "IIa",
    ("non-serious", "drive"): "IIa",
    ("non-serious", "inform"): "IIa",
}
"""MDCG 2019-11 Rev.1 Annex III table 1; it leaves out class I."""

_11A = "MDR rule 11(a)"


def classify_mdr(facts: UseFacts, on: date) -> RegimeAnswer:
    """The answer for resolved facts.

    Raises
    ------
    RuleNotInForce
        A rule that it rests on was not in force on the date.
    """
    return _Mdr(facts, on).answer()


class _Mdr:
    def __init__(self, facts: UseFacts, on: date) -> None:
        self.f = facts
        self.p = Path("mdr", on)
        self.also: list[Reading] = []

    def answer(self) -> RegimeAnswer:
        f, p = self.f, self.p
        if not f.medical_purpose:
            p.by("article2", "it has no medical purpose")
            return self._no("no medical purpose")
        p.by("article2", "it has a medical purpose")
        if f.storage_only:
            p.by("steps", "it only stores, archives, communicates or searches")
            return self._no("MDCG 2019-11 step 3")
        if not f.individual:
            p.by("steps", "it is not for the benefit of individual patients")
            return self._no("MDCG 2019-11 step 4")
        p.by("steps", "it works on data of individual patients, with a purpose of its own")
        if f.closed_loop:
            p.by("rule22", "its diagnosis steers a therapy in a closed loop")
            return self._done("III", "MDR rule 22")
        if f.has("guidance") and f.outputs <= {"guidance", "image"}:
            return self._drives("it guides how another device takes the image")
        if f.outputs == {"image"}:
            return self._image()
        if f.monitors != "none" and f.outputs <= {"measurement", "triage-flag"}:
            p.by("rule11b", f"it monitors {f.monitors} parameters")
            return self._done("IIb" if f.monitors == "vital" else "IIa", "MDR rule 11(b)")
        return self._rule11()

    def _drives(self, because: str) -> RegimeAnswer:
        klass = self.f.device_class or "IIa"
        if self.f.device_class is None:
            because += "; the class of that device was not stated, IIa is taken (ultrasound, MR)"
        self.p.by("3.3", because)
        return self._done(klass, "MDR Annex VIII 3.3")

    def _image(self) -> RegimeAnswer:
        p, f = self.p, self.f
        p.by("enhancement", "it changes the image")
        p.by("rule11.floor", "the image is used for diagnosis")
        p.by("rule11a", "the better image is information for decisions on diagnosis")
        if f.device_class in ("IIb", "III"):
            self.also.append(
                p.reading(
                    f.device_class,
                    "MDR Annex VIII 3.3",
                    "3.3",
                    f"if it influences the use of its scanner, which is class {f.device_class}",
                )
            )
        self.also.append(
            p.reading(
                "no device",
                "MDCG 2019-11 step 5",
                "enhancement",
                "if the purpose is image quality alone, without support of a decision",
            )
        )
        return self._done("IIa", _11A)

    def _rule11(self) -> RegimeAnswer:
        f, p = self.f, self.p
        found = significance_of(f)
        p.by(found.rule, found.because)
        p.also_by("incorrect", "what a wrong output may lead to decides")
        klass = TABLE[f.situation, found.level]
        p.by("rule11.floor", "it has a medical purpose, so class I is out of reach")
        p.by("rule11a", "its information is used for decisions on diagnosis or therapy")
        p.by(
            "table",
            f"a {f.situation} situation, and information to "
            f"{found.level.replace('-', ' ')}: class {klass}",
        )
        if found.stricter is not None:
            stricter = TABLE[f.situation, found.stricter]
            if stricter != klass:
                self.also.append(
                    p.reading(
                        stricter,
                        _11A,
                        "two-readings",
                        "finding a disease read as 'detect or diagnose', not as an aid",
                    )
                )
        if f.drives_device and f.device_class is not None:
            p.by("3.3", f"it also drives a device of class {f.device_class}")
            if CLASSES.index(f.device_class) > CLASSES.index(klass):
                klass = f.device_class
            p.by("3.5", "the stricter of the two rules counts")
        return self._done(klass, _11A)

    def _no(self, why: str) -> RegimeAnswer:
        return RegimeAnswer(
            "mdr", self.p.on, "not a device", "", why, (), "none", tuple(self.p.steps)
        )

    def _done(self, klass: str, category: str) -> RegimeAnswer:
        p = self.p
        body = klass != "I"
        route = (
            "certificate from a notified body (an assessor named by an EU state), then CE mark"
            if body
            else "declared by the maker (MDR Annexes II, III), without a notified body"
        )
        steps = list(p.steps)
        p.also_by("conformity", f"class {klass}")
        conformity = p.steps[len(steps) :]
        notes: list[str] = []
        if self.f.ai and body:
            high_risk = p.rule("aia.high-risk")
            when = p.rule("aia.date")
            notes.append(
                f"AI Act: high-risk, because a notified body is needed ({high_risk.cited})."
            )
            notes.append(f"AI Act: {when.text} ({when.cited})")
        elif self.f.ai:
            notes.append("AI Act: not high-risk by Art 6(1), because no notified body is needed.")
        ask = (
            "the notified body which of the readings it follows; plan for the stricter."
            if self.also
            else None
        )
        if ask is not None:
            notes.append("Ask " + ask)
        return RegimeAnswer(
            "mdr",
            p.on,
            "device",
            klass,
            category,
            (),
            route,
            (*conformity, *steps),
            also=tuple(self.also),
            notes=tuple(notes),
        )
