"""Limen: where a medical-imaging model stops being trustworthy, found, certified, enforced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Guard", "Product", "__version__", "load", "run"]

if TYPE_CHECKING:
    from limen.boundary.guard import Guard
    from limen.pipeline.product import Product, load
    from limen.pipeline.run import run


def __getattr__(name: str) -> Any:
    # Lazy, so that `import limen` and `limen --help` stay quick.
    if name in {"Product", "load", "run"}:
        import limen.pipeline

        return getattr(limen.pipeline, name)
    if name == "Guard":
        from limen.boundary.guard import Guard

        return Guard
    raise AttributeError(f"module 'limen' has no attribute {name!r}")
