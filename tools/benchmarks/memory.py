"""Peak memory and time of training steps against crop, precision and what saves memory.

Every row is a fresh process (`tools.fields.memory`); the estimate is `ada.describe`'s. Needs Linux.
"""

import itertools
import json
import subprocess
import sys
from typing import Any

from ada.utils.errors import UserError
from ada.utils.progress import progress_bar

# Of each: gin file, residual and skip channels, crop.
MODELS = (
    ("large_wavenet", 64, 128, 8192),
    ("large_wavenet", 64, 128, 32768),
    ("large_wavenet", 256, 256, 8192),
    ("very_large_wavenet", 64, 128, 16384),
    ("hop64_vqvae", 64, 128, 16384),
    ("hop8_vqvae", 128, 256, 8192),
)
PRECISIONS = ("float32", "mixed_bfloat16")
# Crops in a step, RECOMPUTE_LAYERS, ACCUMULATION_STEPS.
WAYS = ((1, 0, 1), (1, 3, 1), (2, 0, 1), (2, 0, 2))


def run(flags: Any) -> list[dict[str, Any]]:
    """A row for every model, precision and way to save memory."""
    models = MODELS
    if flags.sizes:
        sizes = [tuple(map(int, size.split("x"))) for size in flags.sizes]
        models = [("large_wavenet", *size, 8192) for size in sizes]
    rows = list(itertools.product(models, flags.precisions or PRECISIONS, WAYS))
    results = []
    for (name, residual, skip, crop), precision, (batch, layers, parts) in progress_bar(
        rows, desc="measuring", unit="process"
    ):
        command = [sys.executable, "-m", "tools.fields.memory", f"--gin_file=gin/{name}.gin"]
        bindings = (
            f"PRECISION='{precision}'",
            f"RECOMPUTE_LAYERS={layers}",
            f"ACCUMULATION_STEPS={parts}",
            f"RESIDUAL_CHANNELS={residual}",
            f"SKIP_CHANNELS={skip}",
            "train.allow_short_crops=True",
        )
        command += [f"--gin_param={binding}" for binding in bindings]
        command += [f"--crop_steps={crop}", f"--batch_size={batch}", f"--train_steps={flags.runs}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise UserError(f"{name}, {precision}: {done.stderr.strip().splitlines()[-1]}")
        found = json.loads(done.stdout.strip().splitlines()[-1])
        results.append(
            {
                "model": f"{name} {residual}x{skip}",
                "batch": f"{batch}x{crop}",
                "precision": precision,
                "recompute_layers": layers,
                "accumulation_steps": parts,
                "measured_mib": round(found["bytes"] / 2**20),
                "estimated_mib": round(found["estimated_bytes"] / 2**20),
                "estimated_over_measured": round(found["estimated_bytes"] / found["bytes"], 2),
                "secs_per_step": round(found["secs"], 2),
            }
        )
    return results
