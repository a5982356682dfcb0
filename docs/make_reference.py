"""Write docs/reference/*.md from the models themselves, so that no key is undocumented.

python docs/make_reference.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel

HERE = Path(__file__).parent / "reference"


def main() -> None:
    for name, text in pages().items():
        (HERE / name).write_text(text, encoding="utf-8")


def pages() -> dict[str, str]:
    """File name to Markdown."""
    from limen.data.approvals import Approval
    from limen.models.recipe import Recipe
    from limen.product.declaration import Declaration

    return {
        "limen-yaml.md": _page(
            "limen.yaml",
            "What a team declares about its product. `limen new` writes one with comments; "
            "quantities take a number in the unit of their key, or text with a unit (`5 mm`, "
            "`30 %`). An unknown key is an error.",
            Declaration,
        )
        + _measures()
        + _axes(),
        "approval.md": _page(
            "An approval file", "Under which permission a data set is used.", Approval
        ),
        "recipe.md": _page(
            "A training's recipe",
            "Everything that shapes the weights of `limen train` besides the cases and the "
            "declared input and output. Every key but `recipe` has a default.",
            Recipe,
        ),
    }


def _page(title: str, words: str, model: type[BaseModel]) -> str:
    schema = model.model_json_schema(by_alias=True)
    defs = schema.get("$defs", {})
    text = f"# {title}\n\nMade by `docs/make_reference.py`; do not edit.\n\n{words}\n"
    seen: set[str] = set()
    waiting = [("", schema)]
    while waiting:
        key, part = waiting.pop(0)
        text += f"\n## {key or 'At the top'}\n\n"
        if key and part.get("description"):
            text += " ".join(part["description"].split("\n\n")[0].split()) + "\n\n"
        text += "| key | takes | default | what it says |\n| --- | --- | --- | --- |\n"
        required = part.get("required", [])
        for name, field in part["properties"].items():
            inner = [r for r in _references(field) if "properties" in defs.get(r, {})]
            for each in inner:
                if each not in seen:
                    seen.add(each)
                    label = f"{key}.{name}".lstrip(".")
                    label += f" ({each})" if len(inner) > 1 else ""
                    waiting.append((label, defs[each]))
            default = "required" if name in required else _shown(field.get("default"))
            said = _cell(field.get("description", "see below" if inner else ""))
            text += f"| `{name}` | {_takes(field, defs)} | {default} | {said} |\n"
    return text


def _references(field: Any) -> list[str]:
    """Names of the models within a field, in order."""
    if isinstance(field, dict):
        own = [field["$ref"].rsplit("/", 1)[1]] if "$ref" in field else []
        return own + [r for k, v in field.items() if k != "discriminator" for r in _references(v)]
    if isinstance(field, list):
        return [r for v in field for r in _references(v)]
    return []


def _takes(field: dict[str, Any], defs: dict[str, Any]) -> str:
    if "$ref" in field:
        target = defs[field["$ref"].rsplit("/", 1)[1]]
        return "keys" if "properties" in target else _takes(target, defs)
    if "enum" in field:
        return ", ".join(f"`{v}`" for v in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    for several in ("anyOf", "oneOf"):
        if several in field:
            kinds = [_takes(f, defs) for f in field[several] if f.get("type") != "null"]
            return " or ".join(dict.fromkeys(kinds))
    kind = field.get("type")
    if kind == "array":
        if "prefixItems" in field:
            return f"list of {len(field['prefixItems'])}"
        return f"list of {_takes(field['items'], defs)}" if field.get("items") else "list"
    names = {"string": "text", "integer": "whole number", "number": "number",
             "boolean": "true or false", "object": "keys"}  # fmt: skip
    if isinstance(kind, list):
        return "number or text with unit"
    return names.get(str(kind), "text")


def _shown(default: Any) -> str:
    if default is None:
        return "none"
    if isinstance(default, str):
        return f"`{default}`" if default else "none"
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, dict):
        return "see below" if default else "none"
    if isinstance(default, list) and not default:
        return "none"
    return str(default)


def _cell(words: str) -> str:
    return " ".join(words.split()).replace("|", "\\|")


def _measures() -> str:
    from limen.product.criteria import MEASURES

    text = "\n## Measures of criteria\n\n| measure | unit | limit | tasks | what it says |\n"
    text += "| --- | --- | --- | --- | --- |\n"
    for name, m in MEASURES.items():
        said = _cell(m.description)
        text += f"| `{name}` | {m.unit} | {m.direction} | {', '.join(m.tasks)} | {said} |\n"
    return text


def _axes() -> str:
    from limen.product.axes import AXES

    text = "\n## Axes of physics\n\n| axis | unit | what it says |\n| --- | --- | --- |\n"
    for name, axis in AXES.items():
        text += f"| `{name}` | {axis.unit} | {_cell(axis.description)} |\n"
    return text


if __name__ == "__main__":
    main()
