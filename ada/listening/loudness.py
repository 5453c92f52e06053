"""One loudness for all clips (ITU-R BS.1770), so that louder is not taken for better."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import soxr

# What clips are brought to, or as far below as the peaks of one of them ask for, but no lower than
# the second: what peaks more is quieter than the others.
TARGET_LUFS, LOWEST_LUFS = -20.0, -26.0
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
    """The loudness in LUFS that all can have with no peak above -1 dBFS, from -26 to -20."""
    return max(min([TARGET_LUFS, *map(highest_lufs, levels)]), LOWEST_LUFS)


def highest_lufs(level: Level) -> float:
    """The loudness that a clip can have with no peak above -1 dBFS; infinite for silence."""
    return level.lufs + PEAK_DBFS - level.peak_dbfs if math.isfinite(level.lufs) else math.inf


def gain_db(level: Level, target_lufs: float) -> float:
    """What brings a clip to a loudness, or as near as its peaks allow; silence stays as it is."""
    if not math.isfinite(level.lufs):
        return 0.0
    return min(target_lufs, highest_lufs(level)) - level.lufs


def amplify(audio: np.ndarray, gain: float) -> np.ndarray:
    """Audio `[samples]` louder by a number of dB."""
    return np.asarray(audio, np.float32) * np.float32(10 ** (gain / 20))
