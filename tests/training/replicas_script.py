"""Trains by the step or by the loop, on some strategy; run by test_replicas.py.

Arguments: strategy, logical devices, micro-batches, file for all values; for the loop also run and
dataset directory.
"""

import functools
import os
import signal
import sys
from unittest import mock

import ada  # noqa: F401 - quiets TensorFlow

import keras  # isort: skip
import numpy as np  # isort: skip
import tensorflow as tf  # isort: skip

from ada.extensions import CodebookWarmup, EmaCodebook, ReplaceInputs, RestartUnusedCodes
from ada.models import (
    AutoregressiveDiscreteAutoencoder,
    Encoder,
    Modulator,
    PolyakAverage,
    WaveNet,
)
from ada.quantizers import ArgmaxQuantizer, VectorQuantizer
from ada.training import (
    Intervals,
    Optimization,
    Trainer,
    TrainingSettings,
    Workers,
    launch,
    make_strategy,
    train,
)
from ada.training.checkpoints import Checkpoints
from ada.training.loop import Loop
from ada.utils.replicas import distribute

QUANTIZERS = {
    "vq": lambda: VectorQuantizer(16, 8),
    "vq_ema": lambda: VectorQuantizer(16, 8),
    "amae": lambda: ArgmaxQuantizer(16, diversity_weight=100.0),
}
HOOKS = {
    "vq": lambda: [RestartUnusedCodes(2), ReplaceInputs(0.2)],
    "vq_ema": lambda: [EmaCodebook(0.9), RestartUnusedCodes(2), ReplaceInputs(0.2)],
    "amae": lambda: [ReplaceInputs(0.2)],
}


def run(kind: str, strategy: tf.distribute.Strategy, micro_batches: int) -> dict:
    """Five steps, with clipping active, restarts, replaced inputs and padding in the batch."""
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = AutoregressiveDiscreteAutoencoder(
            Encoder(4, 16, 16, (1,), input_channels=8),
            QUANTIZERS[kind](),
            Modulator(16, (1,)),
            WaveNet(16, 1, 2, 2, 8, 16, 16),
        )
        model.build()
        model.recompute_layers(micro_batches - 1)
        hooks = HOOKS[kind]()
        for hook in hooks:
            hook.build(model)
        polyak = PolyakAverage(model, 0.9)
        optimizer = keras.optimizers.Adam(1e-3)
    trainer = Trainer(
        model,
        optimizer,
        polyak,
        strategy,
        clip_norm=0.1,
        jit_compile=kind == "vq",
        seed=3,
        accumulation_steps=micro_batches,
        hooks=hooks,
    )
    rng = np.random.default_rng(1)
    ids = rng.integers(0, 16, size=(5, 4, 32)).astype(np.int32)
    weights = np.ones(ids.shape, np.float32)
    weights[:, 3, 20:] = 0.0
    weights /= weights[0].sum()

    def batches(slice_index: int, num_slices: int) -> tf.data.Dataset:
        rows = slice(slice_index * 4 // num_slices, (slice_index + 1) * 4 // num_slices)
        slices = {"ids": ids[:, rows], "weights": weights[:, rows]}
        options = tf.data.Options()
        off = tf.data.experimental.AutoShardPolicy.OFF
        options.experimental_distribute.auto_shard_policy = off
        return tf.data.Dataset.from_tensor_slices(slices).with_options(options)

    result = {}
    before = model.quantizer.codebook.numpy() if kind != "amae" else None
    for step, batch in enumerate(distribute(batches, strategy, 4)):
        outcome = trainer.train_step(batch)
        for name, value in (outcome.losses | outcome.metrics).items():
            result[f"step{step}/{name}"] = value.numpy()
    result |= {f"weight/{w.path}": w.numpy() for w in model.weights}
    if kind != "amae":
        # A gradient step moves a code by 1e-3 or so; a restart puts it elsewhere.
        moved = np.abs(model.quantizer.codebook.numpy() - before).max(-1)
        result["replaced"] = moved > 0.05
    use = trainer.code_use
    result |= {"last_used": use.last_used.numpy(), "restarts": use.restarts.numpy()}
    result["share"] = use.share.numpy()
    result |= {f"polyak/{i}": a.numpy() for i, a in enumerate(polyak.averages)}
    return result


def run_loop(workers: Workers, micro_batches: int, run_dir: str, data_dir: str) -> dict:
    """The whole loop: warm-up, codebook from data, restarts, validation, checkpoints.

    On anything but one device with whole batches it is interrupted and goes on.
    """
    resumed = workers.strategy.num_replicas_in_sync * micro_batches > 1

    def model() -> AutoregressiveDiscreteAutoencoder:
        return AutoregressiveDiscreteAutoencoder(
            Encoder(4, 4, 8, (1,), input_channels=4, ordinal_classes=False),
            VectorQuantizer(8, 4),
            Modulator(8, (1,)),
            WaveNet(4, 1, 2, 2, 8, 8, 8, ordinal_classes=False),
        )

    settings = TrainingSettings(
        model=model,
        num_steps=6,
        batch_size=4,
        crop_steps=64,
        kind="codes",
        accumulation_steps=micro_batches,
        recompute_layers=micro_batches - 1,
        optimization=Optimization(1e-2, clip_norm=0.05),
        intervals=Intervals(log=1, validate=3, save=3),
        hooks=(
            lambda: CodebookWarmup(2),
            lambda: RestartUnusedCodes(2),
            lambda: ReplaceInputs(0.2),
        ),
    )
    made = []

    class Kept(Checkpoints):
        def __init__(self, directory: str, trainer: Trainer, *args) -> None:
            super().__init__(directory, trainer, *args)
            self.trainer = trainer
            made.append(self)

    with mock.patch.object(launch, "Checkpoints", Kept):
        if resumed:
            with mock.patch.object(Loop, "run_on", functools.partialmethod(Loop.run_on, 3)):
                train(settings, run_dir, data_dir, workers=workers)
        train(settings, run_dir, data_dir, workers=workers)
        # Complete: takes the checkpoint and leaves it alone.
        train(settings, run_dir, data_dir, workers=workers)
    made_one = made[-1].trainer.quantizer.is_active
    assert made_one, "the codebook must have been made"
    # This process's own, not those that the first one saved.
    before, after = ([v.numpy() for v in checkpoints.variables] for checkpoints in made[-2:])
    for value, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(value, other)
    return {f"loop/{i}": value for i, value in enumerate(after)}


if __name__ == "__main__":
    strategy_name, devices, micro_batches, out = (
        *sys.argv[1:2],
        *map(int, sys.argv[2:4]),
        sys.argv[4],
    )
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0],
        [tf.config.LogicalDeviceConfiguration()] * devices,
    )
    heard = []
    signal.signal(signal.SIGTERM, lambda *_: heard.append("SIGTERM"))
    workers = Workers(make_strategy(strategy_name))
    # TensorFlow must not have taken it over.
    os.kill(os.getpid(), signal.SIGTERM)
    assert heard == ["SIGTERM"]
    everything = {}
    # One strategy a process: collective operations remember the shapes of an earlier one.
    if len(sys.argv) > 5:
        everything = run_loop(workers, micro_batches, *sys.argv[5:])
    else:
        assert workers.strategy.num_replicas_in_sync == devices * workers.count
        for kind in QUANTIZERS:
            values = run(kind, workers.strategy, micro_batches)
            everything |= {f"{kind}/{name}": value for name, value in values.items()}
    np.savez(out, **everything)
