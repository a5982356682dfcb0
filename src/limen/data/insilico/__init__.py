"""Simulated patients with lesions of known truth, acquired through the physics of their modality.

Nobody is behind a simulated patient: evidence on them has the origin ``phantom`` and reaches
feasibility. ``patient`` makes a chest (CT), ``brain_patient`` a brain (MR), ``retina_patient`` a
retina (OCT); ``cohort`` writes many of a kind.
"""
