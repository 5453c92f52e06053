"""The paper's models at their real width: samples a second here, and what eight GPUs would need.

The last columns are a *projection* in bfloat16, not a measurement: eight GPUs of which each does
`GPU_GMAC_PER_SECOND`, 30 % of an A100's dense bfloat16 peak (312 TFLOP/s, 156,000 GMAC/s), for the
steps and batch of the gin file, with nothing lost between them.
"""

import dataclasses
from typing import Any

from ada.config import configuration
from ada.inspection.cost import macs_an_id, training_memory
from ada.training.launch import make_trainer
from tools.benchmarks import median_secs, random_batch

GIN_FILES = ("gin/large_wavenet.gin", "gin/hop64_vqvae.gin")
GPUS = 8
GPU_GMAC_PER_SECOND = 0.3 * 156_000


def run(flags: Any) -> list[dict[str, Any]]:
    """One crop a step, in float32 and bfloat16."""
    results = []
    for gin_file in flags.gin_file or GIN_FILES:
        for precision in flags.precisions or ("float32", "mixed_bfloat16"):
            settings = configuration.load([gin_file], flags.gin_param)
            ids_in_all = settings.num_steps * settings.batch_size * settings.crop_steps
            settings = dataclasses.replace(settings, precision=precision, batch_size=1)
            trainer = make_trainer(settings)
            batch = random_batch(1, settings.crop_steps, trainer.model.num_classes)
            secs = median_secs(lambda: float(trainer.train_step(batch).losses["nll"]), flags.runs)  # noqa: B023
            macs = 3 * macs_an_id(trainer.model)
            projected = GPUS * GPU_GMAC_PER_SECOND * 1e9 / macs
            hours = ids_in_all / projected / 3600
            half = precision == "mixed_bfloat16"  # what is projected
            results.append(
                {
                    "model": gin_file,
                    "precision": precision,
                    "parameters": trainer.model.count_params(),
                    "crop_steps": settings.crop_steps,
                    "secs_per_step": round(secs, 2),
                    "samples_per_second": round(settings.crop_steps / secs),
                    "gmac_per_second": round(settings.crop_steps / secs * macs / 1e9, 1),
                    "memory_gib": round(training_memory(trainer.model, settings).total / 2**30, 2),
                    "projected_samples_per_second": round(projected) if half else "-",
                    "projected_hours": round(hours, 1) if half else "-",
                }
            )
    return results
