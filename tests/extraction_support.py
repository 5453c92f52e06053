"""A small dataset, an autoencoder to train on it, and Beam."""

import functools

import numpy as np
import pytest
from support import write_codes

from ada.models import AutoregressiveDiscreteAutoencoder, Encoder, Modulator, WaveNet
from ada.quantizers import VectorQuantizer
from ada.training import Intervals, TrainingSettings

LENGTHS = {"train": [900, 301, 2500, 64], "validation": [777], "test": [5, 1200]}
LOCAL = "--runner=FnApiRunner,--direct_running_mode="


def write_data(directory):
    """Sources of those lengths, the same each time; returns the directory."""
    rng = np.random.default_rng(0)
    splits = {s: [rng.integers(0, 4, n) for n in lengths] for s, lengths in LENGTHS.items()}
    return write_codes(directory, splits, 4)


def network():
    return AutoregressiveDiscreteAutoencoder(
        Encoder(4, 4, 8, (1, 2), input_channels=4, ordinal_classes=False),
        VectorQuantizer(8, 4),
        Modulator(8, (1,)),
        WaveNet(4, 1, 2, 2, 8, 8, 8, ordinal_classes=False),
    )


SETTINGS = TrainingSettings(
    model=network,
    num_steps=2,
    batch_size=2,
    crop_steps=64,
    kind="codes",
    intervals=Intervals(validate=2, save=2),
    jit_compile=False,
)


def on_beam(*options):
    beam = pytest.importorskip("ada.preparation.beam", reason="Apache Beam is an extra")
    return functools.partial(beam.run_on_beam, options=beam.pipeline_options(options))
