"""Running commands as a user does."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ada.audio import write_wav

ROOT = Path(__file__).resolve().parents[2]

# On top of tiny.gin: a few seconds a command.
MICRO = [
    "--gin_file=gin/tiny.gin",
    "--gin_param=NUM_STEPS=6",
    "--gin_param=CODEBOOK_WARMUP_STEPS=2",
    "--gin_param=RESIDUAL_CHANNELS=8",
    "--gin_param=SKIP_CHANNELS=8",
    "--gin_param=LAYERS_PER_STACK=3",
    "--gin_param=CODER_CHANNELS=8",
    "--gin_param=BATCH_SIZE=2",
    "--gin_param=CROP_STEPS=512",
    "--gin_param=LR_WARMUP_STEPS=2",
    "--gin_param=LOG_EVERY=2",
    "--gin_param=train.jit_compile=False",
    "--gin_param=Intervals.audio_secs=0.05",
]


def run(module, *args, cwd=ROOT, env=None, python=sys.executable):
    """Runs `python -m module args`; returns the finished process, its output as text."""
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.run(
        [python, "-m", module, *map(str, args)],
        cwd=cwd,
        env=environment | (env or {}),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


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
