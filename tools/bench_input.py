"""Measures the input pipeline alone, without a model.

    python -m tools.bench_input --json=bench_input.json

Without --data_dir it makes a dataset of noise in a temporary directory first.
"""

import json
import tempfile
import time
from pathlib import Path

from absl import flags

from ada import commands

FLAGS = flags.FLAGS
flags.DEFINE_string("data_dir", None, "Dataset to read; noise in a temporary one by default.")
flags.DEFINE_integer("batch_size", 8, "Crops in a batch.", lower_bound=1)
flags.DEFINE_integer("crop_steps", 8192, "Steps in a crop.", lower_bound=1)
flags.DEFINE_float("secs", 5.0, "How long to measure, after one second of warming up.", 0.1)
flags.DEFINE_string("json", None, "File for the figures.")

_NOISE_SECS = (600, 300, 30, 3)


def main(argv: list[str]) -> None:
    """Measures, prints, and writes the figures."""
    del argv
    from ada.data import Dataset, training_batches

    with tempfile.TemporaryDirectory() as directory:
        if not FLAGS.data_dir:
            _make_noise(directory)
        dataset = Dataset.open(FLAGS.data_dir or directory)
        batches = training_batches(
            dataset, batch_size=FLAGS.batch_size, crop_steps=FLAGS.crop_steps, seed=0
        )
        iterator = iter(batches)
        _consume(iterator, 1.0)
        cpu = time.process_time()
        num_batches, wall_secs = _consume(iterator, FLAGS.secs)
        cpu = time.process_time() - cpu
    figures = {
        "kind": dataset.spec.kind,
        "batch_size": FLAGS.batch_size,
        "crop_steps": FLAGS.crop_steps,
        "batches_per_sec": num_batches / wall_secs,
        "steps_per_sec": num_batches * FLAGS.batch_size * FLAGS.crop_steps / wall_secs,
        "steps_per_cpu_sec": num_batches * FLAGS.batch_size * FLAGS.crop_steps / cpu,
        "cpu_utilisation": cpu / wall_secs,
    }
    print(
        f"{figures['steps_per_sec'] / 1e6:.1f} million steps/s, "
        f"{figures['batches_per_sec']:.0f} batches/s of {FLAGS.batch_size} x {FLAGS.crop_steps}; "
        f"{figures['steps_per_cpu_sec'] / 1e6:.1f} million steps per second of one core"
    )
    if FLAGS.json:
        Path(FLAGS.json).write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def _consume(iterator: object, secs: float) -> tuple[int, float]:
    start, number = time.perf_counter(), 0
    while time.perf_counter() - start < secs:
        next(iterator)
        number += 1
    return number, time.perf_counter() - start


def _make_noise(directory: str) -> None:
    import numpy as np

    from ada.data.assembly import assemble, pieces_of_part, whole_source
    from ada.data.parts import part_path, write_part

    rng = np.random.default_rng(0)
    pieces = []
    for split, secs in zip(("train", "train", "validation", "test"), _NOISE_SECS, strict=True):
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


if __name__ == "__main__":
    commands.run(main)
