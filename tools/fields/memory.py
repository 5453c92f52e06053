"""Peak memory and time of real training steps of one model, in a process of its own.

python -m tools.fields.memory --gin_file=gin/large_wavenet.gin --crop_steps=8192
"""

import ctypes
import dataclasses
import json
import re
import time
from pathlib import Path
from typing import Any

from absl import flags

from ada.cli import commands

FLAGS = flags.FLAGS
flags.DEFINE_string("gin_file", None, "Gin file of the model.")
flags.DEFINE_multi_string("gin_param", [], "Gin binding; may be repeated.")
flags.DEFINE_integer("crop_steps", None, "Ids in a crop.", lower_bound=1)
flags.DEFINE_integer("batch_size", 1, "Crops in a step.", lower_bound=1)
flags.DEFINE_integer("train_steps", 2, "Steps after the first, which compiles.", lower_bound=1)


def measure(
    gin_file: str, gin_params: list[str], batch_size: int, crop_steps: int, train_steps: int
) -> dict[str, float]:
    """Peak resident memory of training steps, less what was resident before the model.

    The peak is that of steps after the first: what the compiler needs for a while does not count,
    what it leaves behind (its own pages and the compiled program, about 0.2 GB) does.

    Args:
      gin_file: of the model.
      gin_params: bindings on top.
      batch_size: crops in a step.
      crop_steps: ids in a crop.
      train_steps: steps that count.

    Returns:
      "bytes", "secs" of the fastest step, and "estimated_bytes" (`cost.training_memory`).
    """
    # Here, not above: TensorFlow has to be started quietly first.
    import tensorflow as tf

    from ada.config import configuration
    from ada.inspection.cost import training_memory
    from ada.training.launch import make_trainer
    from tools.benchmarks import random_batch

    sizes = {"batch_size": batch_size, "crop_steps": crop_steps}
    settings = dataclasses.replace(configuration.load([gin_file], gin_params), **sizes)
    tf.zeros([])  # starts TensorFlow
    before = _status("VmRSS")
    trainer = make_trainer(settings)
    batch = random_batch(batch_size, crop_steps, trainer.model.num_classes)
    float(trainer.train_step(batch).losses["nll"])
    _forget_peak()
    secs = []
    for _ in range(train_steps):
        start = time.perf_counter()
        float(trainer.train_step(batch).losses["nll"])
        secs.append(time.perf_counter() - start)
    return {
        "bytes": _status("VmHWM") - before,
        "secs": min(secs),
        "estimated_bytes": training_memory(trainer.model, settings).total,
    }


def _status(name: str) -> int:
    """A line of Linux's account of this process, in bytes."""
    text = Path("/proc/self/status").read_text("utf-8")
    return int(re.search(rf"{name}:\s+(\d+) kB", text).group(1)) * 1024


def _forget_peak() -> None:
    """Gives back what is free, and lets the peak (VmHWM) start again from what is resident."""
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")


def main(argv: list[str]) -> None:
    """Runs the command."""
    del argv
    arguments: dict[str, Any] = {
        "gin_params": FLAGS.gin_param,
        "batch_size": FLAGS.batch_size,
        "crop_steps": FLAGS.crop_steps,
        "train_steps": FLAGS.train_steps,
    }
    print(json.dumps(measure(FLAGS.gin_file, **arguments)))


if __name__ == "__main__":
    flags.mark_flags_as_required(["gin_file", "crop_steps"])
    commands.run(main)
