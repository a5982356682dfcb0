"""Attenuation against NIST's tables, spectra against their half-value layers."""

from __future__ import annotations

import numpy as np
import pytest

from limen.physics.ct.spectra import Beam, SpectrumError, mass_attenuation_cm2_g
from limen.physics.ct.units import MU_WATER_PER_MM

# Hubbell and Seltzer, NISTIR 5632 (cm2/g): keV, mu/rho
NIST = {
    "water": [(30, 0.3756), (40, 0.2683), (50, 0.2269), (60, 0.2059), (80, 0.1837), (100, 0.1707)],
    "bone": [(30, 1.331), (40, 0.6655), (50, 0.4242), (60, 0.3148), (80, 0.2229), (100, 0.1855)],
    "iodine": [(40, 22.10), (50, 12.32), (60, 7.579), (80, 3.510), (100, 1.942)],
    "aluminium": [(60, 0.2778), (80, 0.2018), (100, 0.1704)],
    "titanium": [(60, 0.7661), (80, 0.4052), (100, 0.2721)],
    "iron": [(60, 1.205), (80, 0.5952), (100, 0.3717)],
}


@pytest.mark.parametrize("material", NIST)
def test_attenuation_is_nists(material: str) -> None:
    energy, expected = np.array(NIST[material]).T
    np.testing.assert_allclose(mass_attenuation_cm2_g(material, energy), expected, rtol=7e-3)


def test_iodine_has_its_k_edge() -> None:
    below, above = mass_attenuation_cm2_g("iodine", np.array([32.5, 34.5]))
    assert above > 4 * below


def test_water_at_70_kev_is_the_usual_one() -> None:
    found = mass_attenuation_cm2_g("water", np.array(70.0)) / 10
    assert found == pytest.approx(MU_WATER_PER_MM, rel=5e-3)


@pytest.mark.parametrize(
    ("voltage", "mean_kev", "layer_mm"),
    [(80, 49.70, 5.07), (100, 56.39, 6.23), (120, 61.92, 7.24), (140, 66.89, 8.13)],
)
def test_spectra_are_those_that_spekpy_states(
    voltage: int, mean_kev: float, layer_mm: float
) -> None:
    beam = Beam(voltage)
    photons = beam.weights / beam.energy_kev
    photons /= photons.sum()
    assert (photons * beam.energy_kev).sum() == pytest.approx(mean_kev, abs=0.05)
    assert beam.energy_kev[photons > 0].max() == voltage - 0.5
    # half of the air kerma passes; its absorption in air, from NIST (cm2/g)
    at, absorbed = np.array(
        [(10, 4.742), (15, 1.334), (20, 0.5389), (30, 0.1537), (40, 0.06833), (50, 0.04098),
         (60, 0.03041), (80, 0.02407), (100, 0.02325), (150, 0.02496)]
    ).T  # fmt: skip
    kerma = beam.weights * np.exp(np.interp(np.log(beam.energy_kev), np.log(at), np.log(absorbed)))
    mu = mass_attenuation_cm2_g("aluminium", beam.energy_kev) * 2.699
    passed = (kerma * np.exp(-mu * layer_mm / 10)).sum() / kerma.sum()
    assert passed == pytest.approx(0.5, abs=0.006)


def test_one_energy_is_beers_law_in_the_limit_of_thin_layers() -> None:
    beam = Beam(120)
    thin = np.array([1e-4, 2e-4])
    lines = beam.line_integrals({"water": thin})
    effective = (beam.weights * mass_attenuation_cm2_g("water", beam.energy_kev)).sum()
    np.testing.assert_allclose(lines, effective * thin, rtol=1e-4)


def test_beams_harden() -> None:
    beam = Beam(120)
    grams = np.linspace(1, 40, 30)
    for material in ("water", "bone", "iron"):
        slope = np.diff(beam.line_integrals({material: grams}))
        assert (np.diff(slope) < 0).all()


def test_correction_undoes_hardening_in_water() -> None:
    beam = Beam(100)
    grams = np.linspace(0, 50, 40)
    corrected = beam.water_corrected(beam.line_integrals({"water": grams}))
    np.testing.assert_allclose(corrected, MU_WATER_PER_MM * grams * 10, atol=2e-4)
    uncorrected = beam.uncorrected(MU_WATER_PER_MM * grams * 10)
    assert (uncorrected <= MU_WATER_PER_MM * grams * 10 + 1e-9).all()
    assert abs(beam.uncorrected(np.array([0.0]))[0]) < 1e-12


@pytest.mark.parametrize(
    "wrong",
    [lambda: Beam(110), lambda: mass_attenuation_cm2_g("gold", np.array([60.0])),
     lambda: mass_attenuation_cm2_g("water", np.array([5.0])),
     lambda: mass_attenuation_cm2_g("water", np.array([np.nan]))],
)  # fmt: skip
def test_what_is_in_no_table(wrong) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(SpectrumError, match="found: "):
        wrong()
