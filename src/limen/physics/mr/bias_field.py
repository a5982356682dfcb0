"""Uneven sensitivity over the image: ``mr.bias_field``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.physics.degradation import Applied, Axis, Drawn, Record, expect_drawn_for
from limen.physics.mr.acquisition import Acquisition, noise, slice_generator
from limen.physics.mr.fourier import to_image, to_kspace

Array = NDArray[Any]

NOISE_SCALED = "the noise of the data is not known, so it is dimmed together with the signal"


@dataclass(frozen=True)
class BiasField:
    """A smooth loss of sensitivity; the noise stays even.

    The signal is multiplied with a field b of maximum 1 and minimum 1 - value: the exponential
    of a drawn polynomial of second order (compare Van Leemput et al., IEEE TMI 18, 1999). The
    receiver's noise does not become less where the signal does: where the noise of the data is
    known, ``sqrt(1 - b^2)`` of it is added, so that it has the same standard deviation as before
    everywhere.

    Attributes
    ----------
    acquisition : Acquisition
    """

    acquisition: Acquisition

    @property
    def axis(self) -> Axis:
        """The loss at the weakest pixel, a share of the signal."""
        return Axis("mr.bias_field", "", nominal=0.0, worse="higher", lowest=0.0, highest=0.95)

    def draw(self, value: float, seed: int) -> Drawn:
        """Coefficients of y, x, y^2, yx, x^2."""
        c = np.random.default_rng(seed).standard_normal(5)
        p: Any = {"coefficients": tuple(float(v) for v in c)}
        return self.axis.draw(value, seed, p)

    def field(self, drawn: Drawn) -> Array:
        """(y, x) float64: b, from 1 - value to 1."""
        ny, nx = self.acquisition.shape
        y = (2 * (np.arange(ny) - ny // 2) / ny)[:, None]
        x = (2 * (np.arange(nx) - nx // 2) / nx)[None]
        a: Any = drawn.parameters["coefficients"]
        log = a[0] * y + a[1] * x + a[2] * y * y + a[3] * y * x + a[4] * x * x
        span = log.max() - log.min()
        down = (log.max() - log) / span if span > 0 else np.zeros_like(log)
        return np.asarray(np.exp(np.log1p(-drawn.value) * down))

    def apply(self, raw: Array, drawn: Drawn) -> Applied:
        """K-space ([[slices,] coils,] ky, kx), fully sampled, of the uneven receiver."""
        expect_drawn_for(self.axis, drawn)
        data = self.acquisition.check_raw(raw)
        record = Record(drawn, 0.0, "mr.bias_field/1", "measured", self._warnings)
        if self.axis.is_nominal(drawn.value):
            return Applied(np.array(raw), record)
        stack = data.reshape(-1, *data.shape[-3:]) if data.ndim > 2 else data[None, None]
        dimmed = np.stack([self._change(s, drawn, k) for k, s in enumerate(stack)])
        return Applied(dimmed.reshape(data.shape), record)

    def insert(self, image: Array, drawn: Drawn) -> Applied:
        """An image (i, j[, slices]) of the uneven receiver."""
        expect_drawn_for(self.axis, drawn)
        alone = self.acquisition.with_fields(maps=None)
        data, warnings, measured = alone.insert(
            image, drawn, self.axis, lambda kspace, k: self._change(kspace, drawn, k)
        )
        warnings = (*warnings, *self._warnings)
        return Applied(
            data, Record(drawn, 0.0, "mr.bias_field/1", "resimulated", warnings, measured)
        )

    @property
    def _warnings(self) -> tuple[str, ...]:
        return (NOISE_SCALED,) if self.acquisition.noise_sd is None else ()

    def _change(self, kspace: Array, drawn: Drawn, k: int) -> Array:
        b = self.field(drawn)
        real = kspace.real.dtype
        images = to_image(kspace) * b.astype(real)
        if self.acquisition.noise_sd is not None:
            rng = slice_generator(drawn.seed, k)
            more = noise(images.shape, self.acquisition.noise_sd, rng, images.dtype)
            images += np.sqrt(np.maximum(1 - b * b, 0)).astype(real) * more
        return to_kspace(images)
