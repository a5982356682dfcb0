"""Errors of what is read off CT images, on simulated patients and levels that no estimator saw.

The first eight patients of a seed that the example's cohort does not use; each level is set by a
degradation. Noise and resolution are not fitted to anything; rings, motion (from the air around)
and thickness are calibrated on all patients but the one that is read. No times, so no peer.
"""

from __future__ import annotations

import numpy as np
from table import Row, show

SEED, PATIENTS = 90210, 8


def main() -> None:
    from limen.data.insilico.chest_patient import simulate_patient
    from limen.physics.ct.acquisition import Acquisition
    from limen.physics.ct.blur import Softening
    from limen.physics.ct.dose import Dose
    from limen.physics.ct.motion import Motion
    from limen.physics.ct.reading_artefacts import air_unrest_hu, ring_level, views_seen
    from limen.physics.ct.reading_edges import resolution
    from limen.physics.ct.reading_noise import noise_level, noise_where_tissue, slice_thickness
    from limen.physics.ct.rings import Rings
    from limen.physics.ct.sparse import Views
    from limen.physics.ct.thickness import SliceThickness
    from limen.physics.reading import calibrate

    noise, sharp, views, absent = [], [], [], []
    pairs: dict[str, list[tuple[float, float, int]]] = {"rings": [], "motion": [], "thickness": []}
    for n in range(PATIENTS):
        volume = simulate_patient(SEED, n).image
        x = np.asarray(volume.values[:, :, 12], np.float32)
        stack = np.asarray(volume.values[:, :, 4:21], np.float32)
        pixel, spacing = 1.5, 2.5
        scan = Acquisition.of_image(x.shape, pixel, 720, photons_per_ray=2e5)
        base = noise_level(x, pixel).value
        for f in (0.4, 0.15, 0.05):
            dose = Dose(scan)
            y = dose.insert(x, dose.draw(f, n)).data
            found = noise_level(y, pixel).value
            if base is not None and found is not None:
                true = float(np.hypot(base, noise_where_tissue(y - x, x, pixel)))
                noise.append(found / true - 1)
        own = resolution(x, pixel).value
        for fwhm in (1.7, 2.7, 4.3):
            soft = Softening(pixel, pixel)
            found = resolution(soft.insert(x, soft.draw(fwhm, 0)).data, pixel).value
            if own is not None and found is not None:
                sharp.append(found - float(np.hypot(own, fwhm)))
        for k in (48, 66, 90):
            sparse = Views(scan)
            views.append(views_seen(sparse.insert(x, sparse.draw(k, 0)).data, pixel).value == k)
        absent.append(views_seen(x, pixel).value is None)
        for g in (0.0, 0.004, 0.01, 0.02):
            rings = Rings(scan)
            level = ring_level(rings.insert(x, rings.draw(g, 50 + n)).data, pixel).value
            if level is not None:
                pairs["rings"].append((level, g, n))
        for mm in (0.0, 1.0, 2.0, 4.0, 8.0):
            motion = Motion(scan, "drift")
            air = air_unrest_hu(motion.insert(x, motion.draw(mm, 70 + n)).data, pixel).value
            if air is not None:
                pairs["motion"].append((air, mm, n))
        for times in (2, 3, 4, 5):
            slices = SliceThickness(spacing, spacing)
            thick = slices.insert(stack, slices.draw(times * spacing, 0)).data
            seen = slice_thickness(thick, pixel, spacing).value
            if seen is not None:
                pairs["thickness"].append((seen, times * spacing, n))
    rows = [
        Row(f"noise, mean absolute relative error, n = {len(noise)}",
            float(np.abs(noise).mean()) if noise else float("nan"), ""),
        Row(f"resolution, mean absolute error, n = {len(sharp)}",
            float(np.abs(sharp).mean()) if sharp else float("nan"), "mm"),
        Row(f"views of 48, 66, 90 counted exactly, n = {len(views)}", float(np.mean(views)), ""),
        Row(f"no undersampling found where there is none, n = {len(absent)}",
            float(np.mean(absent)), ""),
    ]  # fmt: skip
    for name, unit in (("rings", ""), ("motion", "mm"), ("thickness", "mm")):
        s, v, who = np.array(pairs[name]).T
        error = calibrate(s, v, who).error
        guess = float(np.abs(v - v.mean()).mean())
        rows.append(
            Row(f"{name}, mean absolute error on patients left out, n = {s.size}", error, unit,
                "the mean for all", guess, "better than the mean", error < guess)
        )  # fmt: skip
    show(rows)


if __name__ == "__main__":
    main()
