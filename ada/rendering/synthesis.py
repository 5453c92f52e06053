"""Turns MIDI into piano audio: FluidSynth, mixed down, resampled, normalised."""

import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soxr

from ada.rendering.midi import Event, last_note_secs, midi_bytes

SYNTH_RATE = 44100
# After the last note, and the end of it that fades.
TAIL_SECS = 3.0
FADE_SECS = 0.5
PEAK_DBFS = -4.0
# Below -80 dBFS there is FluidSynth's noise floor only.
MIN_PEAK = 1e-4
# Longer MIDI files are taken for broken.
MAX_SECS = 6 * 3600.0
_OPTIONS = {
    "synth.sample-rate": SYNTH_RATE,
    "synth.gain": 0.6,
    "synth.cpu-cores": 1,
    "synth.dynamic-sample-loading": 1,  # only the piano is loaded
    "synth.chorus.active": 0,
    "synth.reverb.active": 1,
    "synth.reverb.room-size": 0.4,
    "synth.reverb.level": 0.25,
    "synth.reverb.damp": 0.3,
    "audio.file.type": "raw",
    "audio.file.format": "float",
}
# Stereo float32.
_FRAME_BYTES = 8
_BLOCK_BYTES = _FRAME_BYTES << 17


class SynthesisError(Exception):
    """FluidSynth did not play a piece."""


def synthesise(events: Sequence[Event], soundfont: Path, sample_rate: int) -> np.ndarray:
    """Plays events on a soundfont's piano.

    Args:
      events: sorted by time.
      soundfont: an .sf2 or .sf3 file.
      sample_rate: of the audio, in Hz.

    Returns:
      float32 `[samples]`, from second 0 of the events to `TAIL_SECS` after the last note, faded
      out, with its peak at `PEAK_DBFS`.

    Raises:
      SynthesisError: FluidSynth failed, the result is silent, or the events last too long.
    """
    duration_secs = last_note_secs(events) + TAIL_SECS
    if duration_secs > MAX_SECS:
        raise SynthesisError(f"{duration_secs:.0f} s long, at most {MAX_SECS:.0f} s are rendered")
    audio = _fluidsynth(midi_bytes(events, duration_secs), soundfont, sample_rate)
    num_samples = int(duration_secs * sample_rate)
    if len(audio) < num_samples:
        raise SynthesisError(
            f"FluidSynth stopped after {len(audio) / sample_rate:.1f} of {duration_secs:.1f} s"
        )
    audio = audio[:num_samples]
    peak = np.abs(audio).max()
    if peak < MIN_PEAK:
        raise SynthesisError(f"silent: does {soundfont.name} have a piano as program 1?")
    fade_samples = int(FADE_SECS * sample_rate)
    fade = 0.5 + 0.5 * np.cos(np.linspace(0, np.pi, fade_samples, dtype=np.float32))
    audio[len(audio) - fade_samples :] *= fade
    return audio * np.float32(10 ** (PEAK_DBFS / 20) / peak)


def _fluidsynth(midi: bytes, soundfont: Path, sample_rate: int) -> np.ndarray:
    """Mono float32 `[samples]`; resampled block by block, so that memory stays small."""
    resampler = soxr.ResampleStream(SYNTH_RATE, sample_rate, 1, dtype="float32")
    blocks = []
    with tempfile.TemporaryDirectory() as directory, tempfile.TemporaryFile() as messages:
        # FluidSynth reads MIDI from regular files only.
        file = Path(directory) / "score.mid"
        file.write_bytes(midi)
        with subprocess.Popen(
            _command(soundfont, file),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=messages,
        ) as process:
            while block := process.stdout.read(_BLOCK_BYTES):
                whole = len(block) - len(block) % _FRAME_BYTES
                stereo = np.frombuffer(block[:whole], np.float32).reshape(-1, 2)
                blocks.append(resampler.resample_chunk(stereo.mean(1)))
        if process.returncode:
            messages.seek(0)
            said = messages.read().decode(errors="replace").strip()
            raise SynthesisError(
                f"FluidSynth exited with {process.returncode}"
                + (f": {said.splitlines()[0]}" if said else "")
            )
    blocks.append(resampler.resample_chunk(np.zeros(0, np.float32), last=True))
    return np.concatenate(blocks)


def _command(soundfont: Path, midi_file: Path) -> list[str]:
    """Renders a MIDI file to stdout."""
    options = [f"--option={name}={value}" for name, value in _OPTIONS.items()]
    # Not the user's configuration: renderings would differ.
    quiet = ["--no-shell", "--no-midi-in", "--quiet", f"--load-config={os.devnull}"]
    return ["fluidsynth", *quiet, *options, "--fast-render=-", str(soundfont), str(midi_file)]
