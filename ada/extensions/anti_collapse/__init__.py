"""Measures against codes that collapse or are ignored (ours). Off in the plain gin files.

Each is a `TrainingHook`, an object separate from the model, listed in `train.hooks`. The models and
quantisers of the paper do not depend on them.
"""

from ada.extensions.anti_collapse.ema import EmaCodebook
from ada.extensions.anti_collapse.hook import CodeStatistics, TrainingHook
from ada.extensions.anti_collapse.replacement import ReplaceInputs
from ada.extensions.anti_collapse.restarts import RestartUnusedCodes
from ada.extensions.anti_collapse.unit_length import UnitLengthVectorQuantizer
from ada.extensions.anti_collapse.warmup import CodebookWarmup

__all__ = [
    "CodeStatistics",
    "CodebookWarmup",
    "EmaCodebook",
    "ReplaceInputs",
    "RestartUnusedCodes",
    "TrainingHook",
    "UnitLengthVectorQuantizer",
]
