"""Codes made from data: before and after, the autoencoder says the same of the same centres."""

import numpy as np
import pytest
import tensorflow as tf

from ada.quantizers import ArgmaxQuantizer, VectorQuantizer
from ada.quantizers.argmax import CONFIDENCE
from ada.quantizers.kmeans import kmeans


@pytest.fixture
def ids():
    return tf.constant(np.random.default_rng(0).integers(0, 7, (3, 40)), tf.int32)


def flat(queries):
    return queries.numpy().reshape(-1, queries.shape[-1])


@pytest.mark.parametrize(("dtype", "close"), [("float32", 1e-4), ("mixed_bfloat16", 0.05)])
def test_an_argmax_code_stands_for_a_centre(dtype, close, make_autoencoder, ids):
    """The code is the nearest centre; what it is decoded to is what the centre was decoded to."""
    quantizer = ArgmaxQuantizer(8, normalization="softmax", warmup_steps=5)
    model = make_autoencoder(quantizer=quantizer, dtype=dtype)
    queries = model.queries(ids)
    centres = kmeans(flat(queries), 8, seed=3)
    distances = ((queries.numpy()[:, :, np.newaxis] - centres) ** 2).sum(-1)
    nearest = distances.argmin(-1)
    decoded = model.modulator(tf.gather(centres, nearest)).numpy()

    replaced = model.init_codebook(flat(queries), seed=3)
    assert [weight.name for weight in replaced] == ["kernel", "bias", "kernel"]
    np.testing.assert_array_equal(model.encode(ids), nearest)
    conditioning = tf.cast(model.conditioning(nearest), tf.float32)
    np.testing.assert_allclose(conditioning, decoded.astype(np.float32), rtol=close, atol=close)
    # Activations are distances, up to what all codes of a query share.
    differences = (model.queries(ids).numpy() + distances).std(-1)
    np.testing.assert_allclose(differences, 0.0, atol=1e-3)


def test_its_softmax_is_neither_flat_nor_certain(make_autoencoder, ids):
    model = make_autoencoder(quantizer=ArgmaxQuantizer(8, normalization="softmax", warmup_steps=5))
    model.init_codebook(flat(model.queries(ids)), seed=3)
    q = model.quantizer.normalize(model.queries(ids)).numpy()
    assert q.max(-1).mean() == pytest.approx(CONFIDENCE, abs=0.01)


def test_until_then_activations_pass_without_losses(make_autoencoder, ids):
    quantizer = ArgmaxQuantizer(8, 0.3, 5.0, normalization="softmax", warmup_steps=5)
    model = make_autoencoder(quantizer=quantizer)
    queries = model.queries(ids)
    output = quantizer(queries)
    assert quantizer.wants_codebook
    np.testing.assert_array_equal(output.quantized, queries)
    assert {name: float(value) for name, value in output.losses.items()} == {
        "commitment": 0.0,
        "diversity": 0.0,
    }
    model.init_codebook(flat(queries), seed=3)
    assert not quantizer.wants_codebook
    output = quantizer(model.queries(ids))
    np.testing.assert_allclose(output.quantized, tf.one_hot(output.codes, 8), atol=1e-6)
    assert min(float(value) for value in output.losses.values()) > 0.0


def test_only_the_codebook_of_a_vector_quantiser_is_replaced(make_autoencoder, ids):
    model = make_autoencoder(quantizer=VectorQuantizer(8, 3, warmup_steps=5))
    queries = flat(model.queries(ids))
    assert model.init_codebook(queries, seed=3)[0] is model.quantizer.codebook
    np.testing.assert_array_equal(model.quantizer.codebook, kmeans(queries, 8, seed=3))


def test_relu_has_no_warmup():
    with pytest.raises(ValueError, match="softmax"):
        ArgmaxQuantizer(8, warmup_steps=5)
