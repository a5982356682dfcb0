"""``limen.yaml`` to a declaration, or to everything that is wrong in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from limen.product.axes import AXES
from limen.product.checks import cross_check
from limen.product.declaration import MODEL_KINDS, PATTERNS, Declaration, Model, Unit
from limen.product.problems import (
    DeclarationError,
    Problem,
    ProductNotFound,
    listed,
    nearest,
)
from limen.product.tree import Node, key_text, read_tree, shown
from limen.product.tree import Path as Keys
from limen.product.units import NotAQuantity, parse_quantity


def load_declaration(path: Path) -> Declaration:
    """Read and check a ``limen.yaml``.

    Quantities come out in the unit of their field, limits of criteria in the unit of their
    measure, ends of physics axes in the unit of their axis. The files that a declaration names
    are not looked at.

    Raises
    ------
    ProductNotFound
        There is no such file.
    DeclarationError
        The file cannot be read, is no YAML, or is wrong; its ``problems`` are all of them.
    """
    file = path.name
    text = _read(path)
    root, problems = read_tree(text, file)
    if root is None:
        raise DeclarationError(problems or [_empty(file)])
    if not isinstance(root.value, dict):
        found = root.text or None
        if root.value is None and not root.unreadable:
            raise DeclarationError([_empty(file)])
        words = "keys with values; the first is `limen: 1`"
        raise DeclarationError([*problems, Problem(file, root.line, 1, "", found, words)])
    declaration: Declaration | None = None
    try:
        declaration = Declaration.model_validate_json(
            json.dumps(_plain(root)), strict=True, by_alias=True
        )
    except ValidationError as error:
        problems += _in_words(error, root, file)
    problems += cross_check(root, file)
    if problems or declaration is None:
        raise DeclarationError(_told_once(problems))
    return declaration


def _read(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        there = path.parent.is_dir()
        raise ProductNotFound(
            "there is no limen.yaml in the folder" if there else "there is no such folder",
            where=str(path.parent),
            found=f"no {path.name}" if there else None,
            mend="name a product's folder, or make one with `limen new`",
        ) from None
    except IsADirectoryError:
        raise ProductNotFound(
            "this is a folder and not a declaration",
            where=str(path),
            mend="name the limen.yaml in a product's folder, or make one with `limen new`",
        ) from None
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        words = "a file that can be read"
        raise DeclarationError([Problem(path.name, 1, None, "", reason, words)]) from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        byte = f"byte 0x{raw[error.start]:02x}"
        words = "text in UTF-8"
        raise DeclarationError([Problem(path.name, line, None, "", byte, words)]) from None


def _empty(file: str) -> Problem:
    words = "a declaration; `limen new` writes one to start from"
    return Problem(file, 1, None, "", "an empty file", words)


def _plain(root: Node) -> dict[str, Any]:
    """The tree as JSON, the ends of physics axes in their units.

    Of an axis that is wrong the cross-checks tell; here it is only kept from telling it again.
    """
    plain: dict[str, Any] = root.plain()
    axes = plain.get("physics")
    if isinstance(axes, dict):
        for name, ends in axes.items():
            if isinstance(ends, dict) and name in AXES:
                for key in ends.keys() & {"from", "to"}:
                    try:
                        ends[key] = parse_quantity(ends[key], AXES[name].unit)
                    except NotAQuantity:
                        ends[key] = 0.0
        plain["physics"] = {k: v for k, v in axes.items() if k in AXES}
    return plain


# --- pydantic's errors in our words ---------------------------------------------------------


def _in_words(error: ValidationError, root: Node, file: str) -> Iterator[Problem]:
    seen = set()
    for each in error.errors(include_url=False, include_input=False):
        kind, loc = each["type"], each["loc"]
        if kind == "missing" and isinstance(loc[-1], int):
            kind, loc = "too_short", loc[:-1]  # a tuple of fewer numbers
        keys = _keys_of(loc)
        if keys[:2] == ("task", "ignore_labels"):
            kind, loc = kind if len(keys) == len(loc) else "union", keys
        node, is_there = root.nearest_at(keys)
        if keys in seen or node.unreadable:
            continue
        seen.add(keys)
        spot = _Spot.find(loc)
        key, near = key_text(keys), None
        line, column, found = node.line, node.column, node.text or None
        if kind == "union_tag_not_found":
            yield _no_model(node, file)
            continue
        if kind == "extra_forbidden":
            found = shown(str(keys[-1]))
            valid = spot.siblings
            words, near = f"one of the keys {listed(valid)}", nearest(found, valid)
        elif not is_there or found is None:
            words, found = spot.missing(), None
        else:
            words, near = _expected(kind, each.get("ctx", {}), node, spot)
        if kind == "extra_forbidden" or found is None:
            line, column = node.key_line, node.key_column
        yield Problem(file, line, column, key, found, words, near)


def _keys_of(loc: tuple[str | int, ...]) -> Keys:
    """The path in the file: without the names that pydantic gives to branches of unions."""
    keys = list(loc)
    if keys[:1] == ["model"]:
        del keys[1:2]
    if keys[:2] == ["task", "ignore_labels"]:
        del keys[3:]
    return tuple(keys)


def _no_model(node: Node, file: str) -> Problem:
    """The model has none of the keys that say what it is, or several."""
    kinds = list(MODEL_KINDS)
    line, column, found, near = node.line, node.column, node.text or None, None
    if isinstance(node.value, dict) and node.value:
        here = [k for k in kinds if k in node.value]
        keys = here or list(node.value)
        found = shown(listed(keys, "and"))
        if not here:
            near, key = next(((n, k) for k in keys if (n := nearest(k, kinds))), (None, keys[0]))
            found = found if near is None else shown(key)
            keys = [key]
        place = node.value[keys[-1]]
        line, column = place.key_line, place.key_column
    words = f"exactly one of the keys {listed(kinds)}"
    return Problem(file, line, column, "model", found, words, near)


_SIMPLE = {
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "a number of {ge:g} or more",
    "less_than": "a number under {lt:g}",
    "less_than_equal": "a number of {le:g} or less",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "list_type": "a list: [a, b], or one item a line after `- `",
    "int_from_float": "a whole number",
}
"""Pydantic's name of an error, and what was expected instead."""

