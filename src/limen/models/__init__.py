"""Frozen models: ONNX, an external command, predictions on disk; baseline training (extra).

A model is asked two things: what its answer depends on (``identity``), and its label map of one
case on the image's own grid (``predict``). Everything in between, grids, windows, grey values and
channels, stays in this room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from limen.models.errors import (
        BadPrediction,
        CommandFailed,
        ModelError,
        ModelMismatch,
        ModelMissing,
        ModelTimeout,
        ModelUnreadable,
    )
    from limen.models.onnx_file import OnnxFacts, TensorFacts, inspect_onnx
    from limen.models.open import FrozenModel, open_model
    from limen.models.preprocess import padding_value, prepare

_HOME = {
    "BadPrediction": "errors",
    "CommandFailed": "errors",
    "ModelError": "errors",
    "ModelMismatch": "errors",
    "ModelMissing": "errors",
    "ModelTimeout": "errors",
    "ModelUnreadable": "errors",
    "OnnxFacts": "onnx_file",
    "TensorFacts": "onnx_file",
    "inspect_onnx": "onnx_file",
    "FrozenModel": "open",
    "open_model": "open",
    "padding_value": "preprocess",
    "prepare": "preprocess",
}

__all__ = [
    "BadPrediction",
    "CommandFailed",
    "FrozenModel",
    "ModelError",
    "ModelMismatch",
    "ModelMissing",
    "ModelTimeout",
    "ModelUnreadable",
    "OnnxFacts",
    "TensorFacts",
    "inspect_onnx",
    "open_model",
    "padding_value",
    "prepare",
]


def __getattr__(name: str) -> Any:
    # Lazy, because NumPy and onnxruntime must not load with the command line.
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(f"limen.models.{_HOME[name]}"), name)
    raise AttributeError(f"module 'limen.models' has no attribute {name!r}")
