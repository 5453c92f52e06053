"""Data that a run's model would misread are refused, its own as well as others."""

import json
import shutil

import numpy as np
import pytest
from support import write_codes

from ada.data import SPLITS, Dataset
from ada.runs.model_json import differing_fields
from ada.runs.run import Run
from ada.training import TrainingSettings
from ada.training.start import info_of_new_run
from ada.utils.errors import UserError


@pytest.fixture
def run(make_wavenet, tmp_path):
    """A run on codes in `tmp_path / "codes"`."""
    dataset = Dataset.open(codes_in(tmp_path / "codes"))
    network, directory = make_wavenet(), str(tmp_path / "run")
    settings = TrainingSettings(lambda: network, 1, 1, 1, kind="codes")
    info = info_of_new_run(directory, settings, network, dataset, None)
    return Run.create(directory, info, dataset.spec, network, "")


def codes_in(directory, num_steps=100, num_classes=7, **kwargs):
    splits = {split: [np.arange(num_steps) % 7] for split in SPLITS}
    return write_codes(directory, splits, num_classes, **kwargs)


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"upstream": {"digest": "b"}}, "checkpoint of the encoder was made-up, is b"),
        ({"num_classes": 16}, "num_classes was 7, is 16"),
        ({"hop_length": 8}, "hop_length was 64, is 8"),
    ],
)
def test_codes_of_another_encoder_are_refused_with_both_values(own, change, message, run, tmp_path):
    if own:
        shutil.rmtree(tmp_path / "codes")
    directory = codes_in(tmp_path / ("codes" if own else "others"), **change)
    with pytest.raises(
        UserError, match=f"{directory} holds other data than .*run .*: {message}[.]"
    ):
        run.open_dataset(None if own else directory)


def test_other_sources_only_by_name(run, tmp_path):
    assert run.open_dataset().directory == str(tmp_path / "codes")
    other = codes_in(tmp_path / "others", 50)
    assert run.open_dataset(other).directory == other
    shutil.rmtree(tmp_path / "codes")
    codes_in(tmp_path / "codes", 50)
    with pytest.raises(UserError, match="has changed since"):
        run.open_dataset()
    assert run.open_dataset(str(tmp_path / "codes")).directory == str(tmp_path / "codes")


def test_a_class_that_moved_to_another_file_is_the_same_class():
    def text(module, channels):
        config = {"quantizer": {"module": module, "class_name": "Q", "config": {"n": channels}}}
        return json.dumps({"class_name": "A", "config": config})

    assert differing_fields(text("ada.one", 3), text("ada.other", 3)) == []
    assert differing_fields(text("ada.one", 3), text("ada.other", 4)) == ["quantizer.n"]
