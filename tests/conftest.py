"""One setting for every test: a law is held on a slow machine too."""

import os

# Before numpy is there. Two workers share the cores, and the threads of OpenBLAS wait for each
# other by spinning: a search that takes 2 s of one core takes 20 s of two that others use as well.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from hypothesis import settings

# The first example of a test pays for imports and compiled kernels; a limit for each example
# would fail by chance on a busy machine.
settings.register_profile("limen", deadline=None)
settings.load_profile("limen")
