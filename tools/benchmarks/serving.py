"""Servables: how long a request takes, of every signature, with and without XLA.

One item a request; models as initialised, which cost what trained ones cost. What the server adds,
and the way there and back, is not in it: the graph is run as `tf.saved_model.load` loads it.
"""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ada.config import bindings, configuration
from ada.generation import SamplingConfig
from ada.runs.info import RunInfo
from ada.serving.exporting import save
from ada.serving.servable import Servable
from ada.serving.signatures import trace
from tools.benchmarks import benchmark_wavenet, median_secs, sizes_of

CHAIN = ("gin/systems/hop64_vqvae.gin", "gin/tiny.gin")
SAMPLE_RATE = 16000
# What is scored and encoded, and what is drawn, in samples.
GIVEN, DRAWN = 16000, 1600


def run(flags: Any) -> list[dict[str, Any]]:
    """A row for every model, kind of loop and signature."""
    results = []
    for name, models in _models(flags):
        info = RunInfo("audio", SAMPLE_RATE, 1, models[-1].num_classes, "mu_law", "", "")
        for xla in (False, True):
            servable = Servable(models, info, [SamplingConfig()] * len(models), xla)
            with tempfile.TemporaryDirectory() as directory:
                save(Path(directory), trace(servable))
                files = [path.stat().st_size for path in Path(directory).rglob("*.*")]
                signatures = tf.saved_model.load(directory).signatures
                what = {
                    "model": name,
                    "loops": "xla" if xla else "graph",
                    "megabytes": round(sum(files) / 1e6, 1),
                }
                results += [what | row for row in _rows(signatures, servable, flags.runs)]
    return results


def _models(flags: Any) -> Iterator[tuple[str, list[Any]]]:
    """Models by name, top first."""
    for residual, skip in sizes_of(flags, ((64, 128),)):
        model = benchmark_wavenet(residual, skip)
        model.build()
        yield f"30 layers {residual}x{skip}", [model]
    if flags.sizes:
        return
    models = []
    for name in bindings.load_system(CHAIN[0]):
        files = [f"gin/{name}.gin", *CHAIN[1:]]
        models.append(configuration.load(files, configuration.params_for(files, [])).model())
        models[-1].build()
    yield "hop64 tiny", models[::-1]


def _rows(signatures: dict[str, Any], servable: Servable, runs: int) -> Iterator[dict[str, Any]]:
    item = {"items": tf.constant([0])}
    how = item | {"seed": tf.constant(0, tf.int64), "temperature": tf.constant(1.0)}
    audio = tf.constant(np.random.default_rng(0).uniform(-1, 1, [1, GIVEN]), tf.float32)
    state = signatures["initial_state"](**item)
    hop = servable.models[-1].hop_length
    codes = tf.zeros([1, DRAWN // hop], tf.int32)
    cases = {
        "initial_state": (item, 0),
        "generate_block": (state | how, servable.block_steps),
        "generate": (how | {"steps": tf.constant(DRAWN)}, DRAWN),
        "continue": (how | {"steps": tf.constant(DRAWN), "prompt": audio[:, :DRAWN]}, DRAWN),
        "score": ({"audio": audio}, GIVEN),
        "encode": ({"audio": audio}, GIVEN),
        "decode": (how | {"codes": codes}, DRAWN),
        "reconstruct": (how | {"audio": audio[:, :DRAWN]}, DRAWN),
    }
    for name, (inputs, samples) in cases.items():
        if name not in signatures:
            continue
        call = lambda: [x.numpy() for x in signatures[name](**inputs).values()]  # noqa: B023, E731
        began = time.perf_counter()
        call()
        first = time.perf_counter() - began
        secs = median_secs(call, runs)
        yield {
            "signature": name,
            "samples": samples,
            "first_ms": round(1000 * first, 2),
            "latency_ms": round(1000 * secs, 2),
            "samples_per_second": round(samples / secs),
        }
