"""Simulated chests with nodules of known truth, acquired through the physics of CT.

Nobody is behind a simulated patient: evidence on them has the origin ``phantom`` and reaches
feasibility. ``patient`` makes one, ``cohort`` writes many.
"""
