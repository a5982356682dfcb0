"""Where trust in a model ends: searched, certified, explained and guarded.

Pure functions of callables and tables: ``search`` is given a callable ``verdict(case, condition)``
and ``certify`` a table of who failed where; neither knows of files or of the evidence store.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from limen.boundary.guard import Check, Guard, GuardAnswer
    from limen.boundary.guard_calibration import GuardError
    from limen.boundary.result import (
        TOGETHER,
        Boundary,
        Certificate,
        Condition,
        Frontier,
        Margin,
        Path,
        SearchAxis,
        Selective,
        Step,
        Trial,
    )

_HOME = {
    "TOGETHER": "result",
    "Boundary": "result",
    "Certificate": "result",
    "Check": "guard",
    "Condition": "result",
    "Frontier": "result",
    "Guard": "guard",
    "GuardAnswer": "guard",
    "GuardError": "guard_calibration",
    "Margin": "result",
    "Path": "result",
    "SearchAxis": "result",
    "Selective": "result",
    "Step": "result",
    "Trial": "result",
}

__all__ = [
    "TOGETHER",
    "Boundary",
    "Certificate",
    "Check",
    "Condition",
    "Frontier",
    "Guard",
    "GuardAnswer",
    "GuardError",
    "Margin",
    "Path",
    "SearchAxis",
    "Selective",
    "Step",
    "Trial",
]


def __getattr__(name: str) -> Any:
    # Lazy, because SciPy must not load with the command line.
    if name in _HOME:
        return getattr(import_module(f"limen.boundary.{_HOME[name]}"), name)
    raise AttributeError(f"module 'limen.boundary' has no attribute {name!r}")
