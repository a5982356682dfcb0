"""One setting for every test: a law is held on a slow machine too."""

import os

# Before numpy is there. Workers share the cores, and threads that wait for each other by spinning
# burn them: with OpenBLAS a search that takes 2 s of one core took 20 s, with OpenMP half of the
# time of the CT readings was waiting.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from hypothesis import settings

# The first example of a test pays for imports and compiled kernels; a limit for each example
# would fail by chance on a busy machine.
settings.register_profile("limen", deadline=None)
settings.load_profile("limen")
