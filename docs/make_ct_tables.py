"""Make the tables of src/limen/physics/ct/data with spekpy 2.5.4 (MIT).

pip install spekpy==2.5.4 && python docs/make_ct_tables.py src/limen/physics/ct/data
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import spekpy

MATERIALS = {
    "water": "Water, Liquid",
    "bone": "Bone, Cortical (ICRU)",
    "iodine": "I",
    "aluminium": "Al",
    "titanium": "Ti",
    "iron": "Fe",
}


def main() -> None:
    folder = Path(sys.argv[1])
    energy = np.arange(10.5, 140, 1.0)
    data = spekpy.Spek(kvp=120, th=10).mu_data
    columns = [data.get_mu_over_rho_composition(name, energy)[0] for name in MATERIALS.values()]
    np.savetxt(
        folder / "attenuation.csv", np.array([energy, *columns]).T, delimiter=",", comments="",
        fmt=["%.1f"] + ["%.5g"] * len(columns), header="energy_kev," + ",".join(MATERIALS),
    )  # fmt: skip
    columns = []
    for voltage in (80, 100, 120, 140):
        tube = spekpy.Spek(kvp=voltage, th=10, dk=1.0, physics="casim").filter("Al", 8.0)
        at, photons = tube.get_spectrum(edges=False)
        shares = np.interp(energy, at, photons, right=0)
        columns.append(shares / shares.sum())
        print(f"{voltage} kV: half-value layer {tube.get_hvl1():.2f} mm Al")
    np.savetxt(
        folder / "spectra.csv", np.array([energy, *columns]).T, delimiter=",", comments="",
        fmt=["%.1f"] + ["%.6g"] * len(columns), header="energy_kev,80,100,120,140",
    )  # fmt: skip


if __name__ == "__main__":
    main()
