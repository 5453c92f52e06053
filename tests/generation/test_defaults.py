"""Without draws a chain generates with the sampling values of its runs."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from ada.evaluation import reconstruction
from ada.evaluation.reconstruction import reconstruct_clips
from ada.generation import SamplingConfig, generate, load_levels
from ada.runs import sampling_defaults
from ada.runs.chain import Chain
from ada.runs.run import Run
from ada.runs.sampling_defaults import SamplingValues

OPTIONS = {"batch_size": 2, "backend": "graph"}

pytestmark = pytest.mark.usefixtures("short_blocks")


@pytest.fixture
def kept(chain_dirs, tmp_path):
    """A chain of two levels whose bottom has a file."""
    copies = [shutil.copytree(d, tmp_path / Path(d).name) for d in chain_dirs[2]]
    sampling_defaults.write(str(copies[1]), SamplingValues(0.7, 0, 0.6))
    return Chain.open([str(path) for path in copies])


def same(one, other):
    return all(np.array_equal(*ids) for ids in zip(one.ids, other.ids, strict=True))


def test_a_file_equals_the_same_draws(kept):
    stated = generate(kept, 2, 0.05, [SamplingConfig(), SamplingConfig(0, 0.7, 0, 0.6)], **OPTIONS)
    assert same(generate(kept, 2, 0.05, **OPTIONS), stated)
    assert not same(generate(kept, 2, 0.05, SamplingConfig(), **OPTIONS), stated)
    levels = load_levels(kept, **OPTIONS)
    assert same(generate(kept, 2, 0.05, levels=levels), stated)


def test_reconstructions_use_the_values_of_their_decoders(kept, monkeypatch):
    """The bottom takes the likeliest ids, whatever the seed; the prior's values do not matter."""
    audio = np.random.default_rng(0).integers(-9000, 9000, (2, 48), np.int16)
    monkeypatch.setattr(Run, "open_dataset", lambda run, directory: None)
    monkeypatch.setattr(reconstruction, "spread_clips", lambda *args: audio)
    greedy, other, sampled = (
        reconstruct_clips(kept, num_clips=2, draws=draws).made[1]
        for draws in (
            [SamplingConfig(0), SamplingConfig(0, top_k=1)],
            [SamplingConfig(9, 0.5), SamplingConfig(9, top_k=1)],
            [SamplingConfig(0, top_k=1), SamplingConfig(0)],
        )
    )
    np.testing.assert_array_equal(greedy, other)
    assert (sampled != greedy).any()
