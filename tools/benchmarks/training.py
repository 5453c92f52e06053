"""A training step by precision, formulation and compiler; the share of NumPy's matrix products.

What ada chooses by itself (`chosen`) is `ada.training.distributed.strategies.compiled_by_xla` and
`ada.layers.convolution.can_dilate`, which follow this table.
"""

import dataclasses
import itertools
from typing import Any
from unittest import mock

import numpy as np

from ada.inspection.cost import macs_an_id
from ada.layers import convolution
from ada.training import TrainingSettings
from ada.training.distributed.strategies import compiled_by_xla
from ada.training.launch import make_trainer
from ada.training.settings import PRECISIONS
from tools.benchmarks import benchmark_wavenet, median_secs, random_batch, sizes_of

PATHS = {"XLA": True, "TensorFlow": False}
FORMULATIONS = ("convolution", "product")


def run(flags: Any) -> list[dict[str, Any]]:
    """Forward, backward, clipping, Adam and averaging, one crop a step."""
    big = np.random.default_rng(0).standard_normal((2048, 2048), np.float32)
    limit = 2048**3 / median_secs(lambda: big @ big, flags.runs) / 1e9
    dilates = {p: convolution.can_dilate(p.removeprefix("mixed_")) for p in PRECISIONS}
    results = []
    for (residual, skip), precision, path, formulation in itertools.product(
        sizes_of(flags, ((32, 128), (64, 128), (128, 256), (256, 256))),
        flags.precisions or PRECISIONS[:2],
        PATHS,
        FORMULATIONS,
    ):
        if formulation == "convolution" and not dilates[precision] and path != "XLA":
            continue
        steps = 8192 if residual <= 64 else 4096
        settings = TrainingSettings(
            model=lambda: benchmark_wavenet(residual, skip),  # noqa: B023
            num_steps=1000,
            batch_size=1,
            crop_steps=steps,
            precision=precision,
        )
        with mock.patch.object(
            convolution,
            "can_dilate",
            lambda dtype: formulation == "convolution",  # noqa: B023
        ):
            secs, chosen, macs = _measure(settings, PATHS[path], flags.runs)
        chosen = chosen == PATHS[path] and dilates[precision] == (formulation == "convolution")
        results.append(
            {
                "residual_channels": residual,
                "skip_channels": skip,
                "crop_steps": steps,
                "precision": precision,
                "path": path,
                "formulation": formulation,
                "chosen": "yes" if chosen else "no",
                "samples_per_second": round(steps / secs),
                "gmac_per_second": round(3 * steps / secs * macs / 1e9, 1),
                "limit_gmac_per_second": round(limit, 1),
            }
        )
    return results


def _measure(settings: TrainingSettings, xla: bool, runs: int) -> tuple[float, bool, float]:
    """Seconds of a step; whether XLA is what ada would choose; multiplications of an id."""
    trainer = make_trainer(dataclasses.replace(settings, jit_compile=xla))
    chosen = compiled_by_xla(settings, trainer.strategy)
    batch = random_batch(1, settings.crop_steps, trainer.model.num_classes)
    secs = median_secs(lambda: float(trainer.train_step(batch).losses["nll"]), runs)
    return secs, chosen, macs_an_id(trainer.model)
