"""Codes made from data: before and after, the autoencoder says the same of the same centres."""

import numpy as np
import pytest
import tensorflow as tf

from ada.extensions import CodebookWarmup
from ada.extensions.anti_collapse.argmax_codes import CONFIDENCE
from ada.extensions.anti_collapse.kmeans import kmeans
from ada.extensions.anti_collapse.warmup import QUERIES_PER_CODE, make_codebook, some_queries
from ada.quantizers import ArgmaxQuantizer, VectorQuantizer


@pytest.fixture
def ids():
    return tf.constant(np.random.default_rng(0).integers(0, 7, (3, 40)), tf.int32)


def flat(queries):
    return queries.numpy().reshape(-1, queries.shape[-1])


@pytest.mark.parametrize(("dtype", "close"), [("float32", 1e-4), ("mixed_bfloat16", 0.05)])
def test_an_argmax_code_stands_for_a_centre(dtype, close, make_autoencoder, ids):
    """The code is the nearest centre; what it is decoded to is what the centre was decoded to."""
    quantizer = ArgmaxQuantizer(8, normalization="softmax")
    model = make_autoencoder(quantizer=quantizer, dtype=dtype)
    queries = model.queries(ids)
    centres = kmeans(flat(queries), 8, seed=3)
    distances = ((queries.numpy()[:, :, np.newaxis] - centres) ** 2).sum(-1)
    nearest = distances.argmin(-1)
    decoded = model.modulator(tf.gather(centres, nearest)).numpy()

    replaced = make_codebook(model, flat(queries), seed=3)
    assert [weight.name for weight in replaced] == ["kernel", "bias", "kernel"]
    np.testing.assert_array_equal(model.encode(ids), nearest)
    conditioning = tf.cast(model.conditioning(nearest), tf.float32)
    np.testing.assert_allclose(conditioning, decoded.astype(np.float32), rtol=close, atol=close)
    # Activations are distances, scaled, up to what all codes of a query share.
    activations = model.queries(ids).numpy()
    scale = -np.polyfit(
        (distances - distances.mean(-1, keepdims=True)).ravel(),
        (activations - activations.mean(-1, keepdims=True)).ravel(),
        1,
    )[0]
    np.testing.assert_allclose((activations / scale + distances).std(-1), 0.0, atol=1e-3)


def test_its_softmax_is_neither_flat_nor_certain(make_autoencoder, ids):
    model = make_autoencoder(quantizer=ArgmaxQuantizer(8, normalization="softmax"))
    make_codebook(model, flat(model.queries(ids)), seed=3)
    q = model.quantizer.normalize(model.queries(ids)).numpy()
    assert q.max(-1).mean() == pytest.approx(CONFIDENCE, abs=0.01)


def test_until_then_activations_pass_without_losses(make_autoencoder, ids):
    quantizer = ArgmaxQuantizer(8, 0.3, 5.0, normalization="softmax")
    model = make_autoencoder(quantizer=quantizer)
    CodebookWarmup(5).build(model)
    queries = model.queries(ids)
    output = quantizer(queries)
    assert not quantizer.is_active
    np.testing.assert_array_equal(output.quantized, queries)
    assert {name: float(value) for name, value in output.losses.items()} == {
        "commitment": 0.0,
        "diversity": 0.0,
    }
    make_codebook(model, flat(queries), seed=3)
    assert quantizer.is_active
    output = quantizer(model.queries(ids))
    np.testing.assert_allclose(output.quantized, tf.one_hot(output.codes, 8), atol=1e-6)
    assert min(float(value) for value in output.losses.values()) > 0.0


def test_only_the_codebook_of_a_vector_quantiser_is_replaced(make_autoencoder, ids):
    model = make_autoencoder(quantizer=VectorQuantizer(8, 3))
    queries = flat(model.queries(ids))
    assert make_codebook(model, queries, seed=3)[0] is model.quantizer.codebook
    np.testing.assert_array_equal(model.quantizer.codebook, kmeans(queries, 8, seed=3))


def test_relu_has_no_warmup(make_autoencoder):
    with pytest.raises(ValueError, match="softmax"):
        CodebookWarmup(5).build(make_autoencoder(quantizer=ArgmaxQuantizer(8)))


def test_queries_are_as_many_as_wanted_and_none_of_padding(make_autoencoder):
    model = make_autoencoder()
    rng = np.random.default_rng(0)
    # The last row of each batch is padding, which no code is made from.
    weights = tf.constant(np.repeat([[1], [1], [1], [0]], 64, axis=1), tf.float32)
    batches = [
        {"ids": tf.constant(rng.integers(0, 7, (4, 64)), tf.int32), "weights": weights}
        for _ in range(13)
    ]
    # 13 batches hold 624 queries: more than the 512 that eight codes want.
    queries = np.concatenate([model.queries(batch["ids"])[:3].numpy() for batch in batches])
    wanted = 8 * QUERIES_PER_CODE
    found = some_queries(model, iter(batches))
    np.testing.assert_allclose(found, flat(tf.constant(queries))[:wanted], rtol=1e-5, atol=1e-6)
    left = iter(batches)
    some_queries(model, left)
    assert len(list(left)) == 13 - -(-wanted // 48)
