"""Audio files made on the spot."""

import numpy as np
import pytest
import soundfile as sf


@pytest.fixture
def sine():
    """Makes float64 `[samples]` at 330 Hz."""

    def make(sample_rate, secs=1.0):
        time = np.arange(int(secs * sample_rate)) / sample_rate
        return 0.5 * np.sin(2 * np.pi * 330 * time)

    return make


@pytest.fixture
def write(tmp_path, sine):
    """Writes a file and returns its path; by default a sine, channel c divided by c + 1."""

    def write_file(
        kind="WAV",
        subtype="PCM_16",
        sample_rate=44100,
        channels=1,
        secs=1.0,
        samples=None,
        **options,
    ):
        if samples is None:
            samples = sine(sample_rate, secs)[:, None] / np.arange(1, channels + 1)
        path = tmp_path / f"{kind}_{subtype}_{sample_rate}_{channels}.{kind.lower()}"
        sf.write(path, samples, sample_rate, subtype, format=kind, **options)
        return path

    return write_file
