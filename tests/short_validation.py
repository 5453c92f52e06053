"""Imported, it makes validations exchange codes of 2 clips: of 16, it is most of a training."""

from ada.training import validation

validation.ROLLED_CLIPS = 2
