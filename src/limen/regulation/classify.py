"""``classify``: each regime's answer for an intended use on a date, and what would change it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date
from itertools import combinations
from typing import Any

from limen.regulation.answer import Flip, RegimeAnswer
from limen.regulation.errors import ContradictingUse, RuleNotInForce
from limen.regulation.facts import OPTIONS, OUTPUTS, UseFacts, contradictions, resolve, said
from limen.regulation.fda_class import classify_fda
from limen.regulation.mdr_class import classify_mdr
from limen.regulation.mfds_class import classify_mfds
from limen.regulation.rules import regime_of

_BY_REGIME: dict[str, Callable[[UseFacts, date], RegimeAnswer]] = {
    "fda": classify_fda,
    "mdr": classify_mdr,
    "mfds": classify_mfds,
}
_SEARCHED = (
    "autonomy",
    "unflagged",
    "situation",
    "subject",
    "found_by",
    "disease_trained",
    "finding",
    "functional",
    "for_treatment",
    "harm",
    "death_within_24h",
    "lay_user",
    "significance",
    "closed_loop",
    "storage_only",
)
FLIPS_MOST = 8


def classify(facts: UseFacts, regime: str, on: date) -> RegimeAnswer:
    """One regime's answer for an intended use.

    Parameters
    ----------
    facts : UseFacts
        What is not stated in it is assumed, and the answer lists the assumptions.
    regime : str
        ``fda``, ``mdr`` or ``mfds``.
    on : date
        The answer rests on rules in force on this date alone.

    Raises
    ------
    UnknownRegime
        There are no rules for the regime.
    RuleNotInForce
        A rule that the answer rests on was not in force on the date.
    ContradictingUse
        Two facts cannot both hold.
    """
    name = regime_of(regime)
    contradictions(facts)
    resolved, assumed = resolve(facts)
    answer = _BY_REGIME[name](resolved, on)
    return replace(answer, assumed=assumed, flips=nearest_flips(facts, answer))


def nearest_flips(facts: UseFacts, answer: RegimeAnswer) -> tuple[Flip, ...]:
    """The fewest changes of facts that give another answer; facts that were assumed come first.

    Single changes are tried first, and pairs only when no single change has an effect.
    """
    resolved, assumed = resolve(facts)
    ask = _BY_REGIME[answer.regime]
    seen: set[tuple[str, str, str]] = {answer.key}
    not_stated = {a.fact for a in assumed}

    def changed(facts_changed: tuple[tuple[str, Any], ...]) -> Flip | None:
        try:
            # a fact that was only assumed may follow from the changed one
            use, _ = resolve(replace(facts, **dict(facts_changed)))
            contradictions(use)
            found = ask(use, answer.on)
        except (ContradictingUse, RuleNotInForce):
            return None
        if found.key in seen:
            return None
        seen.add(found.key)
        words = " and ".join(said(k, v) for k, v in facts_changed)
        return Flip(facts_changed, words, found.klass, found.category)

    # another disease is another product; it is named last
    singles = sorted(_changes(resolved), key=lambda c: (c[0] == "finding", c[0] not in not_stated))
    flips = [f for f in (changed((c,)) for c in singles) if f is not None]
    if not flips:
        pairs = (p for p in combinations(singles, 2) if p[0][0] != p[1][0])
        flips = [f for f in map(changed, pairs) if f is not None]
    return tuple(flips[:FLIPS_MOST])


def _changes(facts: UseFacts) -> Iterator[tuple[str, Any]]:
    for name in _SEARCHED:
        for value in OPTIONS[name]:
            if value != getattr(facts, name):
                yield name, value
    for output in OUTPUTS:
        if output not in facts.outputs:
            yield "outputs", facts.outputs | {output}
            if len(facts.outputs) == 1:
                yield "outputs", frozenset({output})
        elif len(facts.outputs) > 1:
            yield "outputs", facts.outputs - {output}


def classify_all(
    facts: UseFacts, regimes: Iterable[str], on: date
) -> tuple[list[RegimeAnswer], dict[str, RuleNotInForce]]:
    """Every regime's answer; by regime why it cannot be told on the date."""
    answers: list[RegimeAnswer] = []
    untold: dict[str, RuleNotInForce] = {}
    for regime in regimes:
        try:
            answers.append(classify(facts, regime, on))
        except RuleNotInForce as error:
            untold[regime_of(regime)] = error
    return answers, untold
