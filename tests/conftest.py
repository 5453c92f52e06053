"""Audio for commands to work on."""

import numpy as np
import pytest

from ada.audio import write_wav


@pytest.fixture(scope="session")
def music(tmp_path_factory):
    """Three files of two seconds of arpeggios."""
    directory = tmp_path_factory.mktemp("music")
    rng = np.random.default_rng(0)
    for number in range(3):
        notes = 220.0 * 2 ** (rng.integers(0, 24, 16) / 12)
        frequency = np.repeat(notes, 2000)
        decay = np.tile(np.exp(-np.arange(2000) / 800), 16)
        audio = 0.5 * decay * np.sin(2 * np.pi * np.cumsum(frequency) / 16000)
        write_wav(directory / f"piece{number}.wav", audio.astype(np.float32), 16000)
    return directory
