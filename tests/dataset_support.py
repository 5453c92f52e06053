"""Real files and real datasets, small enough to make in every test."""

import functools
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ada.data import SPLITS
from ada.data.dataset import Dataset
from ada.preparation.assembly import assemble, pieces_of_part, whole_source
from ada.preparation.options import AudioOptions
from ada.preparation.parts import part_path, write_part

RECORD_STEPS = 100


def _write_audio(path, secs=2.0, *, rate=16000, channels=1, seed=0, gain=0.3, subtype=None):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    samples = gain * rng.uniform(-1, 1, [int(secs * rate), channels])
    soundfile.write(path, samples, rate, subtype=subtype)
    return path


@pytest.fixture
def write_audio():
    """Writes noise of a length in seconds to a file."""
    return _write_audio


def _make_dataset(directory, lengths, *, kind="audio", num_classes=None, seed=0, **more):
    """A dataset of random steps; returns it and what is in it, by split."""
    directory = str(directory)
    rng = np.random.default_rng(seed)
    dtype = "int16" if kind == "audio" else "uint8"
    low, high = (-32768, 32768) if kind == "audio" else (0, num_classes)
    pieces, truth = [], {}
    for split, split_lengths in lengths.items():
        truth[split] = []
        for i, length in enumerate(split_lengths):
            steps = rng.integers(low, high, length)
            name = f"{split}/{i:03d}"
            path = part_path(directory, name)
            blocks = ((0, steps[j : j + 37]) for j in range(0, length, 37))
            written = write_part(path, name, blocks, record_steps=RECORD_STEPS, dtype=dtype)
            specs = [whole_source(source) for source in written]
            pieces += pieces_of_part(split, path, written, specs)
            truth[split].append(steps)
    assemble(
        directory,
        pieces,
        kind=kind,
        sample_rate=16000,
        hop_length=1 if kind == "audio" else 64,
        num_classes=num_classes,
        dtype=dtype,
        record_steps=RECORD_STEPS,
        split_method="by hand",
        **more,
    )
    return Dataset.open(directory), truth


@pytest.fixture
def make_dataset(tmp_path):
    """Makes a dataset of random steps from lengths by split: (dataset, steps by split)."""
    return functools.partial(_make_dataset, tmp_path / "dataset")


@pytest.fixture(scope="session")
def codes(tmp_path_factory):
    """A shared dataset of codes (not to be changed): (dataset, steps by split)."""
    lengths = {"train": [950, 30, 1200, 100, 501], "validation": [730, 99, 200], "test": [10]}
    directory = tmp_path_factory.mktemp("codes")
    return _make_dataset(directory, lengths, kind="codes", num_classes=200, num_shards=3)


def _files(directory):
    """The bytes of all files of a dataset, without how long its making took."""
    import json

    found = {}
    for path in sorted(Path(directory).rglob("*")):
        if path.is_file():
            found[str(path.relative_to(directory))] = path.read_bytes()
    spec = json.loads(found["dataset.json"])
    del spec["preparation"]
    found["dataset.json"] = spec
    return found


@pytest.fixture
def files_of():
    """All that a dataset directory holds, to be compared."""
    return _files


SMALL = {"record_steps": 4000}


def options_for(directory, **more):
    """Options of a dataset of all that is in a directory, in small records."""
    return AudioOptions(inputs=(str(directory),), **SMALL | more)


def sources_of(spec):
    """The sources of all splits by name."""
    return {s.name: s for split in SPLITS for s in spec.splits[split].sources}


@pytest.fixture
def four_files(tmp_path, write_audio):
    """Four files of all kinds in two folders."""
    write_audio(tmp_path / "in/a.wav", rate=44100, channels=2, seed=1)
    write_audio(tmp_path / "in/b.flac", rate=22050, seed=2, subtype="PCM_24")
    write_audio(tmp_path / "in/x/c.ogg", rate=48000, seed=3)
    write_audio(tmp_path / "in/x/d.aiff", rate=16000, channels=5, seed=4)
    return tmp_path / "in"
