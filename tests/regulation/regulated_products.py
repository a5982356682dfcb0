# ruff: noqa: E501 (one product, one line)
"""Products from public descriptions, with the class that the cited texts give by hand.

Expected answers are read from the regulation that a clearance names, from MDCG 2019-11 Rev.1
(Annex III table, Annex IV examples) and from the Korean matrix with the guideline's worked cases
(chapter VIII); never from Limen's code. ``a/b`` is a main answer and the other reading that the
texts allow. MDCG and Korean situations are facts of the row: cancer, stroke and so on are placed
as the Korean guideline pp.18-19 and IMDRF N12 5.2 place them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Product:
    name: str
    group: str
    facts: dict[str, Any]
    fda: str
    """Part 892 by its section, other parts in full; "ask", or "no device"."""
    mdr: str
    mfds: str
    source: str


def _p(name: str, group: str, fda: str, mdr: str, mfds: str, source: str, **facts: Any) -> Product:
    return Product(name, group, facts, fda, mdr, mfds, source)


def _triage(name: str, situation: str, source: str, words: str, **facts: Any) -> Product:
    # 892.2080; MDCG table: drive, or detect; guideline p.20 "screening, sorting", or management
    mdr = {"critical": "IIb/III", "serious": "IIa/IIb", "non-serious": "IIa"}[situation]
    mfds = {"critical": "4/3", "serious": "3/2", "non-serious": "2/1"}[situation]
    return _p(
        name, "CADt", "2080", mdr, mfds, source,
        situation=situation, outputs=["triage-flag"], statement=words, workflow="parallel", **facts,
    )  # fmt: skip


def _cancer(name: str, group: str, fda: str, source: str, words: str, **facts: Any) -> Product:
    # serious: IIa as an aid (drive), IIb as detection; Korea: cancer, diagnosis = 3
    return _p(
        name, group, fda, "IIa/IIb", "3", source,
        situation="serious", statement=words, finding="cancer", **facts,
    )  # fmt: skip


PRODUCTS = [
    # --- CADt: notification without a mark, in parallel ---
    _triage("ContaCT", "critical", "DEN170073; 21 CFR 892.2080", "Notifies a specialist of a suspected large vessel occlusion on CT angiography.", modality="CT"),
    _triage("Rapid LVO", "critical", "K200941", "Flags suspected large vessel occlusion in parallel to reading.", modality="CT"),
    _triage("StrokeSENS LVO", "critical", "K212261", "Flags suspected large vessel occlusion on CTA head.", modality="CT"),
    _triage("HALO", "critical", "K200873", "Notification only, suspected large vessel occlusion.", modality="CT"),
    _triage("qER-CTA", "critical", "K251610", "Notification-only parallel workflow tool for large vessel occlusion.", modality="CT"),
    _triage("Rapid ICH", "critical", "K221456", "Flags suspected intracranial haemorrhage on head CT.", modality="CT"),
    _triage("Brainomix 360 Triage ICH", "critical", "K231195", "Notifies of suspected intracranial haemorrhage.", modality="CT"),
    _triage("InferRead CT Stroke.AI", "critical", "K211179", "Marks cases of suspected haemorrhage in the worklist; does not remove cases from queue.", modality="CT"),
    _triage("Critical Care Suite", "critical", "K183182, code QFM", "Flags suspected pneumothorax for prioritisation.", modality="DX"),
    _triage("Lunit INSIGHT CXR Triage", "critical", "K211733", "Prioritises suspected pneumothorax or effusion; does not direct attention to portions of an image.", modality="DX"),
    _triage("BriefCase-Triage central PE", "critical", "K232751", "Flags suspected central pulmonary embolism.", modality="CT"),
    _triage("Rapid OH", "critical", "K251533", "Notifies of suspected obstructive hydrocephalus.", modality="CT"),
    _triage("BriefCase-Triage cervical spine", "serious", "K242837", "Flags linear lucencies in the cervical spine compatible with fractures.", modality="CT"),
    _triage("HealthCXR", "serious", "K192320", "Prioritises chest X-rays with suspected pleural effusion.", modality="DX"),
    _triage("HealthVCF", "non-serious", "K192901, code QFM", "Prioritises CT with suspected vertebral compression fractures.", modality="CT"),
    # --- CADe: marks alone ---
    _cancer("AVIEW Lung Nodule CAD", "CADe", "2070/2050", "K221592, code OEB (892.2050); 21 CFR 892.2070", "Second reader that marks suspected lung nodules on chest CT.", outputs=["mark"], modality="CT", anatomy="chest"),
    _cancer("ClearRead CT", "CADe", "2070/2050", "K161201, code OEB (892.2050)", "CADe marks on a vessel-suppressed chest CT for pulmonary nodules.", outputs=["mark", "image"], modality="CT", anatomy="chest", subject="abnormality"),
    _cancer("ClearRead CT Compare", "CADe", "2070/2050", "K221612, code OEB (892.2050)", "Marks nodules and gives their volume change between two chest CT.", outputs=["mark", "measurement"], modality="CT", anatomy="chest"),
    _cancer("qXR-LN", "CADe", "2070/2050", "K231805", "Identifies and marks regions with suspected pulmonary nodules on chest radiographs, second reader.", outputs=["mark"], modality="DX", anatomy="chest"),
    _p("Chest-CAD", "CADe", "2070/2050", "IIa/IIb", "3", "K210666; KR guideline VIII grade 3 no. 4", situation="serious", outputs=["mark"], statement="Highlights suspicious regions of interest on chest radiographs, concurrent aid.", modality="DX", anatomy="chest"),
    _p("Lung-CAD", "CADe", "2070/2050", "IIa/IIb", "3", "K230085", situation="serious", outputs=["mark"], statement="Boxes around regions with lung hyperinflation on chest X-rays.", modality="DX", anatomy="chest"),
    _p("Second Opinion CC", "CADe", "2070", "IIa", "2", "K242522; KR guideline VIII grade 2 no. 1", situation="non-serious", outputs=["mark"], statement="Polygons around suspected caries on bitewing radiographs, second reader.", modality="IO", anatomy="teeth"),
    _p("Overjet Caries Assist", "CADe", "2070", "IIa", "2", "K212519", situation="non-serious", outputs=["mark", "contour"], statement="Concurrent aid for detection and segmentation of caries.", modality="IO", anatomy="teeth"),
    _p("GI Genius", "CADe", "876.1520", "IIa/IIb", "3", "DEN200055; openFDA QNP", situation="serious", outputs=["mark"], statement="Marks colonic mucosal lesions such as polyps during colonoscopy.", modality="ES", anatomy="colon"),
    # --- CADx: a lesion is given ---
    _cancer("QuantX", "CADx", "2060", "DEN170022, code POK", "Characterises user-selected breast abnormalities on MR by a score.", outputs=["score"], found_by="clinician", modality="MR", anatomy="breast"),
    _cancer("Koios DS for Breast", "CADx", "2060", "K190442, code POK", "Classifies user-selected breast lesions on ultrasound.", outputs=["score"], found_by="clinician", modality="US", anatomy="breast"),
    _cancer("Koios DS thyroid", "CADx", "2060", "K212616, code POK", "Cancer risk assessment of a selected thyroid nodule.", outputs=["score"], found_by="clinician", modality="US", anatomy="thyroid"),
    _cancer("Virtual Nodule Clinic", "CADx", "2060", "K202300, code POK", "LCP-CNN score of a user-selected pulmonary nodule.", outputs=["score", "measurement"], found_by="clinician", modality="CT", anatomy="chest"),
    _cancer("RevealAI-Lung", "CADx", "2060", "K251769, code POK", "Malignancy similarity index of an incidentally found lung nodule.", outputs=["score"], found_by="clinician", modality="CT", anatomy="chest"),
    _p("Rapid ASPECTS", "CADx", "2060", "IIb/III", "4", "K200760, code POK though not cancer", situation="critical", outputs=["score"], finding="other-disease", found_by="clinician", statement="ASPECT score of early ischaemic injury in given regions.", modality="CT", anatomy="brain"),
    _p("Brainomix 360 e-ASPECTS", "CADx", "2060", "IIb/III", "4", "K243294, code POK", situation="critical", outputs=["score"], finding="other-disease", found_by="clinician", statement="Editable ASPECTS score for clinician review.", modality="CT", anatomy="brain"),
    # --- CADe/x: marks and scores ---
    _cancer("Transpara 1.7.0", "CADe/x", "2090", "K210404, code QDQ", "Locations and region scores of suspected breast cancer, concurrent aid.", outputs=["mark", "score"], modality="MG", anatomy="breast"),
    _cancer("Lunit INSIGHT MMG", "CADe/x", "2090", "K211678, code QDQ", "Heatmaps and abnormality scores on mammograms.", outputs=["mark", "score"], modality="MG", anatomy="breast"),
    _cancer("Lunit INSIGHT DBT", "CADe/x", "2090", "K231470, code QDQ", "Marks with an abnormality score on tomosynthesis.", outputs=["mark", "score", "contour"], modality="MG", anatomy="breast"),
    _cancer("MammoScreen 2.0", "CADe/x", "2090", "K211541, code QDQ", "Marks and level of suspicion scores.", outputs=["mark", "score"], modality="MG", anatomy="breast"),
    _cancer("MammoScreen 4", "CADe/x", "2090", "K243679, code QDQ", "Graphical marks, suspicion scores, lesion type and place.", outputs=["mark", "score"], modality="MG", anatomy="breast"),
    _cancer("Prostate MR AI", "CADe/x", "2090", "K241770, code QDQ", "Detects, outlines and scores regions suspicious for cancer on prostate MR.", outputs=["mark", "contour", "score"], modality="MR", anatomy="prostate"),
    _p("BoneView", "CADe/x", "2090", "IIa", "2", "K212365, code QBS", situation="non-serious", outputs=["mark"], statement="Highlights fractures on radiographs, concurrent aid.", modality="DX"),
    _p("FractureDetect", "CADe/x", "2090", "IIa", "2", "K193417, code QBS", situation="non-serious", outputs=["mark"], statement="Assists in detecting fractures on radiographs.", modality="DX"),
    _p("OsteoDetect", "CADe/x", "2090", "IIa", "2", "DEN180005, code QBS", situation="non-serious", outputs=["mark"], statement="Identifies and highlights distal radius fractures.", modality="DX"),
    _p("icobrain aria", "CADe/x", "2090", "IIa/IIb", "3", "K240712", situation="serious", outputs=["mark", "score", "measurement"], statement="Presence, place, size and severity of amyloid-related imaging abnormalities.", modality="MR", anatomy="brain"),
    _p("CXR, 40 findings", "CADe/x", "2090", "IIa/IIb", "3", "KR guideline VIII grade 3 no. 3", situation="serious", outputs=["mark", "score"], statement="Analyses chest X-rays for some 40 findings, tumours included.", modality="DX", anatomy="chest"),
    # --- measurement ---
    _p("icobrain", "measurement", "2050", "IIa", "1", "K181939; KR guideline p.21 information", situation="serious", outputs=["contour", "measurement"], statement="Labels and measures brain structures.", modality="MR", anatomy="brain"),
    _p("iQ-solutions", "measurement", "2050", "IIa", "1", "K231929, code QIH", situation="serious", outputs=["contour", "measurement"], statement="Annotates and quantifies brain structures.", modality="MR", anatomy="brain"),
    _p("Neurophet AQUA", "measurement", "2050", "IIa", "1", "K220437", situation="serious", outputs=["contour", "measurement"], statement="Volumes of brain structures with reference percentiles.", modality="MR", anatomy="brain"),
    _p("cNeuro cMRI", "measurement", "2050", "IIa", "1", "K171328", situation="serious", outputs=["contour", "measurement"], statement="Labels and quantifies brain structures.", modality="MR", anatomy="brain"),
    _p("AI4CMR", "measurement", "2050", "IIa", "1", "K220624", situation="serious", outputs=["contour", "measurement"], statement="Ventricle volumes from cardiac MR.", modality="MR", anatomy="heart"),
    _p("MammoScreen BD", "measurement", "2050", "IIa", "1", "K241561; KR guideline p.21 comparison with guidelines", situation="non-serious", outputs=["measurement"], statement="Breast density category by BI-RADS.", modality="MG", anatomy="breast"),
    _p("PowerLook Density", "measurement", "2050", "IIa", "1", "K211506", situation="non-serious", outputs=["measurement"], statement="Breast density category.", modality="MG", anatomy="breast"),
    _p("AVIEW LCS", "measurement", "2050/1750", "IIa", "1", "K193220; KR guideline p.22 simple measurement", situation="serious", outputs=["measurement"], subject="abnormality", found_by="clinician", statement="Size and volume of nodules that were found elsewhere.", modality="CT", anatomy="chest"),
    _p("CAC Software", "measurement", "2050/1750", "IIa", "1", "K230112, code JAK (892.1750)", situation="serious", outputs=["contour", "measurement"], subject="anatomy", statement="Agatston score of coronary calcium; does not diagnose.", modality="CT", anatomy="heart"),
    _p("OnQ Neuro", "measurement", "2050", "IIa", "3", "K210831; KR guideline p.22 tumour told from healthy tissue", situation="serious", outputs=["contour", "measurement"], subject="abnormality", found_by="clinician", finding="cancer", statement="Outlines and measures brain tumours that are confirmed.", modality="MR", anatomy="brain"),
    _p("HeartFlow FFRct", "measurement", "870.1415", "IIa/IIb", "2", "K190925, code PJA; KR guideline VIII grade 2 no. 9", situation="serious", outputs=["measurement"], functional=True, statement="FFRct, coronary flow computed from CT.", modality="CT", anatomy="heart"),
    _p("RTVue XR normative", "measurement", "886.1570/2050", "IIa", "1", "K153080, code OBO; K211715", situation="serious", outputs=["measurement"], statement="Thickness of retinal layers against normal eyes.", modality="OCT", anatomy="retina"),
    # --- segmentation ---
    _p("AI-Rad Companion Organs RT", "segmentation", "2050", "IIb", "3/1", "K232899, code QKB; N12 5.1.1; KR guideline pp.19, 21", situation="serious", outputs=["contour"], for_treatment=True, statement="Contours of organs at risk for radiation therapy planning.", modality="CT"),
    _p("AutoContour V4", "segmentation", "2050", "IIb", "3/1", "K242729, code QKB", situation="serious", outputs=["contour"], for_treatment=True, statement="Contours structures for radiation therapy planning.", modality="CT"),
    _p("Second Opinion 3D", "segmentation", "2050", "IIa", "1", "K243989", situation="non-serious", outputs=["mark", "contour"], subject="anatomy", disease_trained=False, statement="Marks anatomy on dental cone-beam CT.", modality="CBCT", anatomy="teeth"),
    _p("Liver and vessels", "segmentation", "2050/1750", "IIa", "1", "KR guideline VIII grade 1 no. 4", situation="serious", outputs=["contour", "measurement"], statement="Outlines liver and vessels on CT and gives volumes.", modality="CT", anatomy="liver"),
    _p("Liver resection planning", "segmentation", "ask", "IIb", "3", "KR guideline VIII grade 3 no. 6", situation="serious", outputs=["treatment", "contour"], statement="Plans and simulates liver resection.", modality="CT", anatomy="liver"),
    # --- denoising and other image processing ---
    _p("SubtleMR", "denoising", "2050", "IIa/no device", "1", "K191688; KR guideline VIII grade 1 no. 9", situation="non-serious", outputs=["image"], statement="Reduces noise and sharpens MR images.", modality="MR"),
    _p("SubtleHD", "denoising", "2050", "IIa/no device", "1", "K243250, code QIH", situation="non-serious", outputs=["image"], statement="Noise reduction and sharpness of MR images.", modality="MR"),
    _p("SwiftMR", "denoising", "2050", "IIa/no device", "1", "airsmed.com: Korean grade 1 notification, FDA 510(k)", situation="non-serious", outputs=["image"], statement="Improves the quality of MR images.", modality="MR"),
    _p("ClariCT.AI", "denoising", "2050/1750", "IIa/IIb/no device", "1", "K183460; MDR Annex VIII 3.3 with a CT of class IIb", situation="non-serious", outputs=["image"], device_class="IIb", statement="Denoises CT images.", modality="CT"),
    _p("SubtlePET", "denoising", "2050/1200", "IIa/no device", "1", "K182336 (892.1200)", situation="non-serious", outputs=["image"], statement="Noise reduction of PET images.", modality="PET"),
    _p("Claritas iPET", "denoising", "2050/1200", "IIa/no device", "1", "K213140", situation="non-serious", outputs=["image"], statement="Noise reduction and sharpening of PET images.", modality="PET"),
    _p("3D rendering", "denoising", "2050", "IIa/no device", "1", "KR guideline VIII grade 1 no. 3", situation="non-serious", outputs=["image"], statement="3D rendering of medical images.", modality="MR"),
    _p("Caption Guidance", "acquisition", "2100", "IIa", "1", "DEN190040, code QJU; KR guideline VIII grade 1 no. 8; MDR Annex VIII 3.3", situation="serious", outputs=["guidance"], statement="Guides the ultrasound probe.", modality="US", anatomy="heart"),
    _p("UltraSight Guidance", "acquisition", "2100", "IIa", "1", "K223347, code QJU", situation="serious", outputs=["guidance"], statement="Guides the taking of cardiac ultrasound.", modality="US", anatomy="heart"),
    # --- screening and autonomous reading ---
    _p("IDx-DR", "autonomous", "886.1100", "IIa", "2", "DEN180001, code PIB; KR guideline VIII grade 2 no. 2", situation="non-serious", outputs=["diagnosis"], autonomy="autonomous", statement="Detects more than mild diabetic retinopathy without a specialist.", modality="fundus", anatomy="retina"),
    _p("EyeArt", "autonomous", "886.1100", "IIa", "2", "K200667", situation="non-serious", outputs=["diagnosis"], autonomy="autonomous", statement="Automatically detects diabetic retinopathy.", modality="fundus", anatomy="retina"),
    _p("Fundus screening for doctors", "screening", "886.1100", "IIa", "2", "KR guideline VIII grade 2 no. 2", situation="non-serious", outputs=["diagnosis"], statement="Screening result for diabetic retinopathy to aid the doctor.", modality="fundus", anatomy="retina"),
    _p("ChestLink", "autonomous", "ask", "IIb", "3", "CE class IIb, med-technews.com 2022; autonomous reports on normal chest X-rays", situation="serious", outputs=["report"], autonomy="autonomous", unflagged="not-read", statement="Reports chest X-rays without abnormality.", modality="DX", anatomy="chest"),
    _p("Rule-out mammography", "autonomous", "ask", "IIb", "3", "21 CFR 892.2080(a) 'does not remove cases from the queue'", situation="serious", outputs=["triage-flag"], unflagged="not-read", finding="cancer", statement="Takes normal screening mammograms from the list.", modality="MG", anatomy="breast"),
    _p("LVH likelihood", "screening", "ask/2090", "IIa/IIb", "3", "KR guideline VIII grade 3 no. 1", situation="serious", outputs=["score"], found_by="software", finding="other-disease", statement="Likelihood of left ventricular hypertrophy on echo.", modality="US", anatomy="heart"),
    _p("Stroke diagnosis for treatment", "screening", "ask/2090", "III", "4", "MDCG 2019-11 Annex IV, first example", situation="critical", outputs=["diagnosis"], statement="Diagnoses acute stroke on images for treatment decisions.", modality="CT", anatomy="brain"),
    _p("ECG atrial fibrillation app", "screening", "ask", "IIb/III", "3", "MDCG 2019-11 Annex IV heartbeat app; KR guideline VIII grade 3 no. 2", situation="critical", death_within_24h=False, outputs=["score"], inputs=["signal"], lay_user=True, found_by="software", statement="Analyses a user's heartbeat and informs a physician.", modality="ECG"),
    # --- prognosis, and decision support without images ---
    _p("Clairity Allix5", "prognosis", "8500", "IIa", "2", "DEN240047, code SEZ; KR guideline p.20 prediction", situation="serious", outputs=["prognosis"], finding="cancer", statement="Five-year risk of breast cancer from a screening mammogram.", modality="MG", anatomy="breast"),
    _p("Emergency room, 24 hours", "prognosis", "ask", "IIb", "3", "KR guideline VIII grade 3 no. 8; MDCG table critical, drive", situation="critical", outputs=["prognosis"], inputs=["clinical-data"], statement="Predicts acute deterioration within 24 hours."),
    _p("Fetal lung maturity", "prognosis", "ask", "IIa", "2", "KR guideline VIII grade 2 no. 10", situation="serious", outputs=["prognosis"], statement="Predicts lung maturity before early delivery.", modality="US"),
    _p("Neonatal intubation", "prognosis", "ask", "IIa", "2", "KR guideline VIII grade 2 no. 11", situation="serious", outputs=["prognosis"], inputs=["clinical-data"], statement="Probability of intubation within three hours."),
    _p("Pressure ulcers", "prognosis", "ask", "IIa", "1", "KR guideline VIII grade 1 no. 1", situation="non-serious", outputs=["prognosis"], inputs=["clinical-data"], statement="Risk of pressure ulcers within 24 hours from records."),
    _p("Depression scoring", "screening", "ask", "IIb", "3", "MDCG 2019-11 Annex IV depression example; KR guideline p.18", situation="serious", outputs=["diagnosis"], inputs=["clinical-data"], statement="Scores depression from symptoms."),
    _p("Chemotherapy options", "treatment", "no device", "IIa", "3", "MDCG 2019-11 Annex IV chemotherapy example; 21 USC 360j(o)(1)(E); KR guideline p.19", situation="critical", death_within_24h=False, outputs=["treatment"], for_treatment=False, inputs=["clinical-data"], statement="Lists and ranks all available chemotherapy options."),
    _p("PACS", "storage", "no device", "no device", "1", "21 USC 360j(o)(1)(D); MDCG 2019-11 step 3; KR guideline VIII grade 1 no. 2", situation="non-serious", outputs=["image"], storage_only=True, statement="Receives, stores and shows images."),
]  # fmt: skip
