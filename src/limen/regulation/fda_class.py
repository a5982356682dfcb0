"""United States: which regulation of 21 CFR an imaging product falls under."""

from __future__ import annotations

from datetime import date

from limen.regulation.answer import Path, Reading, RegimeAnswer
from limen.regulation.facts import CLINICAL, UseFacts
from limen.regulation.rules import BOOK

_510K = "510(k), a premarket notification that compares with a cleared device"
_QSUB = (
    "De Novo (a request to class a new kind of device) or PMA (full approval); "
    "first a Q-Submission, a written question to FDA"
)


def classify_fda(facts: UseFacts, on: date) -> RegimeAnswer:
    """The answer for resolved facts.

    Raises
    ------
    RuleNotInForce
        A rule that it rests on was not in force on the date.
    """
    return _Fda(facts, on).answer()


class _Fda:
    def __init__(self, facts: UseFacts, on: date) -> None:
        self.f = facts
        self.p = Path("fda", on)
        self.also: list[Reading] = []

    def answer(self) -> RegimeAnswer:
        f, p = self.f, self.p
        if not f.medical_purpose:
            p.by("device", "it has no medical purpose")
            return self._no("no medical purpose")
        p.by("device", "it has a medical purpose")
        if f.storage_only:
            p.by("520o.D", "it only stores, transfers, converts or displays")
            return self._no("520(o)(1)(D): storage, transfer, display alone")
        if not f.inputs & {"image", "signal", "ivd"}:
            return self._text_only()
        p.by("520o.E", "it works on a medical image or a signal")
        p.also_by("cds.image", "it works on a medical image")
        p.by("image-is-device", "so it is a device, and the question is which regulation")
        return self._regulation()

    def _text_only(self) -> RegimeAnswer:
        f, p = self.f, self.p
        p.by("520o.E", "no image and no signal is an input, so the other criteria decide")
        p.by("cds.professional", "support from text or clinical data")
        fails = [
            words
            for holds, words in (
                (f.lay_user, "it is for patients or caregivers"),
                (f.directive, "it gives a directive"),
                (not f.basis_reviewable, "its basis cannot be reviewed"),
                (bool(f.death_within_24h), "the decision is time-critical"),
                (f.autonomy == "autonomous", "it acts without a professional"),
                (f.has("prognosis", "diagnosis"), "it gives a specific diagnosis or prediction"),
            )
            if holds
        ]
        if not fails:
            return self._no("520(o)(1)(E): decision support whose basis can be reviewed")
        return self._done(
            "II or III",
            "software outside radiology; regulation by its function",
            (),
            _QSUB,
            ask="FDA which regulation a text-based function falls under, because " + fails[0] + ".",
        )

    # --- which regulation ---

    def _regulation(self) -> RegimeAnswer:
        f = self.f
        retina = f.finding == "diabetic-retinopathy"
        alone = f.autonomy == "autonomous" or f.unflagged == "not-read" or f.lay_user
        if retina and f.has("diagnosis", "score", "triage-flag", "mark"):
            self.p.by("886.1100", "it detects diabetic retinopathy on images of the retina")
            return self._done("II", "21 CFR 886.1100", ("PIB",), _510K)
        if f.outputs & CLINICAL and f.subject == "abnormality" and alone:
            why = (
                "it acts without a professional"
                if f.autonomy == "autonomous"
                else "cases without a flag are read by nobody"
                if f.unflagged == "not-read"
                else "patients use it alone"
            )
            self.p.by("outside", why)
            self.p.by("denovo", "no predicate of this kind is known to Limen")
            return self._ask("FDA whether De Novo or PMA, and what evidence it needs.")
        if f.has("treatment"):
            self.p.by("outside", "it proposes or plans a treatment, which reading aids do not do")
            return self._ask(
                "FDA which regulation fits; radiation planning is 21 CFR 892.5050 [M]."
            )
        if f.has("prognosis"):
            return self._prognosis()
        if f.has("guidance") and f.outputs <= {"guidance", "image", "measurement"}:
            self.p.by("892.2100", "it guides the taking of the image")
            return self._done("II", "21 CFR 892.2100", ("QJU",), _510K)
        if f.has("measurement") and f.finding == "coronary-flow":
            self.p.by("870.1415", "it computes coronary flow or pressure from images")
            return self._done("II", "21 CFR 870.1415", ("PJA",), _510K)
        if f.finding == "gi-lesion" and f.has("mark", "contour"):
            self.p.by("876.1520", "it marks lesions in endoscopy, which is not radiology")
            return self._done("II", "21 CFR 876.1520", ("QNP",), _510K)
        words = f"{f.modality} {f.anatomy}".lower()
        if any(w in words for w in ("patholog", "histolog", "skin", "dermat")):
            self.p.by("outside", "its images are not radiological")
            return self._ask("FDA which regulation outside radiology fits.")
        if f.modality.upper() == "OCT" or any(w in words for w in ("retin", "fundus", "ocular")):
            return self._eye()
        return self._radiology()

    def _eye(self) -> RegimeAnswer:
        f = self.f
        if f.outputs & CLINICAL and f.subject == "abnormality":
            self.p.by("outside", "it finds disease on images of the eye, which is not radiology")
            self.p.by("denovo", "a regulation for such findings is known for retinopathy alone")
            return self._ask("FDA which ophthalmic regulation fits this finding.")
        self.also += self._reading("eye.processing", "if it is software apart from the device")
        self.p.by("886.1570", "it measures, outlines or improves images of the eye")
        return self._done("II", "21 CFR 886.1570", ("OBO",), _510K)

    def _prognosis(self) -> RegimeAnswer:
        if self.f.outputs & CLINICAL != {"prognosis"}:
            self.p.by("outside", "it predicts a future state and also reads the present image")
            return self._ask("FDA whether prediction and reading may be one product.")
        words = f"{self.f.anatomy} {self.f.modality} {self.f.statement}".lower()
        if self.f.finding == "cancer" and ("mammo" in words or "breast" in words):
            self.p.by("892.8500", "it predicts future breast cancer from mammograms")
            return self._done("II", "21 CFR 892.8500", ("SEZ",), _510K)
        self.p.by("outside", "it predicts a future state, which no reading aid does")
        self.p.by("denovo", "a predicate is known to Limen for breast cancer alone")
        return self._ask("FDA whether a predicate exists for this prediction.")

    def _radiology(self) -> RegimeAnswer:
        f, p = self.f, self.p
        abnormal = f.subject == "abnormality"
        place = abnormal and (f.has("mark") or (f.has("contour") and f.found_by == "software"))
        character = abnormal and f.has("score", "diagnosis", "report")
        flag = f.has("triage-flag")
        if flag and (place or character):
            p.by("order", "it flags cases and also marks or characterises")
            p.by("split", "892.2080 allows no mark, 892.2070 no triage")
            self.also.append(self._reading_without_flag(place, character))
            return self._done(
                "II",
                "split: 21 CFR 892.2080 beside "
                + ("892.2090" if place and character else "892.2070" if place else "892.2060"),
                (),
                "one 510(k) for each function, or a Q-Submission",
                ask="FDA whether the flag and the marks may be one product.",
            )
        if flag:
            p.by("order", "it flags cases, without mark and without score")
            p.by("892.2080", "it notifies or prioritises in parallel to the usual reading")
            return self._done("II", "21 CFR 892.2080", ("QAS", "QFM"), _510K)
        if place and character:
            p.by("order", "it marks and characterises")
            return self._cadex("it finds, places and characterises findings")
        if character:
            return self._cadx()
        if place:
            return self._cade()
        return self._processing()

    def _reading(self, rule: str, because: str) -> list[Reading]:
        """Image processing as another reading, where the rule for it was in force."""
        if BOOK.find(f"fda.{rule}", self.p.on) is None:
            return []
        return [self.p.reading("II", "21 CFR 892.2050", rule, because)]

    def _reading_without_flag(self, place: bool, character: bool) -> Reading:
        regulation = "892.2090" if place and character else "892.2070" if place else "892.2060"
        return self.p.reading(
            "II",
            f"21 CFR {regulation}",
            "split",
            "without the flag it would be a reading aid alone",
        )

    def _cadex(self, because: str) -> RegimeAnswer:
        fracture = self.f.finding == "fracture"
        self.p.by("892.2090", because)
        return self._done("II", "21 CFR 892.2090", ("QBS",) if fracture else ("QDQ",), _510K)

    def _cadx(self) -> RegimeAnswer:
        f, p = self.f, self.p
        if f.found_by != "clinician":
            p.by("order", "it characterises findings that it finds itself, and shows no place")
            p.by("892.2060", "but this regulation is for lesions already identified")
            self.also.append(
                p.reading(
                    "II", "21 CFR 892.2090", "892.2090", "if it also showed where the finding is"
                )
            )
            return self._ask("FDA which regulation fits a finding without a place.")
        if f.finding == "cancer":
            p.by("order", "it characterises, and marks nothing")
            p.by("892.2060", "the lesion is given, and the score is on suspicion of cancer")
            return self._done("II", "21 CFR 892.2060", ("POK",), _510K)
        p.by("order", "it characterises, and marks nothing")
        p.by("892.2060.other", "the region is given, and the score is on another disease")
        return self._done(
            "II",
            "21 CFR 892.2060",
            ("POK",),
            _510K,
            ask="FDA whether a POK predicate serves a disease other than cancer.",
        )

    def _cade(self) -> RegimeAnswer:
        f, p = self.f, self.p
        if f.has("contour") and f.has("measurement") and not f.has("mark"):
            self.also += self._reading("quantified", "if the outline serves the measurement alone")
        p.by("order", "it marks, without score and without flag")
        if f.finding == "fracture":
            p.by("892.2090.fracture", "it highlights fractures")
            return self._cadex("fracture has its own product code under this regulation")
        p.by("892.2070", "it directs the clinician's attention to a place")
        codes = ["MYN"]
        words = f"{f.modality} {f.anatomy} {f.statement}".lower()
        lung = any(w in words for w in ("lung", "chest", "thora", "pulmon"))
        older = {
            "OEB": lung and ("ct" in words.split() or f.modality.upper() == "CT"),
            "NWE": "colon" in words and f.modality.upper() == "CT",
            "OMJ": lung
            and ("x-ray" in words or "radiograph" in words or f.modality in ("DX", "CR")),
        }
        found = [code for code, holds in older.items() if holds]
        if found and self.p.on >= date(2022, 9, 28):
            codes += found
            self.also.append(
                p.reading(
                    "II",
                    "21 CFR 892.2050",
                    "cade.codes",
                    f"older CADe of this kind was cleared under code {found[0]}",
                )
            )
        return self._done("II", "21 CFR 892.2070", tuple(codes), _510K)

    def _processing(self) -> RegimeAnswer:
        f, p = self.f, self.p
        p.by("order", "it neither flags nor marks nor characterises something abnormal")
        if f.has("contour") and f.for_treatment:
            p.by("892.2050.rt", "its contours go into a treatment plan")
            return self._done("II", "21 CFR 892.2050", ("QKB",), _510K)
        if f.has("measurement"):
            p.also_by("quantitative", "it measures")
        what = (
            "it improves the image"
            if f.outputs == {"image"}
            else "it outlines, measures or processes for interpretation"
        )
        modality = f.modality.upper()
        scanner = {"CT": "892.1750", "PET": "892.1200"}.get(modality)
        if scanner is not None and f.outputs & {"measurement", "image"}:
            self.also.append(
                p.reading(
                    "II",
                    f"21 CFR {scanner}",
                    "scanner",
                    "such software was also cleared under its scanner's regulation",
                )
            )
        p.by("892.2050", what)
        return self._done("II", "21 CFR 892.2050", ("QIH", "LLZ"), _510K)

    # --- ends ---

    def _no(self, why: str) -> RegimeAnswer:
        return RegimeAnswer(
            "fda", self.p.on, "not a device", "", why, (), "none", tuple(self.p.steps)
        )

    def _ask(self, what: str) -> RegimeAnswer:
        return self._done("II or III", "no regulation fits as written", (), _QSUB, ask=what)

    def _done(
        self,
        klass: str,
        category: str,
        codes: tuple[str, ...],
        route: str,
        ask: str | None = None,
    ) -> RegimeAnswer:
        if route == _510K:
            # shown before the regulation itself, which is what decides
            last = self.p.steps.pop()
            self.p.by("510k", "a predicate exists under this regulation")
            self.p.steps.append(last)
        return RegimeAnswer(
            "fda",
            self.p.on,
            "device",
            klass,
            category,
            codes,
            route,
            tuple(self.p.steps),
            also=tuple(self.also),
            ask=ask,
        )
