"""Releases: which stage one may reach and who moves it, what changed, how often a set was used.

``stages`` is a state table of promotion, ``difference`` compares two releases case by case and
keeps the list of failures that never shrinks, ``reuse`` governs decisions on a validation set that
is used again and again. All are pure functions of facts; the pipeline collects the facts.
``frozen`` writes a release's folder and loads it again, every digest checked.
"""

from limen.release.difference import Difference, Failure, Verdicts, compare, failures
from limen.release.reuse import Decision, decide, level
from limen.release.stages import Facts, Missing, Move, demote, promote

__all__ = [
    "Decision",
    "Difference",
    "Facts",
    "Failure",
    "Missing",
    "Move",
    "Verdicts",
    "compare",
    "decide",
    "demote",
    "failures",
    "level",
    "promote",
]
