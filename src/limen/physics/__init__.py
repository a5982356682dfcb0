"""Acquisition physics in physical units, on plain arrays: ``ct`` now; ``mr`` and ``oct`` follow.

Nothing in this room knows of cases, files or products, so it can be used alone.
"""
