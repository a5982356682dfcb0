"""Quantities per case, criteria to verdicts, statistics."""
