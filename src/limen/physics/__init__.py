"""Acquisition physics in physical units, on plain arrays: ``ct``, ``mr`` and ``oct``.

``observers`` has the image observers that all three share. Nothing in this room knows of cases,
files or products, so it can be used alone.
"""
