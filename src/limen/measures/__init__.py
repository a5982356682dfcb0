"""Quantities per case, criteria to verdicts, statistics.

Works on arrays and geometry and knows nothing of files. Every quantity is defined once, with
its unit, convention and edge cases; distances are in mm in the patient, volumes in mL. A value
that is not defined is None with a reason in words, never NaN.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from limen.measures.aggregates import CaseRow
    from limen.measures.bootstrap import (
        bootstrap_auc,
        bootstrap_auc_difference,
        bootstrap_mean,
        bootstrap_ratio,
        bootstrap_statistic,
    )
    from limen.measures.case import LesionMeasures, Measurement, Wanted, measure_case
    from limen.measures.centreline import cldice
    from limen.measures.distance import SurfaceDistances, hd95_mm
    from limen.measures.errors import (
        BadAffine,
        BadConvention,
        BadCriterion,
        BadPlan,
        BadScores,
        BadValue,
        CannotSay,
        MeasureError,
        NotALabelMap,
        NotProbabilities,
        ShapeMismatch,
        SpacingMissing,
        UndeclaredValue,
        Undefined,
        UnknownFile,
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
    from limen.measures.matching import BoxPair, PointPair, match_boxes, match_points
    from limen.measures.measurement import (
        Agreement,
        Linearity,
        Repeatability,
        agreement,
        linearity,
        repeatability,
    )
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
    from limen.measures.paired import MarginAnswer, PairedShares, against_margin, mcnemar
    from limen.measures.planning import (
        FailureRatePlan,
        GainPlan,
        design_effect,
        plan_failure_rate,
        plan_gain_in_mean,
        plan_gain_in_rate,
    )
    from limen.measures.planning_auc import AucPlan, ReaderStudyPlan, plan_auc, plan_reader_study
    from limen.measures.reliability import Calibration, calibration
    from limen.measures.reliability_picture import reliability_svg
    from limen.measures.roc import (
        AucComparison,
        auc,
        auc_covariance,
        auc_difference,
        auc_difference_unpaired,
    )
    from limen.measures.structures import LabelMeasures, segmentation
    from limen.measures.summary import Summary, summarise
    from limen.measures.verdict import CriterionResult, Verdict, judge

_HOME = {
    "BadPlan": "errors",
    "ReaderStudyPlan": "planning_auc",
    "AucPlan": "planning_auc",
    "plan_reader_study": "planning_auc",
    "plan_auc": "planning_auc",
    "design_effect": "planning",
    "GainPlan": "planning",
    "FailureRatePlan": "planning",
    "plan_gain_in_mean": "planning",
    "plan_gain_in_rate": "planning",
    "plan_failure_rate": "planning",
    "MarginAnswer": "paired",
    "against_margin": "paired",
    "PairedShares": "paired",
    "mcnemar": "paired",
    "Linearity": "measurement",
    "Repeatability": "measurement",
    "Agreement": "measurement",
    "linearity": "measurement",
    "repeatability": "measurement",
    "agreement": "measurement",
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
    "Wanted": "case",
    "cldice": "centreline",
    "SurfaceDistances": "distance",
    "LabelMeasures": "structures",
    "segmentation": "structures",
    "BoxPair": "matching",
    "PointPair": "matching",
    "match_boxes": "matching",
    "match_points": "matching",
    "LesionMeasures": "case",
    "hd95_mm": "distance",
    "BadAffine": "errors",
    "BadConvention": "errors",
    "BadValue": "errors",
    "SpacingMissing": "errors",
    "UnknownFile": "errors",
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
    "CaseRow": "aggregates",
    "Figure": "figure",
    "Summary": "summary",
    "summarise": "summary",
    "CriterionResult": "verdict",
    "Verdict": "verdict",
    "judge": "verdict",
}

__all__ = [
    "Agreement",
    "AucComparison",
    "AucPlan",
    "BadAffine",
    "BadConvention",
    "BadCriterion",
    "BadPlan",
    "BadScores",
    "BadValue",
    "BoxPair",
    "Calibration",
    "CannotSay",
    "CaseRow",
    "Classification",
    "CriterionResult",
    "FailureRatePlan",
    "Figure",
    "GainPlan",
    "Interval",
    "LabelMeasures",
    "Lesion",
    "LesionMeasures",
    "Lesions",
    "Linearity",
    "MarginAnswer",
    "MeasureError",
    "Measurement",
    "NetBenefit",
    "NotALabelMap",
    "NotProbabilities",
    "PairedShares",
    "PointPair",
    "ReaderStudy",
    "ReaderStudyDifference",
    "ReaderStudyPlan",
    "Repeatability",
    "ShapeMismatch",
    "SpacingMissing",
    "Summary",
    "SurfaceDistances",
    "UndeclaredValue",
    "Undefined",
    "UnknownFile",
    "VarianceComponents",
    "Verdict",
    "Wanted",
    "against_margin",
    "agreement",
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
    "cldice",
    "clopper_pearson",
    "clopper_pearson_lower",
    "clopper_pearson_upper",
    "decision_curve",
    "design_effect",
    "dice",
    "find_lesions",
    "hd95_mm",
    "judge",
    "linearity",
    "match_boxes",
    "match_lesions",
    "match_points",
    "mcnemar",
    "measure_case",
    "mrmc_anova",
    "mrmc_u_statistic",
    "plan_auc",
    "plan_failure_rate",
    "plan_gain_in_mean",
    "plan_gain_in_rate",
    "plan_reader_study",
    "relative_volume_error",
    "reliability_svg",
    "repeatability",
    "segmentation",
    "summarise",
    "volume_error_ml",
    "volume_ml",
    "wilson",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"limen.measures.{_HOME[name]}"), name)
    raise AttributeError(f"module 'limen.measures' has no attribute {name!r}")
