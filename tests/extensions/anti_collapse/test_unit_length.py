"""Queries and codebook vectors of length one, by the full table of distances in NumPy."""

import numpy as np

from ada.extensions import UnitLengthVectorQuantizer


def nearest(queries, codebook):
    distances = ((queries[..., np.newaxis, :] - codebook) ** 2).sum(-1)
    codes = distances.argmin(-1)
    return codes, codebook[codes]


def test_normalized_queries_and_vectors_have_length_one(queries, randomize):
    quantizer = UnitLengthVectorQuantizer(5, 3)
    quantizer.build((None, None, 3))
    randomize(quantizer, scale=1.0)
    output = quantizer(queries)
    unit = queries / np.linalg.norm(queries, axis=-1, keepdims=True)
    codebook = quantizer.codebook.numpy()
    codes, vectors = nearest(unit, codebook / np.linalg.norm(codebook, axis=-1, keepdims=True))
    np.testing.assert_array_equal(output.codes, codes)
    assert (codes != nearest(queries, codebook)[0]).any()
    np.testing.assert_allclose(output.quantized, vectors, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(quantizer.codes_to_quantized(codes), vectors, rtol=1e-5)
    value = ((vectors - unit) ** 2).sum(-1).mean()
    np.testing.assert_allclose(output.losses["codebook"], value, rtol=1e-5)
    np.testing.assert_allclose(output.losses["commitment"], 0.25 * value, rtol=1e-5)
