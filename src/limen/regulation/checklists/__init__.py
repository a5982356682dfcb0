"""Reporting checklists: what each asks for in our words, answered from evidence where it can be."""

from __future__ import annotations

from limen.regulation.checklists.checklist import (
    TOPICS,
    AnsweredChecklist,
    AnsweredItem,
    Checklist,
    Item,
    Known,
    answer_checklist,
)
from limen.regulation.checklists.claim import CLAIM
from limen.regulation.checklists.decide_ai import DECIDE_AI
from limen.regulation.checklists.future_ai import FUTURE_AI
from limen.regulation.checklists.stard_ai import STARD_AI
from limen.regulation.checklists.tripod_ai import TRIPOD_AI

CHECKLISTS = (CLAIM, TRIPOD_AI, STARD_AI, DECIDE_AI, FUTURE_AI)

__all__ = [
    "CHECKLISTS",
    "TOPICS",
    "AnsweredChecklist",
    "AnsweredItem",
    "Checklist",
    "Item",
    "Known",
    "answer_checklist",
]
