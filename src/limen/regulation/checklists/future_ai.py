"""FUTURE-AI 2025: thirty practices for trustworthy AI; the item texts are ours."""

from __future__ import annotations

from limen.regulation.checklists.checklist import Checklist, Item

FUTURE_AI = Checklist(
    "future-ai",
    "FUTURE-AI",
    "Lekadir et al., BMJ 2025;388:e081554 (30 practices; their order is from memory)",
    "memory",
    (
        Item("F1", "Fairness", "Find the sources of bias that matter here."),
        Item(
            "F2",
            "Fairness",
            "Collect the attributes that bias would show in.",
            "characteristics",
            "what the cases do not state",
        ),
        Item("F3", "Fairness", "Measure bias, and correct it.", "subgroups", "its correction"),
        Item(
            "U1",
            "Universality",
            "Say for which settings it is, and how they vary.",
            "use",
            "how settings vary",
        ),
        Item(
            "U2",
            "Universality",
            "Use common standards.",
            "data",
            "standards beyond DICOM and NIfTI",
        ),
        Item(
            "U3",
            "Universality",
            "Test on other sites' data.",
            "sites",
            "which of them are external",
        ),
        Item("U4", "Universality", "Test where it will be used."),
        Item(
            "T1",
            "Traceability",
            "Manage risk through the whole life.",
            "risks",
            "risk management beyond the table",
        ),
        Item("T2", "Traceability", "Document it all.", "ledger", "documents outside Limen"),
        Item(
            "T3",
            "Traceability",
            "Check inputs and outputs in use.",
            "boundary",
            "checks of outputs in use",
        ),
        Item("T4", "Traceability", "Audit and update it at times.", "history", "a plan of audits"),
        Item("T5", "Traceability", "Keep logs of use.", "ledger", "logs of live use"),
        Item("T6", "Traceability", "Say who governs it.", "class", "the persons"),
        Item("S1", "Usability", "State use and users' needs.", "use", "how needs were found"),
        Item("S2", "Usability", "Plan how people work with it and oversee it."),
        Item("S3", "Usability", "Train its users."),
        Item("S4", "Usability", "Test usability."),
        Item("S5", "Usability", "Test use and safety in care."),
        Item(
            "R1", "Robustness", "Find what varies in real data.", "boundary", "what varies besides"
        ),
        Item(
            "R2",
            "Robustness",
            "Train on representative data.",
            "training",
            "how representative they are",
        ),
        Item("R3", "Robustness", "Test robustness, and improve it.", "boundary"),
        Item("E1", "Explainability", "Ask users whether they need it."),
        Item("E2", "Explainability", "Test explanations with users."),
        Item("G1", "General", "Work with all concerned, all along."),
        Item("G2", "General", "Protect data.", "approvals", "protection outside Limen"),
        Item("G3", "General", "Act against the risks of AI.", "risks", "measures outside Limen"),
        Item("G4", "General", "Plan the evaluation.", "claim", "whether it was planned beforehand"),
        Item("G5", "General", "Keep to the law.", "class", "what the law asks besides"),
        Item("G6", "General", "Look into questions of ethics."),
        Item("G7", "General", "Look into effects on society and environment."),
    ),
)
