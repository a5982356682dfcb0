"""Quantities, against pint."""

from __future__ import annotations

import math
import re

import pint
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limen.product import NotAQuantity, parse_quantity
from limen.product.axes import AXES
from limen.product.criteria import MEASURES
from limen.product.units import _DIMENSIONS, _spellings, expected, json_pattern

PINT = pint.UnitRegistry()
PHYSICAL = ["mm", "um", "nm", "pm", "mm/s", "mL", "mm^3", "s", "fs^2", "Hz", "deg", "T"]
GIVEN = [(unit, name) for unit in PHYSICAL for name in _DIMENSIONS[unit][1]]


@pytest.mark.parametrize(("unit", "given_unit"), GIVEN)
@pytest.mark.parametrize("number", ["1", "0.37", "-12.5", "6e3"])
def test_every_unit_converts_as_pint_has_it(unit, given_unit, number):
    truth = PINT.Quantity(float(number), given_unit.replace("cc", "cm^3")).to(unit).magnitude
    for spelling in _spellings(given_unit):
        assert parse_quantity(f"{number} {spelling}", unit) == pytest.approx(truth, rel=1e-12)


@given(st.floats(-1e6, 1e6), st.sampled_from(GIVEN))
def test_any_number_converts_as_pint_has_it(number, units):
    unit, given_unit = units
    truth = PINT.Quantity(number, given_unit.replace("cc", "cm^3")).to(unit).magnitude
    assert parse_quantity(f"{number!r}{given_unit}", unit) == pytest.approx(
        truth, rel=1e-12, abs=1e-300
    )


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("5 mm", "mm", 5.0),
        ("0.5 cm", "mm", 5.0),
        ("0.5cm", "mm", 5.0),
        (".03 um", "nm", 30.0),
        ("30 %", "", 0.3),
        ("7%", "", 0.07),
        ("2 mL", "mm^3", 2000.0),
        ("400 mm³", "mL", 0.4),
        ("800 fs^2", "fs^2", 800.0),
        ("800 fs2", "fs^2", 800.0),
        ("800 fs²", "fs^2", 800.0),
        ("800 fs ** 2", "fs^2", 800.0),
        ("-1000 HU", "HU", -1000.0),
        ("\u22121000 HU", "HU", -1000.0),
        ("5 \u00b5m", "um", 5.0),
        ("5 \u03bcm", "um", 5.0),
        ("18 years", "years", 18.0),
        ("6 months", "years", 0.5),
        ("1 h", "s", 3600.0),
        ("3 lesions", "lesions", 3.0),
        ("984 views", "views", 984.0),
    ],
)
def test_what_people_write(text, unit, value):
    assert parse_quantity(text, unit) == value


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(sorted(_DIMENSIONS)))
def test_a_plain_number_is_in_the_unit_asked_for(number, unit):
    assert parse_quantity(number, unit) == number


@pytest.mark.parametrize("unit", sorted(_DIMENSIONS))
@pytest.mark.parametrize(
    "bad",
    ["6 kg", "", "mm", "5", "five mm", "5 mm mm", "1 2 mm", "0x5 mm", "nan mm",
     "inf mm", "1e999 mm",
     "\u0665 mm", True, None, [1], {}, math.nan, math.inf, -math.inf],
)  # fmt: skip
def test_what_is_no_quantity_says_what_is_expected(unit, bad):
    with pytest.raises(NotAQuantity, match=re.escape(expected(unit))):
        parse_quantity(bad, unit)


@pytest.mark.parametrize(
    ("text", "unit"),
    [("5 mL", "mm"), ("5 mm", ""), ("5 mm", "mL"), ("5 fs", "fs^2"), ("5 %", "mm"), ("5 s", "Hz"),
     ("5 MM", "mm"), ("5 mm^2", "mm"), ("5 mm^3", "mm"), ("5 marks", "lesions"), ("5 m^2", "m")],
)  # fmt: skip
def test_another_dimension_is_refused(text, unit):
    unit = "mm" if unit == "m" else unit
    with pytest.raises(NotAQuantity):
        parse_quantity(text, unit)


@given(st.text(max_size=12), st.sampled_from(sorted(_DIMENSIONS)))
def test_any_text_is_a_finite_quantity_or_refused_as_the_schema_has_it(text, unit):
    matches = re.search(json_pattern(unit), text, re.ASCII) is not None
    try:
        value = parse_quantity(text, unit)
    except NotAQuantity:
        # the pattern knows form and unit, not that 1e999 is infinite
        assert not matches or re.search(r"e\+?\d{3}", text, re.IGNORECASE)
    else:
        assert math.isfinite(value)


def test_every_unit_of_the_vocabularies_is_known():
    used = {m.unit for m in MEASURES.values()} | {a.unit for a in AXES.values()}
    assert used <= set(_DIMENSIONS)
