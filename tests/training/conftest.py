"""A small dataset of codes, and settings that train an autoencoder on it in a second."""

import numpy as np
import pytest
from support import TrainersOnce, write_codes

from ada.extensions import CodebookWarmup, ReplaceInputs, RestartUnusedCodes
from ada.models import AutoregressiveDiscreteAutoencoder, Encoder, Modulator, WaveNet
from ada.quantizers import VectorQuantizer
from ada.training import Intervals, Optimization, TrainingSettings, train
from ada.training.tensorboard import pictures


def markov_source(length, seed):
    """An order-2 Markov source over 4 ids, and its entropy rate in bits.

    The next id is (a + 2 b + 1) mod 4 with probability 0.7, where a and b are the last two, and
    each of the others with probability 0.1.
    """
    rng = np.random.default_rng(seed)
    noise = rng.choice(4, size=length, p=[0.7, 0.1, 0.1, 0.1])
    ids = np.zeros(length, np.int64)
    for t in range(2, length):
        ids[t] = (ids[t - 1] + 2 * ids[t - 2] + 1 + noise[t]) % 4
    rate = -(0.7 * np.log2(0.7) + 0.3 * np.log2(0.1))
    return ids, rate


@pytest.fixture(scope="session")
def markov_dataset(tmp_path_factory):
    directory = tmp_path_factory.mktemp("markov") / "data"
    lengths = {"train": 60000, "validation": 20000, "test": 3000}
    splits = {
        split: [markov_source(length, seed)[0]]
        for seed, (split, length) in enumerate(lengths.items())
    }
    return write_codes(directory, splits, 4)


# All that may change codes in training.
HOOKS = (
    lambda: CodebookWarmup(2),
    lambda: RestartUnusedCodes(2),
    lambda: ReplaceInputs(0.2),
)


def tiny_autoencoder():
    return AutoregressiveDiscreteAutoencoder(
        Encoder(4, 4, 8, (1,), input_channels=4, ordinal_classes=False),
        VectorQuantizer(8, 4),
        Modulator(8, (1,)),
        WaveNet(4, 1, 2, 2, 8, 8, 8, ordinal_classes=False),
    )


@pytest.fixture(scope="session")
def trainers():
    """Trains with one trainer where settings are the same."""
    return TrainersOnce()


@pytest.fixture
def trainers_once(trainers, monkeypatch):
    """Trainings of a test are traced once for all tests that ask for this; pictures are black."""
    monkeypatch.setattr(pictures, "_pixels", lambda _: np.zeros((1, 1, 3), np.uint8))
    with trainers():
        yield


@pytest.fixture(scope="session")
def settings():
    """Eight steps, with all that may change state in a step: warm-up, codebook, restarts."""
    return TrainingSettings(
        model=tiny_autoencoder,
        num_steps=8,
        batch_size=4,
        crop_steps=64,
        kind="codes",
        optimization=Optimization(1e-2, "cosine", 2, clip_norm=0.05),
        intervals=Intervals(log=1, validate=4, save=1),
        jit_compile=False,
        hooks=HOOKS,
    )


@pytest.fixture(scope="session")
def whole_run(settings, markov_dataset, trainers, tmp_path_factory):
    """A run that nothing interrupts, not to be changed."""
    run_dir = tmp_path_factory.mktemp("whole")
    with trainers():
        train(settings, str(run_dir), markov_dataset)
    return run_dir
