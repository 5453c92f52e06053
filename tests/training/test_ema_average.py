"""The Polyak average of a codebook that is a moving average itself, by hand."""

import numpy as np
import pytest
import tensorflow as tf

from ada.config import configuration
from ada.training.launch import make_trainer

SMALL = [
    *("LR_WARMUP_STEPS=0", "BATCH_SIZE=2", "CROP_STEPS=64", "CODEBOOK_WARMUP_STEPS=0"),
    *("RESTART_EVERY=0", "NUM_CODES=8", "RESIDUAL_CHANNELS=8", "SKIP_CHANNELS=8"),
    *("LOCAL_LAYERS=2", "CODER_CHANNELS=8", "CODER_DILATIONS=(1,)", "LEVEL2_STEPS=1000"),
    *("EMA_DECAY=0.5", "train.jit_compile=False"),
]


def test_the_codebook_is_part_of_the_polyak_average():
    trainer = make_trainer(configuration.load(["gin/level2_vqvae.gin", "gin/tiny.gin"], SMALL))
    codebook = trainer.quantizer.codebook
    (place,) = (i for i, w in enumerate(trainer.polyak._sources) if w is codebook)
    average, expected = trainer.polyak.averages[place], codebook.numpy()
    rng = np.random.default_rng(0)
    tf.config.run_functions_eagerly(True)
    try:
        for n in range(3):
            ids = tf.constant(rng.integers(0, 8, [2, 64]), tf.int32)
            trainer._train_step({"ids": ids, "weights": tf.ones([2, 64]) / 128.0})
            decay = min(trainer.polyak.decay, (1 + n) / (10 + n))
            expected = decay * expected + (1 - decay) * codebook.numpy()
    finally:
        tf.config.run_functions_eagerly(False)
    np.testing.assert_allclose(average.numpy(), expected, rtol=1e-5, atol=1e-6)
    assert np.abs(average.numpy() - codebook.numpy()).max() > 1e-3
    with trainer.polyak.in_place():  # what is validated, exported and packed
        np.testing.assert_array_equal(codebook.numpy(), average.numpy())
    assert average.numpy() != pytest.approx(codebook.numpy())
