"""One setting for every test: a law is held on a slow machine too."""

from hypothesis import settings

# The first example of a test pays for imports and compiled kernels; a limit for each example
# would fail by chance on a busy machine.
settings.register_profile("limen", deadline=None)
settings.load_profile("limen")
