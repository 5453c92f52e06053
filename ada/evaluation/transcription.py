"""Which notes audio holds, by a published transcriber that no model here was trained with.

The network is basic-pitch (Bittner, Bosch, Rubinstein, Meseguer-Brocal and Ewert, "A lightweight
instrument-agnostic model for polyphonic note transcription and multipitch estimation", ICASSP
2022). Its package ships the weights as an ONNX file, which onnxruntime runs; the package's own
code, which needs an old TensorFlow, is not run. Measuring music by its notes is ours, not the
paper's.
"""

import functools
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soxr

from ada.evaluation.note_events import LOWEST_PITCH, decode_notes
from ada.evaluation.notes import Notes, notes_of
from ada.utils.errors import UserError

SAMPLE_RATE, HOP_LENGTH = 22050, 256
WINDOW_SAMPLES = 2 * SAMPLE_RATE - HOP_LENGTH
# Neighbouring windows share 30 frames; half of them are cut from each end of a window's output.
MARGIN_FRAMES = 15
WINDOW_HOP = WINDOW_SAMPLES - 2 * MARGIN_FRAMES * HOP_LENGTH
_WINDOWS_AT_ONCE = 8
_INPUT = "serving_default_input_2:0"
_FRAMES, _ONSETS = "StatefulPartitionedCall:1", "StatefulPartitionedCall:2"
HOW_TO_INSTALL = (
    "the note transcriber is not installed: in the clone, pip install -e '.[notes]' && "
    "pip install --no-deps basic-pitch==0.4.0"
)


class Transcription(NamedTuple):
    """The transcription of a clip.

    Attributes:
      notes: the notes.
      activations: float32 `[frames, 88]`, 0 to 1: how surely each piano key sounds, from MIDI
        number `LOWEST_PITCH` up.
      times: float64 `[frames]`, seconds: of the frames, about 86 per second.
      duration_secs: how much of the clip was heard: basic-pitch ends 0.7 % early.
    """

    notes: Notes
    activations: np.ndarray
    times: np.ndarray
    duration_secs: float


def is_installed() -> bool:
    """Whether the packages are there that transcribe and compare notes."""
    return all(find_spec(name) for name in ("basic_pitch", "onnxruntime", "mir_eval"))


def transcribe(audio: np.ndarray, sample_rate: int) -> Transcription:
    """Finds the notes of a clip.

    Times are exact: basic-pitch's own code is off by 10 ms at most.

    Args:
      audio: `[samples]` in [-1, 1].
      sample_rate: Hz.

    Raises:
      UserError: if the transcriber is not installed.
    """
    audio = soxr.resample(np.asarray(audio, np.float32), sample_rate, SAMPLE_RATE)
    frames, onsets = (_joined(part) for part in _run(_windows(audio)))
    window, frame = np.divmod(np.arange(len(frames)), _frames_kept())
    times = (window * WINDOW_HOP + frame * HOP_LENGTH) / SAMPLE_RATE
    # As many as basic-pitch counts.
    count = len(audio) * (SAMPLE_RATE // HOP_LENGTH) // SAMPLE_RATE
    frames, onsets, times = frames[:count], onsets[:count], times[:count]
    notes = notes_of(
        (times[first], times[end], key + LOWEST_PITCH)
        for first, end, key in decode_notes(frames, onsets)
    )
    heard_secs = float(times[-1]) if count > 1 else len(audio) / SAMPLE_RATE
    return Transcription(notes, frames, times, heard_secs)


def transcribe_all(clips: Iterable[np.ndarray], sample_rate: int) -> list[Transcription]:
    """`transcribe` for every clip."""
    return [transcribe(clip, sample_rate) for clip in clips]


def _frames_kept() -> int:
    """Frames that a window contributes: the network returns one more than whole hops fit."""
    return WINDOW_SAMPLES // HOP_LENGTH + 1 - 2 * MARGIN_FRAMES


def _windows(audio: np.ndarray) -> np.ndarray:
    """Overlapping windows, float32 `[windows, 43844, 1]`; the first begins before the audio."""
    before = MARGIN_FRAMES * HOP_LENGTH
    count = -(-(before + len(audio)) // WINDOW_HOP)
    after = (count - 1) * WINDOW_HOP + WINDOW_SAMPLES - before - len(audio)
    padded = np.pad(audio, (before, after))
    windows = [padded[k * WINDOW_HOP :][:WINDOW_SAMPLES] for k in range(count)]
    return np.stack(windows)[..., np.newaxis]


def _joined(output: np.ndarray) -> np.ndarray:
    """Outputs of windows `[windows, frames, 88]` in a row, `[frames, 88]`, without overlaps."""
    kept = output[:, MARGIN_FRAMES : MARGIN_FRAMES + _frames_kept()]
    return kept.reshape(-1, output.shape[-1])


def _run(windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frame and onset activations, float32 `[windows, 172, 88]` each."""
    network = _network()
    parts = [
        network(windows[start : start + _WINDOWS_AT_ONCE])
        for start in range(0, len(windows), _WINDOWS_AT_ONCE)
    ]
    frames, onsets = zip(*parts, strict=True)
    return np.concatenate(frames), np.concatenate(onsets)


@functools.cache
def _network() -> Callable[[np.ndarray], list[np.ndarray]]:
    """The shipped network, from windows to frame and onset activations."""
    if not is_installed():
        raise UserError(HOW_TO_INSTALL)
    import onnxruntime

    package = Path(find_spec("basic_pitch").submodule_search_locations[0])
    weights = package / "saved_models" / "icassp_2022" / "nmp.onnx"
    session = onnxruntime.InferenceSession(weights, providers=["CPUExecutionProvider"])
    return lambda windows: session.run([_FRAMES, _ONSETS], {_INPUT: windows})
