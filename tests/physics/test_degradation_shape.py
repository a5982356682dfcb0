"""The common shape of degradations: axes, records, and difference insertion."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from limen.physics.degradation import (
    Axis,
    ConditionError,
    Drawn,
    Record,
    expect_drawn_for,
    insert_difference,
)

DOSE = Axis("ct.dose", "", 1.0, "lower", 1e-6, 1.0)
VIEWS = Axis("ct.views", "views", 984, "lower", 1, 984, whole=True)


def test_values_that_exist() -> None:
    assert DOSE.check(0.5) == 0.5
    assert VIEWS.check(60) == 60.0
    assert DOSE.is_nominal(1.0) and not DOSE.is_nominal(0.99)
    assert DOSE.severity(0.25) == 0.75
    assert Axis("ct.motion", "mm", 0.0, "higher", 0.0, 9.0).severity(2.0) == 2.0


@pytest.mark.parametrize("value", [0, -1, 1.01, float("nan"), float("inf")])
def test_values_that_do_not_exist(value: float) -> None:
    with pytest.raises(ConditionError, match=r"No such condition on ct.dose.*from 1e-06 to 1"):
        DOSE.check(value)


def test_a_condition_is_drawn_in_the_unit_of_its_axis() -> None:
    assert VIEWS.draw(60, 7, {"first": 3}) == Drawn("ct.views", 60.0, "views", 7, {"first": 3})
    with pytest.raises(ConditionError, match="No such condition"):
        VIEWS.draw(0, 7)


def test_halves_of_views_do_not_exist() -> None:
    with pytest.raises(ConditionError, match="a whole number from 1 to 984 views"):
        VIEWS.check(60.5)


def test_records_go_through_json() -> None:
    drawn = Drawn("ct.metal", 4.0, "mm", 7, {"centre_mm": (1.5, -2.0), "material": "iron", "n": 1})
    assert Drawn.from_dict(json.loads(json.dumps(drawn.as_dict()))) == drawn
    record = Record(drawn, 0.0, "ct.metal/1", "measured", ("starved",), {"share": 0.1})
    kept = json.loads(json.dumps(record.as_dict()))
    assert kept["drawn"]["parameters"]["centre_mm"] == [1.5, -2.0]
    assert kept["warnings"] == ["starved"]
    assert kept["measured"] == {"share": 0.1}


def test_parameters_of_another_axis() -> None:
    expect_drawn_for(DOSE, Drawn("ct.dose", 0.5, "", 1))
    with pytest.raises(ConditionError, match=r"another axis.*ct.views in views.*ct.dose"):
        expect_drawn_for(DOSE, Drawn("ct.views", 0.5, "views", 1))
    with pytest.raises(ConditionError, match="No such condition"):
        expect_drawn_for(DOSE, Drawn("ct.dose", 2.0, "", 1))


def never(_: np.ndarray) -> np.ndarray:
    raise AssertionError("not called at nominal")


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.complex64, np.int16])
def test_nominal_is_bit_by_bit_the_same(kind: type) -> None:
    image = (np.random.default_rng(0).normal(size=(5, 6)) * 100).astype(kind)
    same = insert_difference(image, Drawn("ct.dose", 1.0, "", 1), DOSE, never, never)
    np.testing.assert_array_equal(same, image)
    assert same is not image
    assert same.dtype == (np.float32 if kind is np.int16 else kind)


def test_the_round_trip_cancels() -> None:
    image = np.random.default_rng(1).normal(size=(5, 6))
    blurred = lambda x: 0.9 * x  # noqa: E731 - a lossy reconstruction
    found = insert_difference(
        image, Drawn("ct.dose", 0.5, "", 1), DOSE, blurred, lambda x: blurred(x) + 3.0
    )
    np.testing.assert_allclose(found, image + 3.0)


def every_degradation() -> list[Any]:
    from limen.physics import ct, mr, oct

    slices = ct.Acquisition.of_image((16, 16), 1.0, photons_per_ray=1e5)
    coils = np.full((4, 32, 32), 0.5, np.complex64)
    lines = mr.Acquisition((32, 32), maps=coils, noise_sd=1.0, averages=4, field_tesla=3.0,
                           bandwidth_hz_per_pixel=200.0)  # fmt: skip
    fringes = oct.Acquisition(oct.Sampling.even_in_wavenumber(256, 800, 900), oct.Source(850, 40))
    return [
        ct.Dose(slices), ct.Views(slices), ct.Arc(slices), ct.Motion(slices), ct.Rings(slices),
        ct.BeamHardening(slices), ct.Metal(slices), ct.SliceThickness(1.0, 1.0),
        ct.Softening(1.0, 1.0),
        mr.SignalToNoise(lines), mr.Averages(lines), mr.FieldStrength(lines),
        mr.Acceleration(lines), mr.Motion(lines), mr.Rotation(lines), mr.Ghosting(lines),
        mr.Spikes(lines), mr.OffResonance(lines), mr.CoilDropout(lines), mr.PartialFourier(lines),
        mr.BiasField(lines),
        oct.SourcePower(fringes), oct.ExcessNoise(fringes), oct.DispersionMismatch(fringes),
        oct.KClockError(fringes), oct.Saturation(fringes), oct.AxialMotion(fringes),
        oct.Defocus(fringes), oct.SpectralResolution(fringes),
    ]  # fmt: skip


def test_every_degradation_can_be_declared_and_every_axis_has_one() -> None:
    from limen.product import AXES

    axes = {d.axis.name: d.axis for d in every_degradation()}
    assert set(axes) == set(AXES)
    for name, axis in axes.items():
        declared = AXES[name]
        assert axis.unit == declared.unit, name
        assert axis.whole or not declared.whole, name
        assert declared.lowest <= axis.lowest < axis.highest <= declared.highest, name
