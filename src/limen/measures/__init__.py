"""Quantities per case, criteria to verdicts, statistics.

Works on arrays and geometry and knows nothing of files. Every quantity is defined once, with
its unit, convention and edge cases; distances are in mm in the patient, volumes in mL. A value
that is not defined is None with a reason in words, never NaN.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from limen.measures.bootstrap import (
        bootstrap_auc,
        bootstrap_auc_difference,
        bootstrap_mean,
        bootstrap_ratio,
        bootstrap_statistic,
    )
    from limen.measures.case import LabelMeasures, LesionMeasures, Measurement, measure_case
    from limen.measures.distance import hd95_mm
    from limen.measures.errors import (
        BadAffine,
        BadCriterion,
        BadScores,
        CannotSay,
        MeasureError,
        NotALabelMap,
        NotProbabilities,
        ShapeMismatch,
        UndeclaredValue,
        Undefined,
    )
    from limen.measures.figure import Figure
    from limen.measures.intervals import (
        Interval,
        clopper_pearson,
        clopper_pearson_lower,
        clopper_pearson_upper,
        wilson,
    )
    from limen.measures.lesions import Lesion, Lesions, find_lesions, match_lesions
    from limen.measures.mrmc import (
        ReaderStudy,
        ReaderStudyDifference,
        VarianceComponents,
        mrmc_anova,
    )
    from limen.measures.mrmc_moments import mrmc_u_statistic
    from limen.measures.net_benefit import NetBenefit, decision_curve
    from limen.measures.operating_point import Classification, classification
    from limen.measures.overlap import dice, relative_volume_error, volume_error_ml, volume_ml
    from limen.measures.reliability import Calibration, calibration
    from limen.measures.reliability_picture import reliability_svg
    from limen.measures.roc import (
        AucComparison,
        auc,
        auc_covariance,
        auc_difference,
        auc_difference_unpaired,
    )
    from limen.measures.summary import CaseRow, Summary, summarise
    from limen.measures.verdict import CriterionResult, Verdict, judge

_HOME = {
    "mrmc_u_statistic": "mrmc_moments",
    "VarianceComponents": "mrmc",
    "ReaderStudyDifference": "mrmc",
    "ReaderStudy": "mrmc",
    "mrmc_anova": "mrmc",
    "reliability_svg": "reliability_picture",
    "NetBenefit": "net_benefit",
    "decision_curve": "net_benefit",
    "Calibration": "reliability",
    "calibration": "reliability",
    "Classification": "operating_point",
    "classification": "operating_point",
    "measure_case": "case",
    "Measurement": "case",
    "LabelMeasures": "case",
    "LesionMeasures": "case",
    "hd95_mm": "distance",
    "BadAffine": "errors",
    "BadCriterion": "errors",
    "CannotSay": "errors",
    "MeasureError": "errors",
    "NotALabelMap": "errors",
    "ShapeMismatch": "errors",
    "UndeclaredValue": "errors",
    "Undefined": "errors",
    "Interval": "intervals",
    "auc": "roc",
    "auc_covariance": "roc",
    "auc_difference": "roc",
    "auc_difference_unpaired": "roc",
    "AucComparison": "roc",
    "BadScores": "errors",
    "NotProbabilities": "errors",
    "bootstrap_auc": "bootstrap",
    "bootstrap_auc_difference": "bootstrap",
    "bootstrap_mean": "bootstrap",
    "bootstrap_ratio": "bootstrap",
    "bootstrap_statistic": "bootstrap",
    "clopper_pearson": "intervals",
    "clopper_pearson_lower": "intervals",
    "clopper_pearson_upper": "intervals",
    "wilson": "intervals",
    "Lesion": "lesions",
    "Lesions": "lesions",
    "find_lesions": "lesions",
    "match_lesions": "lesions",
    "dice": "overlap",
    "relative_volume_error": "overlap",
    "volume_error_ml": "overlap",
    "volume_ml": "overlap",
    "CaseRow": "summary",
    "Figure": "figure",
    "Summary": "summary",
    "summarise": "summary",
    "CriterionResult": "verdict",
    "Verdict": "verdict",
    "judge": "verdict",
}

__all__ = [
    "AucComparison",
    "BadAffine",
    "BadCriterion",
    "BadScores",
    "Calibration",
    "CannotSay",
    "CaseRow",
    "Classification",
    "CriterionResult",
    "Figure",
    "Interval",
    "LabelMeasures",
    "Lesion",
    "LesionMeasures",
    "Lesions",
    "MeasureError",
    "Measurement",
    "NetBenefit",
    "NotALabelMap",
    "NotProbabilities",
    "ReaderStudy",
    "ReaderStudyDifference",
    "ShapeMismatch",
    "Summary",
    "UndeclaredValue",
    "Undefined",
    "VarianceComponents",
    "Verdict",
    "auc",
    "auc_covariance",
    "auc_difference",
    "auc_difference_unpaired",
    "bootstrap_auc",
    "bootstrap_auc_difference",
    "bootstrap_mean",
    "bootstrap_ratio",
    "bootstrap_statistic",
    "calibration",
    "classification",
    "clopper_pearson",
    "clopper_pearson_lower",
    "clopper_pearson_upper",
    "decision_curve",
    "dice",
    "find_lesions",
    "hd95_mm",
    "judge",
    "match_lesions",
    "measure_case",
    "mrmc_anova",
    "mrmc_u_statistic",
    "relative_volume_error",
    "reliability_svg",
    "summarise",
    "volume_error_ml",
    "volume_ml",
    "wilson",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"limen.measures.{_HOME[name]}"), name)
    raise AttributeError(f"module 'limen.measures' has no attribute {name!r}")
