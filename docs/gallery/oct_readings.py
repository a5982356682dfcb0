"""How well conditions are read off OCT fringes and images: error on levels and seeds held out.

    python docs/gallery/oct_readings.py

Nothing is fitted: the estimators follow from formulas. "Held out" means that the levels and seeds
here were used neither to choose their constants nor in the tests.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from limen.physics.oct import (
    Acquisition,
    AxialMotion,
    CannotSay,
    Detector,
    DispersionMismatch,
    Recipe,
    Sampling,
    Source,
    SourcePower,
    add_noise,
    axial_velocity_mm_per_s,
    dispersion_of_fringes,
    dispersion_of_image,
    forward,
    fringes_of_reflectors,
    noise_floor_db,
    reconstruct,
    reconstruct_field,
    reflector_resolution_um,
    speckle_resolution_um,
)
from limen.physics.oct.calibration import point_spread_width_px

SEEDS = range(100, 110)


def instrument(fwhm_nm: float = 60) -> Acquisition:
    acquisition = Acquisition(
        Sampling.even_in_wavelength(1024, 780, 920), Source(850, fwhm_nm),
        detector=Detector(2e5, 2e5, read_noise_electrons=50),
    )  # fmt: skip
    return acquisition.replaced(background_counts=acquisition.reference_counts)


def surface(acquisition: Acquisition, seed: int, n_scans: int = 48) -> np.ndarray:
    """Raw fringes of an undulating surface over scatterers, with noise."""
    rng = np.random.default_rng(seed)
    x = np.arange(n_scans) / n_scans
    rows = []
    for z in 260 + 80 * rng.uniform(0.2, 1) * np.sin(2 * np.pi * (x + rng.uniform())):
        depth = np.r_[z, z + 40 + rng.exponential(120, 60)]
        amplitude = np.r_[rng.uniform(0.03, 0.08), 5e-4 * rng.standard_normal(60)]
        rows.append(fringes_of_reflectors(depth, amplitude, acquisition))
    return add_noise(np.array(rows) + acquisition.reference_counts, acquisition.detector, rng)


def _image(raw: np.ndarray, acquisition: Acquisition) -> np.ndarray:
    recipe = Recipe.of_acquisition(acquisition)
    return reconstruct(raw, recipe, acquisition.background_counts).data


def _row(name: str, unit: str, levels: list[float], read: Callable[[float, int], float],
         truth: Callable[[float], float] = lambda v: v) -> None:  # fmt: skip
    for level in levels:
        errors, silent = [], 0
        for seed in SEEDS:
            try:
                errors.append(read(level, seed) - truth(level))
            except CannotSay:
                silent += 1
        if not errors:
            print(f"| {name} | {truth(level):.4g} {unit} | cannot be said | | {silent} |")
            continue
        e = np.array(errors)
        print(f"| {name} | {truth(level):.4g} {unit} | {e.mean():+.2g} {unit} | "
              f"{np.abs(e).max():.2g} {unit} | {silent} of {len(SEEDS)} |")  # fmt: skip


def main() -> None:
    print("| reading | truth | mean error | largest error | not said |\n|---|---|---|---|---|")
    a = instrument()

    def dispersed(level: float, seed: int) -> np.ndarray:
        degradation = DispersionMismatch(a)
        return degradation.apply(surface(a, seed), degradation.draw(level, seed)).data

    levels = [250.0, 900.0, 2600.0, 5200.0]
    _row("dispersion, of fringes", "fs^2", levels,
         lambda v, s: dispersion_of_fringes(dispersed(v, s), a))  # fmt: skip
    _row("dispersion, of the image", "fs^2", levels,
         lambda v, s: dispersion_of_image(_image(dispersed(v, s), a), a))  # fmt: skip

    def width(fwhm: float) -> float:
        i = instrument(fwhm)
        band = i.source.at(i.sampling.even_wavenumber_rad_per_um) * np.hanning(1024)
        return point_spread_width_px(band) * i.sampling.depth_spacing_um

    def speckle(fwhm: float, seed: int) -> float:
        i, rng = instrument(fwhm), np.random.default_rng(seed)
        field = rng.standard_normal((128, 512)) + 1j * rng.standard_normal((128, 512))
        image = reconstruct(forward(0.01 * field, i), Recipe.of_acquisition(i), None).data
        return speckle_resolution_um(image[:, 60:300], i.sampling.depth_spacing_um)

    _row("resolution, of speckle", "um", [20.0, 33.0, 70.0], speckle, width)
    _row("resolution, of a surface", "um", [20.0, 33.0, 70.0],
         lambda v, s: reflector_resolution_um(_image(surface(instrument(v), s), instrument(v)),
                                              instrument(v).sampling.depth_spacing_um),
         width)  # fmt: skip

    def floor(power: float) -> float:
        electrons = power * 2e5 * a.spectrum + 50**2
        return Recipe.of_acquisition(a).noise_db(electrons)

    def read_floor(power: float, seed: int) -> float:
        degradation = SourcePower(a)
        raw = degradation.apply(surface(a, seed), degradation.draw(power, seed)).data
        dim = Detector(2e5 * power, 2e5 * power)
        return noise_floor_db(
            reconstruct(raw, Recipe.of_acquisition(a), dim.reference_electrons * a.spectrum).data
        )

    _row("noise floor", "dB", [0.7, 0.15, 0.04], read_floor, floor)

    def velocity(level: float, seed: int) -> float:
        rng = np.random.default_rng(seed)
        z = rng.uniform(100, 700, 40)
        fringe = fringes_of_reflectors(z, np.full(40, 2e-3), a) + a.reference_counts
        raw = add_noise(np.tile(fringe, (48, 1)), a.detector, rng)
        degradation = AxialMotion(a)
        drawn = degradation.draw(level, seed)
        done = degradation.apply(raw, drawn).data
        field = reconstruct_field(done, Recipe.of_acquisition(a), a.background_counts).data
        return axial_velocity_mm_per_s(field[:, 20:], a) * np.cos(drawn.parameters["phase_rad"])

    _row("axial velocity, Doppler", "mm/s", [0.3, 2.5, 8.0], velocity)


if __name__ == "__main__":
    main()
