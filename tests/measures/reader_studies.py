"""Two reader studies with published answers.

Van Dyke et al., 79th RSNA (1993): five readers rate 114 patients (69 without, 45 with aortic
dissection) from 1 to 5 on spin-echo and cine MRI; the data of many papers on the analysis of
reader studies. A two-digit number is one patient of one reader: spin-echo, cine.
"""

from __future__ import annotations

import numpy as np

_WITHOUT = [
    """13 23 23 12 52 12 12 12 13 12 11 13 41 12 12 12 12 12 12 11 11 11 31 11 34 12 11 23 11 42
    12 11 14 13 12 33 11 22 13 21 12 12 22 33 33 11 31 11 13 33 33 11 11 13 14 11 12 24 22 11
    12 14 11 34 34 22 11 11 11""",
    """23 32 22 22 22 22 22 22 23 32 22 22 52 22 22 21 32 22 22 22 21 22 22 22 43 22 22 22 22 32
    22 21 22 22 21 22 22 22 22 22 23 21 22 22 23 22 22 22 22 22 22 22 22 22 23 22 22 43 32 22
    22 32 22 22 22 22 21 22 22""",
    """22 24 22 22 32 52 13 12 22 22 41 21 41 23 22 22 32 22 21 22 11 21 32 21 44 11 11 35 21 22
    11 11 22 21 22 42 12 21 12 42 12 21 11 13 22 21 21 21 22 23 33 21 11 13 22 12 11 22 23 12
    13 54 11 42 24 12 21 12 21""",
    """12 12 11 11 11 11 33 11 12 11 11 11 11 12 12 11 11 11 12 11 21 11 11 11 23 12 11 12 11 22
    11 11 11 11 12 12 11 11 12 11 11 11 11 11 12 11 12 11 32 31 12 12 11 11 11 11 11 12 11 12
    11 11 11 33 12 13 12 11 11""",
    """32 52 13 21 12 12 12 12 21 22 22 12 21 11 11 12 22 22 11 12 32 22 21 12 13 12 12 23 12 11
    22 11 12 22 32 12 21 21 12 11 12 31 31 33 22 11 12 12 23 13 12 11 12 12 12 12 11 32 42 12
    22 33 11 22 13 23 11 11 31""",
]
_WITH = [
    """55 53 55 55 45 55 55 55 44 55 55 55 45 34 44 23 43 55 55 55 55 55 55 55 13 55 45 43 55 45
    55 55 34 54 55 55 15 13 55 55 55 45 45 55 11""",
    """55 33 55 55 55 55 55 45 22 55 55 55 43 44 24 22 24 55 54 55 55 55 54 55 22 45 32 33 55 45
    55 53 22 44 22 55 25 22 55 55 55 55 35 55 22""",
    """55 42 55 55 55 55 55 55 55 55 55 55 53 45 24 31 54 55 55 55 55 55 55 55 22 55 23 23 55 55
    55 54 23 55 55 55 25 23 54 55 55 55 55 55 21""",
    """55 54 55 55 55 55 55 55 54 55 55 55 54 55 55 15 55 55 55 55 55 55 55 55 54 55 45 54 44 45
    55 55 35 55 55 55 15 23 55 55 55 55 55 55 55""",
    """55 22 55 24 55 55 55 55 15 54 45 55 43 54 23 23 33 55 55 55 55 55 55 45 12 45 41 33 23 22
    15 53 12 55 14 55 15 13 53 55 55 35 55 55 23""",
]


def van_dyke():
    """Ratings (2 modalities, 5 readers, 114 patients) and who has a dissection (114,)."""
    pairs = [f"{a} {b}".split() for a, b in zip(_WITHOUT, _WITH, strict=True)]
    digits = np.array([[[int(d) for d in p] for p in row] for row in pairs])
    return digits.transpose(2, 0, 1).astype(float), np.arange(114) >= 69


def pilot_of_imrmc():
    """The made-up pilot study with its results in the repository of iMRMC (FDA, public domain).

    Three readers call 150 positive and 150 negative cases yes or no in two modalities. In the
    order of the file each reader's yes ends at one case.
    """
    last_yes = [[171, 204, 138], [282, 288, 282]]
    case = np.arange(1, 301)
    calls = np.array([[case <= last for last in row] for row in last_yes])
    return calls.astype(float), case <= 150
