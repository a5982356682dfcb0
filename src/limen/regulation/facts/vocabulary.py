"""The words in which an intended use is stated: each fact, and the values that it may have."""

from __future__ import annotations

from typing import Any

OUTPUTS = {
    "mark": "marks a place on the image",
    "contour": "outlines a structure",
    "measurement": "measures a quantity",
    "score": "gives a score, likelihood or category of a finding",
    "triage-flag": "flags or reorders cases",
    "diagnosis": "states that a disease is present or absent",
    "image": "makes or improves an image",
    "prognosis": "predicts a future state",
    "treatment": "proposes or plans a treatment",
    "guidance": "guides the taking of the image",
    "report": "drafts text of a report",
}
"""What software may show or send, with its words."""

CLINICAL = frozenset({"mark", "score", "triage-flag", "diagnosis", "prognosis", "report"})
"""Outputs that speak about a patient's disease rather than about the image."""

OPTIONS: dict[str, tuple[Any, ...]] = {
    "situation": ("critical", "serious", "non-serious"),
    "significance": ("treat-or-diagnose", "drive", "inform"),
    "autonomy": ("assistive", "autonomous"),
    "workflow": (
        "second-read",
        "concurrent",
        "first-read",
        "before-read",
        "parallel",
        "after-read",
        "acquisition",
        "unattended",
    ),
    "unflagged": ("read-as-usual", "read-later", "not-read"),
    "subject": ("abnormality", "anatomy", "image-quality"),
    "found_by": ("software", "clinician"),
    "finding": (
        "cancer",
        "fracture",
        "diabetic-retinopathy",
        "coronary-flow",
        "gi-lesion",
        "other-disease",
        "none",
    ),
    "disease_trained": (True, False),
    "functional": (False, True),
    "for_treatment": (False, True),
    "harm": ("injury", "death", "none"),
    "lay_user": (False, True),
    "death_within_24h": (False, True),
    "drives_device": (False, True),
    "device_class": ("I", "IIa", "IIb", "III"),
    "closed_loop": (False, True),
    "monitors": ("none", "non-vital", "vital"),
    "ai": (True, False),
    "medical_purpose": (True, False),
    "individual": (True, False),
    "storage_only": (False, True),
    "basis_reviewable": (True, False),
    "directive": (False, True),
}
"""Every fact with a closed vocabulary, its values."""

INPUTS = ("image", "signal", "ivd", "text", "clinical-data")
