"""Where every page's template comes from: escaped, and with no name left undefined."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def environment(filters: Mapping[str, Callable[..., Any]]) -> Environment:
    """Jinja's environment over ``reports/templates``; a name without a value is an error."""
    made = Environment(
        loader=PackageLoader("limen.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(filters)
    return made
