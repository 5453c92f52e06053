"""Sampling against reading the weights once a step: NumPy products of the same matrices."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import tensorflow as tf

from ada.generation import make_sampler, native
from ada.generation.backends import default_lanes
from ada.generation.level import BLOCK_STEPS
from tools.benchmarks import benchmark_wavenet, median_secs, sizes_of


def run(flags: Any) -> list[dict[str, Any]]:
    """One stream, as many as processors, and 16; "lanes" are computed side by side."""
    runs, results = flags.runs, []
    for residual, skip in sizes_of(flags, ((64, 128), (128, 256))):
        model = benchmark_wavenet(residual, skip)
        limit = _weight_reads_per_sec(model, runs)
        processors = os.cpu_count() or 1
        cases = [("xla", 1, 1), ("xla", processors, 1), ("xla", 16, 1), ("xla", 16, 16)]
        if native.AVAILABLE:
            cases += [("native", n, default_lanes("native", n)) for n in (1, processors, 16)]
        for path, streams, lanes in cases:
            sampler = make_sampler(model, lanes, BLOCK_STEPS, backend=path)
            noise = tf.random.stateless_uniform([lanes, BLOCK_STEPS], [0, 0])

            def one_group(_: int, sampler: Any = sampler, noise: Any = noise) -> Any:
                return np.asarray(sampler(sampler.initial_state(), noise)[1])

            # As `generate_level` does it: groups of lanes, on as many threads as processors.
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                groups = range(-(-streams // lanes))
                secs = median_secs(lambda: list(pool.map(one_group, groups)), runs)  # noqa: B023
            rate = streams * BLOCK_STEPS / secs
            results.append(
                {
                    "residual_channels": residual,
                    "skip_channels": skip,
                    "streams": streams,
                    "lanes": lanes,
                    "path": path,
                    "samples_per_second": round(rate),
                    "limit_samples_per_second": round(limit),
                    "share_of_limit": round(rate / limit, 3),
                }
            )
    return results


def _weight_reads_per_sec(model: Any, runs: int) -> float:
    """How often a second NumPy multiplies a vector by every matrix of the network."""
    matrices = [w.numpy() for w in model.weights if len(w.shape) > 1 and "table" not in w.path]
    matrices = [m.reshape(-1, m.shape[-1]) for m in matrices]
    vectors = [np.ones(len(m), np.float32) for m in matrices]

    def read_weights() -> None:
        for _ in range(100):
            for vector, matrix in zip(vectors, matrices, strict=True):
                vector @ matrix

    return 100 / median_secs(read_weights, runs)