_BOOLS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


def _expected(kind: str, ctx: Mapping[str, Any], node: Node, spot: _Spot) -> tuple[str, str | None]:
    """What a value of the wrong type, size or spelling should be, and the nearest valid word."""
    near = None
    if kind == "unit":
        words = str(ctx["expected"])
    elif kind == "literal_error":
        valid = [str(word) for word in get_args(spot.annotation)]
        words = f"one of {listed(valid)}"
        if spot.name == "limen":
            words = f"{listed(valid)}, the version of the format that this Limen reads"
        elif isinstance(node.value, str):
            near = nearest(node.value, valid)
    elif kind == "string_pattern_mismatch":
        words = PATTERNS[str(ctx["pattern"])]
    elif kind == "string_too_short":
        least = ctx["min_length"]
        words = "some text" if least == 1 else f"text of {least} characters or more"
    elif kind == "string_type":
        words = "text" if spot.pattern is None else PATTERNS[spot.pattern]
        fits = spot.pattern is None or re.search(spot.pattern, node.text)
        if fits and not isinstance(node.value, list):
            words += f', in quotes: "{node.text}"'
    else:
        words = _SIMPLE[kind].format(**ctx) if kind in _SIMPLE else spot.words()
    if kind == "bool_type" and isinstance(node.value, str):
        near = _BOOLS.get(node.value.lower())
    if node.quoted and re.fullmatch(r"\s*[-+]?[\d.]+(e[-+]?\d+)?\s*", str(node.value), re.I):
        words += "" if kind.startswith("string") else ", without quotes"
    return words, near


@dataclass(frozen=True)
class _Spot:
    """What the models say about a place in the file."""

    name: str
    annotation: Any
    unit: str | None
    pattern: str | None
    description: str
    siblings: list[str]
    """The keys that may stand beside it."""

    @classmethod
    def find(cls, loc: tuple[str | int, ...]) -> _Spot:
        annotation: Any = Declaration
        unit: str | None = None
        pattern: str | None = None
        description = ""
        siblings: list[str] = []
        for part in loc:
            if annotation is Model:
                annotation = MODEL_KINDS[str(part)]
                continue
            if isinstance(annotation, type) and issubclass(annotation, BaseModel):
                fields = {f.alias or n: f for n, f in annotation.model_fields.items()}
                siblings = list(fields)
                field = fields.get(str(part))
                if field is None:
                    annotation, unit, pattern, description = None, None, None, ""
                    break
                annotation = Model if part == "model" else field.annotation
                unit = next((m.unit for m in field.metadata if isinstance(m, Unit)), None)
                patterns = (getattr(m, "pattern", None) for m in field.metadata)
                pattern = next((p for p in patterns if p is not None), None)
                description = (field.description or "").split(". ")[0].rstrip(".")
            elif get_origin(annotation) in (list, tuple, dict):
                annotation, unit, pattern, description = get_args(annotation)[-1], None, None, ""
            if annotation is not Model:
                annotation, unit = _bare(annotation, unit)
        return cls(str(loc[-1]), annotation, unit, pattern, description, siblings)

    def words(self) -> str:
        """What belongs there."""
        return _type_words(self.annotation, self.unit)

    def missing(self) -> str:
        """The same, with what it is for."""
        if self.name == "limen":
            return "limen: 1, the version of this format"
        return self.words() + (f" ({self.description})" if self.description else "")


def _bare(annotation: Any, unit: str | None) -> tuple[Any, str | None]:
    """A type without ``| None`` and without annotations, and the unit found among them."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation, *marks = get_args(annotation)
            unit = next((m.unit for m in marks if isinstance(m, Unit)), unit)
        elif get_origin(annotation) in (Union, UnionType) and type(None) in get_args(annotation):
            annotation = next(a for a in get_args(annotation) if a is not type(None))
        else:
            return annotation, unit


def _type_words(annotation: Any, unit: str | None) -> str:
    origin, args = get_origin(annotation), get_args(annotation)
    if annotation is Model:
        return f"exactly one of the keys {listed(list(MODEL_KINDS))}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = annotation.model_fields.items()
        return f"the keys {listed([f.alias or n for n, f in fields], 'and')}"
    if origin is Literal:
        return f"one of {listed([str(a) for a in args])}"
    if origin is tuple:
        element, each = _bare(args[0], None)
        numbers = "whole numbers" if element is int else "numbers"
        return f"a list of {len(args)} {numbers}" + (f" in {each}" if each else "")
    if origin is list:
        return "a list with at least one item"
    if origin is dict:
        return "names with values, one `name: value` a line"
    if origin in (Union, UnionType):
        return "a whole number or text"
    plain = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}
    return plain.get(annotation, "a value") + (f" in {unit}" if unit else "")


def _told_once(problems: Iterable[Problem]) -> list[Problem]:
    """In the order of lines; a key is not missing where a misspelt one was meant to be it."""
    meant = {(p.key.rpartition(".")[0], p.nearest) for p in problems if p.nearest is not None}
    kept = {
        p: None
        for p in problems
        if p.found is not None or (p.key.rpartition(".")[0], p.key.rpartition(".")[2]) not in meant
    }
    return sorted(kept, key=lambda p: (p.line, p.column or 0))
