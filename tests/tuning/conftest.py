"""A tiny system to start from."""

import shutil
from pathlib import Path

import pytest

from ada.runs.system_folder import write_system

OPERATIVE = """
train.model = @WaveNet
train.batch_size = 2
train.crop_steps = {}
train.precision = 'float32'
"""


@pytest.fixture(scope="package")
def tiny_systems(make_chain_dirs, tmp_path_factory):
    """Folders with systems of random weights, by their number of levels; audio at 4 kHz."""
    root = tmp_path_factory.mktemp("tiny_systems")
    chains = make_chain_dirs(4000)
    for levels, crops in ((1, (512,)), (2, (64, 512))):
        for run_dir, crop_steps in zip(chains[levels], crops, strict=True):
            (Path(run_dir) / "operative.gin").write_text(OPERATIVE.format(crop_steps))
        write_system(root / str(levels), chains[levels])
    yield {levels: str(root / str(levels)) for levels in (1, 2)}
    shutil.rmtree(root)


@pytest.fixture(scope="package")
def tiny_system(tiny_systems):
    """A prior and an autoencoder."""
    return tiny_systems[2]


@pytest.fixture(scope="package")
def tiny_wavenet(tiny_systems):
    """A system of one level, which is quicker."""
    return tiny_systems[1]
