"""Loudness (ITU-R BS.1770), measured by FFmpeg's filter `ebur128`; and gains that change it."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import av
import numpy as np
import soxr

# EBU R 128: what programmes are brought to, in LUFS.
R128_LUFS = -23.0

# What clips of a listening test are brought to, so that louder is not taken for better; or as far
# below as the peaks of one of them ask for, but no lower than the second: what peaks more is
# quieter than the others.
TARGET_LUFS, LOWEST_LUFS = -20.0, -26.0
PEAK_DBFS = -1.0
# Hz: the standard gives its filter at this rate, at which peaks between samples show as well.
_RATE = 48_000
_BLOCK_SECS = 0.4
_SILENCE_LUFS = -70.0  # quieter blocks do not count


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
    samples = np.asarray(audio, np.float64)
    resampled = soxr.resample(samples, sample_rate, _RATE)
    peak = max(np.abs(samples).max(), np.abs(resampled).max(initial=0.0))
    shortest = math.ceil(_BLOCK_SECS * sample_rate)
    if len(samples) < shortest:
        samples = np.tile(samples, math.ceil(shortest / len(samples)))
        resampled = soxr.resample(samples, sample_rate, _RATE)
    lufs = _integrated_lufs(resampled)
    return Level(lufs, 20 * math.log10(peak) if peak else -math.inf)


def _integrated_lufs(samples: np.ndarray) -> float:
    # Resampling may leave a sample less than a block.
    samples = np.pad(samples, (0, max(0, round(_BLOCK_SECS * _RATE) - len(samples))))
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=_RATE, format="dbl", layout="mono")
    graph.link_nodes(source, graph.add("ebur128", "metadata=1"), graph.add("abuffersink"))
    graph.configure()
    frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="dbl", layout="mono")
    frame.sample_rate = _RATE
    graph.push(frame)
    graph.push(None)
    lufs = _SILENCE_LUFS
    while True:
        try:
            lufs = float(graph.pull().metadata.get("lavfi.r128.I", lufs))
        except av.EOFError:
            return lufs if lufs > _SILENCE_LUFS else -math.inf


def normalized(audio: np.ndarray, sample_rate: int) -> np.ndarray:
    """Mono audio `[samples]` at -23 LUFS (EBU R 128), or as near as a peak of -1 dBFS allows."""
    return amplify(audio, gain_db(measure(audio, sample_rate), R128_LUFS))


def common_target(levels: Sequence[Level]) -> float:
    """The loudness in LUFS that all can have with no peak above -1 dBFS, from -26 to -20."""
    return max(min([TARGET_LUFS, *map(highest_lufs, levels)]), LOWEST_LUFS)


def highest_lufs(level: Level) -> float:
    """The loudness that a clip can have with no peak above -1 dBFS; infinite for silence."""
    return level.lufs + PEAK_DBFS - level.peak_dbfs if math.isfinite(level.lufs) else math.inf


def gain_db(level: Level, target_lufs: float) -> float:
    """Gain that brings a clip to a loudness, or as near as its peaks allow; 0 for silence."""
    if not math.isfinite(level.lufs):
        return 0.0
    return min(target_lufs, highest_lufs(level)) - level.lufs


def amplify(audio: np.ndarray, gain: float) -> np.ndarray:
    """Audio `[samples]` louder by a number of dB."""
    return np.asarray(audio, np.float32) * np.float32(10 ** (gain / 20))
