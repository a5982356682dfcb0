"""Whether a measurement is linear in what it measures: the terms of QIBA.

Linearity as the Quantitative Imaging Biomarkers Alliance defines it (Raunig et al., Stat. Methods
Med. Res. 24 (2015) 27). Unit of independence: the patient, or the insert of a phantom. Guarantee:
asymptotic in these.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from limen.measures.errors import CannotSay
from limen.measures.figure import Figure, figure
from limen.measures.grid import Array
from limen.measures.measurement import checked_measured, t_interval
from limen.measures.outcomes import numbered


@dataclass(frozen=True)
class Linearity:
    """Measured against reference.

    Attributes
    ----------
    slope, intercept : Figure
        Of the straight line; a slope other than 1 is a proportional bias.
    curvature : Figure
        Coefficient of the square in a parabola; linear when it is not told from 0 and is small
        over the range.
    r_squared : float
        Of the straight line.
    reference_range : tuple of float
        The claim of linearity ends where the references end.
    """

    slope: Figure
    intercept: Figure
    curvature: Figure
    r_squared: float | None
    reference_range: tuple[float, float]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


_REGRESSION = "least squares, errors clustered by patient, t"


def linearity(
    measured: ArrayLike,
    reference: ArrayLike,
    patients: Sequence[Hashable] | Array,
    *,
    unit: str,
    confidence: float = 0.95,
) -> Linearity:
    """Straight line and parabola of measured against reference, errors clustered by patient.

    Least squares with sandwich errors and t with patients less one degrees of freedom.

    Parameters
    ----------
    measured, reference : (N,) array
        Of references without error, as on a phantom; an error in them flattens the slope.
    patients : (N,)
        Patients or phantom inserts: what is independent.
    unit : str
    confidence : float

    Raises
    ------
    BadScores
    CannotSay
        With fewer than three different references.
    """
    found, true = checked_measured(measured, reference)
    codes, n = numbered(patients, len(found))
    if len(np.unique(true)) < 3:
        raise CannotSay(
            f"linearity cannot be said with n = {len(np.unique(true))} different references",
            mend="measure three or more sizes, better five or more over the whole range",
        )
    # centred and scaled, so that the parabola is well conditioned; scaled back afterwards
    middle, scale = float(true.mean()), float(np.ptp(true)) / 2
    x = (true - middle) / scale
    ones = np.ones_like(x)
    line, line_cov = _least_squares(np.column_stack([ones, x]), found, codes, n)
    bend, bend_cov = _least_squares(np.column_stack([ones, x, x**2]), found, codes, n)
    at_zero = np.array([1.0, -middle / scale])

    def shown(value: float, variance: float, shown_unit: str) -> Figure:
        return figure(
            value,
            lambda: t_interval(value, variance, n, confidence, _REGRESSION),
            n=len(found),
            n_patients=n,
            confidence=confidence,
            unit=shown_unit,
        )

    total = float(((found - found.mean()) ** 2).sum())
    left = float(((found - np.column_stack([ones, x]) @ line) ** 2).sum())
    return Linearity(
        slope=shown(float(line[1] / scale), float(line_cov[1, 1] / scale**2), ""),
        intercept=shown(float(at_zero @ line), float(at_zero @ line_cov @ at_zero), unit),
        curvature=shown(
            float(bend[2] / scale**2), float(bend_cov[2, 2] / scale**4), f"1/{unit}" if unit else ""
        ),
        r_squared=1 - left / total if total > 0 else None,
        reference_range=(float(true.min()), float(true.max())),
    )


def _least_squares(x: Array, y: Array, codes: Array, n: int) -> tuple[Array, Array]:
    bread = np.linalg.pinv(x.T @ x)
    beta = bread @ x.T @ y
    scores = np.zeros((n, x.shape[1]))
    np.add.at(scores, codes, x * (y - x @ beta)[:, None])
    few = n / max(n - 1, 1) * (len(y) - 1) / max(len(y) - x.shape[1], 1)
    return beta, few * (bread @ scores.T @ scores @ bread)
