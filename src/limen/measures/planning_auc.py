"""How many cases and readers it takes to tell two AUCs apart."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from limen.measures.errors import BadPlan
from limen.measures.mrmc import VarianceComponents
from limen.measures.planning import design_effect
from limen.measures.planning_search import fewest, percent, require_between

VAN_DYKE = VarianceComponents(
    reader=0.00153500,
    reader_by_modality=0.00020040,
    error=0.00080229,
    cov1=0.00034661,
    cov2=0.00034407,
    cov3=0.00023903,
)
"""Components of the study of Van Dyke et al. 1993, on 114 cases at a mean AUC of 0.92: five
radiologists, spin-echo and cine MRI. A stand-in where there is no pilot."""

VAN_DYKE_CASES = 114


@dataclass(frozen=True)
class AucPlan:
    """Cases that show a difference, or the absence of a loss, of two AUCs.

    Attributes
    ----------
    positives, negatives : int
        Cases of each kind; with one case a patient, patients.
    patients : int
        All of them together, in each of two groups when unpaired.
    power : float
    standard_error : float
        Of the difference, as expected.
    in_words : str
    """

    positives: int
    negatives: int
    patients: int
    power: float
    standard_error: float
    paired: bool
    in_words: str

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


@dataclass(frozen=True)
class ReaderStudyPlan:
    """Readers and cases of a fully crossed study of two modalities.

    Attributes
    ----------
    readers, cases : int
    power : float
    df : float
        Degrees of freedom of the test to be expected.
    most_power : float
        With these readers and no end of cases: below the wanted power only readers help.
    in_words : str
    """

    readers: int
    cases: int
    power: float
    df: float
    most_power: float
    in_words: str

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def variance_of_auc(auc: float, positives: float, negatives: float) -> float:
    """Variance of an AUC to be expected (Hanley and McNeil, Radiology 1982).

    Of scores with exponential tails; near that of the binormal model, and a little larger.
    """
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    return (auc * (1 - auc) + (positives - 1) * (q1 - auc**2) + (negatives - 1) * (q2 - auc**2)) / (
        positives * negatives
    )


def plan_auc(
    auc: float,
    other_auc: float,
    *,
    margin: float = 0.0,
    paired: bool = True,
    correlation: float = 0.0,
    positive_share: float = 0.5,
    cases_per_patient: float = 1.0,
    case_correlation: float = 0.0,
    confidence: float = 0.95,
    power: float = 0.8,
) -> AucPlan:
    """Cases to show that a new AUC differs from an old one, or is not worse by a margin.

    Parameters
    ----------
    auc, other_auc : float
        Expected AUC of the new and of the old method.
    margin : float
        0 asks for a difference, two-sided; above 0 for non-inferiority at half the error
        one-sided, for which the two may be equal.
    paired : bool
        Whether both are read on the same cases.
    correlation : float
        Of the two AUC estimates, when paired. 0 is safe; methods that look at the same images
        often have 0.3 to 0.6, which saves that share of the cases.
    positive_share : float
        Of the cases to be collected.
    cases_per_patient, case_correlation : float
        More cases are needed when patients have several (:func:`limen.measures.design_effect`).
    confidence, power : float

    Raises
    ------
    BadPlan
    """
    for name, value in (("the new AUC", auc), ("the old AUC", other_auc)):
        require_between(name, value, 0.5, 1)
    require_between("the share of positives", positive_share, 0, 1)
    require_between("the correlation", correlation, 0, 0.999, ends=True)
    require_between("the confidence", confidence, 0.5, 1)
    require_between("the power", power, 0, 1)
    if not (math.isfinite(margin) and margin >= 0):
        raise BadPlan("the margin is below zero", found=str(margin))
    effect = design_effect(cases_per_patient, case_correlation)
    distance = auc - other_auc + margin if margin else abs(auc - other_auc)
    if distance <= 0:
        raise BadPlan(
            "no number of cases shows this",
            found=f"AUC {auc:g} against {other_auc:g}, margin {margin:g}",
            mend="state a difference to be shown, or a margin larger than the expected loss",
        )
    tied = correlation if paired else 0.0

    def error(cases: int) -> float:
        positives = positive_share * cases / effect
        negatives = (1 - positive_share) * cases / effect
        a, b = (variance_of_auc(x, positives, negatives) for x in (auc, other_auc))
        return math.sqrt(a + b - 2 * tied * math.sqrt(a * b))

    def seen(cases: int) -> float:
        from scipy.special import ndtr, ndtri

        positives = positive_share * cases
        if min(positives, cases - positives) < 1:
            return 0.0
        return float(ndtr(distance / error(cases) - ndtri((1 + confidence) / 2)))

    cases = fewest(lambda n: seen(n) >= power)
    positives = max(1, math.ceil(positive_share * cases - 1e-9))
    negatives = max(1, math.ceil((1 - positive_share) * cases - 1e-9))
    patients = math.ceil((positives + negatives) / cases_per_patient - 1e-9)
    what = "cases" if cases_per_patient > 1 else "patients"
    aim = (
        f"that an AUC of {auc:g} is not worse than {other_auc:g} by {margin:g}"
        if margin
        else f"the difference of AUC {auc:g} from {other_auc:g}"
    )
    where = "read by both methods" if paired else "in each of two groups"
    words = (
        f"{positives} positive and {negatives} negative {what}, {where}, show {aim} with "
        f"{percent(power)} chance at {percent(confidence)} confidence."
    )
    if paired and not correlation:
        words += " This takes the two methods as uncorrelated, which is safe."
    if effect > 1:
        words += f" They come from {patients} patients (design effect {effect:.3g})."
    total = positives + negatives
    return AucPlan(positives, negatives, patients, seen(total), error(total), paired, words)


def power_of_reader_study(
    effect: float,
    readers: int,
    cases: float,
    components: VarianceComponents,
    pilot_cases: int,
    level: float = 0.05,
) -> tuple[float, float]:
    """Power and degrees of freedom of the Obuchowski-Rockette test of two modalities.

    Hillis, Obuchowski and Berbaum (Acad. Radiol. 18 (2011) 129): noncentral F; variances over
    cases shrink with their number, those over readers do not. Readers and cases both count as
    samples of their populations.
    """
    from scipy.special import fdtri, ncfdtr

    shrink = pilot_cases / cases
    gap = max(components.cov2 - components.cov3, 0.0) * shrink
    alone = max(components.reader_by_modality, 0.0) + (components.error - components.cov1) * shrink
    error = alone + (readers - 1) * gap
    # what the mean square of readers by modality is expected to be
    square = alone - gap
    if square <= 0 or error <= 0:
        raise BadPlan(
            "these variance components leave readers no spread",
            found=str(components),
            mend="give components of a pilot, with error > cov1 and reader_by_modality >= 0",
        )
    df = error**2 / (square**2 / (readers - 1))
    shift = readers * effect**2 / (2 * error)
    critical = float(fdtri(1, df, 1 - level))
    return 1 - float(ncfdtr(1, df, shift, critical)), float(df)


def plan_reader_study(
    effect: float,
    readers: int,
    *,
    components: VarianceComponents = VAN_DYKE,
    pilot_cases: int = VAN_DYKE_CASES,
    confidence: float = 0.95,
    power: float = 0.8,
) -> ReaderStudyPlan:
    """Cases that so many readers have to read in both modalities to show a difference of AUC.

    Parameters
    ----------
    effect : float
        Difference of the mean AUCs that is to be shown.
    readers : int
        Two or more, each reading all cases in both modalities.
    components : VarianceComponents
        Of a pilot: ``mrmc_anova(...).components``. Those of Van Dyke et al. stand in for none.
    pilot_cases : int
        Cases of that pilot, in about the same mix of positives and negatives.
    confidence, power : float

    Raises
    ------
    BadPlan
        Also when these readers cannot reach the power with any number of cases; the message
        says how many readers could.
    """
    if not (math.isfinite(effect) and effect != 0 and abs(effect) < 1):
        raise BadPlan("the effect is not a difference of two AUCs", found=str(effect))
    if readers < 2:
        raise BadPlan(
            "a reader study needs two readers or more",
            found=str(readers),
            mend="with one reader plan a comparison of two AUCs (plan_auc)",
        )
    require_between("the confidence", confidence, 0.5, 1)
    require_between("the power", power, 0, 1)
    if pilot_cases < 1:
        raise BadPlan("a pilot has cases", found=str(pilot_cases))
    level = 1 - confidence

    def seen(n_readers: int, cases: float) -> float:
        return power_of_reader_study(effect, n_readers, cases, components, pilot_cases, level)[0]

    endless = 1e9
    most = seen(readers, endless) if components.reader_by_modality > 0 else 1.0
    if most < power:
        enough = next((r for r in range(readers, 1001) if seen(r, endless) >= power), None)
        raise BadPlan(
            f"{readers} readers cannot show this with any number of cases",
            found=f"{percent(most)} chance with no end of cases",
            mend="choose a larger effect"
            if enough is None
            else f"more than {enough - 1} readers are needed: their spread does not shrink with "
            "cases",
        )
    cases = fewest(lambda n: n >= 2 and seen(readers, n) >= power)
    reached, df = power_of_reader_study(effect, readers, cases, components, pilot_cases, level)
    words = (
        f"{readers} readers, each reading the same {cases} cases in both modalities, show a "
        f"difference of {abs(effect):g} in AUC with {percent(reached)} chance at "
        f"{percent(confidence)} confidence, for readers and cases like these."
    )
    if components is VAN_DYKE:
        words += (
            " The spread of readers and cases is that of Van Dyke et al. 1993; a pilot of your "
            "own gives a better plan."
        )
    return ReaderStudyPlan(readers, cases, reached, df, most, words)
