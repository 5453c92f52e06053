"""The codebook that training makes is k-means of the queries of its batches."""

import numpy as np
import tensorflow as tf

from ada.training import launch
from ada.training.codebook import QUERIES_PER_CODE, init_codebook


def test_it_is_that_of_as_many_queries_as_are_wanted(settings):
    rng = np.random.default_rng(0)
    batches = [
        {
            "ids": tf.constant(rng.integers(0, 4, (4, 64)), tf.int32),
            # The last crop is padding, which no code is made from.
            "weights": tf.constant(np.repeat([[1], [1], [1], [0]], 64, axis=1), tf.float32),
        }
        for _ in range(12)
    ]
    made, expected = launch.make_trainer(settings), launch.make_trainer(settings)
    expected.model.set_weights(made.model.get_weights())
    init_codebook(made, iter(batches))
    # Twelve batches hold 576 queries: more than the 512 that eight codes want.
    queries = np.concatenate([expected.model.queries(b["ids"])[:3].numpy() for b in batches])
    queries = queries.reshape(-1, queries.shape[-1])
    assert len(queries) > 8 * QUERIES_PER_CODE
    expected.model.init_codebook(queries[: 8 * QUERIES_PER_CODE], expected.seed)
    codebook = made.quantizer.codebook.numpy()
    np.testing.assert_allclose(codebook, expected.quantizer.codebook.numpy(), rtol=1e-5, atol=1e-6)
    assert len(np.unique(codebook, axis=0)) == 8
