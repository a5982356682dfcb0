"""A reporting checklist as data, and its items answered from what is known of a product."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from limen.regulation.rules.rule import MARKS, Confidence

State = Literal["answered", "in part", "open"]


@dataclass(frozen=True)
class Item:
    """One item of a checklist.

    Attributes
    ----------
    number, topic : str
        As the checklist has them.
    asks : str
        What it asks for, in our own words.
    by : str
        What answers it; see `TOPICS`. "" when nothing in the evidence can.
    rest : str
        What stays open when that is known; "" when nothing does.
    """

    number: str
    topic: str
    asks: str
    by: str = ""
    rest: str = ""


@dataclass(frozen=True)
class Checklist:
    """A published checklist.

    Attributes
    ----------
    key, name : str
    citation : str
    confidence : str
        Worth of our source for its numbering: the table itself, or somebody's account of it.
    items : tuple of Item
    """

    key: str
    name: str
    citation: str
    confidence: Confidence
    items: tuple[Item, ...]

    @property
    def cited(self) -> str:
        return f"{self.citation} {MARKS[self.confidence]}".strip()


TOPICS = {
    "use": "the intended use as declared",
    "claim": "the criteria and the claimed failure rate",
    "data": "the declared data sets",
    "approvals": "the approvals of the data sets",
    "sites": "the sites and scanners that the cases state",
    "preprocessing": "the declared input of the model",
    "model": "the digests of the frozen model",
    "output": "the declared outputs and thresholds",
    "training": "the training's recipe",
    "partitions": "development and validation data, and the search for overlaps",
    "reference": "how the reference is written",
    "statistics": "the methods of figures and intervals",
    "performance": "the figures of the last evaluation",
    "counts": "what was found, missed and marked falsely",
    "subgroups": "the figures by group",
    "failures": "the failing cases with their reasons",
    "missing": "the cases that could not be evaluated",
    "characteristics": "the attributes that the cases state",
    "limits": "the limits of the results",
    "size": "how many patients the claim takes",
    "boundary": "the certified boundary",
    "risks": "the risk table",
    "ledger": "the evidence ledger",
    "history": "the change history",
    "class": "the class under each regime",
}
"""What can answer an item, in words."""


@dataclass(frozen=True)
class Known:
    """What is known of a topic, in a sentence, and the digest of the record it rests on."""

    words: str
    source: str


@dataclass(frozen=True)
class AnsweredItem:
    """An item with what is known for it."""

    item: Item
    state: State
    words: str
    source: str

    def as_dict(self) -> dict[str, Any]:
        return {
            "item": self.item.number,
            "topic": self.item.topic,
            "asks": self.item.asks,
            "state": self.state,
            "answer": self.words,
            "record": self.source,
        }


@dataclass(frozen=True)
class AnsweredChecklist:
    """A checklist with its answers."""

    checklist: Checklist
    items: tuple[AnsweredItem, ...]

    def count(self, state: State) -> int:
        return sum(i.state == state for i in self.items)

    def as_dict(self) -> dict[str, Any]:
        return {
            "checklist": self.checklist.name,
            "citation": self.checklist.cited,
            "answered": self.count("answered"),
            "in_part": self.count("in part"),
            "open": self.count("open"),
            "items": [i.as_dict() for i in self.items],
        }


def answer_checklist(checklist: Checklist, known: Mapping[str, Known]) -> AnsweredChecklist:
    """Answer what can be answered; the rest stays open, and says what it asks for.

    Parameters
    ----------
    checklist : Checklist
    known : mapping
        By topic of `TOPICS`; a topic that nothing is known of is left out.
    """
    found = []
    for item in checklist.items:
        answer = known.get(item.by)
        if answer is None:
            found.append(AnsweredItem(item, "open", "", ""))
            continue
        state: State = "in part" if item.rest else "answered"
        words = f"{answer.words} Still open: {item.rest}." if item.rest else answer.words
        found.append(AnsweredItem(item, state, words, answer.source))
    return AnsweredChecklist(checklist, tuple(found))
