"""Acquisition physics in physical units, on plain arrays: ``ct``, ``mr`` and ``oct``.

Nothing in this room knows of cases, files or products, so it can be used alone.
"""
