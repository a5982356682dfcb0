"""What can be wrong with a model: one class per failure that a caller can act on."""

from __future__ import annotations

from limen.errors import LimenError


class ModelError(LimenError):
    """Something is wrong with the model or with what it answers."""


class ModelUnreadable(ModelError):
    """A file of the model is missing or damaged, or asks for what the runtime does not have."""


class ModelMissing(ModelUnreadable):
    """The declared model file is not there (yet)."""


class ModelMismatch(ModelError):
    """The model's inputs or outputs are not what ``limen.yaml`` says they are."""


class BadPrediction(ModelError):
    """The model answered for a case, but not with a label map that can be judged."""


class CommandFailed(ModelError):
    """The external command could not be started, or ended with an error."""


class ModelTimeout(ModelError):
    """The external command took longer than it may. It may well succeed another time."""
