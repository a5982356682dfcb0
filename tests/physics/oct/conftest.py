"""A spectral-domain and a swept-source acquisition, a phantom, and where the real data are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from limen.physics.oct import Acquisition, Detector, Sampling, Source

DATA = Path(os.environ.get("LIMEN_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))


@pytest.fixture(scope="session")
def real_folder() -> Path:
    folder = DATA / "oct"
    if not (folder / "mirror1.npy").is_file():
        pytest.skip(f"real OCT fringes are not here: no {folder} (set LIMEN_TEST_DATA)")
    return folder


@pytest.fixture
def spectral() -> Acquisition:
    """850 nm, pixels even in wavelength."""
    detector = Detector(reference_electrons=2e4, sample_electrons=2e4, read_noise_electrons=50)
    return Acquisition(
        Sampling.even_in_wavelength(1024, 800, 900), Source(850, 40), detector=detector
    )


@pytest.fixture
def linear() -> Acquisition:
    """850 nm, even in wavenumber, a spectrum narrow enough to need no window."""
    detector = Detector(reference_electrons=2e4, sample_electrons=2e4, read_noise_electrons=50)
    return Acquisition(
        Sampling.even_in_wavenumber(1024, 800, 900), Source(847, 30), detector=detector
    )


@pytest.fixture
def swept() -> Acquisition:
    """1310 nm, 100 kHz."""
    detector = Detector(reference_electrons=1e6, sample_electrons=1e6)
    return Acquisition(
        Sampling.even_in_wavenumber(1024, 1260, 1360), Source(1310, 40), kind="swept",
        pixel_share=0, exposure_us=8, period_us=10, detector=detector,
    )  # fmt: skip
