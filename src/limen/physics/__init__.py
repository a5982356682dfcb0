"""Acquisition physics in physical units, on arrays."""
