"""A small dataset, an autoencoder to train on it, and Beam."""

import functools
from pathlib import Path

import pytest

from ada.models import AutoregressiveDiscreteAutoencoder, Encoder, Modulator, WaveNet
from ada.quantizers import VectorQuantizer
from ada.training import Intervals, TrainingSettings

LENGTHS = {"train": [900, 301, 2500, 64], "validation": [777], "test": [5, 1200]}
LOCAL = "--runner=FnApiRunner,--direct_running_mode="


def files_of(directory):
    root = Path(directory)
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


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
    beam = pytest.importorskip("ada.data.beam", reason="Apache Beam is an extra")
    return functools.partial(beam.run_on_beam, options=beam.pipeline_options(options))
