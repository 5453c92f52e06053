"""Generated clips beside real ones, of a dataset made in memory."""

from types import SimpleNamespace

import numpy as np
import pytest
from evaluation.made_cases import RATE, markov, noise, real

from ada.data.spec import SourceSpec
from ada.evaluation import generated
from ada.evaluation.copies import near_copies
from ada.utils import log


class InMemory:
    """What measuring needs of a dataset of audio."""

    directory = "in memory"

    def __init__(self, **splits):
        self._splits = {
            name: [np.int16(np.clip(clip, -1.0, 1.0) * 32767.0) for clip in clips]
            for name, clips in splits.items()
        }
        sources = {
            name: SimpleNamespace(
                sources=tuple(SourceSpec(f"{name}{k}", len(c), "x") for k, c in enumerate(clips))
            )
            for name, clips in self._splits.items()
        }
        self.spec = SimpleNamespace(splits=sources, sample_rate=RATE, hop_length=1)

    def index(self, split):
        return SimpleNamespace(lengths=np.array([len(clip) for clip in self._splits[split]]))

    def read(self, split, source, start=0, length=None):
        return self._splits[split][source][start:][:length]


def run_on(dataset):
    info = SimpleNamespace(
        sample_rate=RATE,
        to_ids=lambda: lambda stored: stored,
        ids_to_audio=lambda stored: stored / 32768.0,
    )
    return SimpleNamespace(directory="run", spec=dataset.spec, info=info)


@pytest.fixture(scope="module")
def dataset():
    train = [real("joplin_entertainer", 20.0), real("joplin_bethena", 20.0)]
    return InMemory(train=train, validation=[real("joplin_easy_winners", 40.0)])


@pytest.fixture
def warned(monkeypatch):
    """The warnings."""
    warnings = []
    monkeypatch.setattr(log, "warning", warnings.append)
    return warnings


def test_a_copy_of_training_audio_stands_out_beside_held_out_audio(dataset):
    copy = real("joplin_bethena", 20.0)[-10 * RATE :]
    found = near_copies(run_on(dataset), np.stack([copy, noise(0, 10.0)]), "validation", dataset)
    assert found["max"] > 0.95 > 0.7 > found["real_max"] >= found["real_mean"]
    assert found["mean"] < found["max"]


def test_near_copies_need_the_training_data_and_clips_of_8_s(dataset, warned):
    other = InMemory(train=[noise(1, 9.0)] * 3, validation=[noise(2, 9.0)])
    clips = np.stack([noise(0, 9.0)])
    assert near_copies(run_on(dataset), clips, "validation", other) is None
    assert near_copies(run_on(dataset), clips, "train", dataset) is None
    assert near_copies(run_on(dataset), clips[:, : 7 * RATE], "validation", dataset) is None
    for reason in ("is not what run was trained on", "no held-out audio", "clips of 8 s or more"):
        assert any(reason in warning for warning in warned)


def test_structure_of_clips_stands_beside_that_of_real_audio(dataset, warned):
    clips = np.stack([markov(0, 16.0), markov(1, 16.0)])
    sources = [real("joplin_easy_winners", 40.0)]
    found = generated._structure(run_on(dataset), clips, sources, dataset)
    assert found["structure"]["pitched"]["mean"] == pytest.approx(1.0, abs=0.01)
    # Two clips of the source, and one of each of the train split, where there is but one source.
    assert found["structure_real"]["structure"]["mean"] > 0.9
    short = generated._structure(run_on(dataset), clips[:, : 15 * RATE], sources, dataset)
    assert set(short.values()) == {None}
    assert any("clips of 16 s or more" in warning for warning in warned)
