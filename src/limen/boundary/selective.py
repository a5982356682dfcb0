"""Selective use: answer only where the model is sure enough, and certify that.

The threshold is learnt on exploration cases and tested on certification cases (Learn then Test):
among patients that are answered, at most the stated share fails. Given how many are answered, the
failures among them are binomial, so the same exact test holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from limen.boundary.certify import CertificationCase, Count, Tally, certify
from limen.boundary.result import Condition, Selective, Trial

TrialsAt = Callable[[Condition, Sequence[str]], Mapping[str, Trial]]
"""The trials of the named cases at a condition."""


def learn_threshold(
    trials: Mapping[str, Trial],
    patient_of: Mapping[str, str],
    *,
    failure_rate: float,
    confidence: float,
    patients_to_certify: int,
) -> float | None:
    """The threshold that promises most patients answered under a certificate.

    Parameters
    ----------
    trials : mapping
        Exploration case to its trial at nominal.
    patient_of : mapping
        Case to patient.
    failure_rate, confidence : float
    patients_to_certify : int
        Certification patients before any is left unanswered.

    Returns
    -------
    float or None
        The largest product of the share answered and the chance that it is certified; None when
        the model states no uncertainty, or no threshold has a chance of at least one in ten.
    """
    import numpy as np
    from scipy.special import bdtr

    table = _by_patient(trials, patient_of)
    if table is None:
        return None
    uncertainty = np.array([u for u, _ in table.values()])
    failed = np.array([f for _, f in table.values()])
    levels = np.unique(np.quantile(uncertainty, np.linspace(0, 1, 21), method="inverted_cdf"))
    best, promise = None, 0.0
    for threshold in levels:
        answered = uncertainty <= threshold
        n = round(float(answered.mean()) * patients_to_certify)
        allowed = int((bdtr(np.arange(n), n, failure_rate) <= 1 - confidence).sum()) - 1
        if allowed < 0:
            continue
        expected = (failed[answered].sum() + 0.5) / (answered.sum() + 1)
        chance = float(bdtr(allowed, n, expected))
        if chance >= 0.1 and answered.mean() * chance > promise:
            best, promise = float(threshold), float(answered.mean() * chance)
    return best


def answered_only(
    cases: Sequence[CertificationCase], trials_at: TrialsAt, threshold: float
) -> Count:
    """Count the patients all of whose cases are answered at the condition."""
    names = [c.case for c in cases]
    patient_of = {c.case: c.patient for c in cases}

    def count(sequence: Sequence[Condition]) -> Tally:
        found = trials_at(sequence[-1], names)
        table = _by_patient(found, patient_of) or {}
        kept = {p: failed for p, (u, failed) in table.items() if u <= threshold}
        failing = (c for c, t in found.items() if not t.passed and patient_of[c] in kept)
        return Tally(len(kept), sum(kept.values()), tuple(failing))

    return count


def certify_selective(
    cases: Sequence[CertificationCase],
    paths: Mapping[str, Sequence[Condition]],
    trials_at: TrialsAt,
    threshold: float | None,
    *,
    failure_rate: float,
    confidence: float,
    origin: str,
) -> Selective:
    """Certify use under a threshold, at nominal and outward; see `limen.boundary.certify`."""
    if threshold is None:
        words = "No threshold on the model's uncertainty promises a certificate."
        return Selective(None, None, 0, 0, None, words)
    certificate = certify(
        cases,
        paths,
        answered_only(cases, trials_at, threshold),
        failure_rate=failure_rate,
        confidence=confidence,
        origin=origin,
    )
    everyone = len({c.patient for c in cases})
    nominal = certificate.nominal
    share = nominal.patients / everyone if everyone else None
    found = (
        f"{nominal.failed} of {nominal.patients} answered patients fail; "
        f"{nominal.patients} of {everyone} are answered, those with at most {threshold:.3g} mL "
        "undecided"
    )
    if certificate.answer == "certified":
        words = f"Certified where the model is sure: {found}."
    else:
        words = f"Not certified even where the model is sure: {found}."
    return Selective(threshold, share, nominal.patients, nominal.failed, certificate, words)


def _by_patient(
    trials: Mapping[str, Trial], patient_of: Mapping[str, str]
) -> dict[str, tuple[float, bool]] | None:
    """Patient to largest uncertainty and whether a case fails; None where one is not stated.

    A case on which the model crashed is not answered.
    """
    table: dict[str, tuple[float, bool]] = {}
    for case, trial in trials.items():
        own = float("inf") if trial.crashed else trial.uncertainty
        if own is None:
            return None
        uncertainty, failed = table.get(patient_of[case], (0.0, False))
        table[patient_of[case]] = max(uncertainty, own), failed or not trial.passed
    return {p: found for p, found in table.items() if found[0] != float("inf")} or None
