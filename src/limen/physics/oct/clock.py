"""Samples taken at other wavenumbers than the reconstruction believes (``oct.k_clock``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from limen.physics.degradation import Axis, Drawn, expect_drawn_for
from limen.physics.oct.acquisition import Acquisition
from limen.physics.oct.insertion import Changed, ThroughFringes
from limen.physics.oct.interpolation import interpolate

Array = NDArray[Any]


@dataclass(frozen=True)
class KClockError(ThroughFringes):
    """A slow error of the k-clock, or of a spectrometer's wavelength calibration.

    Sample m is taken where m + e(m) should be; e is a sum of Legendre polynomials over the
    A-scan, with the stated root mean square in samples. The phase error ``2 z dk/dm e(m)`` grows
    with depth, so the point-spread broadens with depth and stays sharp at zero delay. Constant
    and linear errors, which only move or stretch the image, are left out.

    Attributes
    ----------
    acquisition : Acquisition
    orders : tuple of int
        Degrees of the polynomials, 2 or more; their shares are drawn.
    window : str
        Of the image's reconstruction.
    """

    acquisition: Acquisition
    orders: tuple[int, ...] = (2, 3, 4, 5)
    window: str = "hann"
    method: ClassVar[str] = "oct.k_clock/1"

    @property
    def axis(self) -> Axis:
        return Axis("oct.k_clock", "samples", nominal=0.0, worse="higher", lowest=0.0, highest=50.0)

    def draw(self, value: float, seed: int) -> Drawn:
        rng = np.random.Generator(np.random.SFC64(seed))
        shares = rng.standard_normal(len(self.orders))
        shares /= np.linalg.norm(shares)
        return self.axis.draw(
            value, seed,
            {"orders": tuple(float(o) for o in self.orders),
             "shares": tuple(float(s) for s in shares)},
        )  # fmt: skip

    def _change(self, drawn: Drawn) -> Any:
        expect_drawn_for(self.axis, drawn)
        n = self.acquisition.sampling.n_samples
        at = np.arange(n) + clock_error(drawn, n)
        positions = np.clip(at, 0, n - 1.0)

        def change(fringes: Array, background: Array, rng: np.random.Generator, b: int) -> Changed:
            # the background is read at the same wrong places and subtracted again
            moved = interpolate(fringes - background.astype(np.float32), positions)
            return Changed(
                moved + background.astype(np.float32),
                measured={"largest_error_samples": float(np.abs(at - np.arange(n)).max())},
            )

        return change


def clock_error(drawn: Drawn, n_samples: int) -> Array:
    """(samples,) float64: the error in samples that was drawn."""
    x = np.linspace(-1, 1, n_samples)
    total = np.zeros(n_samples)
    orders, shares = (np.atleast_1d(drawn.parameters[name]) for name in ("orders", "shares"))
    for order, share in zip(orders, shares, strict=True):
        unit = np.sqrt(2 * order + 1)  # a Legendre polynomial's mean square is 1 / (2 l + 1)
        total += share * unit * np.polynomial.legendre.Legendre.basis(int(order))(x)
    return np.asarray(drawn.value * total)
