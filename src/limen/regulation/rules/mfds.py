"""Rules of Korea: Digital Medical Products Act, its rule, notices and guideline."""

from __future__ import annotations

from datetime import date

from limen.regulation.rules.rule import Confidence, Rule

# the next consolidated text of the Act comes into force on this day
_REVIEW = date(2027, 3, 16)
_ACT = date(2025, 1, 24)
_RULE = date(2026, 1, 24)
_GUIDE = "MFDS guideline 1455-01 on classification and grade, 2025-11-06"
_GUIDE_SINCE = date(2025, 11, 6)


def _rule(
    name: str, since: date, citation: str, text: str, confidence: Confidence = "primary"
) -> Rule:
    return Rule(f"mfds.{name}", "mfds", since, None, citation, text, confidence, _REVIEW)


RULES = (
    # --- qualification ---
    _rule(
        "act2",
        _ACT,
        "Digital Medical Products Act Art 2(2)",
        "A digital medical device uses digital technology for diagnosis, treatment, observation "
        "of prognosis, prediction of response, monitoring, or designated rehabilitation.",
    ),
    _rule(
        "exempt",
        _RULE,
        "Enforcement Rule (02088) Art 11(6)",
        "Software for professionals that stores, transfers, converts or displays laboratory or "
        "device data needs no licence, medical images excepted.",
    ),
    # --- grade ---
    _rule(
        "matrix",
        _ACT,
        "Notice 2025-23, now 2026-4, Art 7 and Annex 4; guideline 1455-01 V",
        "Grade from the patient's state and the effect on care. Critical 4, 3, 2; serious 3, 2, "
        "1; not serious 2, 1, 1: for treatment, examination or diagnosis; clinical management; "
        "information.",
    ),
    _rule(
        "harm",
        _ACT,
        "Notice 2026-4 Annex 4; guideline 1455-01 p.23",
        "Within grades 2 to 4: possible death raises by one, no harm lowers by one; 2 never "
        "becomes 1, 1 never 2.",
    ),
    _rule(
        "highest",
        _ACT,
        "Guideline 1455-01 p.17",
        "Of several main purposes the highest grade counts.",
    ),
    _rule(
        "critical",
        _GUIDE_SINCE,
        f"{_GUIDE}, p.18",
        "Critical: death at once or within 24 hours without the right care, as stroke, infarction, "
        "dissection, tension pneumothorax; not simple watching of people without symptoms.",
    ),
    _rule(
        "serious",
        _GUIDE_SINCE,
        f"{_GUIDE}, p.18",
        "Serious: cancer, heart failure, arteriosclerosis, multiple sclerosis, dementia and the "
        "like.",
    ),
    _rule(
        "lay",
        _GUIDE_SINCE,
        f"{_GUIDE}, p.19",
        "In products that people use without a professional, the same disease may count as "
        "serious.",
    ),
    _rule(
        "diagnosis",
        _GUIDE_SINCE,
        f"{_GUIDE}, p.20",
        "Diagnosis: telling a disease or an abnormal area, or normal from abnormal, including "
        "screening and sorting.",
    ),
    _rule(
        "diagnosis.trained",
        _GUIDE_SINCE,
        f"{_GUIDE}, p.20",
        "It is diagnosis also when the output only says 'suspected area', if the training data or "
        "criteria were made to judge a certain disease.",
    ),
    _rule(
        "diagnosis.abnormal",
        _GUIDE_SINCE,
        f"{_GUIDE}, p.22",
        "Marking tissue that is not healthy is diagnosis even without a claimed indication.",
    ),
    _rule(
        "treatment",
        _GUIDE_SINCE,
        f"{_GUIDE}, p.19",
        "Treatment: directly or indirectly used in it, as the place of an operation, a treatment "
        "plan or a simulation.",
    ),
    _rule(
        "examination",
        _GUIDE_SINCE,
        f"{_GUIDE}, pp.19 and 22",
        "Examination: new measured information that only the software can give, as function or "
        "physical quantities.",
    ),
    _rule(
        "examination.state",
        _GUIDE_SINCE,
        f"{_GUIDE}, p.18",
        "An examination that does not judge the disease itself, as flow speed, is not 'serious' "
        "even in heart or brain.",
    ),
    _rule(
        "management",
        _GUIDE_SINCE,
        f"{_GUIDE}, p.20",
        "Clinical management: predicting occurrence, recurrence, progress or outcome, or judging "
        "a state that needs care but is no disease.",
    ),
    _rule(
        "information",
        _GUIDE_SINCE,
        f"{_GUIDE}, pp.21 and 22",
        "Information: anatomy, length, area, volume, rendering, better image quality, probe "
        "guidance: what a professional could judge without it.",
    ),
    _rule(
        "triage",
        _GUIDE_SINCE,
        f"Our reading of {_GUIDE}, p.20",
        "A flag that sorts cases is 'screening, sorting' and so diagnosis; it can also be read as "
        "guiding management. The guideline has no example of triage.",
        "derived",
    ),
    _rule(
        "contour-for-planning",
        _GUIDE_SINCE,
        f"Our reading of {_GUIDE}, pp.19 and 21",
        "Contours of anatomy made for a treatment plan stand between treatment (planning) and "
        "information (anatomy).",
        "derived",
    ),
    _rule(
        "consult",
        _GUIDE_SINCE,
        f"{_GUIDE}, IV and VII (Act Art 39)",
        "The maker judges grade and code; MFDS confirms them in review. A prior review (55 days) "
        "or a consultation can be asked for.",
    ),
    _rule(
        "route",
        _ACT,
        "Enforcement Rule Art 6; guideline 1455-01 IV",
        "Grade 4 and 3: product approval by MFDS; grade 2: certification by the agency; grade 1: "
        "notification.",
    ),
    _rule(
        "code",
        _ACT,
        "Notice 2026-4 Annex 3; guideline 1455-01 pp.12 to 16",
        "A product code of seven characters from purpose, kind of data, technologies, and form, "
        "made by the maker.",
    ),
    # --- required evidence ---
    _rule(
        "dossier",
        date(2025, 4, 15),
        "Notice 2025-25 Art 24(1); Rule Annex 2",
        "For standalone software: intended use and principle, status at home and abroad, software "
        "verification and validation, clinical evaluation, cybersecurity, usability, change plan.",
    ),
    _rule(
        "korean-data",
        date(2025, 4, 15),
        "MFDS AI guideline 0804-04 p.20; Notice 2025-25 Art 26(1)4-c",
        "A test set independent of the training, with data of Korean subjects against a confirmed "
        "diagnosis, unless no ethnic factor is shown.",
    ),
    _rule(
        "clinical-waiver",
        date(2025, 4, 15),
        "Notice 2025-25 Art 25(2)1",
        "Clinical data may be taken as filed for information without a clinical claim, for an "
        "approved function used unchanged, or for grade 2 with analytical performance on clinical "
        "data that MFDS recognises.",
    ),
    _rule(
        "labelling",
        date(2026, 1, 24),
        "Enforcement Rule Art 33(2)5",
        "The label gives training method and data, expected performance and its limits, the cloud "
        "of others, and changes under the plan with before and after.",
    ),
    # --- changes ---
    _rule(
        "change.1",
        _RULE,
        "Enforcement Rule Art 23(1)2-c item 1",
        "Change of the intended use or of a core performance: change approval, certification or "
        "notification, within 30 days.",
    ),
    _rule(
        "change.2",
        _RULE,
        "Enforcement Rule Art 23(1)2-c item 2; Notice 2025-25 Art 7(3)",
        "Change of what is analysed or of the analysis method (algorithm): change "
        "approval, certification or notification.",
    ),
    _rule(
        "change.3",
        _RULE,
        "Enforcement Rule Art 23(1)2-c item 3",
        "Change of the development language or the operating environment: change "
        "approval, certification or notification.",
    ),
    _rule(
        "change.4",
        _RULE,
        "Enforcement Rule Art 23(1)2-c item 4",
        "Change of communication functions that affects security: change "
        "approval, certification or notification.",
    ),
    _rule(
        "change.5",
        _RULE,
        "Enforcement Rule Art 23(1)2-c item 5; Notice 2025-25 Art 7(3)",
        "Change of use or of the user interface that needs a summative evaluation: change "
        "approval, certification or notification.",
    ),
    _rule(
        "licence",
        _RULE,
        "Notice 2025-25 Art 14(4)",
        "Information on the training data and the update cycle stands on the licence, under "
        "performance.",
    ),
    _rule(
        "plan",
        _RULE,
        "Enforcement Rule Art 7(2), 9(2), 23(2)",
        "A change management plan filed with the first approval: what lies inside it is no change.",
    ),
    _rule(
        "plan.limits",
        _RULE,
        "Notice 2025-25 Art 26(1)8",
        "The plan covers personalisation, narrower use, and correcting a drop in performance; not "
        "a change of grade, and nothing that needs a new clinical trial.",
    ),
    _rule(
        "report",
        _RULE,
        "Enforcement Rule Art 23(6); Notice 2025-25 Art 7(5)",
        "Other changes are recorded and reported: each quarter for names, safety information and "
        "changes within the plan, else by 31 January.",
    ),
)
