"""Trains a few steps on N logical CPU devices and saves all weights; run by test_replicas.py."""

import sys

import ada  # noqa: F401 - quiets TensorFlow

import keras  # isort: skip
import numpy as np  # isort: skip
import tensorflow as tf  # isort: skip

from ada.models import (
    AutoregressiveDiscreteAutoencoder,
    Encoder,
    Modulator,
    PolyakAverage,
    WaveNet,
)
from ada.quantizers import ArgmaxQuantizer, VectorQuantizer
from ada.training import Trainer
from ada.training.strategies import distribute, make_strategy

QUANTIZERS = {
    "vq": lambda: VectorQuantizer(16, 8, restart_every=2),
    "vq_ema": lambda: VectorQuantizer(16, 8, restart_every=2, ema_decay=0.9),
    "amae": lambda: ArgmaxQuantizer(16, diversity_weight=100.0),
}


def run(kind: str, strategy: tf.distribute.Strategy) -> dict:
    """Five steps, with clipping active, restarts, replaced inputs and padding in the batch."""
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = AutoregressiveDiscreteAutoencoder(
            Encoder(4, 16, 16, (1, 2), input_channels=8),
            QUANTIZERS[kind](),
            Modulator(16, (1,)),
            WaveNet(16, 1, 3, 2, 8, 16, 16, input_replacement=0.2),
        )
        model.build()
        polyak = PolyakAverage(model, 0.9)
        optimizer = keras.optimizers.Adam(1e-3)
    trainer = Trainer(
        model, optimizer, polyak, strategy, clip_norm=0.1, jit_compile=kind == "vq", seed=3
    )
    rng = np.random.default_rng(1)
    ids = rng.integers(0, 16, size=(5, 4, 32)).astype(np.int32)
    weights = np.ones(ids.shape, np.float32)
    weights[:, 3, 20:] = 0.0
    weights /= weights[0].sum()
    batches = tf.data.Dataset.from_tensor_slices({"ids": ids, "weights": weights})
    result = {}
    for step, batch in enumerate(distribute(batches, strategy, 4)):
        outcome = trainer.train_step(batch)
        for name, value in (outcome.losses | outcome.metrics).items():
            result[f"step{step}/{name}"] = value.numpy()
    result |= {f"weight/{w.path}": w.numpy() for w in model.weights}
    result |= {f"polyak/{i}": a.numpy() for i, a in enumerate(polyak.averages)}
    return result


if __name__ == "__main__":
    replicas = int(sys.argv[1])
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0],
        [tf.config.LogicalDeviceConfiguration()] * replicas,
    )
    # One strategy a process: collective operations remember the shapes of an earlier one.
    strategy = make_strategy("mirrored" if replicas > 1 else "one_device")
    assert strategy.num_replicas_in_sync == replicas
    everything = {}
    for kind in QUANTIZERS:
        everything |= {f"{kind}/{name}": value for name, value in run(kind, strategy).items()}
    np.savez(sys.argv[2], **everything)
