"""The input pipeline alone, without a model, on a dataset of noise."""

import tempfile
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from ada.data import training_batches
from tools.benchmarks.datasets import SAMPLE_RATE, write_audio

BATCH_SIZE, CROP_STEPS = 8, 8192
NOISE_SECS = (600, 300, 30, 3)


def run(flags: Any) -> list[dict[str, Any]]:
    """Batches for one second each; a second of warming up does not count."""
    with tempfile.TemporaryDirectory() as directory:
        rng = np.random.default_rng(0)
        noise = [rng.integers(-32768, 32768, secs * SAMPLE_RATE) for secs in NOISE_SECS]
        splits = {"train": noise[:2], "validation": noise[2:3], "test": noise[3:]}
        dataset = write_audio(directory, splits)
        batches = training_batches(dataset, batch_size=BATCH_SIZE, crop_steps=CROP_STEPS, seed=0)
        iterator = iter(batches)
        _consume(iterator, 1.0)
        return [_measure(iterator) for _ in range(flags.runs)]


def _measure(iterator: Iterator) -> dict[str, Any]:
    cpu = time.process_time()
    number, wall = _consume(iterator, 1.0)
    cpu = time.process_time() - cpu
    steps = number * BATCH_SIZE * CROP_STEPS
    return {
        "batch_size": BATCH_SIZE,
        "crop_steps": CROP_STEPS,
        "batches_per_second": round(number / wall),
        "samples_per_second": round(steps / wall),
        "samples_per_cpu_second": round(steps / cpu),
    }


def _consume(iterator: Iterator, secs: float) -> tuple[int, float]:
    start, number = time.perf_counter(), 0
    while time.perf_counter() - start < secs:
        next(iterator)
        number += 1
    return number, time.perf_counter() - start
