"""Pictures of raw data: each panel against what its axis must do."""

from __future__ import annotations

import numpy as np
import pytest

from limen.physics.mr import RawData, phantom_kspace, ring_maps, to_image, to_kspace
from limen.physics.mr.sampling import Cartesian
from limen.pipeline.real_raw import calibrated_scans, degraded_kspace

SHAPE, PIXEL_MM = (128, 128), (1.7, 1.7)


@pytest.fixture(scope="module")
def panels() -> dict[str, np.ndarray]:
    """Two coils of unlike noise, which the panels must not mistake for signal."""
    sampling = Cartesian(SHAPE, PIXEL_MM)
    head = to_image(phantom_kspace(sampling))
    rng = np.random.default_rng(0)
    kspace = to_kspace(ring_maps(2, SHAPE, PIXEL_MM) * head)
    noise = rng.standard_normal((2, *SHAPE, 2)).view(np.complex128)[..., 0]
    kspace = kspace + np.array([0.01, 0.03])[:, None, None] * noise
    raw = RawData(kspace[None].astype(np.complex64), sampling)
    return dict(degraded_kspace(raw))


def background(image: np.ndarray) -> float:
    return float(np.sqrt((image[:8, -8:] ** 2).mean()))


def test_every_declared_axis_has_a_panel(panels):
    from limen.pipeline.examples import find_example
    from limen.product import load_declaration

    declared = load_declaration(find_example("mr-brain-lesion") / "limen.yaml").physics
    assert {words.split()[0] for words in panels} == {"as", *declared}


def test_less_signal_to_noise_is_as_much_more_noise(panels):
    nominal, noisy = panels["as measured"], panels["mr.snr 0.3"]
    # two prewhitened coils: the root of twice the variance of each, 1
    assert background(nominal) == pytest.approx(np.sqrt(2), rel=0.1)
    assert background(noisy) / background(nominal) == pytest.approx(1 / 0.3, rel=0.1)


def test_acceleration_and_motion_change_the_image_and_not_its_brightness(panels):
    nominal = panels["as measured"]
    for words in ("mr.acceleration 3x, zero-filled", "mr.motion 4 mm"):
        other = panels[words]
        assert np.abs(other - nominal).mean() > 0.02 * nominal.mean()
        assert np.corrcoef(other.ravel(), nominal.ravel())[0, 1] > 0.8


def test_calibration_makes_a_reflector_as_narrow_as_it_can_be():
    from limen.physics.oct import Acquisition, CalibrationSet, Sampling, Source
    from limen.physics.oct import fringes_of_reflectors as fringes_of

    bent = Acquisition(
        Sampling.even_in_wavelength(512, 800, 880), Source(840, 45), dispersion_fs2=6000.0
    )
    other = bent.replaced(dispersion_fs2=-6000.0)
    light = 40 * bent.spectrum
    one = np.array([1.0])
    measured = CalibrationSet(
        mirror1=light + fringes_of(np.array([250.0]), one, bent),
        mirror2=light + fringes_of(np.array([310.0]), one, other),
        dark_reference=light, dark_sample1=0 * light, dark_sample2=0 * light,
        dark_both=0 * light,
    )  # fmt: skip
    scan = np.stack([light + fringes_of(np.array([300.0 + a]), one, bent) for a in range(30)])
    (_, before), (_, after) = calibrated_scans(scan, measured)

    def width(image):
        power = 10 ** (image / 10)
        return float(np.median((power > power.max(axis=1, keepdims=True) / 4).sum(axis=1)))

    assert width(before) > 2 * width(after)
    assert width(after) <= 4
