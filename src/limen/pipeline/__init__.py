"""The steps of a run, in order, each wiring the rooms above to the evidence graph."""

from __future__ import annotations

from limen.pipeline.product import LoadedSet, Product, load
from limen.pipeline.run import RunResult, run

__all__ = ["LoadedSet", "Product", "RunResult", "load", "run"]
