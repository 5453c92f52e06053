"""Clips whose structure is known by how they were made; of the bundled audio and of sine waves."""

import numpy as np

from ada.audio import read_audio
from ada.utils.resources import sample_audio_dir

RATE = 16000
SCALE = np.array([0, 2, 4, 5, 7, 9, 11])


def real(name, secs=40.0):
    """The beginning of a bundled piece."""
    return read_audio(str(sample_audio_dir() / f"{name}.ogg"), RATE)[: round(secs * RATE)]


def tone(pitch, secs):
    time = np.arange(round(secs * RATE)) / RATE
    hertz = 440.0 * 2.0 ** ((pitch - 69) / 12.0)
    waves = (np.sin(2 * np.pi * hertz * k * time) * np.exp(-2 * time) / k**1.5 for k in range(1, 7))
    return 0.15 * sum(waves) * np.clip((secs - time) / 0.03, 0, 1)


def played(pitches, secs):
    """Notes or chords one after the other, `secs` each."""
    known = {pitch: tone(pitch, secs) for pitch in {p for chord in pitches for p in chord}}
    return np.concatenate([sum(known[p] for p in chord) for chord in pitches]).astype(np.float32)


def shuffled(audio, secs, seed=0):
    """The same audio, its stretches of some seconds in another order."""
    size = round(secs * RATE)
    order = np.random.default_rng(seed).permutation(len(audio) // size)
    return np.concatenate([audio[size * k : size * (k + 1)] for k in order])


def markov(seed, secs=40.0, step=0.5):
    """Triads of a first-order Markov chain on 10 degrees of a scale."""
    rng = np.random.default_rng(seed)
    following = rng.dirichlet(np.full(10, 0.4), size=10)
    degrees = [0]
    while len(degrees) < secs / step:
        degrees.append(rng.choice(10, p=following[degrees[-1]]))
    pitch = 48 + seed % 12
    chords = [[pitch + 12 * (d // 7) + SCALE[d % 7] for d in (k, k + 2, k + 4)] for k in degrees]
    return played(chords, step)


def drone(seed, secs=40.0):
    """A chord that is held, and swells."""
    rng, time = np.random.default_rng(seed), np.arange(round(secs * RATE)) / RATE
    pitches = [45 + seed, 52 + seed, 57 + seed]
    waves = (
        np.sin(2 * np.pi * 440.0 * 2.0 ** ((p - 69) / 12) * k * time + 6 * rng.random()) / k
        for p in pitches
        for k in range(1, 7)
    )
    return (0.05 * sum(waves) * (1 + 0.3 * np.sin(time))).astype(np.float32)


def noise(seed, secs=40.0):
    return (0.1 * np.random.default_rng(seed).normal(size=round(secs * RATE))).astype(np.float32)


def with_noise(audio, decibels, seed=0):
    """Audio with white noise a number of dB below it."""
    level = np.sqrt(np.mean(audio**2)) * 10 ** (-decibels / 20)
    return audio + level * np.random.default_rng(seed).normal(size=len(audio)).astype(np.float32)


def slower(audio, factor):
    """Played at another speed: longer by a factor, and lower."""
    places = np.arange(round(len(audio) * factor)) / factor
    return np.interp(places, np.arange(len(audio)), audio).astype(np.float32)
