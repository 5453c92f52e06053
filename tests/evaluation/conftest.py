"""Notes to hear, and a piano of sine waves that plays them."""

import numpy as np
import pytest

from ada.evaluation.notes import notes_of

RATE = 16000


def sound(onset, offset, pitch, time):
    """Ten harmonics, the higher the softer and shorter, that begin at once and are damped."""
    since = time - onset
    partials = np.arange(1, 11)
    frequency = 440.0 * 2 ** ((pitch - 69) / 12) * partials
    waves = np.sin(2 * np.pi * frequency[:, np.newaxis] * since)
    rates = 1.0 + 0.6 * partials[:, np.newaxis]
    decay = np.exp(-np.maximum(since, 0.0) * rates) / partials[:, np.newaxis] ** 2
    envelope = np.clip(since / 0.004, 0, 1) * np.clip((offset - time) / 0.03, 0, 1)
    return np.sum(waves * decay, 0) * envelope


@pytest.fixture(scope="session")
def play():
    """A function that plays notes: audio `[samples]` at 16 kHz, or another rate."""

    def played(notes, secs, rate=RATE):
        time = np.arange(round(secs * rate)) / rate
        audio = sum((sound(*note, time) for note in zip(*notes, strict=True)), np.zeros(len(time)))
        return (0.2 * audio).astype(np.float32)

    return played


@pytest.fixture(scope="session")
def melody():
    """A scale of twelve notes, 6.4 s: more than three windows of the transcriber."""
    pitches = [60, 62, 64, 65, 67, 69, 71, 72, 71, 69, 67, 65]
    return notes_of((0.2 + 0.5 * k, 0.65 + 0.5 * k, pitch) for k, pitch in enumerate(pitches))


@pytest.fixture(scope="session")
def chords():
    """Four triads in open position, 4.4 s."""
    triads = ([48, 64, 67], [53, 65, 69], [43, 59, 62], [48, 60, 64])
    return notes_of((0.2 + k, 1.1 + k, pitch) for k, triad in enumerate(triads) for pitch in triad)
