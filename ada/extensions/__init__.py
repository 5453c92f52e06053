"""Additions to the paper, for codes that are used and that hold notes.

All of it is off in the plain gin files. Models and quantisers of the paper never import this
package; gin composes the two.
"""

from ada.extensions.anti_collapse import (
    CodebookWarmup,
    CodeStatistics,
    EmaCodebook,
    ReplaceInputs,
    RestartUnusedCodes,
    TrainingHook,
    UnitLengthVectorQuantizer,
)
from ada.extensions.auxiliary import AuxiliaryLoss
from ada.extensions.code_front_end import CodeFrontEnd
from ada.extensions.filterbank import Filterbank, FilterbankFrontEnd
from ada.extensions.grouped_argmax import GroupedArgmaxQuantizer
from ada.extensions.grouped_vector import GroupedVectorQuantizer
from ada.extensions.spectral_loss import SpectralLoss
from ada.extensions.waveform_loss import WaveformLoss

__all__ = [
    "AuxiliaryLoss",
    "CodeFrontEnd",
    "CodeStatistics",
    "CodebookWarmup",
    "EmaCodebook",
    "Filterbank",
    "FilterbankFrontEnd",
    "GroupedArgmaxQuantizer",
    "GroupedVectorQuantizer",
    "ReplaceInputs",
    "RestartUnusedCodes",
    "SpectralLoss",
    "TrainingHook",
    "UnitLengthVectorQuantizer",
    "WaveformLoss",
]
