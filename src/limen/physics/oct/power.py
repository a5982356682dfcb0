"""Less light (``oct.power``), and light that fluctuates more (``oct.rin``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from limen.physics.degradation import Axis, Drawn, expect_drawn_for
from limen.physics.oct.acquisition import Acquisition
from limen.physics.oct.insertion import Changed, ThroughFringes

Array = NDArray[Any]


@dataclass(frozen=True)
class SourcePower(ThroughFringes):
    """A fraction of the source's power; the noise that the data hold is kept.

    A sample holds N electrons with the variance ``N + (e N)^2 + sigma^2``. At a fraction f it would
    hold f N with ``f N + (e f N)^2 + sigma^2``. Scaling by f leaves ``f^2`` of all, so what is
    missing is ``f (1 - f) N + (1 - f^2) sigma^2``: shot noise as if each photon were kept with
    probability f, and read noise, which does not fall. Excess noise scales with the light and
    needs nothing. Both arms are dimmed, so that the image falls by 20 dB per decade, its shot
    noise by 10.

    Attributes
    ----------
    acquisition : Acquisition
        With the electrons of the detector. For an image they follow from its noise floor:
        `electrons_of_floor`.
    window : str
        Of the image's reconstruction.
    """

    acquisition: Acquisition
    window: str = "hann"
    method: ClassVar[str] = "oct.power/1"

    @property
    def axis(self) -> Axis:
        return Axis("oct.power", "", nominal=1.0, worse="lower", lowest=1e-4, highest=1.0)

    def draw(self, value: float, seed: int) -> Drawn:
        return self.axis.draw(value, seed)

    def _change(self, drawn: Drawn) -> Any:
        expect_drawn_for(self.axis, drawn)
        f, detector = drawn.value, self.acquisition.detector
        if not self.axis.is_nominal(f):
            detector.electrons  # noqa: B018 - raises where the amount of light is not known

        def change(fringes: Array, background: Array, rng: np.random.Generator, b: int) -> Changed:
            light = fringes - np.float32(detector.dark_counts)
            electrons = np.maximum(light * detector.electrons_per_count, 0)
            variance = f * (1 - f) * electrons + (1 - f * f) * detector.read_noise_electrons**2
            noise = rng.standard_normal(fringes.shape, dtype=np.float32)
            noise *= np.sqrt(variance) / np.float32(detector.electrons_per_count)
            dimmed = detector.dark_counts + f * (background - detector.dark_counts)
            mean = float(f * electrons.mean())
            return Changed(
                detector.dark_counts + np.float32(f) * light + noise, dimmed, (),
                {"mean_electrons_per_sample": mean},
            )  # fmt: skip

        return change


@dataclass(frozen=True)
class ExcessNoise(ThroughFringes):
    """More relative intensity noise: its standard deviation per sample and exposure.

    Adds the variance ``(e^2 - e0^2) N^2``. `relative_noise` gives e for a source's RIN in dB/Hz.

    Attributes
    ----------
    acquisition : Acquisition
        Its detector's ``excess_noise`` is nominal.
    window : str
    """

    acquisition: Acquisition
    window: str = "hann"
    method: ClassVar[str] = "oct.rin/1"

    @property
    def axis(self) -> Axis:
        e = self.acquisition.detector.excess_noise
        return Axis("oct.rin", "", nominal=e, worse="higher", lowest=e, highest=max(1.0, e))

    def draw(self, value: float, seed: int) -> Drawn:
        return self.axis.draw(value, seed)

    def _change(self, drawn: Drawn) -> Any:
        expect_drawn_for(self.axis, drawn)
        detector = self.acquisition.detector
        if not self.axis.is_nominal(drawn.value):
            detector.electrons  # noqa: B018 - raises where the amount of light is not known
        more = np.float32(np.sqrt(max(drawn.value**2 - detector.excess_noise**2, 0.0)))

        def change(fringes: Array, background: Array, rng: np.random.Generator, b: int) -> Changed:
            light = np.maximum(fringes - np.float32(detector.dark_counts), 0)
            noise = rng.standard_normal(fringes.shape, dtype=np.float32)
            return Changed(fringes + more * light * noise)

        return change


def electrons_of_floor(acquisition: Acquisition, floor_db: float, window: str = "hann") -> float:
    """``reference_electrons`` that put the noise floor of an image where it is.

    If the floor is shot noise of the reference, ``sum w^2 N s = floor`` in electrons^2. For an
    image in dB of electrons (``electrons_per_count`` 1).
    """
    from limen.physics.oct.reconstruction import Recipe

    recipe = Recipe.of_acquisition(acquisition, window)
    return float(10 ** ((floor_db - recipe.noise_db(acquisition.spectrum)) / 10))
