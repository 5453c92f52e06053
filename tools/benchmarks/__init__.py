"""Benchmarks, one a file: each has `run(flags) -> list of results`, a list of flat dicts."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from ada.utils.errors import UsageError


def median_secs(function: Callable[[], Any], runs: int) -> float:
    """The median duration of a call, after one that does not count."""
    function()
    durations = []
    for _ in range(runs):
        start = time.perf_counter()
        function()
        durations.append(time.perf_counter() - start)
    return statistics.median(durations)


def sizes_of(flags: Any, defaults: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """(residual channels, skip channels) from --sizes.

    Raises:
      UsageError: for what is no size.
    """
    try:
        given = [tuple(int(part) for part in size.split("x")) for size in flags.sizes]
        return [(residual, skip) for residual, skip in given] or list(defaults)
    except ValueError as error:
        raise UsageError(f"--sizes: {','.join(flags.sizes)} is not like 64x128,128x256") from error


def benchmark_wavenet(residual_channels: int, skip_channels: int) -> Any:
    """The network of all speed figures, not built: 30 layers, kernel 2, 256 classes."""
    from ada.models import WaveNet

    return WaveNet(256, 3, 10, 2, residual_channels, skip_channels)


def random_batch(batch_size: int, crop_steps: int, num_classes: int) -> dict[str, Any]:
    """A batch for a training step."""
    import tensorflow as tf

    shape = [batch_size, crop_steps]
    ids = tf.random.stateless_uniform(shape, [0, 0], 0, num_classes, tf.int32)
    return {"ids": ids, "weights": tf.fill(shape, 1.0 / (batch_size * crop_steps))}
