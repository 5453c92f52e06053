"""A training step against NumPy's large matrix products in the same run."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ada.models import PolyakAverage
from ada.training import Trainer
from tools.benchmarks import benchmark_wavenet, median_secs, sizes_of


def run(flags: Any) -> list[dict[str, Any]]:
    """Forward, backward, clipping, Adam and averaging, one crop a step."""
    runs = flags.runs
    big = np.random.default_rng(0).standard_normal((2048, 2048), np.float32)
    limit = 2048**3 / median_secs(lambda: big @ big, runs) / 1e9
    results = []
    for residual, skip in sizes_of(flags, ((64, 128), (256, 256))):
        steps = 8192 if residual <= 64 else 4096
        model = benchmark_wavenet(residual, skip)
        strategy = tf.distribute.get_strategy()
        trainer = Trainer(model, keras.optimizers.Adam(), PolyakAverage(model), strategy)
        ids = tf.random.stateless_uniform([1, steps], [0, 0], 0, 256, tf.int32)
        batch = {"ids": ids, "weights": tf.ones([1, steps]) / steps}
        secs = median_secs(lambda: float(trainer.train_step(batch).losses["nll"]), runs)  # noqa: B023
        # Forward, and twice as much backward: multiply-accumulates in matrix products.
        macs = 3 * 30 * (2 * residual * 2 * residual + residual * residual + residual * skip)
        macs += 3 * (skip * skip + skip * 256)
        rate = steps / secs
        results.append(
            {
                "residual_channels": residual,
                "skip_channels": skip,
                "crop_steps": steps,
                "samples_per_second": round(rate),
                "gmac_per_second": round(rate * macs / 1e9, 1),
                "limit_gmac_per_second": round(limit, 1),
                "share_of_limit": round(rate * macs / 1e9 / limit, 3),
            }
        )
    return results
