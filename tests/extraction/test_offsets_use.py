"""Priors are trained on all offsets and judged on offset 0; copies are found at any offset."""

import shutil

import numpy as np
import pytest

from ada.data import Dataset
from ada.evaluation.chain import audio_digest, evaluate_run
from ada.evaluation.codes import all_codes, code_entropies
from ada.evaluation.copies import memorised
from ada.evaluation.memorisation import longest_shared_runs
from ada.extraction.codes import extract_codes
from ada.models import WaveNet
from ada.runs.chain import Chain
from ada.runs.run import Run
from ada.systems.system import _set_aside
from ada.training import Intervals, TrainingSettings, train
from ada.utils.errors import UserError

SETTINGS = TrainingSettings(
    model=lambda: WaveNet(8, 1, 2, 2, 4, 4, ordinal_classes=False),
    num_steps=1,
    batch_size=1,
    crop_steps=16,
    kind="codes",
    intervals=Intervals(validate=1, save=1),
    jit_compile=False,
)


@pytest.fixture(scope="module")
def once(trained):
    """The same codes at offset 0 alone."""
    extract_codes(str(trained / "run"), str(trained / "once"))
    return Dataset.open(str(trained / "once"))


@pytest.fixture(scope="module")
def prior(trained, shifted):
    """The run of a prior, trained for a step on codes at two offsets."""
    train(SETTINGS, str(trained / "prior"), shifted.directory)
    return Run.open(str(trained / "prior"))


def test_a_prior_is_not_continued_at_another_number_of_offsets(prior, once):
    with pytest.raises(UserError, match="was trained on other data than .*once holds"):
        train(SETTINGS, prior.directory, once.directory)


def test_scores_are_those_of_offset_0(prior, shifted, once):
    assert audio_digest(shifted.spec, "train") == audio_digest(once.spec, "train")
    assert code_entropies(shifted) == code_entropies(once)
    for split in ("train", "validation"):
        assert evaluate_run(prior, split) == evaluate_run(prior, split, data_dir=once.directory)


def test_a_copy_of_codes_at_any_offset_is_memorised(prior, trained, shifted, once, monkeypatch):
    numbers = {(s.name, s.offset): number for number, s in enumerate(shifted.sources("train"))}
    copied = shifted.read("train", numbers["train2", 128], 100, 150)[np.newaxis].astype(np.int32)
    assert longest_shared_runs(copied, list(all_codes(once, "train"))) < 150
    chain = Chain.open([prior.directory, str(trained / "run")])
    secs = 150 * 256 / 16000
    assert memorised(chain, copied)["max_secs"] == pytest.approx(secs)
    # Codes of the same audio at offset 0 are not all that it learnt.
    assert memorised(chain, copied, data_dir=once.directory)["max_secs"] == pytest.approx(secs)
    monkeypatch.setattr("ada.runs.run.find_data", lambda *args: "")
    assert memorised(chain, copied, data_dir=once.directory) is None


def test_a_pipeline_sets_a_run_on_other_offsets_aside(prior, shifted, once, tmp_path):
    run_dir = tmp_path / "prior"
    shutil.copytree(prior.directory, run_dir)
    _set_aside(run_dir, shifted.directory)
    assert run_dir.exists()
    _set_aside(run_dir, once.directory)
    assert not run_dir.exists()
    digest = shifted.spec.upstream["digest"]
    assert Run.exists(str(tmp_path / f"prior-on-{digest}"))
