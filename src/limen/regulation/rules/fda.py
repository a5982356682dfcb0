"""Rules of the United States: classification and change control.

Sources: the US Code, 21 CFR and FDA guidances as texts; openFDA's records for product codes.
"""

from __future__ import annotations

from datetime import date

from limen.regulation.rules.rule import Confidence, Rule

_REVIEW = date(2027, 5, 24)
_CURES = date(2016, 12, 13)


def _rule(
    name: str,
    since: date,
    citation: str,
    text: str,
    confidence: Confidence = "primary",
    until: date | None = None,
) -> Rule:
    return Rule(f"fda.{name}", "fda", since, until, citation, text, confidence, _REVIEW)


_CDS = "FDA guidance Clinical Decision Support Software, 2026-01-29"
_SW = "FDA guidance Deciding When to Submit a 510(k) for a Software Change, 2017-10-25"
_SW_SINCE = date(2017, 10, 25)
_CADE = "FDA guidance CADe Devices: Premarket Notification, 2022-09-28"
_PCCP = "FDA guidance Predetermined Change Control Plans for AI-enabled software, 2025-08-18"
_PCCP_SINCE = date(2025, 8, 18)

RULES = (
    # --- is it a device? ---
    _rule(
        "device",
        date(1976, 5, 28),
        "FD&C Act 201(h)(1), 21 USC 321(h)(1)",
        "Software intended for diagnosis, cure, mitigation, treatment or prevention of disease is "
        "a device, unless 520(o)(1) takes it out.",
    ),
    _rule(
        "520o.D",
        _CURES,
        "FD&C Act 520(o)(1)(D), 21 USC 360j(o)(1)(D)",
        "Software that only transfers, stores, converts or displays data is no device, unless it "
        "is intended to interpret or analyse them.",
    ),
    _rule(
        "520o.E",
        _CURES,
        "FD&C Act 520(o)(1)(E), 21 USC 360j(o)(1)(E)",
        "Decision support for professionals who can review its basis is no device, but never when "
        "the function acquires, processes or analyses a medical image or a signal.",
    ),
    _rule(
        "cds.image",
        date(2026, 1, 29),
        f"{_CDS}, IV(1)",
        "A medical image as an input keeps the function a device: enhancement, measurement, "
        "marking and diagnosis alike.",
    ),
    _rule(
        "cds.professional",
        date(2026, 1, 29),
        f"{_CDS}, IV(3) and IV(4)",
        "Text-based support that lists options, gives no directive, is not for a time-critical "
        "decision and lets a professional review its basis may be no device or be left alone by "
        "FDA; support for patients or caregivers is always a device.",
    ),
    _rule(
        "image-is-device",
        _CURES,
        "Our reading of 21 USC 360j(o)(1)(E)",
        "For software that works on medical images the question is not whether it is a device but "
        "which regulation it falls under.",
        "derived",
    ),
    _rule(
        "objective-intent",
        date(1976, 2, 13),
        "21 CFR 801.4",
        "Intended use is the objective intent, shown also by design and by how the product is "
        "distributed; words such as 'for reference only' do not change what it does.",
    ),
    # --- which regulation? ---
    _rule(
        "892.2050",
        date(2021, 4, 19),
        "21 CFR 892.2050 (63 FR 23387; 86 FR 20284)",
        "Medical image management and processing: review and processing of images for "
        "interpretation by a trained practitioner, including enhancement, segmentation, "
        "registration, quantification. Class II. Codes LLZ, QIH.",
    ),
    _rule(
        "892.2050.rt",
        date(2021, 4, 19),
        "21 CFR 892.2050, code QKB (510(k) summaries K232899, K242729)",
        "Contouring of structures as input to radiation therapy planning has been cleared as "
        "image processing. Class II.",
        "secondary",
    ),
    _rule(
        "quantitative",
        date(2022, 6, 16),
        "FDA guidance Technical Performance Assessment of Quantitative Imaging, 2022-06-16",
        "A measured value needs bias, precision and uncertainty in its unit over its range; more "
        "when it is fully automated.",
    ),
    _rule(
        "892.2060",
        date(2020, 1, 22),
        "21 CFR 892.2060 (85 FR 3542)",
        "Diagnosis aid (CADx): aids in characterising lesions, already identified on the images, "
        "as suspicious for cancer; the clinical user decides. Class II with special controls. "
        "Code POK.",
    ),
    _rule(
        "892.2060.other",
        date(2020, 1, 22),
        "openFDA classification POK (K200760, K221564: ASPECTS scores)",
        "Scores on other diseases in a region that is given have been cleared under POK, though "
        "the identification speaks of cancer.",
        "derived",
    ),
    _rule(
        "892.2070",
        date(2020, 1, 22),
        "21 CFR 892.2070 (85 FR 3548)",
        "Detection aid (CADe): identifies, marks or otherwise directs attention to parts of an "
        "image that may show abnormalities; not to replace review, not for triage, not to "
        "recommend a diagnosis. Class II with special controls. Code MYN.",
    ),
    _rule(
        "cade.codes",
        date(2022, 9, 28),
        "FDA guidance Clinical Performance Assessment of CADe, 2022-09-28; openFDA OEB, OMJ",
        "Older CADe codes stand under 892.2050: OEB (lung CT), NWE (colon CT), OMJ (chest X-ray).",
    ),
    _rule(
        "892.2080",
        date(2018, 2, 13),
        "21 CFR 892.2080 (85 FR 3544)",
        "Triage (CADt): notifies listed clinicians or prioritises, in parallel to the standard of "
        "care; does not mark or direct attention to a location and does not take cases from the "
        "queue. Class II with special controls. Codes QAS, QFM.",
    ),
    _rule(
        "892.2090",
        date(2018, 5, 24),
        "21 CFR 892.2090 (90 FR 24969, codified 2025-06-13)",
        "Detection and diagnosis aid (CADe/x): aids in detection, localisation and "
        "characterisation of fracture, lesions or other disease-specific findings; no replacement "
        "of the clinician's review. Class II with special controls. Codes QDQ, QBS.",
    ),
    _rule(
        "892.2090.fracture",
        date(2018, 5, 24),
        "openFDA classification QBS (21 CFR 892.2090)",
        "Software that detects, localises and/or characterises fracture falls here, also when it "
        "only highlights.",
    ),
    _rule(
        "892.2100",
        date(2020, 2, 7),
        "21 CFR 892.2100; openFDA QJU (DEN190040, 2020-02-07)",
        "Guides the operator in acquiring or optimising images. Class II. Code QJU.",
    ),
    _rule(
        "892.8500",
        date(2025, 5, 30),
        "21 CFR 892.8500, De Novo DEN240047 (2025-05-30), code SEZ",
        "Predicts the risk of future breast cancer from a mammogram. Class II with special "
        "controls.",
        "secondary",
    ),
    _rule(
        "886.1100",
        date(2018, 4, 11),
        "21 CFR 886.1100, final order 87 FR 3203 (2022-01-21, applicable 2018-04-11), code PIB",
        "Detects diabetic retinopathy on retinal images without a specialist's reading. Class II "
        "with special controls.",
    ),
    _rule(
        "886.1570",
        date(2016, 2, 11),  # the earliest clearance that was seen
        "21 CFR 886.1570, code OBO (K153080)",
        "Optical coherence tomography of the eye, with measurement of its structures. Class II.",
        "secondary",
    ),
    _rule(
        "quantified",
        date(2021, 7, 30),
        "21 CFR 892.2050 (510(k) summary K211222)",
        "Outlines and volumes of abnormal structures that the software finds itself have been "
        "cleared as image processing, where the outline serves the measurement.",
        "secondary",
    ),
    _rule(
        "eye.processing",
        date(2022, 4, 28),
        "21 CFR 892.2050 (510(k) summary K211715)",
        "Software apart from the device, that shows, annotates and measures images of the eye, has "
        "been cleared as image management and processing.",
        "secondary",
    ),
    _rule(
        "scanner",
        date(2018, 11, 30),
        "510(k) summaries K230112 (892.1750), K182336 (892.1200)",
        "Measuring or enhancing software has also been cleared under the regulation of its "
        "scanner: 892.1750 for CT, 892.1200 for PET.",
        "secondary",
    ),
    _rule(
        "870.1415",
        date(2014, 11, 26),
        "21 CFR 870.1415, final order 80 FR 63671 (2015-10-21, applicable 2014-11-26), code PJA",
        "Simulates coronary flow, pressure or resistance from images. Class II.",
    ),
    _rule(
        "876.1520",
        date(2021, 4, 9),
        "21 CFR 876.1520; openFDA QNP (K213686, K230658)",
        "Highlights suspected lesions in gastrointestinal endoscopy. Class II. Code QNP.",
    ),
    _rule(
        "order",
        date(2020, 1, 22),
        "Our reading of 21 CFR 892.2050 to 892.2090",
        "A mark on a location excludes 892.2080; a score or characterisation excludes 892.2070; "
        "both lead to 892.2090; neither, without a flag, to 892.2050.",
        "derived",
    ),
    _rule(
        "outside",
        date(2020, 1, 22),
        "Our reading of 21 CFR 892.2050 to 892.2090",
        "Reading without a clinician, ruling out, or taking cases from the queue is in none of "
        "these identifications: De Novo or PMA, after a Q-Submission.",
        "derived",
    ),
    _rule(
        "split",
        date(2020, 1, 22),
        "Our reading of 21 CFR 892.2070 and 892.2080",
        "Triage and marking exclude each other in the two texts: two functions, each with its own "
        "regulation, or a question to FDA.",
        "derived",
    ),
    _rule(
        "denovo",
        date(2012, 7, 9),
        "FD&C Act 513(f)(2), 21 USC 360c(f)(2)",
        "A low or moderate risk device without a predicate may be classified on request; its "
        "order sets new special controls.",
    ),
    _rule(
        "510k",
        date(1976, 5, 28),
        "FD&C Act 510(k), 513(i)",
        "A class II device of this kind needs a premarket notification showing substantial "
        "equivalence to a predicate with the same intended use.",
    ),
    # --- required evidence ---
    _rule(
        "2060.controls",
        date(2020, 1, 22),
        "21 CFR 892.2060(b), 892.2070(b) and 892.2090(b)",
        "Special controls: description of the algorithm, protocols fixed beforehand, results that "
        "show improved reader performance, standalone performance by cohort with intervals, "
        "software documentation, labelling with limits.",
    ),
    _rule(
        "2080.controls",
        date(2018, 2, 13),
        "21 CFR 892.2080(b)",
        "Special controls: effective triage (as time to review), accuracy by cohort with "
        "intervals, standalone performance, labelling; no reader improvement is asked for.",
    ),
    _rule(
        "software.documentation",
        date(2023, 6, 14),
        "FDA guidance Content of Premarket Submissions for Device Software Functions (066)",
        "Documentation level Enhanced when a failure could probably kill or seriously injure "
        "before risk controls, else Basic.",
    ),
    _rule(
        "cyber",
        date(2023, 3, 29),
        "FD&C Act 524B, 21 USC 360n-2 (in force 90 days after 2022-12-29)",
        "A device with software that can reach the internet needs a plan for vulnerabilities, "
        "updates for them and a software bill of materials.",
    ),
    _rule(
        "qmsr",
        date(2026, 2, 2),
        "21 CFR 820 (QMSR, 89 FR 7496), ISO 13485:2016",
        "A quality management system after ISO 13485 is required from 2026-02-02.",
    ),
    # --- changes ---
    _rule(
        "515C",
        date(2022, 12, 29),
        "FD&C Act 515C, 21 USC 360e-4",
        "No new submission for a change that is consistent with an authorised predetermined "
        "change control plan.",
    ),
    _rule(
        "pccp.consistent",
        _PCCP_SINCE,
        f"{_PCCP}, V.D",
        "Consistent means: specified in the description of modifications, and made as the "
        "modification protocol says. A plan that is not followed is a deviation.",
    ),
    _rule(
        "pccp.scope",
        _PCCP_SINCE,
        f"{_PCCP}, VI.C and App. B",
        "Retraining for the same population and inputs, limited new inputs, and subpopulations "
        "inside the original may fit a plan; a new intended use may not.",
    ),
    _rule(
        "807.81",
        date(1977, 8, 23),
        "21 CFR 807.81(a)(3)",
        "A change that could significantly affect safety or effectiveness, or a major change of "
        "the intended use, needs a new 510(k).",
    ),
    _rule(
        "intended-use",
        _SW_SINCE,
        "FDA guidance Deciding When to Submit a 510(k) for a Change to an Existing Device (216)",
        "A change of the intended use or the indications is decided by the guidance on changes to "
        "devices, not by the software flowchart.",
    ),
    _rule(
        "sw.q1",
        _SW_SINCE,
        f"{_SW}, V, question 1",
        "Only to strengthen cybersecurity, with no other effect: document.",
    ),
    _rule(
        "sw.q2",
        _SW_SINCE,
        f"{_SW}, V, question 2",
        "Only to return to the specification of the most recently cleared device: document.",
    ),
    _rule(
        "sw.q3a",
        _SW_SINCE,
        f"{_SW}, V, question 3a",
        "A new or modified cause of a hazardous situation with serious harm that is not yet "
        "mitigated: new 510(k).",
    ),
    _rule(
        "sw.q3b",
        _SW_SINCE,
        f"{_SW}, V, question 3b",
        "A new or changed risk control for such a hazardous situation: new 510(k).",
    ),
    _rule(
        "sw.q4",
        _SW_SINCE,
        f"{_SW}, V, question 4",
        "Could significantly affect clinical functionality or performance specifications tied to "
        "the intended use: new 510(k). No to all questions: document.",
    ),
    _rule(
        "sw.core",
        _SW_SINCE,
        f"{_SW}, VI",
        "A rewritten core algorithm may need a new 510(k) even when the claims stay the same.",
    ),
    _rule(
        "sw.cumulative",
        _SW_SINCE,
        f"{_SW}, V",
        "Each change is compared with the most recently cleared device, all changes since then "
        "together.",
    ),
    _rule(
        "cade.change",
        date(2022, 9, 28),
        f"{_CADE}, on substantial equivalence",
        "For CADe, a change of image processing, features, classification algorithm, training "
        "methods, training data or algorithm parameters may be significant.",
    ),
    _rule(
        "cade.no-reader-study",
        date(2022, 9, 28),
        f"{_CADE}, VI",
        "A changed CADe may do without a new reader study when, on the same test set, sensitivity "
        "or false positives improve and the other does not get worse, and marks stay consistent "
        "in place and extent.",
    ),
)
