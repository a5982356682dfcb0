"""Certify how far outward from nominal at most a stated share of patients fails.

Learn then Test (Angelopoulos, Bates, Candès, Jordan, Lei: arXiv 2110.01052) with fixed sequences.
Hypotheses are "the failure rate here is above the stated one"; exact binomial p-values; a
sequence for each path, in the order from nominal outward, fixed before any certification case is
looked at. Nominal is the gate of all paths and is tested with the whole error; behind it the error
is shared equally (Bonferroni), and a path that is certified to its end leaves its share to the
others (Bretz, Maurer, Brannath, Posch: Statistics in Medicine 28, 2009). The chance that any
certified condition has a failure rate above the stated one is at most 1 - confidence.

The unit is the patient: one failing case fails its patient. Patients are assumed to be drawn
independently from those the claim is about; nothing is assumed of cases within a patient, nor of
how failures depend on the condition.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from limen.boundary.result import Answer, Certificate, Condition, Path, Step

_ROUNDING = 1e-12
"""Room for rounding in comparing a p-value, as `limen.measures.planning.trials_for` gives."""


@dataclass(frozen=True)
class CertificationCase:
    """A case that takes part: its name ``DATASET/CASE``, its patient, what its cell goes by."""

    case: str
    patient: str
    attributes: Mapping[str, str]


@dataclass(frozen=True)
class Tally:
    """Patients at one condition, and those of them that fail."""

    patients: int
    failed: int
    failing_cases: tuple[str, ...]


Failing = Callable[[Condition, Sequence[str]], Collection[str]]
"""Which of the named cases fail at a condition."""
Count = Callable[[Sequence[Condition]], Tally]
"""The tally at the last of a sequence of conditions."""


def everybody(cases: Sequence[CertificationCase], failing: Failing) -> Count:
    """Count every patient; who failed at a milder condition of the sequence has failed.

    So the rate that is tested never falls along a path, and a patient that failed need not be
    tried again.
    """
    patient_of = {c.case: c.patient for c in cases}
    everyone = len(set(patient_of.values()))
    known: dict[tuple[tuple[tuple[str, float], ...], ...], tuple[str, ...]] = {(): ()}

    def lost(sequence: Sequence[Condition]) -> tuple[str, ...]:
        key = tuple(tuple(condition.items()) for condition in sequence)
        if key not in known:
            before = lost(sequence[:-1])
            gone = {patient_of[c] for c in before}
            left = [c for c, patient in patient_of.items() if patient not in gone]
            found = failing(sequence[-1], left)
            known[key] = (*before, *(c for c in left if c in found))
        return known[key]

    def count(sequence: Sequence[Condition]) -> Tally:
        cases_lost = lost(sequence)
        return Tally(everyone, len({patient_of[c] for c in cases_lost}), cases_lost)

    return count


def certify(
    cases: Sequence[CertificationCase],
    paths: Mapping[str, Sequence[Condition]],
    count: Count,
    *,
    failure_rate: float,
    confidence: float,
    origin: str,
    cell: Mapping[str, str] | None = None,
    leaving: Collection[str] | None = None,
) -> Certificate:
    """Test nominal and then each path outward, as far as it holds.

    Parameters
    ----------
    cases : sequence of CertificationCase
        Of one origin; none of their patients took part in the exploration.
    paths : mapping
        Name to conditions, from nominal outward, nominal left out. Chosen without looking at
        these cases.
    count : callable
        Asked only for conditions that are reached. See `everybody`.
    failure_rate, confidence : float
    origin : str
    cell : mapping, optional
    leaving : collection of str, optional
        Paths that leave their share to the others when they are certified to their end; default
        all. A path that these same patients cut short does not: its next step, which was not
        tested, would have been owed the share first.

    Raises
    ------
    ValueError
        For a rate or confidence outside of 0 to 1.
    """
    if not (0 < failure_rate < 1 and 0 < confidence < 1):
        raise ValueError(f"no claim: rate {failure_rate}, confidence {confidence}")
    error = 1 - confidence
    at_nominal = count([{}])
    nominal = _test({}, at_nominal, failure_rate, error)
    answer: Answer = "certified" if nominal.certified else "not certified"
    if not nominal.certified and _too_few(at_nominal, failure_rate, error):
        answer = "too few to say"
    return Certificate(
        origin=origin,
        datasets=tuple(sorted({c.case.partition("/")[0] for c in cases})),
        cell=dict(cell or {}),
        answer=answer,
        failure_rate=failure_rate,
        confidence=confidence,
        patients=at_nominal.patients,
        cases=len(cases),
        nominal=nominal,
        paths=_outward(paths, count, failure_rate, error, leaving) if nominal.certified else (),
    )


def certify_cells(
    cases: Sequence[CertificationCase],
    paths: Mapping[str, Sequence[Condition]],
    failing: Failing,
    *,
    failure_rate: float,
    confidence: float,
    origin: str,
    leaving: Collection[str] | None = None,
) -> list[Certificate]:
    """A certificate for each value of each attribute; all hold together at the confidence.

    The error is shared by the cells that have patients enough to be certified at all, which
    their sizes alone decide; the others are "too few to say". ``leaving``: see `certify`.
    """
    named = sorted({(k, v) for c in cases for k, v in c.attributes.items()})
    cells = {(k, v): [c for c in cases if c.attributes.get(k) == v] for k, v in named}
    sizes = [len({c.patient for c in some}) for some in cells.values()]
    shared = 1
    while sum(n >= _least(failure_rate, (1 - confidence) / shared) for n in sizes) > shared:
        shared += 1
    found = []
    for (name, value), some in cells.items():
        certificate = certify(
            some,
            paths,
            everybody(some, failing),
            failure_rate=failure_rate,
            confidence=1 - (1 - confidence) / shared,
            origin=origin,
            cell={name: value},
            leaving=leaving,
        )
        found.append(certificate)
    return found


def _outward(
    paths: Mapping[str, Sequence[Condition]],
    count: Count,
    rate: float,
    error: float,
    leaving: Collection[str] | None,
) -> tuple[Path, ...]:
    walked = [name for name, steps in paths.items() if steps]
    shares = {name: error / len(walked) for name in walked}
    done: dict[str, list[Step]] = {name: [] for name in paths}
    tallies: dict[tuple[str, int], Tally] = {}
    open_paths = list(walked)
    while open_paths:
        finished = None
        for name in open_paths:
            steps, certified = paths[name], done[name]
            while len(certified) < len(steps):
                k = len(certified)
                if (name, k) not in tallies:
                    tallies[name, k] = count([{}, *steps[: k + 1]])
                step = _test(steps[k], tallies[name, k], rate, shares[name])
                if not step.certified:
                    break
                certified.append(step)
            if len(certified) == len(steps):
                finished = name
                break
        if finished is None:
            break
        open_paths.remove(finished)
        if leaving is not None and finished not in leaving:
            continue
        for name in open_paths:
            shares[name] += shares[finished] / len(open_paths)
    for name in open_paths:
        k = len(done[name])
        done[name].append(_test(paths[name][k], tallies[name, k], rate, shares[name]))
    return tuple(Path(name, tuple(steps)) for name, steps in done.items())


def _test(condition: Condition, tally: Tally, rate: float, alpha: float) -> Step:
    from scipy.special import bdtr

    p = float(bdtr(tally.failed, tally.patients, rate)) if tally.patients else 1.0
    certified = tally.patients > 0 and p <= alpha + _ROUNDING
    more = None if certified else _least(rate, alpha, tally.failed) - tally.patients
    return Step(
        condition=dict(condition),
        patients=tally.patients,
        failed=tally.failed,
        p_value=p,
        alpha=alpha,
        certified=certified,
        more_patients=more,
        failing=tally.failing_cases,
    )


def _too_few(tally: Tally, rate: float, alpha: float) -> bool:
    """Too few even without a failure; and not so many fail that the rate is clearly above."""
    from limen.measures.intervals import clopper_pearson_lower

    if tally.patients >= _least(rate, alpha):
        return False
    n = tally.patients
    return n == 0 or clopper_pearson_lower(tally.failed, n, 1 - alpha) <= rate


def _least(rate: float, alpha: float, failed: int = 0) -> int:
    """Fewest patients that certify a rate, so many of them failing."""
    from limen.measures.planning import trials_for

    return trials_for(failed, rate, 1 - alpha)
