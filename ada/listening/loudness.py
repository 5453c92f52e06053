"""One loudness for all clips (ITU-R BS.1770), so that louder is not taken for better."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import soxr

# What clips are brought to, unless the peaks of one of them do not allow it.
TARGET_LUFS = -20.0
PEAK_DBFS = -1.0
# The standard gives its filter at this rate, at which peaks between samples show as well.
_RATE = 48_000
_BLOCK_SECS = 0.4


class Level(NamedTuple):
    """How loud a clip is.

    Attributes:
      lufs: integrated loudness; -inf for what the standard takes for silence.
      peak_dbfs: the highest of the samples and of what lies between them; -inf for zeros.
    """

    lufs: float
    peak_dbfs: float


def measure(audio: np.ndarray, sample_rate: int) -> Level:
    """Measures mono audio `[samples]`.

    What is shorter than the 0.4 s that the standard measures by is repeated until it is not.
    """
    import pyloudnorm

    samples = np.asarray(audio, np.float64)
    resampled = soxr.resample(samples, sample_rate, _RATE) if sample_rate != _RATE else samples
    peak = max(np.abs(samples).max(), np.abs(resampled).max(initial=0.0))
    shortest = math.ceil(_BLOCK_SECS * sample_rate)
    if len(samples) < shortest:
        samples = np.tile(samples, math.ceil(shortest / len(samples)))
        resampled = soxr.resample(samples, sample_rate, _RATE)
    # Resampling may leave a sample less than a block.
    resampled = np.pad(resampled, (0, max(0, round(_BLOCK_SECS * _RATE) - len(resampled))))
    meter = pyloudnorm.Meter(_RATE, block_size=_BLOCK_SECS)
    lufs = float(meter.integrated_loudness(resampled))
    return Level(lufs, 20 * math.log10(peak) if peak else -math.inf)


def common_target(levels: Sequence[Level]) -> float:
    """The loudness in LUFS that all can have with no peak above -1 dBFS; at most -20."""
    highest = (lvl.lufs + PEAK_DBFS - lvl.peak_dbfs for lvl in levels if math.isfinite(lvl.lufs))
    return min([TARGET_LUFS, *highest])


def gain_db(level: Level, target_lufs: float) -> float:
    """What brings a clip to a loudness; silence stays as it is."""
    return target_lufs - level.lufs if math.isfinite(level.lufs) else 0.0


def amplify(audio: np.ndarray, gain: float) -> np.ndarray:
    """Audio `[samples]` louder by so many dB."""
    return np.asarray(audio, np.float32) * np.float32(10 ** (gain / 20))
