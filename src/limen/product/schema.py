"""The JSON schema of ``limen.yaml``, for editors that complete and check as one types.

Generated from the models, with the vocabularies that stand in tables: measures and axes. It
holds each field's own rule; what holds between fields, only ``load_declaration`` knows.
"""

from __future__ import annotations

from typing import Any

from limen.product.axes import AXES
from limen.product.criteria import MEASURES
from limen.product.declaration import Declaration
from limen.product.units import json_pattern

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def declaration_schema() -> dict[str, Any]:
    """The schema, draft 2020-12. Quantities take numbers, or texts with a unit of their kind."""
    schema = Declaration.model_json_schema(by_alias=True)
    _without_titles(schema)
    defs = schema["$defs"]
    criterion = defs["Criterion"]["properties"]
    criterion["measure"] = {
        "description": "What is measured.\n\n"
        + "\n".join(f"{name}: {m.description}" for name, m in MEASURES.items()),
        "enum": list(MEASURES),
    }
    for direction in ("at_most", "at_least"):
        criterion[direction]["anyOf"] = [{"type": ["number", "string", "null"]}]
    defs["Criterion"]["allOf"] = [_limit_rule(name) for name in MEASURES]

    range_of = defs.pop("AxisRange")
    schema["properties"]["physics"] = {
        "description": schema["properties"]["physics"]["description"],
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _axis(name, range_of) for name in AXES},
    }
    return {"$schema": DIALECT, "title": "limen.yaml", **schema}


def _quantity(unit: str) -> dict[str, Any]:
    return {"type": ["number", "string"], "pattern": json_pattern(unit)}


def _limit_rule(name: str) -> dict[str, Any]:
    """What the limit of a measure looks like: its side, its unit, its range."""
    measure = MEASURES[name]
    limit = _quantity(measure.unit)
    if measure.counts:
        limit["multipleOf"] = 1
    limit["minimum" if measure.direction == "at_most" else "exclusiveMinimum"] = 0
    if measure.largest is not None:
        limit["maximum"] = measure.largest
    other = "at_least" if measure.direction == "at_most" else "at_most"
    properties: dict[str, Any] = {measure.direction: limit, other: {"type": "null"}}
    required: list[str] = [measure.direction]
    if measure.of == "label":
        properties["min_diameter_mm"] = {"type": "null"}
    if measure.tolerance == "no":
        properties["tolerance_mm"] = {"type": "null"}
    elif measure.tolerance == "must":
        properties["tolerance_mm"] = {"not": {"type": "null"}}
        required.append("tolerance_mm")
    return {
        "if": {"properties": {"measure": {"const": name}}, "required": ["measure"]},
        "then": {"required": required, "properties": properties},
    }


def _axis(name: str, range_of: dict[str, Any]) -> dict[str, Any]:
    axis = AXES[name]
    end = _quantity(axis.unit)
    if axis.lowest > -float("inf"):
        end["minimum"] = axis.lowest
    if axis.highest < float("inf"):
        end["maximum"] = axis.highest
    if axis.whole:
        end["multipleOf"] = 1
    unit = f" In {axis.unit}." if axis.unit else ""
    ends = {
        key: {"description": range_of["properties"][key]["description"], **end}
        for key in ("from", "to")
    }
    return {**range_of, "description": axis.description + unit, "properties": ends}


def _without_titles(part: Any) -> None:
    """Drop pydantic's titles, which only repeat the keys."""
    if isinstance(part, dict):
        if isinstance(part.get("title"), str):
            del part["title"]
        for value in part.values():
            _without_titles(value)
    elif isinstance(part, list):
        for value in part:
            _without_titles(value)
