"""MR: multicoil k-space on the grid and off it, reconstruction and degradation.

The names below are loaded when first used, because the operators are compiled kernels.
"""
