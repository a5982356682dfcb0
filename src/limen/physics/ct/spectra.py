"""X-ray spectra and the attenuation of water, bone, iodine and metals, by photon energy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limen.physics.ct.geometry import GeometryError
from limen.physics.ct.units import MU_WATER_PER_MM

Array = NDArray[Any]

DENSITY_G_CM3 = {
    "water": 1.0, "bone": 1.92, "iodine": 4.93, "aluminium": 2.699, "titanium": 4.54, "iron": 7.874,
}  # fmt: skip
"""Usual densities (NIST; cortical bone ICRU-44)."""

VOLTAGES_KV = (80, 100, 120, 140)


class SpectrumError(GeometryError):
    """A tube voltage, material or energy for which there is no table."""


@lru_cache(maxsize=2)
def _table(name: str) -> dict[str, Array]:
    text = (resources.files("limen.physics.ct") / "data" / name).read_text(encoding="ascii")
    head, *rows = text.splitlines()
    columns = np.array([[float(cell) for cell in row.split(",")] for row in rows]).T
    return dict(zip(head.split(","), columns, strict=True))


def mass_attenuation_cm2_g(material: str, energy_kev: Array) -> Array:
    """Mass attenuation coefficient, by log-log interpolation.

    Parameters
    ----------
    material : str
        One of `DENSITY_G_CM3`.
    energy_kev : array
        Within 10.5 to 139.5 keV.

    Returns
    -------
    float64 array, same shape, cm2/g

    Raises
    ------
    SpectrumError
        For a material or an energy that is not in the table.
    """
    table = _table("attenuation.csv")
    if material not in DENSITY_G_CM3:
        raise SpectrumError(
            "No such material", found=str(material), mend=f"one of {', '.join(DENSITY_G_CM3)}"
        )
    known, energy = table["energy_kev"], np.asarray(energy_kev, dtype=np.float64)
    if not ((energy >= known[0]) & (energy <= known[-1])).all():
        raise SpectrumError(
            "No attenuation at this energy",
            found=f"{energy.min():g} to {energy.max():g} keV",
            mend=f"keep to {known[0]:g} to {known[-1]:g} keV",
        )
    return np.asarray(np.exp(np.interp(np.log(energy), np.log(known), np.log(table[material]))))


@dataclass(frozen=True)
class Beam:
    """A spectrum as an energy-integrating detector weighs it.

    Attributes
    ----------
    voltage_kv : int
        One of `VOLTAGES_KV`; 8 mm aluminium filtration in all.
    """

    voltage_kv: int = 120

    def __post_init__(self) -> None:
        if self.voltage_kv not in VOLTAGES_KV:
            raise SpectrumError(
                "No spectrum for this tube voltage",
                found=f"{self.voltage_kv} kV",
                mend=f"one of {', '.join(map(str, VOLTAGES_KV))} kV",
            )

    @property
    def energy_kev(self) -> Array:
        """(energies,)"""
        return _table("spectra.csv")["energy_kev"]

    @property
    def weights(self) -> Array:
        """(energies,): share of the signal without a patient."""
        signal = _table("spectra.csv")[str(self.voltage_kv)] * self.energy_kev
        return np.asarray(signal / signal.sum())

    def line_integrals(self, paths_g_cm2: Mapping[str, Array]) -> Array:
        """``-log`` of the transmitted share of the signal.

        Parameters
        ----------
        paths_g_cm2 : mapping of material to array
            Density times length along each ray; arrays of one shape.

        Returns
        -------
        float64 array, same shape
        """
        shape = np.broadcast_shapes(*(np.shape(path) for path in paths_g_cm2.values()))
        through = np.zeros(shape)
        attenuation = {m: mass_attenuation_cm2_g(m, self.energy_kev) for m in paths_g_cm2}
        weights = np.where(self.weights > 1e-6, self.weights, 0)
        weights /= weights.sum()
        for e in np.flatnonzero(weights):
            exponent = np.zeros(shape)
            for material, path in paths_g_cm2.items():
                exponent -= attenuation[material][e] * np.asarray(path)
            through += weights[e] * np.exp(exponent)
        return np.asarray(-np.log(np.maximum(through, 1e-300)))

    def water_corrected(self, line: Array, mu_water_per_mm: float = MU_WATER_PER_MM) -> Array:
        """Polychromatic line integrals as a scanner corrects them for water.

        Each is replaced by the monochromatic line integral of the length of water that gives the
        same signal. Beyond 1.5 m of water (nothing is measured there) the last slope goes on.
        """
        lengths, poly = self._water_curve()
        line = np.asarray(line, dtype=np.float64)
        beyond = np.maximum(line - poly[-1], 0) / ((poly[-1] - poly[-2]) / (lengths[1]))
        return np.asarray(mu_water_per_mm * (np.interp(line, poly, lengths) + beyond))

    def uncorrected(self, line: Array, mu_water_per_mm: float = MU_WATER_PER_MM) -> Array:
        """The same of monochromatic line integrals of water, with no correction: they cup.

        Scaled so that a thin layer keeps its value.
        """
        lengths, poly = self._water_curve()
        scale = mu_water_per_mm * lengths[1] / poly[1]
        length = np.maximum(np.asarray(line, dtype=np.float64), 0) / mu_water_per_mm
        return np.asarray(np.interp(length, lengths, poly) * scale + np.minimum(line, 0))

    def _water_curve(self) -> tuple[Array, Array]:
        lengths = np.linspace(0, 1500, 1501)  # mm
        return lengths, self.line_integrals({"water": lengths / 10})
