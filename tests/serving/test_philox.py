"""The random numbers of a servable are those of `ada.generation`, to the last bit."""

import numpy as np
import pytest
import tensorflow as tf

from ada.generation import uniforms
from ada.serving.philox import graph_uniforms

SEEDS = (0, 1, 2**32 - 1, 2**32, 2**63 - 1, -1, -(2**63))


@pytest.mark.parametrize("jit_compile", [None, True], ids=["graph", "xla"])
@pytest.mark.parametrize(("level", "steps"), [(0, 512), (1, 517), (2, 1)])
def test_they_are_numpys(level, steps, jit_compile):
    compiled = tf.function(graph_uniforms, autograph=False, jit_compile=jit_compile)
    for seed in SEEDS:
        for item, block in [(0, 0), (1, 2), (2**31, 2**32 - 1)]:
            ours = compiled(
                *(tf.constant(seed, tf.int64), tf.constant(item, tf.int64), level),
                *(tf.constant(block, tf.int64), steps),
            )
            np.testing.assert_array_equal(ours, uniforms(seed, item, level, block, steps))
