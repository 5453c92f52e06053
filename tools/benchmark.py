"""Benchmarks: speed against what the machine can do, measured in the same run.

    python -m tools.benchmark training
    python -m tools.benchmark generation --json=generation.json

Unset OPENBLAS_CORETYPE and similar variables first: NumPy sets the limits.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from absl import flags

from ada import commands

FLAGS = flags.FLAGS
flags.DEFINE_string("json", None, "A file to write a list of results to.")
flags.DEFINE_integer("runs", 5, "Counted runs of each figure; the median is reported.", 1)


def median_secs(function: Callable[[], Any], runs: int) -> float:
    """The median duration of a call, after one that does not count."""
    function()
    durations = []
    for _ in range(runs):
        start = time.perf_counter()
        function()
        durations.append(time.perf_counter() - start)
    return statistics.median(durations)


def benchmark_wavenet(residual_channels: int, skip_channels: int) -> Any:
    """The network of all speed figures: 30 layers, kernel 2, 256 classes."""
    from ada.models import WaveNet

    model = WaveNet(256, 3, 10, 2, residual_channels, skip_channels)
    model.build()
    return model


def training(runs: int) -> list[dict[str, Any]]:
    """A training step at T = 8192 against NumPy's large matrix products."""
    import keras
    import numpy as np
    import tensorflow as tf

    from ada.models import PolyakAverage
    from ada.training import Trainer

    big = np.random.default_rng(0).standard_normal((2048, 2048), np.float32)
    limit = 2048**3 / median_secs(lambda: big @ big, runs) / 1e9
    results = []
    for residual, skip in ((64, 128), (256, 256)):
        model = benchmark_wavenet(residual, skip)
        optimizer, strategy = keras.optimizers.Adam(), tf.distribute.get_strategy()
        trainer = Trainer(model, optimizer, PolyakAverage(model), strategy)
        steps = 8192 if residual == 64 else 4096
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


def generation(runs: int) -> list[dict[str, Any]]:
    """Sampling against reading the weights once a step: NumPy products of the same matrices."""
    import os

    import numpy as np
    import tensorflow as tf

    from ada.generation import BlockSampler
    from ada.generation.level import BLOCK_STEPS

    results = []
    for residual, skip in ((64, 128), (128, 256)):
        model = benchmark_wavenet(residual, skip)
        matrices = [w.numpy() for w in model.weights if len(w.shape) > 1 and "table" not in w.path]
        matrices = [m.reshape(-1, m.shape[-1]) for m in matrices]
        vectors = [np.ones(len(m), np.float32) for m in matrices]

        def read_weights(vectors: list = vectors, matrices: list = matrices) -> None:
            for _ in range(100):
                for vector, matrix in zip(vectors, matrices, strict=True):
                    vector @ matrix

        limit = 100 / median_secs(read_weights, runs)
        for streams, lanes in ((1, 1), (os.cpu_count(), 1), (16, 1), (16, 16)):
            sampler = BlockSampler(model, lanes, BLOCK_STEPS)
            noise = tf.random.stateless_uniform([lanes, BLOCK_STEPS], [0, 0])

            def one_group(_: int, sampler: Any = sampler, noise: Any = noise) -> Any:
                return sampler(sampler.initial_state(), noise)[1].numpy()

            # As `generate_level` does it: groups of lanes, on as many threads as processors.
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                groups = range(streams // lanes)
                secs = median_secs(lambda: list(pool.map(one_group, groups)), runs)  # noqa: B023
            rate = streams * BLOCK_STEPS / secs
            results.append(
                {
                    "residual_channels": residual,
                    "skip_channels": skip,
                    "streams": streams,
                    "lanes": lanes,
                    "path": "xla",
                    "samples_per_second": round(rate),
                    "limit_samples_per_second": round(limit),
                    "share_of_limit": round(rate / limit, 3),
                }
            )
    return results


BENCHMARKS = {"training": training, "generation": generation}


def main(argv: list[str]) -> None:
    """Runs the command."""
    results = BENCHMARKS[argv[1]](FLAGS.runs)
    columns = list(results[0])
    print("  ".join(columns))
    for result in results:
        print("  ".join(f"{result[c]!s:>{len(c)}}" for c in columns))
    if FLAGS.json:
        with open(FLAGS.json, "w") as file:  # noqa: PTH123
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in BENCHMARKS:
        sys.exit(f"Wrong usage: name one of {', '.join(BENCHMARKS)}.")
    commands.run(main, arguments=1)
