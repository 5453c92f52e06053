"""Code use, perplexity, and the quantiser that is none."""

import numpy as np
import pytest

from ada.quantizers import IdentityQuantizer, perplexity
from ada.quantizers.usage import code_usage, usage_metrics


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ([0.25, 0.25, 0.25, 0.25], 4.0),
        ([0.0, 1.0, 0.0, 0.0], 1.0),
        ([0.5, 0.0, 0.0, 0.5], 2.0),
        ([3.0, 0.0, 3.0, 0.0], 2.0),  # counts do as well as shares
        ([0.5, 0.25, 0.25, 0.0], 2.0**1.5),
    ],
)
def test_perplexity_is_exp_of_the_entropy(usage, expected):
    np.testing.assert_allclose(perplexity(np.array(usage, np.float32)), expected, rtol=1e-6)


def test_perplexity_of_several_codebooks_at_once():
    usage = np.array([[1.0, 0.0], [0.5, 0.5]], np.float32)
    np.testing.assert_allclose(perplexity(usage), [1.0, 2.0], rtol=1e-6)


def test_usage_is_the_weight_of_each_code_and_adds_up_over_parts():
    codes = np.array([[0, 2, 2], [1, 0, 0]], np.int32)
    weights = np.array([[0.1, 0.2, 0.05], [0.25, 0.4, 0.0]], np.float32)
    whole = code_usage(codes, weights, 4)
    np.testing.assert_allclose(whole, [0.5, 0.25, 0.25, 0.0], rtol=1e-6)
    parts = sum(code_usage(codes[i : i + 1], weights[i : i + 1], 4) for i in range(2))
    np.testing.assert_allclose(parts, whole, rtol=1e-6)
    assert usage_metrics(whole)["used_codes"] == 3


def test_identity_passes_queries_on(queries):
    quantizer = IdentityQuantizer(3)
    output = quantizer(queries)
    np.testing.assert_array_equal(output.quantized, queries)
    assert output.codes is None
    assert output.losses == {}
    assert quantizer.num_codes == 0
    assert not quantizer.weights
    with pytest.raises(ValueError, match="no codes"):
        quantizer.codes_to_quantized(np.zeros((1, 2), np.int32))
