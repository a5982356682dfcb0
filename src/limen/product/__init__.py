"""What a team declares: ``limen.yaml``, criteria, intended use, units.

``load_declaration`` reads the file into typed models, or tells everything that is wrong in it.
Imports nothing of Limen but its errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from limen.product.axes import AXES, Axis, axes_of
    from limen.product.criteria import MEASURES, Measure, measures_of
    from limen.product.declaration import (
        AxisRange,
        CommandModel,
        Criterion,
        Dataset,
        Declaration,
        IntendedUse,
        Model,
        ModelInput,
        ModelOutput,
        OnnxModel,
        Origin,
        Output,
        Population,
        PredictionsModel,
        ProductInfo,
        Risk,
        Task,
        TaskKind,
        Use,
    )
    from limen.product.load import load_declaration
    from limen.product.problems import DeclarationError, Problem, ProductNotFound
    from limen.product.schema import declaration_schema
    from limen.product.units import NotAQuantity, parse_quantity

_HOME = {
    "AXES": "axes",
    "Axis": "axes",
    "axes_of": "axes",
    "MEASURES": "criteria",
    "Measure": "criteria",
    "measures_of": "criteria",
    "AxisRange": "declaration",
    "CommandModel": "declaration",
    "Criterion": "declaration",
    "Dataset": "declaration",
    "Declaration": "declaration",
    "IntendedUse": "declaration",
    "Model": "declaration",
    "ModelInput": "declaration",
    "ModelOutput": "declaration",
    "OnnxModel": "declaration",
    "Origin": "declaration",
    "Output": "declaration",
    "Population": "declaration",
    "PredictionsModel": "declaration",
    "ProductInfo": "declaration",
    "Risk": "declaration",
    "Task": "declaration",
    "TaskKind": "declaration",
    "Use": "declaration",
    "load_declaration": "load",
    "DeclarationError": "problems",
    "Problem": "problems",
    "ProductNotFound": "problems",
    "declaration_schema": "schema",
    "NotAQuantity": "units",
    "parse_quantity": "units",
}

__all__ = [
    "AXES",
    "MEASURES",
    "Axis",
    "AxisRange",
    "CommandModel",
    "Criterion",
    "Dataset",
    "Declaration",
    "DeclarationError",
    "IntendedUse",
    "Measure",
    "Model",
    "ModelInput",
    "ModelOutput",
    "NotAQuantity",
    "OnnxModel",
    "Origin",
    "Output",
    "Population",
    "PredictionsModel",
    "Problem",
    "ProductInfo",
    "ProductNotFound",
    "Risk",
    "Task",
    "TaskKind",
    "Use",
    "axes_of",
    "declaration_schema",
    "load_declaration",
    "measures_of",
    "parse_quantity",
]


def __getattr__(name: str) -> Any:
    # Lazy, because pydantic must not load with the command line.
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(f"limen.product.{_HOME[name]}"), name)
    raise AttributeError(f"module 'limen.product' has no attribute {name!r}")
