"""bfloat16 inside: float32 logits near those of float32, and gradients that can be used."""

import numpy as np
import pytest
import tensorflow as tf

from ada.quantizers import ArgmaxQuantizer, VectorQuantizer


def same_but(make, **kwargs):
    """The same network in float32 and in bfloat16, of the same weights."""
    exact, mixed = make(**kwargs), make(**kwargs, dtype="mixed_bfloat16")
    for a, b in zip(exact.weights, mixed.weights, strict=True):
        assert b.dtype == "float32"
        b.assign(a)
    return exact, mixed


@pytest.fixture
def ids():
    return np.random.default_rng(1).integers(0, 7, (2, 18)).astype(np.int32)


def check(exact, mixed, logits, ids):
    expected, found = logits(exact), logits(mixed)
    assert found.dtype == tf.float32
    difference = np.abs(found - expected)
    # bfloat16 keeps 8 bits: errors of a part in 256 in each of some ten operations.
    assert 0.0 < difference.max() < 0.05 * np.abs(expected).max()

    with tf.GradientTape() as tape:
        loss = tf.add_n(list(mixed.compute_losses(ids).losses.values()))
    assert loss.dtype == tf.float32
    gradients = tape.gradient(loss, [v.value for v in mixed.trainable_variables])
    assert all(np.isfinite(tf.convert_to_tensor(g)).all() for g in gradients)
    assert all(np.any(tf.convert_to_tensor(g)) for g in gradients)


def test_wavenet(make_wavenet, ids):
    exact, mixed = same_but(make_wavenet)
    assert mixed.blocks[0].convolution.compute_dtype == "bfloat16"
    check(exact, mixed, lambda model: model(ids), ids)


@pytest.mark.parametrize("quantizer", [VectorQuantizer, ArgmaxQuantizer])
@pytest.mark.parametrize("upsample", [False, True])
def test_autoencoder(upsample, quantizer, make_autoencoder, ids):
    def make(**kwargs):
        arguments = (8, 3) if quantizer is VectorQuantizer else (8,)
        return make_autoencoder(quantizer=quantizer(*arguments), upsample=upsample, **kwargs)

    exact, mixed = same_but(make)
    assert mixed.queries(ids).dtype == tf.float32
    assert mixed.encoder.compute_dtype == "bfloat16"
    assert mixed.quantizer.compute_dtype == "float32"
    # Codes may change by rounding; their decoder is compared on the same ones.
    codes = exact.encode(ids)
    check(exact, mixed, lambda model: model.decode(codes, ids), ids)
