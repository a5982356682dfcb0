"""Quantities as people write them: ``5 mm``, ``0.5 cm``, ``30 %``, ``800 fs^2``.

The units are a small table of our own. Pint knows far more of them, but building its registry
takes longer than everything else that ``limen status`` does before it answers (about 0.7 s
against 0.1 s), and a declaration needs the dozen dimensions below.
"""

from __future__ import annotations

import math
import re

_LENGTH_MM = {"pm": 1e-9, "nm": 1e-6, "um": 1e-3, "µm": 1e-3, "mm": 1.0, "cm": 10.0, "m": 1e3}
_VOLUME_MM3 = {f"{n}^3": factor**3 for n, factor in _LENGTH_MM.items() if n != "pm"} | {
    "cc": 1e3, "uL": 1.0, "µL": 1.0, "mL": 1e3, "L": 1e6, "ul": 1.0, "µl": 1.0, "ml": 1e3, "l": 1e6,
}  # fmt: skip
_TIME_S = {
    "fs": 1e-15, "ps": 1e-12, "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3,
    "s": 1.0, "min": 60.0, "h": 3600.0,
}  # fmt: skip
_SPEED_MM_S = {"um/s": 1e-3, "µm/s": 1e-3, "mm/s": 1.0, "cm/s": 10.0, "m/s": 1e3}
_ANGLE_DEG = {"deg": 1.0, "°": 1.0, "degrees": 1.0, "degree": 1.0}
_FREQUENCY_HZ = {"mHz": 1e-3, "Hz": 1.0, "kHz": 1e3, "MHz": 1e6}

_DIMENSIONS: dict[str, tuple[str, dict[str, float], str]] = {
    # unit asked for: its dimension, the units of it that are accepted, and those to name
    "mm": ("length", _LENGTH_MM, "mm, cm, m, um, nm"),
    "um": ("length", _LENGTH_MM, "um, nm, mm"),
    "nm": ("length", _LENGTH_MM, "nm, um, mm"),
    "pm": ("length", _LENGTH_MM, "pm, nm, um"),
    "mm/s": ("speed", _SPEED_MM_S, "mm/s, um/s, cm/s"),
    "deg": ("angle", _ANGLE_DEG, "deg"),
    "T": ("magnetic field", {"T": 1.0, "mT": 1e-3}, "T, mT"),
    "mL": ("volume", _VOLUME_MM3, "mL, mm^3, cm^3, L"),
    "mm^3": ("volume", _VOLUME_MM3, "mm^3, mL, cm^3, L"),
    "s": ("time", _TIME_S, "s, min, h"),
    "fs^2": ("dispersion", {f"{u}^2": factor**2 for u, factor in _TIME_S.items()}, "fs^2, ps^2"),
    "Hz": ("frequency", _FREQUENCY_HZ, "Hz, kHz"),
    "years": ("age", dict.fromkeys(("years", "year", "a", "y"), 1.0) | {"months": 1 / 12}, ""),
    "HU": ("CT number", {"HU": 1.0}, ""),
    "": ("fraction", {"%": 0.01, "percent": 0.01}, ""),
    "x": ("factor", {"x": 1.0, "-fold": 1.0}, ""),
}

_COUNTED = {
    "lesions": "lesion",
    "marks": "mark",
    "views": "view",
    "coils": "coil",
    "spikes": "spike",
    "averages": "average",
    "samples": "sample",
}
"""What is counted, and one of it."""
for _many, _one in _COUNTED.items():
    _DIMENSIONS[_many] = (f"number of {_many}", {_many: 1.0, _one: 1.0}, "")

_NUMBER = r"[+\-\u2212]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+\-\u2212]?\d+)?"
_QUANTITY = re.compile(rf"\s*(?P<number>{_NUMBER})\s*(?P<unit>.*?)\s*", re.DOTALL | re.ASCII)


class NotAQuantity(ValueError):
    """A value that is not a quantity of the asked dimension; its text says what is expected."""


def expected(unit: str) -> str:
    """What a field of this unit takes, in words."""
    dimension, _, named = _DIMENSIONS[unit]
    if unit == "":
        return "a number, or one in %"
    if unit in _COUNTED:
        return f"a {dimension}"
    article = "an" if dimension[0] in "a" else "a"
    if not named:
        return f"{article} {dimension}: a number in {unit}"
    return f"{article} {dimension}: a number in {unit}, or with its unit ({named})"


def json_pattern(unit: str) -> str:
    """A regular expression (ECMA 262) of the texts a field of this unit takes."""
    known = _DIMENSIONS[unit][1]
    spellings = sorted({re.escape(t) for name in known for t in _spellings(name)})
    return rf"^\s*{_NUMBER}\s*({'|'.join(spellings)})\s*$"


def parse_quantity(value: float | str, unit: str) -> float:
    """A quantity in the unit asked for.

    Parameters
    ----------
    value : int, float or str
        A plain number is taken to be in ``unit``. A text is a number and always a unit of the
        same dimension, with or without a space: ``5 mm``, ``0.5cm``, ``30 %``, ``800 fs^2``,
        ``fs2`` and ``fs²`` alike. Percent are fractions.
    unit : str
        ``mm``, ``um``, ``nm``, ``pm``, ``mm/s``, ``mL``, ``mm^3``, ``s``, ``fs^2``, ``Hz``, ``T``,
        ``deg``, ``years``, ``HU``, ``""`` (a plain number or fraction), ``x`` (a factor), or what
        is counted (``lesions``, ``marks``, ``views``, ``coils``, ``spikes``, ``averages``,
        ``samples``).

    Raises
    ------
    NotAQuantity
        For a text that is no quantity, a unit of another dimension, NaN, infinity, or a value
        that is neither number nor text.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise NotAQuantity(expected(unit))
    if not isinstance(value, str):
        return _finite(float(value), unit)
    parts = _QUANTITY.fullmatch(value)
    if parts is None:
        raise NotAQuantity(expected(unit))
    number = float(parts["number"].replace("\u2212", "-"))
    known = _DIMENSIONS[unit][1]
    given = _spelled(parts["unit"])
    if given not in known:
        raise NotAQuantity(expected(unit))
    # one rounding where the factor is whole either way: 0.5 cm is 5 mm, 400 mm3 is 0.4 mL
    factor, base = known[given], known.get(unit, 1.0)
    if factor >= base:
        return _finite(number * _ratio(factor, base), unit)
    return _finite(number / _ratio(base, factor), unit)


def _ratio(larger: float, smaller: float) -> float:
    ratio = larger / smaller
    whole = round(ratio)
    return float(whole) if math.isclose(ratio, whole, rel_tol=1e-9) else ratio


def _finite(number: float, unit: str) -> float:
    if not math.isfinite(number):
        raise NotAQuantity(expected(unit))
    return number


def _spelled(unit: str) -> str:
    """One spelling of a unit: mm3, mm³, mm**3 and mm ^ 3 are mm^3; both micro signs are µ."""
    text = re.sub(r"\s*(\*\*|\^)\s*", "^", unit).replace("²", "^2").replace("³", "^3")
    text = text.replace("\u03bc", "µ")
    return re.sub(r"(?<=[A-Za-z])([23])$", r"^\1", text)


def _spellings(unit: str) -> list[str]:
    """The inverse of :func:`_spelled`."""
    micro = [unit, unit.replace("µ", "\u03bc")] if "µ" in unit else [unit]
    power = {"^2": "²", "^3": "³"}.get(unit[-2:])
    if power is None:
        return micro
    return [u[:-2] + mark for u in micro for mark in (unit[-2:], f"**{unit[-1]}", unit[-1], power)]
