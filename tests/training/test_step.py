"""The step by itself: static enough for a TPU, and careful with float16."""

import dataclasses
import types

import numpy as np
import pytest
import tensorflow as tf

from ada.extensions import EmaCodebook, ReplaceInputs, RestartUnusedCodes
from ada.models import AutoregressiveDiscreteAutoencoder, Encoder, Modulator, WaveNet
from ada.quantizers import ArgmaxQuantizer, VectorQuantizer
from ada.training import launch
from ada.training.loss_scale import GROWTH_STEPS, INITIAL, LossScale
from ada.utils.errors import UserError

QUANTIZERS = {
    "vq": lambda: VectorQuantizer(8, 4),
    "vq_ema": lambda: VectorQuantizer(8, 4),
    "amae": lambda: ArgmaxQuantizer(8, diversity_weight=10.0),
}
HOOKS = {
    "vq": (lambda: RestartUnusedCodes(4),),
    "vq_ema": (lambda: EmaCodebook(0.9), lambda: RestartUnusedCodes(4)),
    "amae": (),
}


def settings_with(settings, quantizer, replacement=0.0, **changes):
    def model():
        return AutoregressiveDiscreteAutoencoder(
            Encoder(4, 4, 8, (1,), input_channels=4, ordinal_classes=False),
            QUANTIZERS[quantizer](),
            Modulator(8, (1,)),
            WaveNet(4, 1, 2, 2, 8, 8, 8, ordinal_classes=False),
        )

    hooks = (*HOOKS[quantizer], lambda: ReplaceInputs(replacement))
    return dataclasses.replace(settings, model=model, hooks=hooks, **changes)


def batch(seed):
    ids = np.random.default_rng(seed).integers(0, 4, (4, 32)).astype(np.int32)
    weights = np.ones(ids.shape, np.float32)
    weights[3, 20:] = 0.0
    return {"ids": tf.constant(ids), "weights": tf.constant(weights / weights.sum())}


@pytest.mark.parametrize(("quantizer", "micro_batches"), [("vq", 1), ("vq_ema", 2), ("amae", 2)])
def test_xla_compiles_the_whole_step_as_on_a_tpu(settings, quantizer, micro_batches):
    """No shape that depends on values and nothing for the host: XLA would refuse them."""
    results = []
    for whole in (False, True):
        changed = settings_with(settings, quantizer, accumulation_steps=micro_batches)
        trainer = launch.make_trainer(changed)
        step = tf.function(trainer._train_step, autograph=False, jit_compile=whole)
        for seed in range(3):
            result = step(batch(seed))
        weights = {f"weight{i}": w.numpy() for i, w in enumerate(trainer.model.weights)}
        results.append(result.losses | result.metrics | weights)
        # A restart draws, and XLA draws otherwise.
        result = step(batch(3))
        assert np.isfinite(float(result.losses["nll"]))
    expected, found = results
    for name, value in expected.items():
        np.testing.assert_allclose(value, found[name], rtol=1e-4, atol=1e-5, err_msg=name)


def test_xla_compiles_replaced_inputs_too(settings):
    trainer = launch.make_trainer(settings_with(settings, "vq", replacement=0.2))
    step = tf.function(trainer._train_step, autograph=False, jit_compile=True)
    assert np.isfinite(float(step(batch(0)).losses["nll"]))


def test_the_loss_scale_by_hand():
    scale = LossScale()
    assert float(scale.value) == INITIAL
    scale.update(tf.constant(False))
    assert float(scale.value) == INITIAL / 2
    for _ in range(GROWTH_STEPS - 1):
        scale.update(tf.constant(True))
    assert float(scale.value) == INITIAL / 2
    scale.update(tf.constant(True))
    assert float(scale.value) == INITIAL
    assert int(scale.good_steps) == 0


def test_a_step_that_overflows_in_float16_changes_no_weight_and_the_next_ones_learn(settings):
    changed = settings_with(settings, "vq", precision="mixed_float16")
    trainer = launch.make_trainer(changed)
    trainer.train_step(batch(0))
    slots = [*trainer.optimizer._momentums, *trainer.optimizer._velocities]
    kept = [*trainer.model.trainable_weights, *slots]

    trainer.loss_scale.value.assign(2.0**40)
    before = [weight.numpy() for weight in kept]
    result = trainer.train_step(batch(1))
    assert float(result.metrics["loss_scale"]) == 2.0**39
    assert float(result.metrics["gradient_norm"]) == 0.0
    for value, weight in zip(before, kept, strict=True):
        np.testing.assert_array_equal(value, weight.numpy(), err_msg=weight.path)
    # The data go on: a batch is a function of the step.
    assert trainer.step == 2

    trainer.loss_scale.value.assign(2.0**10)
    result = trainer.train_step(batch(2))
    assert float(result.metrics["gradient_norm"]) > 0.0
    assert any(np.any(v != w.numpy()) for v, w in zip(before, kept, strict=True))


def test_a_gradient_that_no_scale_helps_is_not_hidden(settings):
    trainer = launch.make_trainer(settings_with(settings, "vq_ema", precision="mixed_float16"))
    kernel = trainer.model.local_model.logits.kernel
    kernel.assign(kernel * float("nan"))
    trainer.loss_scale.value.assign(1.0)
    result = trainer.train_step(batch(0))
    assert not np.isfinite(float(result.metrics["gradient_norm"]))
    assert np.all(np.isfinite(trainer.hooks[0].sums.numpy()))


def test_scaled_gradients_are_those_of_float32(settings):
    norms = {}
    for precision in ("float32", "mixed_float16"):
        trainer = launch.make_trainer(settings_with(settings, "vq", precision=precision))
        norms[precision] = float(trainer.train_step(batch(0)).metrics["gradient_norm"])
    np.testing.assert_allclose(norms["mixed_float16"], norms["float32"], rtol=0.02)


@pytest.mark.parametrize(
    ("batch_size", "replicas", "micro_batches", "good"),
    [(4, 8, 1, "8"), (6, 4, 1, "4 or 8"), (12, 4, 2, "8 or 16"), (9, 2, 3, "6 or 12")],
)
def test_a_batch_that_does_not_divide_is_refused_with_the_next_that_do(
    batch_size, replicas, micro_batches, good, settings
):
    changed = dataclasses.replace(settings, batch_size=batch_size, accumulation_steps=micro_batches)
    strategy = types.SimpleNamespace(num_replicas_in_sync=replicas)
    with pytest.raises(UserError, match=f"{replicas} replicas: set BATCH_SIZE to {good}\\.$"):
        launch.make_trainer(changed, strategy)
