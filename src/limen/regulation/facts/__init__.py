"""What the rules ask about an intended use: facts, each from a closed vocabulary.

A fact that nobody stated is assumed, and the assumption is said; nothing is guessed in silence.
"""

from __future__ import annotations

from limen.regulation.facts.assumed import Assumption, resolve
from limen.regulation.facts.contradictions import contradictions
from limen.regulation.facts.reading import facts_of, read_facts
from limen.regulation.facts.use import UseFacts
from limen.regulation.facts.vocabulary import CLINICAL, INPUTS, OPTIONS, OUTPUTS
from limen.regulation.facts.words import said

__all__ = [
    "CLINICAL",
    "INPUTS",
    "OPTIONS",
    "OUTPUTS",
    "Assumption",
    "UseFacts",
    "contradictions",
    "facts_of",
    "read_facts",
    "resolve",
    "said",
]
