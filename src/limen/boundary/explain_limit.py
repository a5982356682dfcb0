"""What keeps a model from doing better: physics, labels, data, or the model itself.

Each answer needs evidence of its own and the absence of evidence for the others, both with exact
intervals; where that is not there the answer is "cannot tell", with what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from limen.boundary.headroom import LearningCurve
from limen.errors import LimenError

Limit = Literal["physics-limited", "label-limited", "data-limited", "model-limited", "cannot tell"]

ROSE = 5.0
"""Detectability below which a signal at an unknown place is not seen (Rose, JOSA 38, 1948)."""
FEWEST = 8
"""Failing cases or lesions below which nothing is said."""
_CONFIDENCE = 0.90
"""Of each of the two-sided intervals."""


class ExplainError(LimenError):
    """Findings that contradict themselves."""


@dataclass(frozen=True)
class Detectability:
    """d' of one failing lesion in the raw signal, and the relative error it is known with.

    `limen.physics` computes it: ``ct.raw_detectability``, ``mr.detectability``,
    ``oct.ideal_observer_snr``.
    """

    lesion: str
    d_prime: float
    relative_error: float = 0.2

    def is_seen(self, needed: float = ROSE) -> bool | None:
        """Whether the raw signal shows it; None where the error does not allow to say."""
        if self.d_prime * (1 + self.relative_error) < needed:
            return False
        if self.d_prime * (1 - self.relative_error) > needed:
            return True
        return None


@dataclass(frozen=True)
class Slice:
    """Patients who share an attribute, as they were trained on and as they fail.

    Attributes
    ----------
    name : str
        "site = B".
    training, training_all : int
        Training patients in it, and all.
    patients, failed : int
        Validation patients in it, and those that fail.
    """

    name: str
    training: int
    training_all: int
    patients: int
    failed: int


@dataclass(frozen=True)
class Findings:
    """What is known about the failures of a product, or of one failure mode of it.

    Attributes
    ----------
    patients, failed : int
        Of validation.
    detectability : sequence of Detectability
        Of failing lesions.
    read_again : sequence of bool
        For failing cases that a second reader saw, blind to model and reference: whether the
        reading agrees with the model and so contradicts the reference.
    training_patients, training_failed : int or None
        How the model does on the patients that it was trained on.
    curve : LearningCurve or None
    slices : sequence of Slice
    """

    patients: int
    failed: int
    detectability: Sequence[Detectability] = ()
    read_again: Sequence[bool] = ()
    training_patients: int | None = None
    training_failed: int | None = None
    curve: LearningCurve | None = None
    slices: Sequence[Slice] = field(default=())

    def __post_init__(self) -> None:
        counts = [(self.failed, self.patients), (self.training_failed or 0, self.training_patients)]
        for s in self.slices:
            counts += [(s.failed, min(self.failed, s.patients)), (s.training, s.training_all)]
            counts += [(s.patients, self.patients)]
        for part, whole in counts:
            if whole is not None and not 0 <= part <= whole:
                raise ExplainError("counts contradict each other", found=f"{part} of {whole}")


@dataclass(frozen=True)
class Explained:
    """The named limit, the evidence for it and against the others, and what is missing."""

    limit: Limit
    evidence: tuple[str, ...]
    missing: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "evidence": list(self.evidence), "missing": list(self.missing)}

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Explained:
        return cls(kept["limit"], tuple(kept["evidence"]), tuple(kept["missing"]))


@dataclass(frozen=True)
class _Word:
    """One limit: whether it holds (None: not known), and why."""

    holds: bool | None
    words: str
    missing: str = ""


def explain_limit(findings: Findings, needed: float = ROSE) -> Explained:
    """Name what limits a model on these failures.

    Parameters
    ----------
    findings : Findings
    needed : float
        d' at which a lesion counts as shown by the raw signal.

    Notes
    -----
    Physics: the lower limit of the share of failing lesions under ``needed`` is above one half.
    Labels: the same of failing cases where a second reader contradicts the reference.
    Data: either one slice that training hardly holds has most failures, or the model does better
    on training patients while the last step of the learning curve still lowers the failure rate.
    Model: it fails as often on its training patients, more of them do not help, and the failing
    lesions are seen and their labels confirmed.
    """
    if findings.failed < FEWEST:
        return Explained(
            "cannot tell",
            (f"only {findings.failed} of {findings.patients} patients fail",),
            (f"at least {FEWEST} failing patients",),
        )
    physics = _physics(findings, needed)
    labels = _labels(findings)
    coverage = _coverage(findings)
    gaining = _gaining(findings)
    underfit = _underfits(findings)
    words = (physics, labels, coverage, gaining, underfit)
    evidence = tuple(w.words for w in words if w.words)
    missing = tuple(w.missing for w in words if w.missing)
    data = coverage.holds or gaining.holds
    strong = [
        name
        for name, holds in (
            ("physics-limited", physics.holds),
            ("label-limited", labels.holds),
            ("data-limited", data),
        )
        if holds
    ]
    if strong == ["data-limited"] and None in (physics.holds, labels.holds) and not coverage.holds:
        # without them noisy labels and unseen lesions look the same as too little data
        return Explained("cannot tell", evidence, missing)
    if len(strong) == 1:
        return Explained(strong[0], evidence, missing)  # type: ignore[arg-type]
    if strong:
        both = " and ".join(s.removesuffix("-limited") for s in strong)
        return Explained("cannot tell", (f"more than one limit: {both}", *evidence), missing)
    others_excluded = physics.holds is False and labels.holds is False and gaining.holds is False
    if underfit.holds and others_excluded:
        return Explained("model-limited", evidence, missing)
    return Explained("cannot tell", evidence, missing)


def _physics(findings: Findings, needed: float) -> _Word:
    known = [d.is_seen(needed) for d in findings.detectability]
    said = [k for k in known if k is not None]
    if len(said) < FEWEST:
        return _Word(None, "", "d' in the raw signal of more failing lesions")
    unseen = said.count(False)
    low, high = _interval(unseen, len(said))
    words = (
        f"the raw signal does not show {unseen} of {len(said)} failing lesions "
        f"(d' under {needed:g}; {_range(low, high)})"
    )
    return _Word(True if low > 0.5 else False if high < 0.5 else None, words)


def _labels(findings: Findings) -> _Word:
    again = findings.read_again
    if len(again) < FEWEST:
        return _Word(None, "", "a second reading of failing cases, blind to model and reference")
    against = sum(again)
    low, high = _interval(against, len(again))
    words = (
        f"a second reader contradicts the reference in {against} of {len(again)} failing cases "
        f"({_range(low, high)})"
    )
    return _Word(True if low > 0.5 else False if high < 0.5 else None, words)


def _coverage(findings: Findings) -> _Word:
    """Whether most failures lie in a slice that training hardly holds."""
    if not findings.slices:
        return _Word(None, "", "attributes of training patients (site, scanner ...)")
    for s in findings.slices:
        if not s.training_all or not s.patients or s.patients == findings.patients:
            continue
        trained, there = s.training / s.training_all, s.patients / findings.patients
        low, _ = _interval(s.failed, findings.failed)
        _, trained_high = _interval(s.training, s.training_all)
        rest = findings.failed - s.failed, findings.patients - s.patients
        worse = _interval(s.failed, s.patients)[0] > _interval(*rest)[1]
        if trained_high < there / 2 and low > 0.4 and worse:
            words = (
                f"{s.failed} of {findings.failed} failing patients have {s.name}, "
                f"{_percent(trained)} of training patients and {_percent(there)} of validation "
                f"patients do"
            )
            return _Word(True, words)
    return _Word(False, "no slice that training hardly holds has most of the failures")


def _gaining(findings: Findings) -> _Word:
    """Whether the model knows its training patients better, and more of them still help."""
    if findings.curve is None or len(findings.curve.sizes) < 2:
        return _Word(None, "", "failures with training sets of several sizes")
    fall, low, high = findings.curve.last_step(_CONFIDENCE)
    before, after = findings.curve.sizes[-2:]
    words = (
        f"from {before} to {after} training patients the failure rate fell by {_percent(fall)} "
        f"({_percent(low)} to {_percent(high)})"
    )
    rate = findings.failed / findings.patients
    if high < max(0.25 * rate, 0.02) or fall <= 0:
        return _Word(False, words)
    gap = _gap(findings)
    if low > 0 and fall > 0.1 * rate and gap:
        return _Word(True, words)
    return _Word(None, words)


def _gap(findings: Findings) -> bool | None:
    """Whether training patients fail less often; None where that is not known."""
    n, k = findings.training_patients, findings.training_failed
    if not n or k is None:
        return None
    return _interval(k, n)[1] < _interval(findings.failed, findings.patients)[0]


def _underfits(findings: Findings) -> _Word:
    n, k = findings.training_patients, findings.training_failed
    if not n or k is None:
        return _Word(None, "", "how the model does on its training patients")
    rate = findings.failed / findings.patients
    low, high = _interval(k, n)
    words = (
        f"{k} of {n} training patients fail ({_range(low, high)}), {_percent(rate)} of validation's"
    )
    return _Word(True if low > 0.5 * rate else False if high < 0.5 * rate else None, words)


def _interval(events: int, n: int) -> tuple[float, float]:
    from limen.measures.intervals import clopper_pearson

    if n == 0:
        return 0.0, 1.0
    found = clopper_pearson(events, n, _CONFIDENCE)
    return found.low, found.high


def _range(low: float, high: float) -> str:
    return f"{100 * _CONFIDENCE:g} % interval {_percent(low)} to {_percent(high)}"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
