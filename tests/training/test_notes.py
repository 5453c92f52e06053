"""Note F1 while an autoencoder of audio trains."""

import json

import numpy as np
import pytest

from ada.audio import write_wav
from ada.data import Dataset
from ada.evaluation import transcription
from ada.extensions import CodebookWarmup
from ada.models import AutoregressiveDiscreteAutoencoder, Encoder, Modulator, WaveNet
from ada.preparation.options import AudioOptions
from ada.preparation.prepare import prepare
from ada.quantizers import VectorQuantizer
from ada.runs.info import RunInfo
from ada.training import Intervals, TrainingSettings, train
from ada.training.tensorboard import notes as notes_module
from ada.training.tensorboard.notes import NoteListener
from ada.training.tensorboard.tags import DESCRIPTIONS, layout

installed = pytest.mark.skipif(
    not transcription.is_installed(), reason="the weights are a package of their own"
)


def autoencoder():
    return AutoregressiveDiscreteAutoencoder(
        Encoder(16, 256, 8, (1,)),
        VectorQuantizer(32, 4),
        Modulator(8, (1,)),
        WaveNet(256, 1, 2, 2, 8, 8, 8),
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Three files of ten decaying notes, half a second each."""
    root = tmp_path_factory.mktemp("audio")
    time = np.arange(8000) / 16000
    for number in range(3):
        notes = [
            0.5 * np.exp(-3.0 * time) * np.sin(2 * np.pi * 220.0 * 2 ** (step / 12) * time)
            for step in np.random.default_rng(number).integers(0, 24, 10)
        ]
        write_wav(str(root / f"{number}.wav"), np.concatenate(notes).astype(np.float32), 16000)
    prepare(str(root / "data"), AudioOptions(inputs=(f"{root}/*.wav",), sample_rate=16000))
    return str(root / "data")


@pytest.fixture
def listener(data):
    """A function that makes a listener of an untrained model."""
    model = autoencoder()
    model.build()
    info = RunInfo("audio", 16000, 1, 256, "mu_law", data, "")
    return lambda **of_intervals: NoteListener(
        model, Dataset.open(data), info, Intervals(**of_intervals), seed=0
    )


@installed
def test_a_run_reports_note_f1_once_it_has_codes(data, tmp_path):
    settings = TrainingSettings(
        model=autoencoder,
        num_steps=5,
        batch_size=2,
        crop_steps=256,
        intervals=Intervals(log=5, validate=5, save=5, audio_secs=0.0, notes=2, note_secs=1.0),
        jit_compile=False,
        hooks=(lambda: CodebookWarmup(2),),
    )
    train(settings, str(tmp_path), data)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    found = {line["step"]: line["notes/note_f1"] for line in lines if "notes/note_f1" in line}
    # Step 2 has no codebook yet; the last step counts.
    assert list(found) == [4, 5]
    assert all(0.0 <= value < 0.5 for value in found.values())


@installed
def test_perfect_reconstruction_has_the_f1_of_mu_law(listener, monkeypatch):
    perfect = listener(notes=1, note_secs=4.0)
    ids, reference = perfect._originals
    assert ids.shape == (4, 16000)
    assert len(reference) == 4
    monkeypatch.setattr(notes_module, "generate_level", lambda *args, **kwargs: (ids, None))
    found = perfect()
    assert found["notes/note_f1"] > 0.8
    assert found["notes/frame_f1"] > 0.8


@installed
def test_draws_are_those_of_the_settings(listener):
    level = listener(notes=1, note_top_p=0.6)._level
    assert (level.config.top_p, Intervals().note_top_p) == (0.6, 0.8)


def test_off_by_default_and_where_packages_are_missing(listener, monkeypatch, capsys):
    assert not listener().is_due(0, last=True)
    monkeypatch.setattr(transcription, "find_spec", lambda name: None)
    assert not listener(notes=1).is_due(1, last=True)
    output = capsys.readouterr().err
    assert output.count("Note F1 is not measured") == 1
    assert "pip install --no-deps basic-pitch" in output


def test_settings_out_of_range_are_refused():
    for name, value in (("notes", -1), ("note_secs", 0.5), ("note_top_p", 0.0)):
        with pytest.raises(ValueError, match=f"Intervals.{name} must be"):
            Intervals(**{name: value})


def test_tensorboard_says_what_note_f1_is_and_draws_it():
    assert "higher is better" in DESCRIPTIONS["notes/note_f1"]
    assert "top-p" in DESCRIPTIONS["notes/note_f1"]
    [category] = [c for c in layout().category if c.title == "Notes"]
    assert list(category.chart[0].multiline.tag) == [r"^notes/"]
    assert np.all([name in DESCRIPTIONS for name in ("notes/note_f1", "notes/frame_f1")])
