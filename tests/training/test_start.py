"""Refused before the first step: other codes than before, and codes whose encoder is gone."""

import dataclasses
import json
import logging
import shutil

import numpy as np
import pytest
from support import write_codes

from ada.data import SPLITS, DatasetSpec
from ada.extraction.codes import extract_codes
from ada.models import WaveNet
from ada.runs.run import Run
from ada.training import Intervals, TrainingSettings, train
from ada.utils import log
from ada.utils.errors import UserError
from ada.utils.files import exclusive


def prior(num_classes=8):
    return TrainingSettings(
        model=lambda: WaveNet(num_classes, 1, 2, 2, 4, 4, ordinal_classes=False),
        num_steps=1,
        batch_size=1,
        crop_steps=16,
        kind="codes",
        intervals=Intervals(validate=1, save=1),
        jit_compile=False,
    )


@pytest.fixture
def warnings():
    said = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: said.append(record.getMessage())
    log.logger.addHandler(handler)
    yield said
    log.logger.removeHandler(handler)


def some_codes(directory, num_classes=8, **kwargs):
    rng = np.random.default_rng(0)
    splits = {split: [rng.integers(0, 8, 100)] for split in SPLITS}
    return write_codes(directory, splits, num_classes, **kwargs)


@pytest.fixture(scope="module")
def lower(settings, markov_dataset, tmp_path_factory):
    """The run of an autoencoder and its codes, side by side; not to be changed."""
    root = tmp_path_factory.mktemp("lower") / "tree"
    train(dataclasses.replace(settings, num_steps=3), str(root / "run"), markov_dataset)
    extract_codes(str(root / "run"), str(root / "codes"))
    return root


def test_a_directory_that_another_process_trains_in(tmp_path):
    codes, run_dir = some_codes(tmp_path / "codes"), tmp_path / "run"
    with exclusive(run_dir), pytest.raises(UserError, match="another process is at work in .*run:"):
        train(prior(), str(run_dir), codes)
    assert not Run.exists(str(run_dir))
    train(prior(), str(run_dir), codes)
    assert Run.exists(str(run_dir))


def test_another_number_of_codes_than_the_models(tmp_path):
    codes = some_codes(tmp_path / "codes")
    with pytest.raises(UserError, match="holds 8 codes, the model has 16 classes; set NUM_CODES"):
        train(prior(16), str(tmp_path / "run"), codes)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"hop_length": 8}, "holds: hop_length was 64, is 8. Choose"),
        ({"upstream": {"digest": "b"}}, "holds: checkpoint of the encoder was made-up, is b. "),
        (
            {"num_classes": 16, "hop_length": 8, "upstream": {"digest": "b"}},
            "holds: num_classes was 8, is 16; hop_length was 64, is 8; checkpoint of the encoder "
            "was made-up, is b. Choose",
        ),
    ],
)
def test_a_run_goes_on_with_its_own_codes_only(other, message, tmp_path):
    run_dir = str(tmp_path / "run")
    train(prior(), run_dir, some_codes(tmp_path / "codes"))
    codes = some_codes(tmp_path / "other", **other)
    with pytest.raises(UserError, match=message):
        train(prior(other.get("num_classes", 8)), run_dir, codes)


def test_codes_of_an_encoder_that_is_there(lower, tmp_path, warnings):
    train(prior(), str(tmp_path / "prior"), str(lower / "codes"))
    assert not warnings


def test_codes_of_an_encoder_that_was_trained_further(lower, settings, markov_dataset, tmp_path):
    root = tmp_path / "tree"
    shutil.copytree(lower, root)
    # As if extracted there: the original is not what these codes name.
    path = root / "codes" / "dataset.json"
    path.write_text(path.read_text().replace(str(lower), str(root)))
    before = Run.open(str(root / "run")).identity()["digest"]
    shutil.rmtree(root / "run" / "checkpoints")
    (root / "run" / "metrics.jsonl").unlink()
    train(dataclasses.replace(settings, num_steps=4), str(root / "run"), markov_dataset)
    after = Run.open(str(root / "run")).identity()["digest"]
    with pytest.raises(UserError, match=f"checkpoint {before}, there {after}.*extract codes again"):
        train(prior(), str(tmp_path / "prior"), str(root / "codes"))
    assert not (tmp_path / "prior").exists()
    # The way out.
    extract_codes(str(root / "run"), str(root / "codes"), overwrite=True)
    train(prior(), str(tmp_path / "prior"), str(root / "codes"))


def test_a_tree_that_was_moved_or_whose_encoder_is_elsewhere(lower, tmp_path, warnings):
    root = tmp_path / "elsewhere"
    shutil.copytree(lower, root)
    # What was moved away is not where it was.
    path = root / "codes" / "dataset.json"
    path.write_text(path.read_text().replace(str(lower), "/nothing/here"))
    train(prior(), str(tmp_path / "moved"), str(root / "codes"))
    assert not warnings
    shutil.rmtree(root / "run")
    train(prior(), str(tmp_path / "prior"), str(root / "codes"))
    [warning] = warnings
    digest = DatasetSpec.load(str(root / "codes")).upstream["digest"]
    assert "is not there (/nothing/here/run)" in warning
    assert digest in warning
    assert len(warning.splitlines()) == 1


@pytest.mark.parametrize("name", ["dataset.json", "model.json", "metrics.jsonl", "checkpoints"])
def test_a_directory_of_something_else_is_not_trained_into(name, tmp_path):
    codes, run_dir = some_codes(tmp_path / "codes"), tmp_path / "run"
    run_dir.mkdir()
    (run_dir / name).write_text("mine")
    with pytest.raises(UserError, match=f"{name} was not made by ada.train: name another"):
        train(prior(), str(run_dir), codes)
    assert (run_dir / name).read_text() == "mine"
    assert {path.name for path in run_dir.iterdir()} == {name, ".lock"}


def test_data_that_were_renamed_are_where_training_goes_on(tmp_path):
    codes, run_dir = some_codes(tmp_path / "codes"), tmp_path / "run"
    train(prior(), str(run_dir), codes)
    shutil.move(codes, tmp_path / "renamed")
    train(dataclasses.replace(prior(), num_steps=2), str(run_dir), str(tmp_path / "renamed"))
    assert Run.open(str(run_dir)).open_dataset().directory == str(tmp_path / "renamed")


def test_training_of_an_older_version_is_not_resumed(settings, whole_run, markov_dataset, tmp_path):
    run_dir = tmp_path / "run"
    shutil.copytree(whole_run, run_dir)
    path = run_dir / "model.json"
    config = json.loads(path.read_text())
    config["config"]["quantizer"]["config"]["restart_every"] = 2
    path.write_text(json.dumps(config))
    with pytest.raises(UserError, match=f"older version of ada.*--init_from={run_dir}"):
        train(dataclasses.replace(settings, num_steps=9), str(run_dir), markov_dataset)
