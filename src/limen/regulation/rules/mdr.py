"""Rules of the European Union: MDR, its guidance (MDCG), and the AI Act."""

from __future__ import annotations

from datetime import date

from limen.regulation.rules.rule import Confidence, Rule

_REVIEW = date(2027, 5, 24)
_MDR = date(2021, 5, 26)


def _rule(
    name: str,
    since: date,
    citation: str,
    text: str,
    confidence: Confidence = "primary",
    until: date | None = None,
) -> Rule:
    return Rule(f"mdr.{name}", "mdr", since, until, citation, text, confidence, _REVIEW)


# issued in June 2025; the day is not recorded, so it counts from the end of the month
_MDCG11, _MDCG11_SINCE = "MDCG 2019-11 Rev.1 (June 2025)", date(2025, 6, 30)
_MDCG3, _MDCG3_SINCE = "MDCG 2020-3 Rev.1 (May 2023)", date(2023, 5, 31)
_MDCG6, _MDCG6_SINCE = "MDCG 2025-6 (June 2025)", date(2025, 6, 30)
_AIA = "Regulation (EU) 2024/1689 (AI Act)"

RULES = (
    # --- qualification ---
    _rule(
        "article2",
        _MDR,
        "Regulation (EU) 2017/745 Art 2(1)",
        "Software intended for diagnosis, prevention, monitoring, prediction, prognosis or "
        "treatment of disease is a medical device.",
    ),
    _rule(
        "steps",
        _MDCG11_SINCE,
        f"{_MDCG11}, 3.3",
        "It is medical device software when it does more to data than store, archive, communicate "
        "or search, for individual patients, with a medical purpose of its own.",
    ),
    _rule(
        "enhancement",
        _MDCG11_SINCE,
        f"{_MDCG11}, 3.1",
        "Changing the image so that it supports a decision, as amplifying the contrast of a "
        "finding, or searching images for findings, may make it medical device software.",
    ),
    # --- classification ---
    _rule(
        "rule11a",
        _MDR,
        "MDR Annex VIII rule 11, first paragraph",
        "Information used for decisions on diagnosis or therapy: class IIa; IIb when the decision "
        "may cause serious deterioration or surgery; III when it may cause death or irreversible "
        "deterioration.",
    ),
    _rule(
        "rule11b",
        _MDR,
        "MDR Annex VIII rule 11, on monitoring",
        "Monitoring of physiological processes: class IIa; IIb for vital parameters whose "
        "variation means immediate danger.",
    ),
    _rule(
        "rule11.floor",
        _MDCG11_SINCE,
        f"{_MDCG11}, 4.2.1",
        "Rule 11(a) applies to all medical device software with a medical purpose, so that class "
        "I is nearly empty: imaging software is at least IIa.",
    ),
    _rule(
        "table",
        _MDCG11_SINCE,
        f"{_MDCG11}, Annex III table 1",
        "Critical: III, IIb, IIa; serious: IIb, IIa, IIa; non-serious: IIa throughout, for treat "
        "or diagnose, drive, inform. For orientation only.",
    ),
    _rule(
        "incorrect",
        _MDCG11_SINCE,
        f"{_MDCG11}, 4.2.1",
        "What counts is the reasonably likely effect of a decision taken on incorrect information.",
    ),
    _rule(
        "rule22",
        _MDR,
        "MDR Annex VIII rule 22",
        "A closed loop in which the diagnosis determines the therapy: class III.",
    ),
    _rule("3.1", _MDR, "MDR Annex VIII 3.1", "The intended purpose governs the class."),
    _rule(
        "3.3",
        _MDR,
        "MDR Annex VIII 3.3",
        "Software that drives or influences a device falls in that device's class; independent "
        "software is classified in its own right.",
    ),
    _rule(
        "3.5",
        _MDR,
        "MDR Annex VIII 3.4 and 3.5",
        "The most critical specified use counts, and of several rules the strictest.",
    ),
    _rule(
        "two-readings",
        _MDCG11_SINCE,
        f"Our reading of {_MDCG11} Annex III with IMDRF N12 5.1.1 and 5.1.2",
        "Finding a disease can be read as 'detect' (treat or diagnose) or as 'aid in diagnosis' "
        "(drive). The table then gives two classes; notified bodies have taken both.",
        "derived",
    ),
    _rule(
        "conformity",
        _MDR,
        "MDR Art 52 and Annexes IX to XI",
        "Class IIa, IIb and III need a notified body; class I is declared by the maker.",
    ),
    # --- required evidence ---
    _rule(
        "clinical",
        date(2020, 3, 31),
        "MDCG 2020-1, 4.2 to 4.4; MDR Art 61",
        "Clinical evaluation on three pillars: valid clinical association, technical performance, "
        "clinical performance on data of the target population; prospective data may be needed "
        "where a future state or patient management is concerned.",
    ),
    _rule(
        "annex1",
        _MDR,
        "MDR Annex I 3, 5, 17 and 23; Annex II",
        "Risk management, usability, software life cycle with information security, and labelling "
        "with limits belong to the technical documentation.",
    ),
    _rule(
        "pms",
        _MDR,
        "MDR Art 83 to 86 and Annex III",
        "A plan for post-market surveillance, with clinical follow-up, and periodic reports.",
    ),
    # --- AI Act ---
    _rule(
        "aia.high-risk",
        _MDCG6_SINCE,
        f"{_MDCG6} Q2 to Q4; AI Act Art 6(1)",
        "AI that is itself a medical device, or its safety component, is high-risk exactly when a "
        "notified body is needed. The AI Act never raises the MDR class.",
    ),
    _rule(
        "aia.date",
        date(2024, 8, 1),
        f"{_AIA} Art 113, before the Digital Omnibus",
        "High-risk duties for medical devices apply from 2 August 2027.",
        until=date(2026, 6, 29),
    ),
    _rule(
        "aia.date",
        date(2026, 6, 29),
        "Digital Omnibus, adopted by the Council on 2026-06-29",
        "Moves the high-risk duties for medical devices to 2 August 2028 three days after its "
        "publication, whose day was not found: until it is known, count on 2 August 2027.",
        "secondary",
        until=date(2026, 11, 24),
    ),
    _rule(
        "aia.date",
        date(2026, 11, 24),
        "AI Act (2024/1689) as amended by the Digital Omnibus (Commission's consolidated text)",
        "High-risk duties for medical devices apply from 2 August 2028.",
        "secondary",
    ),
    _rule(
        "aia.predetermined",
        _MDCG6_SINCE,
        f"{_MDCG6} Q29 and Q30; AI Act Art 43(4) and Annex IV 2(f)",
        "Changes that were predetermined and assessed at the first conformity assessment are no "
        "substantial modification, and no change under MDR Annex IX 4.10.",
    ),
    _rule(
        "aia.substantial",
        _MDCG6_SINCE,
        f"{_MDCG6} Q29; AI Act Art 3(23)",
        "A change that was not foreseen and affects compliance or the intended purpose is a "
        "substantial modification: new conformity assessment.",
    ),
    # --- changes of devices certified under the MDR ---
    _rule(
        "ix.4.10",
        _MDR,
        "MDR Annex IX 4.10",
        "A change that could affect safety, performance or the prescribed conditions of use needs "
        "the notified body's approval before it is made.",
    ),
    _rule(
        "steps.again",
        _MDCG11_SINCE,
        f"{_MDCG11}, 8",
        "A change of function, intended use or essential design is tested again for qualification "
        "and class.",
    ),
    _rule(
        "purpose",
        _MDR,
        "Our reading of MDR Annex VIII 3.1 and Annex IX 4.10",
        "An extended intended purpose or a higher class is outside the certificate: new "
        "conformity assessment.",
        "derived",
    ),
    _rule(
        "udi",
        _MDR,
        "MDR Annex VI part C 6.5.2 and 6.5.3",
        "A change of performance, intended use or the interpretation of data needs a new UDI-DI; "
        "a minor revision only a new UDI-PI.",
    ),
    # --- changes of legacy devices (Art 120(3c)) ---
    _rule(
        "legacy.scope",
        _MDCG3_SINCE,
        f"{_MDCG3}, scope",
        "The charts are for devices still under the directives (MDR Art 120(3c)) alone; a "
        "significant change ends the transition.",
    ),
    _rule(
        "legacy.A1",
        _MDCG3_SINCE,
        f"{_MDCG3}, chart A, A1",
        "A limitation of the intended purpose is not significant.",
    ),
    _rule(
        "legacy.A2-A4",
        _MDCG3_SINCE,
        f"{_MDCG3}, chart A, A2 to A4",
        "An extended purpose, new users or patients, or a new clinical use is significant.",
    ),
    _rule(
        "legacy.B2",
        _MDCG3_SINCE,
        f"{_MDCG3}, chart B, B2",
        "A change of the design is significant when it affects safety or performance and worsens "
        "benefit against risk.",
    ),
    _rule(
        "legacy.C1",
        _MDCG3_SINCE,
        f"{_MDCG3}, chart C, C1",
        "A new or major change of operating system or of any component is significant; updates of "
        "a standard system that need no change of the software are not.",
    ),
    _rule(
        "legacy.C2",
        _MDCG3_SINCE,
        f"{_MDCG3}, chart C, C2",
        "The chart: a new or modified architecture or database, or any change of an algorithm, is "
        "significant.",
    ),
    _rule(
        "legacy.C2.text",
        _MDCG3_SINCE,
        f"{_MDCG3}, 4.3.2.3",
        "The text: an algorithm change is significant when it affects the operating principle or "
        "control and may alter diagnosis or therapy.",
    ),
    _rule(
        "legacy.C3",
        _MDCG3_SINCE,
        f"{_MDCG3}, chart C, C3",
        "User input replaced by a closed-loop algorithm is significant.",
    ),
    _rule(
        "legacy.C4",
        _MDCG3_SINCE,
        f"{_MDCG3}, chart C, C4",
        "The chart: a new user interface, medical feature, channel of interoperability or "
        "presentation of data is significant.",
    ),
    _rule(
        "legacy.C4.text",
        _MDCG3_SINCE,
        f"{_MDCG3}, 4.3.2.3",
        "The text: languages, layout, fonts and reporting format are not significant; a new "
        "format, dimension or unit, or another way of reading the data, is.",
    ),
    _rule(
        "legacy.C5",
        _MDCG3_SINCE,
        f"{_MDCG3}, chart C, C5",
        "A change that worsens benefit against risk is significant.",
    ),
    _rule(
        "legacy.minor",
        _MDCG3_SINCE,
        f"{_MDCG3}, 4.3.2.3",
        "Bug fixes back to specification, security updates, less latency and editorial changes "
        "are not significant.",
    ),
)
