"""The input pipeline alone, without a model, on a dataset of noise."""

import tempfile
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from ada.data import Dataset, training_batches
from ada.data.assembly import assemble, pieces_of_part, whole_source
from ada.data.parts import part_path, write_part

BATCH_SIZE, CROP_STEPS = 8, 8192
NOISE_SECS = (600, 300, 30, 3)


def run(flags: Any) -> list[dict[str, Any]]:
    """Batches for one second each; a second of warming up does not count."""
    with tempfile.TemporaryDirectory() as directory:
        _make_noise(directory)
        dataset = Dataset.open(directory)
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


def _make_noise(directory: str) -> None:
    rng = np.random.default_rng(0)
    pieces = []
    for split, secs in zip(("train", "train", "validation", "test"), NOISE_SECS, strict=True):
        name = f"{split}{secs}"
        noise = rng.integers(-32768, 32768, secs * 16000)
        path = part_path(directory, name)
        written = write_part(path, name, [(0, noise)], record_steps=16384, dtype="int16")
        pieces += pieces_of_part(split, path, written, [whole_source(s) for s in written])
    assemble(
        directory,
        pieces,
        kind="audio",
        sample_rate=16000,
        hop_length=1,
        num_classes=None,
        dtype="int16",
        record_steps=16384,
        split_method="by hand",
    )
