"""Activations recomputed in the backward pass: the same gradients, and less kept."""

import numpy as np
import pytest
import tensorflow as tf


def gradients(model, jit_compile):
    ids = tf.constant(np.random.default_rng(0).integers(0, 7, (2, 24)), tf.int32)
    variables = [v.value for v in model.trainable_variables]

    @tf.function(jit_compile=jit_compile)
    def compute():
        with tf.GradientTape() as tape:
            loss = tf.add_n(list(model.compute_losses(ids).losses.values()))
        return loss, [tf.convert_to_tensor(g) for g in tape.gradient(loss, variables)]

    return compute()


@pytest.mark.parametrize(("layers", "jit_compile"), [(1, False), (2, True), (3, False)])
@pytest.mark.parametrize("kind", ["wavenet", "autoencoder"])
def test_gradients_are_the_same(kind, layers, jit_compile, make_wavenet, make_autoencoder):
    model = make_wavenet() if kind == "wavenet" else make_autoencoder()
    expected_loss, expected = gradients(model, jit_compile)
    model.recompute_layers(layers)
    loss, found = gradients(model, jit_compile)
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-6)
    for variable, one, other in zip(model.trainable_variables, expected, found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6, err_msg=variable.path)
    model.recompute_layers(0)


def test_a_layer_is_computed_twice(make_wavenet):
    def convolutions(model):
        ids = tf.zeros([1, 16], tf.int32)

        @tf.function
        def compute():
            with tf.GradientTape() as tape:
                loss = model.compute_losses(ids).losses["nll"]
            return tape.gradient(loss, [v.value for v in model.trainable_variables])

        operations = compute.get_concrete_function().graph.get_operations()
        return sum(operation.type == "Conv2D" for operation in operations)

    model = make_wavenet()
    once = convolutions(model)
    model.recompute_layers(2)
    assert convolutions(model) == 2 * once
    model.recompute_layers(0)
