"""A smooth guess at where verdicts flip, from yes and no alone: Gaussian-process classification.

The Laplace approximation of Rasmussen and Williams, Gaussian Processes for Machine Learning
(2006), algorithms 3.1 and 3.2, with a probit link.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

AMPLITUDE = 8.0
"""Of each part of the kernel, in probits: verdicts are nearly free of chance."""
LENGTHS = (0.4, 0.7, 1.2, 2.0)
POWERS = (0.4, 0.7, 1.0, 1.6)
"""Of positions, before distances are taken: frontiers that bulge in or out become nearly flat."""


class Surrogate:
    """A fitted classifier of points in the unit cube.

    Parameters
    ----------
    points : (n, d) floats, not negative
    passed : (n,) bools
    length, power : float
        Length scale, of positions to this power.

    Attributes
    ----------
    evidence : float
        Log marginal likelihood: of two lengths and powers, the larger suits better.
    """

    def __init__(self, points: Array, passed: Array, length: float, power: float) -> None:
        self._length, self._power = length, power
        self._points = points**power
        kernel = self._kernel(self._points, self._points)
        kernel[np.diag_indices(len(passed))] += 1e-6
        self._fit(kernel, 2.0 * np.asarray(passed, float) - 1.0)

    @classmethod
    def best(cls, points: Array, passed: Array) -> Surrogate:
        """Of all lengths and powers the fit with the most evidence."""
        fits = (cls(points, passed, length, power) for length in LENGTHS for power in POWERS)
        return max(fits, key=lambda s: s.evidence)

    def again(self, points: Array, passed: Array) -> Surrogate:
        """The same length and power fitted to other points."""
        return Surrogate(points, passed, self._length, self._power)

    def mean(self, at: Array) -> Array:
        """(m,) latent mean: above 0 a pass is likelier."""
        return np.asarray(self._kernel(at**self._power, self._points) @ self._slope)

    def mean_and_spread(self, at: Array) -> tuple[Array, Array]:
        """Latent mean and standard deviation, (m,) each."""
        from scipy.linalg import solve_triangular

        here = at**self._power
        across = self._kernel(here, self._points)
        solved = solve_triangular(
            self._cholesky, self._root[:, None] * across.T, lower=True, check_finite=False
        )
        prior = AMPLITUDE**2 * (2 + (here**2).sum(axis=1))
        spread = np.sqrt(np.maximum(prior - (solved**2).sum(axis=0), 1e-9))
        return across @ self._slope, spread

    def _kernel(self, a: Array, b: Array) -> Array:
        product = a @ b.T
        square = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None] - 2 * product
        smooth = np.exp(-0.5 / self._length**2 * np.maximum(square, 0))
        return np.asarray(AMPLITUDE**2 * (1 + product + smooth))

    def _fit(self, kernel: Array, sign: Array) -> None:
        from scipy.linalg import cho_solve
        from scipy.special import log_ndtr

        def derivatives(f: Array) -> tuple[Array, Array]:
            margin = sign * f
            ratio = np.exp(-0.5 * margin**2 - log_ndtr(margin)) / np.sqrt(2 * np.pi)
            return sign * ratio, np.maximum(ratio * (ratio + margin), 1e-9)

        f = np.zeros(len(sign))
        weights = f
        for _ in range(25):
            slope, curvature = derivatives(f)
            root = np.sqrt(curvature)
            cholesky = np.linalg.cholesky(np.eye(len(sign)) + root[:, None] * kernel * root)
            step = curvature * f + slope
            weights = step - root * cho_solve(
                (cholesky, True), root * (kernel @ step), check_finite=False
            )
            last, f = f, kernel @ weights
            if np.abs(f - last).max() < 1e-2:
                break
        self._slope, curvature = derivatives(f)
        self._root = np.sqrt(curvature)
        self._cholesky = np.linalg.cholesky(
            np.eye(len(sign)) + self._root[:, None] * kernel * self._root
        )
        fit = log_ndtr(sign * f).sum() - 0.5 * weights @ f
        self.evidence = float(fit - np.log(np.diag(self._cholesky)).sum())
