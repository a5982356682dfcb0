"""Random lineages with planted faults, and a plain way to say what each touches.

The oracle walks parents one by one with sets, and judges each case by itself.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import date

from limen.evidence.reach import STAGES, Permission, Use

DAY = date(2026, 11, 25)
GOOD = Permission(
    "good", "routine-use", date(2020, 1, 1), date(2030, 1, 1), frozenset({"NRES"}), commercial=True,
    sites=frozenset({"Seoul", "Bern"}),
)  # fmt: skip
FAULTY = {
    "approval expired": replace(GOOD, name="old", expires=date(2026, 11, 24)),
    "approval not in force yet": replace(GOOD, name="early", issued=date(2026, 11, 26)),
    "purpose not permitted": replace(GOOD, name="ancestry", purposes=frozenset({"POA"})),
    "purpose not stated": replace(GOOD, name="silent", purposes=None),
    "site not covered": replace(GOOD, name="here", sites=frozenset({"Bern"})),
    "non-commercial": replace(GOOD, name="nc", purposes=frozenset({"NRES", "NCU"})),
    "commercial use not stated": replace(GOOD, name="unsaid", commercial=None),
    "kind of approval": replace(GOOD, name="public", ceiling="publication"),
}
LEFT = {
    "approval expired": "feasibility", "approval not in force yet": "feasibility",
    "purpose not permitted": "none", "purpose not stated": "feasibility",
    "site not covered": "none", "non-commercial": "publication",
    "commercial use not stated": "publication", "kind of approval": "publication",
    "consent withdrawn": "none", "no approval": "feasibility",
}  # fmt: skip
USE = Use(DAY, "clinical-care", sites=frozenset({"Seoul"}), commercial=True)


@dataclass
class Made:
    kinds: dict[str, str] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    held: dict[str, list[str]] = field(default_factory=dict)
    patients: dict[str, str] = field(default_factory=dict)
    withdrawn: dict[str, date] = field(default_factory=dict)
    planted: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    """By (rule, permission or patient): the sources."""


def make(rng: random.Random) -> Made:
    made = Made()
    cases = [f"case{i}" for i in range(rng.randint(1, 25))]
    for case in cases:
        made.kinds[case] = "case"
        made.held[case] = ["good"]
        made.patients[case] = f"patient{rng.randrange(len(cases))}"
    for rule in rng.sample([*LEFT], rng.randint(0, 4)):
        for case in rng.sample(cases, rng.randint(1, min(3, len(cases)))):
            if rule == "consent withdrawn":
                patient = made.patients[case]
                made.withdrawn[patient] = DAY
                whole = {c for c in cases if made.patients[c] == patient}
                made.planted.setdefault((rule, patient), set()).update(whole)
            elif rule == "no approval":
                # of several faults on one case, an approval that is there is not none
                if case in made.held and made.held[case] == ["good"]:
                    del made.held[case]
                    made.planted.setdefault((rule, ""), set()).add(case)
            elif case in made.held:
                made.held[case].append(FAULTY[rule].name)
                made.planted.setdefault((rule, FAULTY[rule].name), set()).add(case)
    # what lies in the future, or is about nobody here, changes nothing
    made.withdrawn.setdefault("patient of tomorrow", date(2026, 11, 26))
    if rng.random() < 0.3:
        made.kinds["outside weights"] = "weights"
        made.planted.setdefault(("no approval", ""), set()).add("outside weights")
    names = list(made.kinds)
    for i in range(rng.randint(0, 40)):
        name = f"made{i}"
        made.kinds[name] = rng.choice(["weights", "synthetic", "threshold", "boundary", "text"])
        near = names[-6:] if rng.random() < 0.5 else names
        for parent in rng.sample(near, rng.randint(1, min(4, len(near)))):
            made.edges.append((parent, name))
        names.append(name)
    made.kinds["a declared text"] = "text"  # of no data: nothing limits it
    rng.shuffle(made.edges)
    return made


def ancestors(made: Made) -> dict[str, set[str]]:
    """Of each node, itself included."""
    parents: dict[str, list[str]] = {n: [] for n in made.kinds}
    for a, b in made.edges:
        parents[b].append(a)
    found: dict[str, set[str]] = {}
    for name in made.kinds:
        seen, todo = set(), [name]
        while todo:
            one = todo.pop()
            if one not in seen:
                seen.add(one)
                todo += parents[one]
        found[name] = seen
    return found


def expected(made: Made) -> tuple[dict[tuple[str, str], set[str]], dict[str, str]]:
    """What each planted fault touches, and how far each node goes."""
    above = ancestors(made)
    touched = {
        fault: {n for n, up in above.items() if up & sources}
        for fault, sources in made.planted.items()
    }
    stages = {}
    for name in made.kinds:
        levels = [STAGES.index(LEFT[rule]) for (rule, _), hit in touched.items() if name in hit]
        stages[name] = STAGES[min(levels, default=len(STAGES) - 1)]
    return touched, stages
