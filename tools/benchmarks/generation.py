"""Sampling: one WaveNet against reading its weights once a step, and a chain of three levels.

The limit is NumPy's: products of a vector and the same matrices, on one core.

What was tried for one stream of 64 x 128, on two cores of a server processor (steps a second, of
runs minutes apart on a machine that varies by a third):

    2,400   TensorFlow's graph, not compiled
    5,000   the prototype: XLA, a ring buffer for each layer
    7,800   one ring buffer for all layers: one gather before a step, one scatter after it; W_s of
            all layers in one product (10,000 to 11,400 on a good day). XLA's products of one vector
            reach a part of what the caches deliver, and its batched ones repack their weights
            at every call: 16 batch_size in one executable are no faster than 16 single ones on two
            threads, which is why each sequence is a call there.
    16,500  the loop in C (`ada/generation/kernel.c`): outputs stay in registers while the weights
            stream by, once for up to four sequences (up to 22,000 on a good day)
    -7 %    the same with weights that do not begin at a cache line
    x 1.6   weights in bfloat16, half the bytes (128 x 256: 1.8, 256 x 256: 2.9); with 16 streams
            of 64 x 128, where arithmetic is the limit, 1.03
    -4 %    blocks of 512 ids instead of 2048: streams begin and go on from smaller pieces

Not tried: one stream on two cores, and XLA with weights in bfloat16.
"""

import os
import statistics
from typing import Any

import numpy as np

from ada.config import bindings, configuration
from ada.generation import Level, SamplingConfig, Stream, native
from ada.generation.backends import default_batch_size
from ada.generation.lengths import CodeGeometry, level_lengths
from tools.benchmarks import benchmark_wavenet, median_secs, sizes_of

WAVENET_STEPS = 4096
CHAIN, CHAIN_SECS = ("gin/systems/vqvae_amae.gin", "gin/tiny.gin"), 10.0
SAMPLE_RATE = 16000
HALF = "_bfloat16"


def run(flags: Any) -> list[dict[str, Any]]:
    """One stream, as many as processors, and 16; "batch_size" are computed side by side."""
    runs, results = flags.runs, []
    for residual, skip in sizes_of(flags, ((64, 128), (128, 256))):
        model = benchmark_wavenet(residual, skip)
        model.build()
        limit = _weight_reads_per_sec(model, runs)
        processors = os.cpu_count() or 1
        cases = [("xla", 1, 1), ("xla", processors, 1), ("xla", 16, 1), ("xla", 16, 16)]
        for path in _native_paths([model]):
            cases += [(path, n, default_batch_size("native", n)) for n in (1, processors, 16)]
        for path, streams, batch_size in cases:
            [level] = _levels([model], path, batch_size)
            level.compile()
            secs = statistics.median(
                _drawn(Stream([level], [WAVENET_STEPS], streams)).seconds for _ in range(runs)
            )
            rate = streams * WAVENET_STEPS / secs
            sizes = {"residual_channels": residual, "skip_channels": skip}
            results.append(_row("30 layers", sizes, path, streams, batch_size, rate, limit, secs))
    return results + _chain(runs)


def _chain(runs: int) -> list[dict[str, Any]]:
    """Ten seconds of one clip from all levels together, and how long each took of it."""
    models = _chain_models()
    limits = [_weight_reads_per_sec(model.local_model, runs) for model in models]
    results = []
    for path in ("xla", *_native_paths(models)):
        # Weights are as initialised: they cost what trained ones cost.
        levels = _levels(models, path, 1)
        decoders = [CodeGeometry.of(model) for model in models[1:]]
        lengths = level_lengths(round(CHAIN_SECS * SAMPLE_RATE), decoders)
        streams = [_drawn(Stream(levels, lengths, 1)) for _ in range(runs)]
        for number, (model, steps) in enumerate(zip(models, lengths, strict=True)):
            secs = statistics.median(stream.level_seconds[number] for stream in streams)
            local = model.local_model
            sizes = {
                "residual_channels": local.residual_channels,
                "skip_channels": local.skip_channels,
            }
            limit = limits[number]
            what = f"chain, level {len(models) - 1 - number}"
            results.append(_row(what, sizes, path, 1, 1, steps / secs, limit, secs, CHAIN_SECS))
        secs = statistics.median(stream.seconds for stream in streams)
        rate = lengths[-1] / secs
        # All together are as fast as their bottom level at most.
        results.append(_row("chain", sizes, path, 1, 1, rate, limit, secs, CHAIN_SECS))
    return results


def _chain_models() -> list[Any]:
    """The models of the tiny three-level chain, top first."""
    models = []
    for name in bindings.load_system(CHAIN[0]):
        files = [f"gin/{name}.gin", *CHAIN[1:]]
        models.append(configuration.load(files, configuration.params_for(files, [])).model())
        models[-1].build()
    return models[::-1]


def _native_paths(models: list[Any]) -> list[str]:
    if not native.AVAILABLE:
        return []
    half = all(native.fits_half(model.local_model) for model in models)
    return ["native", f"native{HALF}"] if half else ["native"]


def _levels(models: list[Any], path: str, batch_size: int) -> list[Level]:
    options = {"backend": path.removesuffix(HALF), "batch_size": batch_size}
    if path.endswith(HALF):
        options["weights"] = "bfloat16"
    top = len(models) - 1
    return [
        Level(model, SamplingConfig(), index=top - n, **options) for n, model in enumerate(models)
    ]


def _drawn(stream: Stream) -> Stream:
    """A stream after its last block."""
    for _ in stream:
        pass
    return stream


def _row(
    what: str,
    sizes: dict[str, int],
    path: str,
    streams: int,
    batch_size: int,
    rate: float,
    limit: float,
    secs: float,
    audio_secs: float | None = None,
) -> dict[str, Any]:
    if audio_secs is None:
        audio_secs = rate * secs / SAMPLE_RATE
    return {
        "what": what,
        **sizes,
        "streams": streams,
        "batch_size": batch_size,
        "path": path,
        "samples_per_second": round(rate),
        "limit_samples_per_second": round(limit),
        "share_of_limit": round(rate / limit, 3),
        "seconds": round(secs, 3),
        "real_time_factor": round(audio_secs / secs, 3),
    }


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
