"""Configurations of older versions, brought up to date."""

import json

import pytest
import tensorflow as tf
from support import write_run

from ada.quantizers import VectorQuantizer
from ada.runs.model_json import is_old, model_config, model_from_config
from ada.runs.old_formats import upgraded
from ada.runs.run import Run

OLD = {
    "init_from_data": True,
    "normalize": False,
    "warmup_steps": 7,
    "restart_every": 9,
    "ema_decay": None,
}


def old_config(model, **changes):
    config = json.loads(model_config(model))
    config["config"]["quantizer"]["config"] |= OLD | changes
    config["config"]["local_model"]["config"] |= {"input_replacement": 0.2}
    return json.dumps(config)


def test_options_that_moved_are_dropped(make_autoencoder):
    model = make_autoencoder()
    text = old_config(model)
    assert is_old(text) and not is_old(model_config(model))
    assert model_config(model_from_config(text)) == model_config(model)


def test_moving_averages_are_a_codebook_that_is_not_trained(make_autoencoder):
    model = model_from_config(old_config(make_autoencoder(), ema_decay=0.9))
    model.build()
    assert not model.quantizer.trainable_variables
    assert model.quantizer.codebook_weight == 0.0


def test_unit_length_is_a_class_of_its_own(make_autoencoder):
    model = model_from_config(old_config(make_autoencoder(), normalize=True))
    assert type(model.quantizer).__name__ == "UnitLengthVectorQuantizer"


@pytest.mark.parametrize(
    ("restarts", "decay", "skipped"), [(0, None, 0), (3, None, 2), (3, 0.9, 4)]
)
def test_copies_of_a_front_end_are_counted(restarts, decay, skipped):
    below = {"class_name": "VectorQuantizer", "config": OLD | {"restart_every": restarts}}
    below["config"]["ema_decay"] = decay
    config = upgraded({"class_name": "CodeFrontEnd", "config": {"quantizer": below}})
    assert config["config"]["skipped_copies"] == skipped


def test_old_run_gives_the_same_codes(make_autoencoder, tmp_path):
    model = make_autoencoder(quantizer=VectorQuantizer(8, 3))
    run_dir = write_run(tmp_path / "run", model, 1000)
    ids = tf.constant([[1, 2, 3, 4, 5, 6, 0, 1]])
    expected = Run.open(str(run_dir)).load_model().encode(ids).numpy()
    (tmp_path / "run" / "model.json").write_text(old_config(model))
    found = Run.open(str(run_dir)).load_model().encode(ids).numpy()
    assert (found == expected).all()
