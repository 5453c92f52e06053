"""Every value that a shipped gin file searches acts on the weights; alpha, under Adam, does not."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from support import ROOT

from ada.config import configuration
from ada.population.searched import check_effective
from ada.training.launch import make_trainer
from ada.training.start import make_hooks, make_model
from ada.utils.errors import UserError

SMALL = [
    *("LEVEL2_STEPS=1000", "LR_WARMUP_STEPS=0", "BATCH_SIZE=2", "CROP_STEPS=64"),
    *("CODEBOOK_WARMUP_STEPS=0", "RESTART_EVERY=0", "NUM_CODES=8", "RESIDUAL_CHANNELS=8"),
    *("SKIP_CHANNELS=8", "LOCAL_LAYERS=2", "CODER_CHANNELS=8", "CODER_DILATIONS=(1,)"),
    "train.jit_compile=False",
]
STEPS = 2


def load(name, *params):
    return configuration.load([f"gin/{name}.gin", "gin/tiny.gin"], [*SMALL, *params])


def searching():
    """Every shipped gin file that searches, with each value that it searches."""
    for path in sorted((ROOT / "gin").glob("*.gin")):
        if "@Search" in path.read_text():
            for name, ends in load(path.stem).search.hyperparameters.items():
                yield path.stem, name, ends


@functools.cache
def trained(name, *bindings):
    """All weights after a few steps, in one vector, and the codebook alone."""
    trainer = make_trainer(load(name, *bindings))
    rng = np.random.default_rng(0)
    for _ in range(STEPS):
        ids = tf.constant(rng.integers(0, 8, [2, 64]), tf.int32)
        # Eagerly: tracing takes longer than so few steps.
        trainer._train_step({"ids": ids, "weights": tf.ones([2, 64]) / 128.0})
    weights = [w.numpy().ravel() for w in trainer.model.trainable_weights]
    return np.concatenate(weights), trainer.quantizer.codebook.numpy()


def change(name, binding):
    """How far a value moves all weights, and the codebook alone, beside their length."""
    pairs = zip(trained(name, binding), trained(name), strict=True)
    return [np.linalg.norm(one - other) / np.linalg.norm(other) for one, other in pairs]


@pytest.fixture
def eagerly():
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def test_a_shipped_file_searches():
    assert {name for name, _, _ in searching()} == {"level2_vqvae"}


@pytest.mark.parametrize(("name", "searched", "ends"), searching())
def test_each_searched_value_changes_the_weights(name, searched, ends, eagerly):
    everything, codebook = change(name, f"{searched}={ends[1]}")
    assert everything > 1e-3
    if searched == "Optimization.codebook_rate":
        assert codebook > 0.1


def test_alpha_does_not_change_them_and_is_refused(eagerly):
    assert max(change("level2_vqvae", "VectorQuantizer.codebook_weight=0.1")) < 1e-2
    searched = "Search.hyperparameters={'VectorQuantizer.codebook_weight': (0.1, 10.0)}"
    settings = load("level2_vqvae", searched)
    with pytest.raises(UserError, match=r"no effect under Adam.*Optimization\.codebook_rate"):
        check_effective(settings, make_model(settings))


def test_the_rate_of_a_codebook_that_no_gradient_trains_is_refused():
    settings = load("level2_vqvae", "EMA_DECAY=0.99")
    model = make_model(settings)
    make_hooks(settings, model)
    with pytest.raises(UserError, match="no codebook is trained by gradients"):
        check_effective(settings, model)
