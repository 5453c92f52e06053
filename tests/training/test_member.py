"""A member's score, what it copies, and what it leaves in its process."""

import dataclasses
import gc
import math
import weakref

import numpy as np
import pytest
import tensorflow as tf

from ada.population.member import MemberTrainer, judge
from ada.training import Search
from ada.training.loop import DivergedError, Loop

COST = "codebook/rolled_codes_cost_bits"
HEALTHY = {"reconstruction_bits": 3.0, "codebook/perplexity": 40.0, COST: 0.02}


def test_a_healthy_member_is_scored_by_its_bits():
    report = {"bits": 3.0, "perplexity": 40.0, "rolled_codes_cost_bits": 0.02}
    assert judge(HEALTHY, True, 16.0, 0.01) == (3.0, True, report)
    assert judge(HEALTHY | {COST: -1.0}, True, 16.0)[1]  # not looked at
    assert judge({"bits": 2.0}, True, 16.0, 0.01)[:2] == (2.0, True)


@pytest.mark.parametrize(
    ("scores", "active"),
    [
        ({"reconstruction_bits": 0.1, "codebook/perplexity": 15.9}, True),
        ({"reconstruction_bits": 0.1, "codebook/perplexity": math.nan}, True),
        ({"reconstruction_bits": math.nan, "codebook/perplexity": 40.0}, True),
        ({"reconstruction_bits": math.inf, "codebook/perplexity": 40.0}, True),
        ({"reconstruction_bits": 0.1, "codebook/perplexity": 40.0}, False),
        ({"reconstruction_bits": 0.1, "codebook/perplexity": 40.0, COST: 0.009}, True),
        ({"reconstruction_bits": 0.1, "codebook/perplexity": 40.0, COST: -0.1}, True),
        ({"reconstruction_bits": 0.1, "codebook/perplexity": 40.0, COST: math.nan}, True),
        ({}, False),
    ],
)
def test_collapse_ignored_codes_warm_up_and_nan_are_worse_than_anything_healthy(scores, active):
    score, healthy, report = judge(scores, active, 16.0, 0.01)
    assert not healthy
    assert math.isfinite(score)
    assert score > judge(HEALTHY | {"reconstruction_bits": 500.0}, True, 16.0)[0]
    assert report["bits"] is None or math.isfinite(report["bits"])


def test_nan_is_worst_of_all():
    collapsed = judge({"reconstruction_bits": 1e9, "codebook/perplexity": 1.0}, True, 16.0)
    assert judge({}, True, 16.0)[0] > collapsed[0]


def saved(prefix):
    """Everything in a checkpoint, by name."""
    reader = tf.train.load_checkpoint(str(prefix))
    return {
        name: reader.get_tensor(name)
        for name in reader.get_variable_to_shape_map()
        if name != "_CHECKPOINTABLE_OBJECT_GRAPH" and "save_counter" not in name
    }


@pytest.fixture
def member(settings, markov_dataset, tmp_path):
    """Trains members on (learning_rate, alpha, beta), four steps to an interval."""

    def load(values):
        def model():
            network = settings.model()
            network.quantizer.codebook_weight = values["alpha"]
            network.quantizer.commitment_weight = values["beta"]
            return network

        return dataclasses.replace(
            settings,
            model=model,
            optimization=dataclasses.replace(
                settings.optimization,
                learning_rate=values["learning_rate"],
                schedule="constant",
                warmup_steps=0,
            ),
            search=Search({"alpha": (0.1, 10.0)}, 2, interval_steps=4),
        )

    return MemberTrainer(load, lambda: "", str(tmp_path), markov_dataset, 1)


def test_a_copy_goes_on_from_exactly_the_donors_variables(member, tmp_path, monkeypatch):
    donor = member(0, {"learning_rate": 1e-2, "alpha": 1.0, "beta": 0.25}, None)
    found = {}

    def run_on(loop, until):
        assert (loop.trainer.step, until) == (4, 8)
        quantizer = loop.trainer.quantizer
        found["hyperparameters"] = {
            "learning_rate": float(loop.trainer.optimizer.learning_rate),
            "alpha": quantizer.codebook_weight,
            "beta": quantizer.commitment_weight,
        }
        loop.checkpoints.save()
        raise DivergedError

    monkeypatch.setattr(Loop, "run_on", run_on)
    others = {"learning_rate": 3e-3, "alpha": 2.0, "beta": 0.5}
    member(1, others, donor.state)
    assert found["hyperparameters"] == pytest.approx(others)
    expected = saved(tmp_path / donor.state["checkpoint"])
    copied = saved(tmp_path / "member1" / "checkpoints" / "ckpt-4")
    assert expected.keys() == copied.keys()
    for part in ("model/", "optimizer/", "polyak/", "code_use/"):
        assert any(name.startswith(part) for name in expected), part
    for name, value in expected.items():
        np.testing.assert_array_equal(value, copied[name], err_msg=name)


def test_a_member_whose_decoder_ignores_its_codes_is_not_healthy(member, monkeypatch):
    """The same member twice, once with the conditioning of its local model cut off."""
    values = {"learning_rate": 1e-2, "alpha": 1.0, "beta": 0.25}
    validate = Loop._validate
    found = []

    def cut_off(loop, step):
        kernel = loop.trainer.model.local_model.condition.kernel
        index = [w is kernel for w in loop.trainer.model.trainable_weights].index(True)
        loop.trainer.polyak.averages[index].assign(tf.zeros_like(kernel))
        validate(loop, step)
        found.append(loop.scores[COST])

    listening = member(0, values, None)
    assert abs(listening.report["rolled_codes_cost_bits"]) > 1e-6
    monkeypatch.setattr(Loop, "_validate", cut_off)
    deaf = member(1, values, None)
    assert found == [pytest.approx(0.0, abs=1e-6)]
    assert not deaf.healthy and deaf.score > 1000.0


def test_no_model_of_an_interval_outlives_it(member, monkeypatch):
    models = []

    def run_on(loop, until):
        models.append(weakref.ref(loop.trainer.model))
        raise DivergedError

    monkeypatch.setattr(Loop, "run_on", run_on)
    gc.disable()
    try:
        member(0, {"learning_rate": 1e-2, "alpha": 1.0, "beta": 0.25}, None)
        assert models[0]() is None
    finally:
        gc.enable()
