"""Facts in words, as an answer says what was assumed and what would change it."""

from __future__ import annotations

from typing import Any

_SAID: dict[str, dict[Any, str]] = {
    "finding": {
        "cancer": "it is about cancer",
        "fracture": "it is about fractures",
        "diabetic-retinopathy": "it is about diabetic retinopathy",
        "coronary-flow": "it is about coronary flow",
        "gi-lesion": "it is about lesions of stomach or bowel",
        "other-disease": "it is about no disease that has rules of its own",
        "none": "it is about no disease",
    },
    "autonomy": {
        "assistive": "a professional looks at every case",
        "autonomous": "it acts without a professional",
    },
    "unflagged": {
        "read-as-usual": "cases without a flag are read as usual",
        "read-later": "cases without a flag are read later",
        "not-read": "cases without a flag are read by nobody",
    },
    "subject": {
        "abnormality": "the outputs speak of something abnormal",
        "anatomy": "the outputs speak of normal anatomy",
        "image-quality": "the outputs concern image quality alone",
    },
    "found_by": {
        "software": "the software finds the lesion itself",
        "clinician": "a clinician finds the lesion",
    },
    "disease_trained": {
        True: "it was trained for a certain disease",
        False: "it was trained for no disease",
    },
    "functional": {
        True: "it measures function that only the software can give",
        False: "what it measures can be read off the image",
    },
    "for_treatment": {
        True: "the output goes into a treatment plan",
        False: "the output goes into no treatment plan",
    },
    "harm": {
        "injury": "a failure may injure",
        "death": "a failure may kill",
        "none": "a failure harms nobody",
    },
    "lay_user": {True: "patients use it alone", False: "professionals use it"},
    "death_within_24h": {
        True: "without the right care the patient may die within 24 hours",
        False: "the patient is in no danger of death within 24 hours",
    },
    "significance": {
        "treat-or-diagnose": "it treats or diagnoses",
        "drive": "it drives the next step of care",
        "inform": "it only informs",
    },
    "medical_purpose": {True: "it has a medical purpose", False: "it has no medical purpose"},
    "storage_only": {
        True: "it only stores, transfers or displays",
        False: "it does more than store, transfer or display",
    },
    "individual": {
        True: "it is for individual patients",
        False: "it is not for individual patients",
    },
    "ai": {True: "it is an AI system", False: "it is no AI system"},
    "closed_loop": {True: "it closes a loop with a therapy", False: "it closes no loop"},
    "drives_device": {True: "it drives another device", False: "it drives no device"},
    "basis_reviewable": {
        True: "a professional can review its basis",
        False: "its basis cannot be reviewed",
    },
    "directive": {True: "it gives a directive", False: "it gives no directive"},
}


def said(fact: str, value: Any) -> str:
    """A fact in words."""
    if fact == "outputs":
        return "what it shows or sends is " + (" and ".join(sorted(value)) or "nothing")
    if fact == "situation":
        return f"the situation is {value}"
    words = _SAID.get(fact, {}).get(value)
    return words if words is not None else f"{fact.replace('_', ' ')}: {value}"
