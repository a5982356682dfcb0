"""DECIDE-AI 2022, for the first use of decision support in live care; the item texts are ours."""

from __future__ import annotations

from limen.regulation.checklists.checklist import Checklist, Item

DECIDE_AI = Checklist(
    "decide-ai",
    "DECIDE-AI",
    "Vasey et al., BMJ 2022;377:e070904 (17 items for AI, 10 generic)",
    "secondary",
    (
        Item("1", "Title", "Name it as early clinical evaluation, with the problem."),
        Item("I", "Abstract", "A structured summary."),
        Item(
            "2",
            "Intended use",
            "Condition, patients, users, place in care, hoped-for effect.",
            "use",
            "the hoped-for effect on patients",
        ),
        Item("II", "Objectives", "Of the study.", "claim"),
        Item(
            "III",
            "Governance",
            "Protocol, registration, ethics.",
            "approvals",
            "protocol and registration",
        ),
        Item(
            "3",
            "Participants",
            "How patients and users came in, and users' training.",
            "use",
            "recruitment and training",
        ),
        Item(
            "4",
            "AI system",
            "Version, algorithm, training data, inputs, outputs.",
            "model",
            "the algorithm in words",
        ),
        Item(
            "5",
            "Implementation",
            "The setting and how it fits the workflow.",
            "use",
            "the setting of the evaluation",
        ),
        Item("IV", "Outcomes", "Primary and secondary.", "claim"),
        Item(
            "6",
            "Safety and errors",
            "What counts as an error, how it was found.",
            "risks",
            "how errors are found in live use",
        ),
        Item("7", "Human factors", "Methods, and users taking part."),
        Item("V", "Analysis", "Statistical methods.", "statistics"),
        Item("8", "Ethics", "Methods for an ethical goal, as fairness."),
        Item("VI", "Patients", "Their part in the study."),
        Item(
            "9",
            "Participants",
            "Characteristics of patients and users.",
            "characteristics",
            "the users, and patients in live use",
        ),
        Item("10", "Implementation", "How much it was used, and as intended."),
        Item("VII", "Main results", "For each outcome.", "performance", "results in live use"),
        Item("11", "Modifications", "Of the system during the study.", "history"),
        Item("12", "Agreement", "Of users with its advice."),
        Item("13", "Safety and errors", "All that were found.", "failures", "errors in live use"),
        Item("14", "Human factors", "Usability and learning."),
        Item("VIII", "Subgroups", "Results in them.", "subgroups", "in live use"),
        Item(
            "15",
            "Support for the use",
            "Whether results support it.",
            "limits",
            "the authors' judgement",
        ),
        Item("16", "Safety", "What the errors mean for wider use."),
        Item("IX", "Strengths and limits", "Of the study.", "limits", "what only the authors know"),
        Item("17", "Availability", "Of data and code.", "ledger", "who may have them"),
        Item("X", "Interests", "Conflicts of interest."),
    ),
)
