# ruff: noqa: E501 (one product, one line)
"""Published clearances that are neither in the facts file nor in the table of products.

The facts of a row are those of the published intended use (510(k) summaries; for the EU a list of
a health technology assessment), the answer is the published one, and the rules were not written
with them at hand. ``AT_FIRST`` says how many agreed when they were walked through the first time.
"""

from __future__ import annotations

from typing import Any

AT_FIRST = (38, 40)
"""Agreed, of all: 35 by the main answer, 3 by another reading that was told. The two others, software
that outlines and measures what it finds itself, and software on images of the eye apart from the
device, were cleared as image processing too; both are told as other readings since."""

Clearance = tuple[str, str, str, dict[str, Any]]


def _fda(name: str, number: str, regulation: str, **facts: Any) -> Clearance:
    return name, number, regulation, facts


def _flag(name: str, number: str, situation: str, statement: str, **facts: Any) -> Clearance:
    return _fda(
        name, number, "892.2080", situation=situation, outputs=["triage-flag"],
        workflow="parallel", statement=statement, **facts,
    )  # fmt: skip


FDA: list[Clearance] = [
    _flag("QmTRIAGE", "K220080", "serious", "Flags screening mammograms with at least one suspicious finding for prioritisation; removes none from the list.", modality="MG", anatomy="breast"),
    _flag("HealthMammo", "K200905", "serious", "Passive notification only: flags screening mammograms with a suspicious finding.", modality="MG", anatomy="breast"),
    _flag("Rapid PE", "K220499", "critical", "Flags suspected central pulmonary embolism for workflow triage.", modality="CT", anatomy="chest"),
    _flag("qER", "K200921", "critical", "Flags suspected haemorrhage, mass effect, midline shift and cranial fracture on head CT for triage.", modality="CT", anatomy="head"),
    _flag("BriefCase iPE", "K201020", "critical", "Flags suspected incidental pulmonary embolism on chest CT.", modality="CT", anatomy="chest"),
    _flag("BriefCase VCFx", "K222692", "serious", "Flags suspected vertebral compression fractures on chest and abdominal CT for triage.", modality="CT", anatomy="spine"),
    _flag("QOCA image Smart CXR", "K221868", "critical", "Notation beside cases with suspected pneumothorax so that they are read first; shows no place in the image.", modality="DX", anatomy="chest"),
    _flag("BriefCase-Triage, lungs", "K250248", "critical", "Flags suspect cases on contrast-enhanced images of the lungs.", modality="CT", anatomy="chest"),
    _fda("Genius AI Detection", "K201019", "892.2090", situation="serious", outputs=["mark", "contour", "score"], found_by="software", workflow="concurrent", statement="Identifies and marks soft tissue densities and calcifications in breast tomosynthesis with a certainty of finding.", modality="MG", anatomy="breast"),
    _fda("MammoScreen 3", "K240301", "892.2090", situation="serious", outputs=["mark", "score"], found_by="software", workflow="concurrent", statement="Marks findings on mammograms with a level of suspicion.", modality="MG", anatomy="breast"),
    _fda("SMART-T", "K240697", "892.2090", situation="serious", outputs=["mark", "score", "report"], found_by="software", statement="Localises thyroid nodules on ultrasound, gives TI-RADS descriptors and a report to be approved.", modality="US", anatomy="thyroid"),
    _fda("qER-Quant", "K211222", "892.2050", situation="critical", outputs=["contour", "measurement"], subject="abnormality", found_by="software", finding="other-disease", statement="Labels, outlines and measures hyperdensities, ventricles and midline shift on head CT.", modality="CT", anatomy="head"),
    _fda("Medihub Prostate", "K233196", "892.2050", situation="serious", outputs=["contour", "image"], statement="Outlines the prostate semi-automatically and combines MR sequences.", modality="MR", anatomy="prostate"),
    _fda("NEUROShield", "K220034", "892.2050", situation="serious", outputs=["contour", "measurement"], statement="Labels the hippocampus and gives its volume.", modality="MR", anatomy="brain"),
    _fda("IQQA-BodyImaging", "K141745", "892.2050", situation="serious", outputs=["contour", "measurement"], subject="abnormality", found_by="clinician", statement="Segments and measures lesions that a physician identified.", modality="CT", anatomy="body"),
    _fda("AI-Rad Companion Engine", "K193294", "892.2050", situation="serious", outputs=["image", "measurement"], statement="Platform for viewing, storing and transferring, with qualitative and quantitative measurement.", modality="MR"),
    _fda("Second Opinion CS", "K243234", "892.2070", situation="non-serious", outputs=["mark", "contour"], workflow="second-read", finding="other-disease", statement="Detects and segments caries in periapical radiographs as a second reader.", modality="DX", anatomy="teeth"),
    _fda("Denti.AI Detect", "K230144", "892.2070", situation="non-serious", outputs=["mark", "measurement"], workflow="second-read", finding="other-disease", statement="Highlights regions of interest such as caries, and aids in measuring bone levels.", modality="DX", anatomy="teeth"),
    _fda("DTX Studio Clinic", "K221921", "892.2070", situation="non-serious", outputs=["mark"], workflow="concurrent", finding="other-disease", statement="Identifies and localises dental findings on intraoral radiographs.", modality="DX", anatomy="teeth"),
    _fda("AmCAD-UT Detection 2.0", "K122536", "892.2050", situation="serious", outputs=["measurement", "image"], subject="abnormality", found_by="clinician", statement="Quantifies and visualises sonographic characteristics of a thyroid nodule that the user selected.", modality="US", anatomy="thyroid"),
    _fda("PIUR tUS Infinity", "K240036", "892.2050", situation="serious", outputs=["contour", "measurement"], subject="abnormality", found_by="clinician", statement="Outlines the thyroid lobe; nodules are marked by the user, then quantified.", modality="US", anatomy="thyroid"),
    _fda("AccuCTP", "K220663", "892.2050", situation="critical", outputs=["measurement", "image"], functional=True, statement="Perfusion maps and volumes of brain tissue from CT perfusion.", modality="CT", anatomy="brain"),
    _fda("AccuCTP Pro", "K231353", "892.2050", situation="critical", outputs=["measurement", "image"], functional=True, statement="Tissue flow and blood volume from CT perfusion of the brain.", modality="CT", anatomy="brain"),
    _fda("TeraRecon Neuro", "K220349", "892.2050", situation="critical", outputs=["measurement", "image"], functional=True, statement="Perfusion parameters and parametric maps of the brain from CT or MR.", modality="CT", anatomy="brain"),
    _fda("AutoContour RADAC V3", "K230685", "892.2050", situation="serious", outputs=["contour"], for_treatment=True, statement="Contours structures in preparation for radiation therapy planning.", modality="CT"),
    _fda("DeepContour", "K232928", "892.2050", situation="serious", outputs=["contour", "measurement"], for_treatment=True, statement="Creates contours of organs and transfers them to the treatment planning system.", modality="CT"),
    _fda("Automatic Anatomy Recognition", "K203610", "892.2050", situation="serious", outputs=["contour"], for_treatment=True, statement="Derives contours of anatomical structures from CT for input to radiation treatment planning.", modality="CT"),
    _fda("EndoScreener", "K211326", "876.1520", situation="serious", outputs=["mark"], workflow="concurrent", statement="Detects polyps in the colonoscopy video in real time.", modality="endoscopy", anatomy="colon"),
    _fda("EW10-EC02", "K230751", "876.1520", situation="serious", outputs=["mark"], workflow="concurrent", statement="Aids endoscopists in detecting colonic mucosal lesions such as polyps and adenomas.", modality="endoscopy", anatomy="colon"),
    _fda("SKOUT", "K251126", "876.1520", situation="serious", outputs=["mark"], workflow="concurrent", statement="Gives the location of potential colorectal polyps during colonoscopy.", modality="endoscopy", anatomy="colon"),
    _fda("RetinAI Discovery", "K211715", "892.2050", situation="serious", outputs=["image", "measurement"], statement="Displays, annotates by hand and measures OCT scans and fundus images.", modality="OCT", anatomy="retina"),
    _fda("Lung Nodule Assessment", "K023785", "892.1750", situation="serious", outputs=["measurement"], subject="abnormality", found_by="clinician", statement="Quantitative information about lung nodules that a physician identified on CT.", modality="CT", anatomy="chest"),
]  # fmt: skip


def _chest(name: str, klass: str, outputs: list[str]) -> Clearance:
    facts = {
        "situation": "serious", "outputs": outputs, "modality": "DX", "anatomy": "chest",
        "found_by": "software", "statement": "Abnormalities on chest X-ray, cancer among them.",
    }  # fmt: skip
    return name, "NICE HTG696, section 2.2", klass, facts


MDR: list[Clearance] = [
    _chest("AI-Rad Companion Chest X-ray", "IIa", ["mark", "score"]),
    _chest("Annalise CXR", "IIb", ["mark", "triage-flag"]),
    _chest("Auto Lung Nodule Detection", "IIa", ["mark"]),
    _chest("ChestView", "IIa", ["mark"]),
    _chest("ClearRead Xray", "IIa", ["mark"]),
    _chest("Lunit INSIGHT CXR", "IIa", ["mark", "score"]),
    _chest("Milvue Suite", "IIa", ["mark", "triage-flag"]),
    _chest("SenseCare-Chest DR PRO", "IIb", ["mark"]),
]
